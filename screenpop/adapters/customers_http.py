"""``POST /api/v1/customers/search``: customers by name, company or number, for whoever may read them.

A question in the body, not in the address: names and numbers belong into no log of a proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from cti.domain.numbers import DialPlan, NumberKind, mask, read_number
from cti.domain.people import Permission
from cti.web.routing import Body, Route, json_answer, read_body
from screenpop.ports import TicketDesk
from screenpop.sections import iso
from screenpop.ticket_views import shown_name
from screenpop.views import CandidateView

_MAX_NUMBERS = 3


class SearchBody(Body):
    """What is looked for."""

    text: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Parts of a name or company, a whole number, or a number's last four digits."
    )


class LastContact(BaseModel):
    """The last call of a customer."""

    at: str
    outcome: str
    agent: str


class FoundCustomer(BaseModel):
    """A customer who was found. Numbers are masked for everybody."""

    id: int
    name: str
    company: str
    group: str
    numbers: list[str]
    last: LastContact | None


class FoundCustomers(BaseModel):
    """The best first, at most 20."""

    customers: list[FoundCustomer]


class CustomersSite:
    """The route, and what it needs."""

    def __init__(self, tickets: TicketDesk, plan: Callable[[], DialPlan]) -> None:
        self._tickets = tickets
        self._plan = plan

    def routes(self) -> list[Route]:
        """The one route."""
        return [
            Route(
                "POST",
                "/api/v1/customers/search",
                self._search,
                Permission.READ_CUSTOMERS,
                "Customers by name, company or number",
                SearchBody,
                FoundCustomers,
            )
        ]

    async def _search(self, request: web.Request) -> web.StreamResponse:
        body, plan = await read_body(request, SearchBody), self._plan()
        number = read_number(body.text, plan)
        has_number = number.kind not in {NumberKind.INVALID, NumberKind.WITHHELD}
        found = await self._tickets.search(body.text, number.key if has_number else "")
        return json_answer(FoundCustomers(customers=[_row(each, plan) for each in found]))


def _row(found: CandidateView, plan: DialPlan) -> FoundCustomer:
    customer, last = found.customer, found.last
    keys = found.number_keys[:_MAX_NUMBERS]
    return FoundCustomer(
        id=int(customer.customer_id),
        name=shown_name(customer.name),
        company=shown_name(customer.company),
        group=customer.group,
        numbers=[mask(read_number(key, plan), plan.country) for key in keys],
        last=None
        if last is None
        else LastContact(at=iso(last.at), outcome=last.outcome, agent=last.agent_name),
    )
