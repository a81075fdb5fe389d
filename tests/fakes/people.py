"""Accounts and sessions in memory, and a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cti.domain.ids import AgentId
from cti.domain.people import User
from cti.ports import ApiToken, Session, Timer


class MemoryAccounts:
    """``cti.ports.Accounts`` in memory."""

    def __init__(self, *users: User) -> None:
        self._users = {user.user_id: user for user in users}
        self._hashes: dict[AgentId, str] = {}

    async def by_login(self, login: str) -> User | None:
        return next((u for u in self._users.values() if u.login == login), None)

    async def by_id(self, user_id: AgentId) -> User | None:
        return self._users.get(user_id)

    async def all(self) -> Sequence[User]:
        return sorted(self._users.values(), key=lambda user: user.name)

    async def password_hash(self, user_id: AgentId) -> str | None:
        return self._hashes.get(user_id)

    async def save(self, user: User, password_hash: str | None = None) -> None:
        self._users[user.user_id] = user
        if password_hash is not None:
            self._hashes[user.user_id] = password_hash


class MemorySessions:
    """``cti.ports.Sessions`` in memory."""

    def __init__(self) -> None:
        self.by_hash: dict[str, Session] = {}

    async def add(self, session: Session) -> None:
        self.by_hash[session.token_hash] = session

    async def find(self, token_hash: str) -> Session | None:
        return self.by_hash.get(token_hash)

    async def touch(self, token_hash: str, last_seen_at: datetime, expires_at: datetime) -> None:
        if (session := self.by_hash.get(token_hash)) is not None:
            self.by_hash[token_hash] = replace(
                session, last_seen_at=last_seen_at, expires_at=expires_at
            )

    async def remove(self, token_hash: str) -> None:
        self.by_hash.pop(token_hash, None)

    async def remove_of(self, user_id: AgentId) -> None:
        for session in list(self.by_hash.values()):
            if session.user_id == user_id:
                del self.by_hash[session.token_hash]


class MemoryApiTokens:
    """``cti.ports.ApiTokens`` in memory."""

    def __init__(self) -> None:
        self._tokens: dict[str, ApiToken] = {}

    async def add(self, token: ApiToken) -> None:
        self._tokens[token.token_id] = token

    async def find(self, token_hash: str) -> ApiToken | None:
        return next((t for t in self._tokens.values() if t.token_hash == token_hash), None)

    async def of(self, user_id: AgentId) -> Sequence[ApiToken]:
        return [token for token in self._tokens.values() if token.user_id == user_id]

    async def used(self, token_id: str, at: datetime) -> None:
        self._tokens[token_id] = replace(self._tokens[token_id], last_used_at=at)

    async def remove(self, user_id: AgentId, token_id: str) -> bool:
        token = self._tokens.get(token_id)
        if token is None or token.user_id != user_id:
            return False
        del self._tokens[token_id]
        return True


@dataclass
class _Due:
    at: float
    callback: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class HandClock:
    """``cti.ports.Clock`` that stands still until ``advance``."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._due: list[_Due] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def call_later(self, delay: timedelta, callback: Callable[[], None]) -> Timer:
        due = _Due(self._elapsed + delay.total_seconds(), callback)
        self._due.append(due)
        return due

    async def sleep(self, delay: timedelta) -> None:
        done = asyncio.Event()
        self.call_later(delay, done.set)
        await done.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due happens in order."""
        end = self._elapsed + seconds
        while ready := [d for d in self._due if d.at <= end and not d.is_cancelled]:
            first = min(ready, key=lambda d: d.at)
            self._due.remove(first)
            self._elapsed = max(self._elapsed, first.at)
            first.callback()
        self._elapsed = end
