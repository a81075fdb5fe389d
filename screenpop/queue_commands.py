"""Hands on waiting callers, as pages ask for them; the ACD says who may (``screenpop.ports.QueueHands``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, Endpoint, parse_call_id
from screenpop.desks import Desk, Desks
from screenpop.messages import Args, DemandArgs, HandArgs, PlaceArgs, PriorityArgs, PushArgs
from screenpop.on_desktop import Work
from screenpop.ports import QueueHands


class QueueCommands:
    """Checks the shapes, names the agent, and hands on."""

    def __init__(self, hands: QueueHands, desks: Desks) -> None:
        self._hands = hands
        self._desks = desks
        self.table: Mapping[str, tuple[type[Args], Callable[[Desk, Any, str], Work]]] = {
            "queue.pull": (HandArgs, self._pull),
            "queue.push": (PushArgs, self._push),
            "queue.move": (PlaceArgs, self._move),
            "queue.priority": (PriorityArgs, self._priority),
            "queue.demand": (DemandArgs, self._demand),
        }

    def _pull(self, desk: Desk, args: HandArgs, command_id: str) -> Work:
        call_id = _call(args)
        return lambda: self._hands.pull(desk.user, command_id, call_id, args.why, is_accepted=True)

    def _push(self, desk: Desk, args: PushArgs, command_id: str) -> Work:
        call_id, agent_id = _call(args), self._agent(args.agent)
        return lambda: self._hands.push(
            desk.user, command_id, call_id, args.why,
            agent_id=agent_id, is_forced=args.force, is_accepted=True,
        )  # fmt: skip

    def _move(self, desk: Desk, args: PlaceArgs, command_id: str) -> Work:
        call_id = _call(args)
        return lambda: self._hands.move(
            desk.user, command_id, call_id, args.why, place=args.place, is_accepted=True
        )

    def _priority(self, desk: Desk, args: PriorityArgs, command_id: str) -> Work:
        call_id, credit_time = _call(args), timedelta(seconds=args.credit_s)
        return lambda: self._hands.prioritise(
            desk.user, command_id, call_id, args.why, credit_time=credit_time, is_accepted=True
        )

    def _demand(self, desk: Desk, args: DemandArgs, command_id: str) -> Work:
        call_id = _call(args)
        return lambda: self._hands.demand(
            desk.user, command_id, call_id, args.why, demand=args.demand, is_accepted=True
        )

    def _agent(self, extension: str) -> AgentId:
        desk = self._desks.at_phone(Endpoint(extension))
        if desk is None:
            raise CommandRefused("no_such_agent", "Nobody has this extension.")
        return desk.user.user_id


def _call(args: HandArgs) -> CallId:
    return parse_call_id(args.call_id)
