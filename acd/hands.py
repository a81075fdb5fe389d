"""Somebody's hand on a waiting caller: pull, push, move, priority, demand. Pure.

The order of a line stays defined by its one rule. A hand doesn't put a caller anywhere; it gives him what lets the rule put
him there, and everybody can read afterwards why he overtook:

* **priority** is a credit besides those of queue, call and group;
* **a move** to a place is a credit too: as much as sets the effective beginning of his wait just before that of the
  caller who stands there (just behind the last one: possibly less than nothing). Where priority is strict he also gets that
  caller's credit. Callers of the very same instant can't be parted: he comes before all of them;
* **a demand** stands in place of all that was said of him, and relaxes as any other.

All three count in this queue alone, and are forgotten when somebody sends him elsewhere.

A **push** reserves an agent at once, past every limit but one: his phone must be free. Who is away, in his notes, doesn't
serve the queue or can't do what is demanded is asked only by force, and goes back to his break or his notes afterwards.
A **pull** is an agent's push to himself: his break and notes are his own to interrupt.

Only who waits can be touched. Whoever is being offered to somebody, speaks, or is in Asterisk's fallback queue is refused
with the cause, so that a hand and an offer never make two agents of one caller.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from acd import decisions as d
from acd.facts import Agent, Phase, QueueEntry, State, Touch
from acd.matching import may_match, reserve
from acd.parties import afterwards
from acd.states import AgentState
from acd.turn import Turn
from cti.domain.demands import is_met, parse_demand, read_back
from cti.domain.errors import CommandRefused, InvalidDemand
from cti.domain.events import HandLaid
from cti.domain.evolving import replace
from cti.domain.ids import CallId, QueueName

S = AgentState
MOST_CREDIT = timedelta(days=1)
"""By hand, and as little as minus this."""
_LEAST = timedelta(microseconds=1)
_NOT_HERE = "This caller doesn't wait in a queue (any more)."


def push(turn: Turn, event: d.Push) -> None:
    """Give the caller to this agent.

    Raises:
        CommandRefused: he doesn't wait (``no_such_call``, ``being_offered``, ``switch_unavailable``), the agent's phone
            isn't free (``agent_signed_out``, ``agent_talks``, ``agent_rung``, ``agent_phone_away``), or it takes force
            (``agent_away``, ``agent_wraps_up``, ``agent_not_serving``, ``agent_lacks_skill``).
    """
    entry = _waiting(turn, event.call_id)
    agent = _reachable(turn, event)
    if not event.is_forced:
        _see_that_he_is_meant(turn, entry, agent)
        if agent.state is S.NOT_READY:
            raise CommandRefused(
                "agent_away",
                "This agent is away. By force he is rung, and is away again afterwards.",
            )
        if agent.state is S.WRAP_UP:
            raise CommandRefused(
                "agent_wraps_up",
                "This agent writes his notes. By force he is rung, and goes on with them afterwards.",
            )
    _tell(turn, event, entry, _touch_of(turn, entry), agent)
    reserve(turn, entry, agent, **afterwards(turn, agent))


def pull(turn: Turn, event: d.Pull) -> None:
    """Give the caller to who asks.

    Raises:
        CommandRefused: as for ``push``; a break or a wrap-up of his own is no hindrance.
    """
    entry = _waiting(turn, event.call_id)
    agent = _reachable(turn, event)
    _see_that_he_is_meant(turn, entry, agent)
    _tell(turn, event, entry, _touch_of(turn, entry), agent)
    reserve(turn, entry, agent, **afterwards(turn, agent))


def move_to(turn: Turn, event: d.MoveTo) -> None:
    """Put the caller at a place of his line.

    Raises:
        CommandRefused: he doesn't wait (``no_such_call``, ``being_offered``), or there is no such place
            (``no_such_place``).
    """
    entry = _waiting(turn, event.call_id, is_offer=False)
    if event.place < 1:
        raise CommandRefused("no_such_place", "Places count from 1.")
    line = [place for place in turn.part("lines")[entry.queue] if place[-1] != entry.call_id]
    touch = _touch_of(turn, entry)
    if line:
        is_last = event.place > len(line)
        neighbour: QueueEntry = turn.part("entries")[line[-1 if is_last else event.place - 1][-1]]
        touch = _beside(entry, neighbour, touch, -_LEAST if is_last else _LEAST)
    _lay(turn, event, entry, touch)


def prioritise(turn: Turn, event: d.Prioritise) -> None:
    """Give the caller a credit.

    Raises:
        CommandRefused: he doesn't wait (``no_such_call``, ``being_offered``), or it is more than a day
            (``too_much_credit``).
    """
    entry = _waiting(turn, event.call_id, is_offer=False)
    if abs(event.credit_time) > MOST_CREDIT:
        raise CommandRefused("too_much_credit", "A credit is a day at most.")
    _lay(turn, event, entry, replace(_touch_of(turn, entry), credit_time=event.credit_time))


def demand(turn: Turn, event: d.Demand) -> None:
    """Say what the caller needs, in place of all that was said.

    Raises:
        CommandRefused: he doesn't wait (``no_such_call``, ``being_offered``), or the text is no demand
            (``no_such_demand``).
    """
    entry = _waiting(turn, event.call_id, is_offer=False)
    text = event.demand
    if text is not None:
        try:
            text = str(parse_demand(text))
        except InvalidDemand as exc:
            raise CommandRefused("no_such_demand", f"This is no demand: {exc}.") from exc
    _lay(turn, event, entry, replace(_touch_of(turn, entry), demand=text))


def restored(turn: Turn, event: HandLaid) -> None:
    """What a hand gave before the last start."""
    touch = Touch(event.queue, event.credit_time, event.moved_time, event.demand)
    turn.put_claim(event.call_id, replace(turn.claim(event.call_id), touch=touch))


def forget_touch(turn: Turn, call_id: CallId) -> None:
    """The caller goes to another line: what hands gave him in this one counts no more."""
    claim = turn.claim(call_id)
    if claim.touch is not None:
        turn.put_claim(call_id, replace(claim, touch=None))


def waiting(state: State, queue: QueueName) -> tuple[QueueEntry, ...]:
    """Who isn't connected yet, in the order of the line."""
    return tuple(state.entries[place[-1]] for place in state.lines.get(queue, ()))


