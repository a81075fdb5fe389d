"""The engine, the column types, and that migrations and tables say the same."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import bindparam, text

from cti.domain.ids import AgentId
from cti.domain.people import Role, User
from cti.ports import ApiToken, ApiTokens, Session
from cti.storage.base import Base, UtcDateTime
from cti.storage.database import Database
from cti.storage.people import SqlAccounts, SqlApiTokens, SqlSessions
from tests.fakes.people import MemoryApiTokens

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LINA = User(
    user_id=AgentId("lina"),
    login="lina",
    name="李娜",
    staff_number="7001",
    extension="1001",
    role=Role.AGENT,
)


async def test_migrations_make_exactly_the_tables_that_the_code_declares(
    database: Database,
) -> None:
    for whole in ("cti.bootstrap", "cti.subjects"):  # every department with its tables
        importlib.import_module(whole)

    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, Base.metadata))

    async with database.connection() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await database.migrate()


async def test_a_failed_write_is_rolled_back(database: Database) -> None:
    accounts = SqlAccounts(database)

    async def write_and_fail() -> None:
        async with database.write() as session:
            await session.execute(
                text("INSERT INTO sessions VALUES ('h','u','c',:at,:at,:at)").bindparams(
                    bindparam("at", T0, UtcDateTime())
                )
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await SqlSessions(database).find("h") is None
    assert await accounts.all() == []


async def test_people_and_passwords(database: Database) -> None:
    accounts = SqlAccounts(database)
    await accounts.save(LINA, "hash one")
    await accounts.save(LINA)
    assert await accounts.by_login("lina") == LINA
    assert await accounts.by_id(AgentId("lina")) == LINA
    assert await accounts.password_hash(AgentId("lina")) == "hash one"
    assert await accounts.by_login("nobody") is None
    assert await accounts.password_hash(AgentId("nobody")) is None
    assert await accounts.all() == [LINA]


async def test_sessions_keep_their_time_zone_and_can_be_revoked(database: Database) -> None:
    sessions = SqlSessions(database)
    one = Session("h1", AgentId("lina"), "csrf", T0, T0, T0 + timedelta(hours=1))
    two = Session("h2", AgentId("lina"), "csrf", T0, T0, T0 + timedelta(hours=1))
    await sessions.add(one)
    await sessions.add(two)
    assert await sessions.find("h1") == one
    later = T0 + timedelta(minutes=5)
    await sessions.touch("h1", later, later + timedelta(hours=1))
    touched = await sessions.find("h1")
    assert touched is not None
    assert touched.last_seen_at == later
    await sessions.remove("h2")
    assert await sessions.find("h2") is None
    await sessions.remove_of(AgentId("lina"))
    assert await sessions.find("h1") is None


@pytest.mark.parametrize("kind", ["sql", "memory"])
async def test_tokens_of_programs_belong_to_one_person(database: Database, kind: str) -> None:
    tokens: ApiTokens = SqlApiTokens(database) if kind == "sql" else MemoryApiTokens()
    lina, tom = AgentId("lina"), AgentId("tom")
    first = ApiToken("a", "h1", lina, "CRM 客户", T0)
    await tokens.add(first)
    await tokens.add(ApiToken("b", "h2", tom, "CRM", T0))
    assert await tokens.find("h1") == first
    assert await tokens.find("a") is None
    await tokens.used("a", T0 + timedelta(minutes=1))
    (mine,) = await tokens.of(lina)
    assert mine.last_used_at == T0 + timedelta(minutes=1)
    assert not await tokens.remove(lina, "b")
    assert await tokens.remove(lina, "a")
    assert not await tokens.remove(lina, "a")
    assert await tokens.of(lina) == []
    assert [token.token_id for token in await tokens.of(tom)] == ["b"]


def test_instants_become_utc_and_naive_ones_are_refused() -> None:
    column = UtcDateTime()
    beijing = datetime(2026, 11, 22, 17, 0, tzinfo=timezone(timedelta(hours=8)))

    class Dialect:
        name = "postgresql"

    dialect: Any = Dialect()
    assert column.process_bind_param(beijing, dialect) == T0
    assert column.process_bind_param(None, dialect) is None
    assert column.process_result_value(beijing, dialect) == T0
    with pytest.raises(ValueError, match="naive"):
        column.process_bind_param(datetime(2026, 11, 22), dialect)  # noqa: DTZ001 - the point
