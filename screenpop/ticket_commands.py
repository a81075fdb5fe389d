"""Work on tickets, as pages ask for it; the tickets' department says who may (``TicketWorkDesk``).

The desktop vouches for one thing: that a ticket is the one of the call that stands on it. Answers come when the page
has been sent what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import CallId, TicketId, parse_call_id
from screenpop.desks import Desk
from screenpop.lookups import Lookups
from screenpop.messages import Args, CallArgs, NoArgs, NoteArgs
from screenpop.on_desktop import Work
from screenpop.ticket_boards import TicketBoards
from screenpop.ticket_messages import (
    ChangeArgs,
    CommentArgs,
    HandOverArgs,
    TextArgs,
    TicketArgs,
    TicketsMessage,
)
from screenpop.ticket_ports import TicketWorkDesk


class TicketCommands:
    """Checks what stands where, and hands on."""

    def __init__(self, work: TicketWorkDesk, boards: TicketBoards, lookups: Lookups) -> None:
        self._work = work
        self.boards = boards
        self._lookups = lookups
        self.table: Mapping[str, tuple[type[Args], Callable[[Desk, Any, str], Work]]] = {
            "ticket.open": (TicketArgs, self._open),
            "ticket.close": (NoArgs, self._close),
            "ticket.change": (ChangeArgs, self._change),
            "ticket.comment": (CommentArgs, self._comment),
            "ticket.hand_over": (HandOverArgs, self._hand_over),
            "ticket.new": (CallArgs, self._new),
            "ticket.detach": (CallArgs, self._detach),
            "text.keep": (TextArgs, self._keep_text),
        }

    def watch(self, desk: Desk, said: TicketsMessage) -> None:
        """A page looks at a list."""
        self.boards.watch(desk, said.view, said.question, said.limit)

    def has_open(self, desk: Desk, ticket_id: int) -> bool:
        """Whether a ticket stands there that was opened from a list and is not the call's."""
        return self._call_of(desk, ticket_id) is None and self.boards.opened(desk) == ticket_id

    def note(self, desk: Desk, args: NoteArgs) -> Work:
        """Write the note of such a ticket."""
        ticket_id = TicketId(args.ticket_id)
        return self._then_shown(
            desk, ticket_id, lambda: self._work.note(desk.user, ticket_id, args.text, args.version)
        )

    # ---- commands ------------------------------------------------------------------------------

    def _open(self, desk: Desk, args: TicketArgs, _command_id: str) -> Work:
        return lambda: self.boards.open(desk, TicketId(args.ticket_id))

    def _close(self, desk: Desk, _args: NoArgs, _command_id: str) -> Work:
        async def close() -> None:
            self.boards.close(desk)

        return close

    def _change(self, desk: Desk, args: ChangeArgs, _command_id: str) -> Work:
        ticket_id = TicketId(args.ticket_id)
        changes = {str(name): value for name, value in args.changes.items()}
        due_at = _instant(changes.get("due", ""))
        at_hand = self._call_of(desk, ticket_id) is not None
        return self._then_shown(
            desk,
            ticket_id,
            lambda: self._work.change(
                desk.user, ticket_id, args.revision, changes, args.fields, due_at, at_hand=at_hand
            ),
        )

    def _comment(self, desk: Desk, args: CommentArgs, _command_id: str) -> Work:
        ticket_id = TicketId(args.ticket_id)
        at_hand = self._call_of(desk, ticket_id) is not None
        return self._then_shown(
            desk,
            ticket_id,
            lambda: self._work.comment(desk.user, ticket_id, args.text, at_hand=at_hand),
        )

    def _hand_over(self, desk: Desk, args: HandOverArgs, _command_id: str) -> Work:
        ticket_id = TicketId(args.ticket_id)
        at_hand = self._call_of(desk, ticket_id) is not None
        return self._then_shown(
            desk,
            ticket_id,
            lambda: self._work.hand_over(
                desk.user, ticket_id, args.revision,
                group=args.group, owner=args.owner, note=args.note, at_hand=at_hand,
            ),
        )  # fmt: skip

    def _new(self, desk: Desk, args: CallArgs, _command_id: str) -> Work:
        call_id = _shown_call(desk, args)
        return self._lookups.then_fresh(call_id, lambda: self._work.open(desk.user, call_id))

    def _detach(self, desk: Desk, args: CallArgs, _command_id: str) -> Work:
        call_id = _shown_call(desk, args)
        return self._lookups.then_fresh(call_id, lambda: self._work.detach(desk.user, call_id))

    def _keep_text(self, desk: Desk, args: TextArgs, _command_id: str) -> Work:
        async def keep() -> None:
            await self._work.keep_text(desk.user, args.name, args.text)
            self.boards.form_changed(desk)
            await self.boards.fresh(desk)

        return keep

    # ---- inside --------------------------------------------------------------------------------

    def _call_of(self, desk: Desk, ticket_id: int) -> CallId | None:
        """The call on this desktop that the ticket is of; or the one before: what is written in the last moment counts."""
        shown, ticket = desk.state.shown, desk.state.sections["ticket"]
        if shown is not None and ticket is not None and ticket["ticket_id"] == ticket_id:
            return shown.call_id
        call_id, last_ticket_id = desk.state.last_ticket
        return call_id if last_ticket_id == ticket_id else None

    def _then_shown(self, desk: Desk, ticket_id: TicketId, work: Work) -> Work:
        call_id = self._call_of(desk, ticket_id)

        async def both() -> None:
            await work()
            if call_id is not None:
                await self._lookups.fresh(call_id)
            await self.boards.fresh(desk)

        return both


def _shown_call(desk: Desk, args: CallArgs) -> CallId:
    call_id = parse_call_id(args.call_id)
    if desk.state.shown is None or desk.state.shown.call_id != call_id:
        raise CommandRefused("not_your_call", "This call isn't on your desktop (any more).")
    return call_id


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidValue("due date", text) from exc
    if at.tzinfo is None:
        raise InvalidValue("due date", text)
    return at.astimezone(UTC)
