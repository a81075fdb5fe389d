"""The collector of cycles after the service's start: what stays isn't looked at again, what is new is freed all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cti import memory

pytestmark = pytest.mark.unit


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def settled() -> Iterator[None]:
    before = gc.get_threshold()
    memory.settle()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("settled")
def test_what_was_there_is_left_alone() -> None:
    assert gc.get_freeze_count() > 1000
    assert not any(found is Knot for found in gc.get_objects())
    assert gc.get_threshold() == (memory.YOUNG, memory.MIDDLE, memory.OLD)


@pytest.mark.usefixtures("settled")
def test_what_comes_later_is_freed_without_being_asked_for() -> None:
    knot = Knot()
    seen = weakref.ref(knot)
    del knot
    kept = [[number] for number in range(memory.YOUNG + 10)]
    assert seen() is None
    assert len(kept) > memory.YOUNG
