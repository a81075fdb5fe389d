"""The contract of transfers, consultations, conferences and parking by command; fake and real Asterisk alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from cti.asterisk.session import AgiSession
from cti.domain import events as ev
from cti.domain.call import Call, CallState, LegState
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId, Endpoint
from cti.domain.menu_events import CallMenuBegan
from cti.domain.targets import Target
from tests.contracts.switch_rig import Rig
from tests.contracts.switch_suite import ANN, RING, talking

Shape = Callable[[Rig], Awaitable[CallId]]
BOB = Endpoint("1002")
TO_BOB = Target("agent", "1002")


def call_of(rig: Rig, call_id: CallId) -> Call:
    """The call as folded."""
    call = rig.calls.get(call_id)
    assert call is not None
    return call


async def reaches(rig: Rig, call_id: CallId, state: CallState, endpoint: Endpoint | None) -> None:
    """Wait until the call is in a state, with a phone."""
    await rig.until(
        lambda: (call_of(rig, call_id).state, call_of(rig, call_id).endpoint) == (state, endpoint)
    )


async def ends(rig: Rig, call_id: CallId) -> None:
    """Hang up for everybody; nothing is left."""
    await rig.switch.control.hang_up(call_id)
    await rig.gone(call_id)


async def consulting(rig: Rig) -> CallId:
    """Ann talks with the caller and consults bob, who answers."""
    call_id = await talking(rig)
    await rig.switch.control.consult(call_id, ANN, TO_BOB)
    started = await rig.event(ev.ConsultStarted)
    assert (started.endpoint, started.target_kind, started.target) == (ANN, "agent", "1002")
    connected = await rig.event(ev.ConsultConnected)
    assert connected.endpoint == BOB
    await reaches(rig, call_id, CallState.CONSULTING, ANN)
    return call_id


async def test_a_blind_transfer_to_a_colleague(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.transfer(call_id, TO_BOB, ANN)
        sent = await rig.event(ev.CallTransferred)
        assert (sent.kind, sent.target_kind, sent.target) == ("blind", "agent", "1002")
        assert sent.endpoint == ANN
        await reaches(rig, call_id, CallState.TALKING, BOB)
        assert (await rig.event(ev.LegEnded)).endpoint == ANN
        await ends(rig, call_id)


async def test_a_blind_transfer_that_nobody_takes_comes_back(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002", "busy"), rig.caller():
        call_id = await talking(rig)
        start = len(rig.bus.seen)
        await rig.switch.control.transfer(call_id, TO_BOB, ANN)
        failed = await rig.event(ev.TransferFailed)
        assert (failed.target, failed.result) == ("1002", "busy")
        back = await rig.event(ev.CallConnected, after=start)
        assert back.endpoint == ANN
        await ends(rig, call_id)


async def test_a_blind_transfer_goes_to_the_queue_when_the_sender_is_gone_too(rig: Rig) -> None:
    async with rig.caller(), rig.phone("1001"), rig.phone("1002", "busy"):
        waiting = await rig.event(ev.CallEnqueued)
        call_id = await talking(rig)
        start = len(rig.bus.seen)
        await rig.switch.control.transfer(call_id, TO_BOB, None)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.enqueued_at) == (waiting.queue, waiting.enqueued_at)


async def test_a_blind_transfer_to_a_queue(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        start = len(rig.bus.seen)
        await rig.switch.control.transfer(call_id, Target("queue", "help"), ANN)
        sent = await rig.event(ev.CallTransferred)
        assert (sent.target_kind, sent.target) == ("queue", "help")
        assert (await rig.event(ev.CallEnqueued, after=start)).queue == "help"
        await rig.until(lambda: call_of(rig, call_id).state is CallState.WAITING)


async def test_a_consultation_is_completed(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await consulting(rig)
        await rig.do(rig.switch.control.complete_consult(call_id))
        assert (await rig.event(ev.ConsultEnded)).result == "completed"
        await reaches(rig, call_id, CallState.TALKING, BOB)
        await rig.until(
            lambda: any(isinstance(e, ev.LegEnded) and e.endpoint == ANN for e in rig.bus.seen)
        )
        assert call_of(rig, call_id).state is CallState.TALKING
        await ends(rig, call_id)


async def test_a_consultation_is_cancelled(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await consulting(rig)
        await rig.do(rig.switch.control.cancel_consult(call_id))
        assert (await rig.event(ev.ConsultEnded)).result == "cancelled"
        await rig.event(ev.CallRetrieved)
        await reaches(rig, call_id, CallState.TALKING, ANN)
        await rig.until(
            lambda: any(isinstance(e, ev.LegEnded) and e.endpoint == BOB for e in rig.bus.seen)
        )
        await ends(rig, call_id)


async def test_the_one_consulted_is_busy_and_the_caller_is_taken_back(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002", "busy"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.consult(call_id, ANN, TO_BOB)
        assert (await rig.event(ev.ConsultEnded)).result == "busy"
        await reaches(rig, call_id, CallState.ON_HOLD, ANN)
        leg = rig.switch.registry.calls[call_id].agent_leg
        assert leg is not None
        rooms = rig.switch.registry.bridge_of
        await rig.until(lambda: rooms(leg.leg_id))  # the agent is in his room
        await rig.switch.control.retrieve(call_id)
        await rig.event(ev.CallRetrieved)
        await ends(rig, call_id)


async def test_an_unregistered_phone_is_consulted(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.consult(call_id, ANN, TO_BOB)
        assert (await rig.event(ev.ConsultEnded)).result == "unreachable"
        await reaches(rig, call_id, CallState.ON_HOLD, ANN)
        await ends(rig, call_id)


async def test_the_caller_hangs_up_while_his_agent_consults(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"):
        async with rig.caller() as caller:
            call_id = await consulting(rig)
            start = len(rig.bus.seen)
            agent = rig.switch.registry.calls[call_id].agent_leg
            assert agent is not None
            await caller.hang_up()
            assert (await rig.event(ev.ConsultEnded, after=start)).result == "caller_gone"
            await rig.event(ev.CallEnded, after=start)
        # Agent and colleague talk on, as the tail of the call.
        assert "LegEnded" not in rig.bus.names(start)
        assert call_of(rig, call_id).state is CallState.ENDED
        await rig.switch.control.hang_up_orphan(agent)
        await rig.until(lambda: rig.bus.names(start).count("LegEnded") == 2)
    await rig.until(lambda: len(rig.switch.registry) == 0)


async def in_menu(rig: Rig) -> CallId:
    """Ann has sent the caller into a menu, where he is asked for a key."""

    async def ask(session: AgiSession) -> None:
        await session.wait_for_digit(timedelta(seconds=60))

    rig.asks = ask
    call_id = await talking(rig)
    await rig.switch.control.send_to_menu(call_id, ANN, "asking")
    began = await rig.event(CallMenuBegan)
    assert (began.menu, began.endpoint, began.comes_back) == ("asking", ANN, True)
    assert (await rig.event(ev.CallHeld)).by == "menu"
    await reaches(rig, call_id, CallState.ON_HOLD, ANN)
    await rig.until(lambda: "/menu" in rig.visits)
    return call_id


async def test_a_menu_during_the_call_and_back(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.send_to_menu(call_id, ANN, "asking")
        await rig.event(CallMenuBegan)
        await rig.event(ev.CallRetrieved)
        await reaches(rig, call_id, CallState.TALKING, ANN)
        assert "LegEnded" not in rig.bus.names()
        await ends(rig, call_id)


async def test_a_caller_is_fetched_back_from_a_menu(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await in_menu(rig)
        with pytest.raises(CommandRefused):
            await rig.switch.control.send_to_menu(call_id, ANN, "asking")
        async with rig.reborn() as seen:  # who knows nothing of it sees a call on hold
            known = seen.calls.get(call_id)
            assert known is not None
            assert (known.state, known.endpoint) == (CallState.ON_HOLD, ANN)
        await rig.switch.control.fetch_back(call_id)
        await rig.event(ev.CallRetrieved)
        await reaches(rig, call_id, CallState.TALKING, ANN)
        with pytest.raises(CommandRefused):
            await rig.switch.control.fetch_back(call_id)
        await ends(rig, call_id)


async def test_the_agent_leaves_a_caller_who_is_in_a_menu(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        call_id = await in_menu(rig)
        start = len(rig.bus.seen)
        await rig.switch.control.leave(call_id, ANN)
        assert (await rig.event(ev.LegEnded, after=start)).endpoint == ANN
        assert call_of(rig, call_id).is_live
        await rig.switch.control.fetch_back(call_id)  # the end of the menu is the same way
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (again.queue, again.enqueued_at) == (waiting.queue, waiting.enqueued_at)


async def asking(rig: Rig) -> tuple[CallId, CallId]:
    """Ann talks with the caller and asks the queue help; returns his call and that by which she asks."""
    call_id = await talking(rig)
    start = len(rig.bus.seen)
    await rig.switch.control.consult(call_id, ANN, Target("queue", "help"))
    started = await rig.event(ev.ConsultStarted)
    assert (started.call_id, started.target_kind, started.target) == (call_id, "queue", "help")
    offered = await rig.event(ev.CallOffered, after=start)
    assert (offered.direction, offered.endpoint, offered.dnis) == ("internal", ANN, "help")
    assert offered.consult_of == call_id
    enqueued = await rig.event(ev.CallEnqueued, after=start)
    assert (enqueued.call_id, enqueued.queue) == (offered.call_id, "help")
    await reaches(rig, call_id, CallState.CONSULTING, ANN)
    return call_id, offered.call_id


async def answered(rig: Rig) -> tuple[CallId, CallId]:
    """Bob is offered what ann asks, and answers."""
    call_id, asked = await asking(rig)
    await rig.switch.control.offer(asked, BOB, RING)
    await reaches(rig, asked, CallState.TALKING, BOB)
    return call_id, asked


async def test_a_queue_is_consulted_and_gets_the_caller(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id, asked = await answered(rig)
        start = len(rig.bus.seen)
        await rig.do(rig.switch.control.complete_consult(call_id))
        merged = await rig.event(ev.CallMerged)
        assert (merged.call_id, merged.into_call_id) == (asked, call_id)
        assert (await rig.event(ev.ConsultEnded)).result == "completed"
        await reaches(rig, call_id, CallState.TALKING, BOB)
        ended = [e for e in rig.bus.seen[start:] if isinstance(e, ev.CallEnded)]
        assert [(e.call_id, e.ended_by) for e in ended] == [(asked, "merged")]
        await rig.until(
            lambda: any(isinstance(e, ev.LegEnded) and e.endpoint == ANN for e in rig.bus.seen)
        )
        assert rig.bus.names(start).count("CallMerged") == 1
        await ends(rig, call_id)


async def test_a_queue_is_consulted_and_the_caller_sent_there_before_anybody_answers(
    rig: Rig,
) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id, asked = await asking(rig)
        start = len(rig.bus.seen)
        await rig.do(rig.switch.control.complete_consult(call_id))
        sent = await rig.event(ev.CallTransferred)
        assert (sent.kind, sent.target_kind, sent.target) == ("consult", "queue", "help")
        await rig.until(lambda: call_of(rig, asked).state is CallState.ENDED)
        await rig.until(lambda: call_of(rig, call_id).state is CallState.WAITING)
        await rig.until(lambda: "LegEnded" in rig.bus.names(start))
        assert call_of(rig, call_id).queue == "help"


@pytest.mark.parametrize("is_answered", [False, True], ids=["waiting", "answered"])
async def test_the_consultation_of_a_queue_is_cancelled(rig: Rig, is_answered: bool) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id, asked = await (answered(rig) if is_answered else asking(rig))
        start = len(rig.bus.seen)
        await rig.do(rig.switch.control.cancel_consult(call_id))
        assert (await rig.event(ev.ConsultEnded)).result == "cancelled"
        ended = await rig.event(ev.CallEnded, after=start)
        assert (ended.call_id, ended.ended_by) == (asked, "caller")
        await rig.event(ev.CallRetrieved, after=start)
        await reaches(rig, call_id, CallState.TALKING, ANN)
        await ends(rig, call_id)


async def test_nobody_of_the_queue_answers_and_the_agent_takes_his_caller_back(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002", "busy"), rig.caller():
        call_id, asked = await asking(rig)
        start = len(rig.bus.seen)
        await rig.switch.control.offer(asked, BOB, RING)
        missed = await rig.event(ev.CallNotAnswered, after=start)
        assert (missed.call_id, missed.endpoint) == (asked, BOB)
        assert (await rig.event(ev.CallEnqueued, after=start)).call_id == asked
        assert call_of(rig, call_id).state is CallState.CONSULTING
        await rig.do(rig.switch.control.cancel_consult(call_id))
        assert (await rig.event(ev.ConsultEnded)).result == "cancelled"
        await reaches(rig, call_id, CallState.TALKING, ANN)
        await ends(rig, call_id)


async def test_the_one_whom_the_queue_found_hangs_up(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id, asked = await answered(rig)
        start = len(rig.bus.seen)
        await rig.switch.control.leave(asked, BOB)
        assert (await rig.event(ev.ConsultEnded)).result == "ended"
        assert (await rig.event(ev.CallEnded, after=start)).call_id == asked
        await reaches(rig, call_id, CallState.ON_HOLD, ANN)
        leg = rig.switch.registry.calls[call_id].agent_leg
        assert leg is not None
        await rig.until(lambda: rig.switch.registry.bridge_of(leg.leg_id))
        await rig.switch.control.retrieve(call_id)
        await rig.event(ev.CallRetrieved, after=start)
        await ends(rig, call_id)


@pytest.mark.parametrize("is_answered", [False, True], ids=["waiting", "answered"])
async def test_the_caller_hangs_up_while_his_agent_asks_a_queue(
    rig: Rig, is_answered: bool
) -> None:
    async with rig.phone("1001"), rig.phone("1002"):
        async with rig.caller() as caller:
            call_id, asked = await (answered(rig) if is_answered else asking(rig))
            start = len(rig.bus.seen)
            await caller.hang_up()
            assert (await rig.event(ev.ConsultEnded, after=start)).result == "caller_gone"
            await rig.until(lambda: call_of(rig, call_id).state is CallState.ENDED)
            if is_answered:  # the two talk on
                assert call_of(rig, asked).state is CallState.TALKING
                assert "LegEnded" not in rig.bus.names(start)
                await rig.switch.control.hang_up(asked)
        await rig.until(lambda: call_of(rig, asked).state is CallState.ENDED)
        await rig.until(lambda: len(rig.switch.registry) == 0)
        gone = [e for e in rig.bus.seen if isinstance(e, ev.LegEnded) and e.endpoint == ANN]
        assert [leg.call_id for leg in gone] == [call_id]


async def test_a_queue_is_consulted_and_all_three_confer(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id, asked = await answered(rig)
        await rig.switch.control.join_consult(call_id)
        joined = await rig.event(ev.PartyJoined)
        assert (joined.call_id, joined.endpoint) == (call_id, BOB)
        assert (await rig.event(ev.ConsultEnded)).result == "joined"
        assert call_of(rig, asked).merged_into == call_id
        await rig.until(lambda: call_of(rig, call_id).state is CallState.CONFERENCE)
        start = len(rig.bus.seen)
        await rig.switch.control.leave(call_id, ANN)
        await reaches(rig, call_id, CallState.TALKING, BOB)
        assert "CallEnded" not in rig.bus.names(start)
        await ends(rig, call_id)


async def test_a_conference_of_three_from_which_the_agent_goes(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await consulting(rig)
        await rig.switch.control.join_consult(call_id)
        joined = await rig.event(ev.PartyJoined)
        assert joined.endpoint == BOB
        assert (await rig.event(ev.ConsultEnded)).result == "joined"
        await reaches(rig, call_id, CallState.CONFERENCE, ANN)
        start = len(rig.bus.seen)
        await rig.switch.control.leave(call_id, ANN)
        assert (await rig.event(ev.PartyLeft, after=start)).endpoint == ANN
        assert (await rig.event(ev.CallConnected, after=start)).endpoint == BOB
        await reaches(rig, call_id, CallState.TALKING, BOB)
        await ends(rig, call_id)


async def test_a_party_is_added_and_dropped(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.add_party(call_id, TO_BOB)
        assert (await rig.event(ev.PartyJoined)).endpoint == BOB
        await reaches(rig, call_id, CallState.CONFERENCE, ANN)
        start = len(rig.bus.seen)
        await rig.switch.control.drop_party(call_id, BOB)
        assert (await rig.event(ev.PartyLeft, after=start)).endpoint == BOB
        await reaches(rig, call_id, CallState.TALKING, ANN)
        await ends(rig, call_id)


async def test_parking_and_fetching(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.park(call_id, "3", ANN)
        parked = await rig.event(ev.CallParked)
        assert (parked.slot, parked.endpoint) == ("3", ANN)
        assert call_of(rig, call_id).slot == "3"
        await rig.switch.control.fetch(call_id, BOB)
        await reaches(rig, call_id, CallState.TALKING, BOB)
        await ends(rig, call_id)


async def test_a_call_that_a_phone_of_ours_begins(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002"):
        await rig.switch.control.originate(ANN, TO_BOB, "command-1")
        offered = await rig.event(ev.CallOffered)
        assert (offered.direction, offered.endpoint, offered.dnis) == ("internal", ANN, "1002")
        await reaches(rig, offered.call_id, CallState.TALKING, BOB)
        # Either side may hold the other; whoever is held is the side that the call hangs on.
        await rig.switch.control.hold(offered.call_id, ANN)
        await rig.event(ev.CallHeld)
        await rig.switch.control.retrieve(offered.call_id)
        await rig.event(ev.CallRetrieved)
        await ends(rig, offered.call_id)


async def test_a_call_to_a_busy_colleague_fails(rig: Rig) -> None:
    async with rig.phone("1001"), rig.phone("1002", "busy"):
        await rig.switch.control.originate(ANN, TO_BOB, "command-1")
        offered = await rig.event(ev.CallOffered)
        assert (await rig.event(ev.DialFailed)).result == "busy"
        await rig.event(ev.CallEnded)
        await rig.gone(offered.call_id)


async def test_what_is_not_possible_is_refused(rig: Rig) -> None:
    control = rig.switch.control
    async with rig.phone("1001"), rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        for refused in (
            control.complete_consult(waiting.call_id),
            control.cancel_consult(waiting.call_id),
            control.join_consult(waiting.call_id),
            control.add_party(waiting.call_id, TO_BOB),
            control.drop_party(waiting.call_id, BOB),
        ):
            with pytest.raises(CommandRefused) as refusal:
                await refused
            assert refusal.value.reason == "wrong_state"
        with pytest.raises(CommandRefused):
            await control.send_digits(waiting.call_id, ANN, "12;rm")
        call_id = await talking(rig)
        await control.consult(call_id, ANN, Target("agent", "1003"))
        await rig.event(ev.ConsultEnded)
        await ends(rig, call_id)
    with pytest.raises(CommandRefused) as refusal:
        await control.transfer(call_id, TO_BOB, ANN)
    assert refusal.value.reason == "no_such_call"


# ---- the world read back -----------------------------------------------------------------------

Told = tuple[
    CallState,
    Endpoint | None,
    Endpoint | None,
    tuple[Endpoint, ...],
    list[tuple[Endpoint, str, str]],
]


def told(call: Call) -> Told:
    """What a snapshot must give back of a call."""
    legs = [leg for leg in call.legs.values() if leg.state is not LegState.ENDED]
    shown = sorted((leg.endpoint, leg.role, leg.state.value) for leg in legs)
    return call.state, call.endpoint, call.origin, call.parties, shown


async def _talking(rig: Rig) -> CallId:
    return await talking(rig)


async def _held(rig: Rig) -> CallId:
    call_id = await talking(rig)
    await rig.switch.control.hold(call_id)
    await rig.event(ev.CallHeld)
    return call_id


async def _conference(rig: Rig) -> CallId:
    call_id = await consulting(rig)
    await rig.switch.control.join_consult(call_id)
    await rig.event(ev.PartyJoined)
    return call_id


async def _asking(rig: Rig) -> CallId:
    return (await asking(rig))[0]


async def _asking_and_answered(rig: Rig) -> CallId:
    return (await answered(rig))[0]


async def _conference_by_queue(rig: Rig) -> CallId:
    call_id, _ = await answered(rig)
    await rig.switch.control.join_consult(call_id)
    await rig.event(ev.PartyJoined)
    return call_id


async def _transferred(rig: Rig) -> CallId:
    call_id = await talking(rig)
    await rig.switch.control.transfer(call_id, TO_BOB, ANN)
    await reaches(rig, call_id, CallState.TALKING, BOB)
    await rig.event(ev.LegEnded)
    return call_id


async def _handed_over(rig: Rig) -> CallId:
    call_id = await consulting(rig)
    await rig.do(rig.switch.control.complete_consult(call_id))
    await reaches(rig, call_id, CallState.TALKING, BOB)
    await rig.event(ev.LegEnded)
    return call_id


async def _parked(rig: Rig) -> CallId:
    call_id = await talking(rig)
    await rig.switch.control.park(call_id, "4", ANN)
    await rig.event(ev.CallParked)
    await rig.event(ev.LegEnded)
    return call_id


async def _through_a_local(rig: Rig) -> CallId:
    waiting = await rig.event(ev.CallEnqueued)
    await rig.hop(waiting.call_id, ANN)
    await reaches(rig, waiting.call_id, CallState.TALKING, ANN)
    # All four are where they belong.
    rooms, leg = rig.switch.registry.rooms, await rig.event(ev.CallConnected)
    await rig.until(lambda: len(rooms(rig.switch.registry.bridge_of(leg.leg_id))) == len("12"))
    return waiting.call_id


async def test_a_caller_who_came_through_a_local_channel_is_held_and_sent_on(rig: Rig) -> None:
    async with rig.house(), rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await _through_a_local(rig)
        await rig.switch.control.hold(call_id)
        await reaches(rig, call_id, CallState.ON_HOLD, ANN)
        await rig.switch.control.retrieve(call_id)
        await reaches(rig, call_id, CallState.TALKING, ANN)
        await rig.switch.control.transfer(call_id, TO_BOB, ANN)
        await reaches(rig, call_id, CallState.TALKING, BOB)
        await ends(rig, call_id)


async def test_a_phone_behind_a_local_channel_hangs_up(rig: Rig) -> None:
    async with rig.house(), rig.phone("1001", "leave"), rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        await rig.hop(waiting.call_id, ANN)
        assert (await rig.event(ev.CallConnected)).endpoint == ANN
        assert (await rig.event(ev.CallEnded)).ended_by == "agent"
        await rig.gone(waiting.call_id)


@pytest.mark.parametrize(
    "shape",
    [
        _talking,
        _held,
        consulting,
        _asking,
        _asking_and_answered,
        _conference,
        _conference_by_queue,
        _transferred,
        _handed_over,
        _parked,
        _through_a_local,
    ],
    ids=lambda shape: shape.__name__.strip("_"),
)
async def test_the_world_is_read_back(rig: Rig, shape: Shape) -> None:
    """Whatever a call has become: a lost link changes nothing, and a new start knows it again."""
    async with rig.house(), rig.phone("1001"), rig.phone("1002"), rig.caller():
        call_id = await shape(rig)
        before, start = told(call_of(rig, call_id)), len(rig.bus.seen)
        rig.switch.link.drop("a test")
        await rig.until(lambda: not rig.switch.is_up)
        await rig.until(lambda: rig.switch.is_up)
        assert rig.bus.names(start) == [], rig.bus.seen[start:]
        async with rig.reborn() as bus:
            await rig.until(lambda: bus.calls.get(call_id) is not None)
            again = bus.calls.get(call_id)
            assert again is not None
            assert told(again) == before, (told(again), before)
        await ends(rig, call_id)
