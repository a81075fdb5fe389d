"""Passwords: Argon2id, off the event loop, and never more at once than the machine can bear.

Parameters are the OWASP minimum (19 MiB, t=2, p=1). A hash takes tens of milliseconds of CPU, so it
runs on two threads of its own; a queue of more than ``MAX_WAITING`` is refused instead of
grown, which also bounds the memory that a flood of sign-ins can take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_WAITING = 64
T = TypeVar("T")


class TooBusy(Exception):
    """More sign-ins wait than can be checked in reasonable time."""


class Passwords:
    """Hashes and checks passwords on worker threads. Close it."""

    def __init__(self, threads: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._waiting = 0
        # What an unknown login is checked against, so that it takes as long as a known one.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """A new hash, with parameters and salt in it.

        Raises:
            TooBusy: too many wait already.
        """
        return await self._run(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of this hash; None (nobody) takes as long and says no.

        Raises:
            TooBusy: too many wait already.
        """
        is_right = await self._run(self._check, password_hash or self._nobody, password)
        return is_right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with older parameters and should be made anew."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _check(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1
