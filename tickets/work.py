"""Work on tickets, with and without a call: see them, change their fields, comment, hand over, open and part.

Who may is decided here by ``Scope``, for every command anew: a ticket that one may not see is "no such ticket", whether
it exists or not. Only the ticket of the call on one's own desktop (``at_hand``, which the desktop vouches for) is
open to him whatever the scope. Every change is one transaction and one ``TicketChanged``, which holds names of fields and
ids; what was written stands in the ticket's rows. ``revision`` tells two who change the same ticket apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import AgentId, CallId, TicketId
from cti.domain.people import Permission, User
from cti.domain.search import words_of
from cti.domain.text import clean_name
from cti.ports import Clock, EventBus
from tickets import model
from tickets.forms import TicketForm, with_text
from tickets.lists import VIEWS, Found, Scope, TicketQuery
from tickets.model import MAX_COMMENT_LENGTH, CallFile, CannedText, Ticket
from tickets.office import TicketOffice, find_ticket
from tickets.ports import Files
from tickets.service import TicketService, customer_for
from tickets.staff import Staff, groups_of
from tickets.views import FormView, ListedView, ListView, PersonView, TicketView, ticket_view

MAX_SUBJECT = 200
MAX_LIST = 1000
MAX_CANNED = 200
_JOURNALLED = ("status", "priority", "group", "owner")
"""Fields whose values are ids."""


class TicketWork:
    """What people do with tickets; ``office`` does the rest."""

    def __init__(
        self,
        service: TicketService,
        office: TicketOffice,
        staff: Staff,
        bus: EventBus,
        clock: Clock,
        form: TicketForm,
    ) -> None:
        self._service = service
        self._office = office
        self._staff = staff
        self._bus = bus
        self._clock = clock
        self._form = form
        self._listeners: list[Callable[[TicketId, frozenset[AgentId], frozenset[str]], None]] = []
        service.on_ticket(self._tell)

    def configure(self, form: TicketForm) -> None:
        """The company has changed."""
        self._form = form
        self._staff.forget()

    def on_ticket(
        self, listener: Callable[[TicketId, frozenset[AgentId], frozenset[str]], None]
    ) -> None:
        """Be told of every ticket that looks different: its number, whose lists it stood or stands in, people and groups."""
        self._listeners.append(listener)

    def groups_of(self, user: User) -> frozenset[str]:
        """The groups that somebody is in."""
        return groups_of(user, self._form.groups)

    # ---- looking -------------------------------------------------------------------------------

    async def form(self, user: User, language: str) -> FormView:
        """What the page must know to show and change tickets.

        Raises:
            OSError: the store can't be read.
        """
        await self._staff.read()
        own = await self._service.files.store.read(lambda files: files.canned_of(user.user_id))
        mine = self.groups_of(user)
        return FormView(
            groups=tuple(
                (g.name, g.label, g.name in mine, g.needs_note) for g in self._form.groups
            ),
            categories=tuple((c.name, c.label) for c in self._form.categories),
            people=tuple(PersonView(u.user_id, u.name) for u in self._staff.workers()),
            texts=tuple(with_text(self._form.texts, tuple(own), language)),
        )

    async def listing(self, user: User, view: str, question: str, limit: int) -> ListView:
        """One list, with the counts of all of them.

        Raises:
            InvalidValue: there is no such list.
            OSError: the store can't be read.
        """
        if view not in VIEWS:
            raise InvalidValue("list", view)
        await self._staff.read()
        groups, scope = self.groups_of(user), self._scope(user)
        words = words_of(question) if view == "search" else ()
        limit = max(0, min(limit, MAX_LIST))
        query = TicketQuery(view, user.user_id, groups, scope, words, limit)

        def look(files: Files) -> tuple[Sequence[Found], dict[str, int]]:
            # A search without words would be a list of everything: nobody asked for that.
            is_asked = limit > 0 and (view != "search" or bool(words))
            found = files.find_tickets(query) if is_asked else []
            counts = {v: files.count_tickets(replace(query, view=v)) for v in VIEWS[:3]}
            return found, counts

        found, counts = await self._service.files.store.read(look)
        total = counts.get(view, len(found))
        rows = tuple(self._row(each) for each in found)
        return ListView(view, question, rows, total, len(rows) >= limit and limit > 0, counts)

    def _row(self, found: Found) -> ListedView:
        ticket = found.ticket
        return ListedView(
            ticket_id=ticket.ticket_id,
            subject=ticket.subject,
            status=ticket.status,
            priority=ticket.priority,
            group=ticket.group,
            owner_id=ticket.owner_id or "",
            owner_name=self._staff.name(ticket.owner_id),
            due_at=ticket.due_at,
            created_at=ticket.created_at,
            customer_name=found.customer_name,
            revision=ticket.revision,
        )

    async def view(self, user: User, ticket_id: TicketId, *, at_hand: bool = False) -> TicketView:
        """A ticket with everything on it.

        Raises:
            CommandRefused: ``no_such_ticket``.
            OSError: the store can't be read.
        """
        await self._staff.read()

        def look(files: Files) -> tuple[Ticket, Sequence[CallFile], Sequence[model.Comment], str]:
            ticket = self._visible(files, user, ticket_id, at_hand)
            customer = files.customer(ticket.customer_id) if ticket.customer_id else None
            name = customer.name if customer is not None else ""
            return ticket, files.calls_on(ticket_id), files.comments_on(ticket_id), name

        ticket, calls, comments, name = await self._service.files.store.read(look)
        return ticket_view(
            ticket,
            self._service.shelf.newest(calls),
            comments,
            form=self._form,
            name_of=self._staff.name,
            dispositions=self._office.dispositions(ticket.queue),
            customer_name=name,
        )

    # ---- changing ------------------------------------------------------------------------------

    async def change(
        self,
        user: User,
        ticket_id: TicketId,
        revision: int,
        changes: Mapping[str, str],
        fields: Mapping[str, str],
        due_at: datetime | None = None,
        *,
        at_hand: bool = False,
    ) -> None:
        """Change what was read as ``revision``.

        ``changes`` may hold ``subject``, ``category``, ``priority``, ``status``, ``group``, ``owner`` and ``due``, which
        means ``due_at``; ``fields`` are the company's own.

        Raises:
            CommandRefused: ``no_such_ticket``, ``ticket_changed``, ``no_such_value``, ``no_such_agent``,
                ``invalid_field``, ``field_missing`` (it can't be closed yet), ``subject_missing``, ``note_missing``.
            OSError: the store can't be written; nothing was changed.
        """
        await self._staff.read()

        def write(files: Files) -> tuple[Ticket, Ticket]:
            before = self._current(files, user, ticket_id, revision, at_hand)
            after = self._changed(before, changes, fields, due_at)
            group = self._form.group(after.group) if after.group != before.group else None
            if group is not None and group.needs_note:
                # By hand_over, which asks for the note.
                raise CommandRefused("note_missing", "Say in a note why this group gets it.")
            if after == before:
                return before, before
            after = replace(after, revision=revision + 1, changed_by=user.user_id)
            files.put_ticket(after)
            return before, after

        before, after = await self._service.files.write(write)
        if after != before:
            await self._told(user, before, after)

    async def comment(
        self, user: User, ticket_id: TicketId, text: str, *, at_hand: bool = False
    ) -> None:
        """Say something to the colleagues.

        Raises:
            CommandRefused: ``no_such_ticket``, ``comment_missing``, ``too_long``.
            OSError: the store can't be written.
        """
        text = _comment(text)
        if not text:
            raise CommandRefused("comment_missing", "Write something first.")
        await self._staff.read()

        def write(files: Files) -> Ticket:
            ticket = self._visible(files, user, ticket_id, at_hand)
            files.add_comment(ticket_id, user.user_id, self._clock.now(), text)
            after = replace(ticket, revision=ticket.revision + 1, changed_by=user.user_id)
            files.put_ticket(after)
            return after

        after = await self._service.files.write(write)
        await self._publish(user, after, ("comment",), {})

    async def hand_over(
        self,
        user: User,
        ticket_id: TicketId,
        revision: int,
        *,
        group: str,
        owner: str,
        note: str,
        at_hand: bool = False,
    ) -> None:
        """Give a ticket to a group, or to a colleague (then he is its owner); the caller's call goes on as it was.

        Raises:
            CommandRefused: as ``change``; ``note_missing``: this group wants to know why.
            OSError: the store can't be written.
        """
        note = _comment(note)
        await self._staff.read()

        def write(files: Files) -> tuple[Ticket, Ticket]:
            before = self._current(files, user, ticket_id, revision, at_hand)
            wanted = self._form.group(group) if group else None
            if wanted is None and (group or not owner):
                raise CommandRefused("no_such_value", "There is no such group.", name="group")
            if wanted is not None and wanted.needs_note and not note:
                raise CommandRefused("note_missing", "Say in a note why this group gets it.")
            after = replace(
                before,
                group=group or before.group,
                owner_id=self._owner(owner),
                status="open" if before.status == "closed" else before.status,
                revision=revision + 1,
                changed_by=user.user_id,
            )
            if note:
                files.add_comment(ticket_id, user.user_id, self._clock.now(), note)
            files.put_ticket(after)
            return before, after

        before, after = await self._service.files.write(write)
        await self._told(user, before, after, ("comment",) if note else ())

    async def note(self, user: User, ticket_id: TicketId, text: str, version: int) -> None:
        """Replace the note of a ticket that was opened from a list.

        Raises:
            CommandRefused: as ``TicketOffice.write_note``.
            OSError: the store can't be written.
        """
        await self._staff.read()
        await self._service.files.store.read(lambda f: self._visible(f, user, ticket_id, False))
        await self._office.write_note(ticket_id, text, version)

    # ---- the call's own ticket -----------------------------------------------------------------

    async def open(self, user: User, call_id: CallId) -> None:
        """Open a ticket for a call that no rule opened one for.

        Raises:
            CommandRefused: ``no_such_call``, ``has_a_ticket``.
            OSError: the store can't be written.
        """
        async with self._service.files.locked(call_id):
            file = await self._service.files.get(call_id)
            if file is None:
                raise CommandRefused("no_such_call", "There is no such call.")
            if file.ticket_id is not None:
                raise CommandRefused("has_a_ticket", "This call has a ticket already.")
            await self._service.open_asked(file, user.user_id)
        self._service.tell_change(call_id)

    async def detach(self, user: User, call_id: CallId) -> None:
        """Take a call off the ticket that it was attached to, and give it one of its own. What was written stays there.

        Raises:
            CommandRefused: ``no_such_call``, ``no_ticket_yet``, ``own_ticket``: it hangs where it began.
            OSError: the store can't be written.
        """
        async with self._service.files.locked(call_id):
            file = await self._service.files.get(call_id)
            if file is None:
                raise CommandRefused("no_such_call", "There is no such call.")
            if file.ticket_id is None:
                raise CommandRefused("no_ticket_yet", "The call has no ticket yet.")
            from_ticket_id, now = file.ticket_id, self._clock.now()

            def part(files: Files) -> tuple[CallFile, TicketId]:
                held = find_ticket(files, from_ticket_id)
                if held.opened_by_call == call_id:
                    raise CommandRefused("own_ticket", "This is the call's own ticket.")
                customer = customer_for(files, file, now)
                ticket = files.ticket_opened_by(call_id) or files.add_ticket(
                    customer.customer_id, file.subject[:500], now, call_id,
                    category=self._form.category_of(file), queue=file.queue,
                    group=self._form.group_of(file.queue), owner_id=user.user_id,
                )  # fmt: skip
                parted = replace(file, ticket_id=ticket.ticket_id)
                parted = model.note(parted, now, "detached", f"#{from_ticket_id}")
                files.put_calls([parted])
                return parted, ticket.ticket_id

            parted, ticket_id = await self._service.files.write(part)
            self._service.files.keep(parted)
            self._service.shelf.drop([file.customer_id], [from_ticket_id, ticket_id])
        self._bus.publish(
            ev.CallAttached(
                at=now,
                call_id=call_id,
                ticket_id=ticket_id,
                from_ticket_id=from_ticket_id,
                by=user.user_id,
            )
        )
        self._service.tell_change(call_id)
        for changed in (from_ticket_id, ticket_id):
            await self._service.tell_ticket(changed)

    # ---- canned texts --------------------------------------------------------------------------

    async def keep_text(self, user: User, name: str, text: str) -> None:
        """Add or replace a canned text of one's own; an empty text removes it.

        Raises:
            CommandRefused: ``name_missing``, ``too_long``, ``too_many_texts``.
            OSError: the store can't be written.
        """
        name = clean_name(name, 64)
        if not name:
            raise CommandRefused("name_missing", "A text needs a name.")
        if len(text) > MAX_COMMENT_LENGTH:
            raise CommandRefused("too_long", f"At most {MAX_COMMENT_LENGTH} characters.")

        def write(files: Files) -> None:
            others = [c for c in files.canned_of(user.user_id) if c.name != name]
            if text.strip() and len(others) >= MAX_CANNED:
                raise CommandRefused("too_many_texts", f"{MAX_CANNED} texts are the most.")
            files.put_canned(user.user_id, CannedText(name, text.strip()))

        await self._service.files.write(write)

    # ---- checks --------------------------------------------------------------------------------

    def _scope(self, user: User) -> Scope:
        return self._staff.scope(user, self._form)

    def _visible(self, files: Files, user: User, ticket_id: TicketId, at_hand: bool) -> Ticket:
        ticket = find_ticket(files, ticket_id)
        is_reader = user.may(Permission.READ_CUSTOMERS)
        if not is_reader or not (at_hand or self._scope(user).sees(ticket)):
            raise CommandRefused("no_such_ticket", "There is no such ticket.")
        return ticket

    def _current(
        self, files: Files, user: User, ticket_id: TicketId, revision: int, at_hand: bool
    ) -> Ticket:
        ticket = self._visible(files, user, ticket_id, at_hand)
        if ticket.revision != revision:
            name = self._staff.name(ticket.changed_by)
            text = f"{name} has changed this ticket meanwhile; look at it and try again."
            raise CommandRefused("ticket_changed", text, name=name)
        return ticket

    def _owner(self, owner: str) -> AgentId | None:
        if not owner:
            return None
        user = self._staff.find(owner)
        if user is None or not user.may(Permission.TAKE_CALLS):
            raise CommandRefused("no_such_agent", "Nobody here can have this ticket.")
        return user.user_id

    def _changed(
        self,
        ticket: Ticket,
        changes: Mapping[str, str],
        fields: Mapping[str, str],
        due_at: datetime | None,
    ) -> Ticket:
        groups = {"", *(group.name for group in self._form.groups)}
        categories = {"", ticket.category, *(category.name for category in self._form.categories)}
        allowed = {"status": model.STATUSES, "priority": model.PRIORITIES, "group": groups}
        for name, value in changes.items():
            if name == "category" and (self._form.categories or not value.isprintable()):
                allowed[name] = categories
            if name in allowed and value not in allowed[name]:
                raise CommandRefused("no_such_value", f"There is no such {name}.", name=name)
        if "subject" in changes and not clean_name(changes["subject"], MAX_SUBJECT):
            raise CommandRefused("subject_missing", "A ticket needs a subject.")
        after = replace(
            ticket,
            subject=clean_name(changes.get("subject", ticket.subject), MAX_SUBJECT)
            if "subject" in changes
            else ticket.subject,
            status=changes.get("status", ticket.status),
            priority=changes.get("priority", ticket.priority),
            group=changes.get("group", ticket.group),
            category=changes.get("category", ticket.category)[:64],
            owner_id=self._owner(changes["owner"]) if "owner" in changes else ticket.owner_id,
            due_at=due_at if "due" in changes else ticket.due_at,
        )
        after = replace(after, fields=self._filled(after, fields))
        missing = self._form.missing(after) if after.status == "closed" else ""
        if missing and (ticket.status != "closed" or fields):
            raise CommandRefused("field_missing", "A required field is empty.", name=missing)
        return after

    def _filled(self, ticket: Ticket, fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        rules = {rule.name: rule for rule in self._form.fields_of(ticket)}
        values = dict(ticket.fields)
        for name, value in fields.items():
            if name not in rules:
                raise CommandRefused("invalid_field", "This ticket has no such field.", name=name)
            values[name] = rules[name].checked(value)
        return tuple((name, value) for name, value in values.items() if value)

    # ---- telling -------------------------------------------------------------------------------

    async def _told(
        self, user: User, before: Ticket, after: Ticket, more: tuple[str, ...] = ()
    ) -> None:
        old, new = _values(before), _values(after)
        what = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        ids = {name: new[name] for name in what if name in _JOURNALLED}
        await self._publish(user, after, (*what, *more), ids, before)

    async def _publish(
        self,
        user: User,
        after: Ticket,
        what: tuple[str, ...],
        ids: dict[str, str],
        before: Ticket | None = None,
    ) -> None:
        self._bus.publish(
            ev.TicketChanged(
                at=self._clock.now(),
                ticket_id=after.ticket_id,
                by=user.user_id,
                what=what,
                values=ids,
            )
        )
        await self._service.tell_ticket(after.ticket_id, before)

    def _tell(self, ticket_id: TicketId, whose: Sequence[Ticket]) -> None:
        people = frozenset(t.owner_id for t in whose if t.owner_id is not None)
        groups = frozenset(t.group for t in whose if t.group)
        for listener in self._listeners:
            listener(ticket_id, people, groups)


def _values(ticket: Ticket) -> dict[str, str]:
    own = {f"field.{name}": value for name, value in ticket.fields}
    return {
        "subject": ticket.subject,
        "category": ticket.category,
        "priority": ticket.priority,
        "status": ticket.status,
        "group": ticket.group,
        "owner": ticket.owner_id or "",
        "due": ticket.due_at.isoformat() if ticket.due_at is not None else "",
        **own,
    }


def _comment(text: str) -> str:
    if len(text) > MAX_COMMENT_LENGTH:
        raise CommandRefused("too_long", f"At most {MAX_COMMENT_LENGTH} characters.")
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()