# ---- what may be touched -----------------------------------------------------------------------


def _waiting(turn: Turn, call_id: CallId, *, is_offer: bool = True) -> QueueEntry:
    """The caller, if he waits and nothing is under way with him; ``is_offer``: and could be offered now."""
    entry = turn.entry(call_id)
    if entry is None or entry.phase is Phase.CONNECTED:
        raise CommandRefused("no_such_call", _NOT_HERE)
    if entry.phase is Phase.OFFERED:
        raise CommandRefused("being_offered", "This caller is being offered to an agent right now.")
    if entry.phase is Phase.FALLBACK:
        raise CommandRefused("switch_unavailable", "This caller is on his way back to his queue.")
    if not is_offer:
        return entry
    if entry.is_blocked(turn.now):
        raise CommandRefused("being_offered", "An offer of this caller ends just now; try again.")
    if not may_match(turn):
        raise CommandRefused("switch_unavailable", "Nobody can be offered a call at the moment.")
    return entry


def _reachable(turn: Turn, event: d.Push | d.Pull) -> Agent:
    """The agent, if a call can reach him at all."""
    agent = turn.agent(event.agent_id if isinstance(event, d.Push) else event.by)
    if agent is None:
        raise CommandRefused("no_such_agent", "This account doesn't take calls.")
    if agent.state is S.LOGGED_OUT or agent.endpoint is None:
        raise CommandRefused("agent_signed_out", "This agent isn't signed in.")
    if agent.state is S.TALKING or turn.phone(agent.endpoint) in ("in_use", "on_hold"):
        raise CommandRefused(
            "agent_talks", "This agent is in a call; not even force interrupts it."
        )
    if agent.state in (S.RESERVED, S.RINGING) or turn.phone(agent.endpoint) == "ringing":
        raise CommandRefused("agent_rung", "This agent's phone rings for somebody else.")
    if turn.phone(agent.endpoint) != "idle":
        raise CommandRefused("agent_phone_away", "This agent's phone can't be reached.")
    return agent


def _see_that_he_is_meant(turn: Turn, entry: QueueEntry, agent: Agent) -> None:
    is_known = entry.queue in turn.configuration.queues
    if is_known and entry.queue not in agent.profile.queues:
        raise CommandRefused("agent_not_serving", "This agent doesn't serve the queue.")
    if not is_met(read_back(entry.demand), agent.profile.skills):
        raise CommandRefused("agent_lacks_skill", "This agent can't do what the caller needs.")


# ---- what is done ------------------------------------------------------------------------------


def _beside(entry: QueueEntry, other: QueueEntry, touch: Touch, ahead: timedelta) -> Touch:
    """What puts a caller so much before (below zero: behind) another one."""
    own_time = entry.credit_time + entry.group_time
    other_time = other.credit_time + other.group_time + other.hand_time
    if entry.is_strict:
        moved_time = entry.enqueued_at - _begun_at(other) + ahead
        return replace(touch, credit_time=other_time - own_time, moved_time=moved_time)
    begun_at = _begun_at(other) - other_time
    moved_time = entry.enqueued_at - own_time - touch.credit_time - begun_at + ahead
    return replace(touch, moved_time=moved_time)


def _begun_at(entry: QueueEntry) -> datetime:
    return entry.enqueued_at - entry.moved_time


def _touch_of(turn: Turn, entry: QueueEntry) -> Touch:
    touch = turn.claim(entry.call_id).touch
    return touch if touch is not None and touch.queue == entry.queue else Touch(entry.queue)


def _lay(turn: Turn, event: d.Hands, entry: QueueEntry, touch: Touch) -> None:
    claim = replace(turn.claim(entry.call_id), touch=touch)
    turn.own("claims")[entry.call_id] = claim
    # Nothing was learnt of him: for whom he waits stays as it was settled when he joined.
    entry = turn.put_entry(entry)
    _tell(turn, event, entry, touch, None)


def _tell(turn: Turn, event: d.Hands, entry: QueueEntry, touch: Touch, agent: Agent | None) -> None:
    turn.publish(
        HandLaid(
            at=turn.now,
            call_id=entry.call_id,
            what=_WORDS[type(event)],
            queue=entry.queue,
            by=event.by,
            command_id=event.command_id,
            agent_id=agent.agent_id if agent is not None else None,
            is_forced=isinstance(event, d.Push) and event.is_forced,
            place=turn.part("lines")[entry.queue].position(entry.place),
            credit_time=touch.credit_time,
            moved_time=touch.moved_time,
            demand=touch.demand,
            why=event.why,
        )
    )


_WORDS: dict[type, str] = {
    d.Push: "push",
    d.Pull: "pull",
    d.MoveTo: "move",
    d.Prioritise: "priority",
    d.Demand: "demand",
}
