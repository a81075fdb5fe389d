"""What an agent may ask for, and what is refused why."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.errors import CommandRefused, SwitchUnavailable
from screenpop.call_commands import CallCommands
from tests.screenpop.conftest import BOSS, CALL, LINA, TOM, TWO, WANG, Page, World

pytestmark = pytest.mark.contract


class Asker:
    """Sends commands, each with an id of its own."""

    def __init__(self, world: World, page: Page) -> None:
        self.world = world
        self.page = page
        self.count = 0

    async def __call__(self, name: str, command_id: str = "", /, **args: Any) -> str:
        """The refusal's id, or ``ok``."""
        self.count += 1
        command_id = command_id or f"{self.page.desk.user.user_id}-{self.count}"
        answer = await self.world.commands.execute(self.page.desk, command_id, name, args)
        assert (answer["type"], answer["id"]) == ("result", command_id)
        await self.page.read()
        return "ok" if answer["ok"] else str(answer["error"]["id"])


@pytest.fixture
def ask(world: World) -> Asker:
    return Asker(world, Page(world, LINA))


async def _talk(world: World, ask: Asker, ani: str = WANG) -> dict[str, Any]:
    await world.waiting(ani)
    task = asyncio.create_task(world.show(ask.page.desk.user))
    while not task.done():
        await ask.page.read()
    await world.rings(ask.page.desk.user)
    await world.connected(ask.page.desk.user)
    await ask.page.read()
    return ask.page.sections


async def test_agent_commands_reach_the_acd(world: World, ask: Asker) -> None:
    assert await ask("agent.sign_in", phone="browser") == "ok"
    assert await ask("agent.sign_in", phone="desk") == "ok"
    assert await ask("agent.ready") == "ok"
    assert await ask("agent.not_ready", reason="lunch") == "ok"
    assert await ask("agent.not_ready", reason="nap") == "no_such_reason"
    assert await ask("agent.extend_wrap_up") == "ok"
    assert await ask("agent.sign_out") == "ok"
    who = LINA.user_id
    assert world.agents.asked == [
        ("sign_in", who, "1001w"),
        ("sign_in", who, "1001"),
        ("ready", who),
        ("not_ready", who, "lunch"),
        ("extend_wrap_up", who),
        ("sign_out", who),
    ]


async def test_the_number_of_a_phone_outside_reaches_the_acd_and_not_the_journal(
    world: World, ask: Asker
) -> None:
    number = "138 0013 8000"
    assert await ask("agent.sign_in", phone="outside", number=number) == "ok"
    assert world.agents.asked == [("sign_in", LINA.user_id, "1001r", number)]
    [accepted] = world.of(ev.CommandAccepted)
    assert accepted.arguments["phone"] == "outside"
    assert "0013" not in str(accepted)


async def test_call_commands_reach_the_switch_for_the_own_call_only(
    world: World, ask: Asker
) -> None:
    await _talk(world, ask)
    await world.happen(ev.RecordingStarted)
    other = Asker(world, Page(world, TOM))
    commands: list[tuple[str, dict[str, Any]]] = [
        ("call.hold", {}),
        ("call.mute", {"muted": True}),
        ("call.pause_recording", {"paused": True}),
        ("call.hang_up", {}),
    ]
    for name, args in commands:
        assert await other(name, call_id=CALL, **args) == "not_your_call"
        assert await ask(name, call_id=CALL, **args) == "ok"
    assert world.switch.asked == [
        ("hold", CALL),
        ("mute", CALL, True),
        ("pause_recording", CALL, True),
        ("hang_up", CALL),
    ]


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("call.hold", {"call_id": TWO}, "not_your_call"),
        ("call.hold", {"call_id": "x\r\nAction: Logoff"}, "invalid_value"),
        ("call.hold", {"call_id": "x" * 100_000}, "wrong_shape"),
        ("call.hold", {}, "wrong_shape"),
        ("call.hold", {"call_id": None}, "wrong_shape"),
        ("call.hold", {"call_id": CALL, "more": 1}, "wrong_shape"),
        ("call.retrieve", {"call_id": CALL}, "wrong_state"),
        ("call.answer", {"call_id": CALL}, "wrong_state"),
        ("call.mute", {"call_id": CALL, "muted": "yes"}, "wrong_shape"),
        ("call.pause_recording", {"call_id": CALL, "paused": True}, "not_recording"),
        ("call.explode", {"call_id": CALL}, "no_such_command"),
        ("__class__", {}, "no_such_command"),
        ("agent.not_ready", {"reason": "a b"}, "wrong_shape"),
        ("agent.sign_in", {"phone": "satellite"}, "wrong_shape"),
        ("ticket.note", {"ticket_id": 999, "text": "", "version": 0}, "not_your_ticket"),
        ("ticket.note", {"ticket_id": -1, "text": "", "version": 0}, "wrong_shape"),
        ("ticket.attach", {"call_id": CALL, "ticket_id": 999}, "not_your_ticket"),
        ("customer.rename", {"customer_id": 999, "name": "x", "company": ""}, "not_your_customer"),
        ("customer.choose", {"call_id": CALL, "customer_id": 999}, "no_such_customer"),
        ("number.reveal", {"call_id": CALL}, "number_hidden"),
    ],
)
async def test_refusals_name_their_cause_and_do_nothing(
    world: World, ask: Asker, name: str, args: dict[str, Any], error: str
) -> None:
    await _talk(world, ask)
    assert await ask(name, **args) == error
    assert (world.switch.asked, world.agents.asked) == ([], [])


