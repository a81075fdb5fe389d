"""The contract of the switch, as tests; run against the fake (here) and the real Asterisk (tests/asterisk)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cti.asterisk.session import AgiSession
from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.calls import CallTable
from cti.domain.errors import CommandRefused, InvalidValue, SwitchUnavailable
from cti.domain.ids import CallId, Endpoint, QueueName
from cti.ports import QueueMirror
from tests.contracts.switch_rig import Rig

ANN, BOB = Endpoint("1001"), Endpoint("1002")
RING = timedelta(seconds=5)


async def talking(rig: Rig) -> CallId:
    """Offer the waiting caller to ann's phone, who answers."""
    waiting = await rig.event(ev.CallEnqueued)
    await rig.switch.control.offer(waiting.call_id, ANN, RING)
    await rig.event(ev.CallConnected)
    return waiting.call_id


async def test_a_call_from_the_first_ring_to_the_end(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller() as caller:
        call_id = await talking(rig)
        offered = await rig.event(ev.CallOffered)
        assert (offered.dnis, offered.ani) == ("4000", "13800138000")
        call = rig.calls.get(call_id)
        assert call is not None
        assert (call.state, call.endpoint, call.queue) == (CallState.TALKING, ANN, "sales")
        await caller.hang_up()
        ended = await rig.event(ev.CallEnded)
        assert ended.ended_by == "caller"
        await rig.gone(call_id)
    names = rig.bus.names()
    assert names[:6] == [
        "CallOffered", "CallEnqueued", "RecordingStarted", "LegDialled", "LegRang", "CallConnected",
    ]  # fmt: skip
    assert sorted(names[6:]) == ["CallEnded", "LegEnded", "RecordingStopped"]
    assert names.index("RecordingStopped") < names.index("CallEnded")


async def test_the_agent_hangs_up(rig: Rig) -> None:
    async with rig.phone("1001", "leave"), rig.caller():
        call_id = await talking(rig)
        assert (await rig.event(ev.CallEnded)).ended_by == "agent"
        assert (await rig.event(ev.LegEnded)).endpoint == ANN
        await rig.gone(call_id)


async def test_we_hang_up_for_the_agent(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.hang_up(call_id)
        assert (await rig.event(ev.CallEnded)).ended_by == "agent"
        await rig.gone(call_id)
        with pytest.raises(CommandRefused) as refusal:
            await rig.switch.control.hang_up(call_id)
        assert refusal.value.reason == "no_such_call"


@pytest.mark.parametrize(
    ("behaviour", "result"), [("busy", "declined"), ("ring", "no_answer"), ("", "unreachable")]
)
async def test_a_phone_that_does_not_take_the_call(rig: Rig, behaviour: str, result: str) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        if behaviour:
            async with rig.phone("1001", behaviour):
                await rig.switch.control.offer(waiting.call_id, ANN, timedelta(seconds=1))
                refused = await rig.event(ev.CallNotAnswered, after=start)
                again = await rig.event(ev.CallEnqueued, after=start)
                await rig.event(ev.LegEnded, after=start)
        else:
            await rig.switch.control.offer(waiting.call_id, ANN, timedelta(seconds=1))
            refused = await rig.event(ev.CallNotAnswered, after=start)
            again = await rig.event(ev.CallEnqueued, after=start)
            assert "LegDialled" not in rig.bus.names(start)
        assert (refused.endpoint, refused.result) == (ANN, result)
        assert again.enqueued_at == waiting.enqueued_at
        assert (again.queue, again.attempt) == (waiting.queue, 1)


async def test_an_offer_is_withdrawn_and_the_caller_keeps_his_place(rig: Rig) -> None:
    async with rig.caller(), rig.phone("1001", "ring"):
        waiting = await rig.event(ev.CallEnqueued)
        await rig.switch.control.offer(waiting.call_id, ANN, RING)
        await rig.event(ev.LegRang)
        start = len(rig.bus.seen)
        await rig.switch.control.withdraw_offer(waiting.call_id)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert again.enqueued_at == waiting.enqueued_at
        await rig.event(ev.LegEnded, after=start)
        assert "CallNotAnswered" not in rig.bus.names()


async def test_several_phones_ring_and_the_first_answer_wins(rig: Rig) -> None:
    async with rig.caller() as caller, rig.phone("1001", "ring"), rig.phone("1002"):
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        await rig.switch.control.offer_all(waiting.call_id, [ANN, BOB], RING)
        assert (await rig.event(ev.CallConnected)).endpoint == BOB
        lost = await rig.event(ev.LegEnded, after=start)
        assert lost.endpoint == ANN
        dialled = [e for e in rig.bus.seen if isinstance(e, ev.LegDialled)]
        assert [e.endpoint for e in dialled] == [ANN, BOB]
        call = rig.calls.get(waiting.call_id)
        assert call is not None
        assert (call.state, call.endpoint) == (CallState.TALKING, BOB)
        await caller.hang_up()
        await rig.gone(waiting.call_id)
    assert "CallNotAnswered" not in rig.bus.names()


async def test_one_of_several_phones_declines_and_the_other_rings_on(rig: Rig) -> None:
    async with rig.caller(), rig.phone("1001", "busy"), rig.phone("1002", "ring"):
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        await rig.switch.control.offer_all(waiting.call_id, [ANN, BOB], timedelta(seconds=2))
        declined = await rig.event(ev.LegEnded, after=start)
        assert (declined.endpoint, declined.cause) == (ANN, 17)
        refused = await rig.event(ev.CallNotAnswered, after=start)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert (refused.endpoint, refused.result) == (ANN, "no_answer")
        assert again.enqueued_at == waiting.enqueued_at
        assert (again.queue, again.attempt) == (waiting.queue, 1)
        await rig.until(lambda: "LegEnded" in rig.bus.names(rig.bus.seen.index(declined) + 1))


async def test_none_of_several_phones_can_be_rung(rig: Rig) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        await rig.switch.control.offer_all(waiting.call_id, [ANN, BOB], RING)
        refused = await rig.event(ev.CallNotAnswered, after=start)
        await rig.event(ev.CallEnqueued, after=start)
        assert (refused.endpoint, refused.result) == (ANN, "unreachable")
        assert "LegDialled" not in rig.bus.names(start)


async def test_the_dialplan_knows_which_of_several_holds(rig: Rig) -> None:
    """By the phone's name it decides what becomes of the caller when that leg ends."""
    async with rig.caller(), rig.phone("1001", "ring"), rig.phone("1002"):
        waiting = await rig.event(ev.CallEnqueued)
        control = rig.switch.control
        await control.offer_all(waiting.call_id, [ANN, BOB], RING)
        await rig.event(ev.CallConnected)
        await control.hold(waiting.call_id)
        await rig.event(ev.CallHeld)
        link, channel = rig.switch.link, rig.switch.registry.calls[waiting.call_id].channel
        asked = {"Channel": channel, "Variable": "RD_AGENT"}
        assert (await link.action("Getvar", asked, epoch=link.epoch)).get("Value") == BOB
        await control.retrieve(waiting.call_id)
        await rig.event(ev.CallRetrieved)
        await control.leave(waiting.call_id, BOB)
        await rig.event(ev.CallEnded)
        await rig.gone(waiting.call_id)


async def test_hold_and_retrieve(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        control = rig.switch.control
        await control.hold(call_id)
        assert (await rig.event(ev.CallHeld)).by == "agent"
        await rig.until(lambda: rig.calls.get(call_id).state is CallState.ON_HOLD)  # type: ignore[union-attr]
        await control.retrieve(call_id)
        assert (await rig.event(ev.CallRetrieved)).by == "agent"
        assert rig.bus.names().count("CallConnected") == 1
        assert "LegEnded" not in rig.bus.names()
        await control.hang_up(call_id)
        await rig.gone(call_id)


async def test_a_caller_who_hangs_up_on_hold_frees_the_phone(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller() as caller:
        call_id = await talking(rig)
        await rig.switch.control.hold(call_id)
        await rig.event(ev.CallHeld)
        await caller.hang_up()
        await rig.event(ev.CallEnded)
        await rig.event(ev.LegEnded)
        await rig.gone(call_id)


async def test_we_hang_up_a_held_call_for_everybody(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        await rig.switch.control.hold(call_id)
        await rig.event(ev.CallHeld)
        await rig.switch.control.hang_up(call_id)
        await rig.event(ev.CallEnded)
        await rig.event(ev.LegEnded)
        await rig.gone(call_id)


async def test_mute_and_pause_are_told(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        control = rig.switch.control
        await control.mute(call_id, is_muted=True)
        muted = await rig.event(ev.LegMuted)
        assert muted.is_muted
        await control.mute(call_id, is_muted=False)
        await control.pause_recording(call_id, is_paused=True)
        await rig.event(ev.RecordingPaused)
        await control.pause_recording(call_id, is_paused=False)
        await rig.event(ev.RecordingResumed)
        await control.requeue(call_id)
        again = await rig.event(ev.CallEnqueued, after=rig.bus.seen.index(muted))
        assert again.attempt == 1
        await rig.event(ev.LegEnded)


async def test_a_visit_to_the_announcement_changes_nothing(rig: Rig) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        start = len(rig.bus.seen)
        await rig.switch.control.announce(waiting.call_id)
        await rig.until(lambda: rig.visits == ["/ivr", "/announce"])
        await rig.until(lambda: rig.told_ids == 2 * [waiting.call_id])
        assert rig.bus.names(start) == []
        call = rig.calls.get(waiting.call_id)
        assert call is not None
        assert call.state is CallState.WAITING


async def test_a_call_that_goes_on_without_the_link_is_found_as_it_was(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller():
        call_id = await talking(rig)
        names = rig.bus.names()
        rig.switch.link.drop("a test")
        await rig.until(lambda: not rig.switch.is_up)
        await rig.until(lambda: rig.switch.is_up, 2.0)
        assert rig.bus.names() == names  # nothing to repair
        # The same with a service that knows nothing, as after its own restart.
        start = len(rig.bus.seen)
        rig.calls = rig.bus.calls = rig.switch.calls = CallTable()
        rig.switch.registry.calls.clear()
        rig.switch.link.drop("a test")
        recovered = await rig.event(ev.CallRecovered, after=start)
        assert (recovered.state, recovered.endpoint) == ("talking", ANN)
        await rig.until(lambda: rig.switch.is_up)
        call = rig.calls.get(call_id)
        assert call is not None
        assert call.state is CallState.TALKING
        assert call.up_leg is not None
        await rig.switch.control.hang_up(call_id)
        await rig.gone(call_id)


async def test_a_call_that_ends_while_the_link_is_down_is_closed_after_it(rig: Rig) -> None:
    async with rig.phone("1001"), rig.caller() as caller:
        call_id = await talking(rig)
        rig.gate.is_open = False
        rig.switch.link.drop("a test")
        await rig.until(lambda: not rig.switch.is_up)
        with pytest.raises(SwitchUnavailable):
            await rig.switch.control.hang_up(call_id)
        await caller.hang_up()
        start = len(rig.bus.seen)
        rig.gate.is_open = True
        ended = await rig.event(ev.CallEnded, after=start)
        assert ended.ended_by == "unknown"
        assert rig.bus.names(start) == ["LegEnded", "RecordingStopped", "CallEnded"]
        assert len(rig.switch.registry) == 0


async def test_a_service_that_stands_still_loses_no_caller_and_takes_him_back(rig: Rig) -> None:
    await rig.set_global("RD_STALE", "1")
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        fell = await rig.event(ev.CallFellBack)  # nobody renewed the heartbeat
        assert fell.queue == "sales"
        with pytest.raises(CommandRefused):
            await rig.switch.control.hold(waiting.call_id)
        await rig.set_global("RD_STALE", "100")
        await rig.beat()
        start = len(rig.bus.seen)
        await rig.switch.control.take_back(waiting.call_id)
        again = await rig.event(ev.CallEnqueued, after=start)
        assert again.enqueued_at == waiting.enqueued_at
        with pytest.raises(CommandRefused) as refusal:
            await rig.switch.control.take_back(waiting.call_id)
        assert refusal.value.reason == "wrong_state"


async def test_the_fallback_queue_mirrors_a_phone(rig: Rig) -> None:
    control = rig.switch.control
    sales, both = (QueueName("sales"),), (QueueName("help"), QueueName("sales"))
    nothing = timedelta(0)
    await control.mirror(QueueMirror(ANN, both, is_paused=False, wrap_up_time=nothing))
    await control.mirror(QueueMirror(ANN, both, is_paused=False, wrap_up_time=nothing))
    await control.mirror(QueueMirror(ANN, sales, is_paused=True, wrap_up_time=nothing))
    rig.switch.link.drop("a test")
    await rig.until(lambda: not rig.switch.is_up)
    await rig.until(lambda: rig.switch.is_up)
    assert control.members == {ANN: frozenset(sales)}
    await control.mirror(QueueMirror(ANN, (), is_paused=True, wrap_up_time=nothing))
    rig.switch.link.drop("a test")
    await rig.until(lambda: not rig.switch.is_up)
    await rig.until(lambda: rig.switch.is_up)
    assert control.members == {}


async def test_values_that_can_not_be_never_reach_the_wire(rig: Rig) -> None:
    async with rig.caller():
        waiting = await rig.event(ev.CallEnqueued)
        control = rig.switch.control
        for bad in ("", "1001\r\nAction: Hangup", "1001&PJSIP/1002", "S", "x" * 70_000, "1001\0"):
            with pytest.raises(InvalidValue):
                await control.offer(waiting.call_id, Endpoint(bad), RING)
            with pytest.raises(InvalidValue):
                await control.offer_all(waiting.call_id, [ANN, Endpoint(bad)], RING)
            with pytest.raises(InvalidValue):
                await control.hang_up(CallId(bad))
            mirror = QueueMirror(ANN, (QueueName(bad),), False, timedelta(0))
            with pytest.raises(InvalidValue):
                await control.mirror(mirror)


async def test_the_verbs_of_a_menu(rig: Rig) -> None:
    said: list[object] = []

    async def script(session: AgiSession) -> None:
        await session.answer()
        said.append(await session.stream_file("beep", "1", play_time=timedelta(seconds=1)))
        said.append(await session.wait_for_digit(timedelta(milliseconds=100)))
        said.append(
            await session.get_data("beep", wait_time=timedelta(milliseconds=200), max_digits=2)
        )
        with pytest.raises(CommandRefused):
            await session.stream_file("no/such/prompt")
        with pytest.raises(CommandRefused):
            await session.execute("NoSuchApplication")
        await session.execute("NoOp", "a", "b")
        hard = 'José "王", \\ (x) ${EXTEN}'
        await session.set_variable("RD_LANG", hard)
        said.append(await session.get_variable("RD_LANG") == hard)
        said.append(await session.get_variable("RD_NO_SUCH"))
        await session.set_variable("CHANNEL(language)", "en")
        said.append(await session.say_number(2, play_time=timedelta(seconds=2)))
        said.append(await session.say_digits("12", play_time=timedelta(seconds=2)))
        await session.hang_up()

    rig.script = script
    async with rig.caller():
        ended = await rig.event(ev.CallEnded)
        assert ended.ended_by == "system"
    assert said == ["", "", "", True, None, "", ""]
