"""``make campaign``: the fault and attack rows at full count, for hours, outside CI; goes on where it was stopped.

Each round is a run of one test module with a seed of its own, in a process of its own. What is done stands in the cache
(``campaign`` in it, a folder a row), so that two rows can be run side by side and a new checkout goes on where the last one
stopped. Rounds that failed are tried again at the next start; the output of each failure is kept, and counted.
What each fault cost is added up over the last run of each round: printed at the end, and written to ``faults.json``.

    make campaign                       all rows
    python -m tests.campaign --row R13  rows whose names begin so
    python -m tests.campaign --table    what was found so far
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cti.places import default_cache
from tests.asterisk.fault_table import ROUNDS_VARIABLE, SEED_VARIABLE, added, as_text

ROOT = Path(__file__).resolve().parents[1]
Results = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the fault or attack table: a module, how often, and what a round is told."""

    name: str
    module: str
    rounds: int
    seed_variable: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    seeds_a_round: int = 1

    def environment(self, number: int, costs: Path) -> dict[str, str]:
        """What round ``number`` (from 0) is started with; ``costs``: where it writes what it found."""
        seed = str(number * self.seeds_a_round)
        seeds = {self.seed_variable: seed} if self.seed_variable else {}
        return {**os.environ, "RINGDESK_FAULT_JSON": str(costs), **dict(self.settings), **seeds}


_ONE = ((ROUNDS_VARIABLE, "1"),)
_TEN = ("RINGDESK_SAFE_SECONDS", "10")
_KILLS = (*_ONE, _TEN, ("RINGDESK_FREEZE_SECONDS", "30"))
ROWS = (
    Row("R1 R2 R14 kill, freeze for 30 s and stop", "tests/asterisk/test_faults.py", 20,
        SEED_VARIABLE, _KILLS),
    Row("R1 R2 R14 the same with 50 who talk and 20 who wait", "tests/asterisk/test_faults.py", 20,
        SEED_VARIABLE, (*_KILLS, ("RINGDESK_FAULT_TALKING", "50"), ("RINGDESK_FAULT_WAITING", "20"))),
    Row("R1 kill in a transfer or a consultation", "tests/asterisk/test_faults_transfers.py", 20,
        SEED_VARIABLE, _ONE),
    Row("R3 AMI cut, swallowed, stalled, late, doubled, nonsense", "tests/asterisk/test_faults_link.py",
        20, SEED_VARIABLE, (*_ONE, _TEN, ("RINGDESK_CUT_SECONDS", "60"))),
    Row("R5 Asterisk killed", "tests/asterisk/test_faults_asterisk.py", 20, SEED_VARIABLE, _ONE),
    Row("R8 R9 database locked, disks full", "tests/asterisk/test_faults_storage.py", 20, SEED_VARIABLE,
        (("RINGDESK_LOCK_SECONDS", "30"),)),
    Row("R11 clock set by an hour", "tests/asterisk/test_faults_clock.py", 20, SEED_VARIABLE, _ONE),
    Row("R12 phones that don't take the call", "tests/asterisk/test_faults_rona.py", 20, SEED_VARIABLE,
        (*_ONE, ("RINGDESK_REOFFER_SECONDS", "1"))),
    Row("R13 hang-up around ring, answer, transfer and merge", "tests/asterisk/test_faults_races.py",
        10, SEED_VARIABLE, (("RINGDESK_RACES", "100"), ("RINGDESK_RACE_LANES", "10"),
                            ("RINGDESK_ZOMBIE_SECONDS", "1")), seeds_a_round=100),
    Row("R17 overload", "tests/asterisk/test_faults_overload.py", 20, SEED_VARIABLE, _ONE),
    Row("R4 AMI port held", "tests/contracts/test_switch_locked_out.py", 20),
    Row("hang-up at every step", "tests/asterisk/test_flow_hangups.py", 20),
    Row("S1 S2 hostile callers", "tests/asterisk/test_hostile.py", 5),
    Row("S1 hostile values on the wire", "tests/contracts/test_switch_hostile.py", 5),
    Row("S5 fuzzed parsers, an hour each", "tests/contracts/test_switch_fuzz.py", 6, "RINGDESK_FUZZ_SEED",
        (("RINGDESK_FUZZ_SECONDS", "600"),)),
    Row("recorder killed", "tests/contracts/test_recorder_kill.py", 20),
    Row("first call", "tests/asterisk/test_first_call.py", 20),
)  # fmt: skip


