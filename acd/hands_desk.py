"""Who may lay a hand on which waiting caller; each hand once, written down before it is laid.

Agents pull callers of the queues they serve, where the queue lets them (``agents_pull``). Supervisors do everything to the
callers of the queues that somebody of their team serves, and push them to their team; administrators to everybody.
Somebody else's caller looks like one who doesn't wait.

Order for each hand: may he → ``CommandAccepted`` committed → may he still (the caller may have gone on meanwhile) → the
core → noted for the audit. The reason is free text, so it stands in the call's personal rows and goes when
its caller is erased; the audit says who, what and to which call. The same command id again gets the same
answer and does nothing, also after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta

from acd import decisions as d
from acd.facts import QueueEntry
from acd.figures_board import Member
from acd.figures_scope import Scope, scope_of
from acd.service import AcdService
from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import AgentId, CallId, QueueName
from cti.domain.people import Permission, User
from cti.ports import Clock, EventBus, Journal

LONGEST_REASON = 500
"""Characters."""
_REMEMBERED = 5_000
_PREFIX = "queue."
_GONE = "This caller doesn't wait in a queue of yours (any more)."
_BEFORE = "This was asked for before our last start; look what is true."

Outcome = CommandRefused | None


class HandsDesk:
    """Takes hands from pages and programs to the core."""

    def __init__(
        self,
        acd: AcdService,
        members: Callable[[], Iterable[Member]],
        journal: Journal,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._acd = acd
        self._members = members
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._answers: OrderedDict[tuple[AgentId, str], asyncio.Future[Outcome] | Outcome] = (
            OrderedDict()
        )

    def restore(self, past: Iterable[ev.Event]) -> None:
        """Know the hands of before the last start, so that none is laid twice."""
        for event in past:
            match event:
                case ev.CommandAccepted() if event.name.startswith(_PREFIX):
                    refusal = CommandRefused("sent_before", _BEFORE)
                    self._remember((AgentId(event.by), event.command_id), refusal)
                case ev.HandLaid():
                    self._remember((event.by, event.command_id), None)

    # ---- the hands; each raises CommandRefused with the core's reasons, InvalidValue for an empty or long reason,
    # ---- OSError when it can't be written down

    async def pull(
        self, user: User, command_id: str, call_id: CallId, why: str, *, is_accepted: bool = False
    ) -> None:
        """Give a caller to oneself. ``is_accepted``: the command stands in the journal already."""
        hand = d.Pull(call_id=call_id, by=user.user_id, command_id=command_id, why=_reason(why))
        await self._once(user, "pull", hand, is_accepted=is_accepted)

    async def push(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        agent_id: AgentId,
        is_forced: bool,
        is_accepted: bool = False,
    ) -> None:
        """Give a caller to somebody."""
        hand = d.Push(
            call_id=call_id, by=user.user_id, command_id=command_id, why=_reason(why),
            agent_id=agent_id, is_forced=is_forced,
        )  # fmt: skip
        await self._once(user, "push", hand, is_accepted=is_accepted)

    async def move(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        place: int,
        is_accepted: bool = False,
    ) -> None:
        """Put a caller at a place of his line, from 1."""
        hand = d.MoveTo(
            call_id=call_id, by=user.user_id, command_id=command_id, why=_reason(why), place=place
        )
        await self._once(user, "move", hand, is_accepted=is_accepted)

    async def prioritise(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        credit_time: timedelta,
        is_accepted: bool = False,
    ) -> None:
        """Give a caller a credit in place of what a hand gave him before."""
        hand = d.Prioritise(
            call_id=call_id, by=user.user_id, command_id=command_id, why=_reason(why),
            credit_time=credit_time,
        )  # fmt: skip
        await self._once(user, "priority", hand, is_accepted=is_accepted)

    async def demand(
        self,
        user: User,
        command_id: str,
        call_id: CallId,
        why: str,
        *,
        demand: str | None,
        is_accepted: bool = False,
    ) -> None:
        """Say what a caller needs in place of all that was said; None: what was said counts again."""
        hand = d.Demand(
            call_id=call_id, by=user.user_id, command_id=command_id, why=_reason(why), demand=demand
        )
        await self._once(user, "demand", hand, is_accepted=is_accepted)

    # ---- what one sees -------------------------------------------------------------------------

    def waiting(self, user: User, queue: QueueName) -> tuple[QueueEntry, ...] | None:
        """The callers of a queue, in order; None: there is no such queue, or it is none of his business."""
        is_his = queue in self._scope(user).queues
        is_seeing = user.may(Permission.ORDER_QUEUES) or self._acd.may_pull(queue)
        return self._acd.waiting(queue) if is_his and is_seeing else None

    # ---- how -----------------------------------------------------------------------------------

    def _scope(self, user: User) -> Scope:
        return scope_of(user, self._members(), self._acd.queues)

    async def _once(self, user: User, word: str, hand: d.Hands, *, is_accepted: bool) -> None:
        key = (user.user_id, hand.command_id)
        if key in self._answers:
            known = self._answers[key]
            outcome = await asyncio.shield(known) if isinstance(known, asyncio.Future) else known
        else:
            answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            self._remember(key, answer)
            try:
                outcome = await self._lay(user, word, hand, is_accepted=is_accepted)
            except BaseException:
                self._answers.pop(key, None)  # nothing was laid: it may be asked for again
                answer.cancel()
                raise
            answer.set_result(outcome)
            self._answers[key] = outcome
        if outcome is not None:
            raise CommandRefused(outcome.reason, str(outcome), **outcome.values)

    async def _lay(self, user: User, word: str, hand: d.Hands, *, is_accepted: bool) -> Outcome:
        try:
            self._see_that_he_may(user, word, hand)
            if not is_accepted:
                await self._accept(user, word, hand)
                self._see_that_he_may(user, word, hand)
            self._acd.lay(hand)
        except CommandRefused as refusal:
            return refusal
        self._note("hand_laid", user, word, hand.call_id)
        with contextlib.suppress(OSError):  # laid it is; the journal has its own alarm
            await self._journal.flush()
        return None

    async def _accept(self, user: User, word: str, hand: d.Hands) -> None:
        if self._journal.is_failing:
            # Not even told: what is refused must not stand in the journal as accepted, later.
            raise OSError("the journal can't be written")
        self._bus.publish(
            ev.CommandAccepted(
                at=self._clock.now(),
                command_id=hand.command_id,
                name=f"{_PREFIX}{word}",
                by=user.user_id,
                call_id=hand.call_id,
                arguments=_ids_of(hand),
            )
        )
        await self._journal.flush()

    def _see_that_he_may(self, user: User, word: str, hand: d.Hands) -> None:
        queue, scope = self._acd.queue_of(hand.call_id), self._scope(user)
        if queue is None:
            raise CommandRefused("no_such_call", _GONE)
        is_watching = user.may(Permission.ORDER_QUEUES)
        is_pulling = isinstance(hand, d.Pull)
        is_his = queue in scope.queues
        if is_pulling and is_his and user.may(Permission.PULL_CALLS):
            if is_watching or self._acd.may_pull(queue):
                return
            self._note("hand_refused", user, word, hand.call_id)
            raise CommandRefused(
                "not_allowed", "In this queue calls are given out, not picked; ask a supervisor."
            )
        if not is_his:
            self._note("hand_refused", user, word, hand.call_id)
            raise CommandRefused("no_such_call", _GONE)
        if is_pulling or not is_watching:
            self._note("hand_refused", user, word, hand.call_id)
            raise CommandRefused("not_allowed", "Your role doesn't allow this.")
        if isinstance(hand, d.Push) and hand.agent_id not in scope.agents:
            self._note("hand_refused", user, word, hand.call_id)
            raise CommandRefused("no_such_agent", "Nobody of your team has this name.")

    def _note(self, what: str, user: User, word: str, call_id: CallId) -> None:
        self._bus.publish(
            ev.SecurityNoted(
                at=self._clock.now(), what=what, by=user.user_id, detail=f"{word} {call_id}"
            )
        )

    def _remember(
        self, key: tuple[AgentId, str], answer: asyncio.Future[Outcome] | Outcome
    ) -> None:
        self._answers[key] = answer
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(f"reason (1 to {LONGEST_REASON} characters)", text)
    return reason


def _ids_of(hand: d.Hands) -> dict[str, str]:
    """What of a hand may stand in the journal's own rows: never the reason."""
    match hand:
        case d.Push():
            return {"agent_id": hand.agent_id, "is_forced": str(hand.is_forced)}
        case d.MoveTo():
            return {"place": str(hand.place)}
        case d.Prioritise():
            return {"credit_s": str(hand.credit_time.total_seconds())}
        case d.Demand():
            return {} if hand.demand is None else {"demand": hand.demand[:400]}
        case d.Pull():
            return {}
