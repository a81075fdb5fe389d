"""The servers that an installation may use besides this machine: PostgreSQL and Redis, as its settings name them.

Without them the database is a file in the installation's folder, and the bus is inside the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from cti.config import Settings
from cti.domain.diagnosis import Diagnosis, reason_of
from cti.domain.errors import ConfigError
from cti.storage import inspection
from cti.storage.database import Database

if TYPE_CHECKING:
    from cti.bus.redis import RedisBus


def is_embedded(settings: Settings) -> bool:
    """Whether the database is the file in the installation's folder."""
    return settings.database.url is None


def has_run(settings: Settings) -> bool:
    """Whether there can be anything in the database: a server's may always be looked at."""
    return not is_embedded(settings) or settings.database_file.exists()


def database_of(settings: Settings) -> Database:
    """The installation's database, not opened yet.

    Raises:
        ConfigError: the driver isn't installed, or the password's file can't be read.
    """
    if is_embedded(settings):
        return Database(settings.database_url)
    url = _postgres_url(settings).render_as_string()
    return Database(url, settings.database.secret("database"))


async def open_database(settings: Settings) -> Database:
    """The database of an installation, with its schema up to date.

    Raises:
        ConfigError: it can't be reached or written; one line that names the remedy.
    """
    database = database_of(settings)
    try:
        await database.migrate()
    except (SQLAlchemyError, OSError) as exc:
        await database.close()
        if is_embedded(settings):
            raise ConfigError(
                f"the database {settings.database_file} can't be opened ({reason_of(exc)})"
            ) from exc
        raise ConfigError(inspection.why_not(exc, database_place(settings))) from exc
    return database


def shared_bus(settings: Settings) -> RedisBus | None:
    """The bus over Redis, not joined yet; None: the installation has none.

    Raises:
        ConfigError: the driver isn't installed, or the password's file can't be read.
    """
    if settings.bus.url is None:
        return None
    _see_redis_driver()
    from cti.bus.redis import RedisBus

    return RedisBus(
        settings.bus.url,
        settings.pbx.system_name,
        password=settings.bus.secret("bus"),
        prefix=_bus_prefix(settings),
    )


async def inspect_database(settings: Settings) -> list[Diagnosis]:
    """Look at the PostgreSQL; nothing where there is none.

    Raises:
        ConfigError: see ``database_of``.
    """
    if is_embedded(settings):
        return []
    database = database_of(settings)
    try:
        return await inspection.inspect(database, database_place(settings))
    finally:
        await database.close()


async def inspect_bus(settings: Settings) -> list[Diagnosis]:
    """Look at the Redis; nothing where there is none.

    Raises:
        ConfigError: see ``shared_bus``.
    """
    if settings.bus.url is None:
        return []
    _see_redis_driver()
    from cti.bus.inspection import inspect

    password = settings.bus.secret("bus")
    return await inspect(settings.bus.url, password, bus_place(settings), _bus_prefix(settings))


async def see_that_they_can_be_used(settings: Settings) -> None:
    """Look at both before a start.

    Raises:
        ConfigError: the first thing that is in the way, with its remedy.
    """
    for look in (inspect_database, inspect_bus):
        for diagnosis in await look(settings):
            if diagnosis.problem and diagnosis.stops_start:
                raise ConfigError(diagnosis.problem)


def database_place(settings: Settings) -> str:
    """Where the PostgreSQL is, for people: host, port, database."""
    url = _postgres_url(settings)
    host = url.host or str(url.query.get("host", ""))
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}/{url.database}"


def bus_place(settings: Settings) -> str:
    """Where the Redis is, for people: host and port, or the socket."""
    parts = urlsplit(settings.bus.url or "")
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def _postgres_url(settings: Settings) -> URL:
    url = make_url(settings.database.url or "").set(drivername="postgresql+asyncpg")
    # asyncpg has another name for libpq's option.
    mode = url.query.get("sslmode")
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode} if mode else {})


def _bus_prefix(settings: Settings) -> str:
    return f"{settings.bus.name}:bus"


def _see_redis_driver() -> None:
    try:
        import redis  # noqa: F401
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "Redis needs its driver: install ringdesk with the extra `redis`"
        ) from exc
