"""What agents ask for, and what time does to them and to waiting callers.

What is asked for in a call is remembered, shown (``next_state``) and takes effect when the call ends, without
wrap-up: whoever names a state has said what comes next. A command that can't be carried out is
refused (``CommandRefused``) and changes nothing.
"""

from __future__ import annotations

from datetime import timedelta

from acd import announcing, callbacks, groups, hotdesks
from acd.breaks import overstay
from acd.callers import end, put_fallback, rejoin
from acd.decisions import (
    NOT_SENT,
    Due,
    ExtendWrapUp,
    OfferRefused,
    PhoneReady,
    RejoinRefused,
    SayNotReady,
    SayReady,
    SignIn,
    SignOut,
    WithdrawOffer,
)
from acd.doubts import settle_doubts
from acd.facts import Agent, Phase, QueueEntry
from acd.outcomes import end_wrap_up, is_held
from acd.parties import free, give_up
from acd.states import BUSY, PHONE_LOST, SIGNED_IN, SYSTEM_REASONS, AgentState, Trigger
from acd.turn import Turn
from cti.domain.errors import CommandRefused
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, is_outside_phone

S, T = AgentState, Trigger


def sign_in(turn: Turn, event: SignIn) -> None:
    """Take a seat; NOT_READY until the agent says otherwise. Again at the same phone: nothing changes."""
    agent = _known(turn, event.agent_id)
    if is_outside_phone(event.endpoint) is not bool(event.outside_number):
        raise CommandRefused("not_your_phone", "A phone outside is named by its number.")
    if not hotdesks.is_allowed(turn, agent, event.endpoint):
        raise CommandRefused("not_your_phone", "Sign in with one of your own phones.")
    is_there = (agent.endpoint, agent.outside_number) == (event.endpoint, event.outside_number)
    if agent.state in BUSY and not is_there:
        raise CommandRefused("busy", "Finish the call before you change the phone.")
    hotdesks.clear(turn, agent, event.endpoint)
    seated = replace(agent, endpoint=event.endpoint, outside_number=event.outside_number)
    if agent.state is S.LOGGED_OUT:
        turn.move(seated, T.SIGN_IN, reason=SIGNED_IN, by="agent")
    elif not is_there:
        turn.put_agent(seated)


def sign_out(turn: Turn, event: SignOut) -> None:
    """Leave; signed out already: nothing changes."""
    agent = _known(turn, event.agent_id)
    if agent.state in BUSY:
        turn.put_agent(replace(agent, next_state=S.LOGGED_OUT, next_reason=""))
    elif agent.state is not S.LOGGED_OUT:
        turn.move(agent, T.SIGN_OUT, by="agent")


def say_ready(turn: Turn, event: SayReady) -> None:
    """Take calls. A phone that isn't there yet is no reason to refuse: no call is offered until it is."""
    agent = _signed_in(turn, event.agent_id)
    if agent.state in BUSY:
        asked = replace(agent, next_state=S.READY, next_reason="", away_time=timedelta(0))
        turn.put_agent(replace(asked, ready_said_at=turn.now))
    elif agent.state is S.WRAP_UP and is_held(turn, agent):
        asked = replace(agent, next_state=S.READY, next_reason="", missed=0)
        end_wrap_up(turn, replace(asked, ready_said_at=turn.now))
    elif agent.state is not S.READY:
        turn.move(agent, T.READY, by="agent", missed=0, ready_said_at=turn.now)


def say_not_ready(turn: Turn, event: SayNotReady) -> None:
    """Take a break."""
    agent = _signed_in(turn, event.agent_id)
    known = turn.configuration.reasons
    if not event.reason or event.reason in SYSTEM_REASONS or (known and event.reason not in known):
        raise CommandRefused("no_such_reason", "Choose one of the reasons of the company.")
    asked = replace(agent, next_state=S.NOT_READY, next_reason=event.reason)
    if agent.state in BUSY:
        turn.put_agent(replace(asked, away_time=timedelta(0)))
    elif agent.state is S.WRAP_UP and is_held(turn, agent):
        end_wrap_up(turn, asked)
    elif (agent.state, agent.reason) != (S.NOT_READY, event.reason):
        turn.move(agent, T.PAUSE, reason=event.reason, by="agent")


def extend_wrap_up(turn: Turn, event: ExtendWrapUp) -> None:
    """One more minute, as often as the company allows; a wrap-up without a limit stays without one."""
    agent = _signed_in(turn, event.agent_id)
    if agent.state is not S.WRAP_UP:
        raise CommandRefused("not_in_wrap_up", "There is no wrap-up that could be extended.")
    if agent.deadline_at is None:
        return
    most = turn.configuration.extensions
    if most is not None and agent.extended >= most:
        raise CommandRefused("no_more_time", "This wrap-up can't be extended any more.")
    deadline_at = agent.deadline_at + turn.limits.extension_time
    turn.put_agent(replace(agent, deadline_at=deadline_at, extended=agent.extended + 1))


def phone_ready(turn: Turn, event: PhoneReady) -> None:
    """The page was reloaded in a call: the phone is back, the call isn't."""
    agent = turn.agent(event.agent_id)
    if agent is not None:
        rejoin(turn, agent)


