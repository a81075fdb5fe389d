"""The line towards one page: order, marks, bounds."""

from __future__ import annotations

import asyncio
import json

import pytest

from screenpop.connection import CloseCode, Connection

pytestmark = pytest.mark.unit


async def test_a_mark_is_done_when_everything_before_it_was_taken() -> None:
    connection = Connection()
    connection.put({"n": 1})
    mark = connection.written()
    connection.put({"n": 2})
    assert json.loads(await connection.next_message() or "") == {"n": 1}
    assert not mark.done()  # taken, but not yet known to be written
    assert json.loads(await connection.next_message() or "") == {"n": 2}
    assert await mark


async def test_closing_tells_whoever_waits() -> None:
    connection = Connection()
    connection.put({"n": 1})
    mark = connection.written()
    waiting = asyncio.create_task(connection.closed())
    connection.close(CloseCode.REPLACED)
    connection.close(CloseCode.TOO_SLOW)
    assert not await mark
    assert not await connection.written()
    assert await connection.next_message() is None
    assert connection.close_code is CloseCode.REPLACED
    await waiting
    connection.put({"n": 2})
    assert await connection.next_message() is None


@pytest.mark.parametrize("connection", [(4, 10**6), (10**6, 100)])
async def test_too_much_waiting_closes_it(connection: tuple[int, int]) -> None:
    line = Connection(*connection)
    for _ in range(20):
        line.put({"text": "x" * 10})
    assert line.close_code is CloseCode.TOO_SLOW


async def test_a_cancelled_waiter_harms_nobody() -> None:
    connection = Connection()
    mark = connection.written()
    mark.cancel()
    connection.put({"n": 1})
    assert await connection.next_message() == '{"n":1}'
