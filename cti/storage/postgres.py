"""PostgreSQL's side of ``Database``: how we connect, and how writers take turns.

The rules of the departments' stores rest on one writer at a time, which SQLite gives by itself. Here each
writing transaction takes the same advisory lock first, in whatever process or on whatever machine it runs, so
that both databases keep the same promise.
Nothing waits for ever: a lock for 5 s, as with SQLite's busy timeout, an answer for 30 s.
"""

from __future__ import annotations

from typing import Any

from cti.domain.errors import ConfigError

TAKE_TURN = "SELECT pg_advisory_xact_lock(7205759403)"
"""The first statement of each writing transaction; the number is ours and means nothing."""

_LOCK_TIMEOUT_MS = 5000
_ANSWER_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 10.0


def engine_options() -> dict[str, Any]:
    """Options for ``create_async_engine``.

    Raises:
        ConfigError: the driver isn't installed.
    """
    try:
        import asyncpg
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "PostgreSQL needs its driver: install ringdesk with the extra `postgres`"
        ) from exc

    async def connect(*arguments: Any, **options: Any) -> Any:
        try:
            return await asyncpg.connect(*arguments, **options)
        except asyncpg.PostgresError as exc:
            # The adapter lets these through as they are ("the database system is starting up").
            raise ConnectionError(f"PostgreSQL refused: {type(exc).__name__}") from exc

    return {
        "pool_pre_ping": True,  # a connection that a restart cut is noticed before it is used
        "connect_args": {
            "async_creator_fn": connect,
            "command_timeout": _ANSWER_TIMEOUT_S,
            "timeout": _CONNECT_TIMEOUT_S,
            "server_settings": {
                "lock_timeout": str(_LOCK_TIMEOUT_MS),
                "timezone": "UTC",
                # Whoever took his turn must see what the one before him committed.
                "default_transaction_isolation": "read committed",
            },
        },
    }
