"""The company's form for its tickets: groups, categories, fields of its own, and what may be written into them. Pure.

A value is text, in one form by kind, so that the same thing is never written in two ways: a number as a decimal, a date as
``2026-11-22``, yes or no as ``yes`` or ``no``, a choice by its name. An empty value is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cti.domain.errors import CommandRefused
from tickets.model import CallFile, CannedText, Ticket, TicketRules

Labels = Mapping[Any, str]  # by language

MAX_VALUE = 500
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Option:
    """A name for programs, and the words for people in the company's languages."""

    name: str
    label: Labels


@dataclass(frozen=True, slots=True)
class Group:
    """People who work on tickets together."""

    name: str
    label: Labels
    people: frozenset[str] = frozenset()  # logins
    teams: frozenset[str] = frozenset()
    queues: tuple[str, ...] = ()
    needs_note: bool = False


@dataclass(frozen=True, slots=True)
class Category:
    """What a ticket is about, and the menu labels that say so."""

    name: str
    label: Labels
    menu: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of the company's own. ``kind`` is ``text``, ``number``, ``choice``, ``date`` or ``yes_no``."""

    name: str
    label: Labels
    kind: str = "text"
    choices: tuple[Option, ...] = ()
    is_required: bool = False
    queues: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()

    def is_on(self, queue: str, category: str) -> bool:
        """Whether tickets of this queue and category have it."""
        return (not self.queues or queue in self.queues) and (
            not self.categories or category in self.categories
        )

    def checked(self, value: str) -> str:
        """The value in its one form.

        Raises:
            CommandRefused: ``invalid_field``: it is no value of this kind.
        """
        value = value.strip()
        if not value:
            return ""
        if not self._fits(value):
            raise CommandRefused(
                "invalid_field", f"This is no value of the field {self.name}.", name=self.name
            )
        return value

    def _fits(self, value: str) -> bool:
        match self.kind:
            case "number":
                return _NUMBER.fullmatch(value) is not None
            case "date":
                return _is_date(value)
            case "yes_no":
                return value in ("yes", "no")
            case "choice":
                return any(value == choice.name for choice in self.choices)
            case _:
                return len(value) <= MAX_VALUE and value.isprintable()


@dataclass(frozen=True, slots=True)
class TicketForm:
    """All of it."""

    rules: TicketRules = field(default_factory=TicketRules)
    groups: tuple[Group, ...] = ()
    categories: tuple[Category, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    texts: tuple[tuple[str, Labels], ...] = ()
    closed_by: frozenset[str] = frozenset()
    queues_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By login: the queues that somebody serves."""

    def group(self, name: str) -> Group | None:
        """One group."""
        return next((group for group in self.groups if group.name == name), None)

    def group_of(self, queue: str) -> str:
        """The group that has a queue's tickets from the beginning; empty: none."""
        return next((group.name for group in self.groups if queue in group.queues), "")

    def category_of(self, file: CallFile) -> str:
        """What a call's menu path says that it is about: the deepest label that says anything.

        A company without categories takes the label itself.
        """
        for label in reversed(file.menu_path):
            if not self.categories:
                return label[:64]
            for category in self.categories:
                if label in category.menu:
                    return category.name
        return ""

    def fields_of(self, ticket: Ticket) -> tuple[FieldRule, ...]:
        """The fields that a ticket has."""
        return tuple(rule for rule in self.fields if rule.is_on(ticket.queue, ticket.category))

    def missing(self, ticket: Ticket) -> str:
        """The first required field without a value; empty: none is missing."""
        values = dict(ticket.fields)
        for rule in self.fields_of(ticket):
            if rule.is_required and not values.get(rule.name):
                return rule.name
        return ""


def with_text(
    texts: tuple[tuple[str, Labels], ...], own: tuple[CannedText, ...], language: str
) -> list[tuple[str, str, bool]]:
    """What somebody can write with a few keys, by name: name, text, whether it is his own."""
    company = [
        (name, labels.get(language) or next(iter(labels.values()), ""), False)
        for name, labels in texts
    ]
    return sorted([*company, *((c.name, c.text, True) for c in own)], key=lambda text: text[0])


def _is_date(value: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
