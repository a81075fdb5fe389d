"""Is this Redis one that our bus can work on? Reachable, of a known version, a single writable one, with our time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)

from cti.domain.diagnosis import Diagnosis, causes_of, clocks, reason_of

OLDEST = 7
"""The oldest major version that is tried: that of the oldest system we install on."""

_ANSWER_LIMIT_S = 5.0
# Everything that the bus does, on keys of its own that are gone afterwards.
_TRY = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10, '*', 'o', 'doctor')
redis.call('XTRIM', KEYS[1], 'MINID', '~', 0)
redis.call('HSET', KEYS[2], 'doctor', redis.call('HGET', KEYS[2], 'doctor') or '1')
"""


async def inspect(url: str, password: str | None, where: str, prefix: str) -> list[Diagnosis]:
    """Look at a Redis; ``where`` is its address as people may read it, ``prefix`` that of the bus's keys."""
    redis: Any = Redis.from_url(
        url,
        password=password,
        socket_timeout=_ANSWER_LIMIT_S,
        socket_connect_timeout=_ANSWER_LIMIT_S,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    try:
        return await _inspect(redis, where, prefix)
    finally:
        await redis.aclose()


async def _inspect(redis: Any, where: str, prefix: str) -> list[Diagnosis]:
    try:
        await redis.ping()
        rights = await _rights(redis, prefix)
        facts = await _facts(redis)
        asked_at = datetime.now(UTC)
        seconds, micros = await redis.time()
        answered_at = datetime.now(UTC)
    except (RedisError, OSError) as exc:
        return [Diagnosis("Redis answers", why_not(exc, where))]
    told_at = datetime.fromtimestamp(seconds + micros / 1e6, UTC)
    return [
        Diagnosis("Redis answers"),
        Diagnosis("Redis's version", _version(facts)),
        Diagnosis("Redis's rights", rights),
        Diagnosis(
            "Redis's clock", clocks("Redis's", told_at, asked_at, answered_at), stops_start=False
        ),
    ]


def why_not(exc: BaseException, where: str) -> str:
    """Why a Redis could not be used, in words, with the remedy."""
    if any(isinstance(cause, AuthenticationError) for cause in causes_of(exc)):
        return (
            f"Redis at {where} refuses the user or the password: check the user in bus.url, and set "
            "bus.password_file or RINGDESK_BUS__PASSWORD"
        )
    if "DB index" in str(exc):
        return f"Redis at {where} has no database of this number: correct bus.url"
    return (
        f"Redis at {where} does not answer ({reason_of(exc)}): see that it runs and listens there "
        "(bus.url)"
    )


async def _facts(redis: Any) -> dict[str, Any]:
    try:
        known: dict[str, Any] = await redis.info("server")
    except NoPermissionError:
        return {}  # not needed for the bus
    return known


def _version(facts: dict[str, Any]) -> str:
    version = str(facts.get("redis_version", OLDEST))
    if int(version.partition(".")[0]) < OLDEST:
        return f"Redis {version} is too old: install {OLDEST}.0 or newer"
    if facts.get("redis_mode") == "cluster":
        return "this Redis is part of a cluster, which the bus can't use: set up a single one"
    return ""


async def _rights(redis: Any, prefix: str) -> str:
    keys = [f"{prefix}:doctor:{secrets.token_hex(4)}:{kind}" for kind in ("events", "origins")]
    try:
        await redis.eval(_TRY, len(keys), *keys)
        await redis.xread({keys[0]: "0-0"}, count=1)
        await redis.xrange(keys[0])
        await redis.xrevrange(keys[0], count=1)
        await redis.hgetall(keys[1])
        await redis.hdel(keys[1], "doctor")
        await redis.delete(*keys)
    except NoPermissionError:
        return f"the user in bus.url may not use keys {prefix}:*: `ACL SETUSER … ~{prefix}:* +@all`"
    except ReadOnlyError:
        return "this Redis only reads (a replica?): point bus.url to the primary"
    except OutOfMemoryError:
        return "Redis's memory is full: raise its maxmemory"
    return ""
