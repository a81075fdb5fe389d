"""Demands: what is read, what is refused and where, one form for all that says the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain.demands import (
    MAX_LENGTH,
    MAX_NEEDS,
    NONE,
    Demand,
    Need,
    all_of,
    either_of,
    is_met,
    lowered,
    needs_of,
    parse_demand,
    read_back,
    strength,
)
from cti.domain.errors import InvalidDemand

pytestmark = pytest.mark.unit

SKILLS = ("billing", "lang=zh", "lang=en", "vip", "x")
LEVELS = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10))
NEEDS = st.builds(Need, st.sampled_from(SKILLS), st.integers(1, 10))
DEMANDS: st.SearchStrategy[Demand] = st.recursive(
    NEEDS,
    lambda parts: st.lists(parts, max_size=3).flatmap(
        lambda found: st.sampled_from([all_of(found), either_of(found)])
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("  ", ""),
        ("billing", "billing"),
        ("billing >= 1", "billing"),
        ("billing>=3&(lang=zh|lang=en)", "billing>=3 & (lang=en | lang=zh)"),
        ("b & a & b", "a & b"),
        ("a>=2 & a>=5", "a>=5"),
        ("a>=2 | a>=5", "a>=2"),
        ("((a))", "a"),
        ("a | (b | c)", "a | b | c"),
        ("a | b & c", "a | b & c"),
        ("(a | b) & (b | a)", "a | b"),
        ("lang=zh>=7", "lang=zh>=7"),
    ],
)
def test_what_says_the_same_has_one_form(text: str, canonical: str) -> None:
    assert str(parse_demand(text)) == canonical


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("billing>3", 8, "unexpected '>'"),
        ("billing>=11", 10, "from 1 to 10"),
        ("billing>=0", 10, "from 1 to 10"),
        ("billing>=x", 10, "from 1 to 10"),
        ("billing=3", 9, "write billing>=3 for a level"),
        ("(a", 3, "closing bracket"),
        ("a)", 2, "unexpected ')'"),
        ("a b", 3, "put & or |"),
        ("a &", 4, "name is missing"),
        ("& a", 1, "name is missing"),
        ("a ; b", 3, "unexpected ';'"),
        ("Billing", 1, "unexpected 'B'"),
        ("账务", 1, "unexpected"),
        ("a" * 33, 1, "at most 32 characters"),
        (" " * (MAX_LENGTH + 1), MAX_LENGTH + 1, "at most 400 characters"),
        ("(" * 9 + "a" + ")" * 9, 9, "more than 8 brackets"),
        (" | ".join(f"s{n}" for n in range(MAX_NEEDS + 1)), 183, "at most 32 skills"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: int, problem: str) -> None:
    with pytest.raises(InvalidDemand, match="character") as refusal:
        parse_demand(text)
    assert (refusal.value.place, problem in str(refusal.value)) == (place, True), refusal.value


@settings(max_examples=40)
@given(DEMANDS)
def test_what_is_printed_is_read_back(demand: Demand) -> None:
    assert read_back(str(demand)) == demand
    if len(list(needs_of(demand))) <= MAX_NEEDS and len(str(demand)) <= MAX_LENGTH:
        assert parse_demand(str(demand)) == demand


@settings(max_examples=50)
@given(st.text("ab=>&|() 1203_\n\\;漢", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        demand = parse_demand(text)
    except InvalidDemand as refusal:
        place = refusal.place
    else:
        place = 1
        assert parse_demand(str(demand)) == demand
    assert 1 <= place <= len(text) + 1


@settings(max_examples=40)
@given(st.lists(DEMANDS, max_size=3), LEVELS)
def test_the_form_changes_nothing_of_the_meaning(
    demands: list[Demand], levels: dict[str, int]
) -> None:
    met = [is_met(demand, levels) for demand in demands]
    assert is_met(all_of(demands), levels) == all(met)
    assert is_met(either_of(demands), levels) == (any(met) or not demands)


@settings(max_examples=40)
@given(DEMANDS, LEVELS, st.integers(0, 10))
def test_a_lowered_demand_is_met_by_all_who_met_it(
    demand: Demand, levels: dict[str, int], by: int
) -> None:
    assert not is_met(demand, levels) or is_met(lowered(demand, by), levels)
    assert lowered(demand, 0) == demand


def test_strength_sums_what_is_needed_and_takes_the_best_alternative() -> None:
    levels = {"billing": 4, "lang=zh": 7, "lang=en": 2}
    assert strength(parse_demand("billing>=3 & (lang=zh | lang=en)"), levels) == 11
    assert strength(parse_demand("billing>=5"), levels) == 0
    assert strength(NONE, levels) == 0
