"""The figures' addresses: who sees what, hostile parameters, the stream, Prometheus, and the API's description."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from acd.adapters.agents_http import AgentsDesk
from acd.adapters.figures_http import FiguresDesk
from acd.adapters.figures_memory import MemoryFigures
from acd.adapters.figures_metrics import QueueMetrics
from acd.adapters.figures_stream import FiguresStream
from acd.figures_board import FiguresBoard, Member, QueueProfile
from acd.figures_counts import Slice
from acd.service import AgentView
from acd.states import AgentState
from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.people import Role, User
from cti.ports import Session
from cti.web.access import Tokens
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk, token_hash
from tests.fakes.people import HandClock, MemoryAccounts, MemorySessions
from tests.until import until

pytestmark = pytest.mark.contract

SALES, HELP, NIGHT = QueueName("sales"), QueueName("help"), QueueName("night")
BERLIN = ZoneInfo("Europe/Berlin")


def person(name: str, role: Role, team: str = "") -> User:
    return User(AgentId(name), name, name.title(), name, name, role, team)


PEOPLE = {
    user.login: user
    for user in (
        person("lina", Role.AGENT, "north"),
        person("tom", Role.AGENT, "south"),
        person("boss", Role.SUPERVISOR, "north"),
        person("teamless", Role.SUPERVISOR),
        person("root", Role.ADMINISTRATOR),
    )
}
SERVED = {"lina": {SALES}, "tom": {SALES, HELP}, "teamless": {HELP}}
MEMBERS = [
    Member(u.user_id, u.name, u.team, frozenset(SERVED.get(u.login, set())))
    for u in PEOPLE.values()
]


@dataclass
class Site:
    """The web application with figures, and browsers that are signed in."""

    client: TestClient[web.Request, web.Application]
    board: FiguresBoard
    book: MemoryFigures
    bus: LocalBus
    clock: HandClock
    desk: SignInDesk
    metrics: QueueMetrics
    noted: list[ev.SecurityNoted] = field(default_factory=list)

    async def get(self, path: str, login: str = "root") -> tuple[int, Any]:
        headers = {"Cookie": f"rd_session=token-{login}"} if login else {}
        response = await self.client.get(path, headers=headers)
        return response.status, json.loads(await response.text())

    async def stream(
        self, login: str = "root", query: str = "", origin: str | None = None
    ) -> ClientWebSocketResponse[Any]:
        own = f"http://{self.client.host}:{self.client.port}"
        headers = {"Cookie": f"rd_session=token-{login}", "Origin": origin or own}
        return await self.client.ws_connect(f"/api/v1/queues/stream{query}", headers=headers)

    def tell(self, of: type[ev.Event], call: str = "c1", **values: Any) -> None:
        self.bus.publish(of(at=self.clock.now(), call_id=CallId(call), **values))  # type: ignore[call-arg]

    def call(self, call: str, queue: QueueName, wait: float, agent: str = "") -> None:
        """A call that waits so long and is then answered, or abandoned."""
        begin = self.clock.now()
        self.tell(ev.CallEnqueued, call, queue=queue, enqueued_at=begin)
        self.clock.advance(wait)
        if agent:
            phone = Endpoint("1001w")
            self.tell(ev.CallConnected, call, leg_id=LegId("1"), endpoint=phone)
            self.tell(
                ev.CallAnswered, call, agent_id=AgentId(agent), queue=queue,
                wait_time=timedelta(seconds=wait),
            )  # fmt: skip
        self.tell(ev.CallEnded, call, cause=16, ended_by="caller")

    def agent(self, agent: str, state: str) -> None:
        self.bus.publish(
            ev.AgentStateChanged(
                at=self.clock.now(), agent_id=AgentId(agent), state=state, previous=""
            )
        )


def view_of(agent_id: AgentId) -> AgentView:
    """Everybody but the administrator is at lunch, and late."""
    if agent_id == "root":
        raise CommandRefused("no_such_agent", "takes no calls")
    at = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    late_at = at + timedelta(minutes=45)
    return AgentView(
        agent_id=agent_id, state=AgentState.NOT_READY, reason="lunch", kind="", since_at=at,
        endpoint=None, phone="idle", call_id=None, queue=None, next_state=None, next_reason="",
        until_at=None, queues=(), notice="", late_at=late_at, overrun_at=late_at,
    )  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    clock, bus, sessions = (
        HandClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC)),
        LocalBus(),
        MemorySessions(),
    )
    accounts = MemoryAccounts(*PEOPLE.values())
    for login, user in PEOPLE.items():
        now, end = clock.now(), clock.now() + timedelta(days=6)
        await sessions.add(Session(token_hash(f"token-{login}"), user.user_id, "c", now, now, end))
    passwords = Passwords()
    desk = SignInDesk(accounts, sessions, passwords, clock, bus, timedelta(days=6))
    book = MemoryFigures()
    bus.subscribe(book.take)
    profiles = [QueueProfile(name, {"en": name.title()}) for name in (SALES, HELP, NIGHT)]
    board = FiguresBoard(book, clock, bus, profiles, BERLIN)
    board.start([])
    figures = FiguresDesk(board, lambda: MEMBERS, clock, bus)
    stream = FiguresStream(board, figures, desk, own_origins([]), clock, "boot")
    metrics, registry = QueueMetrics(board, clock), CollectorRegistry()
    registry.register(metrics)
    app = build_app(
        WebParts(
            desk=desk, origins=own_origins([]), health=dict, static_dir=tmp_path,
            routes=[*stream.routes(), *figures.routes(), *AgentsDesk(view_of, board, lambda: MEMBERS, clock).routes()],
            registry=registry, on_stop=[stream.stop],
            tokens=Tokens(is_metrics_open=True),
        )
    )  # fmt: skip
    async with TestClient(TestServer(app)) as client:
        site = Site(client, board, book, bus, clock, desk, metrics)
        bus.subscribe(lambda e: site.noted.append(e), ev.SecurityNoted)  # type: ignore[arg-type]
        yield site
        await board.stop()
    passwords.close()


async def names(site: Site, login: str) -> list[str]:
    status, answer = await site.get("/api/v1/queues", login)
    assert status == 200, answer
    return [queue["name"] for queue in answer["queues"]]


# ---- who sees what -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "queues", "agents"),
    [
        ("lina", ["sales"], {"lina"}),
        ("tom", ["sales", "help"], {"tom"}),
        ("boss", ["sales"], {"lina", "boss"}),
        ("teamless", ["help"], {"teamless"}),
        ("root", ["sales", "help", "night"], set(PEOPLE)),
    ],
)
async def test_each_sees_what_concerns_him(
    site: Site, login: str, queues: list[str], agents: set[str]
) -> None:
    assert await names(site, login) == queues
    _, answer = await site.get("/api/v1/agents/figures", login)
    assert {agent["agent_id"] for agent in answer["agents"]} == agents
    _, answer = await site.get("/api/v1/agents", login)
    assert {agent["agent_id"] for agent in answer["agents"]} == agents - {"root"}
    for queue in ("sales", "help", "night"):
        status, answer = await site.get(f"/api/v1/queues/{queue}", login)
        assert status == (200 if queue in queues else 404)
        status, answer = await site.get(f"/api/v1/queues/{queue}/calls", login)
        is_watching = PEOPLE[login].role is not Role.AGENT
        assert status == (403 if not is_watching else 200 if queue in queues else 404)


async def test_nobody_without_a_session_sees_anything(site: Site) -> None:
    for path in ("queues", "queues/sales", "queues/sales/calls", "agents/figures", "agents"):
        status, answer = await site.get(f"/api/v1/{path}", "")
        assert (status, answer["error"]["id"]) == (401, "not_signed_in")


async def test_a_supervisor_sees_who_of_his_team_is_late(site: Site) -> None:
    _, answer = await site.get("/api/v1/agents", "boss")
    [_, lina] = sorted(answer["agents"], key=lambda agent: str(agent["agent_id"]))
    assert lina == {
        "agent_id": "lina",
        "name": PEOPLE["lina"].name,
        "team": PEOPLE["lina"].team,
        "state": "NOT_READY",
        "reason": "lunch",
        "kind": "",
        "since": "2026-11-22T08:00:00Z",
        "next_state": "",
        "until": None,
        "late_at": "2026-11-22T08:45:00Z",
        "overrun_at": "2026-11-22T08:45:00Z",
    }


async def test_a_queue_one_may_not_see_looks_like_none_and_the_try_is_noted(site: Site) -> None:
    hidden = await site.get("/api/v1/queues/help", "boss")
    unknown = await site.get("/api/v1/queues/nothere", "boss")
    assert hidden == unknown
    assert [(n.what, n.by, n.detail) for n in site.noted] == [("queue_refused", "boss", "help")]


async def test_agents_of_other_teams_are_not_named(site: Site) -> None:
    site.call("c1", SALES, 3, "lina")
    site.call("c2", SALES, 3, "tom")
    _, answer = await site.get("/api/v1/queues/sales/calls?outcome=answered", "boss")
    assert [call["agent_id"] for call in answer["calls"]] == ["lina", None]
    _, answer = await site.get("/api/v1/queues/sales/calls?outcome=answered", "root")
    assert [call["agent_id"] for call in answer["calls"]] == ["lina", "tom"]


# ---- figures -----------------------------------------------------------------------------------


async def test_a_days_figures_and_the_calls_behind_each(site: Site) -> None:
    site.call("c1", SALES, 10, "lina")
    site.call("c2", SALES, 40, "lina")
    site.call("c3", SALES, 2)
    site.clock.advance(15 * 60)
    site.call("c4", SALES, 30)
    site.tell(ev.CallEnqueued, "c5", queue=SALES, enqueued_at=site.clock.now())
    site.clock.advance(60)
    _, answer = await site.get("/api/v1/queues/sales?by=interval")
    total = answer["total"]
    assert (total["offered"], total["answered"], total["abandoned"], total["waiting"]) == (
        5,
        2,
        2,
        1,
    )
    assert (total["service_level"], total["average_speed_of_answer_s"]) == (0.25, 25)
    assert (total["longest_wait_s"], answer["service_level_s"], answer["short_abandon_s"]) == (
        60,
        20,
        5,
    )
    assert [part["begins"] for part in answer["parts"]] == [
        "2026-11-22T10:00:00+01:00",
        "2026-11-22T10:15:00+01:00",
    ]
    assert [part["figures"]["offered"] for part in answer["parts"]] == [3, 2]
    _, by_day = await site.get("/api/v1/queues/sales?by=day")
    assert [part["figures"] for part in by_day["parts"]] == [total]
    _, listed = await site.get("/api/v1/queues")
    assert listed["queues"][0]["today"] == total
    for name in Slice:
        counted = total.get(name.value)
        _, behind = await site.get(f"/api/v1/queues/sales/calls?outcome={name.value}")
        if counted is not None:
            assert len(behind["calls"]) == counted, name
    begins = answer["parts"][1]["begins"].replace("+", "%2B")
    _, late = await site.get(f"/api/v1/queues/sales/calls?interval={begins}")
    assert [call["call_id"] for call in late["calls"]] == ["c4", "c5"]


async def test_long_lists_come_in_pieces(site: Site) -> None:
    for number in range(7):
        site.call(f"c{number}", SALES, 1)
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        _, answer = await site.get(f"/api/v1/queues/sales/calls?limit=3&offset={offset}")
        assert len(answer["calls"]) <= 3
        seen += [call["call_id"] for call in answer["calls"]]
        offset = answer["next_offset"]
    assert seen == [f"c{number}" for number in range(7)]


async def test_an_agents_times_go_on_while_one_looks(site: Site) -> None:
    site.agent("lina", "READY")
    site.clock.advance(20 * 60)
    _, answer = await site.get("/api/v1/agents/figures?by=interval", "lina")
    [lina] = answer["agents"]
    assert lina["total"]["ready_s"] == 1200
    assert [part["figures"]["ready_s"] for part in lina["parts"]] == [900, 300]
    assert lina["total"]["occupancy"] == 0


async def test_other_days_have_their_own_figures(site: Site) -> None:
    site.call("c1", SALES, 10, "lina")
    _, before = await site.get("/api/v1/queues?day=2026-11-21")
    assert before["queues"][0]["today"]["offered"] == 0
    _, both = await site.get("/api/v1/queues/sales?day=2026-11-21&until=2026-11-22")
    assert [part["begins"][:10] for part in both["parts"]] == ["2026-11-22"]


async def test_a_book_that_cannot_be_read_is_told_plainly(site: Site) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise OSError("gone")

    site.book.queues = broken  # type: ignore[method-assign]
    status, answer = await site.get("/api/v1/queues")
    assert (status, answer["error"]["id"]) == (503, "figures_unavailable")


# ---- hostile parameters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "day=yesterday", "day=2026-13-01", "day=0001-01-01", "day=9999-12-31", "day=1999-12-31",
        "day=2026-11-22T10:00", "day=2026-11-22&day=2026-11-21", "until=2026-11-22", "by=hour",
        "day=2026-01-01&until=2026-12-31", "day=2026-11-22&until=2026-11-21", "day=%00", "x=1",
        "day=2026-11-01&until=2026-11-20&by=interval", "day[]=2026-11-22", "day=2026-11-22'--",
        "day=" + "9" * 5000, "by=interval;drop table queue_visits",
    ],
)  # fmt: skip
async def test_hostile_days_are_refused(site: Site, query: str) -> None:
    for path in ("queues/sales", "agents/figures"):
        status, answer = await site.get(f"/api/v1/{path}?{query}")
        assert (status, answer["error"]["id"]) == (400, "wrong_query"), query


@pytest.mark.parametrize(
    "query",
    [
        "outcome=all", "outcome=answered'%20OR%201=1", "limit=0", "limit=501", "limit=1e3", "limit=-1",
        "offset=-1", "offset=99999999999999999999", "offset=NaN", "interval=2026-11-22T10:00",
        "interval=0001-01-01T00:00:00Z", "interval=9999-12-31T23:59:59Z", "interval=x", "limit=",
        "interval=2026-11-22T10:00:00Z&day=2026-11-22", "outcome=answered&outcome=closed",
        "interval=inf", "interval=1e400", "interval=-99999999999999",
    ],
)  # fmt: skip
async def test_hostile_lists_are_refused(site: Site, query: str) -> None:
    status, answer = await site.get(f"/api/v1/queues/sales/calls?{query}")
    assert (status, answer["error"]["id"]) == (400, "wrong_query"), answer


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e%2fhealth", "sales%00", "SALES", "sales;--", "%F0%9F%98%80", "x" * 3000]
)
async def test_hostile_names_find_nothing(site: Site, name: str) -> None:
    response = await site.client.get(
        f"/api/v1/queues/{name}", headers={"Cookie": "rd_session=token-root"}
    )
    assert response.status in (400, 404)


# ---- the stream --------------------------------------------------------------------------------


async def read(socket: ClientWebSocketResponse[Any]) -> dict[str, Any]:
    message = await socket.receive(timeout=20)
    assert message.type is WSMsgType.TEXT, message
    said: dict[str, Any] = json.loads(message.data)
    return said


async def close_code(socket: ClientWebSocketResponse[Any]) -> int | None:
    while (message := await socket.receive(timeout=20)).type is WSMsgType.TEXT:
        pass
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)
    return socket.close_code


async def pass_time(site: Site, seconds: int) -> None:
    """Let timers ring and tasks run, second by second."""
    for _ in range(seconds):
        site.clock.advance(1)
        for _ in range(20):
            await asyncio.sleep(0)


async def passing(site: Site, socket: ClientWebSocketResponse[Any]) -> dict[str, Any]:
    """The only queue of the next message, however many seconds pass until it comes."""
    reading = asyncio.create_task(read(socket))
    while not reading.done():
        await pass_time(site, 1)
        await asyncio.wait([reading], timeout=0.01)
    said = await reading
    assert said["type"] == "changes"
    [queue] = said["queues"]
    assert queue["name"] == "sales"
    return dict(queue)


async def test_a_snapshot_and_then_changes_of_ones_own_queues(site: Site) -> None:
    await pass_time(site, 3)
    socket = await site.stream("boss")
    first = await read(socket)
    assert (first["type"], [q["name"] for q in first["queues"]]) == ("snapshot", ["sales"])
    now = site.clock.now()
    for waiting in (1, 2, 3):
        for queue in (SALES, HELP):
            site.bus.publish(
                ev.QueueChanged(at=now, queue=queue, waiting=waiting, longest_since=now, ready=0)
            )
    site.tell(ev.CallEnqueued, queue=SALES, enqueued_at=now)
    sales = await passing(site, socket)
    while sales["today"]["waiting"] != 1:
        sales = await passing(site, socket)
    assert sales["waiting"] == 3  # the newest, and not each on its way
    await socket.close()


async def test_whoever_comes_back_with_a_cursor_gets_what_changed_since(site: Site) -> None:
    await pass_time(site, 3)
    socket = await site.stream()
    cursor = (await read(socket))["cursor"]
    await socket.close()
    site.call("c1", HELP, 3, "tom")
    await pass_time(site, 12)
    again = await site.stream(query=f"?cursor={cursor}")
    resumed = await read(again)
    assert (resumed["type"], [q["name"] for q in resumed["queues"]]) == ("resumed", ["help"])
    await again.close()
    for foreign in ("other.1", "boot.999999", "boot.-1", "boot.", "boot.%C2%B2", ".", "%00"):
        fresh = await site.stream(query=f"?cursor={foreign}")
        assert (await read(fresh))["type"] == "snapshot"
        await fresh.close()


async def test_who_may_not_watch_is_closed_with_a_code(site: Site) -> None:
    assert await close_code(await site.stream("nobody")) == 4001
    assert await close_code(await site.stream(origin="https://evil.example")) == 4002
    assert await close_code(await site.stream(query="?cursor=" + "x" * 65)) == 4003
    assert await close_code(await site.stream(query="?other=1")) == 4003
    talker = await site.stream()
    await talker.send_str("hello")
    assert await close_code(talker) == 4003
    shouter = await site.stream()
    await shouter.send_str("x" * 5000)
    assert await close_code(shouter) in (1009, 4003)


async def test_signing_out_ends_the_stream_and_leaves_no_watcher(site: Site) -> None:
    socket = await site.stream("lina")
    await read(socket)
    await site.desk.sign_out(token_hash("token-lina"))
    assert await close_code(socket) == 4001
    await until(lambda: not site.board._watches, within=20)


# ---- monitoring --------------------------------------------------------------------------------


async def test_prometheus_reads_the_board_from_this_machine_only(site: Site) -> None:
    site.call("c1", SALES, 10, "lina")
    site.call("c2", SALES, 50)
    now = site.clock.now()
    site.bus.publish(ev.QueueChanged(at=now, queue=HELP, waiting=4, longest_since=now, ready=2))
    await pass_time(site, 12)
    response = await site.client.get("/metrics")
    text = await response.text()
    assert response.status == 200
    for line in (
        'ringdesk_queue_waiting{queue="help"} 4.0',
        'ringdesk_queue_longest_wait_seconds{queue="help"} 12.0',
        'ringdesk_queue_ready_agents{queue="help"} 2.0',
        'ringdesk_queue_offered_total{queue="sales"} 2.0',
        'ringdesk_queue_visits_total{outcome="abandoned",queue="sales"} 1.0',
        'ringdesk_queue_service_level{queue="sales"} 0.5',
    ):
        assert line in text
    assert 'ringdesk_queue_service_level{queue="help"}' not in text  # there is none
    far = await site.client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"})
    assert far.status == 401


async def test_the_description_holds_the_definitions_and_the_parameters(site: Site) -> None:
    _, document = await site.get("/api/v1/openapi.json")
    counts = document["components"]["schemas"]["QueueCounts"]["properties"]
    assert counts["service_level"]["description"] == (
        "answered_in_time ÷ (offered − short_abandoned)."
    )
    assert [name for name, part in counts.items() if not part.get("description")] == []
    calls = document["paths"]["/api/v1/queues/{name}/calls"]["get"]["parameters"]
    assert [part["name"] for part in calls] == [
        "name", "day", "interval", "outcome", "offset", "limit"
    ]  # fmt: skip
    references = json.dumps(document).split("#/components/schemas/")[1:]
    known = document["components"]["schemas"]
    assert {text.split('"')[0] for text in references} <= set(known)
