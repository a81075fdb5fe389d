"""The buttons of a call: what each sends, when it is done, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import Endpoint, LegId
from cti.domain.targets import Target
from screenpop.commands import CommandDesk
from tests.screenpop.conftest import (
    BOSS,
    CALL,
    LINA,
    RULES,
    TOM,
    TWO,
    Page,
    State,
    World,
)
from tests.until import until

pytestmark = pytest.mark.contract

TO_TOM = {"kind": "agent", "value": "1002"}
MINE, HIS = Endpoint("1001w"), Endpoint("1002w")


class Presser:
    """Presses the buttons of one page."""

    def __init__(self, world: World, page: Page) -> None:
        self.world = world
        self.page = page
        self.count = 0

    async def __call__(self, name: str, **args: Any) -> str:
        """The refusal's id, or ``ok``."""
        self.count += 1
        answer = await self.world.commands.execute(
            self.page.desk, f"{self.page.desk.user.user_id}-{self.count}", name, args
        )
        await self.world.settle()
        await self.page.read()
        return "ok" if answer["ok"] else str(answer["error"]["id"])

    @property
    def call(self) -> dict[str, Any]:
        """The call section."""
        found: dict[str, Any] = self.page.sections["call"]
        return found


def seated(world: World, user: Any, phone: str = "browser") -> Page:
    """A page of somebody who is signed in."""
    endpoint = Endpoint(user.extension + ("w" if phone == "browser" else ""))
    if user is not BOSS:
        world.agents.change(user.user_id, state=State.READY, endpoint=endpoint, phone="idle")
    return Page(world, user)


async def talking(world: World) -> Presser:
    """Lina talks with a caller."""
    press = Presser(world, seated(world, LINA))
    await world.waiting()
    await world.rings()
    await world.connected()
    await press.page.read()
    world.switch.asked.clear()
    return press


async def in_state(world: World, press: Presser, state: str) -> None:
    """Bring the call of ``talking`` into a state, by its own commands."""
    if state == "on_hold":
        await press("call.hold", call_id=CALL)
    if state in ("consulting", "conference"):
        await press("call.consult", call_id=CALL, target=TO_TOM)
        leg: dict[str, Any] = {"leg_id": LegId("b"), "endpoint": HIS}
        await world.happen(ev.LegDialled, role="consult", **leg)
        await world.happen(ev.ConsultConnected, **leg)
        await press.page.read()
    if state == "conference":
        await press("call.conference", call_id=CALL)
        await world.happen(ev.ConsultEnded, endpoint=MINE, result="joined")
        await press.page.read()
    assert press.call["state"] == state
    world.switch.asked.clear()


BUTTONS: list[tuple[str, str, dict[str, Any], tuple[Any, ...], str]] = [
    ("talking", "hold", {}, ("hold", CALL), "on_hold"),
    ("on_hold", "retrieve", {}, ("retrieve", CALL), "talking"),
    ("talking", "mute", {"muted": True}, ("mute", CALL, True), "talking"),
    ("talking", "hang_up", {}, ("hang_up", CALL), "ended"),
    ("talking", "send_digits", {"digits": "1#"}, ("send_digits", CALL, MINE, "1#"), "talking"),
    (
        "talking",
        "transfer",
        {"target": TO_TOM},
        ("transfer", CALL, Target("agent", "1002"), MINE),
        "transferring",
    ),
    (
        "on_hold",
        "transfer",
        {"target": {"kind": "outside", "value": "0139-0000 1111"}},
        ("transfer", CALL, Target("outside", "013900001111", "400100"), MINE),
        "transferring",
    ),
    (
        "talking",
        "consult",
        {"target": TO_TOM},
        ("consult", CALL, MINE, Target("agent", "1002")),
        "consulting",
    ),
    ("consulting", "complete", {}, ("complete_consult", CALL), "consulting"),
    ("consulting", "cancel", {}, ("cancel_consult", CALL), "talking"),
    ("consulting", "conference", {}, ("join_consult", CALL), "conference"),
    (
        "talking",
        "add_party",
        {"target": TO_TOM},
        ("add_party", CALL, Target("agent", "1002")),
        "talking",
    ),
    (
        "conference",
        "drop_party",
        {"endpoint": "1002w"},
        ("drop_party", CALL, HIS),
        "conference",
    ),
    ("conference", "hang_up", {}, ("leave", CALL, MINE), "conference"),
    ("talking", "park", {"slot": "3"}, ("park", CALL, "3", MINE), "parked"),
    ("talking", "move", {"phone": "desk"}, ("move", CALL, MINE, "1001"), "talking"),
]


