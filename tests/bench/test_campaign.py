"""The campaign goes on where it was stopped, and tries a failed round again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import campaign
from tests.campaign import ROOT, ROWS, Row

pytestmark = pytest.mark.unit
COSTS = {"rounds": 1, "calls": 9, "lost": 0, "places": 0, "gaps": 0, "ghosts": 0, "stuck": 0}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The rounds that were run; the second round of row b fails once."""
    rounds: list[tuple[str, int]] = []
    fails = {("row b", 1)}

    def run_round(row: Row, number: int, costs: Path) -> tuple[bool, str]:
        rounds.append((row.name, number))
        is_well = (row.name, number) not in fails
        fails.discard((row.name, number))
        stuck = {} if is_well else {"stuck": 2}
        line = {**COSTS, **stuck, "fault": "a cut", "truth": [1.5], "notes": []}
        costs.write_text(json.dumps(line) + "\n", encoding="utf-8")
        return is_well, "what it said"

    monkeypatch.setattr(campaign, "ROWS", (Row("row a", "x", 1), Row("row b", "y", 2)))
    monkeypatch.setattr(campaign, "run_round", run_round)
    return rounds


def test_every_row_names_a_module_that_exists() -> None:
    assert all((ROOT / row.module).is_file() for row in ROWS)


def test_a_stopped_campaign_goes_on_and_a_failed_round_is_tried_again(
    ran: list[tuple[str, int]], tmp_path: Path
) -> None:
    assert campaign.main([], tmp_path) == 1
    assert ran == [("row a", 0), ("row b", 0), ("row b", 1)]
    assert (tmp_path / "row-b/1-failure1.log").read_text() == "what it said"
    ran.clear()
    assert campaign.main([], tmp_path) == 0
    assert ran == [("row b", 1)]
    ran.clear()
    assert campaign.main(["--again", "--row", "row a"], tmp_path) == 0
    assert ran == [("row a", 0)]


def test_what_faults_cost_is_added_up_over_the_last_run_of_each_round(
    ran: list[tuple[str, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign.main([], tmp_path)
    [fault] = json.loads((tmp_path / "faults.json").read_text())["faults"]
    assert (fault["rounds"], fault["calls"], fault["stuck"]) == (3, 27, 2)
    campaign.main([], tmp_path)
    told = json.loads((tmp_path / "faults.json").read_text())
    [fault] = told["faults"]
    assert (fault["rounds"], fault["stuck"], fault["truth"]) == (3, 0, [1.5, 1.5, 1.5])
    assert told["rows"][1] == "row b: 2 of 2 rounds passed, 1 failures on the way"
    ran.clear()
    capsys.readouterr()
    assert campaign.main(["--table"], tmp_path) == 0
    assert "a cut" in capsys.readouterr().out
    assert not ran


def test_a_row_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        campaign.main(["--row", "R99"], tmp_path)


def test_a_round_is_told_its_seed(tmp_path: Path) -> None:
    environment = ROWS[0].environment(7, tmp_path)
    assert environment["RINGDESK_FAULT_SEED"] == "7"
    assert environment["RINGDESK_FAULT_ROUNDS"] == "1"
    assert Row("r", "x", 2, "SEED", (), 100).environment(3, tmp_path)["SEED"] == "300"
