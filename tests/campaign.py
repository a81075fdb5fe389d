"""``make campaign``: the fault and attack rows at full count, for hours, outside CI; goes on where it was stopped.

Each round is a run of one test module with a seed of its own, in a process of its own. What is done stands in
``bench-results/campaign.json``; rounds that failed are tried again at the next start, with their output kept beside it.
What each fault cost is added up over all rounds in ``bench-results/faults.json`` and printed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.asterisk.fault_table import COUNTS, as_text

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "bench-results"
COSTS = FOLDER / "fault-rounds.jsonl"
"""A line for each fault of each round, as ``tests/asterisk/fault_table.py`` writes them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the fault or attack table: a module, how often, and what a round is told."""

    name: str
    module: str
    rounds: int
    seed_variable: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    def environment(self, number: int) -> dict[str, str]:
        """What round ``number`` (from 0) is started with."""
        seed = {self.seed_variable: str(number)} if self.seed_variable else {}
        costs = {"RINGDESK_FAULT_JSON": str(COSTS)}
        return {**os.environ, **costs, **dict(self.settings), **seed}


_SEED = "RINGDESK_FAULT_SEED"
_ONE = (("RINGDESK_FAULT_ROUNDS", "1"),)
ROWS = (
    Row("R1 R2 R14 kill, freeze and stop", "tests/asterisk/test_faults.py", 20, _SEED, _ONE),
    Row("R1 kill in a transfer or a consultation", "tests/asterisk/test_faults_transfers.py", 20, _SEED, _ONE),
    Row("R3 AMI cut, swallowed, stalled, late, doubled, nonsense", "tests/asterisk/test_faults_link.py",
        20, _SEED, (*_ONE, ("RINGDESK_CUT_SECONDS", "60"))),
    Row("R5 Asterisk killed", "tests/asterisk/test_faults_asterisk.py", 20, _SEED, _ONE),
    Row("R8 R9 database locked, disks full", "tests/asterisk/test_faults_storage.py", 20, _SEED,
        (("RINGDESK_LOCK_SECONDS", "30"),)),
    Row("R11 clock set by an hour", "tests/asterisk/test_faults_clock.py", 20, _SEED, _ONE),
    Row("R13 hang-up around ring and answer", "tests/asterisk/test_faults_races.py", 4, _SEED,
        (("RINGDESK_RACES", "250"),)),
    Row("R17 overload", "tests/asterisk/test_faults_overload.py", 20, _SEED, _ONE),
    Row("R4 AMI port held", "tests/contracts/test_switch_locked_out.py", 20),
    Row("R12 R13 hang-up at every step", "tests/asterisk/test_flow_hangups.py", 20),
    Row("S1 S2 hostile callers", "tests/asterisk/test_hostile.py", 5),
    Row("S1 hostile values on the wire", "tests/contracts/test_switch_hostile.py", 5),
    Row("S5 fuzzed parsers, an hour each", "tests/contracts/test_switch_fuzz.py", 6, "RINGDESK_FUZZ_SEED",
        (("RINGDESK_FUZZ_SECONDS", "600"),)),
    Row("recorder killed", "tests/contracts/test_recorder_kill.py", 20),
    Row("first call", "tests/asterisk/test_first_call.py", 20),
)  # fmt: skip


def run_round(row: Row, number: int) -> tuple[bool, float]:
    """Run one round; returns whether it passed and how many seconds it took. Keeps a failure's output."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=1800", row.module],
        cwd=ROOT, env=row.environment(number), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        name = f"campaign-{Path(row.module).stem}-{number}.log"
        (FOLDER / name).write_text(done.stdout + done.stderr, encoding="utf-8")
    return done.returncode == 0, time.monotonic() - began


def fault_table(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What each fault cost, over all rounds so far; written to ``faults.json``."""
    costs = folder / COSTS.name
    sums: dict[str, dict[str, Any]] = {}
    lines = costs.read_text(encoding="utf-8").splitlines() if costs.exists() else []
    for line in lines:
        found = json.loads(line)
        known = sums.setdefault(found["fault"], {"fault": found["fault"], "notes": []})
        for key in COUNTS:
            known[key] = known.get(key, 0) + found[key]
    table = sorted(sums.values(), key=lambda row: str(row["fault"]))
    (folder / "faults.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
    return table


def main(arguments: list[str] | None = None, state: Path = FOLDER / "campaign.json") -> int:
    """Run what isn't done; exit status 1 if a round failed."""
    parser = argparse.ArgumentParser(
        prog="make campaign", description="Faults and attacks at full count."
    )
    parser.add_argument("--again", action="store_true", help="forget what is done")
    parser.add_argument(
        "rows", nargs="*", help="begin of the names of the rows to run (default: all)"
    )
    wanted = parser.parse_args(arguments)
    state.parent.mkdir(exist_ok=True)
    if wanted.again:
        (state.parent / COSTS.name).unlink(missing_ok=True)
    known = (
        json.loads(state.read_text(encoding="utf-8")) if state.exists() and not wanted.again else {}
    )
    failed = 0
    for row in ROWS:
        if wanted.rows and not row.name.startswith(tuple(wanted.rows)):
            continue
        results = known.setdefault(row.name, {})
        for number in range(row.rounds):
            if results.get(str(number)) == "passed":
                continue
            is_well, seconds = run_round(row, number)
            failed += not is_well
            results[str(number)] = "passed" if is_well else "failed"
            state.write_text(json.dumps(known, indent=1), encoding="utf-8")
            sys.stdout.write(
                f"{row.name}: round {number + 1} of {row.rounds} {results[str(number)]}, {seconds:.0f} s\n"
            )
            sys.stdout.flush()
    if table := fault_table(state.parent):
        sys.stdout.write(as_text(table) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