@pytest.mark.parametrize(
    ("state", "name", "args", "asked", "after"),
    BUTTONS,
    ids=lambda x: x if isinstance(x, str) else "",
)
async def test_a_button_sends_one_command_and_is_done_by_its_event(
    world: World, state: str, name: str, args: dict[str, Any], asked: tuple[Any, ...], after: str
) -> None:
    press = await talking(world)
    await in_state(world, press, state)
    assert press.call["can"][name] == ""
    assert await press(f"call.{name}", call_id=CALL, **args) == "ok"
    assert world.switch.asked == [asked]
    assert press.call["state"] == after


CONFIRMED = [row[:3] for row in BUTTONS if row[1] != "send_digits"]
"""Of tones, Asterisk's yes is all that it tells."""


@pytest.mark.parametrize(("state", "name", "args"), CONFIRMED, ids=str)
async def test_what_does_not_happen_is_not_confirmed(
    world: World, state: str, name: str, args: dict[str, Any]
) -> None:
    press = await talking(world)
    await in_state(world, press, state)
    world.switch.is_mute = True
    pressed = asyncio.create_task(press(f"call.{name}", call_id=CALL, **args))
    await until(lambda: world.switch.asked)
    world.clock.advance(26)
    own = {"move": "other_phone_silent"}
    assert await pressed == own.get(name, "not_confirmed")
    assert press.call["state"] == state


@pytest.mark.parametrize("state", ["talking", "on_hold", "consulting", "conference"])
async def test_a_button_that_is_disabled_is_refused_with_the_same_words(
    world: World, state: str
) -> None:
    press = await talking(world)
    await in_state(world, press, state)
    shapes = {row[1]: row[2] for row in BUTTONS}
    disabled = {name: why for name, why in press.call["can"].items() if why and name in shapes}
    assert disabled
    for name, why in disabled.items():
        wanted = {"call_id": CALL, **shapes[name]}
        answer = await world.commands.execute(press.page.desk, name, f"call.{name}", wanted)
        assert answer["error"] == {"id": "wrong_state", "message": why, "values": {"why": why}}
    assert world.switch.asked == []


async def test_a_call_that_ends_meanwhile_is_told_at_once(world: World) -> None:
    press = await talking(world)
    world.switch.is_mute = True
    pressed = asyncio.create_task(press("call.hold", call_id=CALL))
    await until(lambda: world.switch.asked)
    await world.ended()
    assert await pressed == "no_such_call"


async def test_a_conference_that_ends_with_the_agent(world: World) -> None:
    press = await talking(world)
    await in_state(world, press, "conference")
    assert isinstance(world.commands, CommandDesk)
    world.commands._calls.configure(RULES, conference_goes_on=False)
    assert await press("call.hang_up", call_id=CALL) == "ok"
    assert world.switch.asked == [("hang_up", CALL)]


async def test_dialling_from_the_seat(world: World) -> None:
    press = Presser(world, seated(world, LINA))
    outside = {"kind": "outside", "value": "+86 139 0000 1111"}
    assert await press("call.dial", target=outside) == "ok"
    [(name, phone, target, command_id)] = world.switch.asked
    assert (name, phone, target) == (
        "originate",
        MINE,
        Target("outside", "+8613900001111", "400100"),
    )
    assert command_id == f"{LINA.user_id}-1"
    assert press.call["state"] == "dialling"
    assert await press("call.dial", target=outside) == "busy"
    [accepted] = world.of(ev.CommandAccepted)
    assert accepted.arguments == {"target_kind": "outside"}
    assert "9000" not in repr(accepted)


async def test_a_phone_of_ones_own_that_is_not_answered(world: World) -> None:
    press = Presser(world, seated(world, LINA))
    world.switch.is_mute = True
    pressed = asyncio.create_task(press("call.dial", target=TO_TOM))
    await until(lambda: world.switch.asked)
    world.clock.advance(9)
    await asyncio.sleep(0)
    assert not pressed.done()
    world.clock.advance(1)
    assert await pressed == "own_phone_silent"


async def test_somebody_who_is_asked_sees_the_caller_and_may_only_leave(world: World) -> None:
    press = await talking(world)
    tom = Presser(world, seated(world, TOM))
    await in_state(world, press, "consulting")
    await tom.page.read()
    assert tom.call["state"] == "talking"
    assert tom.page.sections["customer"]["customer"]["name"] == "王小明"
    assert tom.page.sections["ticket"]["ticket_id"] == press.page.sections["ticket"]["ticket_id"]
    for name in ("hold", "park", "transfer", "complete"):
        assert tom.call["can"][name] != ""
    assert await tom("call.hang_up", call_id=CALL) == "ok"
    assert world.switch.asked == [("leave", CALL, HIS)]


