"""What a company says of its tickets: when they open, who works on them, what is filled in, texts written often."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cti.company_base import Login, Name, Part, Text

_Short = Annotated[str, Field(min_length=1, max_length=64)]


class TicketOpening(Part):
    """Which calls open a ticket by themselves; what isn't named: any."""

    when: Literal["always", "answered", "never"]
    queue: Name | None = None
    direction: Literal["inbound", "outbound", "internal"] | None = None
    kind: Literal["queue", "direct", "voicemail", "callback"] | None = None


class TicketGroup(Part):
    """People who work on tickets together. Tickets of its ``queues`` are the group's from the beginning."""

    name: Name
    label: Text
    people: tuple[Login, ...] = ()
    teams: tuple[str, ...] = ()
    queues: tuple[Name, ...] = ()
    needs_note: bool = False  # whoever hands a ticket to it says why


class TicketCategory(Part):
    """What a ticket is about; of a call that passed one of these menu labels, from the beginning."""

    name: Name
    label: Text
    menu: tuple[_Short, ...] = ()


class TicketChoice(Part):
    """One value of a field."""

    name: Name
    label: Text


class TicketField(Part):
    """A field of the company's own; without queues and categories: of every ticket."""

    name: Name
    label: Text
    kind: Literal["text", "number", "choice", "date", "yes_no"] = "text"
    choices: tuple[TicketChoice, ...] = ()
    is_required: bool = False  # before the ticket is closed
    queues: tuple[Name, ...] = ()
    categories: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _choices(self) -> TicketField:
        if (self.kind == "choice") is not bool(self.choices):
            raise ValueError(f"ticket field {self.name}: a choice has choices, nothing else has")
        return self


class CompanyText(Part):
    """A text that is written often; ``{customer}``, ``{agent}`` and ``{ticket}`` are filled in."""

    name: _Short
    text: Annotated[Text, Field(min_length=1)]


class TicketParts(Part):
    """Everything about tickets."""

    opening: tuple[TicketOpening, ...] = ()  # the first that fits; none: all but internal calls
    groups: tuple[TicketGroup, ...] = ()
    categories: tuple[TicketCategory, ...] = ()
    fields: Annotated[tuple[TicketField, ...], Field(max_length=20)] = ()
    texts: Annotated[tuple[CompanyText, ...], Field(max_length=500)] = ()
    closed_by: tuple[str, ...] = ()  # outcomes with which a ticket is closed

    @model_validator(mode="after")
    def _named_once(self) -> TicketParts:
        for what, names in (
            ("group", [group.name for group in self.groups]),
            ("category", [category.name for category in self.categories]),
            ("field", [field.name for field in self.fields]),
            ("text", [text.name for text in self.texts]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"tickets: two of the same {what}: {', '.join(twice)}")
        return self


def ticket_problems(
    tickets: TicketParts, queues: Collection[str], logins: Collection[str]
) -> Iterator[str]:
    """What these rules name and isn't there."""
    categories = {category.name for category in tickets.categories}
    for rule in tickets.opening:
        if rule.queue is not None and rule.queue not in queues:
            yield f"tickets, opening: no queue is named {rule.queue}"
    for group in tickets.groups:
        for queue in set(group.queues) - set(queues):
            yield f"ticket group {group.name}: no queue is named {queue}"
        for login in set(group.people) - set(logins):
            yield f"ticket group {group.name}: no person is named {login}"
    for field in tickets.fields:
        for queue in set(field.queues) - set(queues):
            yield f"ticket field {field.name}: no queue is named {queue}"
        for category in set(field.categories) - categories:
            yield f"ticket field {field.name}: no category is named {category}"


class HasTickets(Part):
    """The company's part."""

    tickets: TicketParts = TicketParts()

    @model_validator(mode="after")
    def _tickets_fit(self) -> Self:
        queues = [queue.name for queue in getattr(self, "queues", ())]
        logins = [person.login for person in getattr(self, "people", ())]
        for problem in ticket_problems(self.tickets, queues, logins):
            raise ValueError(problem)
        return self
