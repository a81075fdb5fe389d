"""``ringdesk journal`` on a real database."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cti.bootstrap import open_database
from cti.config import load_settings
from cti.domain import events as ev
from cti.domain.ids import CallId, LegId
from cti.storage.journal import SqlJournal
from tests.cli.told import Ring, refusal

pytestmark = pytest.mark.contract

CALL = CallId("pbx1-1.1-1")


def test_the_journal_of_a_call(ringdesk: Ring, home: Path) -> None:
    home.mkdir()

    async def write() -> None:
        database = await open_database(load_settings())
        at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        offered = ev.CallOffered(
            at=at, call_id=CALL, leg_id=LegId("pbx1-1.1"), ani="13800138000", dnis="4000"
        )
        journal = SqlJournal(database)
        await journal.start()
        journal.record(offered)
        journal.record(ev.CallEnded(at=at, call_id=CALL, cause=16, ended_by="caller"))
        await journal.stop()
        await database.close()

    asyncio.run(write())
    plain = ringdesk("journal", CALL)
    assert plain.exit_code == 0
    assert [line.split()[2] for line in plain.stdout.splitlines()] == ["CallOffered", "CallEnded"]
    assert "13800138000" not in plain.stdout
    rows = [json.loads(line) for line in ringdesk("journal", CALL, "--json").stdout.splitlines()]
    assert [set(row) for row in rows] == [{"sequence", "at", "event", "data"}] * 2
    assert rows[0]["data"]["dnis"] == "4000"
    assert "ani" not in rows[0]["data"]
    shown = json.loads(ringdesk("journal", CALL, "--json", "--personal").stdout.splitlines()[0])
    assert shown["data"]["ani"] == "13800138000"
    assert ringdesk("journal", "--last", "1").stdout.count("\n") == 1
    assert refusal(ringdesk("journal", "pbx1-9.9-9")) == "no such events"
    assert refusal(ringdesk("journal", "rubbish")).startswith("not a valid call id")
    assert ringdesk("journal", "--verify").stdout == "the hash chain holds\n"
