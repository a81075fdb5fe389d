"""The callbacks that stand: ``GET /api/v1/callbacks``, ``POST /api/v1/callbacks/{call_id}/withdraw``.

Everybody sees those of the queues that he serves or watches; the others look as if there were none. Numbers are masked;
who may see them in full asks for it, and that is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from acd.callback_desk import CallbackDesk, CallbackView
from acd.callback_figures import CallbackCounts, CallbackFigures
from acd.figures_scope import Scope
from cti.domain.callback_events import CallbackEnded, CallbackRequested
from cti.domain.errors import CommandRefused
from cti.domain.events import CommandAccepted, Event, SecurityNoted
from cti.domain.ids import CallId, parse_call_id
from cti.domain.numbers import DialPlan, mask, read_number
from cti.domain.people import Permission, User
from cti.ports import Clock, EventBus, Unsubscribe
from cti.web.routing import (
    Access,
    ApiError,
    Body,
    CommandKey,
    Query,
    Route,
    json_answer,
    read_body,
    read_query,
    signed_in,
)

_S = timedelta(seconds=1)


class CallbacksQuery(Query):
    """What is shown."""

    unmasked: bool = False


class WithdrawBody(Body):
    """Why; a word of this list, since it stands in the journal for good."""

    command_id: CommandKey
    reason: Literal["solved", "duplicate", "wrong_number", "asked", "other"]


class CallbackAnswer(BaseModel):
    """One that stands."""

    call_id: str = Field(description="The call in which it was asked for; its name.")
    queue: str
    number: str = Field(description="Masked, unless asked for otherwise by somebody who may.")
    stage: str = Field(description="waiting, reserved, dialling, or unsure (being looked up).")
    place: int | None = Field(description="In the queue's line, from 1; null: under way.")
    requested_at: datetime
    since: datetime = Field(description="The beginning of his wait.")
    due_at: datetime
    expires_at: datetime
    attempts: int = Field(description="Calls to the customer so far.")
    agent_id: str | None


class CallbackQueueAnswer(BaseModel):
    """A queue's figures of today."""

    queue: str
    requested: int
    done: int
    expired: int
    withdrawn: int
    attempts: int
    average_s: float | None = Field(description="From asking to speaking, of those done.")


class CallbacksAnswer(BaseModel):
    """All that one may see."""

    at: datetime
    callbacks: list[CallbackAnswer]
    counted_since: datetime | None = Field(description="Today, as far back as it is known.")
    today: list[CallbackQueueAnswer]


class CallbacksSite:
    """The addresses."""

    def __init__(
        self,
        desk: CallbackDesk,
        figures: CallbackFigures,
        scope: Callable[[User], Scope],
        plan: DialPlan,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._figures = figures
        self._scope = scope
        self._plan = plan
        self._bus = bus
        self._clock = clock
        self._unsubscribe: Unsubscribe = lambda: None

    def start(self, past: Iterable[Event]) -> None:
        """Count from now on, and what the journal tells of today."""
        for event in past:
            self._figures.take(event)
        self._unsubscribe = self._bus.subscribe(
            self._figures.take, CallbackRequested, CallbackEnded
        )

    def stop(self) -> None:
        """Count no more."""
        self._unsubscribe()

    def routes(self) -> list[Route]:
        """Hand them to the web application."""
        base = "/api/v1/callbacks"
        return [
            Route("GET", base, self.callbacks, Access.SIGNED_IN, "The callbacks that stand",
                  answer=CallbacksAnswer, query=CallbacksQuery),
            Route("POST", f"{base}/{{call_id}}/withdraw", self.withdraw, Access.SIGNED_IN,
                  "Take a callback back", WithdrawBody, CallbacksAnswer),
        ]  # fmt: skip

    async def callbacks(self, request: web.Request) -> web.StreamResponse:
        """The list, and today's figures."""
        user, asked = signed_in(request).user, read_query(request, CallbacksQuery)
        if asked.unmasked:
            if not user.may(Permission.UNMASK_NUMBERS):
                raise ApiError(403, "not_allowed", "Your role doesn't allow this.")
            now = self._clock.now()
            self._bus.publish(SecurityNoted(at=now, what="callback_numbers_shown", by=user.user_id))
        return self._answer(user, is_unmasked=asked.unmasked)

    async def withdraw(self, request: web.Request) -> web.StreamResponse:
        """By somebody's command."""
        body, user = await read_body(request, WithdrawBody), signed_in(request).user
        call_id = parse_call_id(request.match_info["call_id"])
        if call_id not in {view.callback_id for view in self._seen(user)}:
            raise _gone()
        self._bus.publish(
            CommandAccepted(
                at=self._clock.now(), command_id=body.command_id, name="callback.withdraw",
                by=user.user_id, call_id=call_id, arguments={"reason": body.reason},
            )
        )  # fmt: skip
        try:
            await self._desk.withdraw(CallId(call_id), body.reason, user.user_id)
        except CommandRefused as refusal:
            if refusal.reason == "no_such_callback":
                raise _gone() from refusal
            raise
        return self._answer(user, is_unmasked=False)

    def _seen(self, user: User) -> list[CallbackView]:
        queues = self._scope(user).queues
        return [view for view in self._desk.views() if view.queue in queues]

    def _answer(self, user: User, *, is_unmasked: bool) -> web.StreamResponse:
        now, queues = self._clock.now(), self._scope(user).queues
        self._figures.turn(now)
        counts = self._figures.counts
        answer = CallbacksAnswer(
            at=now,
            callbacks=[self._shown(view, is_unmasked=is_unmasked) for view in self._seen(user)],
            counted_since=self._figures.since_at,
            today=[_queue(name, counts[name]) for name in sorted(counts) if name in queues],
        )
        return json_answer(answer)

    def _shown(self, view: CallbackView, *, is_unmasked: bool) -> CallbackAnswer:
        number = read_number(view.number, self._plan)
        return CallbackAnswer(
            call_id=view.callback_id,
            queue=view.queue,
            number=number.shown if is_unmasked else mask(number, self._plan.country),
            stage=view.stage,
            place=view.position,
            requested_at=view.requested_at,
            since=view.enqueued_at,
            due_at=view.due_at,
            expires_at=view.expires_at,
            attempts=view.attempts,
            agent_id=view.agent_id or None,
        )


def _gone() -> ApiError:
    return ApiError(404, "no_such_callback", "There is no such callback (any more).")


def _queue(name: str, counts: CallbackCounts) -> CallbackQueueAnswer:
    average_time = counts.average_time
    return CallbackQueueAnswer(
        queue=name,
        requested=counts.requested,
        done=counts.done,
        expired=counts.expired,
        withdrawn=counts.withdrawn,
        attempts=counts.attempts,
        average_s=None if average_time is None else round(average_time / _S, 1),
    )
