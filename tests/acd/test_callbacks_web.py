"""Callbacks at work: rules before they are stored, committed before anybody is told, and their list over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from acd.adapters.callbacks_http import CallbacksSite
from acd.adapters.figures_wiring import members_of, queue_profiles
from acd.callback_desk import CallbackParts
from acd.callback_figures import CallbackFigures
from acd.figures_scope import scope_of
from acd.service import AcdService
from acd.wiring import build_acd
from cti.bus.local import LocalBus
from cti.company import parse_company
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from cti.ports import Session
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk, token_hash
from screenpop.wiring import dial_rules
from tests.fakes.call_control import RecordingCallControl
from tests.fakes.callback_line import RecordingCallbackLine
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
  - {name: sales, label: {en: Sales}, callback: {share: 100, attempts: 2, pause_time: 60}}
  - {name: help, label: {en: Help}}
flows: [{name: main, start: wait, nodes: [{name: wait, kind: queue, queue: sales}]}]
numbers: [{dnis: "4000", flow: main}]
outbound: {address: 127.0.0.1, caller_id: "4009999", allowed: ["13"], emergency: ["110"]}
default_flow: main
""")
USERS = {
    p.login: User(
        AgentId(p.login), p.login, p.name, p.staff_number, p.extension, Role(p.role), p.team
    )
    for p in COMPANY.people
}
PLAN = DialPlan(extensions=frozenset(p.extension for p in COMPANY.people))
C1, C2 = (CallId(f"pbx1-1790000000.{n}-7") for n in range(2))
SALES, NUMBER = QueueName("sales"), "13812340001"


class NoScreen:
    """Nobody looks."""

    async def show(self, *_: object) -> None:
        """Shown."""


@dataclass
class Site:
    """Two callers of one number in a line, and browsers that are signed in."""

    client: TestClient[web.Request, web.Application]
    acd: AcdService
    bus: LocalBus
    clock: VirtualClock
    journal: MemoryJournal
    pages: list[Page]
    line: RecordingCallbackLine
    told: list[ev.Event] = field(default_factory=list)

    async def get(self, login: str, query: str = "") -> tuple[int, dict[str, Any]]:
        headers = {"Cookie": f"rd_session=token-{login}"}
        answer = await self.client.get(f"/api/v1/callbacks{query}", headers=headers)
        return answer.status, json.loads(await answer.text())

    async def withdraw(self, login: str, call_id: str, reason: str = "solved") -> int:
        headers = {"Cookie": f"rd_session=token-{login}", "X-CSRF-Token": "c"}
        body = {"command_id": f"command-{len(self.told)}", "reason": reason}
        path = f"/api/v1/callbacks/{call_id}/withdraw"
        return (await self.client.post(path, headers=headers, json=body)).status

    def enqueue(self, call_id: CallId, ani: str = NUMBER) -> None:
        now = self.clock.now()
        self.bus.publish(ev.CallOffered(at=now, call_id=call_id, leg_id=LegId(call_id), ani=ani))
        self.bus.publish(ev.CallEnqueued(at=now, call_id=call_id, queue=SALES, enqueued_at=now))

    def end(self, call_id: CallId) -> None:
        now = self.clock.now()
        self.bus.publish(ev.CallEnded(at=now, call_id=call_id, cause=16, ended_by="caller"))

    async def ready(self) -> None:
        phone = Endpoint("1001")
        await self.acd.sign_in(AgentId("lina"), phone)
        self.bus.publish(ev.PhoneStateChanged(at=self.clock.now(), endpoint=phone, state="idle"))
        await self.acd.ready(AgentId("lina"))
        await settle()

    def ends(self) -> list[tuple[str, str, str]]:
        return [(e.result, e.reason, e.by) for e in self.told if isinstance(e, cb.CallbackEnded)]


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
    line = RecordingCallbackLine()
    parts = CallbackParts(line, dial_rules(COMPANY, PLAN).callback, journal)
    acd = build_acd(
        COMPANY, USERS.values(), RecordingCallControl(), NoScreen(), bus, clock, calls,
        plan=PLAN, callbacks=parts,
    )  # fmt: skip
    members, profiles = members_of(COMPANY, USERS.values()), queue_profiles(COMPANY)
    by_name = {profile.name: profile for profile in profiles}
    callbacks = CallbacksSite(
        acd.callbacks, CallbackFigures(UTC), lambda user: scope_of(user, members, by_name),
        PLAN, bus, clock,
    )  # fmt: skip
    app = build_app(
        WebParts(
            desk=sign_in, origins=own_origins([]), health=dict, static_dir=tmp_path,
            routes=callbacks.routes(),
        )
    )  # fmt: skip
    callbacks.start([])
    acd.start()
    bus.publish(ev.SwitchLinkChanged(at=clock.now(), is_up=True))
    await settle()
    async with TestClient(TestServer(app)) as client:
        site = Site(client, acd, bus, clock, journal, pages, line)
        bus.subscribe(site.told.append)
        site.enqueue(C1)
        yield site
    await acd.stop()
    callbacks.stop()
    await journal.stop()
    passwords.close()


async def test_it_is_on_disk_before_he_is_told(site: Site) -> None:
    assert await site.acd.callbacks.request(C1, SALES, NUMBER) == 1
    [page] = [page for page in site.pages if page.name == "CallbackRequested"]
    assert NUMBER not in page.data
    assert NUMBER in page.personal
    assert NUMBER not in repr(page.event)


async def test_what_cannot_be_written_down_is_refused(site: Site) -> None:
    site.journal.error = OSError("disk full")
    with pytest.raises(CommandRefused) as refused:
        await site.acd.callbacks.request(C1, SALES, NUMBER)
    assert refused.value.reason == "not_journalled"
    assert site.acd.position(C1) == 1


