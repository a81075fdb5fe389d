"""``python -m bench [ROW …] [--quick] [--out FOLDER]``: measure, print one table, keep it as JSON.

``python -m bench P8 --rate 12 [--minutes 10]``: that row alone, at one rate instead of looking for the highest.

Rows: see ``MODULES``; all of them without an argument. A part that fails is said so and the others go on.
Exit status: 0 when all ran (goals met or missed: the table says which), 1 when a part could not be measured, 2 for an
unknown row.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import Part, table

MODULES = {
    "P5": "bench.ami",
    "P7": "bench.agi",
    "P10": "bench.pop",
    "P11": "bench.desktops",
    "S10": "bench.attacks",
    "PAGE": "bench.page",
    "P12": "bench.matching",
    "P15": "bench.peaks",
    "CPU": "bench.cpu",
    "REBUILD": "bench.journal_rebuild",
    "P1": "bench.reaction",
    "P3": "bench.joining",
    "P8": "bench.flow",
    "P6": "bench.burst",
    "RECON": "bench.reconcile",
    "R0": "bench.r0",
    "P16": "bench.routing",
    "P17": "bench.closed_forms",
}
FOLDER = Path("bench-results")


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the figures beside their peers."
    )
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"of {' '.join(MODULES)}; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls and repetitions")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the JSON file")
    parser.add_argument("--rate", type=float, metavar="CALLS", help="P8 alone: so many a second")
    parser.add_argument("--minutes", type=float, default=10.0, help="with --rate: for so long")
    options = parser.parse_args(arguments)
    rows = [row.upper() for row in options.rows] or list(MODULES)
    if unknown := [row for row in rows if row not in MODULES]:
        _say(f"no such row: {' '.join(unknown)}; there are {' '.join(MODULES)}")
        return 2
    if options.rate is not None and (rows != ["P8"] or min(options.rate, options.minutes) <= 0):
        _say("--rate is for P8 alone, and more than 0 for more than 0 minutes")
        return 2
    before = machine()
    _say(f"{describe(before)}\n")
    at = None if options.rate is None else (options.rate, timedelta(minutes=options.minutes))
    parts, failed = measure(rows, options.quick, at)
    after = machine()
    _say(table(parts))
    path = keep(parts, failed, [before, after], options.out, is_quick=options.quick)
    _say(f"load afterwards {after['load'][0]:.2f}; kept in {path}")
    for row, reason in failed.items():
        _say(f"{row} could not be measured: {reason}")
    return 1 if failed else 0


def measure(
    rows: Sequence[str], is_quick: bool, at: tuple[float, timedelta] | None = None
) -> tuple[list[Part], dict[str, str]]:
    """Run the parts one after the other; what failed stands in the second value, with its reason.

    ``at``: calls a second and how long, of the one row that knows rates.
    """
    parts, failed = [], {}
    for row in rows:
        begun = time.monotonic()
        _say(f"{row}: measuring")
        try:
            module = importlib.import_module(MODULES[row])
            run: Callable[..., Part] = module.run if at is None else module.run_at
            parts.append(run(*(at or (is_quick,))))
        except Exception as exc:  # noqa: BLE001 - one part's failure must not lose the others' figures
            traceback.print_exc()
            failed[row] = f"{type(exc).__name__}: {exc}"
        _say(f"{row}: {time.monotonic() - begun:.0f} s")
    return parts, failed


def machine() -> dict[str, Any]:
    """What it runs on, and how busy it is at this moment (the kernel's load of 1, 5 and 15 minutes)."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "kernel": os.uname().release,
        "python": sys.version.split()[0],
        "load": list(os.getloadavg()),
    }


def describe(of: dict[str, Any]) -> str:
    """One line about the machine; says when the figures can't be trusted."""
    line = (
        f"{of['cores']} cores, {of['processor']}, Linux {of['kernel']}, Python {of['python']}, "
        f"load {of['load'][0]:.2f}"
    )
    if of["load"][0] > 0.5 * of["cores"]:
        line += "\nthe machine is busy with other things: delays say little, ratios more"
    return line


def keep(
    parts: Sequence[Part],
    failed: dict[str, str],
    machines: Sequence[dict[str, Any]],
    folder: Path,
    *,
    is_quick: bool,
) -> Path:
    """Write the JSON file, named by the instant; returns its path."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    result = {
        "measured_at": now.isoformat(timespec="seconds"),
        "is_quick": is_quick,
        "machine": {"before": machines[0], "after": machines[-1]},
        "parts": [part.as_json() for part in parts],
        "failed": failed,
    }
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
