"""What happens to a callback: somebody who asked to be called back instead of waiting on.

A callback is named by the call in which it was asked for. Each time an agent is chosen for it a new call may come to be,
whose id is made beforehand (``cti.domain.callbacks``), so that a call that was sent is known again after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cti.domain.event import CallEvent, personal
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequested(CallEvent):
    """A caller asked to be called back, and was not told so before this was committed.

    ``enqueued_at`` and ``credit_time`` are those of his place in the line. ``demand``, ``group``, ``dedicated`` and
    ``last_agent_id``: what bears on who speaks with him.
    """

    queue: QueueName
    enqueued_at: datetime
    expires_at: datetime
    credit_time: timedelta = timedelta(0)
    demand: str = ""
    group: str = ""
    dedicated: tuple[AgentId, ...] = ()
    last_agent_id: AgentId | None = None
    number: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAttempted(CallEvent):
    """An agent was chosen for a callback: his phone is called next, then the customer's.

    ``call_id`` is that of the call to be; committed before anything is sent to the switch.
    """

    callback_id: CallId  # the call in which it was asked for
    agent_id: AgentId
    endpoint: Endpoint
    queue: QueueName
    serial: int  # counts the agents who were asked, from 1
    attempt: int  # counts the calls to the customer, from 1
    requested_at: datetime
    enqueued_at: datetime
    number: str = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackPostponed(CallEvent):
    """An attempt led to nothing; the callback stands, and comes again from ``due_at`` on.

    ``reason`` is ``agent`` (his phone didn't take it, or he hung up before the customer was called), ``not_sent``, or how
    calling the customer failed: ``busy``, ``no_answer``, ``congested``, ``declined``, ``unknown``.
    """

    queue: QueueName
    serial: int
    attempts: int  # calls to the customer so far
    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackEnded(CallEvent):
    """A callback is over. ``result``: ``done`` (they spoke), ``expired`` or ``withdrawn``.

    ``reason`` of an expiry: ``time`` or why the last attempt failed; of a withdrawal: ``got_through``, ``caller``,
    ``erased``, ``not_journalled``, ``not_allowed``, ``queue_gone``, or what a supervisor chose from a list. ``by`` is
    ``system``, ``caller`` or a person's id.
    """

    queue: QueueName
    result: str
    reason: str = ""
    by: str = "system"
    attempts: int = 0
    wait_time: timedelta = timedelta(0)  # asked → over
