"""Who seems to call: the calling number as delivered, turned into one value that can be compared.

A number passes the dial plan of the house first, since the public numbering plan would
misread it: an own extension, a short or service number (110, 10086, 12345, 95588), a 400
number, a local number without its area code. Only what is left goes to ``phonenumbers``.
Whatever comes, a ``CallerNumber`` comes out: the number is claimed by the caller's side,
spoofable, and perhaps hostile; it is never an error.

``key`` is what customers are found by: E.164 (``+8613800138000``) or the national form of
a number that has no international one (``95588``, ``1001``); empty when there is none.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

MAX_DIGITS = 15
"""The longest number that E.164 allows (ITU-T E.164, 6.1)."""


class NumberKind(enum.Enum):
    """What sort of number it is."""

    PUBLIC = "public"  # has an international form
    EXTENSION = "extension"  # one of our own phones
    SERVICE = "service"  # short or national only: 95588, 400 812 3456
    WITHHELD = "withheld"  # the caller doesn't want to be known
    INVALID = "invalid"  # something came, but no number


@dataclass(frozen=True, slots=True)
class CallerNumber:
    """A calling number. ``key`` and ``shown`` are personal: neither stands in a log."""

    kind: NumberKind
    key: str = field(default="", repr=False)
    shown: str = field(default="", repr=False)

    @property
    def is_identifying(self) -> bool:
        """Whether a customer's file may hang on it."""
        return bool(self.key)


@dataclass(frozen=True, slots=True)
class DialPlan:
    """How numbers are dialled here: the country, the own area code, the own extensions."""

    country: str = "CN"  # ISO 3166-1 alpha-2
    area_code: str = ""  # of local numbers; with or without the leading 0
    extensions: frozenset[str] = frozenset()


_WITHHELD = frozenset(
    {
        "",
        "anonymous",
        "unknown",
        "<unknown>",
        "private",
        "restricted",
        "withheld",
        "unavailable",
        "blocked",
        "asterisk",  # Asterisk's own filler where a trunk sends no number
    }
)
_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")
_NUMBER = re.compile(r"\+?[0-9]+")

# Numbers that exist inside a country only. In China: 110, 12345, 10086 (three to six digits that
# begin with 1; mobile numbers have eleven), 95xxx and 96xxx of banks and city services.
_SERVICE = {"CN": re.compile(r"1[0-9]{2,5}|9[56][0-9]{3,6}")}
# Shared-cost and free numbers, shown in their usual groups; they can't be called from abroad.
_NATIONAL_ONLY = {"CN": re.compile(r"(?:\+?86|0086)?([48]00)([0-9]{3})([0-9]{4})")}
_LOCAL = {"CN": re.compile(r"[2-8][0-9]{6,7}")}


@functools.lru_cache(maxsize=1024)
def read_number(claimed: str, plan: DialPlan) -> CallerNumber:
    """Turn a number as delivered into a value; never fails, whatever came."""
    text = claimed[:200].strip()
    if text.lower() in _WITHHELD:
        return CallerNumber(NumberKind.WITHHELD)
    digits = text.translate(_SEPARATORS)
    if not _NUMBER.fullmatch(digits) or len(claimed) > 200:
        return CallerNumber(NumberKind.INVALID)
    if len(digits.lstrip("+")) > MAX_DIGITS + 2:  # an international prefix in front: 00
        return CallerNumber(NumberKind.INVALID, shown=digits[: MAX_DIGITS + 1] + "…")
    return _by_dial_plan(digits, plan) or _by_public_plan(digits, plan)


def _by_dial_plan(digits: str, plan: DialPlan) -> CallerNumber | None:
    if digits in plan.extensions:
        return CallerNumber(NumberKind.EXTENSION, digits, digits)
    if (national := _NATIONAL_ONLY.get(plan.country)) and (found := national.fullmatch(digits)):
        return CallerNumber(NumberKind.SERVICE, "".join(found.groups()), "-".join(found.groups()))
    if _is_service(digits, plan.country):
        return CallerNumber(NumberKind.SERVICE, digits, digits)
    return None


def _is_service(digits: str, country: str) -> bool:
    if (pattern := _SERVICE.get(country)) is not None:
        return bool(pattern.fullmatch(digits))
    if not digits.isascii() or not digits.isdigit() or len(digits) > 6:
        return False
    short = PhoneNumber(country_code=_country_code(country), national_number=int(digits))
    return phonenumbers.is_possible_short_number(short) and len(digits) == len(str(int(digits)))


def _country_code(country: str) -> int:
    return int(phonenumbers.country_code_for_region(country))


def _by_public_plan(digits: str, plan: DialPlan) -> CallerNumber:
    local = _LOCAL.get(plan.country)
    if plan.area_code and local is not None and local.fullmatch(digits):
        digits = f"0{plan.area_code.lstrip('0')}{digits}"
    try:
        number = phonenumbers.parse(digits, plan.country)
    except phonenumbers.NumberParseException:
        return CallerNumber(NumberKind.INVALID, shown=digits[:MAX_DIGITS])
    if not phonenumbers.is_valid_number(number):
        # +86 10086: a service number that a trunk dressed up as an international one.
        national = str(number.national_number)
        if number.country_code == _country_code(plan.country) and _is_service(
            national, plan.country
        ):
            return CallerNumber(NumberKind.SERVICE, national, national)
        return CallerNumber(NumberKind.INVALID, shown=digits[: MAX_DIGITS + 1])
    return CallerNumber(
        NumberKind.PUBLIC,
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
    )


@functools.lru_cache(maxsize=4096)
def mask(number: CallerNumber, country: str = "CN") -> str:
    """What somebody without the permission sees: ``138****8000``.

    Extensions and service numbers identify nobody and stay as they are.
    """
    if number.kind in {NumberKind.EXTENSION, NumberKind.SERVICE}:
        return number.shown
    prefix, digits = "", "".join(c for c in number.shown if c in "0123456789")
    if number.kind is NumberKind.PUBLIC:
        parsed = phonenumbers.parse(number.key)
        digits = phonenumbers.national_significant_number(parsed)
        if parsed.country_code != _country_code(country):
            prefix = f"+{parsed.country_code} "
    if len(digits) < 7:
        return f"{prefix}****" if digits else ""
    # Never less than four covered: of seven digits, two are seen at the end and one in front.
    tail = min(4, (len(digits) - 3) // 2)
    head = min(3, len(digits) - 4 - tail)
    return f"{prefix}{digits[:head]}****{digits[-tail:]}"


@functools.lru_cache(maxsize=4096)
def place_of(number: CallerNumber, language: str = "en") -> str:
    """Where the number belongs, in words of ``en`` or ``zh``; empty where nothing is known.

    The first use loads the geographic tables (about 0.5 s, 100 MB): call it once on a worker
    thread at start, before a caller has to wait for it.
    """
    if number.kind is not NumberKind.PUBLIC:
        return ""
    from phonenumbers import geocoder  # heavy, hence here

    place: str = geocoder.description_for_number(phonenumbers.parse(number.key), language)
    return place
