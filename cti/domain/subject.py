"""A person's number in whatever form it was written down: as delivered, as dialled, in the middle of a text.

Erasing somebody means finding every form: ``+86 138 0013 8000``, ``13800138000``, ``0086…``, a local number without
its area code. Two looks: ``is_same`` reads a field that holds a number by the same rules as a caller's; ``redact``
finds it inside a text and puts an ``x`` in the place of each digit, so that nothing else of the text moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import phonenumbers

from cti.domain.errors import InvalidValue
from cti.domain.numbers import CallerNumber, DialPlan, NumberKind, read_number

_TAIL = 7
_LEAST = 5  # digits; anything shorter is found everywhere


@dataclass(frozen=True, slots=True)
class SubjectNumber:
    """One number of a person outside the house. ``key`` and what is made of it are personal."""

    key: str = field(repr=False)
    plan: DialPlan
    cores: tuple[str, ...] = field(repr=False)
    """Its digits without any prefix; the first is the whole national number."""

    @property
    def tail(self) -> str:
        """The last digits, which every form of it ends with."""
        return min((core[-_TAIL:] for core in self.cores), key=len)

    def is_same(self, written: str) -> bool:
        """Whether a field that holds one number holds this one."""
        number = read_number(written, self.plan)
        if number.key:
            return number.key == self.key
        return "".join(c for c in written if c.isdigit()) in self.cores

    @property
    def pattern(self) -> str:
        """A regular expression of every form, for text."""
        country = phonenumbers.country_code_for_region(self.plan.country)
        cores = "|".join(_spaced(core) for core in self.cores)
        return rf"(?<![0-9])(?:(?:\+|00)?[ -]?{_country_of(self.key) or country}[ -]?|0)?(?:{cores})(?![0-9])"


def subject_number(written: str, plan: DialPlan) -> SubjectNumber:
    """Read the number of somebody who is to be found.

    Raises:
        InvalidValue: it is none, one of our own extensions, or too short to tell anybody apart.
    """
    number = read_number(written, plan)
    if number.kind is NumberKind.EXTENSION:
        raise InvalidValue("number of somebody outside: it is one of our own extensions", written)
    digits = "".join(c for c in written if c.isdigit())
    cores = _cores(number, plan) or (digits,)
    if len(cores[0]) < _LEAST:
        raise InvalidValue("number", written)
    return SubjectNumber(number.key or digits, plan, cores)


def redact(text: str, numbers: Iterable[SubjectNumber]) -> str:
    """The text with an ``x`` for each digit of these numbers, whatever form they have."""
    found = pattern_of(numbers)
    return found.sub(blank, text) if found else text


def pattern_of(numbers: Iterable[SubjectNumber]) -> re.Pattern[str] | None:
    """What finds any of these numbers in a text; None: there are none."""
    patterns = [number.pattern for number in numbers]
    return re.compile("|".join(patterns)) if patterns else None


def blank(found: re.Match[str]) -> str:
    """The found number with an ``x`` for each digit."""
    return re.sub("[0-9]", "x", found[0])


def _cores(number: CallerNumber, plan: DialPlan) -> tuple[str, ...]:
    if number.kind is not NumberKind.PUBLIC:
        return (number.key,) if number.key else ()
    parsed = phonenumbers.parse(number.key)
    whole = phonenumbers.national_significant_number(parsed)
    area = plan.area_code.lstrip("0")
    is_here = parsed.country_code == phonenumbers.country_code_for_region(plan.country)
    if area and is_here and whole.startswith(area):
        local = whole.removeprefix(area)
        if read_number(local, plan).key == number.key:
            return (whole, local)
    return (whole,)


def _country_of(key: str) -> str:
    return str(phonenumbers.parse(key).country_code) if key.startswith("+") else ""


def _spaced(core: str) -> str:
    return "[ -]?".join(core)
