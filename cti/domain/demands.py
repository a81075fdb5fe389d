"""What a caller needs of the agent who answers him, as a small expression over skills. Pure.

``billing>=3 & (lang=zh | lang=en)``: the agent's level in ``billing`` is 3 or more, and he speaks Chinese or English. The
grammar, with spaces allowed between all parts:

    demand = both { "|" both }
    both   = part { "&" part }
    part   = "(" demand ")" | skill [ ">=" level ]
    skill  = name [ "=" name ]
    name   = a lower-case letter, then letters, digits, underscores; 32 at most
    level  = 1 … 10

A skill without a level means level 1: any. An empty text is the demand that everybody meets. A demand is always in one
canonical form (flat, sorted, nothing twice, the stronger of two levels where both are needed and the weaker where one
is enough), so two texts that say the same give equal demands and ``parse_demand(str(x)) == x``.

Texts come from company files, menus and other systems: length, number of parts and depth are bounded, and whatever
is wrong is one ``InvalidDemand`` that says where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from cti.domain.errors import InvalidDemand

MAX_LENGTH = 400
"""Characters of a text."""
MAX_NEEDS = 32
"""Skills named in one demand."""
MAX_DEPTH = 8
"""Brackets within brackets."""
MIN_LEVEL, MAX_LEVEL = 1, 10

SKILL = re.compile(r"[a-z][a-z0-9_]{0,31}(=[a-z][a-z0-9_]{0,31})?")
"""A skill's name as agents have it: ``billing``, ``lang=zh``."""
_TOKEN = re.compile(r"\s*(?:(?P<name>[a-z][a-z0-9_]*)|(?P<number>[0-9]+)|(?P<sign>>=|[=&|()]))")
_NAME_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Need:
    """One skill, at this level or better."""

    skill: str
    level: int = MIN_LEVEL

    def __str__(self) -> str:
        return self.skill if self.level <= MIN_LEVEL else f"{self.skill}>={self.level}"


