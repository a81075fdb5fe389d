"""A caller in a menu while an agent is busy with him: a check of his PIN, a survey (docs/decisions/0075).

What he pressed at a sensitive question stands in none of these; which of his answers were right is said by a result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cti.domain.errors import InvalidValue
from cti.domain.event import CallEvent, Event, personal
from cti.domain.ids import AgentId, CustomerId, Endpoint

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def parse_menu_name(text: str) -> str:
    """Check the name of a menu during a call.

    Raises:
        InvalidValue: no menu has such a name.
    """
    if not _NAME.fullmatch(text):
        raise InvalidValue("menu", text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMenuBegan(CallEvent):
    """The agent at ``endpoint`` sent his caller into a menu of the company's.

    ``comes_back``: the agent keeps the line, and the caller counts as held (``CallHeld`` by ``menu``) until he is
    back; else the agent's part is over.
    """

    menu: str
    endpoint: Endpoint | None = None
    comes_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMenuAnswered(CallEvent):
    """The caller answered a question of such a menu; never a sensitive one. ``label`` is what an agent reads."""

    menu: str
    node: str
    label: str = ""
    digits: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMenuEnded(CallEvent):
    """The menu came to its own end. Whoever hangs up in it, or is fetched back, has none: the call's own events tell it.

    ``result``: ``verified``, ``failed``, ``locked`` or ``no_pin`` (of a check; ``tries`` PINs were heard), ``answered``,
    ``no_answer``, or ``broken`` (it could not go on).
    """

    menu: str
    result: str
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PinChecked(CallEvent):
    """A PIN that the caller entered was compared with that of his file.

    ``result``: ``match``, ``no_match``, ``locked``, ``no_pin``.
    """

    result: str
    customer_id: CustomerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPinSet(Event):
    """Somebody gave a customer's file a PIN, or took it away; a lock is lifted by it."""

    customer_id: CustomerId
    by: AgentId
    has_pin: bool
