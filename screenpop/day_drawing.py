"""Whose desktop shows what of the day, as values; what many see alike is made and written out once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cti.domain.ids import AgentId, CallId, QueueName
from cti.domain.numbers import mask, place_of
from cti.domain.people import Permission, User
from cti.ports import Clock
from screenpop.connection import to_json
from screenpop.day_values import (
    CallbacksSection,
    MessagesSection,
    MissedSection,
    MissedValue,
    PromiseValue,
    ReceivedValue,
    SentValue,
    StandingValue,
)
from screenpop.desks import Desk, Desks
from screenpop.missed import Entry
from screenpop.notices import Message
from screenpop.pacing import in_turn
from screenpop.promises import Promise
from screenpop.sections import iso, iso_or_none
from screenpop.views import ScopeView, StandingCallback

if TYPE_CHECKING:
    from screenpop.day import Day

MOST_OPEN = 200
MOST_CLOSED = 50
MOST_CALLBACKS = 200
MOST_MESSAGES = 100
_MOST_NAMES = 10


class Drawing:
    """Makes the sections of all desktops."""

    def __init__(
        self, day: Day, desks: Desks, clock: Clock, scope: Callable[[User], ScopeView]
    ) -> None:
        self._day = day
        self._desks = desks
        self._clock = clock
        self._scope_of = scope
        self._scopes: dict[User, ScopeView] = {}

    def scope(self, user: User) -> ScopeView:
        """What somebody may see; reckoned once."""
        scope = self._scopes.get(user)
        if scope is None:
            scope = self._scopes[user] = self._scope_of(user)
        return scope

    def forget_scopes(self) -> None:
        """The company has changed."""
        self._scopes.clear()

    # ---- missed calls ----------------------------------------------------------------------------

    def missed(self) -> None:
        """Everybody's list; agents who serve the same queues share one."""
        now = self._clock.now()
        is_open = self._day.missed.open()
        closed = self._day.missed.recently_closed(self._day.midnight(now))
        values: dict[CallId, MissedValue] = {}  # of those that somebody's list has room for
        # Whose own they are, looked at once: a burst of callers who give up meets hundreds of desks.
        at_agents: dict[AgentId, list[CallId]] = {}
        at_phones: dict[str, list[CallId]] = {}
        for entry in (*is_open, *closed):
            for agent_id in entry.agents:
                at_agents.setdefault(agent_id, []).append(entry.entry_id)
            for phone in entry.phones:
                at_phones.setdefault(phone, []).append(entry.entry_id)
        shared: dict[Any, tuple[MissedSection, str]] = {}

        def value(entry: Entry) -> MissedValue:
            if entry.entry_id not in values:
                values[entry.entry_id] = self._missed(entry, now)
            return values[entry.entry_id]

        def visit(desk: Desk) -> None:
            user, scope = desk.user, self.scope(desk.user)
            own = {*at_agents.get(user.user_id, ()), *at_phones.get(user.extension, ())}
            key = scope.queues, scope.agents if len(scope.agents) > 1 else None, frozenset(own)
            if key not in shared:
                mine = [entry for entry in is_open if self._day.may_see(user, entry)]
                done = (entry for entry in closed if self._day.may_see(user, entry))
                section = MissedSection(
                    open=[value(entry) for entry in mine[:MOST_OPEN]],
                    closed=[value(entry) for entry in itertools.islice(done, MOST_CLOSED)],
                    more=max(0, len(mine) - MOST_OPEN),
                )
                shared[key] = section, to_json(section)
            desk.put("missed", *shared[key])

        in_turn(self._clock, self._desks, visit)

    def _missed(self, entry: Entry, now: datetime) -> MissedValue:
        day, last = self._day, entry.tries[-1] if entry.tries else None
        number, taker = day.read(entry.number), entry.taker(now)
        queue = next((c.queue for c in reversed(entry.calls) if c.queue is not None), None) or ""
        labels = day.config.disposition_labels
        return MissedValue(
            call_id=entry.entry_id,
            number=mask(number, day.plan.country),
            place=place_of(number),
            name=day.names.get(entry.entry_id, ""),
            count=len(entry.calls),
            first_at=iso(min(c.at for c in entry.calls if c.at is not None)),
            last_at=iso(entry.last_at),
            queue=queue,
            queue_label=dict(day.config.queue_labels.get(queue, {})),
            agents=sorted(entry.agents),
            phones=sorted(entry.phones),
            voicemail=any(c.has_voicemail for c in entry.calls),
            taken_by=taker or "",
            taken_name=self._name(taker),
            tries=len(entry.tries),
            last_try=last.result if last is not None else "",
            last_try_at=iso(last.at) if last is not None else None,
            last_try_by=self._name(last.agent_id) if last is not None else "",
            closed_at=iso_or_none(entry.closed_at),
            how=entry.how,
            closed_by=self._name(entry.closed_by),
            result=entry.result,
            result_label=dict(labels.get(entry.result, {})),
        )

    def _name(self, agent_id: AgentId | None) -> str:
        desk = self._desks.get(agent_id) if agent_id is not None else None
        return desk.user.name if desk is not None else ""

    # ---- callbacks ---------------------------------------------------------------------------------

    def callbacks(self) -> None:
        """Everybody's own, his queues', and for who watches others what of theirs is due."""
        now, by_agent = self._clock.now(), dict[AgentId, list[PromiseValue]]()
        by_queue: dict[QueueName, list[PromiseValue]] = {}
        for promise in self._day.promises.standing():
            value = self._promise(promise, now)
            if promise.agent_id is not None:
                by_agent.setdefault(promise.agent_id, []).append(value)
            elif promise.queue is not None:
                by_queue.setdefault(promise.queue, []).append(value)
        standing = [(view.queue, self._standing(view)) for view in self._day.standing()]

        def visit(desk: Desk) -> None:
            desk.put("callbacks", self._callbacks(desk.user, by_agent, by_queue, standing))

        in_turn(self._clock, self._desks, visit)

    def _callbacks(
        self,
        user: User,
        by_agent: dict[AgentId, list[PromiseValue]],
        by_queue: dict[QueueName, list[PromiseValue]],
        standing: list[tuple[QueueName, StandingValue]],
    ) -> CallbacksSection:
        scope = self.scope(user)
        mine = list(by_agent.get(user.user_id, ()))
        for queue in scope.queues & by_queue.keys():
            mine += by_queue[queue]
        mine.sort(key=lambda v: (v["due_at"], v["call_id"]))
        others = (scope.agents - {user.user_id}) & by_agent.keys()
        team = [value for agent_id in others for value in by_agent[agent_id] if value["is_due"]]
        team.sort(key=lambda v: (v["due_at"], v["call_id"]))
        return CallbacksSection(
            mine=mine[:MOST_CALLBACKS],
            team=team[:MOST_CALLBACKS],
            queue=[v for queue, v in standing if queue in scope.queues][:MOST_CALLBACKS],
            due=sum(value["is_due"] for value in mine),
        )

    def _promise(self, promise: Promise, now: datetime) -> PromiseValue:
        day, number = self._day, self._day.read(promise.number)
        return PromiseValue(
            call_id=promise.call_id,
            due_at=iso(promise.due_at),
            is_due=promise.due_at <= now,
            made_at=iso(promise.made_at),
            made_by=self._name(promise.made_by),
            keeper=self._name(promise.agent_id),
            keeper_id=promise.agent_id or "",
            is_signed_out=promise.agent_id is not None and day.is_signed_out(promise.agent_id),
            queue=promise.queue or "",
            queue_label=dict(day.config.queue_labels.get(promise.queue or "", {})),
            number=mask(number, day.plan.country),
            place=place_of(number),
            name=day.names.get(promise.call_id, ""),
            text=promise.text,
        )

    def _standing(self, view: StandingCallback) -> StandingValue:
        day = self._day
        return StandingValue(
            call_id=view.callback_id,
            queue=view.queue,
            queue_label=dict(day.config.queue_labels.get(view.queue, {})),
            number=mask(day.read(view.number), day.plan.country),
            stage=view.stage,
            requested_at=iso(view.requested_at),
            due_at=iso(view.due_at),
            expires_at=iso(view.expires_at),
            attempts=view.attempts,
        )

    # ---- messages ----------------------------------------------------------------------------------

    def messages(self, whom: Iterable[AgentId]) -> None:
        """These people's messages."""
        for agent_id in whom:
            if (desk := self._desks.get(agent_id)) is not None:
                desk.put("messages", self._messages(desk))

    def _messages(self, desk: Desk) -> MessagesSection:
        user, lists = desk.user, self._day.messages
        received = [
            ReceivedValue(
                message_id=m.message_id,
                at=iso(m.at),
                by=self._name(m.by),
                audience=m.audience,
                text=m.text,
                is_read=user.user_id in m.read,
            )
            for m in lists.to(user.user_id)
        ]
        return MessagesSection(
            received=received[:MOST_MESSAGES],
            sent=[self._sent(m) for m in lists.by(user.user_id)[:MOST_MESSAGES]],
            unread=sum(not value["is_read"] for value in received),
            teams=self.teams(user),
            may_send=user.may(Permission.SEND_MESSAGES),
        )

    def teams(self, user: User) -> list[str]:
        """The teams to which somebody may write."""
        if not user.may(Permission.SEND_MESSAGES):
            return []
        seen = self.scope(user).agents
        return sorted({d.user.team for d in self._desks if d.user.team and d.user.user_id in seen})

    def _sent(self, message: Message) -> SentValue:
        unread = [who for who in message.recipients if who not in message.read]
        is_one = message.audience == "agent"
        return SentValue(
            message_id=message.message_id,
            at=iso(message.at),
            audience=message.audience,
            to=self._name(message.recipients[0]) if is_one else message.target,
            text=message.text,
            recipients=len(message.recipients),
            read=len(message.recipients) - len(unread),
            unread_by=[self._name(who) for who in unread[:_MOST_NAMES]],
        )
