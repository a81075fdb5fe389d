"""The states of an agent and the one table that says which may follow which.

Rules for this file:

* Everything that decides which state an agent may go to lives here, in ``AGENT_TRANSITIONS``; nobody
  else assigns a state.
* It doesn't know why a trigger is pulled; that is ``callers.py``'s and ``agents.py``'s business.
* A trigger that the table doesn't know in a state is one clear error (``IllegalTransition``).

Theory of operation. An agent signs in with one phone and is then READY or NOT_READY. The ACD reserves a READY agent
for one caller (RESERVED), Asterisk begins to call his phone (RINGING), they speak (TALKING), he finishes his
notes (WRAP_UP). Each busy state can end in any state of rest, since the agent may have asked
for another one while he was busy (``Agent.next_state``): READY or LOGGED_OUT or NOT_READY with a reason.
DIAL and CONNECT are facts told by Asterisk and are therefore known in every state in which a phone is
signed in: colleagues dial each other, Asterisk's own fallback Queue() rings members on its own account, and a pause may
cross a ring. TALKING begins with the dialling where the agent himself dials. A further call of an agent who is TALKING
changes nothing here; when the one he is in ends, he is TALKING or RINGING (RING_ON) for the other. RESERVE is the matcher's
for who is READY, and somebody's hand's (``hands.py``) for who is away or in his notes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from cti.domain.errors import IllegalTransition


class AgentState(enum.Enum):
    """What an agent is doing."""

    __hash__ = object.__hash__  # of members, which are single; the usual one is written in Python

    LOGGED_OUT = "LOGGED_OUT"
    READY = "READY"
    RESERVED = "RESERVED"  # chosen for a caller, phone not yet called
    RINGING = "RINGING"  # Asterisk calls the phone
    TALKING = "TALKING"
    WRAP_UP = "WRAP_UP"  # after-call work
    NOT_READY = "NOT_READY"  # away, with a reason


class Trigger(enum.Enum):
    """What moves an agent from one state to the next."""

    __hash__ = object.__hash__

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    READY = "ready"  # the agent said so
    PAUSE = "pause"  # away: the agent's wish, or the system's (RONA…)
    RESERVE = "reserve"
    DIAL = "dial"
    CONNECT = "connect"
    REJOIN = "rejoin"  # his phone is called again for the caller he talks with
    RING_ON = "ring_on"  # his call is over, another one rings already
    WRAP_UP = "wrap_up"
    RELEASE = "release"  # free again


S, T = AgentState, Trigger
_REST = {T.SIGN_OUT: S.LOGGED_OUT, T.PAUSE: S.NOT_READY}
_FACTS = {T.DIAL: S.RINGING, T.CONNECT: S.TALKING}

AGENT_TRANSITIONS: Mapping[AgentState, Mapping[Trigger, AgentState]] = MappingProxyType(
    {
        S.LOGGED_OUT: {T.SIGN_IN: S.NOT_READY},
        S.NOT_READY: {**_REST, **_FACTS, T.READY: S.READY, T.RESERVE: S.RESERVED},
        S.READY: {**_REST, **_FACTS, T.RESERVE: S.RESERVED},
        S.RESERVED: {
            **_REST,
            **_FACTS,
            T.RING_ON: S.RINGING,
            T.WRAP_UP: S.WRAP_UP,  # by somebody's hand, in vain, while he wrote his notes
            T.RELEASE: S.READY,
        },
        S.RINGING: {
            **_REST,
            **_FACTS,
            T.RING_ON: S.RINGING,
            T.WRAP_UP: S.WRAP_UP,  # rung in vain while he wrote his notes
            T.RELEASE: S.READY,
        },
        S.TALKING: {
            **_REST,
            T.REJOIN: S.TALKING,
            T.RING_ON: S.RINGING,
            T.CONNECT: S.TALKING,
            T.WRAP_UP: S.WRAP_UP,
            T.RELEASE: S.READY,
        },
        S.WRAP_UP: {
            **_REST,
            **_FACTS,
            T.WRAP_UP: S.WRAP_UP,  # of the call before, which had been put off
            T.READY: S.READY,
            T.RELEASE: S.READY,
            T.RESERVE: S.RESERVED,
        },
    }
)

BUSY = frozenset({S.RESERVED, S.RINGING, S.TALKING})
"""States with a caller: what the agent asks for takes effect afterwards."""

SIGNED_IN = "signed_in"
RONA = "rona"
DECLINED = "declined"
PHONE_LOST = "phone_lost"
SYSTEM_REASONS = frozenset({SIGNED_IN, RONA, DECLINED, PHONE_LOST})
"""Reasons for NOT_READY that the system gives; agents can't choose them."""


def next_state(state: AgentState, trigger: Trigger) -> AgentState:
    """Look a trigger up in the table.

    Raises:
        IllegalTransition: the table doesn't know this trigger in this state.
    """
    try:
        return AGENT_TRANSITIONS[state][trigger]
    except KeyError:
        raise IllegalTransition("agent", state.name, trigger.name) from None
