"""``ringdesk journal`` on a real database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cti.config import load_settings
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.servers import open_database
from cti.storage.journal import SqlJournal
from tests.cli.told import Ring, refusal

pytestmark = pytest.mark.contract

CALL = CallId("pbx1-1.1-1")


AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def write(*events: ev.Event) -> None:
    async def record() -> None:
        database = await open_database(load_settings())
        journal = SqlJournal(database)
        await journal.start()
        for event in events:
            journal.record(event)
        await journal.stop()
        await database.close()

    asyncio.run(record())


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


CALL_EVENTS: tuple[ev.Event, ...] = (
    ev.CallOffered(at=AT, call_id=CALL, leg_id=LegId("pbx1-1.1"), ani="13800138000", dnis="4000"),
    ev.CallEnqueued(at=later(4), call_id=CALL, queue=QueueName("sales"), enqueued_at=later(4)),
    ev.LegDialled(at=later(65), call_id=CALL, leg_id=LegId("pbx1-1.2"), endpoint=Endpoint("1001w")),
    ev.CallConnected(
        at=later(70.5), call_id=CALL, leg_id=LegId("pbx1-1.2"), endpoint=Endpoint("1001w")
    ),
    ev.CallEnded(at=later(3800), call_id=CALL, cause=16, ended_by="caller"),
    ev.AgentStateChanged(
        at=later(3800.25),
        agent_id=AgentId("lina"),
        state="WRAP_UP",
        previous="TALKING",
        call_id=CALL,
    ),
)


def test_a_calls_life_can_be_read_by_people(ringdesk: Ring, home: Path) -> None:
    home.mkdir()
    write(*CALL_EVENTS)
    told = ringdesk("journal", CALL)
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "2026-11-22 (UTC)",
        "1 09:00:00.000 CallOffered leg_id=pbx1-1.1 direction=inbound dnis=4000",
        (
            "2 09:00:04.000 +4.000s CallEnqueued queue=sales enqueued_at=2026-11-22T09:00:04+00:00 "
            "credit_time=0.0 attempt=0"
        ),
        "3 09:01:05.000 +61.000s LegDialled leg_id=pbx1-1.2 endpoint=1001w role=agent",
        "4 09:01:10.500 +5.500s CallConnected leg_id=pbx1-1.2 endpoint=1001w",
        "5 10:03:20.000 +3730s CallEnded cause=16 ended_by=caller",
        (
            "6 10:03:20.250 +0.250s AgentStateChanged "
            "agent_id=lina state=WRAP_UP previous=TALKING by=system away_time=0.0 extended=0"
        ),
        "",
        "09:00:00 menu 4.0s",
        "09:00:04 queue 1:01 sales",
        "09:01:05 ringing 5.5s 1001w",
        "09:01:10 talking 1:02:10 1001w",
        "10:03:20 wrap_up goes on lina",
        "answered; waited 1:06, 0 without answer, 0 transfers, 0 repairs",
    ]
    assert len({line.index("Call") for line in lines if " Call" in line}) == 1  # in columns
    assert "13800138000" not in told.stdout
    assert "ani=13800138000" in ringdesk("journal", CALL, "--personal").stdout


def test_how_a_call_sounded_stands_beneath_its_life(ringdesk: Ring, home: Path) -> None:
    home.mkdir()
    measured = ev.ConnectionMeasured(
        at=later(3800.1),
        call_id=CALL,
        agent_id=AgentId("lina"),
        endpoint=Endpoint("1001w"),
        measured_time=timedelta(seconds=300),
        lost_in=0.25,
        lost_out=1.5,
        jitter_time=timedelta(milliseconds=6.4),
        round_trip_time=timedelta(milliseconds=42),
        mos=4.31,
        worst_mos=2.9,
    )
    write(*CALL_EVENTS[:5], measured)
    told = [" ".join(line.split()) for line in ringdesk("journal", CALL).stdout.splitlines()]
    assert told[-2] == (
        "10:03:20 sound 5:00 1001w MOS 4.3 (worst 2.9), lost to him 0.25 %, from him 1.5 %, "
        "jitter 6 ms, round trip 42 ms"
    )


def test_the_journal_for_programs_and_its_refusals(ringdesk: Ring, home: Path) -> None:
    home.mkdir()
    write(*CALL_EVENTS)
    rows = [json.loads(line) for line in ringdesk("journal", CALL, "--json").stdout.splitlines()]
    assert [set(row) for row in rows] == [{"sequence", "at", "event", "data"}] * 6
    assert rows[0]["data"]["dnis"] == "4000"
    assert "ani" not in rows[0]["data"]
    shown = json.loads(ringdesk("journal", CALL, "--json", "--personal").stdout.splitlines()[0])
    assert shown["data"]["ani"] == "13800138000"
    assert ringdesk("journal", "--last", "1", "--json").stdout.count("\n") == 1
    assert "AgentStateChanged" in ringdesk("journal", "--last", "1").stdout
    assert refusal(ringdesk("journal", "pbx1-9.9-9")) == "no such events"
    assert refusal(ringdesk("journal", "rubbish")).startswith("not a valid call id")
    assert ringdesk("journal", "--verify").stdout == "the hash chain holds\n"


def test_what_is_derived_from_the_journal_can_be_made_again(ringdesk: Ring, home: Path) -> None:
    home.mkdir()
    write(*CALL_EVENTS)

    def outcomes() -> list[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(load_settings().database_file)) as database:
            return database.execute("SELECT call_id, outcome FROM calls").fetchall()

    assert outcomes() == []
    assert ringdesk("journal", "--rebuild").stdout.startswith("made again from 6 events in ")
    assert outcomes() == [(CALL, "answered")]
    assert json.loads(ringdesk("journal", "--rebuild", "--json").stdout)["events"] == 6
    assert outcomes() == [(CALL, "answered")]
