"""The statements of the tickets' store, each made once: making one costs more than running it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    String,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    text,
    update,
)

from cti.storage.base import Base, UtcDateTime
from cti.storage.prepared import Prepared
from tickets.adapters.tables import (
    CannedTextRow,
    CustomerGramRow,
    CustomerNumberRow,
    CustomerPinRow,
    CustomerRow,
    TicketCallRow,
    TicketCommentRow,
    TicketGramRow,
    TicketRow,
)

CUSTOMERS = Base.metadata.tables[CustomerRow.__tablename__]
NUMBERS = Base.metadata.tables[CustomerNumberRow.__tablename__]
CUSTOMER_GRAMS = Base.metadata.tables[CustomerGramRow.__tablename__]
PINS = Base.metadata.tables[CustomerPinRow.__tablename__]
TICKETS = Base.metadata.tables[TicketRow.__tablename__]
CALLS = Base.metadata.tables[TicketCallRow.__tablename__]
COMMENTS = Base.metadata.tables[TicketCommentRow.__tablename__]
TICKET_GRAMS = Base.metadata.tables[TicketGramRow.__tablename__]
CANNED = Base.metadata.tables[CannedTextRow.__tablename__]

_KEY: BindParameter[Any] = bindparam("key")
_LIMIT: BindParameter[int] = bindparam("limit")
_CALL_COLUMNS = (CALLS.c.ticket_id, CALLS.c.customer_id, CALLS.c.document)

CUSTOMER = Prepared(select(CUSTOMERS).where(CUSTOMERS.c.customer_id == _KEY))
CUSTOMERS_WITH = Prepared(
    select(CUSTOMERS)
    .join(NUMBERS, NUMBERS.c.customer_id == CUSTOMERS.c.customer_id)
    .where(NUMBERS.c.number_key == _KEY)
    .order_by(CUSTOMERS.c.customer_id)
)
CUSTOMER_NAMED = Prepared(
    select(CUSTOMERS)
    .where(CUSTOMERS.c.name == bindparam("name"), CUSTOMERS.c.company == bindparam("company"))
    .limit(1)
)
NUMBERS_OF = Prepared(
    select(NUMBERS.c.number_key).where(NUMBERS.c.customer_id == _KEY).order_by(NUMBERS.c.number_key)
)
CUSTOMERS_ENDING = Prepared(
    select(CUSTOMERS)
    .where(
        CUSTOMERS.c.customer_id.in_(
            select(NUMBERS.c.customer_id).where(
                NUMBERS.c.number_key.like(bindparam("pattern", type_=String))
            )
        )
    )
    .order_by(CUSTOMERS.c.customer_id.desc())
    .limit(_LIMIT)
)
CUSTOMERS_WITH_GRAMS = (
    select(CUSTOMERS)
    .where(
        CUSTOMERS.c.customer_id.in_(
            select(CUSTOMER_GRAMS.c.customer_id)
            .where(CUSTOMER_GRAMS.c.gram.in_(bindparam("grams", expanding=True)))
            .group_by(CUSTOMER_GRAMS.c.customer_id)
            .having(func.count() == bindparam("wanted"))
        )
    )
    .order_by(CUSTOMERS.c.customer_id.desc())
    .limit(_LIMIT)
)
REMOVE_CUSTOMER_GRAMS = Prepared(delete(CUSTOMER_GRAMS).where(CUSTOMER_GRAMS.c.customer_id == _KEY))
ADD_CUSTOMER_GRAM = Prepared(
    insert(CUSTOMER_GRAMS).values({c.name: bindparam(c.name) for c in CUSTOMER_GRAMS.c})
)
PROVISIONAL = Prepared(
    select(CUSTOMERS).where(CUSTOMERS.c.is_provisional.is_(True), CUSTOMERS.c.is_touched.is_(False))
)
TICKET = Prepared(select(TICKETS).where(TICKETS.c.ticket_id == _KEY))
TICKETS_OF = Prepared(
    select(TICKETS)
    .where(TICKETS.c.customer_id == _KEY)
    .order_by(TICKETS.c.created_at.desc(), TICKETS.c.ticket_id.desc())
    .limit(100)
)
OPENED_BY = Prepared(select(TICKETS.c.ticket_id).where(TICKETS.c.opened_by_call == _KEY))
CALL = Prepared(select(*_CALL_COLUMNS).where(CALLS.c.call_id == _KEY))
CALLS_IN = select(*_CALL_COLUMNS).where(CALLS.c.call_id.in_(bindparam("keys", expanding=True)))
CALLS_ON = Prepared(
    select(*_CALL_COLUMNS)
    .where(CALLS.c.ticket_id == _KEY)
    .order_by(CALLS.c.offered_at, CALLS.c.call_id)
)
CALLS_OF = Prepared(
    select(*_CALL_COLUMNS)
    .where(CALLS.c.customer_id == _KEY)
    .order_by(CALLS.c.offered_at.desc(), CALLS.c.call_id.desc())
    .limit(_LIMIT)
)
ADD_CUSTOMER = Prepared(
    insert(CUSTOMERS)
    .values({c.name: bindparam(c.name) for c in CUSTOMERS.c if c.name != "customer_id"})
    .returning(CUSTOMERS.c.customer_id)
)
ADD_NUMBER = Prepared(insert(NUMBERS).values({c.name: bindparam(c.name) for c in NUMBERS.c}))
ADD_TICKET = Prepared(
    insert(TICKETS)
    .values({c.name: bindparam(c.name) for c in TICKETS.c if c.name != "ticket_id"})
    .returning(TICKETS.c.ticket_id)
)
PUT_CUSTOMER = Prepared(
    update(CUSTOMERS)
    .where(CUSTOMERS.c.customer_id == _KEY)
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "name",
                "company",
                "group_name",
                "note",
                "is_provisional",
                "is_touched",
                "warning",
                "warning_by",
                "warning_at",
            )
        }
    )
)
PUT_TICKET = Prepared(
    update(TICKETS)
    .where(TICKETS.c.ticket_id == _KEY)
    .values(
        {
            name: bindparam(f"new_{name}", type_=TICKETS.c[name].type)
            for name in (
                "customer_id",
                "subject",
                "status",
                "category",
                "note",
                "version",
                "disposition",
                "priority",
                "group_name",
                "owner_id",
                "due_at",
                "fields",
                "revision",
                "changed_by",
            )
        }
    )
)

# Both SQLite and PostgreSQL understand this. Files are written a moment after they changed: what they
# name may have been removed since, and is nobody's then, as with a removal after the writing.
PUT_CALL = Prepared(
    text(
        "INSERT INTO ticket_calls (call_id, offered_at, ticket_id, customer_id, recording_id, document)"
        " VALUES (:call_id, :offered_at,"
        " (SELECT ticket_id FROM tickets WHERE ticket_id = :ticket_id),"
        " (SELECT customer_id FROM customers WHERE customer_id = :customer_id),"
        " :recording_id, :document)"
        " ON CONFLICT (call_id) DO UPDATE SET ticket_id = excluded.ticket_id,"
        " customer_id = excluded.customer_id, recording_id = excluded.recording_id,"
        " document = excluded.document"
    ).bindparams(bindparam("offered_at", type_=UtcDateTime()))
)
FREE_TICKETS = Prepared(
    update(TICKETS).where(TICKETS.c.customer_id == _KEY).values(customer_id=null())
)
FREE_CALLS = Prepared(update(CALLS).where(CALLS.c.customer_id == _KEY).values(customer_id=null()))
FREE_CALLS_ON = Prepared(update(CALLS).where(CALLS.c.ticket_id == _KEY).values(ticket_id=null()))
PIN = Prepared(select(PINS).where(PINS.c.customer_id == _KEY))
ADD_PIN = Prepared(insert(PINS).values({c.name: bindparam(c.name) for c in PINS.c}))
REMOVE_PIN = Prepared(delete(PINS).where(PINS.c.customer_id == _KEY))
REMOVE_NUMBERS = Prepared(delete(NUMBERS).where(NUMBERS.c.customer_id == _KEY))
REMOVE_CUSTOMER = Prepared(delete(CUSTOMERS).where(CUSTOMERS.c.customer_id == _KEY))
REMOVE_TICKET = Prepared(delete(TICKETS).where(TICKETS.c.ticket_id == _KEY))

GRAMS_OF_TICKET = Prepared(select(TICKET_GRAMS.c.gram).where(TICKET_GRAMS.c.ticket_id == _KEY))
ADD_TICKET_GRAM = Prepared(
    insert(TICKET_GRAMS).values({c.name: bindparam(c.name) for c in TICKET_GRAMS.c})
)
REMOVE_TICKET_GRAM = Prepared(
    delete(TICKET_GRAMS).where(
        TICKET_GRAMS.c.ticket_id == _KEY, TICKET_GRAMS.c.gram == bindparam("old_gram")
    )
)
REMOVE_TICKET_GRAMS = Prepared(delete(TICKET_GRAMS).where(TICKET_GRAMS.c.ticket_id == _KEY))
COMMENTS_ON = Prepared(
    select(COMMENTS).where(COMMENTS.c.ticket_id == _KEY).order_by(COMMENTS.c.comment_id)
)
ADD_COMMENT = Prepared(
    insert(COMMENTS)
    .values({c.name: bindparam(c.name) for c in COMMENTS.c if c.name != "comment_id"})
    .returning(COMMENTS.c.comment_id)
)
PUT_COMMENT = Prepared(
    update(COMMENTS)
    .where(COMMENTS.c.comment_id == _KEY)
    .values(ticket_id=bindparam("new_ticket_id"), text=bindparam("new_text"))
)
REMOVE_COMMENTS = Prepared(delete(COMMENTS).where(COMMENTS.c.ticket_id == _KEY))
CANNED_OF = Prepared(select(CANNED).where(CANNED.c.owner_id == _KEY).order_by(CANNED.c.name))
REMOVE_CANNED = Prepared(
    delete(CANNED).where(CANNED.c.owner_id == _KEY, CANNED.c.name == bindparam("old_name"))
)
ADD_CANNED = Prepared(insert(CANNED).values({c.name: bindparam(c.name) for c in CANNED.c}))
