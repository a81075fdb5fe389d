"""``ringdesk figures`` on a real database: the table, the plot, the JSON, and plain words when asked for nonsense."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cti.config import load_settings
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.servers import open_database
from cti.storage.journal import SqlJournal
from tests.cli.told import Ring, refusal

pytestmark = pytest.mark.contract

COMPANY = """
queues: [{name: sales, label: {en: Sales}}, {name: help, label: {en: Help}, service_level_time: PT60S}]
hours: [{name: office, time_zone: Europe/Berlin}]
flows: [{name: main, start: w, nodes: [{name: w, kind: queue, queue: sales}]}]
default_flow: main
numbers: []
"""
T0 = datetime(2026, 11, 22, 8, 2, tzinfo=UTC)
SALES = QueueName("sales")


def call(number: int, minutes: float, wait: float, *, is_answered: bool) -> list[ev.Event]:
    call_id, begin = CallId(f"c{number}"), T0 + timedelta(minutes=minutes)
    end = begin + timedelta(seconds=wait)

    def told(of: type[ev.Event], at: datetime, **values: Any) -> ev.Event:
        return of(at=at, call_id=call_id, **values)  # type: ignore[call-arg]

    story = [told(ev.CallEnqueued, begin, queue=SALES, enqueued_at=begin)]
    if is_answered:
        story += [
            told(ev.CallConnected, end, leg_id=LegId("1"), endpoint=Endpoint("1001")),
            told(ev.CallAnswered, end, agent_id=AgentId("lina"), queue=SALES,
                 wait_time=timedelta(seconds=wait)),
        ]  # fmt: skip
        end += timedelta(seconds=100)
    return [*story, told(ev.CallEnded, end, cause=16, ended_by="caller")]


@pytest.fixture
def day(home: Path) -> None:
    """A morning of four calls, written by a service that has died before it counted them."""
    settings = load_settings()
    home.mkdir(parents=True, exist_ok=True)
    (home / "company.yaml").write_text(COMPANY, encoding="utf-8")

    async def record() -> None:
        database = await open_database(settings)
        journal = SqlJournal(database)
        await journal.start()
        for event in (
            *call(1, 0, 10, is_answered=True),
            *call(2, 1, 50, is_answered=True),
            *call(3, 20, 2, is_answered=False),
            *call(4, 21, 90, is_answered=False),
        ):
            journal.record(event)
        await journal.stop()
        await database.close()

    asyncio.run(record())


@pytest.mark.usefixtures("day")
def test_the_day_as_a_table_and_a_plot(ringdesk: Ring) -> None:
    told = ringdesk("figures", "--day", "2026-11-22")
    lines = told.stdout.splitlines()
    assert lines[0] == "Sunday 2026-11-22, Europe/Berlin"
    [sales] = [" ".join(line.split()) for line in lines if line.startswith("sales")]
    assert sales == "sales 4 2 1 33 % 2 1 0 0 0 0:30 1:30 1:40 0"
    [help_] = [" ".join(line.split()) for line in lines if line.startswith("help")]
    assert help_ == "help 0 0 0 – 0 0 0 0 0 – 0:00 – 0"
    assert "in time: 20 s, short: below 5 s (sales" in told.stdout
    assert "09:00  █▓ 2, 50 % in time" in lines
    assert "09:15  ░░ 2, 0 % in time" in lines


@pytest.mark.usefixtures("day")
def test_one_queue_for_programs(ringdesk: Ring) -> None:
    told = json.loads(
        ringdesk("figures", "--queue", "sales", "--day", "2026-11-22", "--json").stdout
    )
    [sales] = told["queues"]
    assert (told["day"], told["time_zone"], sales["name"]) == (
        "2026-11-22",
        "Europe/Berlin",
        "sales",
    )
    assert (sales["total"]["offered"], sales["total"]["service_level"]) == (4, 0.333)
    assert [part["begins"] for part in sales["parts"]] == [
        "2026-11-22T09:00:00+01:00",
        "2026-11-22T09:15:00+01:00",
    ]


@pytest.mark.usefixtures("day")
def test_a_day_without_calls_and_a_queue_that_is_not_there(ringdesk: Ring) -> None:
    assert "nobody was offered" in ringdesk("figures", "--day", "2020-01-01").stdout
    assert "there is no queue nobody: sales, help" in refusal(
        ringdesk("figures", "--queue", "nobody")
    )


def test_where_nothing_has_run_it_says_so(ringdesk: Ring) -> None:
    assert "nothing has run there yet" in refusal(ringdesk("figures"))
