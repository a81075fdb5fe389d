"""R0's share is counted from the table: a row that is done in part counts nothing."""

from __future__ import annotations

import pytest

from bench.r0 import TABLE, counts, run, share

pytestmark = pytest.mark.unit


def test_only_what_is_done_whole_counts() -> None:
    text = "| case | done | test |\n|---|---|---|\n| a | yes | x |\n| b | part | x |\n| c, d | no | |\n| e | yes | y |\n"
    assert counts(text) == {"yes": 2, "part": 1, "no": 1}
    assert share(text) == 0.5
    assert share("") == 0.0


def test_each_row_of_the_table_is_counted() -> None:
    rows = [x for x in TABLE.read_text(encoding="utf-8").splitlines() if x.startswith("| ")]
    assert counts("\n".join(rows)).total() == len(rows) - 1 >= 70
    assert [figure.unit for figure in run(is_quick=True).figures] == [
        "%",
        "cases",
        "cases",
        "cases",
    ]
