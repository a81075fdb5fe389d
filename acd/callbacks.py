"""Callbacks that keep their place: who asked to be called back, when his turn is, and what becomes of it.

His turn comes as if he had waited: an entry stands for him in the line, with his place, his credit and what bears on who
answers him; ``matching.py`` treats it like a caller who has no channel. When an agent is reserved his phone is called,
and when he answers, the customer. From then on the call is one that an agent began (``shapes.py``).

What keeps it right:

* The id of each call is made before it is sent, and a new one for each agent who is asked. Whatever comes of an older call
  is recognised and ended, and the switch itself calls nobody for a call that isn't the present one (``DropCallback``).
* ``CallbackAttempted`` is committed before anything is sent. What we don't know after a crash is looked up
  (``FindCallback``) before it is tried again.
* At most a share of the queue's agents is busy with callbacks; one may always be if nobody waits live.
* Outside of the hours, and between two attempts, there is no entry in the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from acd.callback_rules import Callback, Stage
from acd.callback_share import entry_for, of_call, open_for, rules_of
from acd.decisions import (
    AskCallback,
    CallBack,
    CallbackFound,
    CallerCameIn,
    DropCallback,
    FindCallback,
    KnownCallback,
    Reserve,
    WithdrawCallback,
)
from acd.facts import Agent, Claim, Phase, QueueEntry
from acd.parties import free, rona, tell_missed
from acd.states import RONA, AgentState
from acd.turn import Turn
from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.call import Call, CallState
from cti.domain.callbacks import is_attempt
from cti.domain.errors import CommandRefused
from cti.domain.evolving import replace
from cti.domain.ids import CallId, QueueName

S = AgentState
BY_REQUEST = "callback"
"""``DemandSet.by`` of what was demanded when the callback was asked for."""


# ---- asking and taking back --------------------------------------------------------------------


def ask(turn: Turn, event: AskCallback) -> None:
    """The caller goes, his place stays. Whoever tells him so commits what is published first."""
    rules = rules_of(turn, event.queue)
    if event.queue not in turn.configuration.queues or not rules.is_offered:
        raise CommandRefused("no_callbacks", "This queue calls nobody back.")
    if open_for(turn.part("callbacks").values(), event.queue, event.key) is not None:
        raise CommandRefused("callback_stands", "There is a callback for this number already.")
    entry = turn.entry(event.call_id)
    if entry is not None and (turn.agent_of(entry) is not None or entry.phase is Phase.FALLBACK):
        raise CommandRefused("has_an_agent", "An agent is on his way to this caller.")
    is_placed = entry is not None and entry.queue == event.queue
    claim = turn.claim(event.call_id)
    request = cb.CallbackRequested(
        at=turn.now,
        call_id=event.call_id,
        queue=event.queue,
        enqueued_at=entry.enqueued_at if entry is not None and is_placed else turn.now,
        expires_at=turn.now + rules.expire_time,
        credit_time=entry.credit_time if entry is not None and is_placed else event.credit_time,
        demand=_demand_of(claim),
        group=claim.group,
        dedicated=claim.dedicated,
        last_agent_id=claim.last_agent_id,
        number=event.number,
    )
    sequence = entry.sequence if entry is not None and is_placed else None
    if entry is not None:
        turn.drop_entry(entry)
    turn.publish(request)
    callback = _begin(turn, request, event.key, sequence)
    _line_up(turn, callback)


def _demand_of(claim: Claim) -> str:
    return " & ".join(f"({text})" for _, text in claim.demands)


def _begin(
    turn: Turn, request: cb.CallbackRequested, key: str, sequence: int | None = None
) -> Callback:
    if sequence is None:
        sequence = turn.part("sequence") + 1
        turn.set(sequence=sequence)
    callback = Callback(
        callback_id=request.call_id,
        queue=request.queue,
        number=request.number,
        key=key,
        enqueued_at=min(request.enqueued_at, turn.now),
        requested_at=request.at,
        expires_at=request.expires_at,
        due_at=min(request.at, turn.now),
        credit_time=request.credit_time,
        sequence=sequence,
    )
    demands = ((BY_REQUEST, request.demand),) if request.demand else ()
    claim = Claim(demands, request.group, request.dedicated, request.last_agent_id)
    turn.own("callback_claims")[callback.callback_id] = claim
    turn.wake(callback.expires_at, None)
    return _put(turn, callback)


def came_in(turn: Turn, event: CallerCameIn) -> None:
    """The customer has called again: he takes the place that was kept for him, and isn't called while he waits."""
    callback, entry = turn.part("callbacks").get(event.callback_id), turn.entry(event.call_id)
    if callback is None or not callback.is_open or entry is None or entry.queue != callback.queue:
        return
    _put(turn, replace(callback, live_id=event.call_id))
    enqueued_at = min(entry.enqueued_at, callback.enqueued_at)
    credit_time = max(entry.credit_time, callback.credit_time)
    turn.put_entry(replace(entry, enqueued_at=enqueued_at, credit_time=credit_time))


