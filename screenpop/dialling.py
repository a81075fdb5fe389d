"""Whom a page may call or send a caller to: what was typed becomes a checked target, or a refusal in words. Pure.

A number outside passes the company's rules here, before anything is sent; the dialplan checks them once more. It is
tried as it was typed and in its international form; the first that a rule allows is dialled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.numbers import DialPlan, NumberKind, read_number
from cti.domain.targets import Target

_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")
_DIGITS = re.compile(r"\+?[0-9]{2,20}")


@dataclass(frozen=True, slots=True)
class OutsideRules:
    """Which numbers outside may be dialled."""

    allowed: tuple[str, ...] = ()  # they begin with one of these
    emergency: tuple[str, ...] = ()  # always


@dataclass(frozen=True, slots=True)
class DialRules:
    """Everything that can be dialled here. ``outside`` None: there is no line to the outside."""

    plan: DialPlan = field(default_factory=DialPlan)
    queues: frozenset[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)  # ours, that callers dial → label
    outside: OutsideRules | None = None
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By extension: what its owner may show outside, his default first."""

    def target(self, kind: str, value: str, own_extension: str, caller_id: str = "") -> Target:
        """A checked target; ``caller_id``: what somebody outside is to see.

        Raises:
            CommandRefused: ``no_such_target``, ``no_such_number``, ``own_number``, ``no_outside_line``,
                ``number_not_allowed``, ``caller_id_not_allowed``.
        """
        if kind == "outside":
            return self._outside(value, own_extension, caller_id)
        if kind == "agent":
            if value == own_extension:
                raise CommandRefused("own_number", "That is your own extension.")
            is_known = value in self.plan.extensions
        elif kind == "queue":
            is_known = value in self.queues
        else:
            is_known = kind == "menu" and value in self.numbers
        if not is_known:
            raise CommandRefused("no_such_target", "Nobody is reached there; choose from the list.")
        return _target(kind, value)

    def callback(self, number: str) -> Target:
        """A number at which somebody wants to be called back: one outside that is nobody's emergency line.

        Raises:
            CommandRefused: as ``target``.
        """
        target = self._outside(number, "", "")
        emergency = self.outside.emergency if self.outside is not None else ()
        if target.kind != "outside" or target.value in emergency:
            raise CommandRefused("number_not_allowed", "Nobody can be called back there.")
        return target

    def _shown(self, own_extension: str, caller_id: str) -> str:
        allowed = self.shown.get(own_extension, ())
        if caller_id and caller_id not in allowed:
            raise CommandRefused(
                "caller_id_not_allowed", "You may not show this number: choose one from the list."
            )
        return caller_id or next(iter(allowed), "")

    def _outside(self, typed: str, own_extension: str, caller_id: str) -> Target:
        digits = typed.translate(_SEPARATORS)
        if digits in self.plan.extensions:
            return self.target("agent", digits, own_extension)
        if digits in self.numbers:
            return self.target("menu", digits, own_extension)
        if self.outside is None:
            raise CommandRefused("no_outside_line", "There is no line to the outside here.")
        if not _DIGITS.fullmatch(digits):
            raise CommandRefused("no_such_number", "This is no telephone number: check the digits.")
        shown = self._shown(own_extension, caller_id)
        if digits in self.outside.emergency:
            return _target("outside", digits, shown)
        number = read_number(digits, self.plan)
        forms = [digits]
        if number.kind in (NumberKind.PUBLIC, NumberKind.SERVICE):
            forms.append(number.key)
        for form in forms:
            if form.startswith(self.outside.allowed):
                return _target("outside", form, shown)
        raise CommandRefused(
            "number_not_allowed", "Your company's rules don't allow this number; ask a supervisor."
        )


def _target(kind: str, value: str, shown: str = "") -> Target:
    try:
        return Target(kind, value, shown)
    except InvalidValue as exc:
        raise CommandRefused("no_such_target", "This can't be dialled.") from exc
