"""Two clocks, and why a server did not answer, in words."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain.diagnosis import clocks, reason_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("apart_s", "way_s", "words"),
    [
        (0.0, 0.0, ""),
        (1.9, 0.0, ""),
        (-1.9, 0.0, ""),
        (2.6, 0.2, "Redis's clock is 3 s ahead of ours: let both follow NTP"),
        (2.6, 2.0, ""),  # who answers late may be right
        (-3600.0, 2.0, "Redis's clock is 3600 s behind ours: let both follow NTP"),
    ],
)
def test_clocks(apart_s: float, way_s: float, words: str) -> None:
    asked_at = datetime(2026, 3, 2, tzinfo=UTC)
    told_at = asked_at + timedelta(seconds=way_s / 2 + apart_s)
    assert clocks("Redis's", told_at, asked_at, asked_at + timedelta(seconds=way_s)) == words


def test_the_first_cause_is_told() -> None:
    secret = RuntimeError("with a password: s3cret")
    secret.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert reason_of(secret) == "Connection refused"
    assert reason_of(TimeoutError("late")) == "no answer in time"
    assert (
        reason_of(socket.gaierror(-2, "Name or service not known")) == "the host's name is unknown"
    )
    assert reason_of(RuntimeError("with a password: s3cret")) == "RuntimeError"
