"""Signing in: right, wrong, too often, and what a session is worth afterwards."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import replace

import pytest

from cti.web.limiter import AttemptLimiter
from cti.web.passwords import Passwords
from cti.web.signin import token_hash
from tests.cti.web.conftest import LINA, PASSWORD, Site

pytestmark = pytest.mark.contract


async def test_sign_in_who_am_i_sign_out(site: Site) -> None:
    csrf = await site.sign_in()
    who = await (await site.client.get("/api/v1/session")).json()
    assert (who["login"], who["name"], who["role"], who["csrf"]) == ("lina", "李娜", "agent", csrf)
    assert "unmask_numbers" not in who["permissions"]

    gone = await site.client.delete("/api/v1/session", headers={"X-CSRF-Token": csrf})
    assert gone.status == 204
    assert site.sessions.by_hash == {}
    assert (await site.client.get("/api/v1/session")).status == 401


async def test_cookie_is_closed_to_scripts_and_foreign_pages(site: Site) -> None:
    body = {"login": "lina", "password": PASSWORD}
    response = await site.client.post("/api/v1/session", json=body)
    cookie = response.cookies["rd_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert not cookie["secure"]
    assert len(cookie.value) >= 43  # 256 bits in base64
    assert list(site.sessions.by_hash) == [token_hash(cookie.value)]

    origin = {"Origin": "https://desk.example.com"}
    behind_tls = await site.client.post("/api/v1/session", json=body, headers=origin)
    assert behind_tls.cookies["rd_session"]["secure"]


@pytest.mark.parametrize(
    ("login", "password"), [("lina", "wrong"), ("nobody", PASSWORD), ("' OR 1=1 --", "x")]
)
async def test_wrong_credentials_get_one_answer(site: Site, login: str, password: str) -> None:
    body = {"login": login, "password": password}
    response = await site.client.post("/api/v1/session", json=body)
    assert response.status == 401
    assert await response.json() == {
        "error": {"id": "wrong_credentials", "message": "Login or password is wrong."}
    }
    assert "Set-Cookie" not in response.headers
    assert site.noted == ["sign_in_refused"]


async def test_deactivated_person_is_refused_and_put_out(site: Site) -> None:
    await site.sign_in()
    await site.accounts.save(replace(LINA, is_active=False))
    assert (await site.client.get("/api/v1/session")).status == 401
    body = {"login": "lina", "password": PASSWORD}
    assert (await site.client.post("/api/v1/session", json=body)).status == 401


async def test_unknown_login_takes_as_long_as_a_known_one(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)

    async def took(hashed: str | None) -> float:
        begin = time.thread_time() + time.perf_counter()
        assert not await passwords.matches(hashed, "wrong")
        return time.thread_time() + time.perf_counter() - begin

    # Interleaved, so that a busy machine is busy for both.
    pairs = [(await took(stored), await took(None)) for _ in range(7)]
    ratio = statistics.median(known / unknown for known, unknown in pairs)
    assert 0.4 < ratio < 2.5  # without the stand-in hash it is above 100


async def test_event_loop_goes_on_while_hashing(passwords: Passwords) -> None:
    work = asyncio.create_task(passwords.hash(PASSWORD))
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    assert (await work).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_too_many_attempts_wait_longer_each_time(site: Site) -> None:
    body = {"login": "lina", "password": "wrong"}
    for _ in range(5):
        assert (await site.client.post("/api/v1/session", json=body)).status == 401
    refused = await site.client.post("/api/v1/session", json={**body, "password": PASSWORD})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) == 2

    other = {"login": "boss", "password": PASSWORD}
    assert (await site.client.post("/api/v1/session", json=other)).status == 200

    site.clock.advance(2)
    await site.sign_in()


async def test_expired_session_asks_to_sign_in_again(site: Site) -> None:
    await site.sign_in()
    site.clock.advance(11 * 3600)
    assert (await site.client.get("/api/v1/session")).status == 200  # used: lives on
    site.clock.advance(11 * 3600)
    assert (await site.client.get("/api/v1/session")).status == 200
    site.clock.advance(12 * 3600 + 1)
    answer = await site.client.get("/api/v1/session")
    assert answer.status == 401
    assert (await answer.json())["error"]["id"] == "not_signed_in"
    assert site.sessions.by_hash == {}


async def test_a_session_ends_after_a_week_however_busy(site: Site) -> None:
    await site.sign_in()
    for _ in range(14):
        site.clock.advance(11.9 * 3600)
        assert (await site.client.get("/api/v1/session")).status == 200
    site.clock.advance(3 * 3600)
    assert (await site.client.get("/api/v1/session")).status == 401


async def test_signing_in_makes_a_new_session_and_ends_the_old(site: Site) -> None:
    await site.sign_in()
    (first,) = site.sessions.by_hash
    ended: list[str] = []
    forget = site.desk.on_end(ended.append)
    await site.sign_in("boss")
    assert list(site.sessions.by_hash) != [first]
    assert len(site.sessions.by_hash) == 1
    assert ended == [first]
    forget()


async def test_a_token_that_somebody_prepared_is_not_taken_over(site: Site) -> None:
    site.client.session.cookie_jar.update_cookies({"rd_session": "prepared"})
    await site.sign_in()
    assert token_hash("prepared") not in site.sessions.by_hash


def test_limiter_forgets_the_longest_untouched() -> None:
    limiter = AttemptLimiter(free_attempts=1)
    for n in range(10_050):
        limiter.failed(str(n), now=0.0)
    assert limiter.wait_time("0", now=0.0) == 0
    assert limiter.wait_time("10049", now=0.0) == 1
    limiter.failed("10049", now=1.0)
    assert limiter.wait_time("10049", now=1.0) == 2


async def test_while_the_database_is_away_nobody_is_put_out_and_the_refusal_says_why(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.sign_in()
    (hashed,) = site.sessions.by_hash

    async def away(_hashed: str) -> None:
        raise OSError("no database")

    monkeypatch.setattr(site.sessions, "find", away)
    assert await site.desk.is_alive(hashed)
    response = await site.client.get("/api/v1/session")
    assert response.status == 503
    assert (await response.json())["error"]["id"] == "storage_unavailable"
    monkeypatch.undo()
    assert (await site.client.get("/api/v1/session")).status == 200
    await site.desk.sign_out(hashed)
    assert not await site.desk.is_alive(hashed)
