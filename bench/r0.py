"""R0: which share of the Asterisk testsuite's cases is redone by us, counted from the table in ``docs/r0.md``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from bench.report import Figure, Part

TABLE = Path(__file__).resolve().parent.parent / "docs/r0.md"
_ROW = re.compile(r"^\| [^|]+ \| (yes|part|no) \|", re.MULTILINE)


def counts(text: str) -> Counter[str]:
    """How many cases are done whole, in part, and not."""
    return Counter(_ROW.findall(text))


def share(text: str) -> float:
    """Those done whole, of all."""
    found = counts(text)
    return found["yes"] / found.total() if found else 0.0


def run(is_quick: bool) -> Part:
    """Count; nothing is measured, hence ``is_quick`` makes no difference."""
    del is_quick
    text = TABLE.read_text(encoding="utf-8")
    found = counts(text)
    figures = [Figure("cases redone whole", "%", (100 * share(text),), "higher")]
    words = (("yes", "redone whole"), ("part", "redone in part"), ("no", "not redone"))
    figures += [Figure(what, "cases", (float(found[key]),), "higher") for key, what in words]
    return Part(
        "R0",
        "Asterisk's testsuite, redone with agents, calls, tickets and recordings",
        "rows of docs/r0.md; a row counts as redone whole where its test asserts all four",
        tuple(figures),
    )
