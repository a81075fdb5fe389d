"""Where a rule takes a caller who waits in a queue: another queue, a flow, a number outside.

It ends in a dialplan, so each part is checked by its own pattern here; nothing else is ever written there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from cti.domain.errors import InvalidValue

_FLOW = re.compile(r"[a-z_][a-z0-9_]{0,63}")
_FORMS = {
    "queue": re.compile(r"[a-z][a-z0-9_]{0,31}"),
    "outside": re.compile(r"\+?[0-9]{2,20}"),
}
FLOW_KINDS = frozenset({"menu", "message", "voicemail", "callback"})
"""What a flow is to figures and people; the switch sends the caller into a flow by its name in each of them."""
OUT_KINDS = frozenset({*_FORMS, *FLOW_KINDS})
"""As in ``CallOverflowed.target_kind``."""
REASONS = frozenset({"wait", "length", "estimate", "closed", "holiday", "no_agents"})
"""Why a rule takes somebody out of a queue, as in ``CallOverflowed``."""


@dataclass(frozen=True, slots=True)
class OverflowWay:
    """Where to, and why. ``target``: a queue, a flow, or a number outside.

    ``keeps_place``: he waits on, with his place and credit, wherever he is enqueued next; else he begins anew, with
    ``credit_time``.
    """

    reason: str
    kind: str
    target: str = field(repr=False)
    keeps_place: bool = True
    credit_time: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        form = _FLOW if self.kind in FLOW_KINDS else _FORMS.get(self.kind)
        if form is None:
            raise InvalidValue("kind of way out", self.kind)
        if self.reason not in REASONS:
            raise InvalidValue("reason to leave a queue", self.reason)
        if not form.fullmatch(self.target):
            raise InvalidValue(f"target of kind {self.kind}", "")
        if self.credit_time < timedelta(0):
            raise InvalidValue("credit", str(self.credit_time))

    @property
    def name(self) -> str:
        """The target as it may stand in the journal: empty for a number outside."""
        return "" if self.kind == "outside" else self.target
