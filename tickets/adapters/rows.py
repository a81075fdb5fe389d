"""Rows of the tables as the values that they stand for."""

from __future__ import annotations

import json
from typing import Any

from cti.domain.ids import AgentId, CallId, CustomerId, TicketId
from tickets.model import Customer, Ticket


def customer_of(row: Any) -> Customer:
    """A customer."""
    return Customer(
        customer_id=CustomerId(row.customer_id),
        name=row.name,
        created_at=row.created_at,
        company=row.company,
        group=row.group_name,
        note=row.note,
        is_provisional=row.is_provisional,
        is_touched=row.is_touched,
        made_by_call=CallId(row.made_by_call) if row.made_by_call else None,
        warning=row.warning,
        warning_by=row.warning_by,
        warning_at=row.warning_at,
    )


def ticket_of(row: Any) -> Ticket:
    """A ticket."""
    return Ticket(
        ticket_id=TicketId(row.ticket_id),
        customer_id=CustomerId(row.customer_id) if row.customer_id is not None else None,
        subject=row.subject,
        created_at=row.created_at,
        opened_by_call=CallId(row.opened_by_call),
        status=row.status,
        category=row.category,
        note=row.note,
        version=row.version,
        disposition=row.disposition,
        priority=row.priority,
        group=row.group_name,
        owner_id=AgentId(row.owner_id) if row.owner_id is not None else None,
        due_at=row.due_at,
        queue=row.queue,
        fields=tuple(json.loads(row.fields).items()),
        revision=row.revision,
        changed_by=row.changed_by,
    )
