"""Everything that an installation knows of one person outside the house: exported, or erased for good.

A person is found by a number or by the number of a customer's file. Each department says what it has (its
``adapters/subject.py``), the journal its personal rows, text files the lines with the number in them. Erasing goes in
this order, so that whatever cuts it short, a second run finds the rest: sound, text files, then all rows in one
transaction together with the fact (``SubjectErased``), and at last the space that they left in the database's file.

As long as a legal hold is on the person, or on what names him, nothing is erased (``cti/storage/holds.py``).

It works beside a running service, which hears the fact through the journal's inbox and drops what it holds in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

import recorder.adapters.subject as recordings
import tickets.adapters.subject as files
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.events import SubjectErased
from cti.domain.ids import CallId, CustomerId
from cti.domain.numbers import DialPlan
from cti.domain.subject import SubjectNumber, pattern_of, subject_number
from cti.storage import holds as legal
from cti.storage import subjects as journal
from cti.storage import traces
from cti.storage.database import Database
from cti.storage.holds import Hold
from cti.storage.journal import SqlJournal, hand_in
from recorder.ports import RecordingStore, Spool
from tickets.model import Customer

_LONGEST_CUSTOMER_ID = 6
_TAKEN_LIMIT_S = 15.0
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """One person, as far as we know him."""

    numbers: tuple[SubjectNumber, ...] = field(repr=False)
    customers: tuple[Customer, ...] = ()
    call_ids: frozenset[CallId] = frozenset()
    fields: frozenset[journal.Field] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether any row is about him."""
        return bool(self.customers or self.call_ids or self.fields)


@dataclass(frozen=True, slots=True)
class Places:
    """Where else than in the database a person's number may stand."""

    text_files: tuple[Path, ...]  # folders of logs and records
    company_file: Path


