"""Signing in and out: who may enter, and the opaque tokens that remember it.

A token has 256 random bits; the database holds its SHA-256 only. Signing in always makes a new
session and ends the one that the browser brought (nobody can be made to use a session that somebody else
prepared). An unknown login, a wrong password and a deactivated person get the same answer after the same time.
Whoever holds an open socket for a session asks to be told of its end (``on_end``).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cti.domain.events import SecurityNoted
from cti.domain.ids import AgentId
from cti.domain.people import User
from cti.ports import Accounts, Clock, EventBus, Session, Sessions
from cti.web.limiter import AttemptLimiter
from cti.web.passwords import Passwords, TooBusy
from cti.web.routing import ApiError, SignedIn

log = structlog.get_logger(__name__)

_TOUCH_TIME = timedelta(seconds=60)
_LONGEST_TIME = timedelta(days=7)  # however busy: then the password is asked again

WRONG = ApiError(401, "wrong_credentials", "Login or password is wrong.")


def token_hash(token: str) -> str:
    """What the database holds of a token. Tokens are random, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class NewSession:
    """A fresh session; the only time that the token itself is known here."""

    token: str
    who: SignedIn


class SignInDesk:
    """Checks passwords and sessions."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        passwords: Passwords,
        clock: Clock,
        bus: EventBus,
        idle_time: timedelta,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock
        self._bus = bus
        self._idle_time = idle_time
        self._by_person = AttemptLimiter(free_attempts=5)
        self._by_address = AttemptLimiter(free_attempts=50)
        self._ended: list[Callable[[str], None]] = []

    async def sign_in(self, login: str, password: str, address: str, old_token: str) -> NewSession:
        """Make a session.

        Raises:
            ApiError: 401 wrong, 429 too many attempts, 503 too many sign-ins at once.
        """
        person_key = f"{address} {login}"
        self._check_limits(person_key, address)
        user = await self._accounts.by_login(login)
        stored = await self._accounts.password_hash(user.user_id) if user else None
        try:
            is_right = await self._passwords.matches(stored, password)
        except TooBusy as exc:
            raise ApiError(
                503, "busy", "Too many people sign in right now; try again.", {"Retry-After": "2"}
            ) from exc
        if user is None or not user.is_active or not is_right:
            self._note_failure(person_key, address, user)
            raise WRONG
        self._by_person.succeeded(person_key)
        if stored and self._passwords.is_outdated(stored):
            await self._accounts.save(user, await self._passwords.hash(password))
        if old_token:
            await self.sign_out(token_hash(old_token))
        return await self._open(user)

    async def find(self, token: str) -> SignedIn | None:
        """Who holds this token; None for unknown, expired or deactivated."""
        if not token or len(token) > 128:
            return None
        session = await self._sessions.find(token_hash(token))
        if session is None:
            return None
        now = self._clock.now()
        if not self._is_valid(session, now):
            await self.sign_out(session.token_hash)
            return None
        user = await self._accounts.by_id(session.user_id)
        if user is None or not user.is_active:
            return None
        if now - session.last_seen_at > _TOUCH_TIME:
            await self._sessions.touch(session.token_hash, now, now + self._idle_time)
        return SignedIn(user, session)

    async def is_alive(self, hashed: str) -> bool:
        """Whether a session that an open socket belongs to still counts; using the socket keeps it.

        While the database is away nobody is signed out: agents work on.
        """
        try:
            return await self._is_alive(hashed)
        except OSError as exc:
            log.warning("sign-in: sessions can't be read", error=type(exc.__cause__).__name__)
            return True

    async def _is_alive(self, hashed: str) -> bool:
        session = await self._sessions.find(hashed)
        now = self._clock.now()
        if session is None or not self._is_valid(session, now):
            return False
        user = await self._accounts.by_id(session.user_id)
        if user is None or not user.is_active:
            return False
        if now - session.last_seen_at > _TOUCH_TIME:
            await self._sessions.touch(hashed, now, now + self._idle_time)
        return True

    async def sign_out(self, hashed: str) -> None:
        """End a session; whoever asked is told at once."""
        await self._sessions.remove(hashed)
        for listener in list(self._ended):
            listener(hashed)

    def on_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Be told the token hash of each session that ends; returns the way to be told no more."""
        self._ended.append(listener)
        return lambda: self._ended.remove(listener)

    def note(self, what: str, by: str = "", detail: str = "") -> None:
        """Write something into the record for security officers."""
        self._bus.publish(SecurityNoted(at=self._clock.now(), what=what, by=by, detail=detail))

    def _is_valid(self, session: Session, now: datetime) -> bool:
        return now < session.expires_at and now < session.created_at + _LONGEST_TIME

    def _check_limits(self, person_key: str, address: str) -> None:
        now = self._clock.monotonic()
        wait = max(
            self._by_person.wait_time(person_key, now), self._by_address.wait_time(address, now)
        )
        if wait > 0:
            seconds = int(wait) + 1
            raise ApiError(
                429,
                "too_many_attempts",
                f"Too many attempts; try again in {seconds} seconds.",
                {"Retry-After": str(seconds)},
            )

    def _note_failure(self, person_key: str, address: str, user: User | None) -> None:
        now = self._clock.monotonic()
        self._by_person.failed(person_key, now)
        self._by_address.failed(address, now)
        # What was typed as the login may be a password: only known people are named.
        self.note("sign_in_refused", by=user.user_id if user else AgentId(""), detail=address)
        log.info("sign-in refused", is_known=user is not None)

    async def _open(self, user: User) -> NewSession:
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        session = Session(
            token_hash=token_hash(token),
            user_id=user.user_id,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._idle_time,
        )
        await self._sessions.add(session)
        return NewSession(token, SignedIn(user, session))