async def test_a_desk_phone_is_asked_to_go_off_the_hook(world: World) -> None:
    press = Presser(world, seated(world, LINA, "desk"))
    await world.offered()
    desk: dict[str, Any] = {"leg_id": LegId("a"), "endpoint": Endpoint("1001")}
    await world.happen(ev.LegDialled, **desk)
    await world.happen(ev.LegRang, **desk)
    await press.page.read()
    assert press.call["can"]["answer"] == ""
    assert await press("call.answer", call_id=CALL) == "ok"
    assert world.switch.asked == [("answer", "1001")]
    assert press.call["state"] == "talking"


async def test_a_parked_caller_is_fetched_from_any_seat(world: World) -> None:
    press = await talking(world)
    tom = Presser(world, seated(world, TOM))
    assert await press("call.park", call_id=CALL, slot="3") == "ok"
    assert await tom("call.fetch", slot="4") == "slot_empty"
    await tom.page.read()
    assert [row["slot"] for row in tom.page.sections["parked"]] == ["3"]
    assert await tom("call.fetch", slot="3") == "ok"
    assert world.switch.asked[-1] == ("fetch", CALL, HIS)
    assert tom.call["call_id"] == CALL
    await world.offered(call_id=TWO)


async def test_supervisors_send_any_live_call_on(world: World) -> None:
    await talking(world)
    boss, tom = Presser(world, seated(world, BOSS)), Presser(world, seated(world, TOM))
    wanted: dict[str, Any] = {"call_id": CALL, "target": {"kind": "queue", "value": "sales"}}
    assert await tom("call.transfer", **wanted) == "not_your_call"
    assert await boss("call.transfer", **{**wanted, "call_id": TWO}) == "no_such_call"
    assert await boss("call.transfer", **wanted) == "ok"
    assert world.switch.asked == [("transfer", CALL, Target("queue", "sales"), None)]


async def test_commands_from_before_a_restart_are_not_carried_out_again(world: World) -> None:
    page = seated(world, LINA)
    accepted = ev.CommandAccepted(
        at=world.clock.now(), command_id="one", name="call.dial", by=LINA.user_id
    )
    world.commands.restore([accepted])
    answer = await world.commands.execute(page.desk, "one", "call.dial", {"target": TO_TOM})
    assert answer["error"]["id"] == "sent_before"
    assert world.switch.asked == []


async def test_a_queue_can_be_sent_a_caller_and_asked_but_not_added(world: World) -> None:
    press = await talking(world)
    wanted: dict[str, Any] = {"call_id": CALL, "target": {"kind": "queue", "value": "sales"}}
    assert await press("call.add_party", **wanted) == "not_a_person"
    menu = {"call_id": CALL, "target": {"kind": "menu", "value": "100"}}
    assert await press("call.consult", **menu) == "menu_asked"
    assert world.switch.asked == []
    assert await press("call.transfer", **wanted) == "ok"


async def test_the_number_shown_outside_is_one_of_the_agents_own(world: World) -> None:
    press = await talking(world)
    target = {"kind": "outside", "value": "013900001111", "caller_id": "400200"}
    foreign = {**target, "caller_id": "10086"}
    assert await press("call.consult", call_id=CALL, target=foreign) == "caller_id_not_allowed"
    assert world.switch.asked == []
    assert await press("call.consult", call_id=CALL, target=target) == "ok"
    wanted = Target("outside", "013900001111", "400200")
    assert world.switch.asked == [("consult", CALL, MINE, wanted)]
    accepted = world.of(ev.CommandAccepted)[-1]
    assert accepted.arguments == {"target_kind": "outside", "caller_id": "400200"}
    tom = Presser(world, seated(world, TOM))
    await world.ended()
    assert await tom("call.dial", target=target) == "caller_id_not_allowed"


async def test_a_busy_colleague_is_not_rung(world: World) -> None:
    press = await talking(world)
    seated(world, TOM)
    world.bus.publish(
        ev.AgentStateChanged(
            at=world.clock.now(), agent_id=TOM.user_id, state="TALKING", previous="READY"
        )
    )
    for name in ("transfer", "consult", "add_party"):
        wanted: dict[str, Any] = {"call_id": CALL, "target": TO_TOM}
        assert await press(f"call.{name}", **wanted) == "busy_target"
    assert world.switch.asked == []
