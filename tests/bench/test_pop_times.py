"""The witnesses of a pop are joined by agent and call, and by the phone's own trace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.pop_times import PopSample, join, ringing, share_before
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId

pytestmark = pytest.mark.unit

CHOSEN = datetime(2026, 11, 22, 1, 27, 0, 500_000, UTC)
ANN, BOB = AgentId("ann"), AgentId("bob")
CALL, OTHER = CallId("pbx1-1-1"), CallId("pbx1-1-2")
EXTENSIONS = {ANN: "1001", BOB: "1002"}
TRACE = """----------------------------------------------- 2026-11-22 01:27:00.510098
UDP message received [554] bytes :

INVITE sip:1001@127.0.0.1:44244 SIP/2.0
To: <sip:1001@127.0.0.1:44244>

----------------------------------------------- 2026-11-22 01:27:00.520276
UDP message sent (316 bytes):

SIP/2.0 180 Ringing
From: "Simulated caller" <sip:sim@127.0.0.1:60030>;tag=5744SIM1
To: <sip:1001@127.0.0.1:44244>;tag=5742SIM1

----------------------------------------------- 2026-11-22 01:27:01.719973
UDP message sent (523 bytes):

SIP/2.0 200 OK
To: <sip:1002@127.0.0.1:44244>;tag=5742SIM1

"""


def after(**time: float) -> datetime:
    return CHOSEN + timedelta(**time)


def sent(call_id: CallId, agent_id: AgentId) -> ev.PopSent:
    return ev.PopSent(at=CHOSEN, call_id=call_id, agent_id=agent_id, chosen_at=CHOSEN)


def timed(call_id: CallId, agent_id: AgentId) -> ev.PopTimed:
    return ev.PopTimed(
        at=after(seconds=1), call_id=call_id, agent_id=agent_id, paint_time=None,
        socket_time=timedelta(milliseconds=2), ring_time=timedelta(milliseconds=25),
    )  # fmt: skip


def test_only_a_180_that_was_sent_counts_and_keeps_its_phone() -> None:
    rings = ringing(TRACE)
    local = datetime(2026, 11, 22, 1, 27, 0, 520_276).astimezone()
    assert rings == {"1001": [local]}


def test_a_pop_is_joined_with_its_desktop_and_its_own_ring() -> None:
    rings = {"1001": [after(seconds=-4), after(milliseconds=20), after(seconds=5)]}
    [sample] = join(
        [sent(CALL, ANN), timed(CALL, ANN)],
        {(ANN, CALL): after(milliseconds=3), (BOB, CALL): after(milliseconds=1)},
        rings,
        EXTENSIONS,
    )
    assert sample == PopSample(CALL, ANN, 2, None, 25, 3, 20)


def test_what_was_not_seen_is_none_not_zero() -> None:
    [sample] = join([sent(CALL, ANN), timed(CALL, ANN)], {}, {"1002": [CHOSEN]}, EXTENSIONS)
    assert (sample.arrival_ms, sample.phone_ms, sample.paint_ms) == (None, None, None)


def test_a_call_offered_twice_is_left_out() -> None:
    events = [
        sent(CALL, ANN),
        sent(CALL, BOB),
        timed(CALL, BOB),
        sent(OTHER, ANN),
        timed(OTHER, ANN),
    ]
    assert [s.call_id for s in join(events, {}, {}, EXTENSIONS)] == [OTHER]


def test_the_share_before_the_ring_counts_pops_that_both_saw() -> None:
    samples = [
        PopSample(CALL, ANN, 2, None, None, arrival, rang)
        for arrival, rang in ((1, 5), (6, 5), (None, 5), (1, None), (2, 5), (5, 5))
    ]
    assert share_before(samples, lambda s: s.arrival_ms) == 50
