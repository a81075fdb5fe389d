"""Listening: the sound with ranges, and the waveform.

Who may hear what: agents the recordings in which they are heard themselves, supervisors those of
their team, administrators all. A recording that one may not hear looks like one that
doesn't exist, so that ids can't be tried out. Each listening is audited (``SecurityNoted``, once
per person and recording in ten minutes, since a player asks for many pieces), and each refusal.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from cti.domain.events import SecurityNoted
from cti.domain.ids import AgentId, RecordingId
from cti.domain.people import Permission, User
from cti.ports import Accounts, Clock, EventBus
from cti.web.routing import ApiError, Route, signed_in
from recorder.model import Recording, RecordingState
from recorder.ports import NoSuchObject, RecordingBook, RecordingStore

CONTENT_TYPES = {"opus": "audio/ogg", "mp3": "audio/mpeg"}
AUDIT_TIME = timedelta(minutes=10)

_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_REMEMBERED = 10_000
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A piece of an object, ends included, as HTTP counts (RFC 9110, section 14)."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes it is."""
        return self.last - self.first + 1


class UnsatisfiableRange(Exception):
    """The range lies behind the end (status 416)."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Read a ``Range`` header; None: send the whole.

    Several ranges at once, other units and nonsense are ignored, as RFC 9110 (14.2) allows.

    Raises:
        UnsatisfiableRange: no byte of the object is in it.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many bytes
        count = min(int(match[2]), size)
        if not count:
            raise UnsatisfiableRange
        return ByteRange(size - count, size - 1)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise UnsatisfiableRange
    return ByteRange(first, last)


class ListeningDesk:
    """Serves recordings to those who may hear them."""

    def __init__(
        self,
        *,
        book: RecordingBook,
        store: RecordingStore,
        accounts: Accounts,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._book = book
        self._store = store
        self._accounts = accounts
        self._bus = bus
        self._clock = clock
        self._noted: OrderedDict[tuple[AgentId, RecordingId], float] = OrderedDict()

    def routes(self) -> list[Route]:
        """The addresses; hand them to the web application."""
        base = "/api/v1/recordings/{recording_id}"
        rule = Permission.HEAR_OWN_RECORDINGS
        return [
            Route(
                "GET", f"{base}/audio", self.audio, rule, "The sound of a recording, with ranges"
            ),
            Route("GET", f"{base}/peaks", self.peaks, rule, "The waveform of a recording"),
        ]

    async def audio(self, request: web.Request) -> web.StreamResponse:
        """Answer with the sound, or the range asked for."""
        recording = await self._allowed(request)
        etag = f'"{recording.sha256}"'
        condition = request.headers.get("If-Range")
        wanted = request.headers.get("Range") if condition in (None, etag) else None
        headers = {
            **_HEADERS,
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Content-Type": _content_type(recording),
        }
        try:
            part = parse_range(wanted, recording.size)
        except UnsatisfiableRange:
            headers["Content-Range"] = f"bytes */{recording.size}"
            del headers["Content-Type"]
            raise ApiError(416, "range", "The range lies behind the end.", headers) from None
        self._note(signed_in(request).user, recording)
        if part is not None:
            headers["Content-Range"] = f"bytes {part.first}-{part.last}/{recording.size}"
        piece = part or ByteRange(0, recording.size - 1)
        headers["Content-Length"] = str(piece.length)
        response = web.StreamResponse(status=206 if part else 200, headers=headers)
        return await self._send(request, response, recording.audio_key, piece)

    async def peaks(self, request: web.Request) -> web.StreamResponse:
        """Answer with the waveform (JSON, as ``docs/desktop-protocol.md`` has it)."""
        recording = await self._allowed(request)
        try:
            pieces = [piece async for piece in self._store.open(recording.peaks_key)]
        except NoSuchObject:
            raise _not_found() from None
        return web.Response(
            body=b"".join(pieces), headers={**_HEADERS, "Content-Type": "application/json"}
        )

    async def _send(
        self, request: web.Request, response: web.StreamResponse, key: str, piece: ByteRange
    ) -> web.StreamResponse:
        if await self._store.size(key) is None:
            raise _not_found()
        await response.prepare(request)
        if request.method != "HEAD":
            async for block in self._store.open(key, piece.first, piece.length):
                await response.write(block)
            await response.write_eof()
        return response

    async def _allowed(self, request: web.Request) -> Recording:
        """The recording that is asked for.

        Raises:
            ApiError: 404, whether it doesn't exist or is none of this person's business.
        """
        text = request.match_info["recording_id"]
        recording = await self._book.by_id(RecordingId(text)) if _ID.fullmatch(text) else None
        if recording is None or recording.state is not RecordingState.STORED:
            raise _not_found()
        user = signed_in(request).user
        if not await self._may_hear(user, recording):
            self._bus.publish(
                SecurityNoted(
                    at=self._clock.now(),
                    what="recording_refused",
                    by=user.user_id,
                    detail=recording.recording_id,
                )
            )
            raise _not_found()
        return recording

    async def _may_hear(self, user: User, recording: Recording) -> bool:
        if user.may(Permission.CONFIGURE):
            return True
        if user.may(Permission.HEAR_OWN_RECORDINGS) and user.user_id in recording.agent_ids:
            return True
        if not user.may(Permission.HEAR_TEAM_RECORDINGS) or not user.team:
            return False
        for agent_id in recording.agent_ids:
            agent = await self._accounts.by_id(agent_id)
            if agent is not None and agent.team == user.team:
                return True
        return False

    def _note(self, user: User, recording: Recording) -> None:
        """Audit a listening, unless it goes on from one that was."""
        key = (user.user_id, recording.recording_id)
        now = self._clock.monotonic()
        noted = self._noted.get(key)
        if noted is not None and now - noted < AUDIT_TIME.total_seconds():
            return
        self._noted[key] = now
        self._noted.move_to_end(key)
        while len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)
        self._bus.publish(
            SecurityNoted(
                at=self._clock.now(),
                what="recording_heard",
                by=user.user_id,
                detail=recording.recording_id,
            )
        )


def _content_type(recording: Recording) -> str:
    return CONTENT_TYPES[recording.audio_key.rpartition(".")[2]]


def _not_found() -> ApiError:
    return ApiError(404, "no_such_recording", "There is no such recording.")
