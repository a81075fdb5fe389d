"""Freed and asked again, overtakings and the makespan, from what phones saw on the wire."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bench.reaction_times import Served, gaps_ms, ideal_s, inversions, makespan_s, served
from bench.sip_trace import messages

pytestmark = pytest.mark.unit

TRACE = """----------------------------------------------- 2026-11-22 01:27:00.500000
UDP message received [554] bytes :

INVITE sip:30001@127.0.0.1:44244 SIP/2.0
From: "Caller; one" <sip:861@127.0.0.1>;tag=1
To: <sip:30001@127.0.0.1:44244>
Call-ID: a

body: no header

----------------------------------------------- 2026-11-22 01:27:00.510000
UDP message sent (316 bytes):

SIP/2.0 180 Ringing
Call-ID: a

----------------------------------------------- 2026-11-22 01:27:01.000000
UDP message received [554] bytes :

INVITE sip:30001@127.0.0.1:44244 SIP/2.0
From: <sip:861@127.0.0.1>
Call-ID: a

----------------------------------------------- 2026-11-22 01:27:02.500000
UDP message sent (400 bytes):

BYE sip:861@127.0.0.1 SIP/2.0
Call-ID: a

----------------------------------------------- 2026-11-22 01:27:02.503500
UDP message received [554] bytes :

INVITE sip:30001@127.0.0.1:44244 SIP/2.0
From: <sip:862@127.0.0.1>
Call-ID: b

"""
START = datetime(2026, 11, 22, 1, 27).astimezone()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def one(caller: str, phone: str, invite: float, bye: float) -> Served:
    return Served(caller, phone, at(invite), at(bye))


def test_a_call_at_a_phone_is_its_first_invite_and_its_first_bye() -> None:
    assert [m.first_line.split()[0] for m in messages(TRACE)] == [
        "INVITE", "SIP/2.0", "INVITE", "BYE", "INVITE",
    ]  # fmt: skip
    assert served(messages(TRACE)) == [one("861", "30001", 0.5, 2.5)], "the second didn't end"


def test_a_gap_counts_only_while_somebody_waits() -> None:
    calls = [
        one("1", "p", 0, 2),
        one("2", "q", 0.1, 5),
        one("3", "p", 2.01, 4),
        one("4", "p", 9, 10),
    ]
    joined = {"1": at(0), "2": at(0), "3": at(1), "4": at(8.9)}
    assert gaps_ms(calls, joined) == [pytest.approx(10)]


def test_who_joined_before_somebody_who_was_served_first_was_overtaken() -> None:
    calls = [one("2", "p", 0, 1), one("1", "q", 0.5, 2), one("3", "p", 1, 3), one("4", "q", 2, 3)]
    joined = {"1": at(-2), "2": at(-1), "3": at(0), "4": at(0)}
    assert inversions(calls, joined) == 1
    assert inversions(calls, joined | {"4": at(-3)}) == 2


def test_the_ideal_has_the_same_talks_without_a_gap() -> None:
    calls = [one("1", "p", 0, 2), one("2", "q", 0.5, 1.5), one("3", "q", 2.5, 5.5)]
    joined = {"1": at(0), "2": at(0), "3": at(0.2)}
    assert makespan_s(calls, joined) == pytest.approx(5.5)
    assert ideal_s(calls, joined) == pytest.approx(4), "3 follows 2 at once"
    assert ideal_s(calls, joined | {"3": at(7)}) == pytest.approx(10)
