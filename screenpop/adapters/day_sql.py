"""``screenpop.ports.DayBook`` on the tables; numbers and texts come from the subjects' rows, where they are still there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, select
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.ids import AgentId, CallId, QueueName
from cti.storage.database import Database
from cti.storage.journal_rows import JournalRow, SubjectRow
from screenpop.adapters.day_rows import LISTS
from screenpop.adapters.tables import ContactRow, MessageReadRow, MessageRow, PromiseRow, table
from screenpop.contact import Contact
from screenpop.notices import Message
from screenpop.promises import Promise

T = TypeVar("T")
_CONTACTS, _PROMISES = table(ContactRow), table(PromiseRow)
_MESSAGES, _READS = table(MessageRow), table(MessageReadRow)
_JOURNAL, _SUBJECTS = table(JournalRow), table(SubjectRow)
_BEGINS = ("CallOffered", "CallRecovered", "CallbackRequested")


class SqlDay:
    """See the port. ``catch_up`` brings the tables up to the journal's end."""

    def __init__(self, database: Database, catch_up: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._catch_up = catch_up

    async def contacts(self, since_at: datetime) -> list[tuple[Contact, str]]:
        """See the port."""
        await self._catch_up()
        return await self._look(lambda c: _contacts(c, since_at))

    async def promises(self) -> list[Promise]:
        """See the port."""
        await self._catch_up()
        return await self._look(_promises)

    async def messages(self, since_at: datetime) -> list[Message]:
        """See the port."""
        await self._catch_up()
        return await self._look(lambda c: _messages(c, since_at))

    async def _look(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.look(work)
        except SQLAlchemyError as exc:
            raise OSError("the day can't be read") from exc


def _personal(names: tuple[str, ...], of: Any) -> Any:
    """The personal fields of the calls' events of these names."""
    return (
        select(_JOURNAL.c.call_id, _JOURNAL.c.name, _SUBJECTS.c.field, _SUBJECTS.c.value)
        .join(_SUBJECTS, _SUBJECTS.c.sequence == _JOURNAL.c.sequence)
        .where(_JOURNAL.c.name.in_(names), _JOURNAL.c.call_id.in_(of))
        .order_by(_JOURNAL.c.sequence)
    )


def _contacts(connection: Connection, since_at: datetime) -> list[tuple[Contact, str]]:
    is_new = _CONTACTS.c.at >= since_at
    numbers: dict[str, str] = {}
    asked: dict[str, str] = {}
    of = select(_CONTACTS.c.call_id).where(is_new)
    for row in connection.execute(_personal(_BEGINS, of)):
        if row.field == "ani":
            numbers.setdefault(row.call_id, row.value)
        elif row.field == "number":
            asked.setdefault(row.call_id, row.value)
    found = []
    query = select(_CONTACTS).where(is_new).order_by(_CONTACTS.c.at, _CONTACTS.c.call_id)
    for row in connection.execute(query):
        values: dict[str, Any] = {k: v for k, v in row._mapping.items() if k != "at"}
        values |= {name: tuple(values[name].split()) for name in LISTS}
        number = numbers.get(row.call_id) or asked.get(row.call_id, "")
        found.append((Contact(**values), number))
    return found


def _promises(connection: Connection) -> list[Promise]:
    stands = _PROMISES.c.ended_at.is_(None)
    personal: dict[str, dict[str, str]] = {}
    for row in connection.execute(
        _personal(("PromiseMade",), select(_PROMISES.c.call_id).where(stands))
    ):
        personal.setdefault(row.call_id, {})[row.field] = row.value
    query = select(_PROMISES).where(stands).order_by(_PROMISES.c.due_at, _PROMISES.c.call_id)
    return [
        Promise(
            call_id=CallId(row.call_id),
            made_by=AgentId(row.made_by),
            made_at=row.made_at,
            due_at=row.due_at,
            agent_id=AgentId(row.agent_id) if row.agent_id is not None else None,
            queue=QueueName(row.queue) if row.queue is not None else None,
            number=personal.get(row.call_id, {}).get("number", ""),
            text=personal.get(row.call_id, {}).get("text", ""),
        )
        for row in connection.execute(query)
    ]


def _messages(connection: Connection, since_at: datetime) -> list[Message]:
    is_text = and_(_SUBJECTS.c.sequence == _MESSAGES.c.sequence, _SUBJECTS.c.field == "text")
    is_new = _MESSAGES.c.at >= since_at
    query = (
        select(_MESSAGES, _SUBJECTS.c.value)
        .join(_SUBJECTS, is_text, isouter=True)
        .where(is_new)
        .order_by(_MESSAGES.c.at, _MESSAGES.c.message_id)
    )
    found = {
        row.message_id: Message(
            row.message_id,
            AgentId(row.by),
            row.at,
            row.audience,
            row.target,
            tuple(AgentId(who) for who in row.recipients.split()),
            row.value or "",
        )
        for row in connection.execute(query)
    }
    seen = select(_READS).where(
        _READS.c.message_id.in_(select(_MESSAGES.c.message_id).where(is_new))
    )
    for row in connection.execute(seen):
        found[row.message_id].read[AgentId(row.agent_id)] = row.at
    return list(found.values())
