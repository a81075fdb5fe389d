"""Legal holds: as long as one is on a person or on a call, nothing of it is erased or ages away.

A hold's row is source data of its subject: it has the person's numbers (so that a hold outlives a customer's file that is
merged or removed) and the reason, which may name him. The journal holds ids only (``SubjectHeld``,
``SubjectReleased``), handed in with the row. All functions take a plain connection and are for ``Database.look`` and
``Database.change``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, String, Text, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.events import SubjectHeld, SubjectReleased
from cti.domain.ids import CallId, CustomerId
from cti.storage.base import Base, UtcDateTime
from cti.storage.journal_rows import hand_in

_LONGEST_REASON = 500


class HoldRow(Base):
    """One hold, on or lifted."""

    __tablename__ = "subject_holds"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy's own form

    hold_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(Integer)
    call_id: Mapped[str | None] = mapped_column(String(96))
    numbers: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    set_by: Mapped[str] = mapped_column(String(80))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    released_by: Mapped[str | None] = mapped_column(String(80))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    release_reason: Mapped[str] = mapped_column(Text)


_HOLDS = Base.metadata.tables[HoldRow.__tablename__]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold on a person (his file, his numbers), or on one call."""

    hold_id: int
    customer_id: CustomerId | None
    call_id: CallId | None
    numbers: tuple[str, ...] = field(repr=False)
    reason: str = field(repr=False)
    set_by: str
    set_at: datetime
    released_by: str | None
    released_at: datetime | None
    release_reason: str = field(repr=False)

    def __str__(self) -> str:
        return f"hold {self.hold_id}, set by {self.set_by} on {self.set_at:%Y-%m-%d}: {self.reason}"


def put(
    connection: Connection,
    *,
    customer_id: CustomerId | None = None,
    call_id: CallId | None = None,
    numbers: Iterable[str] = (),
    reason: str,
    by: str,
    at: datetime,
) -> Hold:
    """Put a hold on a person or on a call.

    Raises:
        InvalidValue: no reason, or one of more than 500 characters.
    """
    values = {
        "customer_id": customer_id,
        "call_id": call_id,
        "numbers": json.dumps(list(numbers)),
        "reason": _reason(reason),
        "set_by": by[:80],
        "set_at": at,
        "release_reason": "",
    }
    made = connection.execute(insert(_HOLDS).values(values).returning(_HOLDS.c.hold_id))
    hold_id = made.scalar_one()
    fact = SubjectHeld(at=at, by=by, hold_id=hold_id, customer_id=customer_id, call_id=call_id)
    hand_in(connection, fact)
    return _one(connection, hold_id)


def release(connection: Connection, hold_id: int, *, reason: str, by: str, at: datetime) -> Hold:
    """Lift a hold.

    Raises:
        InvalidValue: no reason, or one of more than 500 characters.
        CommandRefused: there is none of this number (``unknown``), or it was lifted before (``released``).
    """
    hold = _one(connection, hold_id)
    if hold.released_at is not None:
        raise CommandRefused("released", f"hold {hold_id} was lifted by {hold.released_by} before")
    values = {"released_by": by[:80], "released_at": at, "release_reason": _reason(reason)}
    connection.execute(update(_HOLDS).where(_HOLDS.c.hold_id == hold_id).values(values))
    hand_in(connection, SubjectReleased(at=at, by=by, hold_id=hold_id))
    return _one(connection, hold_id)


def holds(connection: Connection, *, with_released: bool = False) -> list[Hold]:
    """All that are on, and those that were; oldest first."""
    query = select(_HOLDS).order_by(_HOLDS.c.hold_id)
    if not with_released:
        query = query.where(_HOLDS.c.released_at.is_(None))
    return [_hold(row) for row in connection.execute(query)]


def forget(connection: Connection, hold_ids: Iterable[int]) -> None:
    """Remove the rows of lifted holds, with their person; the journal keeps that they were."""
    ids = list(hold_ids)
    lifted = _HOLDS.c.released_at.is_not(None)
    connection.execute(delete(_HOLDS).where(_HOLDS.c.hold_id.in_(ids), lifted))


def _one(connection: Connection, hold_id: int) -> Hold:
    row = connection.execute(select(_HOLDS).where(_HOLDS.c.hold_id == hold_id)).first()
    if row is None:
        raise CommandRefused("unknown", f"there is no hold {hold_id}")
    return _hold(row)


def _hold(row: Any) -> Hold:
    return Hold(
        hold_id=row.hold_id,
        customer_id=CustomerId(row.customer_id) if row.customer_id is not None else None,
        call_id=CallId(row.call_id) if row.call_id else None,
        numbers=tuple(json.loads(row.numbers)),
        reason=row.reason,
        set_by=row.set_by,
        set_at=row.set_at,
        released_by=row.released_by,
        released_at=row.released_at,
        release_reason=row.release_reason,
    )


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason or len(reason) > _LONGEST_REASON:
        raise InvalidValue(f"reason (1 to {_LONGEST_REASON} characters)", text)
    return reason
