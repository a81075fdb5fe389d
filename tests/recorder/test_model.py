"""The ledger: what the events of a call say its file must hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain import events as ev
from cti.domain.ids import LegId, RecordingId
from recorder import model
from recorder.model import BYTES_PER_SECOND, NOT_RECORDING, Bridging, Verdict, fold, verify
from tests.recorder.stories import (
    CALL,
    DESK,
    LINA,
    SUPPORT,
    at,
    connected,
    ended,
    plain_call,
    reserved,
    started,
    stopped,
)

pytestmark = pytest.mark.unit


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def size(of: float) -> int:
    return int(of * BYTES_PER_SECOND)


def test_a_plain_call_is_one_span_from_connected_to_stopped() -> None:
    ledger = fold(plain_call(talk=60))
    assert [(s.started_at, s.ended_at, s.bridging) for s in ledger.spans] == [
        (at(3), at(63), Bridging.TALKING)
    ]
    assert ledger.expected_time == ledger.connected_time == seconds(60)
    assert ledger.agent_ids == (LINA,)
    assert ledger.over_at == at(63)


def test_hold_is_in_the_file_and_a_pause_is_silence_in_place() -> None:
    ledger = fold(
        [
            started(0),
            connected(1),
            ev.CallHeld(at=at(11), call_id=CALL, by="agent"),
            ev.CallRetrieved(at=at(31), call_id=CALL, by="agent"),
            ev.RecordingPaused(at=at(41), call_id=CALL, reason="agent"),
            ev.RecordingResumed(at=at(46), call_id=CALL),
            stopped(51),
        ]
    )
    assert [(s.bridging.value, s.reason, s.offset_time, s.length_time) for s in ledger.spans] == [
        ("talking", "", seconds(0), seconds(10)),
        ("on_hold", "", seconds(10), seconds(20)),
        ("talking", "", seconds(30), seconds(10)),
        ("talking", "agent", seconds(40), seconds(5)),
        ("talking", "", seconds(45), seconds(5)),
    ]
    assert ledger.expected_time == seconds(50)


def test_the_file_does_not_grow_while_a_caller_who_was_sent_on_is_with_nobody() -> None:
    ring = ev.LegDialled(at=at(35), call_id=CALL, leg_id=LegId("a.9"), endpoint=DESK)
    ledger = fold(
        [
            started(0),
            connected(1),
            ev.CallTransferred(at=at(5), call_id=CALL, kind="blind", target_kind="agent"),
            ev.TransferFailed(
                at=at(8), call_id=CALL, target_kind="agent", target="1002", result="busy"
            ),
            connected(10),
            ev.ConsultStarted(at=at(15), call_id=CALL, endpoint=DESK, target_kind="agent"),
            ev.PartyJoined(at=at(20), call_id=CALL, leg_id=LegId("a.8"), endpoint=DESK),
            ev.CallParked(at=at(30), call_id=CALL, slot="3"),
            ring,
            connected(40),
            stopped(50),
        ]
    )
    assert [(s.bridging.value, s.started_at, s.ended_at, s.offset_time) for s in ledger.spans] == [
        ("talking", at(1), at(5), seconds(0)),
        ("talking", at(10), at(15), seconds(4)),
        ("on_hold", at(15), at(20), seconds(9)),
        ("talking", at(20), at(30), seconds(14)),
        ("on_hold", at(30), at(35), seconds(24)),
        ("talking", at(40), at(50), seconds(29)),
    ]


def test_the_file_does_not_grow_while_the_caller_waits_for_a_lost_agent_or_in_the_queue() -> None:
    ledger = fold(
        [
            started(0),
            connected(10),
            ev.AgentLegLost(at=at(20), call_id=CALL, endpoint=DESK),
            connected(25),
            ev.CallEnqueued(at=at(30), call_id=CALL, queue=SUPPORT, enqueued_at=at(0)),
            connected(90),
            stopped(100),
            ended(100),
        ]
    )
    assert ledger.expected_time == seconds(10 + 5 + 10)
    assert [s.offset_time for s in ledger.spans] == [seconds(0), seconds(10), seconds(15)]


def test_time_without_mixmonitor_is_accounted_for_with_a_reason() -> None:
    ledger = fold([connected(0), started(4), stopped(10), ended(12)])
    assert [(s.is_in_file, s.reason, s.length_time) for s in ledger.spans] == [
        (False, NOT_RECORDING, seconds(4)),
        (True, "", seconds(6)),
        (False, NOT_RECORDING, seconds(2)),
    ]
    assert ledger.expected_time == seconds(6)
    assert ledger.connected_time == seconds(12)


def test_a_file_of_which_no_start_was_told_counts_as_recorded() -> None:
    assert fold([connected(0), ended(7)], was_recording=True).expected_time == seconds(7)


def test_a_repaired_call_is_connected_from_the_repair_on() -> None:
    recovered = ev.CallRecovered(
        at=at(5), call_id=CALL, leg_id=LegId("l1"), state="talking", endpoint=DESK
    )
    ledger = fold([reserved(0), recovered, ended(9)], was_recording=True)
    assert ledger.expected_time == seconds(4)
    assert ledger.agent_ids == (LINA,)
    waiting = ev.CallRecovered(at=at(9), call_id=CALL, leg_id=recovered.leg_id, state="waiting")
    assert fold([recovered, waiting], was_recording=True).expected_time == seconds(4)


def test_a_call_that_ended_while_we_were_away_ended_when_its_file_was_written_last() -> None:
    noticed = ev.CallEnded(at=at(30), call_id=CALL, cause=0, ended_by="unknown")
    events = [reserved(0), started(1), connected(1), stopped(30), noticed]
    ledger = fold(events, last_written_at=at(6))
    assert (ledger.expected_time, ledger.over_at, ledger.ended_at) == (seconds(5), at(6), at(6))
    assert verify(ledger, size(5.0)).verdict is Verdict.COMPLETE
    # Of an end that was seen, the event knows better than the file; so does a repair without a file.
    assert fold([*events[:-1], ended(30)], last_written_at=at(6)).expected_time == seconds(29)
    assert fold(events).expected_time == seconds(29)


def test_a_wall_clock_that_steps_back_makes_no_negative_time() -> None:
    assert fold([started(0), connected(10), stopped(4), ended(4)]).expected_time == seconds(0)


@pytest.mark.parametrize(
    ("written", "verdict"),
    [
        (size(60), Verdict.COMPLETE),
        (size(59.6), Verdict.COMPLETE),  # the lead-in before the first sound
        (size(59.4), Verdict.TRUNCATED),
        (size(2), Verdict.TRUNCATED),
        (size(75), Verdict.COMPLETE),  # connected before we were back: more is no fault
        (3, Verdict.EMPTY),  # not one whole frame
        (0, Verdict.EMPTY),
        (None, Verdict.MISSING),
    ],
)
def test_the_file_is_held_against_the_ledger(written: int | None, verdict: Verdict) -> None:
    assert verify(fold(plain_call(talk=60)), written).verdict is verdict


def test_the_shortfall_is_told() -> None:
    found = verify(fold(plain_call(talk=60)), size(50))
    assert found.shortfall_time == seconds(10)
    assert found.actual_time == seconds(50)


@pytest.mark.parametrize("written", [None, 0])
def test_a_call_that_was_never_connected_has_no_recording_and_that_is_no_failure(
    written: int | None,
) -> None:
    assert verify(fold([started(0), ended(20)]), written).verdict is Verdict.NOTHING_SAID


def test_each_span_widens_the_tolerance_by_its_lead_in() -> None:
    once = fold([started(0), connected(0), stopped(60)])
    often = fold(
        [
            started(0),
            *(
                event
                for start in range(0, 60, 10)
                for event in (
                    connected(start),
                    ev.AgentLegLost(at=at(start + 10), call_id=CALL, endpoint=DESK),
                )
            ),
            stopped(60),
        ]
    )
    assert once.expected_time == often.expected_time
    assert verify(once, size(59)).verdict is Verdict.TRUNCATED
    assert verify(often, size(59)).verdict is Verdict.COMPLETE


def test_keys_hold_the_month_and_the_random_id_and_nothing_of_the_call() -> None:
    recording_id = RecordingId("abcdefghijklmnopqrstuv")
    assert model.audio_key(recording_id, at(0), "mp3") == "2026/11/abcdefghijklmnopqrstuv.mp3"
    assert model.peaks_key(recording_id, at(0)) == "2026/11/abcdefghijklmnopqrstuv.peaks.json"


_CHANGES = st.sampled_from(
    [
        lambda t: connected(t),
        lambda t: ev.CallHeld(at=at(t), call_id=CALL, by="phone"),
        lambda t: ev.CallRetrieved(at=at(t), call_id=CALL, by="phone"),
        lambda t: ev.AgentLegLost(at=at(t), call_id=CALL, endpoint=DESK),
        lambda t: started(t),
        lambda t: stopped(t),
        lambda t: ev.RecordingPaused(at=at(t), call_id=CALL, reason="agent"),
        lambda t: ev.RecordingResumed(at=at(t), call_id=CALL),
    ]
)


@settings(max_examples=60)
@given(st.lists(_CHANGES, max_size=15))
def test_spans_never_overlap_and_offsets_are_the_time_before(changes: list[object]) -> None:
    story = [change(float(t)) for t, change in enumerate(changes)]  # type: ignore[operator]
    ledger = fold([*story, ended(100)])
    assert ledger.is_over
    before = timedelta(0)
    for earlier, later in zip(ledger.spans, ledger.spans[1:], strict=False):
        assert earlier.ended_at <= later.started_at
    for span in ledger.spans:
        if span.is_in_file:
            assert span.offset_time == before
            before += span.length_time
        else:
            assert span.reason == NOT_RECORDING
    assert ledger.expected_time == before <= ledger.connected_time
