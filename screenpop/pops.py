"""What a pop has besides the call itself: the queue's rules, the outside page, who sent the caller, why a pop went. Pure.

``model.py`` keeps the document; these are the values of its smaller sections, made of the same facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cti.domain import events as ev
from cti.domain.ids import CallId, Endpoint, is_phone
from cti.domain.people import User
from cti.domain.pops import PLAIN_POP, PopRule, filled
from screenpop.facts import CallFacts
from screenpop.sections import (
    ColleagueCard,
    CustomerSection,
    GoneSection,
    OutsidePageSection,
    SentByValue,
    iso,
)
from screenpop.shown import RISING, Shown

CardOf = Callable[[User, str], ColleagueCard | None]
"""Of a colleague's phone or extension, for somebody who looks; None: nobody's."""


@dataclass(frozen=True, slots=True)
class PopRules:
    """The company's rules about pops."""

    by_queue: Mapping[str, PopRule] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()  # on which outside pages may be

    def of(self, queue: str) -> PopRule:
        """A queue's; what is no queue's is shown plainly."""
        return self.by_queue.get(queue, PLAIN_POP)


NO_RULES = PopRules()


def sent_by(
    shown: Shown,
    facts: CallFacts,
    owns: Callable[[Endpoint | None], bool],
    name_of: Callable[[str], str],
) -> SentByValue | None:
    """Which colleague brought the caller here, and how; None: nobody did, or the agent himself."""
    by, how = facts.sent_by, facts.sent_how
    if shown.is_consulted:
        consult = facts.talk.consult
        by, how = (facts.endpoint, "added") if consult is None else (consult.endpoint, "consult")
    if by is None or owns(by) or not is_phone(by):
        return None
    return SentByValue(name=name_of(by), how=how)


def outside_page(
    rules: PopRules,
    shown: Shown,
    facts: CallFacts,
    user: User,
    *,
    number: str,
    language: str,
    customer: CustomerSection | None,
) -> OutsidePageSection | None:
    """The page that belongs to this call; ``number`` is what the agent sees of it."""
    queue = shown.queue or facts.queue or ""
    page = rules.of(queue).page
    if page is None:
        return None
    known = customer["customer"] if customer is not None else None
    values = {
        "number": facts.number.key if page.has_whole_number else _plain(number),
        "customer_id": str(known["id"]) if known is not None else "",
        "call_id": facts.call_id,
        "queue": queue,
        "digits": facts.digits,
        "menu_path": " > ".join(facts.menu_path),
        "extension": user.extension,
        "language": language,
    }
    url = filled(page.template, values, rules.hosts)
    if not url:
        return None
    return OutsidePageSection(
        call_id=facts.call_id,
        url=url,
        label=dict(page.label),
        place=page.place,
        opens=page.opens,
    )


def _plain(number: str) -> str:
    """A number without the spaces that make it readable; what is covered stays so."""
    return "".join(char for char in number if char in "+0123456789*")


def why_gone(shown: Shown, event: ev.Event, name_of: Callable[[str], str]) -> GoneSection | None:
    """What is said, in one line, of a pop that is withdrawn before its agent spoke with the caller.

    None: nothing is to be said, since he did it himself, or since his own state says it.
    """
    if shown.state not in RISING - {"dialling"}:
        return None
    match event:
        case ev.CallEnded():
            return _gone(shown.call_id, event, "hung_up")
        case ev.CallConnected() | ev.PartyJoined() | ev.CallRecovered() if event.endpoint:
            is_ours = is_phone(event.endpoint)
            return _gone(shown.call_id, event, "taken", name_of(event.endpoint) if is_ours else "")
        case ev.AgentDidNotAnswer():
            return None if event.reason == "declined" else _gone(shown.call_id, event, "missed")
        case ev.ReservationReleased(reason="declined"):
            return None
        case ev.AgentStateChanged():
            return None
        case _:
            return _gone(shown.call_id, event, "elsewhere")


def _gone(call_id: CallId, event: ev.Event, why: str, who: str = "") -> GoneSection:
    return GoneSection(call_id=call_id, at=iso(event.at), why=why, who=who)
