"""The campaign goes on where it was stopped, and tries a failed round again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import campaign
from tests.campaign import ROOT, ROWS, Row

pytestmark = pytest.mark.unit


def test_every_row_names_a_module_that_exists() -> None:
    assert all((ROOT / row.module).is_file() for row in ROWS)


def test_a_stopped_campaign_goes_on_and_a_failed_round_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[tuple[str, int]] = []
    fails = {("row b", 1)}

    def run_round(row: Row, number: int) -> tuple[bool, float]:
        ran.append((row.name, number))
        return (row.name, number) not in fails, 0.0

    monkeypatch.setattr(campaign, "ROWS", (Row("row a", "x", 1), Row("row b", "y", 2)))
    monkeypatch.setattr(campaign, "run_round", run_round)
    state = tmp_path / "campaign.json"
    assert campaign.main([], state) == 1
    assert ran == [("row a", 0), ("row b", 0), ("row b", 1)]
    fails.clear()
    ran.clear()
    assert campaign.main([], state) == 0
    assert ran == [("row b", 1)]
    assert json.loads(state.read_text())["row b"] == {"0": "passed", "1": "passed"}
    ran.clear()
    assert campaign.main(["--again", "row a"], state) == 0
    assert ran == [("row a", 0)]


def test_a_round_is_told_its_seed() -> None:
    environment = ROWS[0].environment(7)
    assert environment["RINGDESK_FAULT_SEED"] == "7"
    assert environment["RINGDESK_FAULT_ROUNDS"] == "1"


def test_what_faults_cost_is_added_up_over_all_rounds(tmp_path: Path) -> None:
    row = {
        "fault": "a cut",
        "rounds": 1,
        "calls": 9,
        "lost": 0,
        "places": 0,
        "gaps": 1,
        "ghosts": 0,
    }
    lines = [{**row, "stuck": stuck, "notes": []} for stuck in (0, 2)]
    lines.append({**lines[0], "fault": "a stall"})
    costs = tmp_path / campaign.COSTS.name
    costs.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    table = campaign.fault_table(tmp_path)
    assert [(r["fault"], r["rounds"], r["calls"], r["gaps"], r["stuck"]) for r in table] == [
        ("a cut", 2, 18, 2, 2),
        ("a stall", 1, 9, 1, 0),
    ]
    assert json.loads((tmp_path / "faults.json").read_text(encoding="utf-8")) == table