@pytest.mark.parametrize("number", ["110", "1002", "4000", "02066", "", "call me", "1" * 40])
async def test_what_may_not_be_called_is_not_stored(site: Site, number: str) -> None:
    with pytest.raises(CommandRefused):
        await site.acd.callbacks.request(C1, SALES, number)
    assert site.acd.position(C1) == 1
    assert not [e for e in site.told if isinstance(e, cb.CallbackRequested)]


async def test_the_number_from_which_somebody_calls(site: Site) -> None:
    desk = site.acd.callbacks
    assert desk.number_of(C1) == NUMBER
    site.enqueue(C2, "anonymous")
    assert desk.number_of(C2) == ""
    site.enqueue(CallId("pbx1-1.1-1"), "02066778899")  # not allowed outside
    assert desk.number_of(CallId("pbx1-1.1-1")) == ""


async def test_once_for_a_number_and_taken_back_by_calling_again(site: Site) -> None:
    desk = site.acd.callbacks
    await desk.request(C1, SALES, NUMBER)
    site.end(C1)
    site.enqueue(C2)
    assert desk.standing(C2, SALES) == 2  # of the same instant, who calls now goes first
    with pytest.raises(CommandRefused) as refused:
        await desk.request(C2, SALES, "138 1234 0001")
    assert refused.value.reason == "callback_stands"
    await desk.withdraw_own(C2, SALES)
    assert site.ends() == [("withdrawn", "caller", "caller")]
    assert desk.standing(C2, SALES) is None


async def test_the_agents_phone_is_called_with_a_name_made_before(site: Site) -> None:
    await site.acd.callbacks.request(C1, SALES, NUMBER)
    site.end(C1)
    await site.ready()
    [attempt] = [e for e in site.told if isinstance(e, cb.CallbackAttempted)]
    assert site.line.called == [(attempt.call_id, "1001", NUMBER)]
    assert "CallbackAttempted" in {page.name for page in site.pages}  # committed before


async def test_withdrawn_when_he_gets_through_another_way(site: Site) -> None:
    await site.acd.callbacks.request(C1, SALES, NUMBER)
    site.end(C1)
    site.enqueue(C2)
    now = site.clock.now()
    site.bus.publish(
        ev.CallAnswered(
            at=now, call_id=C2, agent_id=AgentId("lina"), queue=SALES, wait_time=timedelta(0)
        )
    )
    assert site.ends() == [("withdrawn", "got_through", "system")]


async def test_whose_number_was_erased_is_not_called(site: Site) -> None:
    await site.acd.callbacks.request(C1, SALES, NUMBER)
    site.end(C1)
    site.bus.publish(ev.SubjectErased(at=site.clock.now(), by="root", call_ids=(C1,)))
    assert site.ends() == [("withdrawn", "erased", "system")]
    await site.ready()
    assert site.line.called == []


async def test_a_number_that_was_entered_is_erased_as_well(site: Site) -> None:
    """It is not the number from which was called: the call is somebody else's, or nobody's."""
    site.enqueue(C2, "anonymous")
    await site.acd.callbacks.request(C2, SALES, NUMBER)
    site.end(C2)
    [index] = [i for i, page in enumerate(site.pages) if page.name == "CallbackRequested"]
    site.pages[index] = replace(site.pages[index], personal="{}")
    site.bus.publish(ev.SubjectErased(at=site.clock.now(), by="root"))
    await settle()
    assert site.ends() == [("withdrawn", "erased", "system")]


async def test_the_list_is_masked_and_for_those_whom_it_concerns(site: Site) -> None:
    await site.acd.callbacks.request(C1, SALES, NUMBER)
    site.end(C1)
    for login in ("lina", "boss", "root"):
        status, answer = await site.get(login)
        [shown] = answer["callbacks"]
        assert (status, shown["call_id"], shown["number"]) == (200, C1, "138****0001"), login
        assert (shown["stage"], shown["place"], shown["attempts"]) == ("waiting", 1, 0)
        assert [(q["queue"], q["requested"]) for q in answer["today"]] == [("sales", 1)]
    assert (await site.get("tom"))[1]["callbacks"] == []
    assert (await site.get("nobody"))[0] == 401


async def test_numbers_in_full_are_for_some_and_noted(site: Site) -> None:
    await site.acd.callbacks.request(C1, SALES, NUMBER)
    status, answer = await site.get("boss", "?unmasked=true")
    assert status == 200
    assert answer["callbacks"][0]["number"].replace(" ", "").endswith(NUMBER)
    noted = [e for e in site.told if isinstance(e, ev.SecurityNoted)]
    assert [(e.what, e.by) for e in noted] == [("callback_numbers_shown", "boss")]
    assert (await site.get("lina", "?unmasked=true"))[0] == 403


async def test_withdrawn_by_command(site: Site) -> None:
    await site.acd.callbacks.request(C1, SALES, NUMBER)
    assert await site.withdraw("tom", C1) == 404  # not his queue
    assert await site.withdraw("boss", C1, "because I say so, 13812340001") == 400
    assert await site.withdraw("boss", "nonsense") == 400
    assert site.ends() == []
    assert await site.withdraw("boss", C1, "duplicate") == 200
    assert site.ends() == [("withdrawn", "duplicate", "boss")]
    accepted = [e.name for e in site.told if isinstance(e, ev.CommandAccepted)]
    assert accepted == ["callback.withdraw"]
    assert await site.withdraw("boss", C1) == 404
    assert (await site.get("boss"))[1]["today"][0]["withdrawn"] == 1
