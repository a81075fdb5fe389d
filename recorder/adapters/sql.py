"""The recording book on SQL. Claims are rows with a lease, so a killed worker's job is taken over when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    Connection,
    and_,
    bindparam,
    delete,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.ids import AgentId, CallId, RecordingId, TicketId
from cti.storage.base import Base, UtcDateTime
from cti.storage.database import Database
from cti.storage.prepared import Prepared
from recorder.adapters.tables import RecordingAgentRow, RecordingRow, RecordingSpanRow
from recorder.model import Levels, Recording, RecordingState, Verdict
from recorder.ports import Checked, Finding, Job

T = TypeVar("T")

_MS = timedelta(milliseconds=1)
_WAITING = RecordingState.WAITING.value
_STORED = RecordingState.STORED.value

# The statements are made once: making one costs more than running it.
_ROWS = Base.metadata.tables[RecordingRow.__tablename__]
_AGENTS = Base.metadata.tables[RecordingAgentRow.__tablename__]
_SPANS = Base.metadata.tables[RecordingSpanRow.__tablename__]
_KEY: BindParameter[str] = bindparam("key")
_IS_CLAIMED = and_(
    _ROWS.c.recording_id == _KEY,
    _ROWS.c.state == _WAITING,
    _ROWS.c.claimed_by == bindparam("token"),
)
_KNOWN = Prepared(select(_ROWS.c.recording_id).where(_ROWS.c.call_id == _KEY))
_ADD = Prepared(
    insert(_ROWS).values(
        {"attempts": 0, "reason": "", "audio_key": "", "duration_ms": 0, "sha256": "", "size": 0}
        | {
            name: bindparam(name, type_=_ROWS.c[name].type)
            for name in ("recording_id", "call_id", "state", "stopped_at", "due_at")
        }
    )
)
_DUE = Prepared(
    select(_ROWS.c.recording_id, _ROWS.c.call_id, _ROWS.c.stopped_at, _ROWS.c.attempts)
    .where(
        _ROWS.c.state == _WAITING,
        _ROWS.c.due_at <= bindparam("now", type_=UtcDateTime()),
        or_(
            _ROWS.c.claimed_until_at.is_(None),
            _ROWS.c.claimed_until_at <= bindparam("now", type_=UtcDateTime()),
        ),
    )
    .order_by(_ROWS.c.due_at)
    .limit(1)
)
_CLAIM = Prepared(
    update(_ROWS)
    .where(_ROWS.c.recording_id == _KEY)
    .values(claimed_by=bindparam("token"), claimed_until_at=bindparam("until"))
)
_REOPEN = Prepared(
    update(_ROWS)
    .where(_ROWS.c.recording_id == _KEY)
    .values(state=_WAITING, due_at=bindparam("due"), claimed_by=null(), claimed_until_at=null())
)
_ATTACH = Prepared(
    update(_ROWS)
    .where(_ROWS.c.recording_id == _KEY)
    .values(ticket_id=bindparam("ticket"), attached_at=bindparam("attached_at"))
)
_RAW_REMOVED = Prepared(
    update(_ROWS).where(_ROWS.c.recording_id == _KEY).values(raw_removed_at=bindparam("removed_at"))
)
_BY_ID = Prepared(select(_ROWS).where(_ROWS.c.recording_id == _KEY))
_BY_CALL = Prepared(select(_ROWS).where(_ROWS.c.call_id == _KEY))
_UNATTACHED = Prepared(
    select(_ROWS)
    .where(
        _ROWS.c.state == _STORED,
        _ROWS.c.attached_at.is_(None),
        _ROWS.c.raw_removed_at.is_(None),
    )
    .order_by(_ROWS.c.stopped_at)
)
_RAW_TO_REMOVE = Prepared(
    select(_ROWS)
    .where(
        _ROWS.c.state == _STORED,
        _ROWS.c.raw_removed_at.is_(None),
        or_(
            _ROWS.c.attached_at.is_not(None),
            _ROWS.c.stored_at < bindparam("before", type_=UtcDateTime()),
        ),
    )
    .order_by(_ROWS.c.stopped_at)
)
_HEARD = Prepared(select(_AGENTS.c.agent_id).where(_AGENTS.c.recording_id == _KEY))
_FORGET = (
    Prepared(delete(_SPANS).where(_SPANS.c.recording_id == _KEY)),
    Prepared(delete(_AGENTS).where(_AGENTS.c.recording_id == _KEY)),
)
_ADD_SPANS = Prepared(insert(_SPANS).values({c.name: bindparam(c.name) for c in _SPANS.c}))
_ADD_AGENTS = Prepared(insert(_AGENTS).values({c.name: bindparam(c.name) for c in _AGENTS.c}))


class SqlBook:
    """``RecordingBook`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._updates: dict[tuple[str, ...], Prepared] = {}  # by what they change

    async def add(
        self, recording_id: RecordingId, call_id: CallId, stopped_at: datetime, due_at: datetime
    ) -> bool:
        """See the port."""
        row = {
            "recording_id": recording_id,
            "call_id": call_id,
            "state": _WAITING,
            "stopped_at": stopped_at,
            "due_at": due_at,
        }

        def add(connection: Connection) -> bool:
            if _KNOWN.first(connection, {"key": call_id}) is not None:
                return False
            _ADD.change(connection, row)
            return True

        return await self._change(add, may_wait=True)

    async def claim(self, now: datetime, lease_until_at: datetime, token: str) -> Job | None:
        """See the port."""

        def claim(connection: Connection) -> Job | None:
            row = _DUE.first(connection, {"now": now})
            if row is None:
                return None
            _CLAIM.change(
                connection, {"key": row.recording_id, "token": token, "until": lease_until_at}
            )
            return Job(
                RecordingId(row.recording_id),
                CallId(row.call_id),
                row.stopped_at,
                row.attempts,
                token,
            )

        # Most looks find nothing: only a find is worth the writers' lock.
        if not await self._look(lambda c: _DUE.first(c, {"now": now}) is not None):
            return None
        return await self._change(claim)

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
        await self._change(lambda c: _REOPEN.change(c, {"key": recording_id, "due": due_at}))

    async def attach(
        self, recording_id: RecordingId, ticket_id: TicketId, attached_at: datetime
    ) -> Recording | None:
        """See the port."""

        def attach(connection: Connection) -> Recording | None:
            _ATTACH.change(
                connection, {"key": recording_id, "ticket": ticket_id, "attached_at": attached_at}
            )
            return next(iter(_found(connection, _BY_ID, {"key": recording_id})), None)

        return await self._change(attach, may_wait=True)

    async def note_raw_removed(self, recording_id: RecordingId, removed_at: datetime) -> None:
        """See the port."""
        await self._change(
            lambda c: _RAW_REMOVED.change(c, {"key": recording_id, "removed_at": removed_at}),
            may_wait=True,
        )

    async def by_id(self, recording_id: RecordingId) -> Recording | None:
        """See the port."""
        found = await self._look(lambda c: _found(c, _BY_ID, {"key": recording_id}))
        return found[0] if found else None

    async def by_call(self, call_id: CallId) -> Recording | None:
        """See the port."""
        found = await self._look(lambda c: _found(c, _BY_CALL, {"key": call_id}))
        return found[0] if found else None

    async def unattached(self) -> Sequence[Recording]:
        """See the port."""
        return await self._look(lambda c: _found(c, _UNATTACHED, {}))

    async def raw_to_remove(self, stored_before_at: datetime) -> Sequence[Recording]:
        """See the port."""
        return await self._look(lambda c: _found(c, _RAW_TO_REMOVE, {"before": stored_before_at}))

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
        names = tuple(sorted(values))
        if names not in self._updates:
            new = {name: bindparam(f"new_{name}", type_=_ROWS.c[name].type) for name in names}
            self._updates[names] = Prepared(update(_ROWS).where(_IS_CLAIMED).values(new))
        statement = self._updates[names]
        mine = {"key": job.recording_id, "token": job.token}
        mine |= {f"new_{name}": value for name, value in values.items()}

        def change(connection: Connection) -> bool:
            changed = statement.change(connection, mine) > 0
            if changed and finding is not None:
                _write_finding(connection, job.recording_id, finding)
            return changed

        return await self._change(change)

    async def _look(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.look(work)
        except SQLAlchemyError as exc:
            raise OSError("the recordings' book can't be read") from exc

    async def _change(self, work: Callable[[Connection], T], *, may_wait: bool = False) -> T:
        try:
            return await self._database.change(work, may_wait=may_wait)
        except SQLAlchemyError as exc:
            raise OSError("the recordings' book can't be written: is the disk full?") from exc


def _found(
    connection: Connection, statement: Prepared, values: Mapping[str, Any]
) -> list[Recording]:
    rows = statement.rows(connection, values)
    return [
        _recording(row, [AgentId(a.agent_id) for a in _HEARD.rows(connection, {"key": row[0]})])
        for row in rows
    ]


def _write_finding(connection: Connection, recording_id: RecordingId, finding: Finding) -> None:
    for statement in _FORGET:
        # A recording that was opened again has lines from before.
        statement.change(connection, {"key": recording_id})
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
    _ADD_SPANS.change_many(connection, spans)
    _ADD_AGENTS.change_many(connection, agents)


def _recording(row: Any, agent_ids: list[AgentId]) -> Recording:
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
