"""One open page, as the service sees it: a bounded line of messages towards it.

The service puts messages in and never waits; the WebSocket's writer takes them out. A page that doesn't read
is closed (4004) when too much has gathered, so that it costs the others nothing.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from typing import Any

import pydantic_core

MAX_MESSAGES = 512
MAX_CHARACTERS = 1_000_000


class CloseCode(enum.IntEnum):
    """Why a desktop's socket was closed (docs/desktop-protocol.md)."""

    GOING_AWAY = 1001
    TRY_LATER = 1013
    SIGNED_OUT = 4001
    FOREIGN_ORIGIN = 4002
    BAD_MESSAGE = 4003
    TOO_SLOW = 4004
    REPLACED = 4005


def to_json(value: Any) -> str:
    """Compact JSON."""
    return pydantic_core.to_json(value).decode()


class Connection:
    """Messages towards one page.

    ``browser`` is the same for pages that share a sign-in, ``page`` tells them apart; without both, nothing is known of
    the page.
    """

    def __init__(
        self,
        max_messages: int = MAX_MESSAGES,
        max_characters: int = MAX_CHARACTERS,
        *,
        browser: str = "",
        page: str = "",
    ) -> None:
        self._browser, self._page = browser, page
        self._max_messages = max_messages
        self._max_characters = max_characters
        self._waiting: deque[str | asyncio.Future[bool]] = deque()
        self._characters = 0
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self.close_code: CloseCode | None = None

    def put(self, message: dict[str, Any]) -> None:
        """Send a message, some time soon; nothing once closed."""
        if self.close_code is None:
            self.put_text(to_json(message))

    def put_text(self, text: str) -> None:
        """Send what is JSON already: a value that goes to many pages is written out once."""
        if self.close_code is not None:
            return
        self._characters += len(text)
        if len(self._waiting) >= self._max_messages or self._characters > self._max_characters:
            self.close(CloseCode.TOO_SLOW)
            return
        self._waiting.append(text)
        self._wake.set()

    def written(self) -> asyncio.Future[bool]:
        """Done when all messages put in so far are on the socket: True; False if it was closed before."""
        mark: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.close_code is not None:
            mark.set_result(False)
        else:
            self._waiting.append(mark)
            self._wake.set()
        return mark

    def close(self, code: CloseCode) -> None:
        """End it; what still waits is dropped."""
        if self.close_code is None:
            self.close_code = code
            self._closed.set()
        for item in self._waiting:
            if isinstance(item, asyncio.Future) and not item.done():
                item.set_result(False)
        self._waiting.clear()
        self._characters = 0
        self._wake.set()

    def stands_beside(self, other: Connection) -> bool:
        """Whether both are tabs of one browser, so that one needn't make room for the other."""
        is_told = bool(self._browser and self._page and other._page)
        return is_told and self._browser == other._browser and self._page != other._page

    async def closed(self) -> None:
        """Return when it was closed from our side."""
        await self._closed.wait()

    async def next_message(self) -> str | None:
        """The next message to write; None: close the socket with ``close_code``.

        Asking for the next says that the one before was written.
        """
        while True:
            if self.close_code is not None:
                return None
            while self._waiting:
                item = self._waiting.popleft()
                if isinstance(item, str):
                    self._characters -= len(item)
                    return item
                if not item.done():
                    item.set_result(True)
            self._wake.clear()
            await self._wake.wait()
