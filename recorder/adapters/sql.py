"""The recording book on SQL. Claims are rows with a lease, so a killed worker's job is taken over when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from cti.domain.ids import AgentId, CallId, RecordingId, TicketId
from cti.storage.database import Database
from recorder.adapters.tables import RecordingAgentRow, RecordingRow, RecordingSpanRow
from recorder.model import Levels, Recording, RecordingState, Verdict
from recorder.ports import Checked, Finding, Job

_MS = timedelta(milliseconds=1)
_WAITING = RecordingState.WAITING.value
_STORED = RecordingState.STORED.value


class SqlBook:
    """``RecordingBook`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, recording_id: RecordingId, call_id: CallId, stopped_at: datetime, due_at: datetime
    ) -> bool:
        """See the port."""
        async with self._write() as session:
            known = await session.scalar(
                select(RecordingRow.recording_id).where(RecordingRow.call_id == call_id)
            )
            if known is not None:
                return False
            session.add(
                RecordingRow(
                    recording_id=recording_id,
                    call_id=call_id,
                    state=_WAITING,
                    stopped_at=stopped_at,
                    due_at=due_at,
                )
            )
        return True

    async def claim(self, now: datetime, lease_until_at: datetime, token: str) -> Job | None:
        """See the port."""
        is_nobodys = or_(
            RecordingRow.claimed_until_at.is_(None), RecordingRow.claimed_until_at <= now
        )
        due = (
            select(RecordingRow)
            .where(RecordingRow.state == _WAITING, RecordingRow.due_at <= now, is_nobodys)
            .order_by(RecordingRow.due_at)
            .limit(1)
        )
        async with self._read() as session:
            # Most looks find nothing: only a find is worth the writers' lock.
            if (await session.scalar(due)) is None:
                return None
        async with self._write() as session:
            row = await session.scalar(due)
            if row is None:
                return None
            row.claimed_by, row.claimed_until_at = token, lease_until_at
            return Job(
                RecordingId(row.recording_id),
                CallId(row.call_id),
                row.stopped_at,
                row.attempts,
                token,
            )

    async def renew(self, job: Job, lease_until_at: datetime) -> bool:
        """See the port."""
        return await self._update(job, {"claimed_until_at": lease_until_at})

    async def put_off(self, job: Job, due_at: datetime, *, is_attempt: bool) -> bool:
        """See the port."""
        values: dict[str, Any] = {"due_at": due_at, "claimed_by": None, "claimed_until_at": None}
        if is_attempt:
            values["attempts"] = job.attempts + 1
        return await self._update(job, values)

    async def store(
        self,
        job: Job,
        finding: Finding,
        encoded: Checked,
        levels: Levels | None,
        audio_key: str,
        stored_at: datetime,
    ) -> bool:
        """See the port."""
        values: dict[str, Any] = {
            "state": _STORED,
            "audio_key": audio_key,
            "duration_ms": encoded.duration_time // _MS,
            "sha256": encoded.sha256,
            "size": encoded.size,
            "stored_at": stored_at,
        }
        if levels is not None:
            values |= {
                "caller_dbfs": levels.caller_dbfs,
                "agent_dbfs": levels.agent_dbfs,
                "silence_share": levels.silence_share,
                "crosstalk_share": levels.crosstalk_share,
            }
        return await self._update(job, values, finding)

    async def fail(self, job: Job, finding: Finding | None, reason: str) -> bool:
        """See the port."""
        values = {"state": RecordingState.FAILED.value, "reason": reason}
        return await self._update(job, values, finding)

    async def close(self, job: Job, finding: Finding) -> bool:
        """See the port."""
        return await self._update(job, {"state": RecordingState.NOTHING_SAID.value}, finding)

    async def reopen(self, recording_id: RecordingId, due_at: datetime) -> None:
        """See the port."""
        await self._set(
            recording_id,
            {"state": _WAITING, "due_at": due_at, "claimed_by": None, "claimed_until_at": None},
        )

    async def attach(
        self, recording_id: RecordingId, ticket_id: TicketId, attached_at: datetime
    ) -> None:
        """See the port."""
        await self._set(recording_id, {"ticket_id": ticket_id, "attached_at": attached_at})

    async def note_raw_removed(self, recording_id: RecordingId, removed_at: datetime) -> None:
        """See the port."""
        await self._set(recording_id, {"raw_removed_at": removed_at})

    async def by_id(self, recording_id: RecordingId) -> Recording | None:
        """See the port."""
        found = await self._find(RecordingRow.recording_id == recording_id)
        return found[0] if found else None

    async def by_call(self, call_id: CallId) -> Recording | None:
        """See the port."""
        found = await self._find(RecordingRow.call_id == call_id)
        return found[0] if found else None

    async def unattached(self) -> Sequence[Recording]:
        """See the port."""
        return await self._find(
            and_(
                RecordingRow.state == _STORED,
                RecordingRow.attached_at.is_(None),
                RecordingRow.raw_removed_at.is_(None),
            )
        )

    async def raw_to_remove(self, stored_before_at: datetime) -> Sequence[Recording]:
        """See the port."""
        may_go = or_(
            RecordingRow.attached_at.is_not(None), RecordingRow.stored_at < stored_before_at
        )
        return await self._find(
            and_(RecordingRow.state == _STORED, RecordingRow.raw_removed_at.is_(None), may_go)
        )

    async def _find(self, condition: ColumnElement[bool]) -> list[Recording]:
        async with self._read() as session:
            query = select(RecordingRow).where(condition).order_by(RecordingRow.stopped_at)
            rows = (await session.scalars(query)).all()
            agents: dict[str, list[AgentId]] = {}
            if rows:
                heard = select(RecordingAgentRow).where(
                    RecordingAgentRow.recording_id.in_(
                        select(RecordingRow.recording_id).where(condition)
                    )
                )
                for agent in await session.scalars(heard):
                    agents.setdefault(agent.recording_id, []).append(AgentId(agent.agent_id))
        return [_recording(row, agents.get(row.recording_id, [])) for row in rows]

    async def _set(self, recording_id: RecordingId, values: dict[str, Any]) -> None:
        async with self._write() as session:
            await session.execute(
                update(RecordingRow)
                .where(RecordingRow.recording_id == recording_id)
                .values(**values)
            )

    async def _update(
        self, job: Job, values: dict[str, Any], finding: Finding | None = None
    ) -> bool:
        """Change a claimed row, with its ledger where one is given; False where the claim is lost."""
        if finding is not None:
            verification = finding.verification
            values = values | {
                "verdict": verification.verdict.value,
                "expected_ms": verification.expected_time // _MS,
                "actual_ms": verification.actual_time // _MS,
            }
        if "state" in values:
            values = values | {"claimed_by": None, "claimed_until_at": None}
        async with self._write() as session:
            changed = await session.scalar(
                update(RecordingRow)
                .where(
                    RecordingRow.recording_id == job.recording_id,
                    RecordingRow.state == _WAITING,
                    RecordingRow.claimed_by == job.token,
                )
                .values(**values)
                .returning(RecordingRow.recording_id)
            )
            if changed is not None and finding is not None:
                await _write_finding(session, job.recording_id, finding)
        return changed is not None

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncSession]:
        try:
            async with self._database.read() as session:
                yield session
        except SQLAlchemyError as exc:
            raise OSError("the recordings' book can't be read") from exc

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncSession]:
        try:
            async with self._database.write() as session:
                yield session
        except SQLAlchemyError as exc:
            raise OSError("the recordings' book can't be written: is the disk full?") from exc


async def _write_finding(
    session: AsyncSession, recording_id: RecordingId, finding: Finding
) -> None:
    for table in (RecordingSpanRow, RecordingAgentRow):
        # A recording that was opened again has lines from before.
        await session.execute(delete(table).where(table.recording_id == recording_id))
    spans = [
        {
            "recording_id": recording_id,
            "position": position,
            "started_at": span.started_at,
            "ended_at": span.ended_at,
            "bridging": span.bridging.value,
            "offset_ms": span.offset_time // _MS,
            "is_in_file": span.is_in_file,
            "reason": span.reason,
        }
        for position, span in enumerate(finding.ledger.spans)
    ]
    agents = [{"recording_id": recording_id, "agent_id": a} for a in finding.agent_ids]
    if spans:
        await session.execute(insert(RecordingSpanRow), spans)
    if agents:
        await session.execute(insert(RecordingAgentRow), agents)


def _recording(row: RecordingRow, agent_ids: list[AgentId]) -> Recording:
    return Recording(
        recording_id=RecordingId(row.recording_id),
        call_id=CallId(row.call_id),
        state=RecordingState(row.state),
        stopped_at=row.stopped_at,
        attempts=row.attempts,
        reason=row.reason,
        verdict=Verdict(row.verdict) if row.verdict else None,
        audio_key=row.audio_key,
        duration_time=row.duration_ms * _MS,
        sha256=row.sha256,
        size=row.size,
        agent_ids=tuple(sorted(agent_ids)),
        stored_at=row.stored_at,
        ticket_id=None if row.ticket_id is None else TicketId(row.ticket_id),
        attached_at=row.attached_at,
        raw_removed_at=row.raw_removed_at,
    )
