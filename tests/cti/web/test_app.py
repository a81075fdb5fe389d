"""The application's edge: rules, Origin, CSRF, shapes, sizes, headers, pages."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from cti.clock import SystemClock
from cti.domain.people import Permission
from cti.web import routing
from cti.web.access import RULES, Tokens
from cti.web.app import WebParts, WebServer, build_app
from cti.web.door import Door
from cti.web.routing import Route, signed_in
from cti.web.security import OriginRule
from tests.cti.web.conftest import Site

pytestmark = pytest.mark.contract

ECHO = "/api/v1/echo"


async def _error(response: Any) -> tuple[int, str]:
    return response.status, (await response.json())["error"]["id"]


async def test_every_address_has_a_rule(site: Site) -> None:
    routes = list(site.app.router.routes())
    assert routes
    assert [r for r in routes if r not in site.app[RULES]] == []


async def test_an_address_without_a_rule_is_closed(site: Site) -> None:
    csrf = await site.sign_in()
    rules = site.app[RULES]
    (route,) = [r for r in rules if r.resource and r.resource.canonical == ECHO]
    del rules[route]
    response = await site.client.post(ECHO, json={"text": "x"}, headers={"X-CSRF-Token": csrf})
    assert await _error(response) == (403, "no_rule")


async def test_a_change_needs_session_csrf_and_permission(site: Site) -> None:
    body = {"text": "hello"}
    assert await _error(await site.client.post(ECHO, json=body)) == (401, "not_signed_in")
    csrf = await site.sign_in()
    assert await _error(await site.client.post(ECHO, json=body)) == (403, "csrf")
    wrong = {"X-CSRF-Token": csrf[:-1] + "é"}
    assert await _error(await site.client.post(ECHO, json=body, headers=wrong)) == (403, "csrf")
    right = {"X-CSRF-Token": csrf}
    assert (await site.client.post(ECHO, json=body, headers=right)).status == 200
    team = await site.client.post("/api/v1/team/a", json=body, headers=right)
    assert await _error(team) == (403, "not_allowed")
    boss = {"X-CSRF-Token": await site.sign_in("boss")}
    assert (await site.client.post("/api/v1/team/a", json=body, headers=boss)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://evil.example:80", "Host": "evil.example:80"},  # DNS rebinding
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_foreign_pages_are_refused(site: Site, headers: dict[str, str]) -> None:
    csrf = await site.sign_in()
    headers = {**headers, "X-CSRF-Token": csrf}
    response = await site.client.post(ECHO, json={"text": "x"}, headers=headers)
    assert await _error(response) == (403, "foreign_origin")
    assert "foreign_origin" in site.noted


@pytest.mark.parametrize(
    ("origin", "host", "is_ours"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://localhost:8081", "localhost:8080", False),
        ("https://desk.example.com", "10.0.0.1:8080", True),
        ("http://desk.example.com", "desk.example.com", False),
        ("file://127.0.0.1", "127.0.0.1", False),
        ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example", False),
        (None, "127.0.0.1", False),
        ("http://[", "127.0.0.1", False),
    ],
)
def test_origin_rule(origin: str | None, host: str, is_ours: bool) -> None:
    rule = OriginRule(frozenset({"https://desk.example.com"}))
    assert rule.allows(origin, host) is is_ours


@pytest.mark.parametrize(
    ("raw", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "not_json")),
        (b"\xff\xfe", "application/json", (400, "not_json")),
        (b"[" * 20_000, "application/json", (400, "not_json")),
        (b"[]", "application/json", (400, "wrong_shape")),
        (b"null", "application/json", (400, "wrong_shape")),
        (b"{}", "application/json", (400, "wrong_shape")),
        (b'{"text": 7}', "application/json", (400, "wrong_shape")),
        (b'{"text": "x", "count": "7"}', "application/json", (400, "wrong_shape")),
        (b'{"text": "x", "other": 1}', "application/json", (400, "wrong_shape")),
        (b"text=x", "application/x-www-form-urlencoded", (415, "not_json")),
        (b'{"text": "x"}', "text/plain", (415, "not_json")),
        (b'{"text": "' + b"x" * 70_000 + b'"}', "application/json", (413, "too_large")),
    ],
)
async def test_wrong_bodies(
    site: Site, raw: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    headers = {"X-CSRF-Token": await site.sign_in(), "Content-Type": content_type}
    assert await _error(await site.client.post(ECHO, data=raw, headers=headers)) == expected


async def test_a_refused_shape_does_not_repeat_the_value(site: Site) -> None:
    body = {"login": ["my secret"], "password": "x"}
    text = await (await site.client.post("/api/v1/session", json=body)).text()
    assert "secret" not in text
    assert json.loads(text)["error"]["message"].startswith("login: ")


async def test_unknown_address_wrong_method_and_a_failure_answer_in_our_form(site: Site) -> None:
    assert await _error(await site.client.get("/api/v1/nothing")) == (404, "not_found")
    assert await _error(await site.client.put("/api/v1/session")) == (405, "wrong_method")
    await site.sign_in()
    failed = await site.client.get("/api/v1/fail")
    assert "secret detail" not in await failed.text()
    assert await _error(failed) == (500, "internal")


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/nothing", "/api/v1/session"])
async def test_security_headers_on_every_answer(site: Site, path: str) -> None:
    headers = (await site.client.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8088"
    assert policy["media-src"] == "'self' blob:"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_frames_are_allowed_as_the_company_says_now(site: Site) -> None:
    async def framed() -> str:
        policy = (await site.client.get("/")).headers["Content-Security-Policy"]
        return dict(part.split(" ", 1) for part in policy.split("; "))["frame-src"]

    assert await framed() == "'none'"
    site.frames.append("https://crm.example.com")
    assert await framed() == "https://crm.example.com"


async def test_health_names_what_is_wrong(site: Site) -> None:
    assert (await site.client.get("/api/v1/health")).status == 200
    site.health["switch"] = False
    answer = await site.client.get("/api/v1/health")
    assert answer.status == 503
    assert await answer.json() == {
        "status": "degraded",
        "parts": {"database": True, "switch": False},
        "alarms": {},
    }


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


FAR = {"X-Forwarded-For": "10.0.0.9"}


@pytest.mark.parametrize(
    ("is_open", "headers", "status"),
    [
        (False, {}, 401),
        (False, bearer("metrics-token"), 200),
        (False, bearer("metrics-token", **FAR), 200),
        (False, bearer("metrics-tokeN"), 401),
        (False, bearer("command-token"), 401),
        (False, bearer("é"), 401),
        (False, {"Authorization": "Basic metrics-token"}, 401),
        (True, {}, 200),
        (True, FAR, 401),
        (True, bearer("wrong"), 401),
    ],
)
async def test_figures_are_for_who_has_the_token_and_by_setting_for_this_machine(
    site: Site, *, is_open: bool, headers: dict[str, str], status: int
) -> None:
    parts = WebParts(
        site.desk, OriginRule(), dict, registry=CollectorRegistry(),
        tokens=Tokens("command-token", "metrics-token", is_open),
    )  # fmt: skip
    async with TestClient(TestServer(build_app(parts))) as client:
        answer = await client.get("/metrics", headers=headers)
        assert answer.status == status
        if status != 200:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "metrics_refused" in site.noted


async def test_without_a_token_nobody_comes_in_by_one(site: Site) -> None:
    parts = WebParts(site.desk, OriginRule(), dict, registry=CollectorRegistry())
    async with TestClient(TestServer(build_app(parts))) as client:
        for token in ("", " ", "x"):
            assert (await client.get("/metrics", headers=bearer(token))).status == 401


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (bearer("command-token"), (200, "")),
        (bearer("metrics-token"), (401, "token_refused")),
        (bearer("command-token", **FAR), (401, "token_refused")),
        (bearer(""), (401, "token_refused")),
        ({"Authorization": "Basic command-token"}, (401, "not_signed_in")),
    ],
)
async def test_our_own_commands_come_in_as_administrator_on_this_machine_alone(
    site: Site, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    async def who(request: web.Request) -> web.StreamResponse:
        return web.json_response({"by": signed_in(request).user.user_id})

    routes = [
        Route("PUT", "/api/v1/set", who, Permission.CONFIGURE, "Configure"),
        Route("PUT", "/api/v1/team", who, Permission.WATCH_TEAM, "Of a person"),
    ]
    parts = WebParts(
        site.desk, OriginRule(), dict, routes=routes, registry=CollectorRegistry(),
        tokens=Tokens("command-token", "metrics-token"),
    )  # fmt: skip
    async with TestClient(TestServer(build_app(parts))) as client:
        answer = await client.put("/api/v1/set", headers=headers)
        known = await answer.json()
        assert (answer.status, known.get("error", {}).get("id", "")) == expected
        if answer.status == 200:
            assert known == {"by": "-command-"}
        other = await client.put("/api/v1/team", headers=headers)
        assert other.status == 401  # of people alone


async def test_pages_not_built_says_what_to_do(site: Site) -> None:
    answer = await site.client.get("/")
    assert answer.status == 503
    assert "make setup" in await answer.text()


@pytest.fixture
def built_pages(static_dir: Path) -> None:
    static_dir.mkdir()
    (static_dir / "index.html").write_text("<!doctype html>")
    (static_dir / "app.js").write_text("1")
    (static_dir.parent / "secret.txt").write_text("secret")
    (static_dir / "link.txt").symlink_to(static_dir.parent / "secret.txt")


@pytest.mark.usefixtures("built_pages")
async def test_pages_and_their_files_but_nothing_outside(site: Site) -> None:
    assert await (await site.client.get("/")).text() == "<!doctype html>"
    assert (await site.client.get("/static/app.js")).content_type in {
        "text/javascript",
        "application/javascript",
    }
    for path in ("..%2fsecret.txt", "link.txt", "%00", "x" * 3000, "%2fetc%2fpasswd", "none.js"):
        assert (await site.client.get(f"/static/{path}")).status == 404, path


async def test_description_lists_every_route_and_model(site: Site) -> None:
    document = await (await site.client.get("/api/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    described = {(m.upper(), p) for p, item in document["paths"].items() for m in item}
    served = {
        (route.method, route.resource.canonical)
        for route in site.app.router.routes()
        if route.resource and route.resource.canonical.startswith("/api/")
    }
    assert described == served
    echo = document["paths"][ECHO]["post"]
    assert echo["security"] == [{"session": [], "csrf": []}]
    ref = echo["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][ref.rsplit("/", 1)[1]]
    assert schema["required"] == ["text"]
    assert schema["additionalProperties"] is False
    team = document["paths"]["/api/v1/team/{name}"]["post"]
    assert team["parameters"][0]["name"] == "name"
    assert team["description"] == "Roles: administrator, supervisor."


@pytest.mark.usefixtures("built_pages")
async def test_what_has_its_hash_in_its_name_is_kept_and_comes_compressed(
    site: Site, static_dir: Path
) -> None:
    whole = "let x = 1;" * 200
    (static_dir / "app-0A1B2C3D.js").write_text(whole)
    (static_dir / "app-0A1B2C3D.js.gz").write_bytes(gzip.compress(whole.encode()))
    got = await site.client.get("/static/app-0A1B2C3D.js", headers={"Accept-Encoding": "gzip"})
    assert "immutable" in got.headers["Cache-Control"]
    assert got.headers["Content-Encoding"] == "gzip"
    assert got.headers["Vary"] == "Accept-Encoding"
    assert await got.text() == whole
    plain = await site.client.get(
        "/static/app-0A1B2C3D.js", headers={"Accept-Encoding": "identity"}
    )
    assert "Content-Encoding" not in plain.headers
    assert await plain.text() == whole
    for path in ("/", "/static/app.js"):
        assert (await site.client.get(path)).headers["Cache-Control"] == "no-cache"


async def test_stopping_ends_what_keeps_connections_open(site: Site) -> None:
    told: list[str] = []

    async def stop() -> None:
        told.append("stopped")

    parts = WebParts(site.desk, OriginRule(), dict, on_stop=[stop])
    server = WebServer(build_app(parts), "127.0.0.1", 0, Door(SystemClock(), 100))
    port = await server.start()
    assert port > 0
    await server.stop()
    assert told == ["stopped"]


async def test_a_body_that_never_ends_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "BODY_SECONDS", 0.05)
    csrf = await site.sign_in()
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"text": "'
        await never.wait()

    headers = {"X-CSRF-Token": csrf, "Content-Type": "application/json"}
    assert await _error(await site.client.post(ECHO, data=body(), headers=headers)) == (
        408,
        "too_slow",
    )
    never.set()
