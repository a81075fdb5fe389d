"""A changed copy is the one that the standard library would have made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest

from acd.facts import Agent, QueueEntry, State
from cti.domain.evolving import replace
from recorder.model import Ledger
from screenpop.facts import CallFacts
from tickets.model import CallFile

pytestmark = pytest.mark.unit


@dataclass(frozen=True, slots=True)
class Base:
    one: int
    two: str = "b"


@dataclass(frozen=True, slots=True)
class Derived(Base):
    three: tuple[int, ...] = ()


@dataclass(slots=True)
class Changing:
    one: int = 1


@dataclass(frozen=True)
class WithDictionary:
    one: int = 1


@dataclass(frozen=True)
class Working:
    one: int = 1

    @cached_property
    def double(self) -> int:
        return 2 * self.one


@dataclass(frozen=True, slots=True)
class Checked:
    one: int = 1

    def __post_init__(self) -> None:
        if self.one < 0:
            raise ValueError(self.one)


@dataclass(frozen=True, slots=True)
class Counted:
    one: int = 1
    made: int = field(default=7, init=False)


@pytest.mark.parametrize(
    "instance",
    [
        Base(1),
        Derived(1, "x", (2,)),
        Changing(5),
        WithDictionary(4),
        Working(2),
        Checked(3),
        Counted(2),
    ],
    ids=lambda instance: type(instance).__name__,
)
def test_a_copy_is_equal_to_the_standard_ones(instance: Any) -> None:
    before = repr(instance)
    for changes in ({}, {"one": 9}):
        copy = replace(instance, **changes)
        assert copy == dataclasses.replace(instance, **changes)
        assert type(copy) is type(instance)
        assert copy is not instance
    assert repr(instance) == before


def test_what_a_class_checks_at_its_making_is_checked() -> None:
    with pytest.raises(ValueError, match="-1"):
        replace(Checked(), one=-1)


def test_what_was_worked_out_is_worked_out_anew_for_the_copy() -> None:
    before = Working(2)
    assert before.double == 4
    assert replace(before, one=5).double == 10


@pytest.mark.parametrize(
    "instance", [Base(1), WithDictionary(), Checked()], ids=["slots", "dictionary", "standard"]
)
def test_a_field_that_is_none_is_refused(instance: Any) -> None:
    with pytest.raises(TypeError):
        replace(instance, four=4)


def test_the_folds_classes_go_the_fast_way() -> None:
    for cls in (CallFacts, CallFile, Ledger):
        assert not hasattr(cls, "__post_init__"), cls
        assert not cls.__dictoffset__, cls
    for wide in (Agent, QueueEntry, State):
        assert wide.__dictoffset__, wide
        assert not any(isinstance(value, cached_property) for value in vars(wide).values()), wide


def test_a_copy_of_facts_keeps_all_that_was_not_changed() -> None:
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    facts = CallFacts(call_id="c", digits="1 2", enqueued_at=at, is_muted=True)  # type: ignore[arg-type]
    assert replace(facts, digits="3") == dataclasses.replace(facts, digits="3")
