"""What the departments need from the outside world, as Protocols.

Each port has a real adapter and a fake that passes the same contract tests (``tests/contracts``).
Adapters live in ``cti/asterisk``, ``cti/storage``, ``cti/bus``, ``cti/web``; ``cti/bootstrap.py`` puts them together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cti.domain.events import Event
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName
from cti.domain.manners import PLAIN, Manner
from cti.domain.people import User
from cti.domain.targets import Target
from cti.domain.ways_out import OverflowWay

Listener = Callable[[Event], None]
Unsubscribe = Callable[[], None]


class Timer(Protocol):
    """Something that will happen, and can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has happened already."""


class Clock(Protocol):
    """Time, as an argument of the world: tests own it."""

    def now(self) -> datetime:
        """The wall clock, aware UTC; may step."""

    def monotonic(self) -> float:
        """Seconds that only go forward; for waiting and durations."""

    def call_later(self, delay: timedelta, callback: Callable[[], None]) -> Timer:
        """Call back once, after ``delay`` of monotonic time."""

    async def sleep(self, delay: timedelta) -> None:
        """Wait for monotonic time to pass."""


class EventBus(Protocol):
    """Tells everybody what happened, in the order in which it was published."""

    def publish(self, event: Event) -> None:
        """Tell all listeners. Never blocks; a listener that fails is logged and stops nobody."""

    def subscribe(self, listener: Listener, *kinds: type[Event]) -> Unsubscribe:
        """Be told of these kinds of events (and their subclasses); none named: all.

        The listener is called synchronously and must not block: slow reactions belong on a worker.
        """


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the journal holds it."""

    sequence: int
    event: Event


