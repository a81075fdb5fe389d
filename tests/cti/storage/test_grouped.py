"""Changes made together: order, undoing, what failing means, and that nothing is left at the end."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from cti.storage.database import Database

pytestmark = pytest.mark.contract

_ADD = text(
    "INSERT INTO customers (name, company, group_name, note, is_provisional, is_touched, created_at)"
    " VALUES (:name, '', '', '', false, false, '2026-11-22 09:00:00')"
)


def _add(connection: Connection, name: str) -> str:
    connection.execute(_ADD, {"name": name})
    return name


def _names(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT name FROM customers ORDER BY customer_id")))


async def test_changes_are_seen_in_the_order_in_which_they_were_asked_for(
    database: Database,
) -> None:
    names = [f"n{n}" for n in range(10)]
    done = await asyncio.gather(
        *(database.change(partial(_add, name=name), may_wait=n < 9) for n, name in enumerate(names))
    )
    assert done == names
    assert await database.look(_names) == names


async def test_one_that_fails_undoes_itself_only(database: Database) -> None:
    def add_and_fail(connection: Connection) -> None:
        _add(connection, "lost")
        raise RuntimeError

    failing = asyncio.create_task(database.change(add_and_fail, may_wait=True))
    kept = await asyncio.gather(
        database.change(lambda c: _add(c, "one"), may_wait=True),
        database.change(lambda c: _add(c, "two")),
    )
    with pytest.raises(RuntimeError):
        await failing
    assert await database.look(_names) == list(kept)


async def test_what_the_database_refuses_is_said_as_such(database: Database) -> None:
    def twice(connection: Connection) -> None:
        for _ in range(2):
            connection.execute(text("INSERT INTO customer_numbers VALUES ('+1', 77)"))

    with pytest.raises(IntegrityError):
        await database.change(twice)
    with pytest.raises(SQLAlchemyError):
        await database.look(lambda c: c.execute(text("SELECT * FROM nothing")))
    await database.change(lambda c: _add(c, "after"))  # and the next works
    assert await database.look(_names) == ["after"]


async def test_a_change_nobody_waits_for_any_more_is_made_all_the_same(database: Database) -> None:
    task = asyncio.create_task(database.change(lambda c: _add(c, "called off"), may_wait=True))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.change(lambda c: _add(c, "next"))
    assert await database.look(_names) == ["called off", "next"]


async def test_closing_waits_for_what_was_asked_and_leaves_no_thread(database: Database) -> None:
    task = asyncio.create_task(database.change(lambda c: _add(c, "last"), may_wait=True))
    await asyncio.sleep(0)
    await database.close()
    assert await task == "last"
    # A thread ends a moment after its last work was done.
    for thread in threading.enumerate():
        if thread.name.startswith("database "):
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
