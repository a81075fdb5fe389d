"""The desktop's socket, spoken to as a browser would, over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from cti.domain import events as ev
from cti.domain.people import User
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk
from screenpop.adapters.ws import MAX_MESSAGE, DesktopSockets
from screenpop.pacing import TOLD_EVERY
from tests.fakes.people import MemoryAccounts, MemorySessions
from tests.screenpop.conftest import CALL, LINA, SALES, TOM, World
from tests.until import until

pytestmark = pytest.mark.contract

HELLO = {"type": "hello", "boot": None, "seq": 0, "language": "en"}


@dataclass
class Site:
    """The service with desktops, and browsers to open them with."""

    world: World
    server: TestServer
    sign_in: SignInDesk
    sessions: MemorySessions
    accounts: MemoryAccounts
    browsers: list[Browser]

    async def browser(self, user: User | None = LINA) -> Browser:
        """A browser, signed in as somebody or as nobody."""
        client = TestClient(self.server)
        browser = Browser(self, client)
        self.browsers.append(browser)
        if user is not None:
            body = {"login": user.login, "password": "pw"}
            response = await client.post("/api/v1/session", json=body)
            assert response.status == 200
            browser.csrf = (await response.json())["csrf"]
        return browser


class Browser:
    """One browser with one desktop."""

    def __init__(self, site: Site, client: TestClient[web.Request, web.Application]) -> None:
        self.site = site
        self.client = client
        self.csrf = ""
        self.socket: ClientWebSocketResponse | Any = None
        self.sections: dict[str, Any] = {}
        self.cursor = ("", 0)
        self.results: dict[str, Any] = {}

    async def connect(self, origin: str | None = "own", hello: Any = HELLO) -> Browser:
        own = f"http://{self.client.host}:{self.client.port}"
        headers = {} if origin is None else {"Origin": own if origin == "own" else origin}
        self.socket = await self.client.ws_connect(
            "/api/v1/desktop", headers=headers, autoping=True, max_msg_size=0
        )
        if hello is not None:
            await self.socket.send_str(hello if isinstance(hello, str) else json.dumps(hello))
        return self

    async def read(self) -> dict[str, Any]:
        """One message, taken into the page's document."""
        message = await self.socket.receive(timeout=5)
        assert message.type is WSMsgType.TEXT, message
        said: dict[str, Any] = json.loads(message.data)
        if said["type"] == "snapshot":
            self.sections = said["sections"]
        elif said["type"] == "update":
            assert said["seq"] == self.cursor[1] + 1
            self.sections[said["section"]] = said["value"]
        elif said["type"] == "result":
            self.results[said["id"]] = said
        if "seq" in said:
            self.cursor = (said["boot"], said["seq"])
        return said

    async def read_until(self, section: str) -> Any:
        while (said := await self.read()).get("section") != section:
            pass
        return said["value"]

    async def closed(self) -> int | None:
        """Read to the end; the close code."""
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING}:
                return self.socket.close_code
            assert message.type is WSMsgType.TEXT, message

    async def say(self, **message: Any) -> None:
        await self.socket.send_json(message)


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    passwords, accounts, sessions = Passwords(threads=1), MemoryAccounts(), MemorySessions()
    hashed = await passwords.hash("pw")
    for user in (LINA, TOM):
        await accounts.save(user, hashed)
    origins = own_origins([])
    sign_in = SignInDesk(accounts, sessions, passwords, world.clock, world.bus, timedelta(hours=12))
    sockets = DesktopSockets(world.pop, world.commands, sign_in, origins, world.clock)
    app = build_app(
        WebParts(
            sign_in,
            origins,
            dict,
            routes=sockets.routes(),
            registry=CollectorRegistry(),
        )
    )
    server = TestServer(app)
    await server.start_server()
    site = Site(world, server, sign_in, sessions, accounts, [])
    yield site
    # Sockets before clients: the first client that is closed takes the server along.
    for browser in site.browsers:
        if browser.socket is not None:
            await browser.socket.close()
    await world.pop.stop()
    for browser in site.browsers:
        await browser.client.close()
    await sockets.stop()
    passwords.close()


