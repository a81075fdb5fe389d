"""Lists of tickets on SQL: what ``tickets.lists.TicketQuery.takes`` says, so that indexes can answer it.

A search is proposed by the pairs of characters (``cti.domain.search``) and decided by the rule itself, row by row, newest
first, until the list is full.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select, true

from cti.domain.search import pairs
from tickets.adapters import statements as sql
from tickets.adapters.rows import customer_of, ticket_of
from tickets.lists import LEAST_DIGITS, Found, Scope, TicketQuery

_T = sql.TICKETS.c
_MOST_PAIRS = 6  # of a word; more would hardly narrow it
_MOST_PROPOSED = 5_000
_AT_ONCE = 200
_LARGEST_ID = 2**31 - 1


def find(connection: Connection, query: TicketQuery) -> list[Found]:
    """The rows of a list, in its order."""
    order = (_T.due_at, _T.ticket_id) if query.view == "due" else _NEWEST
    wanted = _listed(query).order_by(*order)
    if query.view != "search":
        rows = connection.execute(wanted.limit(query.limit)).all()
        return [_found(connection, row) for row in rows]
    found: list[Found] = []
    for first in range(0, _MOST_PROPOSED, _AT_ONCE):
        rows = connection.execute(wanted.limit(_AT_ONCE).offset(first)).all()
        for row in rows:
            if len(found) < query.limit and _answers(connection, row, query):
                found.append(_found(connection, row))
        if len(rows) < _AT_ONCE or len(found) == query.limit:
            break
    return found


def count(connection: Connection, query: TicketQuery) -> int:
    """How many rows a list has; a search is counted by doing it."""
    if query.view == "search":
        return len(find(connection, query))
    counted = select(func.count()).select_from(_listed(query).subquery())
    return int(connection.execute(counted).scalar_one())


_NEWEST = (_T.created_at.desc(), _T.ticket_id.desc())


def _listed(query: TicketQuery) -> Select[Any]:
    is_mine, is_groups = _T.owner_id == query.me, _T.group_name.in_(sorted(query.groups))
    is_live = _T.status != "closed"
    wanted: dict[str, ColumnElement[bool]] = {
        "mine": and_(is_live, is_mine),
        "group": and_(is_live, is_groups),
        "due": and_(is_live, _T.due_at.is_not(None), or_(is_mine, is_groups)),
    }
    if query.view != "search":
        return select(sql.TICKETS).where(wanted[query.view])
    return select(sql.TICKETS).where(_seen(query.scope), *(_proposed(w) for w in query.words))


def _seen(scope: Scope) -> ColumnElement[bool]:
    if scope.is_everything:
        return true()
    return or_(
        _T.owner_id.in_(sorted(scope.owners)),
        _T.group_name.in_(sorted(scope.groups - {""})),
        _T.queue.in_(sorted(scope.queues - {""})),
    )


def _proposed(word: str) -> ColumnElement[bool]:
    """The tickets in which a word may stand, or whose customer's name or number it may be part of."""
    grams = sql.TICKET_GRAMS.c
    ways = [
        _with_pairs(_T.ticket_id, grams.ticket_id, grams.gram, word),
        _of_customer(word),
    ]
    if word.isascii() and word.isdigit():
        ways.append(_T.ticket_id == int(word) if int(word) <= _LARGEST_ID else false())
        if len(word) >= LEAST_DIGITS:
            keys = select(sql.NUMBERS.c.customer_id).where(
                sql.NUMBERS.c.number_key.contains(word, autoescape=True)
            )
            ways.append(_T.customer_id.in_(keys))
    return or_(*ways)


def _with_pairs(
    column: ColumnElement[Any], of: ColumnElement[Any], gram: ColumnElement[str], word: str
) -> ColumnElement[bool]:
    wanted = pairs(word)[:_MOST_PAIRS]
    if not wanted:
        return column.in_(select(of).where(gram.startswith(word, autoescape=True)))
    return and_(*(column.in_(select(of).where(gram == pair)) for pair in wanted))


def _of_customer(word: str) -> ColumnElement[bool]:
    """The same by the customers' own index (``tickets/search.py``), which knows no single ASCII character by itself."""
    grams = sql.CUSTOMER_GRAMS.c
    if len(word) > 1 or not word.isascii():
        return _with_pairs(_T.customer_id, grams.customer_id, grams.gram, word)
    customers = sql.CUSTOMERS.c
    named = or_(
        *(func.lower(text).contains(word) for text in (customers.name, customers.company)),
        customers.customer_id.in_(select(grams.customer_id).where(grams.gram.contains(word))),
    )
    return _T.customer_id.in_(select(customers.customer_id).where(named))


def _answers(connection: Connection, row: Any, query: TicketQuery) -> bool:
    customer_row = sql.CUSTOMER.first(connection, {"key": row.customer_id})
    keys = select(sql.NUMBERS.c.number_key).where(sql.NUMBERS.c.customer_id == row.customer_id)
    numbers = tuple(connection.scalars(keys)) if any(w.isdigit() for w in query.words) else ()
    customer = customer_of(customer_row) if customer_row else None
    return query.answers(ticket_of(row), customer, numbers)


def _found(connection: Connection, row: Any) -> Found:
    customer = sql.CUSTOMER.first(connection, {"key": row.customer_id})
    return Found(ticket_of(row), customer.name if customer else "")
