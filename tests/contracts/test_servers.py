"""What the doctor and a start say of PostgreSQL and Redis: real servers, each with something wrong, and the words for it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as Client
from sqlalchemy import text
from sqlalchemy.engine import make_url

from cti.bus import inspection as redis_inspection
from cti.config import BusSettings, DatabaseSettings, Settings
from cti.domain.errors import ConfigError
from cti.servers import (
    inspect_bus,
    inspect_database,
    open_database,
    see_that_they_can_be_used,
    shared_bus,
)
from cti.storage import inspection
from cti.storage.database import Database
from tests import servers
from tests.until import until

pytestmark = pytest.mark.contract

PASSWORD = "correct horse"
ALL_POSTGRES = [
    "PostgreSQL answers",
    "PostgreSQL's version",
    "PostgreSQL's encoding",
    "PostgreSQL's rights",
    "PostgreSQL's clock",
]
ALL_REDIS = ["Redis answers", "Redis's version", "Redis's rights", "Redis's clock"]


@pytest.fixture
def redis() -> Iterator[servers.Redis]:
    with servers.redis() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def with_postgres(home: Path, url: str, **more: Any) -> Settings:
    return Settings(home=home, database=DatabaseSettings(url=url, **more))


def with_redis(home: Path, url: str, **more: Any) -> Settings:
    return Settings(home=home, bus=BusSettings(url=url, **more))


async def problems(settings: Settings) -> dict[str, str]:
    """What is wrong, by what was looked at; and that a start says the same."""
    found = [*await inspect_database(settings), *await inspect_bus(settings)]
    wrong = {d.what: d.problem for d in found if d.problem}
    stops = [d.problem for d in found if d.problem and d.stops_start]
    if stops:
        with pytest.raises(ConfigError) as refused:
            await see_that_they_can_be_used(settings)
        assert str(refused.value) == stops[0]
        assert PASSWORD not in str(wrong)
    else:
        await see_that_they_can_be_used(settings)
    return wrong


async def tell(url: str, *statements: str) -> None:
    """Have the owner of a database run something."""
    database = Database(url)
    try:
        for statement in statements:
            async with database.connection() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(text(statement))
    finally:
        await database.close()


def instead(url: str, **parts: Any) -> str:
    return make_url(url).set(**parts).render_as_string()


# ---- PostgreSQL --------------------------------------------------------------------------------


async def test_nothing_is_wrong(home: Path, postgres_server: servers.Postgres) -> None:
    settings = with_postgres(home, postgres_server.new_database())
    assert await problems(settings) == {}
    assert [d.what for d in await inspect_database(settings)] == ALL_POSTGRES
    assert await inspect_bus(settings) == []
    assert await inspect_database(Settings(home=home)) == []


async def test_a_postgres_that_is_not_there(home: Path) -> None:
    wrong = await problems(with_postgres(home, f"postgresql://u@/calls?host={home}"))
    line = wrong["PostgreSQL answers"]
    assert line.startswith(f"PostgreSQL at {home}/calls does not answer (No such file")
    settings = with_postgres(home, "postgresql://u@127.0.0.1:1/calls")
    line = (await problems(settings))["PostgreSQL answers"]
    assert "127.0.0.1:1/calls does not answer (Connection refused)" in line.replace(
        "Connect call failed ('127.0.0.1', 1)", "Connection refused"
    )
    with pytest.raises(ConfigError, match="does not answer"):
        await open_database(settings)
    settings = with_postgres(home, "postgresql://u@nowhere.invalid/calls")
    line = (await problems(settings))["PostgreSQL answers"]
    assert "the host's name is unknown" in line


async def test_a_postgres_that_hangs(
    home: Path, postgres_server: servers.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_postgres(home, postgres_server.new_database())
    monkeypatch.setattr(inspection, "_ANSWER_LIMIT_S", 0.3)
    postgres_server.send(signal.SIGSTOP)
    try:
        wrong = await problems(settings)
    finally:
        postgres_server.send(signal.SIGCONT)
    assert "does not answer (no answer in time)" in wrong["PostgreSQL answers"]


async def test_no_such_database(home: Path, postgres_server: servers.Postgres) -> None:
    url = instead(postgres_server.new_database(), database="nosuch")
    line = (await problems(with_postgres(home, url)))["PostgreSQL answers"]
    assert "has no such database: make it (`createdb" in line
    with pytest.raises(ConfigError, match="has no such database"):
        await open_database(with_postgres(home, url))


async def test_a_wrong_password(home: Path, postgres_server: servers.Postgres) -> None:
    url = postgres_server.new_database()
    await tell(url, f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'")
    rules = postgres_server.folder / "data" / "pg_hba.conf"
    rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
    await tell(url, "SELECT pg_reload_conf()")
    await tell(url, "GRANT ringdesk TO locked")
    url = instead(url, username="locked")
    secret = home / "secret"
    for given in ("", "wrong\n"):
        secret.write_text(given)
        wrong = await problems(with_postgres(home, url, password_file=secret))
        assert "refuses the user or the password" in wrong["PostgreSQL answers"]
        assert "RINGDESK_DATABASE__PASSWORD" in wrong["PostgreSQL answers"]
    secret.write_text(f"{PASSWORD}\nnot this\n")
    assert await problems(with_postgres(home, url, password_file=secret)) == {}
    assert await problems(with_postgres(home, url, password=PASSWORD)) == {}


async def test_rights(home: Path, postgres_server: servers.Postgres) -> None:
    url = postgres_server.new_database()
    await tell(url, "CREATE ROLE guest LOGIN")
    settings = with_postgres(home, instead(url, username="guest"))
    line = (await problems(settings))["PostgreSQL's rights"]
    assert "the user guest may make no tables" in line
    assert f'`ALTER DATABASE "{make_url(url).database}" OWNER TO "guest"`' in line
    await tell(url, "GRANT CREATE ON SCHEMA public TO guest")
    line = (await problems(settings))["PostgreSQL's rights"]
    assert "belong to ringdesk" in line
    assert line.endswith('`ALTER TABLE … OWNER TO "guest"` for each')
    await tell(url, "GRANT ringdesk TO guest")
    assert await problems(settings) == {}
    name = make_url(url).database
    await tell(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "this PostgreSQL only reads" in (await problems(settings))["PostgreSQL's rights"]


async def test_an_encoding_in_which_names_do_not_fit(
    home: Path, postgres_server: servers.Postgres
) -> None:
    url = postgres_server.new_database()
    await tell(url, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    wrong = await problems(with_postgres(home, instead(url, database="latin")))
    assert list(wrong) == ["PostgreSQL's encoding"]
    assert "is in LATIN1, names would not fit" in wrong["PostgreSQL's encoding"]


async def test_a_clock_that_differs_is_told_and_stops_nothing(
    home: Path, postgres_server: servers.Postgres
) -> None:
    url = postgres_server.new_database()
    name = make_url(url).database
    await tell(
        url,
        "CREATE SCHEMA late",
        "CREATE FUNCTION late.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        "$$ SELECT pg_catalog.clock_timestamp() - interval '90 s' $$",
        f"ALTER DATABASE {name} SET search_path = late, pg_catalog",
    )
    wrong = await problems(with_postgres(home, url))
    assert list(wrong) == ["PostgreSQL's clock"]
    assert re.fullmatch(
        "PostgreSQL's clock is [0-9]+ s behind ours: let both follow NTP",
        wrong["PostgreSQL's clock"],
    )


async def test_a_postgres_that_is_too_old(
    home: Path, postgres_server: servers.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "OLDEST", 99)
    wrong = await problems(with_postgres(home, postgres_server.new_database()))
    assert list(wrong) == ["PostgreSQL's version"]
    assert "is too old: install 99 or newer" in wrong["PostgreSQL's version"]


# ---- Redis -------------------------------------------------------------------------------------


async def configure(redis: servers.Redis, *words: str) -> None:
    client: Any = Client.from_url(redis.url)
    await client.execute_command(*words)
    await client.aclose()


async def test_nothing_is_wrong_with_redis_and_nothing_is_left(
    home: Path, redis: servers.Redis
) -> None:
    settings = with_redis(home, redis.url)
    assert await problems(settings) == {}
    assert [d.what for d in await inspect_bus(settings)] == ALL_REDIS
    client: Any = Client.from_url(redis.url)
    assert await client.keys("*") == []
    await client.aclose()


async def test_a_redis_that_is_not_there(home: Path) -> None:
    wrong = await problems(with_redis(home, "redis://127.0.0.1:1/0"))
    assert wrong["Redis answers"].startswith("Redis at 127.0.0.1:1 does not answer (")
    assert wrong["Redis answers"].endswith("see that it runs and listens there (bus.url)")


async def test_a_redis_that_hangs(
    home: Path, redis: servers.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_inspection, "_ANSWER_LIMIT_S", 0.3)
    redis.send(signal.SIGSTOP)
    try:
        wrong = await problems(with_redis(home, redis.url))
    finally:
        redis.send(signal.SIGCONT)
    assert "does not answer (no answer in time)" in wrong["Redis answers"]


async def test_a_redis_with_a_password(home: Path, redis: servers.Redis) -> None:
    await configure(redis, "CONFIG", "SET", "requirepass", PASSWORD)
    for given in (None, "wrong"):
        wrong = await problems(with_redis(home, redis.url, password=given))
        assert "RINGDESK_BUS__PASSWORD" in wrong["Redis answers"]
    settings = with_redis(home, redis.url, password=PASSWORD)
    assert await problems(settings) == {}
    bus = shared_bus(settings)
    assert bus is not None
    await bus.start()
    await until(lambda: bus.is_joined, within=30)
    assert not bus.is_away
    await bus.stop()


async def test_a_redis_user_without_the_rights(home: Path, redis: servers.Redis) -> None:
    await configure(
        redis, "ACL", "SETUSER", "desk", "on", f">{PASSWORD}", "~other:*", "+@all", "-info"
    )
    url = redis.url.replace("unix://", "unix://desk@")
    settings = with_redis(home, url, password=PASSWORD)
    line = (await problems(settings))["Redis's rights"]
    assert line.startswith("the user in bus.url may not use keys ringdesk:bus:*")
    await configure(redis, "ACL", "SETUSER", "desk", "~ringdesk:bus:*")
    assert await problems(settings) == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), "this Redis only reads (a replica?)"),
        (("CONFIG", "SET", "maxmemory", "1"), "Redis's memory is full: raise its maxmemory"),
    ],
)
async def test_a_redis_that_takes_nothing(
    home: Path, redis: servers.Redis, words: tuple[str, ...], says: str
) -> None:
    await configure(redis, *words)
    assert says in (await problems(with_redis(home, redis.url)))["Redis's rights"]


async def test_a_redis_that_is_too_old(
    home: Path, redis: servers.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_inspection, "OLDEST", 99)
    wrong = await problems(with_redis(home, redis.url))
    assert "is too old: install 99.0 or newer" in wrong["Redis's version"]