async def test_hello_snapshot_pop_painted_command(site: Site) -> None:
    world = site.world
    page = await (await site.browser()).connect()
    assert (await page.read())["type"] == "snapshot"
    assert page.sections["me"]["staff_number"] == "7001"
    assert page.sections["me"]["queue_labels"] == {"sales": {"en": "Sales", "zh": "销售"}}
    await world.waiting()
    await world.show()
    call = await page.read_until("call")
    assert call["number"] == "138****8000"
    await page.say(type="painted", call_id=CALL, token=call["token"])
    await until(lambda: world.of(ev.PopPainted))
    await world.connected()
    await page.say(type="command", id="c1", name="call.hold", args={"call_id": CALL})
    while "c1" not in page.results:
        await page.read()
    assert page.results["c1"]["ok"]
    assert world.switch.asked == [("hold", CALL)]
    await page.say(type="command", id="c2", name="call.explode", args={})
    while "c2" not in page.results:
        await page.read()
    assert page.results["c2"]["error"]["id"] == "no_such_command"


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e400", '"4.2"', "[]", "true"])
async def test_what_is_no_figure_is_refused_and_the_page_stays(site: Site, figure: str) -> None:
    page = await (await site.browser()).connect()
    await site.world.waiting()
    await site.world.connected()
    rest = '"measured_s":1,"lost_in":0,"lost_out":null,"jitter_ms":0,"round_trip_ms":null,"worst_mos":1'
    args = f'{{"call_id":"{CALL}",{rest},"mos":{figure}}}'
    await page.socket.send_str(
        f'{{"type":"command","id":"q","name":"phone.quality","args":{args}}}'
    )
    while "q" not in page.results:
        await page.read()
    assert page.results["q"]["error"]["id"] == "wrong_shape"
    assert not site.world.of(ev.ConnectionMeasured)


async def test_reload_in_a_call_brings_the_call_back(site: Site) -> None:
    page = await (await site.browser()).connect()
    await page.read()
    await site.world.waiting()
    await site.world.connected()
    await page.read_until("ticket")
    before, (boot, seq) = dict(page.sections), page.cursor
    await page.socket.close()

    await page.connect()
    assert (await page.read())["type"] == "snapshot"
    assert page.sections["call"] == before["call"]
    assert page.sections["ticket"] == before["ticket"]
    await page.socket.close()

    await site.world.happen(ev.CallHeld, by="agent")
    page.cursor = (boot, seq)
    await page.connect(hello={**HELLO, "boot": boot, "seq": seq})
    call = await page.read_until("call")  # read() checks that no number is missing
    assert call["state"] == "on_hold"


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
async def test_foreign_pages_are_turned_away(site: Site, origin: str | None) -> None:
    page = await (await site.browser()).connect(origin)
    assert await page.closed() == 4002
    assert "foreign_origin" in [e.what for e in site.world.of(ev.SecurityNoted)]
    desk = site.world.pop.desks.get(LINA.user_id)
    assert desk is not None
    assert not desk.pages


async def test_nobody_is_turned_away(site: Site) -> None:
    page = await (await site.browser(None)).connect()
    assert await page.closed() == 4001


async def test_signing_out_reaches_the_open_socket_at_once(site: Site) -> None:
    page = await (await site.browser()).connect()
    await page.read()
    gone = await page.client.delete("/api/v1/session", headers={"X-CSRF-Token": page.csrf})
    assert gone.status == 204
    assert await page.closed() == 4001


async def test_expiry_and_deactivation_reach_the_open_socket(site: Site) -> None:
    page, other = await (await site.browser()).connect(), await (await site.browser(TOM)).connect()
    await page.read()
    await other.read()
    site.world.clock.advance(10)
    assert (await page.read())["type"] == "ping"
    await site.accounts.save(replace(LINA, is_active=False))
    await until(lambda: site.world.clock._due)
    site.world.clock.advance(10)
    assert await page.closed() == 4001
    assert (await other.read())["type"] == "ping"
    site.sessions.by_hash.clear()
    site.world.clock.advance(10)
    assert await other.closed() == 4001


async def test_two_desktops_of_one_agent(site: Site) -> None:
    first = await (await site.browser()).connect()
    await first.read()
    second = await (await site.browser()).connect()
    assert (await second.read())["type"] == "snapshot"
    assert await first.closed() == 4005
    await site.world.happen(ev.SwitchLinkChanged, None, is_up=True)
    assert (await second.read_until("link"))["switch"] == "up"


@pytest.mark.parametrize(
    "first",
    [
        "",
        "{",
        "null",
        "[" * 5000,
        '{"type":"hello"}',
        '{"type":"command","id":"x","name":"agent.ready","args":{}}',
        json.dumps({**HELLO, "seq": -1}),
        json.dumps({**HELLO, "seq": "1"}),
        json.dumps({**HELLO, "language": "x" * 100}),
        json.dumps({**HELLO, "more": 1}),
    ],
)
async def test_a_wrong_hello_is_turned_away(site: Site, first: str) -> None:
    page = await (await site.browser()).connect(hello=first)
    assert await page.closed() == 4003


