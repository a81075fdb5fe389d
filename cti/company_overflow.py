"""Rules that take waiting callers out of a queue: as they are written in the company, and what is wrong with them.

``docs/queues.md`` says what they mean; ``acd/overflow.py`` carries them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from cti.company_base import Name, OutsideNumber, Part, Text
from cti.company_waiting import BUILT_IN

_ZERO = timedelta(0)
_FIELDS = {"queue": "queue", "menu": "flow", "message": "text", "outside": "number"}
_LONGEST_NUMBER = 20


class OverflowTarget(Part):
    """Where to: another ``queue``, a ``flow``, a ``text`` and goodbye, a ``number`` outside.

    ``voicemail`` and ``callback`` are those of the queue in which he waits.

    ``keeps_place``: he waits on with his place wherever he is enqueued next; else he begins anew.
    """

    kind: Literal["queue", "menu", "message", "voicemail", "callback", "outside"]
    queue: Name | None = None
    flow: Name | None = None
    text: Text = Field(default_factory=dict)
    number: OutsideNumber | None = None
    keeps_place: bool = True

    @model_validator(mode="after")
    def _one_target(self) -> OverflowTarget:
        given = [name for name in _FIELDS.values() if getattr(self, name)]
        if self.kind not in _FIELDS:
            if given:
                raise ValueError(f"overflow to {self.kind}: it takes no '{given[0]}'")
            if self.kind not in BUILT_IN:
                raise ValueError(f"overflow to {self.kind}: it isn't offered yet")
        elif given != [_FIELDS[self.kind]]:
            raise ValueError(
                f"overflow to {self.kind}: give it '{_FIELDS[self.kind]}', no other target"
            )
        return self


class OverflowRule(Part):
    """From when on, and where to.

    ``wait``: he has been in this line for ``after``. ``estimate``: when he came he was estimated to wait for ``after`` or
    longer. ``length``: when he came ``at_least`` others were in the line. ``closed``: the queue's hours are over;
    ``holiday``: and it is one of their closed dates. ``no_agents``: nobody who serves the queue is signed in.
    """

    when: Literal["wait", "length", "estimate", "closed", "holiday", "no_agents"]
    after: timedelta | None = None
    at_least: Annotated[int, Field(ge=1, le=10_000)] | None = None
    to: OverflowTarget

    @model_validator(mode="after")
    def _what_it_needs(self) -> OverflowRule:
        if (self.after is not None) != (self.when in ("wait", "estimate")):
            raise ValueError(
                f"overflow by {self.when}: 'after' is for 'wait' and 'estimate', which need it"
            )
        if (self.at_least is not None) != (self.when == "length"):
            raise ValueError(f"overflow by {self.when}: 'at_least' is for 'length', which needs it")
        if self.after is not None and self.after <= _ZERO:
            raise ValueError(f"overflow by {self.when}: 'after' is longer than nothing")
        return self


class QueueOfRules(Protocol):
    """A queue, as far as its rules need it (``cti.company.Queue``)."""

    @property
    def name(self) -> str:
        """Which."""

    @property
    def hours(self) -> str | None:
        """Its opening hours, by name."""

    @property
    def overflow(self) -> tuple[OverflowRule, ...]:
        """Its rules, the first that applies counts."""


class Steps(Protocol):
    """A step of a flow (``cti.company.Node``)."""

    @property
    def name(self) -> str:
        """Which."""

    @property
    def kind(self) -> str:
        """As in the company."""

    @property
    def next(self) -> str | None:
        """Whither from here."""

    @property
    def closed(self) -> str | None:
        """Whither outside opening hours."""

    @property
    def queue(self) -> str | None:
        """Where he waits."""


class FlowOfSteps(Protocol):
    """A flow (``cti.company.Flow``)."""

    @property
    def name(self) -> str:
        """Which."""

    @property
    def start(self) -> str:
        """Its first step."""

    @property
    def nodes(self) -> tuple[Steps, ...]:
        """All steps."""


class Outside(Protocol):
    """What may be dialled outside (``cti.company.Outbound``)."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """Prefixes."""

    @property
    def emergency(self) -> tuple[str, ...]:
        """Emergency numbers."""


def ways_out(queue: QueueOfRules) -> Iterator[tuple[OverflowRule, str]]:
    """Each rule with its target as the switch knows it; built-in flows are ``cti.builtin_flows``'."""
    for number, rule in enumerate(queue.overflow, start=1):
        to = rule.to
        built_in = f"_{to.kind}_{queue.name}" + (f"_{number}" if to.kind == "message" else "")
        yield rule, to.queue or to.flow or to.number or built_in


def queue_problems(queue: QueueOfRules) -> Iterator[str]:
    """What is wrong within a queue's own rules, one sentence each."""
    seen: set[tuple[str, str, str]] = set()
    for rule, target in ways_out(queue):
        key = (rule.when, rule.to.kind, "" if rule.to.kind == "outside" else target)
        if key in seen:
            yield f"overflow: by {rule.when} to {rule.to.kind} {key[2]} twice"
        if rule.when == "holiday" and any(when == "closed" for when, _, _ in seen):
            yield "overflow: write 'holiday' before 'closed', which holds on holidays too"
        if rule.when in ("closed", "holiday") and queue.hours is None:
            yield f"overflow by {rule.when}: the queue needs 'hours'"
        seen.add(key)


def company_problems(
    queues: Iterable[QueueOfRules], flows: Iterable[FlowOfSteps], outside: Outside | None
) -> Iterator[str]:
    """Targets that aren't there or not allowed, and rings of rules, one sentence each."""
    by_name, known = {flow.name: flow for flow in flows}, {queue.name: queue for queue in queues}
    leads: dict[str, set[str]] = {name: set() for name in known}
    for queue in known.values():
        where = f"queue {queue.name}, overflow"
        for rule, target in ways_out(queue):
            if rule.to.kind == "queue" and target not in known:
                yield f"{where}: no queue is named {target}"
            elif rule.to.kind == "queue":
                leads[queue.name].add(target)
            elif rule.to.kind == "menu" and target not in by_name:
                yield f"{where}: no flow is named {target}"
            elif rule.to.kind == "menu":
                leads[queue.name] |= _unasked(by_name[target]) & set(known)
            elif rule.to.kind == "outside" and not is_allowed(target, outside):
                yield f"{where}: this number may not be dialled outside"
    for name in known:
        if name in _reached(leads, name):
            yield f"queue {name}, overflow: leads back to the queue it comes from"


def is_allowed(number: str, outside: Outside | None) -> bool:
    """As ``rd-outside`` has it: a prefix and at least one digit more. Nothing of ours calls an emergency number."""
    if outside is None or number in outside.emergency or len(number) > _LONGEST_NUMBER:
        return False
    return any(number.startswith(p) and len(number) > len(p) for p in outside.allowed)


def _unasked(flow: FlowOfSteps) -> set[str]:
    """The queues to which a flow leads whoever is silent, without asking him anything."""
    nodes = {node.name: node for node in flow.nodes}
    line, queues = [flow.start], set()
    for name in line:  # grows while it is read
        node = nodes.get(name)
        if node is None:
            continue
        if node.kind == "queue" and node.queue:
            queues.add(node.queue)
        if node.kind in ("say", "hours", "language"):
            line += [n for n in (node.next, node.closed) if n and n not in line]
    return queues


def _reached(leads: Mapping[str, set[str]], start: str) -> set[str]:
    line = sorted(leads[start])
    for name in line:  # grows while it is read
        line += sorted(leads.get(name, set()) - set(line))
    return set(line)