async def test_a_ringing_call_can_be_answered_but_not_hung_up(world: World, ask: Asker) -> None:
    await world.waiting()
    page = ask.page
    task = asyncio.create_task(world.show(LINA))
    while not task.done():
        await page.read()
    assert await ask("call.hang_up", call_id=CALL) == "wrong_state"  # it would end the caller
    page.desk.put("phone", {"kind": "browser", "endpoint": "1001w", "state": "idle", "sip": None})
    assert await ask("call.answer", call_id=CALL) == "ok"
    assert world.switch.asked == []
    page.desk.put("phone", {"kind": "desk", "endpoint": "1001", "state": "idle", "sip": None})
    assert await ask("call.answer", call_id=CALL) == "ok"
    assert world.switch.asked == [("answer", "1001")]


async def test_a_command_is_journalled_before_it_is_carried_out(world: World, ask: Asker) -> None:
    await _talk(world, ask)
    world.journal.error = OSError("no space left on device")
    assert await ask("call.hold", call_id=CALL) == "not_journalled"
    assert world.switch.asked == []
    world.journal.error = None
    assert await ask("call.hold", "the-id", call_id=CALL) == "ok"
    accepted = world.of(ev.CommandAccepted)[-1]
    assert (accepted.command_id, accepted.name, accepted.by, accepted.call_id) == (
        "the-id",
        "call.hold",
        LINA.user_id,
        CALL,
    )
    assert world.journal.flushes == 1


async def test_a_state_that_was_acknowledged_is_on_disk(world: World, ask: Asker) -> None:
    assert await ask("agent.ready") == "ok"
    assert world.journal.flushes == 2  # the command, and what came of it


async def test_what_was_typed_is_not_in_the_journal(world: World, ask: Asker) -> None:
    sections = await _talk(world, ask)
    ticket_id = sections["ticket"]["ticket_id"]
    assert await ask("ticket.note", ticket_id=ticket_id, text="her PIN", version=0) == "ok"
    customer_id = sections["customer"]["customer"]["id"]
    renamed = {"customer_id": customer_id, "name": "Secret Name", "company": "Secret Company"}
    assert await ask("customer.rename", **renamed) == "ok"
    journal = str(world.of(ev.CommandAccepted))
    assert "PIN" not in journal
    assert "Secret" not in journal


