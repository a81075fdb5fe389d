"""Health, metrics, and the API's own description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import BaseModel

from cti.web.openapi import describe
from cti.web.routing import Access, Route

Health = Callable[[], Mapping[str, bool]]
"""Part of the service → whether it is well; must not block."""


class HealthAnswer(BaseModel):
    """``ok``: everything works. ``degraded``: the parts that are ``false`` don't.

    ``alarms``: what somebody must mend, in words, by name; calls go on meanwhile.
    """

    status: Literal["ok", "degraded"]
    parts: dict[str, bool]
    alarms: dict[str, str] = {}


Alarms = Callable[[], Mapping[str, str]]
"""What somebody must mend, in words, by name."""


def system_routes(
    health: Health,
    alarms: Alarms,
    registry: CollectorRegistry,
    others: Sequence[Route],
    version: str,
) -> list[Route]:
    """Routes for monitoring and integrators; ``others`` are described besides."""

    async def answer_health(_request: web.Request) -> web.StreamResponse:
        parts = dict(health())
        is_ok = all(parts.values())
        status: Literal["ok", "degraded"] = "ok" if is_ok else "degraded"
        answer = HealthAnswer(status=status, parts=parts, alarms=dict(alarms()))
        return web.json_response(answer.model_dump(), status=200 if is_ok else 503)

    async def metrics(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=generate_latest(registry) + _alarm_lines(alarms()),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def openapi(_request: web.Request) -> web.StreamResponse:
        return web.json_response(document)

    routes = [
        Route("GET", "/api/v1/health", answer_health, Access.PUBLIC, "Health", None, HealthAnswer),
        Route("GET", "/metrics", metrics, Access.METRICS, "Figures for Prometheus"),
        Route("GET", "/api/v1/openapi.json", openapi, Access.PUBLIC, "This description"),
    ]
    document = describe([*others, *routes], version)
    return routes


def _alarm_lines(alarms: Mapping[str, str]) -> bytes:
    """One figure for each alarm that stands; none: nothing must be mended."""
    head = "# HELP ringdesk_alarm Something must be mended.\n# TYPE ringdesk_alarm gauge\n"
    return (head + "".join(f'ringdesk_alarm{{name="{name}"}} 1\n' for name in alarms)).encode()