class Journal(Protocol):
    """The append-only record of every fact."""

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to commit failed; it is tried again until it succeeds."""

    def record(self, event: Event) -> int:
        """Take an event; returns its sequence number. It is on disk within 200 ms or after ``flush``."""

    async def flush(self) -> None:
        """Return when everything recorded so far is committed.

        Raises:
            OSError: it could not be written; nothing that depends on it may be acknowledged.
        """

    def read(self, *, after: int = 0, call_id: CallId | None = None) -> AsyncIterator[Recorded]:
        """Read back in order: all, or what names one call (its events, its agents' states, commands on it)."""


@dataclass(frozen=True, slots=True)
class QueueMirror:
    """What Asterisk's own fallback Queue() must know of one phone, should we be gone."""

    endpoint: Endpoint
    queues: tuple[QueueName, ...]
    is_paused: bool
    wrap_up_time: timedelta
    guest: str = ""  # whose extension rings there besides, while he sits at somebody else's phone
    is_seated: bool = True  # False: nobody sits there any more
    outside_number: str = field(default="", repr=False)  # at which a phone outside is called


class CallControl(Protocol):
    """Commands to the switch.

    Each returns when Asterisk took the command, which proves nothing: the result counts when
    the event comes that confirms it. All raise:

    Raises:
        CommandRefused: the call is gone or in the wrong state (``no_such_call``, ``wrong_state``, ``refused``).
        SwitchUnavailable: no link; nothing was sent and nothing will be.
    """

    async def offer(
        self, call_id: CallId, endpoint: Endpoint, ring_timeout: timedelta, manner: Manner = PLAIN
    ) -> None:
        """Send a waiting caller to ring a phone. Confirmed by LegDialled or CallNotAnswered."""

    async def offer_all(
        self, call_id: CallId, endpoints: Sequence[Endpoint], ring_timeout: timedelta
    ) -> None:
        """Send a waiting caller to ring several phones at once; who answers first has him.

        Confirmed by LegDialled for each that could be rung, or, when none takes him, by CallNotAnswered with the first.
        """

    async def withdraw_offer(self, call_id: CallId) -> None:
        """Stop ringing and let the caller wait on. Confirmed by CallEnqueued."""

    async def requeue(self, call_id: CallId) -> None:
        """Send a connected or held caller back to his queue, with his place. Confirmed by CallEnqueued."""

    async def rejoin(self, call_id: CallId, endpoint: Endpoint) -> None:
        """Call the agent's phone again for the caller who is held for him. Confirmed by CallConnected."""

    async def overflow(self, call_id: CallId, way: OverflowWay) -> None:
        """Take a waiting caller out of his queue by a rule. Confirmed by CallOverflowed."""

    async def announce(self, call_id: CallId) -> None:
        """Send a waiting caller on a short visit to ``agi://…/announce``; he comes back to wait."""

    async def send_away(self, call_id: CallId, target: Target) -> None:
        """Send a waiting caller out of his line: to a queue, a flow, a number outside. Confirmed by CallTransferred.

        Who doesn't wait any more when it is carried out waits again in his place (CallEnqueued).
        """

    async def hang_up(self, call_id: CallId) -> None:
        """End the call for everybody. Confirmed by CallEnded."""

    async def leave(self, call_id: CallId, endpoint: Endpoint) -> None:
        """End one phone's part in a call (its leg); the others talk on. Confirmed by LegEnded."""

    async def originate(self, endpoint: Endpoint, target: Target, command_id: str) -> None:
        """Call the agent's own phone, then the target: a colleague, queue, menu or number outside.

        Confirmed by CallOffered with this endpoint. ``command_id`` is carried along, so that nothing is dialled twice.
        """

    async def transfer(
        self, call_id: CallId, target: Target, sender: Endpoint | None = None
    ) -> None:
        """Send the caller on (blind): his agent is free at once. Confirmed by CallTransferred.

        ``sender`` is the phone to which he goes back when nobody takes him.
        """

    async def consult(self, call_id: CallId, endpoint: Endpoint, target: Target) -> None:
        """Put the caller on hold and let the agent speak with somebody else. Confirmed by ConsultStarted."""

    async def complete_consult(self, call_id: CallId) -> None:
        """Hand the caller over to the one consulted. Confirmed by ConsultEnded(completed) or CallTransferred."""

    async def cancel_consult(self, call_id: CallId) -> None:
        """End the consultation and take the caller back. Confirmed by ConsultEnded(cancelled), CallRetrieved."""

    async def join_consult(self, call_id: CallId) -> None:
        """Bring caller, agent and the one consulted together. Confirmed by PartyJoined."""

    async def add_party(self, call_id: CallId, target: Target) -> None:
        """Ring a colleague or a number outside and let him in when he answers. Confirmed by LegDialled(party)."""

    async def drop_party(self, call_id: CallId, endpoint: Endpoint) -> None:
        """Send one party out of a conference. Confirmed by PartyLeft or LegEnded."""

    async def park(self, call_id: CallId, slot: str, sender: Endpoint | None = None) -> None:
        """Let the caller wait in a numbered place. Confirmed by CallParked."""

    async def fetch(self, call_id: CallId, endpoint: Endpoint) -> None:
        """Ring a phone for a parked caller. Confirmed by LegDialled."""

    async def move(self, call_id: CallId, endpoint: Endpoint, to_endpoint: Endpoint) -> None:
        """Take the call over by another phone of the same agent. Confirmed by CallConnected with it."""

    async def send_digits(self, call_id: CallId, endpoint: Endpoint, digits: str) -> None:
        """Send DTMF to whoever speaks with this phone. Success is all that Asterisk tells."""

    async def answer(self, endpoint: Endpoint) -> None:
        """Ask a desk phone to go off the hook (SIP NOTIFY ``talk``). Confirmed by CallConnected, if it can."""

    async def decline(self, call_id: CallId, endpoint: Endpoint) -> None:
        """Stop ringing this phone, as if it had said that it is busy. Confirmed by LegEnded."""

    async def hold(self, call_id: CallId, endpoint: Endpoint | None = None) -> None:
        """Put the caller on hold with music. Confirmed by CallHeld.

        ``endpoint`` says who puts on hold where two phones of ours talk; none: the agent.
        """

    async def retrieve(self, call_id: CallId) -> None:
        """Take the caller back. Confirmed by CallRetrieved."""

    async def send_to_menu(self, call_id: CallId, endpoint: Endpoint, menu: str) -> None:
        """Send the caller into a menu of the company's; the agent at ``endpoint`` waits for him in silence.

        Confirmed by CallMenuBegan and CallHeld. When it is over, whatever becomes of us, they hear each other again
        (CallRetrieved), or, if the agent's leg is gone, the caller waits in his place (AgentLegLost, CallEnqueued).
        """

    async def fetch_back(self, call_id: CallId) -> None:
        """Break such a menu off. Confirmed by CallRetrieved."""

    async def mute(self, call_id: CallId, is_muted: bool) -> None:
        """Mute or open the agent's microphone towards the caller. Confirmed by LegMuted."""

    async def pause_recording(
        self, call_id: CallId, is_paused: bool, reason: str = "agent"
    ) -> None:
        """Write silence in place, or sound again; ``reason`` as in RecordingPaused, which confirms it."""

    async def take_back(self, call_id: CallId) -> None:
        """Withdraw a caller from the fallback Queue(). Confirmed by CallEnqueued (he may answer first)."""

    async def mirror(self, mirror: QueueMirror) -> None:
        """Tell the fallback Queue() who is there; no queues: the phone is signed out."""

    async def beat(self, count: int) -> None:
        """Renew the heartbeat that waiting callers watch."""


class Accounts(Protocol):
    """People and their passwords."""

    async def by_login(self, login: str) -> User | None:
        """The person with this login, active or not."""

    async def by_id(self, user_id: AgentId) -> User | None:
        """The person with this id."""

    async def all(self) -> Sequence[User]:
        """Everybody, by name."""

    async def password_hash(self, user_id: AgentId) -> str | None:
        """The Argon2id hash, or None where no password was set."""

    async def save(self, user: User, password_hash: str | None = None) -> None:
        """Add or change a person; a hash of None leaves the password as it is."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Only a hash of its token is stored."""

    token_hash: str
    user_id: AgentId
    csrf_token: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Sessions(Protocol):
    """Server-side sessions: opaque tokens, revocable."""

    async def add(self, session: Session) -> None:
        """Keep a new session."""

    async def find(self, token_hash: str) -> Session | None:
        """The session of a token's hash, expired or not."""

    async def touch(self, token_hash: str, last_seen_at: datetime, expires_at: datetime) -> None:
        """Note that it was used."""

    async def remove(self, token_hash: str) -> None:
        """Revoke one session."""

    async def remove_of(self, user_id: AgentId) -> None:
        """Revoke all sessions of a person."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """By which a program acts for a person. Only a hash of it is stored."""

    token_id: str  # names it to people; tells nothing of the token
    token_hash: str
    user_id: AgentId
    label: str
    created_at: datetime
    last_used_at: datetime | None = None


class ApiTokens(Protocol):
    """The tokens of programs, revocable."""

    async def add(self, token: ApiToken) -> None:
        """Keep a new token."""

    async def find(self, token_hash: str) -> ApiToken | None:
        """The token of this hash."""

    async def of(self, user_id: AgentId) -> Sequence[ApiToken]:
        """A person's tokens, oldest first."""

    async def used(self, token_id: str, at: datetime) -> None:
        """Note that it was used."""

    async def remove(self, user_id: AgentId, token_id: str) -> bool:
        """Revoke a token of a person; whether there was one."""
