"""Immutable tables and lines against a plain dictionary and a sorted list."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.tables import Draft, Ordered, Table

pytestmark = pytest.mark.unit

STEPS = st.lists(
    st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers())), max_size=4),
    max_size=40,
)


@pytest.mark.parametrize("others", [0, 600], ids=["small", "large"])
@settings(
    max_examples=30, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)
@given(steps=STEPS)
def test_a_table_is_a_dictionary_whose_old_versions_stay(
    others: int, steps: list[list[tuple[int, int | None]]]
) -> None:
    plain: dict[int, int] = {100 + number: number for number in range(others)}
    table: Table[int, int] = Table(plain)
    before: list[tuple[Table[int, int], dict[int, int]]] = []
    for step in steps:
        before.append((table, dict(plain)))
        draft = Draft(table)
        for key, value in step:  # no value: the key is taken out, if it is there
            if value is not None:
                draft[key] = plain[key] = value
            elif key in plain:
                del draft[key]
                del plain[key]
            assert (draft.get(key), key in draft, len(draft)) == (
                plain.get(key),
                key in plain,
                len(plain),
            )
            assert draft.some(range(61)) == [plain[key] for key in range(61) if key in plain]
        assert list(draft) == list(draft.done())
        table = draft.done()
    for version, expected in [*before, (table, plain)]:
        assert dict(version) == expected
        assert len(version) == len(expected)
        assert all((key in version) == (key in expected) for key in range(61))
        assert version.some(range(61)) == [expected[key] for key in range(61) if key in expected]


def test_a_key_that_is_not_there_is_an_error_as_in_a_dictionary() -> None:
    draft = Draft(Table({1: "a"}))
    del draft[1]
    for broken in (draft, draft.done()):
        with pytest.raises(KeyError):
            broken[1]
    with pytest.raises(KeyError):
        del draft[1]


def test_keys_come_in_the_order_in_which_they_were_added() -> None:
    table: Table[str, int] = Table()
    names = [f"n{(number * 7) % 100}" for number in range(100)]
    for number, name in enumerate(names):
        draft = Draft(table)
        draft[name] = number
        table = draft.done()
    assert list(table) == names


@settings(max_examples=30)
@given(st.lists(st.integers(0, 400), max_size=300))
def test_a_line_is_a_sorted_list_whose_old_versions_stay(items: list[int]) -> None:
    line: Ordered[int] = Ordered()
    plain: list[int] = []
    for item in items:
        old, expected = line, list(plain)
        if item in plain:
            line = line.removed(item)
            plain.remove(item)
        else:
            line = line.added(item)
            plain = sorted([*plain, item])
        assert list(old) == expected
        assert (len(line), bool(line)) == (len(plain), bool(plain))
    assert list(line) == plain
    assert line == Ordered(plain)
    if plain:
        assert line.first == plain[0]
        assert [line.position(item) for item in plain] == list(range(1, len(plain) + 1))


def test_a_long_line_keeps_its_order_through_splits() -> None:
    line: Ordered[int] = Ordered()
    for item in [(number * 7919) % 5003 for number in range(5003)]:
        line = line.added(item)
    assert list(line) == list(range(5003))
    for item in range(0, 5003, 2):
        line = line.removed(item)
    assert list(line) == list(range(1, 5003, 2))
    assert line.position(0) == 0