@dataclass(slots=True)
class Subjects:
    """Finds, exports, erases."""

    database: Database
    plan: DialPlan
    store: RecordingStore
    spool: Spool
    places: Places

    async def find(self, who: str) -> Subject:
        """The person with this number, or with this customer's file (``#12``, or at most six digits).

        Raises:
            InvalidValue: neither a number nor a file's number.
            CommandRefused: several customers have the number (``several_customers``), or no such file (``unknown``).
        """
        digits = who.removeprefix("#")
        if digits.isdecimal() and (who != digits or len(digits) <= _LONGEST_CUSTOMER_ID):
            customer_id = CustomerId(int(digits))
            return await self.database.look(lambda c: self._by_customer(c, customer_id))
        number = subject_number(who, self.plan)
        return await self.database.look(lambda c: self._by_number(c, number))

    async def export(self, subject: Subject, at: datetime) -> dict[str, Any]:
        """One document of everything about a person."""

        def read(connection: Connection) -> dict[str, Any]:
            known = files.export(connection, subject.customers, subject.call_ids)
            return known | {
                "recordings": recordings.export(connection, subject.call_ids),
                "journal": journal.export(connection, subject.call_ids, subject.fields),
            }

        document = await self.database.look(read)
        return {
            "exported_at": at.isoformat(),
            "numbers": [number.key for number in subject.numbers],
            **document,
            "files": await asyncio.to_thread(self._lines, subject.numbers),
        }

    async def erase(self, subject: Subject, by: str, at: datetime) -> dict[str, int]:
        """Erase a person; harmless where nothing is left of him. Returns what was erased, by kind.

        Raises:
            CommandRefused: a legal hold is on (``held``), a call of his goes on (``live_call``), a recording is being
                worked on (``in_work``), or the company's own file names him (``in_company_file``); nothing was erased.
            OSError: a file or the database could not be written; run it again.
        """
        await self._refuse_what_is_under_way(subject)
        sound = await self.database.look(lambda c: recordings.export(c, subject.call_ids))
        await recordings.erase_sound(sound, subject.call_ids, self.store, self.spool)
        erased = {"lines": await asyncio.to_thread(self._redact, subject.numbers)}
        for _ in range(_ROUNDS):
            counts = await self.database.change(lambda c: self._erase_rows(c, subject, by, at))
            erased = {key: erased.get(key, 0) + counts.get(key, 0) for key in erased | counts}
            await self._see_it_journalled()
            # A running service may have written something from its memory meanwhile; now it has forgotten.
            if not await self.database.look(lambda c: journal.tables_with(c, subject.numbers)):
                break
        await journal.scrub(self.database)
        left = await self.database.look(lambda c: journal.tables_with(c, subject.numbers))
        if left:
            raise OSError(f"the number is still found in: {', '.join(left)}; run this again")
        return erased

    async def hold(self, held: Subject | CallId, reason: str, by: str, at: datetime) -> Hold:
        """Put a legal hold on a person, or on one call.

        Raises:
            InvalidValue: the reason is empty or long.
            CommandRefused: nothing is known of him, or of the call (``unknown``).
        """
        hold = await self.database.change(lambda c: self._hold(c, held, reason, by, at))
        await self._see_it_journalled()
        return hold

    async def release(self, hold_id: int, reason: str, by: str, at: datetime) -> Hold:
        """Lift a legal hold.

        Raises:
            InvalidValue: the reason is empty or long.
            CommandRefused: there is no such hold (``unknown``), or it was lifted before (``released``).
        """
        hold = await self.database.change(
            lambda c: legal.release(c, hold_id, reason=reason, by=by, at=at)
        )
        await self._see_it_journalled()
        return hold

    async def holds(self, *, with_released: bool = False) -> list[Hold]:
        """All legal holds that are on, and those that were."""
        return await self.database.look(lambda c: legal.holds(c, with_released=with_released))

    # ---- finding -------------------------------------------------------------------------------

    def _by_customer(self, connection: Connection, customer_id: CustomerId) -> Subject:
        person = files.by_customer(connection, customer_id)
        if not person.customers:
            raise CommandRefused("unknown", f"there is no customer's file #{customer_id}")
        return self._whole(connection, person.customers, person.numbers, person.call_ids)

    def _by_number(self, connection: Connection, number: SubjectNumber) -> Subject:
        person = files.with_number(connection, number)
        if len(person.customers) > 1:
            them = ", ".join(f"#{customer.customer_id}" for customer in person.customers)
            raise CommandRefused(
                "several_customers",
                f"several customers have this number: say which one, by the file's number ({them})",
            )
        keys, calls = person.numbers, person.call_ids
        for customer in person.customers:
            known = files.by_customer(connection, customer.customer_id)
            keys, calls = (*keys, *known.numbers), calls | known.call_ids
        return self._whole(connection, person.customers, keys, calls)

    def _whole(
        self,
        connection: Connection,
        customers: tuple[Customer, ...],
        keys: Iterable[str],
        call_ids: frozenset[CallId],
    ) -> Subject:
        numbers = tuple(_numbers_of(keys, self.plan))
        for number in numbers:
            call_ids |= files.with_number(connection, number).call_ids
        found = journal.find(connection, numbers)
        call_ids |= found.call_ids
        own = journal.fields_of(connection, call_ids, numbers)
        return Subject(numbers, customers, call_ids, found.fields | own)

    def _lines(self, numbers: Iterable[SubjectNumber]) -> list[dict[str, Any]]:
        pattern = pattern_of(numbers)
        if pattern is None:
            return []
        found = [
            {"file": str(path), "lines": traces.lines_with(path, pattern)}
            for path in self._text_files()
        ]
        return [entry for entry in found if entry["lines"]]

    def _text_files(self) -> list[Path]:
        folders = [place for place in self.places.text_files if place.is_dir()]
        return traces.files_below(folders) + [p for p in self.places.text_files if p.is_file()]

    # ---- erasing -------------------------------------------------------------------------------

    async def _refuse_what_is_under_way(self, subject: Subject) -> None:
        await self.database.look(lambda c: self._refuse_what_is_held(c, subject))
        if await asyncio.to_thread(self._is_in_company_file, subject.numbers):
            raise CommandRefused(
                "in_company_file",
                f"{self.places.company_file} names this customer, who would come back at the next start: "
                "take him out of it first",
            )
        live = await self.database.look(lambda c: journal.unfinished(c, subject.call_ids))
        if live:
            raise CommandRefused(
                "live_call",
                f"a call of this person goes on ({live[0]}): run this again when it is over "
                "(if it is: start the service, which then finds out)",
            )
        waiting = await self.database.look(lambda c: recordings.unfinished(c, subject.call_ids))
        if waiting:
            raise CommandRefused(
                "in_work",
                f"the recording of {waiting[0]} is still being made: run this again in a minute, "
                "with the service running",
            )

    def _is_in_company_file(self, numbers: Iterable[SubjectNumber]) -> bool:
        pattern, file = pattern_of(numbers), self.places.company_file
        return bool(pattern and file.is_file() and traces.lines_with(file, pattern))

    def _erase_rows(
        self, connection: Connection, subject: Subject, by: str, at: datetime
    ) -> dict[str, int]:
        ids = [customer.customer_id for customer in subject.customers]
        self._refuse_what_is_held(connection, subject)  # again: now nobody can put one on meanwhile
        lifted = legal.holds(connection, with_released=True)
        own = [hold.hold_id for hold in lifted if self._is_on(hold, subject)]
        found = journal.find(connection, subject.numbers)  # what came since he was looked for
        calls = subject.call_ids | found.call_ids
        fields = subject.fields | found.fields
        fields |= journal.fields_of(connection, calls, subject.numbers)
        erased = files.erase(connection, ids, calls, subject.numbers)
        erased["elsewhere"] = files.redact_elsewhere(connection, subject.numbers)
        erased["recordings"] = recordings.erase_rows(connection, calls)
        erased["fields"] = journal.erase(connection, fields)
        legal.forget(connection, own)
        if any(erased.values()):
            fact = SubjectErased(
                at=at,
                by=by,
                customer_id=ids[0] if ids else None,
                call_ids=tuple(sorted(calls)),
                fields=erased["fields"],
                recordings=erased["recordings"],
            )
            hand_in(connection, fact)
        return erased

    # ---- holds ---------------------------------------------------------------------------------

    def _hold(
        self, connection: Connection, held: Subject | CallId, reason: str, by: str, at: datetime
    ) -> Hold:
        if not isinstance(held, Subject):
            if not journal.is_known(connection, held):
                raise CommandRefused("unknown", "there is no such call")
            return legal.put(connection, call_id=held, reason=reason, by=by, at=at)
        if not held.is_known:
            raise CommandRefused("unknown", "nothing is known of this person")
        files.keep(connection, held.customers)
        return legal.put(
            connection,
            customer_id=held.customers[0].customer_id if held.customers else None,
            numbers=[number.key for number in held.numbers],
            reason=reason,
            by=by,
            at=at,
        )

    def _refuse_what_is_held(self, connection: Connection, subject: Subject) -> None:
        calls = subject.call_ids | journal.calls_of(connection, subject.fields)
        for hold in legal.holds(connection):
            if self._is_on(hold, subject):
                what = "this person"
            elif self._is_touched(connection, hold, calls, subject.numbers):
                what = "something that names this person"
            else:
                continue
            raise CommandRefused(
                "held",
                f"a legal hold is on {what} ({hold}): nothing is erased until it is lifted, with "
                f"`ringdesk subject release {hold.hold_id} --reason …`",
            )

    def _is_on(self, hold: Hold, subject: Subject) -> bool:
        numbers = {number.key for number in subject.numbers}
        return (
            any(hold.customer_id == customer.customer_id for customer in subject.customers)
            or hold.call_id in subject.call_ids
            or not numbers.isdisjoint(hold.numbers)
        )

    def _is_touched(
        self,
        connection: Connection,
        hold: Hold,
        calls: frozenset[CallId],
        numbers: tuple[SubjectNumber, ...],
    ) -> bool:
        """Whether erasing would change something of somebody else's that a hold is on."""
        customers = [hold.customer_id] if hold.customer_id is not None else []
        held = {hold.call_id} if hold.call_id is not None else set[CallId]()
        for customer_id in customers:
            held |= files.by_customer(connection, customer_id).call_ids
        for number in _numbers_of(hold.numbers, self.plan):
            held |= files.with_number(connection, number).call_ids
        return not held.isdisjoint(calls) or files.mentions(connection, customers, held, numbers)

    def _redact(self, numbers: Iterable[SubjectNumber]) -> int:
        pattern = pattern_of(numbers)
        if pattern is None:
            return 0
        return sum(traces.redact_file(path, pattern) for path in self._text_files())

    async def _see_it_journalled(self) -> None:
        """Have the fact journalled: by the service if it runs, else by ourselves."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _TAKEN_LIMIT_S
        while not await self.database.look(journal.is_handed_over):
            writer = SqlJournal(self.database)
            try:
                await writer.start()
            except CommandRefused:  # the service runs
                if loop.time() > deadline:
                    return  # it stands in the inbox: journalled as soon as the service gets to it
                await asyncio.sleep(0.1)
                continue
            await writer.take_in()
            await writer.stop()


def _numbers_of(keys: Iterable[str], plan: DialPlan) -> Iterable[SubjectNumber]:
    for key in dict.fromkeys(keys):
        try:
            yield subject_number(key, plan)
        except InvalidValue:  # an extension or a number of three digits identifies nobody outside
            continue


def as_text(document: dict[str, Any], *, is_short: bool) -> str:
    """The document as JSON: in one line, or laid out for people."""
    return json.dumps(document, ensure_ascii=False, indent=None if is_short else 2)
