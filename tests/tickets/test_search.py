"""What a text is indexed by, and what finds it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain.ids import CustomerId
from tickets import search
from tickets.model import Customer

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, tzinfo=UTC)


def customer(name: str, company: str = "", number: int = 1) -> Customer:
    return Customer(CustomerId(number), name, T0, company)


@pytest.mark.parametrize(
    "query",
    ["王", "小明", "王小明", "蓝海", "ACME", "cme g", "ａｃｍｅ", "  acme   王 ", "gmbh 海"],
)
def test_what_is_found(query: str) -> None:
    assert search.matches(customer("王小明", "Acme GmbH 蓝海"), search.terms_of(query))


@pytest.mark.parametrize("query", ["", "   ", "a", "a b c", "王大", "acme 李", "明小"])
def test_what_is_not(query: str) -> None:
    assert not search.matches(customer("王小明", "Acme GmbH"), search.terms_of(query))


@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.data())
def test_whatever_stands_in_a_text_is_found_by_its_grams(
    name: str, company: str, data: st.DataObject
) -> None:
    """The databases compare grams first: they may find too much, never too little."""
    whose = customer(name, company)
    words = search.text_of(whose).split()
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.integers(0, len(word) - 1))
    terms = search.terms_of(word[start : data.draw(st.integers(start + 1, len(word)))])
    if terms and search.matches(whose, terms):
        assert set(search.asked_grams(terms)) <= search.grams_of(search.text_of(whose))


def test_a_question_has_a_limit() -> None:
    assert len(search.asked_grams(search.terms_of("x" * 10_000))) <= 12
    assert len(search.terms_of(" ".join(f"w{n}" for n in range(5_000)))) <= 5


def test_four_digits_are_the_end_of_a_number() -> None:
    assert search.tail_of(" 8000 ") == "8000"
    assert [search.tail_of(q) for q in ("800", "38000", "8 00", "٨٠٠٠", "")] == [""] * 5


def test_who_begins_with_it_comes_first() -> None:
    found = [customer("Ann Li", number=1), customer("Li Na", number=2), customer("Li Bo", number=3)]
    names = [c.name for c in search.best_first(found, search.terms_of("li"))]
    assert names == ["Li Bo", "Li Na", "Ann Li"]
