"""``ringdesk reconcile`` on a real database and on files as Asterisk writes them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cti.config import load_settings
from cti.domain import events as ev
from cti.servers import open_database
from cti.storage.journal import SqlJournal
from cti.witness.files import WitnessFiles
from tests.cli.told import Ring
from tests.cti.witness.story import Story, text_of

pytestmark = pytest.mark.contract


async def _record(story: Story) -> None:
    database = await open_database(load_settings())
    journal = SqlJournal(database)
    await journal.start()
    for event in story.events:
        journal.record(event)
    await journal.stop()
    await database.close()


def lay_out(home: Path, story: Story) -> None:
    """The installation in which this happened."""
    files = WitnessFiles(home / "asterisk/log")
    for kind, text in (("cel", text_of(story.rows)), ("cdr", text_of(story.records))):
        files.current(kind).parent.mkdir(parents=True)
        files.current(kind).write_bytes(text)
    asyncio.run(_record(story))


@pytest.fixture
def story() -> Story:
    told = Story()
    told.queue_call(0, 0)
    told.queue_call(100, 10)
    return told


def test_nothing_differs(ringdesk: Ring, home: Path, story: Story) -> None:
    lay_out(home, story)
    told = ringdesk("reconcile")
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "2 calls with 4 legs compared (instants in UTC)",
        "no differences",
    ]
    answer = json.loads(ringdesk("reconcile", "--json").stdout)
    assert (answer["compared"]["calls"], answer["differences"], answer["repaired"]) == (2, [], [])
    assert (
        json.loads(ringdesk("reconcile", "--day", "2019-01-01", "--json").stdout)["compared"][
            "calls"
        ]
        == 0
    )


def test_a_difference_is_one_line_and_exit_status_1(
    ringdesk: Ring, home: Path, story: Story
) -> None:
    lay_out(home, story.without(lambda e: isinstance(e, ev.CallConnected)))
    told = ringdesk("reconcile")
    assert told.exit_code == 1
    *lines, summary, verdict = told.stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["talk", "talk"]
    assert "never together" in lines[0]
    assert (summary.split()[0], verdict) == ("2", "2 differences")


def test_nothing_to_compare_is_exit_status_2(ringdesk: Ring, home: Path, story: Story) -> None:
    told = ringdesk("reconcile")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith("ringdesk: nothing to compare in ")
    home.mkdir()
    asyncio.run(_record(story))
    assert ringdesk("reconcile", "--json").exit_code == 2


def test_without_cdr_the_command_says_so(ringdesk: Ring, home: Path, story: Story) -> None:
    lay_out(home, story)
    WitnessFiles(home / "asterisk/log").current("cdr").unlink()
    told = ringdesk("reconcile")
    assert told.exit_code == 0
    assert "there are no CDR of that time, CEL only" in told.stdout
