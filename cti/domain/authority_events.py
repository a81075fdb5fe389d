"""What people with authority did, as facts: hands on waiting callers, another company. Part of ``events.py``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cti.domain.event import CallEvent, Event, personal
from cti.domain.ids import AgentId, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLaid(CallEvent):
    """Somebody's hand changed who is served when: why a caller overtook others, or came to an agent out of turn.

    ``what`` is ``pull``, ``push`` (``agent_id``: to whom), ``move`` (``place``: where he stood then, from 1),
    ``priority`` or ``demand``. ``credit_time``, ``moved_time`` and ``demand`` are all that hands give him in this queue
    from now on, so that the last of these events tells the whole; ``demand`` None: what was said of him counts.
    """

    what: str
    queue: QueueName
    by: AgentId
    command_id: str
    agent_id: AgentId | None = None
    is_forced: bool = False
    place: int = 0
    credit_time: timedelta = timedelta(0)
    moved_time: timedelta = timedelta(0)
    demand: str | None = None
    why: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyChanged(Event):
    """The whole installation took another company. ``digest``: the hash of its document (``cti.company_text``)."""

    by: str
    digest: str
    previous: str
    changes: int  # how many places differ
