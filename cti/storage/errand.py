"""One thread that does what the loop asks for, one errand after the other.

The standard library's way there and back (``run_in_executor``) makes two futures, a condition and four callbacks for each
errand, dearer than most of our statements; here it is one future and one callback.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Errands:
    """A thread of that name; begun at the making, it ends with ``end`` or with the process."""

    def __init__(self, name: str) -> None:
        self._asked: SimpleQueue[_Errand | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, work: Callable[[], T]) -> T:
        """Have it done, after what was asked for before; its value, or whatever it raised.

        Called off before its turn, it isn't done at all; later, it is done and nobody hears of it.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._asked.put((work, done, loop))
        return await done

    def end(self) -> None:
        """No more will be asked for; what was, is done yet."""
        self._asked.put(None)

    def _work(self) -> None:
        while (errand := self._asked.get()) is not None:
            work, done, loop = errand
            # Without reference to the errand or its outcome while waiting for the next one.
            del errand
            if not done.cancelled():
                _do(work, done, loop)
            del work, done, loop


_Errand = tuple[Callable[[], Any], asyncio.Future[Any], asyncio.AbstractEventLoop]


def _do(
    work: Callable[[], Any], done: asyncio.Future[Any], loop: asyncio.AbstractEventLoop
) -> None:
    value, error = None, None
    try:
        value = work()
    except BaseException as exc:  # noqa: BLE001 - it is his who asked
        error = exc
    # A loop that was closed meanwhile waits for nothing any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_tell, done, value, error)


def _tell(done: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(value)
    else:
        done.set_exception(error)
