"""What was read around a call is given until somebody says that it changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cti.domain.ids import CallId, CustomerId, TicketId
from tickets.model import CallFile, Customer, Match, Ticket
from tickets.shelf import Reading, Shelf

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ONE, TWO = CallId("c1"), CallId("c2")
ANN, BEN = CustomerId(1), CustomerId(2)
OPEN = Ticket(TicketId(7), ANN, "Billing", T0, ONE)
FILE = CallFile(ONE, T0, match=Match.KNOWN, customer_id=ANN)
READING = Reading(ANN, None, Match.KNOWN, open_tickets=(OPEN,))


def shelf_with(*calls: CallId) -> Shelf:
    shelf = Shelf(lambda _: None)
    for call_id in calls:
        shelf.put(call_id, READING, shelf.now)
    return shelf


def test_it_holds_as_long_as_the_file_is_the_same() -> None:
    shelf = shelf_with(ONE)
    assert shelf.find(FILE) is READING
    assert shelf.find(replace(FILE, customer_id=BEN)) is None
    assert shelf.find(replace(FILE, ticket_id=OPEN.ticket_id)) is None
    assert shelf.find(replace(FILE, call_id=TWO)) is None


@pytest.mark.parametrize(
    ("customers", "tickets", "is_held"),
    [([BEN], [], True), ([ANN], [], False), ([None], [OPEN.ticket_id], False), ([], [8], True)],
)
def test_whoever_changes_what_stands_in_it_takes_it_away(
    customers: list[CustomerId | None], tickets: list[TicketId | None], is_held: bool
) -> None:
    shelf = shelf_with(ONE)
    shelf.drop(customers, tickets)
    assert (shelf.find(FILE) is not None) is is_held


def test_a_maybes_candidates_count_too() -> None:
    shelf = shelf_with()
    maybe = Reading(None, None, Match.MAYBE, candidates=(Customer(BEN, "Ben", T0),))
    shelf.put(ONE, maybe, shelf.now)
    shelf.drop([ANN])
    file = replace(FILE, match=Match.MAYBE, customer_id=None)
    assert shelf.find(file) is maybe
    shelf.drop([BEN])
    assert shelf.find(file) is None


def test_of_several_calls_one_may_be_left_out() -> None:
    shelf = shelf_with(ONE, TWO)
    shelf.drop([ANN], but=TWO)
    assert shelf.find(FILE) is None
    assert shelf.find(replace(FILE, call_id=TWO)) is READING
    shelf.forget([TWO])
    assert shelf.find(replace(FILE, call_id=TWO)) is None


def test_what_changed_while_it_was_read_is_not_kept() -> None:
    shelf = shelf_with()
    since = shelf.now
    shelf.drop([BEN])
    shelf.put(ONE, READING, since)
    assert shelf.find(FILE) is READING  # another's change
    since = shelf.now
    shelf.drop(tickets=[OPEN.ticket_id])
    shelf.put(TWO, READING, since)
    assert shelf.find(replace(FILE, call_id=TWO)) is None


def test_it_keeps_the_latest_two_thousand() -> None:
    shelf = shelf_with(*(CallId(f"n{n}") for n in range(2001)))
    assert shelf.find(replace(FILE, call_id=CallId("n0"))) is None
    assert shelf.find(replace(FILE, call_id=CallId("n1"))) is READING
    shelf.drop([ANN])
    assert not shelf._readings
    assert not shelf._named
