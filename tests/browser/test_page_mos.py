"""How a line sounds, as a number: the page's E-model beside what has been published of it."""

from __future__ import annotations

import json
import subprocess
from typing import cast

import pytest

from tests.browser.page_plugin import ROOT

pytestmark = pytest.mark.browser

_RUN = """
import * as esbuild from "esbuild";
const { outputFiles } = await esbuild.build({ entryPoints: ["src/mos.ts"], bundle: true, format: "esm", write: false });
const model = await import("data:text/javascript," + encodeURIComponent(outputFiles[0].text));
const asked = JSON.parse(process.argv[1]);
console.log(JSON.stringify(asked.map(([name, ...values]) => model[name](...values))));
"""


def answers(*asked: tuple[str | float, ...]) -> list[float]:
    """What the functions of ``mos.ts`` say."""
    done = subprocess.run(
        [str(ROOT / ".venv/bin/node"), "--input-type=module", "-e", _RUN, json.dumps(asked)],
        cwd=ROOT / "pages",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return cast(list[float], json.loads(done.stdout))


def test_ratings_become_opinions_as_table_b1_of_g107_says() -> None:
    """ITU-T G.107, Table B.1: the lower limits of the classes; and its Annex B at the defaults and the ends."""
    table = {
        90: 4.34,
        80: 4.03,
        70: 3.60,
        60: 3.10,
        50: 2.58,
        93.2: 4.41,
        0: 1,
        -5: 1,
        100: 4.5,
        120: 4.5,
    }
    given = answers(*(("opinion", r) for r in table))
    assert given == pytest.approx(list(table.values()), abs=0.007)  # the table has two places
    rising = answers(*(("opinion", r) for r in range(101)))
    assert rising == sorted(rising)


def test_a_line_with_nothing_amiss_has_the_default_rating() -> None:
    """ITU-T G.107, Table 3: all parameters at their defaults, R = 93.2."""
    assert answers(("rating", 0, 0)) == [93.2]


def test_losses_cost_what_g113_says() -> None:
    """ITU-T G.113 (2001), Table I.4: Ie of G.711 with concealment under random loss; it was rounded to fives above 3 %."""
    table = {1: 5, 2: 7, 3: 10, 5: 15, 7: 20, 10: 25, 15: 35, 20: 45}
    given = answers(*(("rating", lost, 0) for lost in table))
    assert [93.2 - r for r in given] == pytest.approx(list(table.values()), abs=3)


def test_delay_costs_what_others_found_in_the_model() -> None:
    """Cole, Rosenbluth: Voice over IP performance monitoring (2001), eq. 1: their fit to G.107's Id at its defaults."""
    delays = range(25, 351, 25)
    fit = [0.024 * d + (0.11 * (d - 177.3) if d > 177.3 else 0) for d in delays]
    given = answers(*(("rating", 0, d) for d in delays))
    assert [93.2 - r for r in given] == pytest.approx(fit, abs=2.2)


def test_classes_are_those_of_table_b1() -> None:
    """ITU-T G.107, Table B.1: from "satisfied" on it is good, "nearly all dissatisfied" is bad."""
    assert answers(*(("grade", mos) for mos in (4.41, 4.03, 4.01, 3.6, 3.59, 3.1, 3.09, 1))) == [
        4, 4, 3, 3, 2, 2, 1, 1,
    ]  # fmt: skip


def test_nonsense_stays_within_the_scale() -> None:
    asked = [(lost, delay) for lost in (-5, 0, 100, 1e9) for delay in (-10, 0, 1e7)]
    ratings = answers(*(("rating", *values) for values in asked))
    opinions = answers(*(("opinion", r) for r in ratings))
    assert all(1 <= mos <= 4.5 for mos in opinions)
