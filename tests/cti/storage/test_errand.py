"""The thread that does errands for the loop: their order, their outcome, and what becomes of those nobody waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from cti.storage.errand import Errands
from tests.until import until

pytestmark = pytest.mark.unit

NAME = "errands of a test"


def is_running() -> bool:
    return any(thread.name == NAME for thread in threading.enumerate())


@pytest.fixture
async def errands() -> AsyncIterator[Errands]:
    errands = Errands(NAME)
    yield errands
    errands.end()
    await until(lambda: not is_running())


async def test_errands_are_done_in_their_order_on_a_thread_of_their_own(errands: Errands) -> None:
    done: list[tuple[int, str]] = []

    def note(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number * 2

    values = await asyncio.gather(*(errands.run(lambda n=n: note(n)) for n in range(20)))  # type: ignore[misc]
    assert values == [2 * n for n in range(20)]
    assert done == [(n, NAME) for n in range(20)]


async def test_what_an_errand_raises_is_his_who_asked_and_the_next_one_is_done(
    errands: Errands,
) -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        await errands.run(fail)
    assert await errands.run(lambda: 1) == 1


async def test_called_off_before_its_turn_it_is_not_done(errands: Errands) -> None:
    go, done = threading.Event(), []
    first = asyncio.create_task(errands.run(go.wait))
    second = asyncio.create_task(errands.run(lambda: done.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    go.set()
    await first
    await errands.run(lambda: done.append("third"))
    assert done == ["third"]


async def test_called_off_while_it_is_done_it_is_done_to_its_end(errands: Errands) -> None:
    begun, go, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        go.wait()
        done.append("whole")

    task = asyncio.create_task(errands.run(work))
    await until(begun.is_set)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    go.set()
    await errands.run(lambda: None)
    assert done == ["whole"]


async def test_what_was_asked_for_before_the_end_is_done() -> None:
    errands, done = Errands(NAME), []
    task = asyncio.create_task(errands.run(lambda: done.append("last")))
    await asyncio.sleep(0)
    errands.end()
    await task
    assert done == ["last"]
    await until(lambda: not is_running())


def test_a_loop_that_closed_meanwhile_is_no_harm() -> None:
    errands, go = Errands(NAME), threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(errands.run(go.wait))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    go.set()
    assert asyncio.run(errands.run(lambda: "well")) == "well"
    errands.end()
    assert asyncio.run(_is_over())


async def _is_over() -> bool:
    return bool(await until(lambda: not is_running()))
