"""Who waits, and hands on them: ``/api/v1/queues/{name}/waiting``, ``/api/v1/waiting/{call_id}/…``.

Numbers are masked for everybody. A queue, a caller or an agent outside of one's team looks like one that doesn't exist.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from acd.facts import Phase, QueueEntry
from acd.hands_desk import LONGEST_REASON, HandsDesk
from acd.ports import Calls
from cti.domain.demands import MAX_LENGTH
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, QueueName, parse_call_id
from cti.domain.numbers import DialPlan, mask, read_number
from cti.domain.people import Permission, User
from cti.ports import Clock
from cti.web.routing import (
    Access,
    ApiError,
    Body,
    CommandKey,
    Route,
    json_answer,
    read_body,
    signed_in,
)

_S = timedelta(seconds=1)
_STATES = {Phase.WAITING: "waiting", Phase.OFFERED: "offered", Phase.FALLBACK: "fallback"}


class HandBody(Body):
    """What every hand needs; the same ``command_id`` again does nothing and gets the same answer."""

    command_id: CommandKey
    why: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class PushBody(HandBody):
    """To whom; ``force``: although he is away, writes his notes, or isn't meant for this caller."""

    agent_id: Annotated[str, Field(min_length=1, max_length=64)]
    force: bool = False


class MoveBody(HandBody):
    """Where in the line, from 1; beyond the end: last."""

    place: Annotated[int, Field(ge=1, le=100_000)]


class PriorityBody(HandBody):
    """So many seconds count as wait; in place of what a hand gave before."""

    credit_s: Annotated[int, Field(ge=-86_400, le=86_400)]


class DemandBody(HandBody):
    """In place of all that was said; null: what was said counts again."""

    demand: Annotated[str, Field(max_length=MAX_LENGTH)] | None


class Waiter(BaseModel):
    """A caller who isn't connected yet."""

    call_id: str
    place: int = Field(description="In the queue's line, from 1.")
    state: str = Field(description="waiting, offered (to agent_id), or fallback.")
    number: str = Field(description="Masked.")
    since: datetime
    credit_s: float = Field(description="Of queue, call and customer group; counts as wait.")
    hand_s: float = Field(description="What somebody's hand gave besides, as priority.")
    moved_s: float = Field(description="What somebody's hand gave to move him in the line.")
    demand: str = Field(description="At this point of his wait.")
    agent_id: str | None
    missed_by: list[str] = Field(description="Agents who didn't take him so far.")


class WaitersAnswer(BaseModel):
    """Who waits in a queue."""

    queue: str
    at: datetime
    callers: list[Waiter]


class HandAnswer(BaseModel):
    """The hand is laid."""

    call_id: str


class HandsSite:
    """The addresses."""

    def __init__(self, desk: HandsDesk, calls: Calls, plan: DialPlan, clock: Clock) -> None:
        self._desk = desk
        self._calls = calls
        self._plan = plan
        self._clock = clock

    def routes(self) -> list[Route]:
        """Hand them to the web application."""
        one, order = "/api/v1/waiting/{call_id}", Permission.ORDER_QUEUES
        return [
            Route("GET", "/api/v1/queues/{name}/waiting", self.waiting, Access.SIGNED_IN,
                  "Who waits in a queue, in order", answer=WaitersAnswer),
            Route("POST", f"{one}/pull", self.pull, Permission.PULL_CALLS,
                  "Take a waiting caller", HandBody, HandAnswer),
            Route("POST", f"{one}/push", self.push, order,
                  "Give a waiting caller to an agent", PushBody, HandAnswer),
            Route("POST", f"{one}/move", self.move, order,
                  "Move a waiting caller in his line", MoveBody, HandAnswer),
            Route("POST", f"{one}/priority", self.priority, order,
                  "Give a waiting caller priority", PriorityBody, HandAnswer),
            Route("POST", f"{one}/demand", self.demand, order,
                  "Say which skills a waiting caller needs", DemandBody, HandAnswer),
        ]  # fmt: skip

    async def waiting(self, request: web.Request) -> web.StreamResponse:
        """The list."""
        name = QueueName(request.match_info["name"])
        found = self._desk.waiting(signed_in(request).user, name)
        if found is None:
            raise ApiError(404, "no_such_queue", "There is no such queue.")
        answer = WaitersAnswer(
            queue=name,
            at=self._clock.now(),
            callers=[self._waiter(place, entry) for place, entry in enumerate(found, start=1)],
        )
        return json_answer(answer)

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """To oneself."""
        body, user, call_id = await read_body(request, HandBody), *_who_and_whom(request)
        return await _done(call_id, self._desk.pull(user, body.command_id, call_id, body.why))

    async def push(self, request: web.Request) -> web.StreamResponse:
        """To somebody."""
        body, user, call_id = await read_body(request, PushBody), *_who_and_whom(request)
        hand = self._desk.push(
            user, body.command_id, call_id, body.why,
            agent_id=AgentId(body.agent_id), is_forced=body.force,
        )  # fmt: skip
        return await _done(call_id, hand)

    async def move(self, request: web.Request) -> web.StreamResponse:
        """In the line."""
        body, user, call_id = await read_body(request, MoveBody), *_who_and_whom(request)
        hand = self._desk.move(user, body.command_id, call_id, body.why, place=body.place)
        return await _done(call_id, hand)

    async def priority(self, request: web.Request) -> web.StreamResponse:
        """A credit."""
        body, user, call_id = await read_body(request, PriorityBody), *_who_and_whom(request)
        credit_time = body.credit_s * _S
        hand = self._desk.prioritise(
            user, body.command_id, call_id, body.why, credit_time=credit_time
        )
        return await _done(call_id, hand)

    async def demand(self, request: web.Request) -> web.StreamResponse:
        """Skills."""
        body, user, call_id = await read_body(request, DemandBody), *_who_and_whom(request)
        hand = self._desk.demand(user, body.command_id, call_id, body.why, demand=body.demand)
        return await _done(call_id, hand)

    def _waiter(self, place: int, entry: QueueEntry) -> Waiter:
        call = self._calls.get(entry.call_id)
        number = mask(read_number(call.ani, self._plan), self._plan.country) if call else ""
        return Waiter(
            call_id=entry.call_id,
            place=place,
            state=_STATES[entry.phase],
            number=number,
            since=entry.enqueued_at,
            credit_s=(entry.credit_time + entry.group_time) / _S,
            hand_s=entry.hand_time / _S,
            moved_s=round(entry.moved_time / _S, 3),
            demand=entry.demand,
            agent_id=entry.agent_id,
            missed_by=sorted(entry.tried),
        )


def _who_and_whom(request: web.Request) -> tuple[User, CallId]:
    return signed_in(request).user, parse_call_id(request.match_info["call_id"])


async def _done(call_id: CallId, hand: Awaitable[None]) -> web.StreamResponse:
    try:
        await hand
    except CommandRefused as refusal:
        if refusal.reason == "no_such_call":
            raise ApiError(404, refusal.reason, str(refusal)) from refusal
        if refusal.reason == "not_allowed":
            raise ApiError(403, refusal.reason, str(refusal)) from refusal
        raise
    return web.json_response(HandAnswer(call_id=call_id).model_dump())
