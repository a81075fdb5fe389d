"""Callers are taken out of their queues by rule: looks at who may have to go, and sends him (``acd/ways.py`` says when).

A caller is looked at when he comes into a line or back to it, when time alone may make a rule apply (by the same
wakes as everything else), and when the last agent of his queue signs out. The doors (closed, holiday) are looked at
before the matcher, all other rules behind it: whom an agent is free for doesn't overflow. Only who waits is taken, never
somebody for whom an agent is reserved or rings.

The command counts when the switch confirms it (``CallOverflowed``). Until then the caller is offered to nobody, for
``retry_time`` at most; then he is looked at anew. While there is no link, during a recovery and before our end nobody
is taken.
"""

from __future__ import annotations

from collections.abc import Collection

from acd import decisions as d
from acd.facts import Claim, Phase, QueueEntry, Taken
from acd.matching import may_match
from acd.parties import shape_of
from acd.rules import Overflow
from acd.states import AgentState
from acd.tables import Table
from acd.turn import Turn
from acd.ways import BY_ESTIMATE, DOORS, REST, Look, first
from cti.domain import events as ev
from cti.domain.evolving import replace
from cti.domain.ids import CallId, QueueName


def came(turn: Turn, entry: QueueEntry) -> None:
    """He is new in his line: what counts on arrival counts now."""
    if entry.queue in turn.configuration.overflowing:
        turn.own("unjudged")[entry.call_id] = True


def at_the_door(turn: Turn) -> None:
    """Before the matcher: who comes to a closed queue is offered to nobody."""
    unjudged = turn.part("unjudged")
    if unjudged and may_match(turn):
        for call_id in [c for c, is_new in unjudged.items() if is_new]:
            _look(turn, call_id, DOORS, is_new=True)


def judge(turn: Turn) -> None:
    """Behind the matcher: all who may have to go, and for whom nobody is free."""
    _deserted(turn)
    unjudged = turn.part("unjudged")
    if not unjudged or not may_match(turn):
        return
    judged = dict(unjudged)
    turn.set(unjudged=Table())
    for call_id in _by_place(turn, judged):
        is_new = judged[call_id]
        if not _look(turn, call_id, DOORS, is_new=is_new):
            _look(turn, call_id, REST, is_new=is_new)


def _by_place(turn: Turn, call_ids: Collection[CallId]) -> list[CallId]:
    """Who stands first goes first, and so comes first where they all go."""
    entries = [entry for entry in map(turn.entry, call_ids) if entry is not None]
    return [entry.call_id for entry in sorted(entries, key=lambda entry: entry.place)]


def estimated(turn: Turn, event: ev.WaitEstimated) -> None:
    """His wait was estimated when he came."""
    entry = _waiting(turn, event.call_id)
    if entry is None or event.is_told or event.queue != entry.queue or not may_match(turn):
        return
    look = Look(turn.now, turn.part("wall_offset"), estimate_time=event.estimate_time)
    rules = turn.configuration.rules(entry.queue)
    rule = first(rules, entry, turn.claim(entry.call_id), look, BY_ESTIMATE)
    if rule is not None:
        _leave(turn, entry, rule)


def note(turn: Turn, event: ev.CallOverflowed) -> None:
    """The switch has done it: it counts, and isn't done a second time for the same place."""
    claim = turn.claim(event.call_id)
    key = (event.reason, event.target_kind, event.target)
    asked = tuple(t for t in claim.taken if t.is_done or (t.queue, t.key) != (event.queue, key))
    taken = (*asked, Taken(event.queue, key, event.at, is_done=True))
    _put(turn, event.call_id, replace(claim, taken=taken))


def keeps_place(turn: Turn, event: ev.CallOverflowed) -> bool:
    """Whether the caller waits on where he is enqueued next."""
    key = (event.reason, event.target_kind, event.target)
    rules = turn.configuration.rules(event.queue).overflow
    return next((rule.way.keeps_place for rule in rules if rule.key == key), True)


def clock_set(turn: Turn, event: d.ClockSet) -> None:
    """The wall clock shows another time: queues open and close at other instants."""
    turn.set(wall_offset=event.wall_offset)
    for entry in list(turn.part("entries").values()):
        if turn.configuration.rules(entry.queue).opening and entry.phase is Phase.WAITING:
            turn.put_entry(entry)


def _look(turn: Turn, call_id: CallId, kinds: Collection[str], *, is_new: bool) -> bool:
    """Send a caller away if a rule of these kinds says so; whether he is gone, or wasn't to be looked at."""
    entry = _waiting(turn, call_id)
    if entry is None:
        return True
    rules = turn.configuration.rules(entry.queue)
    look = Look(
        turn.now,
        turn.part("wall_offset"),
        others=len(turn.part("lines")[entry.queue]) - 1,
        is_new=is_new,
        is_deserted=_is_deserted(turn, entry.queue),
    )
    rule = first(rules, entry, turn.claim(call_id), look, kinds)
    if rule is not None:
        _leave(turn, entry, rule)
    return rule is not None


def _waiting(turn: Turn, call_id: CallId) -> QueueEntry | None:
    """Somebody who surely waits. Colleagues who ask a queue, and who is to be called back, are no rule's business."""
    entry = turn.entry(call_id)
    if (
        entry is None
        or entry.phase is not Phase.WAITING
        or entry.is_callback
        or entry.is_blocked(turn.now)
    ):
        return None
    return None if shape_of(turn, call_id).direction == "internal" else entry


def _leave(turn: Turn, entry: QueueEntry, rule: Overflow) -> None:
    claim = turn.claim(entry.call_id)
    asked = Taken(entry.queue, rule.key, turn.now, is_done=False)
    _put(turn, entry.call_id, replace(claim, taken=(*claim.taken, asked)))
    turn.put_entry(replace(entry, blocked_until_at=turn.now + turn.limits.retry_time))
    turn.decide(d.Overflow(entry.call_id, rule.way))


def _put(turn: Turn, call_id: CallId, claim: Claim) -> None:
    # Not ``put_claim``: nothing was learnt of him that bears on who answers.
    turn.own("claims")[call_id] = claim


def _deserted(turn: Turn) -> None:
    """Whoever waits in a queue whose last agent signs out is looked at."""
    asking = turn.configuration.asking_for_agents
    if not asking:
        return
    gone = (agent for agent in map(turn.agent, turn.moved) if agent is not None)
    left = (a.profile.queues & asking for a in gone if a.state is AgentState.LOGGED_OUT)
    for queue in sorted({queue for queues in left for queue in queues}):
        if _is_deserted(turn, queue):
            unjudged = turn.own("unjudged")
            for place in turn.part("lines").get(queue, ()):
                unjudged.setdefault(place[-1], False)


def _is_deserted(turn: Turn, queue: QueueName) -> bool:
    if queue not in turn.configuration.asking_for_agents:
        return False
    agents = turn.part("agents")
    return all(
        agents[agent_id].state is AgentState.LOGGED_OUT
        for agent_id in turn.configuration.serving(queue)
        if agent_id in agents
    )