async def test_the_same_id_does_nothing_twice(world: World, ask: Asker) -> None:
    await _talk(world, ask)
    answers = await asyncio.gather(*(ask("call.hold", "one", call_id=CALL) for _ in range(3)))
    assert answers == ["ok", "ok", "ok"]
    assert await ask("call.hang_up", "one", call_id=CALL) == "ok"  # the answer of the first
    assert world.switch.asked == [("hold", CALL)]
    # Another agent's ids are his own.
    assert await Asker(world, Page(world, TOM))("agent.ready", "one") == "ok"
    assert world.agents.asked == [("ready", TOM.user_id)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CommandRefused("no_such_call", "gone"), "no_such_call"),
        (SwitchUnavailable("no link"), "switch_unavailable"),
        (RuntimeError("bug"), "internal"),
    ],
)
async def test_what_the_switch_refuses_is_told(
    world: World, ask: Asker, error: Exception, reason: str
) -> None:
    await _talk(world, ask)

    async def fail(*_: Any) -> None:
        raise error

    world.switch.hold = fail  # type: ignore[attr-defined]
    assert await ask("call.hold", call_id=CALL) == reason


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch is given up as soon as everything else."""
    monkeypatch.setattr(CallCommands, "limit_of", staticmethod(lambda _: timedelta(0)))


@pytest.mark.usefixtures("_short")
async def test_a_switch_that_hangs_is_told_and_stops_no_hang_up(world: World, ask: Asker) -> None:
    await _talk(world, ask)

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    world.switch.hold = hang  # type: ignore[attr-defined]
    hold = asyncio.create_task(ask("call.hold", call_id=CALL))
    await asyncio.sleep(0)
    assert await ask("call.hang_up", call_id=CALL) == "ok"
    assert not hold.done()
    assert await hold == "timed_out"


@pytest.mark.usefixtures("_short")
async def test_a_flood_of_commands_is_bounded(world: World, ask: Asker) -> None:
    await _talk(world, ask)

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    world.switch.hold = hang  # type: ignore[attr-defined]
    answers = await asyncio.gather(*(ask("call.hold", call_id=CALL) for _ in range(60)))
    assert answers.count("too_many") == 10


async def test_ticket_commands(world: World, ask: Asker) -> None:
    sections = await _talk(world, ask)
    ticket_id = sections["ticket"]["ticket_id"]
    assert await ask("ticket.note", ticket_id=ticket_id, text="first", version=0) == "ok"
    # The update stands before the result, so the next version is known to the page by then.
    assert (sections["ticket"]["note"], sections["ticket"]["version"]) == ("first", 1)
    assert await ask("ticket.note", ticket_id=ticket_id, text="x", version=0) == "note_changed"
    outcome = {"ticket_id": ticket_id, "call_id": CALL}
    assert await ask("ticket.disposition", disposition="sold", **outcome) == "ok"
    assert await ask("ticket.disposition", disposition="?", **outcome) == "no_such_disposition"
    assert sections["ticket"]["disposition"] == "sold"
    await world.ended()
    await world.agent("WRAP_UP", "TALKING")
    await world.agent("READY", "WRAP_UP")
    # Typed in the last moment of the wrap-up: still saved.
    assert await ask("ticket.note", ticket_id=ticket_id, text="last", version=1) == "ok"
    view = await world.tickets.office.ticket(CALL)
    assert view is not None
    assert view.note == "last"


async def test_attaching_to_an_offered_ticket(world: World, ask: Asker) -> None:
    sections = await _talk(world, ask)
    first = sections["ticket"]["ticket_id"]
    await world.ended()
    await world.agent("READY", "TALKING")
    await world.waiting(WANG, TWO)
    task = asyncio.create_task(world.show(LINA, TWO))
    while not task.done():
        await ask.page.read()
    await world.connected(LINA, TWO)
    await ask.page.read()
    assert [t["ticket_id"] for t in sections["ticket"]["open_tickets"]] == [first]
    assert await ask("ticket.attach", call_id=TWO, ticket_id=first) == "ok"
    assert sections["ticket"]["ticket_id"] == first
    assert sections["customer"]["history"][0]["call_id"] == CALL


async def test_revealing_a_number_is_audited(world: World) -> None:
    ask = Asker(world, Page(world, BOSS))
    sections = await _talk(world, ask)
    assert sections["call"]["can_reveal"]
    world.journal.error = OSError()
    assert await ask("number.reveal", call_id=CALL) == "not_journalled"
    assert sections["call"]["number"] == "138****8000"
    world.journal.error = None
    assert await ask("number.reveal", call_id=CALL) == "ok"
    assert sections["call"]["number"] == "+86 138 0013 8000"
    noted = [e for e in world.of(ev.SecurityNoted) if e.what == "number_revealed"]
    assert [(e.by, e.detail) for e in noted] == [(BOSS.user_id, CALL)]


def test_commands_are_those_of_the_contract(world: World) -> None:
    text = (Path(__file__).parents[2] / "docs/desktop-protocol.md").read_text(encoding="utf-8")
    group = "agent|call|ticket|text|customer|number|queue|phone|missed|promise|message"
    named = set(re.findall(rf"`((?:{group})\.[a-z_]+) \{{", text))
    assert named == world.commands.names


async def test_hands_on_waiting_callers_are_handed_on_with_their_command_and_no_reason_is_journalled(
    world: World, ask: Asker
) -> None:
    whose, why = {"call_id": CALL, "why": "she is 王小明's sister"}, "she is 王小明's sister"
    accepted = {"is_accepted": True}
    commands: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("pull", {}, {}),
        ("push", {"agent": "1002"}, {"agent_id": TOM.user_id, "is_forced": False}),
        ("move", {"place": 1}, {"place": 1}),
        ("priority", {"credit_s": -5}, {"credit_time": timedelta(seconds=-5)}),
        ("demand", {"demand": None}, {"demand": None}),
    ]
    for number, (word, args, given) in enumerate(commands):
        assert await ask(f"queue.{word}", f"hand-{number}", **whose, **args) == "ok"
        method = "prioritise" if word == "priority" else word
        expected = (method, LINA.user_id, f"hand-{number}", CALL, why, {**given, **accepted})
        assert world.hands.asked[-1] == expected
    told = [e for e in world.told if isinstance(e, ev.CommandAccepted)]
    assert [e.call_id for e in told] == [CALL] * 5
    assert not any("王小明" in str(e.arguments) for e in told)
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("queue.push", {**whose, "agent": "4999"}, "no_such_agent"),
        ("queue.push", {**whose, "agent": "x"}, "wrong_shape"),
        ("queue.move", {**whose, "place": 0}, "wrong_shape"),
        ("queue.pull", {"call_id": CALL}, "wrong_shape"),
        ("queue.pull", {"call_id": CALL, "why": ""}, "wrong_shape"),
        ("queue.pull", {"call_id": "x y", "why": "because"}, "invalid_value"),
        ("queue.priority", {**whose, "credit_s": 1e9}, "wrong_shape"),
    ]
    for name, args, error in wrong:
        assert await ask(name, **args) == error
    assert len(world.hands.asked) == 5
