"""A caller hangs up at every step of the flow, and phones refuse in every way they can.

Each has one defined outcome in the journal, a ticket where the rule wants one, a free agent, and nothing
left in Asterisk. A caller whom an agent's phone didn't take keeps his place and is offered to somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.desktop import HeadlessDesktop
from sip_sim.farm import AGENT_TONE
from sip_sim.sipp import Load, free_port, party
from sip_sim.steps import Answer, Decline, LetRing, Ring, Speak, Step, WaitForHangup, registration
from tests.asterisk.live import Live, live
from tests.asterisk.scene import FOREVER, LINE, MENU, Scene, fault_company, is_quiet, scene
from tests.asterisk.sipp import calling
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]
COMPANY = fault_company(
    2,
    ring_time=timedelta(seconds=4),
    wrap_up_time=timedelta(seconds=60),
    announce_every=timedelta(seconds=6),
)
AGENT, OTHER = "agent1", "agent2"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(COMPANY, simulated=1) as running:
        yield running


@contextlib.asynccontextmanager
async def caller(
    stage: Scene, number: str = LINE, keys: str = ""
) -> AsyncIterator[tuple[str, Any]]:
    ani = stage.number()
    async with calling(stage.product.pbx, number, ani=ani, keys=keys) as sipp:
        yield ani, sipp


async def story(stage: Scene, ani: str, *awaited: type[ev.CallEvent]) -> list[ev.Event]:
    """What the journal holds of a call that is over, when the awaited events have come, too."""
    call_id = await call_id_of(stage, ani)
    kinds: tuple[type[ev.CallEvent], ...] = (ev.CallEnded, *awaited)
    for kind in kinds:
        await stage.until_fact(kind, [call_id], 20)
    return await stage.facts(call_id)


async def call_id_of(stage: Scene, ani: str) -> CallId:
    ids = await until(lambda: stage.call_ids(0, [ani]), 20)
    return CallId(ids[ani])


def count(facts: list[ev.Event], kind: type[ev.Event]) -> int:
    return sum(type(event) is kind for event in facts)


def assert_ended(facts: list[ev.Event], by: str) -> None:
    assert [e.ended_by for e in facts if isinstance(e, ev.CallEnded)] == [by]


def assert_abandoned(facts: list[ev.Event]) -> None:
    """Abandoned once, and a ticket says so."""
    assert_ended(facts, "caller")
    assert count(facts, ev.CallAbandoned) == 1
    assert count(facts, ev.CallAnswered) == 0
    assert [e.reason for e in facts if isinstance(e, ev.TicketOpened)] == ["abandoned"]


async def until_free(desktop: HeadlessDesktop, *states: str) -> None:
    """The agent has nothing left of a call."""
    await desktop.until(lambda d: d.state in states, 15)
    if desktop.state == "WRAP_UP":
        await desktop.command("agent.ready")
        await desktop.until(lambda d: d.state == "READY")


# ---- before anybody answers --------------------------------------------------------------------


@pytest.mark.parametrize("keys", ["", "9"], ids=["in the greeting", "after a wrong key"])
async def test_who_hangs_up_in_the_menu_has_abandoned_nothing(stage: Scene, keys: str) -> None:
    async with caller(stage, MENU, keys) as (ani, sipp):
        call_id = await call_id_of(stage, ani)
        await stage.until_fact(ev.MenuInput if keys else ev.MenuEntered, [call_id], 20)
        await sipp.hang_up()
    facts = await story(stage, ani, ev.MenuLeft)
    assert_ended(facts, "caller")
    assert [e.outcome for e in facts if isinstance(e, ev.MenuLeft)] == ["gone"]
    assert not {type(e) for e in facts} & {ev.CallAbandoned, ev.TicketOpened, ev.CallEnqueued}


async def test_who_hangs_up_after_the_key_has_abandoned(stage: Scene) -> None:
    async with caller(stage, MENU, "1") as (ani, sipp):
        await stage.until_fact(ev.CallEnqueued, [await call_id_of(stage, ani)], 20)
        await sipp.hang_up()
    facts = await story(stage, ani, ev.TicketOpened)
    assert_abandoned(facts)
    assert [e.digits for e in facts if isinstance(e, ev.MenuInput)] == ["1"]


@pytest.mark.parametrize("place", ["waiting", "visiting"])
async def test_who_hangs_up_while_he_waits_has_abandoned(stage: Scene, place: str) -> None:
    async with caller(stage) as (ani, sipp):
        await stage.until_at(place, [ani])
        await sipp.hang_up()
    assert_abandoned(await story(stage, ani, ev.TicketOpened))


async def test_who_hangs_up_while_a_phone_rings_leaves_the_agent_free(stage: Scene) -> None:
    async with stage.odd_phone(AGENT, Ring(), LetRing()) as desktop, caller(stage) as (ani, sipp):
        await desktop.until(lambda d: d.state == "RINGING", 20)
        await sipp.hang_up()
        facts = await story(stage, ani, ev.TicketOpened)
        assert_abandoned(facts)
        assert [e.reason for e in facts if isinstance(e, ev.ReservationReleased)] == ["caller_gone"]
        assert not count(facts, ev.AgentDidNotAnswer)
        await until_free(desktop, "READY")


@pytest.mark.parametrize("seed", range(3))
async def test_who_hangs_up_right_at_the_answer_has_one_outcome(stage: Scene, seed: int) -> None:
    chance = random.Random(seed)
    async with stage.phones(AGENT, answer_after=timedelta(0)) as farm, caller(stage) as (ani, sipp):
        desktop = farm.desktops[0]
        await desktop.until(lambda d: d.state in ("RESERVED", "RINGING", "TALKING"), 20)
        await asyncio.sleep(chance.uniform(0, 0.05))  # the race is the test
        await sipp.hang_up()
        facts = await story(stage, ani, ev.TicketOpened)
        assert_ended(facts, "caller")
        assert count(facts, ev.CallAbandoned) + count(facts, ev.CallAnswered) == 1
        assert count(facts, ev.TicketOpened) == 1
        await until_free(desktop, "READY", "WRAP_UP")


# ---- while they talk ---------------------------------------------------------------------------


async def test_who_hangs_up_while_he_talks_leaves_a_wrap_up(stage: Scene) -> None:
    async with stage.phones(AGENT) as farm, caller(stage) as (ani, sipp):
        desktop = farm.desktops[0]
        await desktop.until(lambda d: d.state == "TALKING", 20)
        await stage.until_recorded(await call_id_of(stage, ani))
        await sipp.hang_up()
        await until_free(desktop, "WRAP_UP")
        facts = await story(stage, ani, ev.RecordingAttached)
    assert_ended(facts, "caller")
    assert (count(facts, ev.CallAnswered), count(facts, ev.TicketOpened)) == (1, 1)
    assert not count(facts, ev.RecordingFailed)


async def test_who_hangs_up_on_hold_frees_the_agent_in_his_silent_room(stage: Scene) -> None:
    async with stage.phones(AGENT) as farm, caller(stage) as (ani, sipp):
        desktop = farm.desktops[0]
        await desktop.until(lambda d: d.state == "TALKING" and d.call, 20)
        await stage.until_recorded(await call_id_of(stage, ani))
        await desktop.command("call.hold", call_id=(desktop.call or {})["call_id"])
        await desktop.until(lambda d: d.call and d.call["state"] == "on_hold")
        await sipp.hang_up()
        await until_free(desktop, "WRAP_UP")
        facts = await story(stage, ani, ev.RecordingAttached)
    assert_ended(facts, "caller")
    assert count(facts, ev.LegEnded) == 1


async def test_an_agent_who_hangs_up_ends_the_call_for_both(stage: Scene) -> None:
    steps = (Ring(), Answer(), WaitForHangup(timedelta(seconds=1)))
    async with stage.odd_phone(AGENT, *steps) as desktop, caller(stage) as (ani, sipp):
        await until_free(desktop, "WRAP_UP")
        assert await sipp.finished(20) == 0
        facts = await story(stage, ani)
        assert_ended(facts, "agent")
        assert count(facts, ev.AgentLegLost) == 0


async def test_signing_out_in_wrap_up_is_an_end_like_any_other(stage: Scene) -> None:
    async with stage.phones(AGENT) as farm, caller(stage) as (_, sipp):
        desktop = farm.desktops[0]
        await desktop.until(lambda d: d.state == "TALKING", 20)
        await sipp.hang_up()
        await desktop.until(lambda d: d.state == "WRAP_UP", 15)
        await desktop.command("agent.sign_out")
        await desktop.until(lambda d: d.state == "LOGGED_OUT" or d.state == "WRAP_UP")
        await desktop.command("agent.ready") if desktop.state == "WRAP_UP" else None
        await desktop.until(lambda d: d.state == "LOGGED_OUT")


# ---- phones that don't take the call -----------------------------------------------------------

REFUSALS: dict[str, tuple[tuple[Step, ...], str, str]] = {
    # what the phone does, what is told of it, why the agent is away then
    "lets it ring": ((Ring(), LetRing()), "no_answer", "rona"),
    "says 486": ((Ring(), Decline()), "declined", "declined"),
    "says 603": ((Ring(), Decline(603, "Decline")), "declined", "declined"),
    "never replies": ((), "unreachable", "phone_lost"),
}


@pytest.mark.parametrize("how", REFUSALS)
async def test_a_caller_whom_a_phone_did_not_take_goes_to_the_next_agent(
    stage: Scene, how: str
) -> None:
    steps, reason, away = REFUSALS[how]
    async with (
        stage.odd_phone(AGENT, *steps) as odd,  # ready first, hence chosen first
        stage.phones(OTHER) as farm,
        contextlib.AsyncExitStack() as stack,
    ):
        ani, sipp = await stack.enter_async_context(caller(stage))
        await farm.desktops[0].until(lambda d: d.state == "TALKING", 30)
        assert (odd.state, odd.sections["agent"]["reason"]) == ("NOT_READY", away)
        await stage.until_counted(odd)
        call_id = await call_id_of(stage, ani)
        await stage.places([call_id])
        facts = await stage.facts(call_id)
        refused = [e for e in facts if isinstance(e, ev.AgentDidNotAnswer)]
        assert [(e.agent_id, e.reason) for e in refused] == [(AGENT, reason)]
        reserved = [e.agent_id for e in facts if isinstance(e, ev.AgentReserved)]
        assert reserved == [AGENT, OTHER]
        await sipp.hang_up()
        await until_free(farm.desktops[0], "WRAP_UP")


async def test_a_phone_that_is_not_registered_is_never_tried(stage: Scene) -> None:
    async with stage.odd_phone(AGENT) as odd, stage.phones(OTHER) as farm:
        await stage.register(stage.rows[AGENT], timedelta(0))
        await odd.until(lambda d: d.sections["phone"]["state"] == "unavailable")
        await odd.until(lambda d: d.sections["agent"]["notice"])
        async with caller(stage) as (ani, sipp):
            await farm.desktops[0].until(lambda d: d.state == "TALKING", 20)
            facts = await stage.facts(await call_id_of(stage, ani))
            assert [e.agent_id for e in facts if isinstance(e, ev.AgentReserved)] == [OTHER]
            assert odd.state == "READY"
            await sipp.hang_up()
            await until_free(farm.desktops[0], "WRAP_UP")


async def test_a_caller_whom_nobody_takes_keeps_his_place_until_somebody_does(stage: Scene) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first, _ = await stack.enter_async_context(caller(stage))
        async with stage.odd_phone(AGENT, Ring(), Decline()) as odd:
            await odd.until(lambda d: d.state == "NOT_READY", 20)
            await stage.until_at(("waiting", "visiting"), [first])
        second, _ = await stack.enter_async_context(caller(stage))
        await stage.until_at(("waiting", "visiting"), [second])
        async with stage.phones(OTHER) as farm:
            await stage.until_at("talking", [first])
            assert (await stage.callers())[second].place in ("waiting", "visiting")
            await stage.end_all([first, second])
            await until_free(farm.desktops[0], "WRAP_UP")


# ---- a phone that is lost ----------------------------------------------------------------------


async def test_a_caller_whose_agents_phone_dies_is_not_lost() -> None:
    async with live(COMPANY, simulated=1, rtp_timeout=5) as product, scene(product) as stage:
        agent, port = product.agent(AGENT), free_port()
        steps: list[Step] = [Ring(), Answer(), Speak(str(stage.tone("agent", AGENT_TONE)))]
        async with contextlib.AsyncExitStack() as stack:
            dying = await stack.enter_async_context(
                party("dying", [*steps, WaitForHangup(FOREVER)], product.place.sip, port=port,
                      called=Load(concurrent=2))
            )  # fmt: skip
            await stage.register([registration(agent.endpoint, agent.secret, port)])
            desktop = await stack.enter_async_context(stage.desktop(AGENT))
            await desktop.command("agent.sign_in", phone="desk")
            await desktop.until(lambda d: d.sections["phone"]["state"] == "idle")
            await desktop.command("agent.ready")
            ani = (await stage.call(stack, 1))[0]
            await stage.until_at("talking", [ani])
            call_id = await call_id_of(stage, ani)
            await dying.stop()
            await stage.until_at(("waiting", "visiting"), [ani], 30)
            async with stage.phones(OTHER) as farm:
                await stage.until_at("talking", [ani], 30)
                await stage.places([call_id])
                await stage.until_recorded(call_id)
                await stage.end_all([ani])
                await stage.assert_calls_well()
                await until_free(farm.desktops[0], "WRAP_UP")
                facts = await story(stage, ani, ev.RecordingAttached)
            assert (count(facts, ev.CallAnswered), count(facts, ev.TicketOpened)) == (1, 1)
            await until(lambda: is_quiet(product), 10)
