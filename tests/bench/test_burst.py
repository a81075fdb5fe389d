"""A burst in which nobody was offered a call has measured nothing, and says so."""

from __future__ import annotations

import pytest

from bench.burst import Round, Watch, describe
from bench.report import Spoilt

pytestmark = pytest.mark.unit


def watched(*decide_ms: float) -> Watch:
    return Watch(step_ms=[0.1, 0.2, *decide_ms], decide_ms=list(decide_ms), late_ms=[1.0])


def one_round(watch: Watch, offers: int) -> Round:
    return Round(
        watch=watch, sent_s=1.0, done_s=2.0, cpu_s=1.5, events=20_000, disconnects=0, snapshots=0,
        calls=1000, known=1000, tickets=0, offers=offers,
    )  # fmt: skip


def test_the_matchers_figure_is_that_of_its_decisions() -> None:
    good = one_round(watched(3.0, 4.0), 2)
    part = describe([good], [good], [0.5], 1.0)
    values = {figure.what: figure.values for figure in part.figures}
    [decided_ms] = values["burst: the matcher's decisions, p99"]
    assert decided_ms == pytest.approx(4.0, abs=0.1)
    assert values["burst: offers that reached the server"] == (2.0,)


@pytest.mark.parametrize(
    "bad",
    [one_round(watched(), 2), one_round(watched(3.0), 0)],
    ids=["nobody chosen", "nobody offered"],
)
def test_a_round_without_offers_is_spoilt(bad: Round) -> None:
    good = one_round(watched(3.0), 1)
    for rounds in (([bad], [good]), ([good], [bad])):
        with pytest.raises(Spoilt, match="chosen"):
            describe(*rounds, [0.5], 1.0)