@pytest.mark.parametrize(
    "message",
    [
        "x",
        "[]",
        '{"type":"nothing"}',
        '{"type":"command","id":7,"name":"agent.ready","args":{}}',
        '{"type":"command","id":"","name":"agent.ready","args":{}}',
        '{"type":"command","id":"x","name":"agent.ready","args":[]}',
        '{"type":"painted","call_id":null,"token":"x"}',
        '{"type":"phone","registered":"yes","sessions":[],"mic":"ok"}',
        '{"type":"phone","registered":true,"sessions":[' + "1," * 50 + '1],"mic":"ok"}',
        json.dumps(HELLO),
    ],
)
async def test_a_message_of_no_known_shape_closes_this_socket_only(
    site: Site, message: str
) -> None:
    page, other = await (await site.browser()).connect(), await (await site.browser(TOM)).connect()
    await page.read()
    await other.read()
    await page.socket.send_str(message)
    assert await page.closed() == 4003
    assert [e.by for e in site.world.of(ev.SecurityNoted)] == [LINA.user_id]
    await other.say(type="command", id="c", name="agent.ready", args={})
    while "c" not in other.results:
        await other.read()
    assert other.results["c"]["ok"]


async def test_binary_and_oversized_messages_and_floods_close_it(site: Site) -> None:
    page = await (await site.browser()).connect()
    await page.socket.send_bytes(b"\x00")
    assert await page.closed() == 4003
    await page.connect()
    await page.socket.send_str("x" * (MAX_MESSAGE + 1))
    assert await page.closed() == 1009
    await page.connect()
    for _ in range(300):
        await page.say(type="pong", t=1)
    assert await page.closed() == 4003


async def test_a_desktop_that_reads_nothing_is_cut_and_others_go_on(site: Site) -> None:
    slow = await (await site.browser()).connect()
    await slow.read()
    other = await (await site.browser(TOM)).connect()
    await other.read()
    transport = slow.socket._conn.transport if slow.socket._conn else None
    assert transport is not None
    transport.pause_reading()
    desk = site.world.pop.desks.get(LINA.user_id)
    assert desk is not None
    deadline = time.monotonic() + 20
    while desk.pages:
        assert time.monotonic() < deadline
        for n in range(20):
            desk.put("link", {"switch": "up", "text": f"{n}" + "x" * 20_000})
        figures: dict[str, Any] = {"waiting": 1, "longest_since": None, "ready": 1}
        site.world.bus.publish(ev.QueueChanged(at=site.world.clock.now(), queue=SALES, **figures))
        await asyncio.sleep(0)
    site.world.clock.advance(TOLD_EVERY.total_seconds())
    assert (await other.read_until("queues"))[0]["waiting"] == 1
    transport.resume_reading()
    # The close frame can't overtake what was never read: the code may be ours or "abnormal".
    assert await slow.closed() in {4004, 1006}


async def test_plain_http_is_answered_in_our_form(site: Site) -> None:
    browser = await site.browser()
    response = await browser.client.get("/api/v1/desktop")
    assert response.status == 400
    assert "error" in await response.json()


async def test_who_opens_too_often_is_told_to_come_later_and_others_are_not(site: Site) -> None:
    page = await site.browser()
    other = await (await site.browser(TOM)).connect()
    await other.read()
    codes: list[int | None] = []
    while 1013 not in codes:
        assert len(codes) < 100
        await page.connect(hello="{}")
        codes.append(await page.closed())
    assert set(codes) == {4003, 1013}
    desk = site.world.pop.desks.get(TOM.user_id)
    assert desk is not None
    assert desk.pages
    site.world.clock.advance(2)
    await page.connect()
    assert (await page.read())["type"] == "snapshot"


async def test_a_flood_ends_its_own_page_only(site: Site) -> None:
    page = await (await site.browser()).connect()
    other = await (await site.browser(TOM)).connect()
    await page.read()
    await other.read()
    message = json.dumps({"type": "watch", "directory": False})
    with contextlib.suppress(ConnectionError):
        for _ in range(10_000):
            await page.socket.send_str(message)
    assert await page.closed() == 4003
    notes = [e for e in site.world.of(ev.SecurityNoted) if e.what == "bad_message"]
    assert [(e.by, e.detail) for e in notes] == [(LINA.user_id, "desktop")]
    await other.say(type="command", id="c1", name="call.explode", args={})
    while "c1" not in other.results:
        await other.read()
