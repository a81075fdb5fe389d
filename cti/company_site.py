"""``/api/v1/company``: the whole company read, tried, replaced; and the versions that were in use. Administrators only.

``GET`` answers YAML where ``Accept`` asks for it, else JSON, with the hash as ``ETag``. ``PUT`` takes either and needs
``If-Match`` with the hash that was read (``*``: whichever it is), so that two administrators don't undo each other
unknowingly; ``?dry_run=true`` tells the differences and changes nothing.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from cti.applying import Applied, Applying, Conflict
from cti.company import parse_company
from cti.company_text import document_of, text_of
from cti.domain.errors import CommandRefused, ConfigError, RingdeskError
from cti.domain.people import Permission
from cti.web.routing import ApiError, Query, Route, in_time, read_query, signed_in

MAX_DOCUMENT = 2 * 1024 * 1024
"""Bytes: a company of 500 people with long menus has a tenth."""
_YAML = "application/yaml"
_TYPES = frozenset({"application/json", _YAML, "text/yaml"})
_LONGEST_VALUE = 200


class VersionQuery(Query):
    """Which version; none: the present one."""

    version: str = Field("", pattern=r"^[0-9a-f]{0,64}$", description="The first digits of a hash.")


class ApplyQuery(Query):
    """Try or do."""

    dry_run: bool = Field(False, description="Tell what would change, and change nothing.")


class DifferenceAnswer(BaseModel):
    """One place that differs; null: it isn't there."""

    key: str
    old: Any
    new: Any


class ApplyAnswer(BaseModel):
    """What became of the document."""

    digest: str
    is_changed: bool
    changes: list[DifferenceAnswer]
    notes: list[str]


class VersionAnswer(BaseModel):
    """A document that was in use from then on."""

    at: str
    digest: str


class VersionsAnswer(BaseModel):
    """All that are kept, the newest first."""

    versions: list[VersionAnswer]


class CompanySite:
    """The addresses."""

    def __init__(self, applying: Applying) -> None:
        self._applying = applying

    def routes(self) -> list[Route]:
        """Hand them to the web application."""
        path, rule = "/api/v1/company", Permission.CONFIGURE
        return [
            Route("GET", path, self.read, rule, "The company, as JSON or YAML", query=VersionQuery),
            Route("PUT", path, self.replace, rule, "Replace the company (JSON or YAML, If-Match)",
                  answer=ApplyAnswer, query=ApplyQuery),
            Route("GET", f"{path}/versions", self.versions, rule, "Companies that were in use",
                  answer=VersionsAnswer),
        ]  # fmt: skip

    async def read(self, request: web.Request) -> web.StreamResponse:
        """The present company, or an old one."""
        wanted = read_query(request, VersionQuery).version
        applying = self._applying
        company, headers = applying.company, {"ETag": f'"{applying.digest}"'}
        if wanted:
            try:
                text = applying.versions.text(wanted)
            except CommandRefused as refusal:
                raise ApiError(404, refusal.reason, str(refusal)) from refusal
            company, headers = parse_company(text, "version"), {}
        if "yaml" in request.headers.get("Accept", ""):
            return web.Response(text=text_of(company), content_type=_YAML, headers=headers)
        return web.json_response(document_of(company), headers=headers)

    async def versions(self, _request: web.Request) -> web.StreamResponse:
        """The list."""
        found = [
            VersionAnswer(at=version.at.isoformat(), digest=version.digest)
            for version in self._applying.versions.all()
        ]
        return web.json_response(VersionsAnswer(versions=found).model_dump())

    async def replace(self, request: web.Request) -> web.StreamResponse:
        """Another company."""
        is_trial = read_query(request, ApplyQuery).dry_run
        if request.content_type not in _TYPES:
            raise ApiError(
                415, "not_yaml", "Send the company as application/json or application/yaml."
            )
        expected = _expected(request)
        text = await _text(request)
        by = signed_in(request).user.user_id
        try:
            done = await self._applying.apply(text, by, expected=expected, is_trial=is_trial)
        except Conflict as exc:
            raise ApiError(412, "changed_meanwhile", str(exc)) from exc
        except ConfigError as exc:
            raise ApiError(422, "wrong_company", str(exc)[:2_000]) from exc
        except CommandRefused:
            raise
        except RingdeskError as exc:
            raise ApiError(503, "not_loaded", f"{exc} Everything is as it was.") from exc
        return web.json_response(
            answer_of(done).model_dump(), headers={"ETag": f'"{self._applying.digest}"'}
        )


def answer_of(done: Applied) -> ApplyAnswer:
    """As it is told; a long value is told by its beginning."""
    return ApplyAnswer(
        digest=done.digest,
        is_changed=bool(done.changes),
        changes=[
            DifferenceAnswer(key=c.key, old=_short(c.old), new=_short(c.new)) for c in done.changes
        ],
        notes=list(done.notes),
    )


def _short(value: Any) -> Any:
    return (
        value
        if not isinstance(value, str) or len(value) <= _LONGEST_VALUE
        else f"{value[:_LONGEST_VALUE]}…"
    )


def _expected(request: web.Request) -> str | None:
    tag = request.headers.get("If-Match", "").strip()
    if not tag:
        raise ApiError(428, "no_if_match", "Send If-Match with the ETag that you have read, or *.")
    return None if tag == "*" else tag.removeprefix("W/").strip('"')


async def _text(request: web.Request) -> str:
    body = bytearray()
    async with in_time():
        async for piece in request.content.iter_chunked(65_536):
            body += piece
            if len(body) > MAX_DOCUMENT:
                raise ApiError(413, "too_large", "The document is too large.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ApiError(400, "not_text", "The document is not UTF-8 text.") from exc