def withdraw(turn: Turn, event: WithdrawCallback) -> None:
    """Take a callback back; whoever is reserved or called for it is let go."""
    callback = turn.part("callbacks").get(event.callback_id)
    if callback is None or not callback.is_open:
        raise CommandRefused("no_such_callback", "There is no such callback (any more).")
    _over(turn, callback, "withdrawn", event.reason, event.by)


def _over(turn: Turn, callback: Callback, result: str, reason: str, by: str = "system") -> None:
    """It ends without a conversation."""
    _tell_end(turn, callback, result, reason, by)
    _take_out(turn, callback)
    has_call = callback.stage is not Stage.WAITING
    if has_call:
        _release(turn, callback, result)
    turn.decide(DropCallback(callback.callback_id, callback.present_id if has_call else None))
    _forget(turn, callback)


def _tell_end(turn: Turn, callback: Callback, result: str, reason: str, by: str) -> None:
    turn.publish(
        cb.CallbackEnded(
            at=turn.now,
            call_id=callback.callback_id,
            queue=callback.queue,
            result=result,
            reason=reason,
            by=by,
            attempts=callback.attempts,
            wait_time=max(turn.now - callback.requested_at, timedelta(0)),
        )
    )


def _release(turn: Turn, callback: Callback, reason: str, penalty: str = "") -> None:
    """Whoever is reserved for it is free; who speaks already is so when his leg ends."""
    for agent in turn.agents_in(callback.present_id):
        if agent.state is not S.RESERVED:
            continue
        if penalty:
            turn.release(agent, reason, penalty, missed=0 if penalty == RONA else agent.missed)
        else:
            free(turn, agent, reason)


def _forget(turn: Turn, callback: Callback) -> None:
    del turn.own("callbacks")[callback.callback_id]
    claims = turn.own("callback_claims")
    if callback.callback_id in claims:
        del claims[callback.callback_id]
    if callback.present_id in turn.part("attempts"):
        del turn.own("attempts")[callback.present_id]


def _put(turn: Turn, callback: Callback) -> Callback:
    turn.own("callbacks")[callback.callback_id] = callback
    return callback


# ---- the line ----------------------------------------------------------------------------------


def _line_up(turn: Turn, callback: Callback) -> None:
    """Stand in the line, unless it isn't time."""
    is_time = turn.now >= callback.due_at and rules_of(turn, callback.queue).is_open(turn.now)
    if callback.stage is not Stage.WAITING or not is_time:
        return
    if turn.entry(callback.next_id) is None:
        turn.own("attempts")[callback.next_id] = callback.callback_id
        turn.own("claims")[callback.next_id] = turn.part("callback_claims")[callback.callback_id]
        is_strict = turn.configuration.is_strict
        turn.put_entry(replace(entry_for(callback), is_strict=is_strict), is_new=True)


def _take_out(turn: Turn, callback: Callback) -> None:
    for call_id in (callback.next_id, callback.present_id):
        entry = turn.entry(call_id)
        if entry is not None and entry.is_callback:
            turn.drop_entry(entry)
            turn.put_claim(call_id, None)
    if callback.next_id in turn.part("attempts"):
        del turn.own("attempts")[callback.next_id]


def tend(turn: Turn) -> None:
    """Time passed: who expires, whose turn may come, and who is outside of the hours."""
    if not turn.part("callbacks"):
        return
    is_open: dict[QueueName, bool] = {}
    for callback in list(turn.part("callbacks").values()):
        if callback.stage is not Stage.WAITING:
            continue
        queue = callback.queue
        if queue not in is_open:
            is_open[queue] = rules_of(turn, queue).is_open(turn.now)
        if turn.now >= callback.expires_at:
            _over(turn, callback, "expired", "time")
        elif not is_open[queue]:
            _take_out(turn, callback)
        else:
            _line_up(turn, callback)


