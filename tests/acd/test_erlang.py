"""Erlang's formulas against published values, against each other, and where numbers are large."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.erlang import Performance, erlang_b, erlang_c, impatient, patient

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("load", "servers", "blocking"),
    [
        (8.108, 15, 0.01),  # Westbay, erlang.com/calculatormanual: 15 lines at 1 % carry 8.108 E
        (0.010101, 1, 0.01),  # the usual Erlang B tables (Q.80-style), first rows of the 1 % column
        (0.1526, 2, 0.01),
        (4.461, 10, 0.01),
        (84.06, 100, 0.01),
        (12.03, 20, 0.01),
        (2.935, 7, 0.02),
    ],
)
def test_erlang_b_as_in_the_tables(load: float, servers: int, blocking: float) -> None:
    assert erlang_b(load, servers) == pytest.approx(blocking, rel=1e-3)


def test_erlang_c_as_published() -> None:
    """The CRAN package ErlangC's own example: 100 calls of 180 s in half an hour, 14 agents, 20 s."""
    found = patient(100 / 1800, 180, 14, 20)
    assert found.wait_probability == pytest.approx(0.1741319, abs=1e-7)
    assert found.service_level == pytest.approx(0.88835, abs=1e-6)
    assert found.answer_s == pytest.approx(7.83593701, abs=1e-7)
    assert found.occupancy == pytest.approx(0.7142857, abs=1e-7)


def test_erlang_c_of_the_much_cited_example() -> None:
    """360 calls of 4 minutes in half an hour, 55 agents (mitan.co.uk, "The Erlang-C Formula"): 23.9 % wait, 8.2 s."""
    found = patient(360 / 1800, 240, 55, 15)
    assert found.wait_probability == pytest.approx(0.239, abs=5e-4)
    assert found.answer_s == pytest.approx(8.18, abs=0.01)
    assert found.occupancy == pytest.approx(0.873, abs=5e-4)


def test_erlang_a_as_published() -> None:
    """Mandelbaum and Zeltyn 2005, section 2: 48 calls a minute of 1 minute, 50 agents, patience 2 minutes or endless."""
    a, c = impatient(0.8, 60, 120, 50, 20), patient(0.8, 60, 50, 20)
    assert a.abandonment == pytest.approx(0.031, abs=5e-4)
    assert (round(a.wait_s, 1), round(c.wait_s, 1)) == (3.7, 20.8)
    assert (round(a.queue_length), round(c.queue_length)) == (3, 17)
    assert (round(a.occupancy, 2), round(c.occupancy, 2)) == (0.93, 0.96)


def test_erlang_a_by_hand() -> None:
    """One agent, all rates one: lengths are Poisson(1), so that each figure can be written down."""
    found = impatient(1, 1, 1, 1, 1)
    assert found.wait_probability == pytest.approx(1 - math.exp(-1))
    assert found.occupancy == pytest.approx(1 - math.exp(-1))
    assert found.abandonment == pytest.approx(math.exp(-1))
    # Offered wait has density e**(-1) exp(1 - e**-t - t); answered within 1: and patience longer than it.
    tail = sum(
        math.exp(1 - math.exp(-t) - 2 * t - 1) / 20_000
        for t in ((n + 0.5) / 20_000 for n in range(20_000))
    )
    assert found.service_level == pytest.approx(math.exp(-1) + tail, abs=1e-9)


LOADS = st.floats(0.01, 300)
SERVERS = st.integers(1, 300)


@settings(max_examples=40)
@given(LOADS, SERVERS)
def test_b_and_c_belong_together(load: float, servers: int) -> None:
    b, c = erlang_b(load, servers), erlang_c(load, servers)
    assert 0 <= b <= c <= 1
    assert erlang_b(load, servers + 1) <= b  # another line never harms
    if load < servers:
        assert c == pytest.approx(servers * b / (servers - load * (1 - b)))
        assert erlang_c(load, servers + 1) <= c


def is_sound(found: Performance) -> bool:
    shares = (found.service_level, found.wait_probability, found.abandonment, found.occupancy)
    times = (found.answer_s, found.wait_s, found.queue_length)
    return all(0 <= x <= 1 + 1e-9 for x in shares) and all(
        x >= 0 and math.isfinite(x) for x in times
    )


TIMES = st.floats(1, 2000)


@settings(max_examples=40)
@given(
    rate=st.floats(0.001, 5), handle=TIMES, patience=TIMES, agents=SERVERS, within=st.floats(0, 600)
)
def test_one_agent_more_helps_callers(
    rate: float, handle: float, patience: float, agents: int, within: float
) -> None:
    fewer = impatient(rate, handle, patience, agents, within)
    more = impatient(rate, handle, patience, agents + 1, within)
    assert is_sound(fewer)
    assert is_sound(more)
    slack = 1e-7
    assert more.service_level >= fewer.service_level - slack
    assert more.abandonment <= fewer.abandonment + slack
    assert more.wait_s <= fewer.wait_s * (1 + slack) + slack
    assert more.occupancy <= fewer.occupancy + slack
    # Who isn't answered in the end is lost, whatever the limit; who is answered at once is in time.
    assert fewer.service_level <= 1 - fewer.abandonment + slack
    assert fewer.service_level >= 1 - fewer.wait_probability - slack
    everyone = impatient(rate, handle, patience, agents, 1e6)
    assert everyone.service_level == pytest.approx(1 - everyone.abandonment, abs=1e-7)


@settings(max_examples=40)
@given(st.integers(2, 200), st.floats(0.1, 0.97), st.floats(0, 120))
def test_endless_patience_is_erlang_c(agents: int, occupancy: float, within: float) -> None:
    rate = occupancy * agents / 180
    c, a = patient(rate, 180, agents, within), impatient(rate, 180, 1e11, agents, within)
    assert a.wait_s == pytest.approx(c.wait_s, rel=1e-4, abs=1e-9)
    assert a.answer_s == pytest.approx(c.answer_s, rel=1e-4, abs=1e-9)
    assert a.service_level == pytest.approx(c.service_level, abs=1e-4)
    assert a.abandonment < 1e-5


@settings(max_examples=40)
@given(st.integers(2, 200), st.floats(0.5, 2))
def test_no_patience_is_erlang_b(agents: int, per_agent: float) -> None:
    found = impatient(per_agent * agents / 180, 180, 1e-6, agents, 20)
    assert found.abandonment == pytest.approx(erlang_b(per_agent * agents, agents), rel=1e-4)


@pytest.mark.parametrize("agents", [5_000, 10_000])
@pytest.mark.parametrize("per_agent", [0.5, 0.99, 1.0, 1.2, 3.0])
def test_thousands_of_agents(agents: int, per_agent: float) -> None:
    """In large centres an overload is lost to the last call, and whoever isn't too many is answered (fluid limit)."""
    found = impatient(per_agent * agents / 180, 180, 60, agents, 20)
    assert is_sound(found)
    assert found.abandonment == pytest.approx(max(0.0, 1 - 1 / per_agent), abs=0.01)
    assert found.occupancy == pytest.approx(min(1.0, per_agent), abs=0.01)


def test_what_has_no_answer() -> None:
    with pytest.raises(ValueError, match="no less than the number of agents"):
        patient(10 / 180, 180, 10, 20)
    with pytest.raises(ValueError, match="above zero"):
        impatient(1, 180, 0, 10, 20)
    with pytest.raises(ValueError, match="negative"):
        erlang_b(-1, 3)