def offer_refused(turn: Turn, event: OfferRefused) -> None:
    """The switch didn't take the offer: the caller is gone, or not where we thought."""
    entry, is_group = turn.entry(event.call_id), event.agent_id is None
    meant = [a for a in turn.agents_in(event.call_id) if is_group or a.agent_id == event.agent_id]
    chosen = [a for a in meant if a.state is S.RESERVED and a.since_at == event.chosen_at]
    if chosen and entry is not None and entry.is_callback:
        callbacks.not_taken(turn, chosen[0], entry, "not_sent")
        return
    for agent in chosen:
        turn.release(agent, event.reason)
    if not chosen or entry is None or entry.is_group is not is_group:
        return
    if entry.agent_id != event.agent_id:
        return
    if event.reason == NOT_SENT:
        # Nobody is to blame, and nobody could be offered either: all keep their places for a moment.
        turn.put_entry(replace(entry, phase=Phase.WAITING, agent_id=None, group_at=None))
        wait_for_switch(turn)
        return
    is_gone = event.reason == "no_such_call"
    if is_gone and entry.refusals:
        end(turn, entry)  # twice, a retry_time apart: his CallEnded was lost
        return
    refusals = entry.refusals + 1 if is_gone else entry.refusals
    untried = replace(entry, agent_id=None, refusals=refusals)  # the agent is not to blame
    give_up(turn, untried, turn.limits.retry_time)


def wait_for_switch(turn: Turn) -> None:
    """Match nobody for a moment: what we would command now could not be sent, or would be out of date."""
    from_at, hold = turn.now + turn.limits.stall_time, turn.part("hold")
    turn.set(hold=replace(hold, from_at=max(hold.from_at, from_at)))
    turn.wake(from_at, None)


def rejoin_refused(turn: Turn, event: RejoinRefused) -> None:
    """The switch didn't take the rejoin; the next sign of the phone tries again."""
    agent = turn.agent(event.agent_id)
    if agent is not None and agent.is_rejoining and agent.call_id == event.call_id:
        turn.put_agent(replace(agent, is_rejoining=False))


# ---- time --------------------------------------------------------------------------------------


def due(turn: Turn, event: Due) -> None:
    """Something of an agent's or a caller's time may be up."""
    if event.subject is None:
        settle_doubts(turn)
        callbacks.tend(turn)
    agent = turn.agent(AgentId(event.subject)) if event.subject is not None else None
    entry = turn.entry(CallId(event.subject)) if event.subject is not None else None
    if agent is not None:
        turn.weigh(agent)
        overstay(turn, agent)
        if agent.state is S.WRAP_UP and agent.overrun_at is not None:
            end_wrap_up(turn, agent)
        if agent.deadline_at is not None and turn.now >= agent.deadline_at:
            _overdue(turn, agent)
    if entry is not None:
        _entry_due(turn, entry)


def _overdue(turn: Turn, agent: Agent) -> None:
    entry = turn.entry(agent.call_id)
    if agent.state is S.WRAP_UP:
        end_wrap_up(turn, agent)
    elif agent.is_call_over:
        free(turn, agent, "caller_gone")
    elif agent.state is S.RESERVED and entry is not None and entry.is_callback:
        callbacks.not_taken(turn, agent, entry, "agent")
    elif agent.state is S.RESERVED:
        _fruitless(turn, agent, entry, "not_dialled")
    elif agent.state is S.RINGING:
        if agent.is_leg_ended:
            _fruitless(turn, agent, entry, "leg_ended")
        else:
            _fruitless(turn, agent, entry, "no_result")
            is_offered = entry is not None and entry.phase is Phase.OFFERED
            if entry is not None and is_offered and not groups.members(turn, entry):
                turn.decide(WithdrawOffer(entry.call_id))
    elif agent.state is S.TALKING:
        _talk_overdue(turn, agent)


def _talk_overdue(turn: Turn, agent: Agent) -> None:
    if agent.is_leg_lost or (agent.is_rejoining and agent.is_leg_ended):
        gap_time = turn.configuration.rules(agent.queue).gap_time
        turn.rest(agent, PHONE_LOST, available_at=turn.now + gap_time)
    elif agent.is_leg_ended:
        free(turn, agent, "leg_ended")
    else:  # a rejoin that never came to be: he still talks
        turn.put_agent(replace(agent, is_rejoining=False, deadline_at=None))


def _fruitless(turn: Turn, agent: Agent, entry: QueueEntry | None, reason: str) -> None:
    """A reservation came to its limit: agent and caller go on without each other."""
    if entry is not None and entry.is_group:
        groups.leave(turn, agent, entry, reason)
        return
    if entry is not None and entry.phase is Phase.OFFERED:
        give_up(turn, entry, turn.limits.retry_time)
    elif entry is not None and entry.agent_id == agent.agent_id:
        turn.put_entry(replace(entry, agent_id=None))
    gap_time = turn.configuration.rules(agent.queue).gap_time
    turn.release(agent, reason, available_at=turn.now + gap_time)


def _entry_due(turn: Turn, entry: QueueEntry) -> None:
    if entry.phase is Phase.FALLBACK:
        if entry.take_back_at is not None and turn.now >= entry.take_back_at:
            put_fallback(turn, replace(entry, agent_id=entry.agent_id))
        return
    announcing.due(turn, entry)


def _known(turn: Turn, agent_id: AgentId) -> Agent:
    agent = turn.agent(agent_id)
    if agent is None:
        raise CommandRefused("no_such_agent", "This account doesn't take calls.")
    return agent


def _signed_in(turn: Turn, agent_id: AgentId) -> Agent:
    agent = _known(turn, agent_id)
    if agent.state is S.LOGGED_OUT:
        raise CommandRefused("signed_out", "Sign in with a phone first.")
    return agent