# ---- its turn ----------------------------------------------------------------------------------


def reserved(turn: Turn, entry: QueueEntry, agent: Agent, reserve: Reserve) -> None:
    """The matcher chose an agent: his phone is called, at most as long as it may ring."""
    callback = of_call(turn, entry.call_id)
    if callback is None:
        return
    serial, agent_id = callback.serial + 1, agent.agent_id
    callback = _put(turn, replace(callback, stage=Stage.RESERVED, serial=serial, agent_id=agent_id))
    if entry.queue in turn.shares:
        turn.shares[entry.queue] -= 1
    turn.publish(
        cb.CallbackAttempted(
            at=turn.now,
            call_id=entry.call_id,
            callback_id=callback.callback_id,
            agent_id=agent.agent_id,
            endpoint=reserve.endpoint,
            queue=entry.queue,
            serial=callback.serial,
            attempt=callback.attempts + 1,
            requested_at=callback.requested_at,
            enqueued_at=callback.enqueued_at,
            number=callback.number,
        )
    )
    turn.decide(CallBack(reserve, callback.callback_id, callback.number))


def not_taken(turn: Turn, agent: Agent, entry: QueueEntry, reason: str) -> None:
    """The agent's phone didn't take the call, or it could not be sent: somebody else is asked.

    The customer wasn't called, and doesn't know of it.
    """
    callback = of_call(turn, entry.call_id)
    if callback is None:
        return
    penalty, missed = "", agent.missed
    if reason == "agent":
        missed = tell_missed(turn, agent, entry, "no_answer")
        penalty = rona(turn, entry, missed)
    turn.release(agent, reason, penalty, missed=0 if penalty else missed)
    tried = {**callback.tried, agent.agent_id: turn.now}
    pause_time = timedelta(0) if reason == "agent" else turn.limits.retry_time
    _postpone(turn, replace(callback, tried=tried), reason, pause_time)


def _postpone(turn: Turn, callback: Callback, reason: str, pause_time: timedelta) -> None:
    """This call led to nothing; a later one has a new id, so that nothing of this one is taken for it."""
    _take_out(turn, callback)
    turn.decide(DropCallback(callback.callback_id, callback.present_id))
    attempts = turn.own("attempts")
    if callback.present_id in attempts:
        del attempts[callback.present_id]
    due_at = turn.now + pause_time
    waiting = replace(callback, stage=Stage.WAITING, agent_id=None, due_at=due_at, failure="")
    waiting = _put(turn, waiting)
    turn.publish(
        cb.CallbackPostponed(
            at=turn.now,
            call_id=callback.callback_id,
            queue=callback.queue,
            serial=callback.serial,
            attempts=callback.attempts,
            due_at=due_at,
            reason=reason,
        )
    )
    turn.wake(due_at, None)
    _line_up(turn, waiting)


# ---- what the switch says of its call ----------------------------------------------------------


def follow(turn: Turn, event: ev.CallEvent) -> None:
    """A call that is made for a callback went on; told after agents and legs know of it."""
    if not turn.part("attempts"):
        return
    callback = of_call(turn, event.call_id)
    if callback is None:
        return
    match event:
        case ev.CallOffered() if callback.stage in (Stage.RESERVED, Stage.UNSURE):
            _dialling(turn, callback)
        case ev.CallConnected() if callback.is_open:
            _answered(turn, callback)
        case ev.DialFailed() if callback.stage is Stage.DIALLING:
            _put(turn, replace(callback, failure=event.result))
        case ev.CallEnded() if callback.stage is Stage.TALKING:
            turn.decide(DropCallback(callback.callback_id, None))
            _forget(turn, callback)
        case ev.CallEnded(ended_by="unknown") if callback.stage is Stage.DIALLING:
            _lost(turn, callback)  # we weren't there: they may have spoken
        case ev.CallEnded() if callback.stage is Stage.DIALLING:
            _failed(turn, callback, callback.failure or "no_answer")


def _dialling(turn: Turn, callback: Callback) -> Callback:
    _take_out(turn, callback)
    dialling = replace(callback, stage=Stage.DIALLING, attempts=callback.attempts + 1)
    return _put(turn, dialling)


