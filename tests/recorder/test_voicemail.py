"""A message that a caller left: which take counts, when it is one, and who may hear it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, QueueName
from recorder.adapters.spool import FolderSpool
from recorder.audio import speech_time
from recorder.model import SAMPLE_RATE, RecordingState, Verdict, fold, verify
from tests.recorder.stories import CALL, LINA, SUPPORT, at, ended, plain_call
from tests.recorder.world import World

pytestmark = pytest.mark.unit

OTTO = AgentId("u2")
SPOKEN, SILENT = 3000, 3


def samples(seconds: float, level: int = SPOKEN) -> bytes:
    """One side's sound: a tone of a kind, or the hiss of a line."""
    count = int(seconds * SAMPLE_RATE)
    return (np.resize(np.array([level, -level], dtype="<i2"), count)).tobytes()


def take(folder: Path, number: int, *pieces: bytes) -> Path:
    path = folder / f"{CALL}.voicemail{number}.raw"
    path.write_bytes(b"".join(pieces))
    return path


def begun(number: int = 1) -> ev.VoicemailBegun:
    return ev.VoicemailBegun(at=at(1), call_id=CALL, queue=SUPPORT, take=number)


def taken(seconds: float, number: int = 1) -> ev.VoicemailTaken:
    return ev.VoicemailTaken(
        at=at(1 + seconds), call_id=CALL, queue=SUPPORT, take=number,
        length_time=timedelta(seconds=seconds),
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def write_sides(folder: Path, seconds: float) -> None:
    """What MixMonitor wrote of a conversation before."""
    for side in ("caller", "agent"):
        (folder / f"{CALL}.{side}.raw").write_bytes(samples(seconds))


def test_speech_is_counted_and_not_the_hiss_of_the_line() -> None:
    mono = np.frombuffer(samples(1) + samples(2, SILENT) + samples(0.5), dtype="<i2")
    assert speech_time(mono) == timedelta(seconds=1.5)
    assert speech_time(mono[:0]) == timedelta(0)


async def test_the_last_take_in_which_something_is_said_is_the_message(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)
    take(tmp_path, 1, samples(4))
    take(tmp_path, 2, samples(2))
    take(tmp_path, 3, samples(0.5), samples(8, SILENT))
    assert list(await spool.call_ids()) == [CALL]
    size = await spool.size(CALL)
    assert size == 2 * 2 * SAMPLE_RATE * 2
    whole = await spool.whole(CALL)
    frames = np.fromfile(whole, dtype="<i2").reshape(-1, 2)
    assert frames[:, 0].tobytes() == samples(2)
    assert not frames[:, 1].any()
    assert await spool.size(CALL) == size
    assert names(tmp_path) == [f"{CALL}.raw"]


async def test_a_message_stands_behind_the_conversation_before_it(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)
    write_sides(tmp_path, 1)
    take(tmp_path, 1, samples(2))
    assert await spool.size(CALL) == 3 * SAMPLE_RATE * 4
    frames = np.fromfile(await spool.whole(CALL), dtype="<i2").reshape(-1, 2)
    assert len(frames) == 3 * SAMPLE_RATE
    assert frames[:SAMPLE_RATE, 1].any()
    assert not frames[SAMPLE_RATE:, 1].any()


@pytest.mark.parametrize("name", ["voicemail0", "voicemail12", "voicemailx", "other"])
async def test_what_is_no_take_of_ours_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{CALL}.{name}.raw").write_bytes(samples(2))
    assert list(await FolderSpool(tmp_path).call_ids()) == []
    assert await FolderSpool(tmp_path).size(CALL) is None


def test_what_was_told_of_a_message_is_expected() -> None:
    ledger = fold([begun(), taken(3)])
    assert (ledger.voicemail, ledger.expected_time) == (SUPPORT, timedelta(seconds=3))
    assert verify(ledger, 3 * SAMPLE_RATE * 4).verdict is Verdict.COMPLETE
    assert verify(ledger, 1 * SAMPLE_RATE * 4).verdict is Verdict.TRUNCATED
    with_talk = fold([*plain_call(2), begun(), taken(3)])
    assert with_talk.expected_time == timedelta(seconds=5)
    # Of several takes one is kept, and which one is known only by listening.
    again = fold([begun(), taken(9), begun(2), taken(3, 2), begun(3), taken(0.2, 3)])
    assert again.expected_time == timedelta(seconds=3)
    # The service was gone at its end: what lies there is what was said.
    cut = fold([begun(), ended(60)])
    assert verify(cut, 5 * SAMPLE_RATE * 4).verdict is Verdict.COMPLETE


async def running(tmp_path: Path) -> tuple[World, Path]:
    world = World(tmp_path)
    folder = tmp_path / "spool"
    world.spool = FolderSpool(folder)
    world.staff.queues[QueueName(SUPPORT)] = [LINA, OTTO]
    await world.start()
    return world, folder


async def test_a_message_is_stored_and_the_queues_agents_may_hear_it(tmp_path: Path) -> None:
    world, folder = await running(tmp_path)
    take(folder, 1, samples(3))
    world.tell([begun(), taken(3), ended(4)])
    await world.pass_until(lambda: not names(folder))
    [stored] = world.heard(ev.RecordingStored)
    recording = await world.recording()
    assert recording is not None
    assert (recording.state, recording.verdict) == (RecordingState.STORED, Verdict.COMPLETE)
    assert recording.agent_ids == (LINA, OTTO)
    assert stored.duration_time == timedelta(seconds=3)
    await world.stop()


async def test_a_message_in_which_nothing_is_said_is_none(tmp_path: Path) -> None:
    world, folder = await running(tmp_path)
    take(folder, 1, samples(0.5), samples(9, SILENT))
    world.tell([begun(), taken(9.5), ended(11)])
    await world.pass_until(lambda: not names(folder))
    recording = await world.recording()
    assert recording is not None
    assert recording.state is RecordingState.NOTHING_SAID
    assert world.heard(ev.RecordingStored) == world.heard(ev.RecordingFailed) == []
    await world.stop()
