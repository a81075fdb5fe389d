"""Puts the department together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cti.company import Company
from cti.domain.ids import AgentId, Endpoint
from cti.domain.numbers import DialPlan
from cti.ports import Accounts, Clock, EventBus
from tickets.office import TicketOffice
from tickets.ports import TicketStore
from tickets.samples import seed_customers
from tickets.service import TicketService

_DISPOSITIONS = ("solved", "callback", "complaint", "wrong number")


@dataclass(frozen=True, slots=True)
class Tickets:
    """The department: ``office`` is what others ask, ``service`` reacts."""

    service: TicketService
    office: TicketOffice
    store: TicketStore
    plan: DialPlan
    company: Company
    clock: Clock

    def configure(self, company: Company, plan: DialPlan) -> None:
        """The company has changed; sample customers are for new installations and added at a start alone."""
        self.service.configure(plan)
        self.office.configure(_outcomes(company))

    async def start(self) -> None:
        """Seed the sample customers and begin to listen."""
        await seed_customers(self.store, self.company.customers, self.plan, self.clock.now())
        await self.service.start()

    async def stop(self) -> None:
        """Stop listening; returns when everything heard is written."""
        await self.service.stop()


def build_tickets(
    store: TicketStore,
    bus: EventBus,
    clock: Clock,
    accounts: Accounts,
    company: Company,
    plan: DialPlan,
    sitting: Callable[[Endpoint], AgentId | None] = lambda _: None,
) -> Tickets:
    """Make the department of a store (``SqlTicketStore`` or ``MemoryTicketStore``)."""
    service = TicketService(store, bus, clock, accounts, plan, sitting=sitting)
    office = TicketOffice(service, bus, clock, _outcomes(company), _DISPOSITIONS)
    return Tickets(service, office, store, plan, company, clock)


def _outcomes(company: Company) -> dict[str, tuple[str, ...]]:
    """What may become of a call, by queue."""
    return {queue.name: queue.dispositions for queue in company.queues}
