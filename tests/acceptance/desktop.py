"""An agent's page without a browser: it holds the document as a page does, and sends commands as one."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import count
from typing import Any

from cti.bootstrap import Service
from cti.domain.people import User
from screenpop.connection import CloseCode, Connection
from tests.fakes.clock import settle

_command_ids = count(1)


class Refused(Exception):
    """The service refused a command; the text is the refusal's id."""


class Desktop:
    """One open page. ``sections`` is what it shows."""

    def __init__(self, service: Service, user: User) -> None:
        self.user = user
        self.sections: dict[str, Any] = {}
        self.texts: list[str] = []
        """Everything that came over the wire."""
        self._service = service
        self._connection = Connection()
        self._reads = asyncio.Event()
        self._reads.set()
        self._slowness = timedelta(0)
        self._desk = service.screenpop.pop.open(user, self._connection, None, 0, "en")
        self._task = asyncio.create_task(self._read())

    # ---- what it shows -------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The agent's state, with its reason: ``NOT_READY rona``."""
        agent = self.sections["agent"]
        return f"{agent['state']} {agent['reason']}".strip()

    @property
    def call(self) -> str:
        """What stands there of a call: ``offered``, ``ringing``…; empty: none."""
        call = self.sections["call"]
        return call["state"] if call else ""

    @property
    def call_id(self) -> str:
        """Whose call it is."""
        return str(self.sections["call"]["call_id"])

    @property
    def ticket(self) -> dict[str, Any]:
        """The ticket section."""
        found: dict[str, Any] = self.sections["ticket"]
        return found

    @property
    def journey(self) -> list[str]:
        """The steps in the ticket's timeline."""
        return [item["what"] for item in self.ticket["timeline"]]

    @property
    def closed_with(self) -> CloseCode | None:
        """Why the service closed it."""
        return self._connection.close_code

    # ---- what a person does --------------------------------------------------------------------

    async def do(self, name: str, /, command_id: str = "", **args: Any) -> None:
        """Press a button; raises ``Refused`` with the refusal's id."""
        command_id = command_id or f"command-{next(_command_ids)}"
        commands = self._service.screenpop.commands
        result = await commands.execute(self._desk, command_id, name, args)
        await settle()  # the page has read what came of it
        self.texts.append(json.dumps(result, ensure_ascii=False))
        if not result["ok"]:
            raise Refused(result["error"]["id"])

    async def on_call(self, name: str, **args: Any) -> None:
        """Press a button that belongs to the call that stands there."""
        await self.do(f"call.{name}", call_id=self.call_id, **args)

    def phone_reloaded(self) -> None:
        """The page's phone registered anew and has no session."""
        self._service.screenpop.pop.phone_told(self.user.user_id, True, False)

    def watch(self) -> None:
        """Open the dialog that shows colleagues, queues and parked callers."""
        self._service.screenpop.pop.directory.watch(self._desk, self._connection, True)

    def hang(self) -> None:
        """The page reads nothing any more."""
        self._reads.clear()

    def be_slow(self, slowness: timedelta) -> None:
        """Take so long for each message from now on."""
        self._slowness = slowness

    def leave(self) -> None:
        """Close the page."""
        self._desk.detach(self._connection)
        self._connection.close(CloseCode.GOING_AWAY)
        self._task.cancel()

    async def _read(self) -> None:
        while True:
            await self._reads.wait()
            text = await self._connection.next_message()
            if text is None:
                return
            if self._slowness:
                await self._service.clock.sleep(self._slowness)
            self.texts.append(text)
            message = json.loads(text)
            if message["type"] == "snapshot":
                self.sections = dict(message["sections"])
            else:
                self.sections[message["section"]] = message["value"]
