"""The recordings of one person's calls: listed, erased; for ``ringdesk subject``.

Sound first, row last: where an erasure is cut short, the row still says what is to be removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from cti.domain.ids import CallId, RecordingId
from cti.storage.base import Base
from recorder.adapters.tables import RecordingAgentRow, RecordingRow, RecordingSpanRow
from recorder.model import RecordingState, peaks_key
from recorder.ports import RecordingStore, Spool

_RECORDINGS = Base.metadata.tables[RecordingRow.__tablename__]
_AGENTS = Base.metadata.tables[RecordingAgentRow.__tablename__]
_SPANS = Base.metadata.tables[RecordingSpanRow.__tablename__]
_AT_ONCE = 500


def export(connection: Connection, call_ids: Iterable[CallId]) -> list[dict[str, Any]]:
    """The recordings of these calls, by id and file."""
    return [
        {
            "recording_id": row.recording_id,
            "call_id": row.call_id,
            "state": row.state,
            "file": row.audio_key,
            "waveform": peaks_key(RecordingId(row.recording_id), row.stopped_at),
            "stopped_at": row.stopped_at.isoformat(),
            "seconds": row.duration_ms / 1000,
            "sha256": row.sha256,
            "size": row.size,
        }
        for row in _rows(connection, call_ids)
    ]


def unfinished(connection: Connection, call_ids: Iterable[CallId]) -> list[CallId]:
    """Those of these calls whose recording is still being worked on."""
    rows = _rows(connection, call_ids)
    return [CallId(row.call_id) for row in rows if row.state == RecordingState.WAITING.value]


async def erase_sound(
    recordings: Sequence[dict[str, Any]],
    call_ids: Iterable[CallId],
    store: RecordingStore,
    spool: Spool,
) -> None:
    """Remove the sound of these recordings (as ``export`` lists them) and whatever raw files there are.

    Raises:
        OSError: something could not be removed; it is found again next time.
    """
    for recording in recordings:
        for key in (recording["file"], recording["waveform"]):
            if key:
                await store.delete(key)
    for call_id in call_ids:
        await spool.remove(call_id)


def erase_rows(connection: Connection, call_ids: Iterable[CallId]) -> int:
    """Remove the rows; returns how many recordings there were."""
    ids = [row.recording_id for row in _rows(connection, call_ids)]
    for first in range(0, len(ids), _AT_ONCE):
        keys = ids[first : first + _AT_ONCE]
        for rows in (_SPANS, _AGENTS, _RECORDINGS):
            connection.execute(delete(rows).where(rows.c.recording_id.in_(keys)))
    return len(ids)


def _rows(connection: Connection, call_ids: Iterable[CallId]) -> list[Any]:
    wanted, found = sorted(call_ids), list[Any]()
    for first in range(0, len(wanted), _AT_ONCE):
        keys = wanted[first : first + _AT_ONCE]
        query = select(_RECORDINGS).where(_RECORDINGS.c.call_id.in_(keys))
        found += connection.execute(query.order_by(_RECORDINGS.c.stopped_at))
    return found
