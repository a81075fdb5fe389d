"""The bench's command: an unknown row, a part that fails, the file it leaves."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from bench import __main__ as bench
from bench.report import Figure, Part, Spoilt

pytestmark = pytest.mark.unit


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows of our own: one can be measured, one can't."""

    def good(is_quick: bool) -> Part:
        return Part(
            "GOOD", "title", "method", (Figure("delay", "ms", (2.0 if is_quick else 1.0,)),)
        )

    def bad(is_quick: bool) -> Part:
        raise Spoilt("a call was lost")

    for name, run in (("good", good), ("bad", bad)):
        module = ModuleType(f"bench_{name}")
        module.__dict__["run"] = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(bench, "MODULES", {"BAD": "bench_bad", "GOOD": "bench_good"})


@pytest.mark.usefixtures("rows")
def test_a_part_that_fails_is_said_and_the_others_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--quick", "--out", str(tmp_path)]) == 1
    [path] = tmp_path.glob("*.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["failed"] == {"BAD": "Spoilt: a call was lost"}
    assert [part["figures"][0]["values"] for part in result["parts"]] == [[2.0]]
    assert result["machine"]["before"]["cores"] >= 1
    assert "BAD could not be measured: Spoilt: a call was lost" in capsys.readouterr().out


@pytest.mark.usefixtures("rows")
def test_only_the_named_rows_run(tmp_path: Path) -> None:
    assert bench.main(["good", "--out", str(tmp_path)]) == 0
    [path] = tmp_path.glob("*.json")
    assert [p["row"] for p in json.loads(path.read_text(encoding="utf-8"))["parts"]] == ["GOOD"]


def test_one_rate_for_so_long_is_for_the_row_that_knows_rates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, timedelta]] = []

    def run_at(per_second: float, longest_time: timedelta) -> Part:
        asked.append((per_second, longest_time))
        return Part("P8", "title", "method", (Figure("delay", "ms", (1.0,)),))

    monkeypatch.setattr("bench.flow.run_at", run_at)
    assert bench.main(["p8", "--rate", "12", "--minutes", "0.5", "--out", str(tmp_path)]) == 0
    assert asked == [(12.0, timedelta(seconds=30))]
    capsys.readouterr()
    for wrong in (["P6", "--rate", "12"], ["P8", "P6", "--rate", "12"], ["P8", "--rate", "0"]):
        assert bench.main(wrong) == 2
    assert "--rate is for P8 alone" in capsys.readouterr().out
    assert len(asked) == 1


def test_an_unknown_row_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["P99", "--out", str(tmp_path)]) == 2
    assert "no such row: P99" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_every_row_has_a_module() -> None:
    for name in bench.MODULES.values():
        assert (Path(bench.__file__).parent / f"{name.removeprefix('bench.')}.py").is_file()


def test_a_busy_machine_is_said() -> None:
    of = bench.machine()
    assert "busy" in bench.describe(of | {"cores": 2, "load": [4.0, 1.0, 1.0]})
    assert "busy" not in bench.describe(of | {"cores": 2, "load": [0.1, 1.0, 1.0]})
