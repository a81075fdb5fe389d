"""Hands over HTTP: who may, what is refused how, hostile bodies, the list of who waits, and the same command twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from acd.adapters.figures_wiring import members_of
from acd.adapters.hands_http import HandsSite
from acd.hands_desk import HandsDesk
from acd.service import AcdService
from acd.wiring import build_acd
from cti.bus.local import LocalBus
from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from cti.ports import Session
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk, token_hash
from tests.fakes.call_control import RecordingCallControl
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.journal import MemoryJournal, Page
from tests.fakes.people import MemoryAccounts, MemorySessions

pytestmark = pytest.mark.contract

COMPANY = parse_company("""
people:
  - {login: lina, name: Lina, staff_number: "1", extension: "1001", queues: [sales], team: north}
  - {login: tom, name: Tom, staff_number: "2", extension: "1002", queues: [help], team: south}
  - {login: boss, name: Boss, staff_number: "3", extension: "1003", role: supervisor, team: north}
  - {login: root, name: Root, staff_number: "4", extension: "1004", role: administrator}
queues:
  - {name: sales, label: {en: Sales}}
  - {name: help, label: {en: Help}, agents_pull: true}
flows: [{name: main, start: wait, nodes: [{name: wait, kind: queue, queue: sales}]}]
numbers: [{dnis: "4000", flow: main}]
default_flow: main
""")
USERS = {
    p.login: User(
        AgentId(p.login), p.login, p.name, p.staff_number, p.extension, Role(p.role), p.team
    )
    for p in COMPANY.people
}
C1, C2, C3 = (CallId(f"pbx1-1790000000.{n}-7") for n in range(3))
WHY = "her house burns"


class NoScreen:
    """Nobody looks."""

    async def show(self, *_: object) -> None:
        """Shown."""


@dataclass
class Site:
    """Callers in two queues, and browsers that are signed in."""

    client: TestClient[web.Request, web.Application]
    acd: AcdService
    bus: LocalBus
    clock: VirtualClock
    journal: MemoryJournal
    told: list[ev.Event] = field(default_factory=list)

    async def send(
        self, login: str, call: CallId | str, word: str, *, csrf: str = "c", **body: Any
    ) -> tuple[int, str]:
        """The status, and the error's id."""
        headers = {"Cookie": f"rd_session=token-{login}", "X-CSRF-Token": csrf}
        sent = {"command_id": f"command-{len(self.told)}", "why": WHY, **body}
        path = f"/api/v1/waiting/{call}/{word}"
        answer = await self.client.post(path, headers=headers, json=sent)
        known = json.loads(await answer.text())
        return answer.status, known.get("error", {}).get("id", "")

    async def waiting(self, login: str, queue: str) -> tuple[int, list[dict[str, Any]]]:
        headers = {"Cookie": f"rd_session=token-{login}"}
        answer = await self.client.get(f"/api/v1/queues/{queue}/waiting", headers=headers)
        return answer.status, (json.loads(await answer.text())).get("callers", [])

    def enqueue(self, call_id: CallId, queue: str, waited: float) -> None:
        now = self.clock.now()
        self.bus.publish(
            ev.CallOffered(at=now, call_id=call_id, leg_id=LegId(call_id), ani="13812340001")
        )
        at = now - timedelta(seconds=waited)
        self.bus.publish(
            ev.CallEnqueued(at=now, call_id=call_id, queue=QueueName(queue), enqueued_at=at)
        )

    def laid(self) -> list[str]:
        return [f"{e.what} {e.by}" for e in self.told if isinstance(e, ev.HandLaid)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    clock, bus, sessions, calls = VirtualClock(), LocalBus(), MemorySessions(), CallTable()
    pages: list[Page] = []
    journal = MemoryJournal(pages, clock)
    await journal.start()

    def hear(event: ev.Event) -> None:
        calls.apply(event)
        journal.record(event)

    bus.subscribe(hear)
    for login, user in USERS.items():
        now, end = clock.now(), clock.now() + timedelta(days=6)
        await sessions.add(Session(token_hash(f"token-{login}"), user.user_id, "c", now, now, end))
    passwords = Passwords()
    accounts = MemoryAccounts(*USERS.values())
    sign_in = SignInDesk(accounts, sessions, passwords, clock, bus, timedelta(days=6))
    control = RecordingCallControl()
    acd = build_acd(COMPANY, USERS.values(), control, NoScreen(), bus, clock, calls)
    hands = HandsDesk(acd, lambda: members_of(COMPANY, USERS.values()), journal, bus, clock)
    app = build_app(
        WebParts(
            desk=sign_in, origins=own_origins([]), health=dict, static_dir=tmp_path,
            routes=HandsSite(hands, calls, DialPlan(), clock).routes(),
        )
    )  # fmt: skip
    acd.start()
    control.is_linked = True
    bus.publish(ev.SwitchLinkChanged(at=clock.now(), is_up=True))
    await settle()
    async with TestClient(TestServer(app)) as client:
        site = Site(client, acd, bus, clock, journal)
        bus.subscribe(site.told.append)
        site.enqueue(C1, "sales", 30)
        site.enqueue(C2, "sales", 20)
        site.enqueue(C3, "help", 10)
        yield site
    await acd.stop()
    await journal.stop()
    passwords.close()


async def test_the_list_is_in_order_masked_and_for_those_whom_it_concerns(site: Site) -> None:
    assert await site.send("boss", C1, "priority", credit_s=5) == (200, "")
    assert await site.send("boss", C2, "move", place=1) == (200, "")
    status, callers = await site.waiting("boss", "sales")
    assert status == 200
    assert [(c["call_id"], c["place"], c["state"]) for c in callers] == [
        (C2, 1, "waiting"), (C1, 2, "waiting"),
    ]  # fmt: skip
    assert {c["number"] for c in callers} == {"138****0001"}
    assert [(c["hand_s"], c["moved_s"]) for c in callers] == [(0, 15), (5, 0)]
    assert (await site.waiting("root", "help"))[0] == 200
    assert (await site.waiting("tom", "help"))[0] == 200  # who may pull must see whom
    for login, queue in (("boss", "help"), ("lina", "sales"), ("tom", "sales"), ("root", "nix")):
        assert (await site.waiting(login, queue))[0] == 404, login
    assert (await site.waiting("nobody", "sales"))[0] == 401


@pytest.mark.parametrize(
    ("login", "call", "word", "body", "expected"),
    [
        ("root", C3, "move", {"place": 1}, (200, "")),
        ("root", C1, "push", {"agent_id": "tom", "force": True}, (409, "agent_signed_out")),
        ("root", C1, "demand", {"demand": "a >"}, (409, "no_such_demand")),
        ("boss", C1, "demand", {"demand": None}, (200, "")),
        ("boss", C3, "move", {"place": 1}, (404, "no_such_call")),
        ("boss", "pbx1-1790000000.9-7", "move", {"place": 1}, (404, "no_such_call")),
        ("boss", C1, "push", {"agent_id": "tom"}, (409, "no_such_agent")),
        ("boss", C1, "push", {"agent_id": "lina"}, (409, "agent_signed_out")),
        ("lina", C1, "move", {"place": 1}, (403, "not_allowed")),
        ("lina", C1, "pull", {}, (403, "not_allowed")),
        ("lina", C3, "pull", {}, (404, "no_such_call")),
        ("tom", C3, "pull", {}, (409, "agent_signed_out")),
        ("nobody", C1, "pull", {}, (401, "not_signed_in")),
        ("boss", C1, "move", {"place": 1, "csrf": "x"}, (403, "csrf")),
        ("boss", C1, "move", {"place": 0}, (400, "wrong_shape")),
        ("boss", C1, "move", {"place": "1"}, (400, "wrong_shape")),
        ("boss", C1, "move", {}, (400, "wrong_shape")),
        ("boss", C1, "move", {"place": 1, "more": 1}, (400, "wrong_shape")),
        ("boss", C1, "move", {"place": 1, "why": ""}, (400, "wrong_shape")),
        ("boss", C1, "move", {"place": 1, "why": " \n "}, (400, "invalid_value")),
        ("boss", C1, "move", {"place": 1, "why": "x" * 501}, (400, "wrong_shape")),
        ("boss", C1, "move", {"place": 1, "command_id": "x y"}, (400, "wrong_shape")),
        ("boss", C1, "priority", {"credit_s": 86_401}, (400, "wrong_shape")),
        ("boss", C1, "priority", {"credit_s": 1e300}, (400, "wrong_shape")),
        ("boss", "%0a%0dAction:%20x", "pull", {}, (400, "invalid_value")),
    ],
)  # fmt: skip
async def test_who_may_and_what_is_refused(
    site: Site, login: str, call: str, word: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert await site.send(login, call, word, **body) == expected
    assert len(site.laid()) == (1 if expected[0] == 200 else 0)


async def test_the_same_command_gets_the_same_answer_and_does_nothing_again(site: Site) -> None:
    again = {"command_id": "once-and-for-all"}
    for _ in range(3):
        assert await site.send("boss", C2, "move", place=1, **again) == (200, "")
    assert await site.send("boss", C1, "priority", credit_s=9, **again) == (200, "")
    assert site.laid() == ["move boss"]
    late = {"command_id": "refused-once"}
    assert (await site.send("boss", C1, "push", agent_id="lina", **late))[0] == 409
    await site.acd.sign_in(AgentId("lina"), Endpoint("1001"))
    assert await site.send("boss", C1, "push", agent_id="lina", **late) == (409, "agent_signed_out")
    assert site.laid() == ["move boss"]


async def test_nothing_is_laid_that_can_not_be_written_down(site: Site) -> None:
    site.journal.error = OSError("full")
    assert await site.send("boss", C2, "move", place=1) == (503, "storage_unavailable")
    assert site.laid() == []
    site.journal.error = None
    assert await site.send("boss", C2, "move", place=1) == (200, "")
    assert site.laid() == ["move boss"]
