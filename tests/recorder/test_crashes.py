"""A crash at every single step: the recording is raw or stored at all times, and is stored once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cti.domain import events as ev
from recorder.model import RecordingState
from tests.recorder.stories import CALL, plain_call
from tests.recorder.world import World

pytestmark = pytest.mark.acceptance


class Crash(BaseException):
    """The process is gone: nothing of ours runs any more."""


class Fuse:
    """Counts the steps of all ports and crashes at one of them, before or after it took effect."""

    def __init__(self, step: int, is_after: bool) -> None:
        self.step = step
        self.is_after = is_after
        self.count = 0
        self.is_blown = False
        self.names: list[str] = []

    def enter(self, name: str) -> bool:
        """Begin a step; returns whether the crash comes when it is done."""
        if self.is_blown:
            raise Crash
        self.count += 1
        self.names.append(name)
        if self.count != self.step:
            return False
        if not self.is_after:
            self.blow()
        return True

    def blow(self) -> None:
        """Crash."""
        self.is_blown = True
        raise Crash


class Fused:
    """A port behind a fuse."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "open":
            return lambda *a, **k: self._stream(found(*a, **k))
        if not asyncio.iscoroutinefunction(found) or name in {"start", "stop"}:
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            is_last = self._fuse.enter(name)
            result = await found(*arguments, **options)
            if is_last:
                self._fuse.blow()
            return result

        return call

    async def _stream(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        is_last = self._fuse.enter("open")
        async for piece in pieces:
            yield piece
        if is_last:
            self._fuse.blow()


def fuse_of(world: World, step: int, is_after: bool) -> Fuse:
    """Put all ports of a world behind one fuse."""
    fuse = Fuse(step, is_after)
    for name in ("book", "store", "spool", "encoder"):
        setattr(world, name, Fused(getattr(world, name), fuse))
    return fuse


def mend(world: World) -> None:
    """The same ports without the fuse."""
    for name in ("book", "store", "spool", "encoder"):
        setattr(world, name, getattr(world, name)._inner)


async def is_stored(world: World) -> bool:
    recording = await world.recording()
    return (
        recording is not None
        and recording.state is RecordingState.STORED
        and recording.audio_key in world.store.objects
    )


async def crash_and_recover(tmp_path: Path, step: int, is_after: bool) -> Fuse:
    world = World(tmp_path)
    fuse = fuse_of(world, step, is_after)
    await world.start()
    world.write_raw(0.5)
    world.tell(plain_call(0.5))
    steps = 0
    while (
        not fuse.is_blown and steps < 30 and not (world.heard(ev.RecordingAttached) and steps > 8)
    ):
        await world.pass_time(0.25)
        steps += 1
    await world.stop()
    mend(world)
    assert world.has_raw() or await is_stored(world), f"lost at step {step}: {fuse.names[-1]}"

    await world.start()
    await world.pass_until(lambda: not world.has_raw(), seconds=180)
    await world.run_ready()
    assert await is_stored(world), f"not stored after a crash at step {step}"
    recording = await world.recording()
    assert recording is not None
    assert recording.raw_removed_at is not None
    assert recording.attached_at is not None
    assert set(world.store.objects) == {recording.audio_key, recording.peaks_key}
    digest = hashlib.sha256(world.store.objects[recording.audio_key]).hexdigest()
    assert digest == recording.sha256
    assert {e.recording_id for e in world.heard(ev.RecordingStored)} == {recording.recording_id}
    assert world.false_words == 0
    assert world.heard(ev.RecordingFailed) == []
    assert [e.recording.call_id for e in world.book.entries.values()] == [CALL]
    await world.stop()
    return fuse


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_step_loses_nothing_and_makes_nothing_twice(
    tmp_path: Path, is_after: bool
) -> None:
    step = 1
    while True:
        fuse = await crash_and_recover(tmp_path / str(step), step, is_after)
        if not fuse.is_blown:
            break
        step += 1
    # The happy way has at least: spool, claim, size, encode, 2 puts, store, attach, read back, remove.
    assert step > 12, fuse.names