def _answered(turn: Turn, callback: Callback) -> None:
    """They speak: it is done. The notes afterwards are as long as after any call of this queue."""
    if callback.stage is not Stage.DIALLING:
        callback = _dialling(turn, callback)
    _put(turn, replace(callback, stage=Stage.TALKING))
    _tell_end(turn, callback, "done", "", "system")
    for agent in turn.agents_in(callback.present_id):
        if agent.call_id == callback.present_id:
            turn.put_agent(replace(agent, queue=callback.queue, missed=0))


def _failed(turn: Turn, callback: Callback, reason: str) -> None:
    """The customer was called in vain."""
    rules = rules_of(turn, callback.queue)
    pause_time = rules.pause_after(callback.attempts)
    is_last = callback.attempts >= rules.attempts
    if is_last or turn.now + pause_time >= callback.expires_at:
        _over(turn, callback, "expired", reason)
    else:
        _postpone(turn, callback, reason, pause_time)


def end_stray(turn: Turn, event: ev.CallOffered) -> None:
    """A call that begins although its callback isn't served by it any more: it is ended."""
    if event.direction == "outbound" and is_attempt(event.call_id):
        callback = of_call(turn, event.call_id)
        if callback is None or callback.present_id != event.call_id:
            turn.decide(DropCallback(None, event.call_id))


# ---- after a loss ------------------------------------------------------------------------------


def restored(turn: Turn, known: Iterable[KnownCallback]) -> None:
    """Take up what stood before the last start. What had been begun is looked up when the switch can be asked."""
    for found in known:
        callback = _begin(turn, found.request, found.key)
        if found.postponed is not None:
            told = found.postponed
            callback = replace(
                callback, serial=told.serial, attempts=told.attempts, due_at=told.due_at
            )
        if found.attempted is not None:
            begun = found.attempted
            callback = replace(
                callback, serial=begun.serial, stage=Stage.UNSURE, agent_id=begun.agent_id
            )
            turn.own("attempts")[callback.present_id] = callback.callback_id
        turn.wake(callback.due_at, None)
        _line_up(turn, _put(turn, callback))


def linked(turn: Turn, live: dict[CallId, Call]) -> None:
    """The link is up: calls that were under way are there, or are asked for."""
    for callback in list(turn.part("callbacks").values()):
        call = live.get(callback.present_id)
        if callback.stage is Stage.WAITING:
            continue
        if callback.stage is Stage.TALKING:
            if call is None:
                _forget(turn, callback)
        elif call is None:
            _lost(turn, callback)
        elif call.up_leg is not None or call.state not in (CallState.OFFERED, CallState.RINGING):
            _answered(turn, callback)
        elif callback.stage is not Stage.DIALLING:
            _dialling(turn, callback)


def _lost(turn: Turn, callback: Callback) -> None:
    """Its call isn't there: whether it came to anything is looked up, unless the customer can't have been called."""
    agent, entry = turn.agent(callback.agent_id), turn.entry(callback.present_id)
    if callback.stage is Stage.RESERVED and agent is not None and entry is not None:
        not_taken(turn, agent, entry, "not_sent")
        return
    is_counted = callback.stage is Stage.DIALLING
    attempts = callback.attempts - 1 if is_counted else callback.attempts
    _put(turn, replace(callback, stage=Stage.UNSURE, attempts=attempts))
    turn.decide(FindCallback(callback.callback_id, callback.present_id))


def found(turn: Turn, event: CallbackFound) -> None:
    """The switch remembers whether the customer answered the call of which we have lost sight."""
    callback = turn.part("callbacks").get(event.callback_id)
    if callback is None or callback.stage is not Stage.UNSURE:
        return
    if callback.present_id != event.attempt_id:
        return
    if event.was_answered:
        _tell_end(turn, callback, "done", "", "system")
        turn.decide(DropCallback(callback.callback_id, None))
        _forget(turn, callback)
    else:
        _failed(turn, replace(callback, attempts=callback.attempts + 1), "unknown")


def phone_back(turn: Turn, agent: Agent, state: str) -> None:
    """The phone of an agent who is called for a callback: it rings, and is silent again though he didn't take it."""
    if agent.state is not S.RESERVED or of_call(turn, agent.call_id) is None:
        return
    if state == "ringing":
        turn.put_agent(replace(agent, has_rung=True))
    elif state == "idle" and agent.has_rung:
        deadline_at = turn.now + turn.limits.result_time
        turn.put_agent(replace(agent, deadline_at=deadline_at))
