"""What an agent may do with menus during a call: send his caller into one, fetch him back.

The page names a menu of the company's and nothing else; which flow that is, and whether the caller comes back, is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import CallId
from cti.domain.menu_events import CallMenuBegan
from cti.domain.targets import Target
from cti.ports import CallControl
from screenpop.call_commands import CallCommands
from screenpop.confirming import Confirming
from screenpop.desks import Desk
from screenpop.messages import Args, CallArgs, CallMenuArgs
from screenpop.on_desktop import Work

Menus = Mapping[str, tuple[str, bool]]
"""By name: the flow, and whether the caller comes back."""


class MenuCommands:
    """Checks and carries out; ``table`` names each command's shape and check."""

    def __init__(
        self, commands: CallCommands, calls: CallControl, confirmed: Confirming, menus: Menus
    ) -> None:
        self.menus = menus
        self._commands = commands
        self._calls = calls
        self._confirmed = confirmed
        self.table: dict[str, tuple[type[Args], Callable[[Desk, Any, str], Work]]] = {
            "call.menu": (CallMenuArgs, self._send),
            "call.fetch_back": (CallArgs, self._fetch),
        }

    def _send(self, desk: Desk, args: CallMenuArgs, _: str) -> Work:
        call_id, endpoint = self._commands.own_call(desk, args.call_id, "menu")
        if args.menu not in self.menus:
            raise CommandRefused("no_such_menu", "The company has no such menu (any more).")
        flow, comes_back = self.menus[args.menu]
        if comes_back:
            return self._until(
                call_id,
                CallMenuBegan,
                lambda: self._calls.send_to_menu(call_id, endpoint, args.menu),
            )
        return self._until(
            call_id,
            ev.CallTransferred,
            lambda: self._calls.transfer(call_id, Target("flow", flow), endpoint),
        )

    def _fetch(self, desk: Desk, args: CallArgs, _: str) -> Work:
        call_id, _endpoint = self._commands.own_call(desk, args.call_id, "fetch_back")
        kinds = (ev.CallRetrieved, ev.CallConnected)
        return self._until(call_id, kinds, lambda: self._calls.fetch_back(call_id))

    def _until(
        self,
        call_id: CallId,
        kinds: type[ev.CallEvent] | tuple[type[ev.CallEvent], ...],
        send: Work,
    ) -> Work:
        return lambda: self._confirmed(
            send, lambda e: isinstance(e, kinds) and e.call_id == call_id, of_call=call_id
        )
