"""kill -9 at random moments: of the whole recorder, and of its encoder's process."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from cti.config import Settings
from cti.domain import events as ev
from cti.domain.ids import CallId
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from recorder.adapters.sql import SqlBook
from recorder.model import Recording, RecordingState
from tests.recorder.stories import raw_bytes
from tests.recorder.victim import SECONDS, call_id_of
from tests.until import until

pytestmark = pytest.mark.contract

CALLS = 4


async def begin(home: Path) -> asyncio.subprocess.Process:
    """Start the recorder's process and wait until it works."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.recorder.victim", str(home), str(CALLS)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"ready\n"
    return process


async def look(home: Path) -> list[Recording | None]:
    """What the book says of each call."""
    database = Database(Settings(home=home).database_url)
    found = [await SqlBook(database).by_call(call_id_of(n)) for n in range(CALLS)]
    await database.close()
    return found


def has_raw(home: Path, call_id: CallId) -> bool:
    path = home / "spool" / f"{call_id}.raw"
    return path.exists() and path.read_bytes() == RAW


def is_stored(home: Path, recording: Recording | None) -> bool:
    if recording is None or recording.state is not RecordingState.STORED:
        return False
    content = (home / "recordings" / recording.audio_key).read_bytes()
    return hashlib.sha256(content).hexdigest() == recording.sha256


RAW = raw_bytes(SECONDS)


def children_of(pid: int) -> list[int]:
    """The processes that a process started."""
    with contextlib.suppress(FileNotFoundError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in text.split()]
    return []


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return False


def are_gone(pids: list[int]) -> bool:
    return not any(is_running(pid) for pid in pids)


def prepare(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "spool").mkdir(parents=True)
    for number in range(CALLS):
        (home / "spool" / f"{call_id_of(number)}.raw").write_bytes(RAW)
    return home


async def finish(home: Path) -> None:
    """Run to the end and check that each recording is there, whole and once."""
    process = await begin(home)
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    recordings = await look(home)
    assert all(is_stored(home, r) for r in recordings)
    for recording in recordings:
        assert recording is not None
        assert recording.duration_time.total_seconds() == pytest.approx(SECONDS, abs=0.02)
        assert recording.attached_at is not None
        assert recording.raw_removed_at is not None
    kept = {p.relative_to(home / "recordings") for p in (home / "recordings").rglob("*.*")}
    files = {str(p) for p in kept if (home / "recordings" / p).is_file()}
    assert files == {k for r in recordings if r for k in (r.audio_key, r.peaks_key)}
    database = Database(Settings(home=home).database_url)
    journal = SqlJournal(database)
    told = [r.event async for r in journal.read() if isinstance(r.event, ev.RecordingStored)]
    failed = [r.event async for r in journal.read() if isinstance(r.event, ev.RecordingFailed)]
    await database.close()
    assert {e.recording_id for e in told if isinstance(e, ev.RecordingStored)} == {
        r.recording_id for r in recordings if r
    }
    assert failed == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_killed_recorder_loses_nothing_and_makes_nothing_twice(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    home = prepare(tmp_path)
    for _ in range(3):
        process = await begin(home)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0, 1.5)):
                await process.wait()
        children = children_of(process.pid)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        recordings = await look(home)
        for number, recording in enumerate(recordings):
            assert has_raw(home, call_id_of(number)) or is_stored(home, recording)
        # An encoder's process does not outlive the service.
        await until(partial(are_gone, children), within=20)
    for number, recording in enumerate(await look(home)):
        assert has_raw(home, call_id_of(number)) or is_stored(home, recording)
    await finish(home)


async def test_killing_the_encoder_again_and_again_only_delays(tmp_path: Path) -> None:
    chance = random.Random(4)
    home = prepare(tmp_path)
    process = await begin(home)
    killed = 0
    while process.returncode is None and killed < 4:
        children = await until(
            lambda: process.returncode is not None or children_of(process.pid), within=30
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0.1, 0.9)):
                await process.wait()
        if children is not True and process.returncode is None:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                    killed += 1
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    assert killed
    await finish(home)
