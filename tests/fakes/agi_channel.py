"""The keypad side of an AGI channel in memory: what ``cti.asterisk.session.AgiSession`` offers the menus.

Keys are pressed as soon as something listens for them. As in Asterisk a key during a prompt that doesn't name it is lost,
a missing file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cti.asterisk.session import CallerGone
from cti.domain.errors import CommandRefused


class FakeAgiChannel:
    """An ``AgiChannel`` of ``ivr/adapters/agi.py``."""

    def __init__(self, keys: str = "") -> None:
        self.keys = keys
        self.played: list[str] = []
        self.leases: list[timedelta] = []
        self.variables: dict[str, str] = {}
        self.missing: set[str] = set()
        self.is_gone = False
        self.recorded: list[tuple[str, timedelta, timedelta]] = []
        self.messages: list[timedelta] = []
        self.hangs_up_in_message = False

    async def stream_file(
        self, name: str, escape_digits: str = "", *, play_time: timedelta = timedelta(0)
    ) -> str:
        await self.renew_lease(play_time)
        if name in self.missing:
            raise CommandRefused("refused", "no such file")
        self.played.append(name)
        key, self.keys = self.keys[:1], self.keys[1:]
        return key if key and key in escape_digits else ""

    async def wait_for_digit(self, wait_time: timedelta) -> str:
        await self.renew_lease(wait_time)
        key, self.keys = self.keys[:1], self.keys[1:]
        return key

    async def get_data(
        self,
        name: str,
        *,
        wait_time: timedelta,
        max_digits: int,
        play_time: timedelta = timedelta(0),
    ) -> str:
        await self.renew_lease(play_time + wait_time * max_digits)
        if name in self.missing:
            raise CommandRefused("refused", "no such file")
        if name:
            self.played.append(name)
        typed = ""
        while self.keys and len(typed) < max_digits:
            key, self.keys = self.keys[0], self.keys[1:]
            if key == "#":
                break
            typed += key
        return typed

    async def record_file(
        self, path: str, *, max_time: timedelta, silence_time: timedelta
    ) -> tuple[timedelta, bool]:
        await self.renew_lease(max_time)
        self.recorded.append((path, max_time, silence_time))
        length_time = self.messages.pop(0) if self.messages else timedelta(0)
        return length_time, not self.hangs_up_in_message

    async def set_variable(self, name: str, value: str) -> None:
        self._still_there()
        self.variables[name] = value

    async def finish(self, values: Mapping[str, str]) -> None:
        await self.renew_lease(timedelta(0))
        for name, value in values.items():
            await self.set_variable(name, value)

    async def get_variable(self, name: str) -> str | None:
        self._still_there()
        return self.variables.get(name)

    async def renew_lease(self, takes: timedelta) -> None:
        self._still_there()
        self.leases.append(takes)

    def _still_there(self) -> None:
        if self.is_gone:
            raise CallerGone("the caller hung up")
