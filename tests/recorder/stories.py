"""Calls as lists of events, and raw files as Asterisk would have written them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from recorder.model import SAMPLE_RATE

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = CallId("pbx1-1790000000.1-12345")
DESK = Endpoint("1001")
LINA = AgentId("u1")
SUPPORT = QueueName("support")


def at(seconds: float) -> datetime:
    """An instant of the story."""
    return T0 + timedelta(seconds=seconds)


def reserved(seconds: float, call_id: CallId = CALL) -> ev.AgentReserved:
    """The ACD chose Lina."""
    return ev.AgentReserved(
        at=at(seconds),
        call_id=call_id,
        agent_id=LINA,
        queue=SUPPORT,
        endpoint=DESK,
        wait_time=timedelta(0),
    )


def started(seconds: float, call_id: CallId = CALL) -> ev.RecordingStarted:
    """MixMonitor runs."""
    return ev.RecordingStarted(at=at(seconds), call_id=call_id)


def connected(seconds: float, call_id: CallId = CALL) -> ev.CallConnected:
    """Lina and the caller hear each other."""
    return ev.CallConnected(at=at(seconds), call_id=call_id, leg_id=LegId("l1"), endpoint=DESK)


def stopped(seconds: float, call_id: CallId = CALL) -> ev.RecordingStopped:
    """MixMonitor closed the file."""
    return ev.RecordingStopped(at=at(seconds), call_id=call_id)


def ended(seconds: float, call_id: CallId = CALL) -> ev.CallEnded:
    """The caller is gone."""
    return ev.CallEnded(at=at(seconds), call_id=call_id, cause=16, ended_by="caller")


def plain_call(talk: float = 2.0, call_id: CallId = CALL) -> list[ev.Event]:
    """Chosen, rung, talked for so many seconds, hung up."""
    return [
        reserved(0, call_id),
        started(0.1, call_id),
        connected(3, call_id),
        stopped(3 + talk, call_id),
        ended(3 + talk, call_id),
    ]


def tone(seconds: float, frequency: float, level: float = 0.3) -> NDArray[np.float64]:
    """A sine; ``level`` 1.0 is full scale."""
    moments = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(level * np.sin(2 * np.pi * frequency * moments), np.float64)


def stereo(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.int16]:
    """Two sides as 16-bit frames."""
    return np.asarray(np.round(np.stack([left, right], axis=1) * 32767), "<i2")


def raw_bytes(seconds: float) -> bytes:
    """A raw file: the caller at 440 Hz, the agent at 1,000."""
    return stereo(tone(seconds, 440), tone(seconds, 1000)).tobytes()
