"""The life of a recording, on memory and virtual time."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from recorder.model import RecordingState, Verdict
from recorder.ports import EncoderLost, EncodingFailed
from recorder.service import BOOK_ALARM, DAMAGED_ALARM, STORAGE_ALARM
from tests.recorder.stories import (
    CALL,
    LINA,
    SUPPORT,
    T0,
    at,
    ended,
    plain_call,
    reserved,
    started,
    stopped,
)
from tests.recorder.world import TICKET, World

pytestmark = pytest.mark.unit


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.start()
    yield world
    await world.stop()


async def test_from_the_raw_file_to_the_ticket(world: World) -> None:
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: not world.has_raw())
    [stored] = world.heard(ev.RecordingStored)
    recording = await world.recording()
    assert recording is not None
    assert recording.recording_id == stored.recording_id
    assert recording.state is RecordingState.STORED
    assert recording.verdict is Verdict.COMPLETE
    assert recording.ticket_id == TICKET
    assert recording.agent_ids == (LINA,)
    assert stored.duration_time == timedelta(seconds=2)
    assert stored.size == len(world.store.objects[recording.audio_key])
    assert set(world.store.objects) == {recording.audio_key, recording.peaks_key}
    assert str(recording.call_id) not in recording.audio_key
    assert world.heard(ev.RecordingFailed) == []


async def test_the_raw_file_stays_until_the_recording_hangs_on_a_ticket(world: World) -> None:
    world.has_tickets = False
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: world.heard(ev.RecordingStored))
    await world.pass_time(120)
    assert world.has_raw()
    world.tell(
        [
            ev.RecordingAttached(
                at=world.clock.now(),
                call_id=CALL,
                recording_id=world.heard(ev.RecordingStored)[0].recording_id,
                ticket_id=TICKET,
            )
        ]
    )
    await world.pass_until(lambda: not world.has_raw(), seconds=1)


async def test_without_a_ticket_the_raw_file_goes_after_the_grace_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.rules = replace(world.rules, grace_time=timedelta(minutes=5))
    world.has_tickets = False
    await world.start()
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: world.heard(ev.RecordingStored))
    await world.pass_time(280)
    assert world.has_raw()
    await world.pass_until(lambda: not world.has_raw(), seconds=90)
    await world.stop()


async def test_a_raw_file_that_never_appears_is_a_failure_with_a_name(world: World) -> None:
    world.tell(plain_call(60))
    await world.pass_time(5)
    assert world.heard(ev.RecordingFailed) == []  # it may still come
    await world.pass_until(lambda: world.heard(ev.RecordingFailed), seconds=70)
    [failed] = world.heard(ev.RecordingFailed)
    assert failed.reason == "missing"
    recording = await world.recording()
    assert recording is not None
    assert (recording.state, recording.reason) == (RecordingState.FAILED, "missing")


async def test_a_raw_file_that_appears_late_is_recorded(world: World) -> None:
    world.clock.advance(5)
    world.tell(plain_call(2))
    await world.pass_time(3)
    world.write_raw(2)
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    assert world.heard(ev.RecordingFailed) == []


async def test_an_empty_file_of_a_conversation_is_a_failure_and_stays(world: World) -> None:
    world.write_raw(0)
    world.tell(plain_call(60))
    await world.pass_until(lambda: world.heard(ev.RecordingFailed))
    assert world.heard(ev.RecordingFailed)[0].reason == "empty"
    assert world.has_raw()


async def test_a_caller_who_reached_nobody_has_no_recording_and_that_is_no_failure(
    world: World,
) -> None:
    world.write_raw(0)
    world.tell([reserved(0), started(0), stopped(9), ended(9)])
    await world.pass_until(lambda: not world.has_raw())
    recording = await world.recording()
    assert recording is not None
    assert recording.state is RecordingState.NOTHING_SAID
    abandoned = CallId("pbx1-1790000000.9-9")
    world.tell([ended(9, abandoned)])
    await world.pass_time(30)
    assert await world.recording(abandoned) is None
    assert world.heard(ev.RecordingFailed) == []


async def test_a_truncated_file_is_stored_with_its_true_length_and_told_of(world: World) -> None:
    world.write_raw(2)
    world.tell(plain_call(10))
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    assert [e.reason for e in world.heard(ev.RecordingFailed)] == ["truncated"]
    assert world.heard(ev.RecordingStored)[0].duration_time == timedelta(seconds=2)
    recording = await world.recording()
    assert recording is not None
    assert recording.verdict is Verdict.TRUNCATED


async def test_a_killed_mixmonitor_says_nothing_and_the_end_of_the_call_is_enough(
    world: World,
) -> None:
    world.write_raw(2)
    world.tell([e for e in plain_call(2) if not isinstance(e, ev.RecordingStopped)])
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    assert world.heard(ev.RecordingFailed) == []


async def test_who_answered_in_the_fallback_queue_is_known_by_the_phone(world: World) -> None:
    world.write_raw(2)
    world.tell([e for e in plain_call(2) if not isinstance(e, ev.AgentReserved)])
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    recording = await world.recording()
    assert recording is not None
    assert recording.agent_ids == (LINA,)


async def test_a_file_that_nobody_told_us_of_is_found_once_it_grows_no_more(world: World) -> None:
    world.write_raw(2)
    world.spool.changed[CALL] = T0 + timedelta(seconds=50)
    world.calls.is_known = False
    await world.pass_time(125)
    assert await world.recording() is None  # the switch wasn't asked yet
    world.calls.is_known = True
    world.calls.live.add(CALL)
    await world.pass_time(125)
    assert await world.recording() is None  # the call goes on
    world.calls.live.clear()
    world.spool.changed[CALL] = world.clock.now()
    await world.pass_until(lambda: world.heard(ev.RecordingAttached), seconds=130)
    assert world.heard(ev.RecordingFailed) == []


async def test_a_lost_worker_process_is_only_another_attempt(world: World) -> None:
    world.encoder.failures = [EncoderLost("killed"), EncoderLost("killed")]
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    assert len(world.heard(ev.RecordingStored)) == 1
    recording = await world.recording()
    assert recording is not None
    assert recording.attempts == 2


async def test_a_file_that_can_not_be_encoded_fails_at_last_and_is_kept_raw(world: World) -> None:
    world.encoder.failures = [ValueError("a defect"), *[EncodingFailed("no")] * 5]
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: world.heard(ev.RecordingFailed), seconds=300)
    assert world.heard(ev.RecordingFailed)[0].reason == "encode"
    assert world.has_raw()
    assert world.store.objects == {}


class FullStore:
    """A store that is full for a while."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.is_full = True

    async def put(self, key: str, source: Path) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        await self.inner.put(key, source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def test_a_full_disk_raises_an_alarm_and_costs_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.store = store = FullStore(world.store)
    await world.start()
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: STORAGE_ALARM in world.alarms.active, seconds=10)
    await world.pass_time(600)
    recording = await world.recording()
    assert recording is not None
    assert (recording.state, recording.attempts) == (RecordingState.WAITING, 0)
    assert world.has_raw()
    store.is_full = False
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    assert world.alarms.active == {}
    await world.stop()


