"""Where a call can be sent: a colleague, a queue, a menu, a flow by name, a number outside, a parking place.

A target comes from a page or from a phone's keys and ends in a dialplan, so it is one of six forms, each checked by
its own pattern here; nothing else is ever written into an exten.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cti.domain.errors import InvalidValue

_FORMS = {
    "agent": re.compile(r"[1-9][0-9]{1,5}"),  # an extension
    "queue": re.compile(r"[a-z][a-z0-9_]{0,31}"),
    "menu": re.compile(r"\+?[0-9]{1,20}"),  # a number of ours that callers dial
    "flow": re.compile(
        r"[a-z_][a-z0-9_]{0,63}"
    ),  # the company's, or a built-in one, which begins with _
    "outside": re.compile(r"\+?[0-9]{2,20}"),
    "parking": re.compile(r"[1-9]"),
}
KINDS = frozenset(_FORMS)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked place to send a call to; ``value`` of an outside number is personal.

    ``shown`` is the number of ours that whoever is called outside sees; empty: the company's.
    """

    kind: str
    value: str = field(repr=False)
    shown: str = ""

    def __post_init__(self) -> None:
        form = _FORMS.get(self.kind)
        if form is None:
            raise InvalidValue("kind of target", self.kind)
        if not form.fullmatch(self.value):
            raise InvalidValue(f"target of kind {self.kind}", "")
        if self.shown and (self.kind != "outside" or not form.fullmatch(self.shown)):
            raise InvalidValue("number to be shown", self.shown)

    @property
    def is_ours(self) -> bool:
        """Whether it may stand in the journal: everything but a number outside."""
        return self.kind != "outside"