@dataclass(frozen=True, slots=True)
class All:
    """Everything of these; of nothing: everybody meets it. Make it with ``all_of``."""

    parts: tuple[Demand, ...]

    def __str__(self) -> str:
        return " & ".join(f"({p})" if isinstance(p, Either) else str(p) for p in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these. Make it with ``either_of``."""

    parts: tuple[Demand, ...]

    def __str__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


Demand = Need | All | Either

NONE = All(())
"""No demand: everybody meets it."""


def all_of(demands: Iterable[Demand]) -> Demand:
    """Everything that these demand together, in canonical form."""
    found: list[Demand] = []
    for demand in demands:
        found.extend(demand.parts if isinstance(demand, All) else [demand])
    parts = _settled(found, max)
    return parts[0] if len(parts) == 1 else All(parts)


def either_of(demands: Iterable[Demand]) -> Demand:
    """What is met where any of these is, in canonical form; of nothing: everybody meets it."""
    found: list[Demand] = []
    for demand in demands:
        if demand == NONE:
            return NONE
        found.extend(demand.parts if isinstance(demand, Either) else [demand])
    parts = _settled(found, min)
    if not parts:
        return NONE
    return parts[0] if len(parts) == 1 else Either(parts)


def _settled(demands: list[Demand], choose: Callable[[int, int], int]) -> tuple[Demand, ...]:
    """Nothing twice, one level a skill, in the order of the texts."""
    levels: dict[str, int] = {}
    others: dict[str, Demand] = {}
    for demand in demands:
        if isinstance(demand, Need):
            known = levels.get(demand.skill)
            levels[demand.skill] = demand.level if known is None else choose(known, demand.level)
        else:
            others[str(demand)] = demand
    needs = [Need(skill, levels[skill]) for skill in sorted(levels)]
    return (*needs, *(others[text] for text in sorted(others)))


def needs_of(demand: Demand) -> Iterator[Need]:
    """Every skill that is named, in the order of the text."""
    if isinstance(demand, Need):
        yield demand
    else:
        for part in demand.parts:
            yield from needs_of(part)


def is_met(demand: Demand, levels: Mapping[str, int]) -> bool:
    """Whether somebody with these levels meets a demand."""
    match demand:
        case Need():
            return levels.get(demand.skill, 0) >= demand.level
        case All():
            return all(is_met(part, levels) for part in demand.parts)
        case Either():
            return any(is_met(part, levels) for part in demand.parts)


def strength(demand: Demand, levels: Mapping[str, int]) -> int:
    """How skilled somebody is in what is demanded: levels summed where all are needed, the best where one is enough.

    0 where he doesn't meet it, or nothing is demanded.
    """
    if not is_met(demand, levels):
        return 0
    match demand:
        case Need():
            return levels[demand.skill]
        case All():
            return sum(strength(part, levels) for part in demand.parts)
        case Either():
            return max(strength(part, levels) for part in demand.parts)


def lowered(demand: Demand, by: int) -> Demand:
    """The same skills, each ``by`` levels lower, never below 1."""
    match demand:
        case Need():
            return Need(demand.skill, max(demand.level - by, MIN_LEVEL))
        case All():
            return all_of(lowered(part, by) for part in demand.parts)
        case Either():
            return either_of(lowered(part, by) for part in demand.parts)


def parse_demand(text: str) -> Demand:
    """Read a demand from outside.

    Raises:
        InvalidDemand: what is wrong, and at which character (from 1).
    """
    if len(text) > MAX_LENGTH:
        raise InvalidDemand(MAX_LENGTH + 1, f"a demand has at most {MAX_LENGTH} characters")
    return _read(text, MAX_NEEDS, MAX_DEPTH)


@lru_cache(maxsize=4096)
def read_back(text: str) -> Demand:
    """Read what ``str`` made of a demand: several demands together may be larger than one may be written.

    Raises:
        InvalidDemand: no demand ever looked like this.
    """
    return _read(text, len(text), len(text))


def _read(text: str, max_needs: int, max_depth: int) -> Demand:
    if not text.strip():
        return NONE
    reader = _Reader(text, max_needs, max_depth)
    demand = reader.demand(0)
    if reader.sign:
        reader.refuse(f"unexpected {reader.sign!r}; put & or | between two parts")
    return demand


class _Reader:
    """The text, token by token; ``sign`` is the present one, empty at the end."""

    def __init__(self, text: str, max_needs: int, max_depth: int) -> None:
        self._text = text
        self._max_needs = max_needs
        self._max_depth = max_depth
        self._next = 0
        self._needs = 0
        self.place = 0
        self.sign = ""
        self.advance()

    def refuse(self, problem: str) -> NoReturn:
        raise InvalidDemand(self.place + 1, problem)

    def advance(self) -> None:
        rest = self._text[self._next :]
        self.place = self._next + len(rest) - len(rest.lstrip())
        found = _TOKEN.match(self._text, self._next)
        if found is None:
            self.sign = ""
            if rest.strip():
                self.refuse(f"unexpected {self._text[self.place]!r}")
            return
        self._next = found.end()
        self.sign = found.group().strip()

    def demand(self, depth: int) -> Demand:
        parts = [self.both(depth)]
        while self.sign == "|":
            self.advance()
            parts.append(self.both(depth))
        return either_of(parts)

    def both(self, depth: int) -> Demand:
        parts = [self.part(depth)]
        while self.sign == "&":
            self.advance()
            parts.append(self.part(depth))
        return all_of(parts)

    def part(self, depth: int) -> Demand:
        if self.sign != "(":
            return self.need()
        if depth >= self._max_depth:
            self.refuse(f"more than {self._max_depth} brackets within each other")
        self.advance()
        inner = self.demand(depth + 1)
        if self.sign != ")":
            self.refuse("a closing bracket is missing")
        self.advance()
        return inner

    def need(self) -> Need:
        self._needs += 1
        if self._needs > self._max_needs:
            self.refuse(f"a demand names at most {self._max_needs} skills")
        skill = self.name("a skill's name is missing")
        if self.sign == "=":
            self.advance()
            skill += "=" + self.name(f"write {skill}>=3 for a level, {skill}=word for a kind")
        level = MIN_LEVEL
        if self.sign == ">=":
            self.advance()
            level = int(self.sign) if self.sign.isdigit() and len(self.sign) <= 4 else 0
            if not MIN_LEVEL <= level <= MAX_LEVEL:
                self.refuse(f"a level is a number from {MIN_LEVEL} to {MAX_LEVEL}")
            self.advance()
        return Need(skill, level)

    def name(self, problem: str) -> str:
        name = self.sign
        if not name[:1].isalpha():
            self.refuse(problem)
        if len(name) > _NAME_LENGTH:
            self.refuse(f"a name has at most {_NAME_LENGTH} characters")
        self.advance()
        return name
