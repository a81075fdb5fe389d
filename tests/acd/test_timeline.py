"""Time that never steps: wall clocks that are set, ours or Asterisk's, move nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acd.timeline import Timeline
from tests.fakes.clock import VirtualClock

pytestmark = pytest.mark.unit

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_step_of_our_clock_moves_no_instant(step: timedelta) -> None:
    clock = VirtualClock()
    timeline = Timeline(clock)
    enqueued_at = clock.now()  # Asterisk's clock is not set
    await clock.advance(10 * SECOND)
    clock.step_wall(step)
    told_at = clock.now() - step
    assert timeline.now() - enqueued_at == 10 * SECOND
    timeline.note_told(told_at)
    assert timeline.is_stepped
    assert timeline.from_asterisk(enqueued_at) == enqueued_at
    assert timeline.just_now(told_at) == timeline.now()
    assert timeline.just_now(clock.now()) == timeline.now()
    assert timeline.to_wall(timeline.now()) == clock.now()


async def test_asterisks_clock_that_was_set_with_ours_is_ours() -> None:
    clock = VirtualClock()
    timeline = Timeline(clock)
    clock.step_wall(HOUR)
    timeline.now()
    timeline.note_told(clock.now() - 3 * SECOND)  # late, no more
    assert timeline.from_asterisk(clock.now()) == timeline.now()


async def test_a_difference_that_is_gone_is_forgotten() -> None:
    clock = VirtualClock()
    timeline = Timeline(clock)
    timeline.note_told(clock.now() - HOUR)
    assert timeline.from_asterisk(clock.now() - HOUR) == timeline.now()
    timeline.note_told(clock.now())
    assert not timeline.is_stepped
