"""``ringdesk whatif`` as a person meets it: a centre in figures, and a day of a real journal."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cti.cli.deployment import sample_company
from cti.config import load_settings
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName
from cti.domain.people import Role, User
from cti.servers import open_database
from cti.storage.journal import SqlJournal
from cti.storage.people import SqlAccounts
from tests.cli.told import Ring, refusal

SMALL = ("whatif", "--agents", "2", "--calls-per-hour", "30", "--hours", "0.5", "--seeds", "2")
DAY = datetime(2026, 11, 20).astimezone()
SALES, LINA = QueueName("sales"), AgentId("lina")


@pytest.mark.unit
def test_scenarios_stand_beside_the_present(ringdesk: Ring, tmp_path: Path) -> None:
    plot = tmp_path / "days.svg"
    told = ringdesk(
        *SMALL, "--patience", "60", "--change", "agents+2", "--plot", str(plot), "--json"
    )
    answer = json.loads(told.stdout)
    present, more = answer["scenarios"]
    assert (present["name"], more["name"]) == ("as it is", "agents+2")
    assert present["service_level"]["difference"] is None
    assert more["service_level"]["difference"] == pytest.approx(
        more["service_level"]["mean"] - present["service_level"]["mean"]
    )
    assert more["abandonment"]["mean"] <= present["abandonment"]["mean"]
    assert "agents+2" in plot.read_text(encoding="utf-8")


@pytest.mark.unit
def test_a_share_of_nobody_is_null(ringdesk: Ring) -> None:
    lost = ringdesk(*SMALL, "--patience", "0.001", "--json").stdout
    assert "NaN" not in lost
    assert json.loads(lost)["scenarios"][0]["answer_s"]["mean"] is None


@pytest.mark.unit
def test_the_text_names_what_it_shows(ringdesk: Ring) -> None:
    lines = ringdesk(*SMALL, "--change", "home@09:10").stdout.splitlines()
    assert lines[0].startswith("2 simulated days of 15 calls, 2 agents; in time: within 20 s")
    assert [line for line in lines if line and not line.startswith((" ", "2 "))] == [
        "as it is",
        "home@09:10",
    ]


@pytest.mark.unit
def test_a_profile_from_a_file(ringdesk: Ring, tmp_path: Path) -> None:
    file = tmp_path / "week.csv"
    file.write_text("08:00,12\n08:30,24,help\n09:00,0\n09:00,0,help\n", encoding="utf-8")
    told = ringdesk("whatif", "--agents", "1", "--profile", str(file), "--seeds", "2", "--json")
    assert json.loads(told.stdout)["calls_a_day"] == 12 + 12


@pytest.mark.unit
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["whatif"], "agents: give --agents with --calls-per-hour or --profile, or --day"),
        ([*SMALL, "--change", "more"], "change: 'more' isn't understood; write it like agents+2"),
        ([*SMALL, "--wrap-up", "200"], "wrap-up: from 0 to less than aht"),
        ([*SMALL, "--answer", "20"], "answer: from 0 to less than the ring time"),
        ([*SMALL, "--patience", "0"], "patience: must be above zero"),
        (["whatif", "--agents", "1", "--profile", "none.csv"], "profile none.csv: No such file"),
        (["whatif", "--day", "2026-11-20"], "there is no journal in"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(
    ringdesk: Ring, arguments: list[str], words: str
) -> None:
    assert words in refusal(ringdesk(*arguments))


@pytest.mark.unit
def test_a_picture_that_could_not_be_written_is_refused_before_anything_is_simulated(
    ringdesk: Ring, tmp_path: Path
) -> None:
    nowhere = tmp_path / "none" / "days.svg"
    told = refusal(ringdesk(*SMALL, "--plot", str(nowhere)))
    assert told == f"plot: there is no folder {nowhere.parent}; make it, or write elsewhere"


@pytest.mark.unit
def test_a_profile_that_is_not_understood(ringdesk: Ring, tmp_path: Path) -> None:
    for text, words in (
        ("9 o'clock,12", "line 1 is not `HH:MM,calls per hour`"),
        ("09:00,12", "nobody calls; end the last stretch with a line of 0"),
    ):
        file = tmp_path / "week.csv"
        file.write_text(text, encoding="utf-8")
        assert words in refusal(ringdesk("whatif", "--agents", "1", "--profile", str(file)))


async def _a_day(calls: int) -> None:
    """Lina signs in at nine and takes a call every five minutes, a minute each."""
    settings = load_settings()
    database = await open_database(settings)
    await SqlAccounts(database).save(User(LINA, "lina", "Lina", "1", "1001", Role.AGENT))
    journal = SqlJournal(database)
    await journal.start()

    def state(at: datetime, state: str, previous: str) -> None:
        journal.record(ev.AgentStateChanged(at=at, agent_id=LINA, state=state, previous=previous))

    state(DAY + timedelta(hours=9), "READY", "NOT_READY")
    for number in range(calls):
        at, call_id = DAY + timedelta(hours=9, minutes=5 * number), CallId(f"pbx1-{number}.1-1")
        took = timedelta(seconds=4)
        journal.record(ev.CallEnqueued(at=at, call_id=call_id, queue=SALES, enqueued_at=at))
        journal.record(
            ev.AgentReserved(
                at=at, call_id=call_id, agent_id=LINA, queue=SALES, endpoint=Endpoint("1001"), wait_time=timedelta(0)
            )
        )  # fmt: skip
        journal.record(
            ev.CallAnswered(
                at=at + took, call_id=call_id, agent_id=LINA, queue=SALES, wait_time=took
            )
        )
        state(at + took, "TALKING", "RINGING")
        state(at + timedelta(minutes=1), "READY", "TALKING")
    state(DAY + timedelta(hours=17), "LOGGED_OUT", "READY")
    await journal.stop()
    await database.close()


@pytest.mark.contract
def test_a_day_of_the_journal(ringdesk: Ring, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "company.yaml").write_text(sample_company(), encoding="utf-8")
    asyncio.run(_a_day(24))
    told = ringdesk(
        "whatif", "--day", f"{DAY:%Y-%m-%d}", "--change", "home@09:30", "--seeds", "2", "--json"
    )
    answer = json.loads(told.stdout)
    assert answer["measured"] == {
        "offered": 24,
        "answered": 24,
        "abandoned": 0,
        "service_level": 1.0,
        "answer_s": 4.0,
    }
    assert (answer["agents"], answer["calls_a_day"]) == (1, 24)
    present, early = answer["scenarios"]
    assert present["left"]["mean"] == 0
    assert early["left"]["mean"] > 0  # nobody hangs up, and the only agent goes home
    assert "nobody was answered" in refusal(ringdesk("whatif", "--day", "2026-11-21"))


@pytest.mark.unit
def test_a_storms_picture_is_refused_as_early(ringdesk: Ring, tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "storm.svg"
    told = refusal(ringdesk("simulate", "--storm", "3", "--plot", str(nowhere)))
    assert told == f"plot: there is no folder {nowhere.parent}; make it, or write elsewhere"
