"""What goes into the core besides domain events, and what comes out: plain data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from acd.strategy import Tally
from cti.domain.call import Call
from cti.domain.callback_events import CallbackAttempted, CallbackPostponed, CallbackRequested
from cti.domain.events import (
    AgentDidNotAnswer,
    AgentStateChanged,
    CallOverflowed,
    DemandSet,
    DispositionSet,
    Event,
    HandLaid,
    ReservationReleased,
    TicketOpened,
)
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName
from cti.domain.manners import PLAIN, Manner
from cti.domain.targets import Target
from cti.domain.ways_out import OverflowWay
from cti.ports import QueueMirror

# ---- in: what an agent asks for ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """Take a seat at one of the agent's phones.

    ``outside_number``: at which his phone outside is called; the rules of calls to the outside allow it.
    """

    agent_id: AgentId
    endpoint: Endpoint
    outside_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignOut:
    """Leave the queues; in a call: after it."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True)
class SayReady:
    """Take calls; in a call: right after it, without wrap-up."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True)
class SayNotReady:
    """Take a break; in a call: right after it."""

    agent_id: AgentId
    reason: str


@dataclass(frozen=True, slots=True)
class ExtendWrapUp:
    """One more minute."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True)
class PhoneReady:
    """The desktop says: the browser phone is registered and has no session."""

    agent_id: AgentId


# ---- in: somebody's hand on a waiting caller (``hands.py``) ---------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What every hand has: whose caller, by whom, why; ``command_id`` names the command."""

    call_id: CallId
    by: AgentId
    command_id: str
    why: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push(Hand):
    """Give the caller to this agent, now. ``is_forced``: although he is away, writes his notes, or isn't meant for him."""

    agent_id: AgentId
    is_forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull(Hand):
    """Give the caller to the one who asks; his own break or wrap-up is his to interrupt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTo(Hand):
    """Put the caller at this place of his queue's line, from 1; beyond the end: last."""

    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prioritise(Hand):
    """Count so much more as wait, besides what he has; replaces what a hand gave before. May be negative."""

    credit_time: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand(Hand):
    """Demand this in place of all that was said of him; None: what was said counts again."""

    demand: str | None


# ---- in: what the service learnt ---------------------------------------------------------------

NOT_SENT = "not_sent"
"""An offer that Asterisk never heard of, since nothing could be sent."""


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """The switch didn't take an offer. ``chosen_at`` names the reservation, ``agent_id`` None: a group's."""

    call_id: CallId
    agent_id: AgentId | None
    chosen_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CallerKnown:
    """What was looked up of a caller: his group, his own agent with the deputies, who spoke with him last."""

    call_id: CallId
    group: str = ""
    dedicated: tuple[AgentId, ...] = ()
    last_agent_id: AgentId | None = None


@dataclass(frozen=True, slots=True)
class AskCallback:
    """A caller wants to be called back at ``number``; ``key`` is the same in the form in which numbers are compared."""

    call_id: CallId
    queue: QueueName
    number: str = field(repr=False)
    key: str = field(repr=False)
    credit_time: timedelta = timedelta(0)  # if he hasn't waited yet


@dataclass(frozen=True, slots=True)
class CallerCameIn:
    """For whom a callback stands waits in the same queue himself."""

    callback_id: CallId
    call_id: CallId


@dataclass(frozen=True, slots=True)
class WithdrawCallback:
    """Somebody, or a rule, takes a callback back."""

    callback_id: CallId
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class CallbackFound:
    """What the switch remembers of a callback's last call: whether the customer had answered."""

    callback_id: CallId
    attempt_id: CallId
    was_answered: bool


@dataclass(frozen=True, slots=True)
class RejoinRefused:
    """The switch didn't take a rejoin."""

    call_id: CallId
    agent_id: AgentId


@dataclass(frozen=True, slots=True)
class Visit:
    """A waiting caller is being spoken to from now on, or no longer."""

    call_id: CallId
    is_on: bool


@dataclass(frozen=True, slots=True)
class LeaveRefused:
    """The switch didn't send a caller away who had pressed a key."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Due:
    """The instant of a ``Wake`` has come. May be early or late or needless: the state decides."""

    subject: AgentId | CallId | None


@dataclass(frozen=True, slots=True)
class Stalled:
    """We were frozen; facts that happened meanwhile are still to be read."""


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The wall clock shows so much more than the time that never steps (``acd.timeline``)."""

    wall_offset: timedelta


@dataclass(frozen=True, slots=True)
class Drain:
    """We are about to end: what has begun goes on, nothing new begins."""


@dataclass(frozen=True, slots=True)
class Linked:
    """The link is up, the heartbeat renewed; these are the live calls."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The company has changed: this step is the first with the new rules. ``stay``: who works here now."""

    stay: frozenset[AgentId]