async def test_a_book_that_can_not_be_written_delays_the_intake(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.start()
    add = world.book.add

    async def fail(*_arguments: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.book.add = fail
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_time(25)
    assert BOOK_ALARM in world.alarms.active
    world.book.add = add
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    await world.pass_until(lambda: not world.alarms.active, seconds=70)
    await world.stop()


async def test_a_damaged_copy_is_found_before_the_raw_file_goes_and_made_again(
    world: World,
) -> None:
    world.has_tickets = False
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: world.heard(ev.RecordingStored))
    recording = await world.recording()
    assert recording is not None
    world.store.objects[recording.audio_key] = b"rotten"
    world.has_tickets = True
    await world.stop()
    await world.start()  # tells the tickets again
    await world.pass_until(lambda: not world.has_raw())
    assert world.store.objects[recording.audio_key].startswith(b"FAKE AUDIO")
    assert DAMAGED_ALARM not in world.alarms.active


async def test_a_frozen_worker_that_comes_back_finds_its_job_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    renew = world.book.renew

    async def lose(*_arguments: object) -> bool:
        world.book.renew = renew
        entry = next(iter(world.book.entries.values()))
        entry.claimed_by = "somebody else"
        return False

    world.book.renew = lose
    inner = world.encoder.encode

    async def slow(raw: Path, audio: Path, peaks: Path) -> Any:
        world.encoder.encode = inner
        await world.clock.sleep(timedelta(minutes=1))
        raise AssertionError("the lease was lost long ago")

    world.encoder.encode = slow
    await world.start()
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: world.heard(ev.RecordingAttached), seconds=120)
    assert len(world.heard(ev.RecordingStored)) == 1
    await world.stop()


async def test_stopping_gives_the_job_back_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    inner = world.encoder.encode

    async def slow(raw: Path, audio: Path, peaks: Path) -> Any:
        await world.clock.sleep(timedelta(minutes=1))

    world.encoder.encode = slow
    await world.start()
    world.write_raw(2)
    world.tell(plain_call(2))
    await world.pass_until(lambda: any(e.claimed_by for e in world.book.entries.values()))
    await world.stop()
    assert [e.claimed_by for e in world.book.entries.values()] == [None]
    world.encoder.encode = inner
    await world.start()
    await world.pass_until(lambda: world.heard(ev.RecordingAttached), seconds=3)
    await world.stop()


async def test_both_agents_of_a_call_are_heard_in_it(world: World) -> None:
    world.write_raw(2)
    story = plain_call(2)
    answered = ev.CallAnswered(
        at=at(3), call_id=CALL, agent_id=AgentId("u9"), queue=SUPPORT, wait_time=timedelta(0)
    )
    world.tell([*story[:3], answered, *story[3:]])
    await world.pass_until(lambda: world.heard(ev.RecordingAttached))
    recording = await world.recording()
    assert recording is not None
    assert recording.agent_ids == (LINA, AgentId("u9"))
