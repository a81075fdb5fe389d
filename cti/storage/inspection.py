"""Is this PostgreSQL one that we can work on? Reachable, of a known version, in UTF-8, ours to write, with our time.

Asked before a start (what can't work is told in one line, with its remedy, before Asterisk is touched) and by
``ringdesk doctor``.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cti.domain.diagnosis import Diagnosis, causes_of, clocks, reason_of
from cti.storage.database import Database

OLDEST = 15
"""The oldest major version that is tried: that of the oldest system we install on."""

_ANSWER_LIMIT_S = 10.0
_ASK = text(
    """
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('server_encoding') AS encoding,
           pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS is_read_only,
           current_schema() AS schema,
           has_schema_privilege(current_schema(), 'CREATE') AS may_create,
           current_user AS me,
           current_database() AS name,
           (SELECT max(tableowner) FROM pg_tables
             WHERE schemaname = current_schema() AND tablename IN ('alembic_version', 'journal')
               AND NOT pg_has_role(tableowner, 'MEMBER')) AS owner,
           clock_timestamp() AS told_at
    """
)


async def inspect(database: Database, where: str) -> list[Diagnosis]:
    """Look at a PostgreSQL; ``where`` is its address as people may read it."""
    try:
        async with asyncio.timeout(_ANSWER_LIMIT_S), database.connection() as connection:
            await connection.execute(text("SELECT 1"))
            asked_at = datetime.now(UTC)
            facts = (await connection.execute(_ASK)).one()
            answered_at = datetime.now(UTC)
    except (SQLAlchemyError, OSError) as exc:
        return [Diagnosis("PostgreSQL answers", why_not(exc, where))]
    return [
        Diagnosis("PostgreSQL answers"),
        Diagnosis("PostgreSQL's version", _version(facts)),
        Diagnosis("PostgreSQL's encoding", _encoding(facts)),
        Diagnosis("PostgreSQL's rights", _rights(facts)),
        Diagnosis(
            "PostgreSQL's clock",
            clocks("PostgreSQL's", facts.told_at, asked_at, answered_at),
            stops_start=False,
        ),
    ]


def why_not(exc: BaseException, where: str) -> str:
    """Why a PostgreSQL could not be used, in words, with the remedy."""
    names = {type(cause).__name__ for cause in causes_of(exc)}
    if names & {"InvalidPasswordError", "InvalidAuthorizationSpecificationError"}:
        return (
            f"PostgreSQL at {where} refuses the user or the password: check the user in database.url, and set "
            "database.password_file or RINGDESK_DATABASE__PASSWORD"
        )
    if "InvalidCatalogNameError" in names:
        return (
            f"PostgreSQL at {where} has no such database: make it (`createdb --encoding UTF8 "
            "--template template0 --owner USER NAME`), or correct database.url"
        )
    if "TooManyConnectionsError" in names:
        return f"PostgreSQL at {where} has no connection left: raise its max_connections"
    return (
        f"PostgreSQL at {where} does not answer ({reason_of(exc)}): see that it runs and listens there "
        "(database.url)"
    )


def _version(facts: Any) -> str:
    major = facts.version // 10000
    return "" if major >= OLDEST else f"PostgreSQL {major} is too old: install {OLDEST} or newer"


def _encoding(facts: Any) -> str:
    if facts.encoding == "UTF8":
        return ""
    return (
        f"the database {facts.name} is in {facts.encoding}, names would not fit: make it anew with "
        f"`createdb --encoding UTF8 --template template0 {facts.name}`"
    )


def _rights(facts: Any) -> str:
    if facts.is_read_only:
        return "this PostgreSQL only reads (a standby?): point database.url to the primary"
    if not facts.may_create:
        return (
            f"the user {facts.me} may make no tables in {facts.name}: "
            f'`ALTER DATABASE "{facts.name}" OWNER TO "{facts.me}"`'
        )
    if facts.owner:
        return (
            f"the tables in {facts.name} belong to {facts.owner}, not to {facts.me}: "
            f'`ALTER TABLE … OWNER TO "{facts.me}"` for each'
        )
    return ""
