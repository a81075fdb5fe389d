"""Puts the department together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cti.company import Company
from cti.domain.ids import AgentId, Endpoint
from cti.domain.numbers import DialPlan
from cti.ports import Accounts, Clock, EventBus
from tickets.forms import Category, FieldRule, Group, Option, TicketForm
from tickets.model import OpeningRule, TicketRules
from tickets.office import TicketOffice
from tickets.pins import PinDesk
from tickets.ports import TicketStore
from tickets.samples import seed_customers
from tickets.service import TicketService
from tickets.staff import Staff
from tickets.work import TicketWork

_DISPOSITIONS = ("solved", "callback", "complaint", "wrong number")


@dataclass(frozen=True, slots=True)
class Tickets:
    """The department: ``office`` and ``work`` are what others ask, ``service`` reacts."""

    service: TicketService
    office: TicketOffice
    work: TicketWork
    pins: PinDesk
    store: TicketStore
    plan: DialPlan
    company: Company
    clock: Clock

    def configure(self, company: Company, plan: DialPlan) -> None:
        """The company has changed; sample customers are for new installations and added at a start alone."""
        form = form_of(company)
        self.service.configure(plan, form)
        self.office.configure(_outcomes(company))
        self.work.configure(form)
        self.pins.tries = company.pin_tries

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
    form, staff = form_of(company), Staff(accounts, clock)
    service = TicketService(store, bus, clock, accounts, plan, form, sitting)
    office = TicketOffice(service, bus, clock, _outcomes(company), _DISPOSITIONS, staff)
    work = TicketWork(service, office, staff, bus, clock, form)
    pins = PinDesk(store, service.files.at_hand, bus, clock, company.pin_tries)
    return Tickets(service, office, work, pins, store, plan, company, clock)


def form_of(company: Company) -> TicketForm:
    """What the company says of its tickets."""
    parts = company.tickets
    return TicketForm(
        rules=TicketRules(
            tuple(
                OpeningRule(rule.when, rule.queue or "", rule.direction or "", rule.kind or "")
                for rule in parts.opening
            )
        ),
        groups=tuple(
            Group(g.name, g.label, frozenset(g.people), frozenset(g.teams), g.queues, g.needs_note)
            for g in parts.groups
        ),
        categories=tuple(Category(c.name, c.label, c.menu) for c in parts.categories),
        fields=tuple(
            FieldRule(
                field.name,
                field.label,
                field.kind,
                tuple(Option(choice.name, choice.label) for choice in field.choices),
                field.is_required,
                frozenset(field.queues),
                frozenset(field.categories),
            )
            for field in parts.fields
        ),
        texts=tuple((text.name, text.text) for text in parts.texts),
        closed_by=frozenset(parts.closed_by),
        queues_of={person.login: frozenset(person.queues) for person in company.people},
    )


def _outcomes(company: Company) -> dict[str, tuple[str, ...]]:
    """What may become of a call, by queue."""
    return {queue.name: queue.dispositions for queue in company.queues}