@dataclass(frozen=True, slots=True)
class Unlinked:
    """The link is down: nothing can be offered."""


@dataclass(frozen=True, slots=True)
class KnownCallback:
    """A callback that stood before the last start, with the number's key and who was asked for it last."""

    request: CallbackRequested
    key: str = field(repr=False)
    postponed: CallbackPostponed | None = None
    attempted: CallbackAttempted | None = None  # since then


@dataclass(frozen=True, slots=True)
class Restored:
    """What the journal says: agents (last state each), calls that had been answered, calls then live.

    ``demands``: what was said of the live calls, ``missed``: who didn't answer them, ``overflowed``: which rules took
    them out of queues. ``tallies``: what agents have done since they signed in. ``outcomes``: tickets and outcomes of
    calls that are live, or in somebody's wrap-up. ``hands``: what hands changed of live calls.
    ``places``: what callers were told of their position, in which queue.
    """

    agents: tuple[AgentStateChanged, ...]
    answered: frozenset[CallId]
    calls: tuple[Call, ...] = ()
    demands: tuple[DemandSet, ...] = ()
    missed: tuple[AgentDidNotAnswer | ReservationReleased, ...] = ()
    tallies: Mapping[AgentId, Tally] = field(default_factory=dict)
    outcomes: tuple[TicketOpened | DispositionSet, ...] = ()
    hands: tuple[HandLaid, ...] = ()
    callbacks: tuple[KnownCallback, ...] = ()
    places: Mapping[CallId, tuple[QueueName, int]] = field(default_factory=dict)
    overflowed: tuple[CallOverflowed, ...] = ()


# ---- out ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reserve:
    """Show the caller to the agent, then send him to ring ``endpoint``."""

    call_id: CallId
    agent_id: AgentId
    queue: QueueName
    endpoint: Endpoint
    chosen_at: datetime
    ring_time: timedelta
    waits_for_paint: bool
    manner: Manner = PLAIN


@dataclass(frozen=True, slots=True)
class CallBack:
    """Show the customer to the reserved agent, then call his phone, then the customer."""

    reserve: Reserve
    callback_id: CallId
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DropCallback:
    """See to it that the switch calls nobody for this callback any more; ``attempt_id``: the call that is to end.

    ``callback_id`` None: only that call.
    """

    callback_id: CallId | None
    attempt_id: CallId | None


@dataclass(frozen=True, slots=True)
class FindCallback:
    """Ask the switch what became of a callback's last call, and let it not begin any more."""

    callback_id: CallId
    attempt_id: CallId


@dataclass(frozen=True, slots=True)
class ReserveAll:
    """Show the caller to all these agents, of whom each is reserved for him, then ring all their phones at once."""

    offers: tuple[Reserve, ...]


@dataclass(frozen=True, slots=True)
class WithdrawOffer:
    """Stop a ring that nobody wants any more."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Requeue:
    """Let a caller wait again whose agent's phone died in the conversation."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Overflow:
    """Take a waiting caller out of his queue."""

    call_id: CallId
    way: OverflowWay


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the caller his position."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class SendAway:
    """Send the caller out of his line."""

    call_id: CallId
    target: Target


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Fetch the caller from the fallback Queue()."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Call the agent's phone again for the caller he lost."""

    call_id: CallId
    agent_id: AgentId
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Mirror:
    """Tell the fallback Queue() who is there."""

    mirror: QueueMirror


@dataclass(frozen=True, slots=True)
class Publish:
    """Tell the others what happened."""

    event: Event


@dataclass(frozen=True, slots=True)
class FiguresChanged:
    """The live figures of these queues may be other than before."""

    queues: frozenset[QueueName]


@dataclass(frozen=True, slots=True)
class Wake:
    """Send ``Due(subject)`` at this instant."""

    at: datetime
    subject: AgentId | CallId | None


Decision = (
    Reserve
    | CallBack
    | DropCallback
    | FindCallback
    | ReserveAll
    | WithdrawOffer
    | Requeue
    | Overflow
    | Announce
    | SendAway
    | TakeBack
    | Rejoin
    | Mirror
    | Publish
    | FiguresChanged
    | Wake
)
Hands = Push | Pull | MoveTo | Prioritise | Demand
Command = SignIn | SignOut | SayReady | SayNotReady | ExtendWrapUp | Hands
Input = (
    Command
    | PhoneReady
    | OfferRefused
    | AskCallback
    | CallerCameIn
    | WithdrawCallback
    | CallbackFound
    | RejoinRefused
    | CallerKnown
    | LeaveRefused
    | Visit
    | Due
    | Stalled
    | ClockSet
    | Drain
    | Linked
    | Reconfigured
    | Unlinked
    | Restored
    | Event
)