class Ledger:
    """What is done of a row: a folder with its results, and what each round cost."""

    def __init__(self, row: Row, folder: Path) -> None:
        self.folder = folder / re.sub(r"\W+", "-", row.name.lower())
        self._file = self.folder / "rounds.json"
        self.results: Results = (
            json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        )

    def is_done(self, number: int) -> bool:
        """Whether the round was run and passed."""
        return bool(self.results.get(str(number), {}).get("is_well"))

    def costs(self, number: int) -> Path:
        """Where the round writes what it found."""
        return self.folder / f"{number}.jsonl"

    def keep(self, number: int, *, is_well: bool, seconds: float, output: str) -> None:
        """Write a round down; a failure with its output."""
        found = self.results.setdefault(str(number), {"failures": 0})
        found.update(is_well=is_well, seconds=round(seconds), commit=_commit())
        if not is_well:
            found["failures"] += 1
            log = self.folder / f"{number}-failure{found['failures']}.log"
            log.write_text(output, encoding="utf-8")
        self._file.write_text(json.dumps(self.results, indent=1), encoding="utf-8")

    def found(self) -> list[dict[str, Any]]:
        """What the last run of each round found."""
        lines: list[str] = []
        for number in self.results:
            if self.costs(int(number)).exists():
                lines += self.costs(int(number)).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


def run_round(row: Row, number: int, costs: Path) -> tuple[bool, str]:
    """Run one round; returns whether it passed, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=1800", row.module],
        cwd=ROOT, env=row.environment(number, costs), capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    return done.returncode == 0, done.stdout + done.stderr


def run_row(row: Row, ledger: Ledger) -> int:
    """Run what isn't done of a row; returns how many rounds failed."""
    failed = 0
    ledger.folder.mkdir(parents=True, exist_ok=True)
    for number in range(row.rounds):
        if ledger.is_done(number):
            continue
        ledger.costs(number).unlink(missing_ok=True)
        began = time.monotonic()
        is_well, output = run_round(row, number, ledger.costs(number))
        seconds = time.monotonic() - began
        ledger.keep(number, is_well=is_well, seconds=seconds, output=output)
        failed += not is_well
        word = "passed" if is_well else "failed"
        _say(f"{row.name}: round {number + 1} of {row.rounds} {word}, {seconds:.0f} s")
    return failed


def table(folder: Path, rows: Sequence[Row]) -> str:
    """What was run and what each fault cost, for people; written to ``faults.json``, too."""
    lines, found = [], []
    for row in rows:
        ledger = Ledger(row, folder)
        if not ledger.results:
            continue
        passed = sum(bool(r["is_well"]) for r in ledger.results.values())
        failures = sum(r["failures"] for r in ledger.results.values())
        lines.append(
            f"{row.name}: {passed} of {row.rounds} rounds passed, {failures} failures on the way"
        )
        found += ledger.found()
    faults = added(found)
    if not lines:
        return "nothing was run yet"
    (folder / "faults.json").write_text(
        json.dumps({"rows": lines, "faults": faults}, indent=1), encoding="utf-8"
    )
    return "\n".join([*lines, "", as_text(faults)])


def _commit() -> str:
    """What was tested."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    return said.stdout.strip()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None, folder: Path | None = None) -> int:
    """Run what isn't done; exit status 1 if a round failed."""
    folder = folder or default_cache() / "campaign"
    parser = argparse.ArgumentParser(
        prog="make campaign", description="Faults and attacks at full count."
    )
    parser.add_argument("--again", action="store_true", help="forget what is done of these rows")
    parser.add_argument("--table", action="store_true", help="run nothing, show what was found")
    parser.add_argument(
        "--row", action="append", default=[], metavar="NAME",
        help="only rows whose names begin so; may be given several times (default: all)",
    )  # fmt: skip
    wanted = parser.parse_args(arguments)
    rows = [row for row in ROWS if not wanted.row or row.name.startswith(tuple(wanted.row))]
    if not rows:
        parser.error(f"no row begins so; there are: {'; '.join(row.name for row in ROWS)}")
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for row in rows if not wanted.table else []:
        if wanted.again:
            shutil.rmtree(Ledger(row, folder).folder, ignore_errors=True)
        failed += run_row(row, Ledger(row, folder))
    _say(table(folder, ROWS))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
