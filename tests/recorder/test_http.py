"""Listening: ranges, scope, audit."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from cti.bus.local import LocalBus
from cti.domain.events import Event, SecurityNoted
from cti.domain.ids import AgentId, RecordingId
from cti.domain.people import Role, User
from cti.ports import Session
from cti.web.access import errors_middleware
from cti.web.routing import SIGNED_IN, SignedIn
from recorder.adapters.http import ByteRange, ListeningDesk, UnsatisfiableRange, parse_range
from recorder.model import Levels, audio_key, fold, peaks_key, verify
from recorder.ports import Checked, Finding
from tests.fakes.people import HandClock, MemoryAccounts
from tests.fakes.recordings import MemoryBook, MemoryStore
from tests.recorder.stories import CALL, T0, plain_call

pytestmark = pytest.mark.contract

ONE = RecordingId("abcdefghijklmnopqrstuv")
SOUND = bytes(range(256)) * 4
BASE = f"/api/v1/recordings/{ONE}"


def person(name: str, role: Role, team: str = "") -> User:
    return User(AgentId(name), name, name, name, name, role, team)


PEOPLE = {
    user.login: user
    for user in (
        person("lina", Role.AGENT, "north"),
        person("wang", Role.AGENT, "north"),
        person("boss", Role.SUPERVISOR, "north"),
        person("chief", Role.SUPERVISOR, "south"),
        person("teamless", Role.SUPERVISOR),
        person("root", Role.ADMINISTRATOR),
    )
}


@dataclass
class Site:
    client: TestClient[web.Request, web.Application]
    store: MemoryStore
    clock: HandClock
    noted: list[Event]

    async def get(
        self, path: str, login: str = "lina", **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.get(path, headers={"X-Login": login, **headers})
        return response.status, await response.read(), dict(response.headers)


@web.middleware
async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the web application's access middleware leaves on a request."""
    user = PEOPLE[request.headers["X-Login"]]
    session = Session("h", user.user_id, "c", T0, T0, T0)
    request[SIGNED_IN] = SignedIn(user, session)
    return await handler(request)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    book, store, bus, clock = MemoryBook(), MemoryStore(), LocalBus(), HandClock()
    await book.add(ONE, CALL, T0, T0)
    job = await book.claim(T0, T0 + timedelta(seconds=30), "t")
    assert job is not None
    ledger = fold(plain_call())
    finding = Finding(ledger, verify(ledger, 64_000), (AgentId("lina"),))
    checked = Checked(timedelta(seconds=2), hashlib.sha256(SOUND).hexdigest(), len(SOUND))
    key = audio_key(ONE, T0, "opus")
    assert await book.store(job, finding, checked, Levels(-20, -20, 0, 0), key, T0)
    store.objects[key] = SOUND
    store.objects[peaks_key(ONE, T0)] = b'{"version":2}'
    desk = ListeningDesk(
        book=book, store=store, accounts=MemoryAccounts(*PEOPLE.values()), bus=bus, clock=clock
    )
    app = web.Application(middlewares=[errors_middleware, sign_in])
    for route in desk.routes():
        app.router.add_route(route.method, route.path, route.handler)
    noted: list[Event] = []
    bus.subscribe(noted.append, SecurityNoted)
    async with TestClient(TestServer(app)) as client:
        yield Site(client, store, clock, noted)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-", ByteRange(0, 999)),
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=500-5000", ByteRange(500, 999)),
        ("bytes=-100", ByteRange(900, 999)),
        ("bytes=-5000", ByteRange(0, 999)),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=１-２", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_ranges_as_rfc_9110_has_them(header: str | None, found: ByteRange | None) -> None:
    assert parse_range(header, 1000) == found


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_ranges_behind_the_end(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        parse_range(header, 1000)


async def test_the_whole_sound(site: Site) -> None:
    status, body, headers = await site.get(f"{BASE}/audio")
    assert (status, body) == (200, SOUND)
    assert headers["Content-Type"] == "audio/ogg"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Length"] == str(len(SOUND))
    assert "no-store" in headers["Cache-Control"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_piece_of_the_sound(site: Site) -> None:
    status, body, headers = await site.get(f"{BASE}/audio", Range="bytes=100-199")
    assert (status, body) == (206, SOUND[100:200])
    assert headers["Content-Range"] == "bytes 100-199/1024"
    status, _, headers = await site.get(f"{BASE}/audio", Range="bytes=5000-")
    assert (status, headers["Content-Range"]) == (416, "bytes */1024")
    status, body, _ = await site.get(f"{BASE}/audio", Range="bytes=0-1", If_Range='"other"')
    assert (status, body) == (200, SOUND)


async def test_the_waveform(site: Site) -> None:
    status, body, headers = await site.get(f"{BASE}/peaks")
    assert (status, body) == (200, b'{"version":2}')
    assert headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    ("login", "status"),
    [
        ("lina", 200),  # it is her own call
        ("wang", 404),  # a colleague's
        ("boss", 200),  # her team's supervisor
        ("chief", 404),  # another team's
        ("teamless", 404),
        ("root", 200),
    ],
)
async def test_who_may_hear_what(site: Site, login: str, status: int) -> None:
    found, body, _ = await site.get(f"{BASE}/audio", login)
    assert found == status
    assert (await site.get(f"{BASE}/peaks", login))[0] == status
    if status == 404:
        unknown = await site.get(f"/api/v1/recordings/{'x' * 22}/audio", login)
        assert unknown[:2] == (404, body)  # no telling one from the other
        assert {e.what for e in site.noted if isinstance(e, SecurityNoted)} == {"recording_refused"}


async def test_each_listening_is_audited_once_however_many_pieces_it_takes(site: Site) -> None:
    for first in range(0, 1000, 100):
        await site.get(f"{BASE}/audio", "boss", Range=f"bytes={first}-")
    await site.get(f"{BASE}/audio", "lina", Range="bytes=1-")
    heard = [(e.what, e.by, e.detail) for e in site.noted if isinstance(e, SecurityNoted)]
    assert heard == [("recording_heard", "boss", ONE), ("recording_heard", "lina", ONE)]
    site.clock.advance(601)
    await site.get(f"{BASE}/audio", "boss")
    assert len(site.noted) == 3


@pytest.mark.parametrize(
    "recording_id", ["..%2f..%2fetc%2fpasswd", "%00" * 20, "a" * 4000, "ü" * 20]
)
async def test_strange_ids_find_nothing(site: Site, recording_id: str) -> None:
    status, _, _ = await site.get(f"/api/v1/recordings/{recording_id}/audio")
    assert status == 404


async def test_an_object_that_is_gone_is_not_found(site: Site) -> None:
    site.store.objects.clear()
    assert (await site.get(f"{BASE}/audio"))[0] == 404
    assert (await site.get(f"{BASE}/peaks"))[0] == 404
