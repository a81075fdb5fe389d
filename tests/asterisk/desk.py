"""Somebody at his desk, for tests of shapes: a phone with keys, a desktop with commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cti.domain.ids import AgentId
from sip_sim.desktop import HeadlessDesktop
from sip_sim.phone import SoftPhone

SALES, HELP = "2001", "2002"
"""The queues' extensions; ann serves sales, cai serves help, bob and dee none."""
KEYS = {"sales": SALES, "help": HELP}
DEADLINE = 25.0
"""Seconds that anything may take."""


def to(kind: str, value: str) -> dict[str, str]:
    """A target, as desktops name it."""
    return {"kind": kind, "value": value}


@dataclass
class Desk:
    """Somebody at his desk: a phone with keys, a desktop with commands."""

    login: str
    endpoint: str
    agent_id: AgentId
    phone: SoftPhone
    desktop: HeadlessDesktop
    server: str  # where its SIP goes

    async def until(self, state: str) -> None:
        """Until the agent is in this state."""
        await eventually(
            self.desktop.until(lambda d: d.state == state, DEADLINE),
            lambda: f"{self.login} is {self.desktop.state}, not {state}",
        )

    async def do(self, name: str, **arguments: Any) -> None:
        """Give a command for the call on the desktop."""
        await self.desktop.until(lambda d: d.call and d.call["state"] != "ended", DEADLINE)
        assert self.desktop.call is not None
        call_id = self.desktop.call["call_id"]
        await self.desktop.command(f"call.{name}", call_id=call_id, **arguments)

    async def send_on(self, by: str, kind: str, value: str) -> None:
        """A blind transfer, by command or by the phone's own keys."""
        if by == "phone":
            await self.refer("*7" + value if kind == "parking" else KEYS.get(value, value))
        elif kind == "parking":
            await self.do("park", slot=value)
        else:
            await self.do("transfer", target=to(kind, value))

    async def begin_call(self, by: str, kind: str, value: str) -> None:
        """Begin a call, by command (the phone is called first) or by the phone's own keys."""
        if by == "phone":
            await self.dial(KEYS.get(value, value))
        else:
            await self.desktop.command("call.dial", target=to(kind, value))

    async def dial(self, number: str) -> int:
        """The phone's own keys; returns which of its calls this one is."""
        line: int = await self.phone.do("call", uri=f"sip:{number}@{self.server}")
        return line

    async def line(self) -> int:
        """The number of the phone's newest incoming call."""
        found: int = (await self.phone.wait_for("incoming", DEADLINE))["call"]
        return found

    async def hand_over(self, first: int, second: int) -> None:
        """The phone's transfer key with two calls: an attended transfer."""
        await self.phone.do("hand_over", call=first, to=second)
        assert (await self.phone.wait_for("transfer", DEADLINE))["status"] < 300

    async def refer(self, number: str, line: int | None = None) -> None:
        """The phone's transfer key: a blind transfer; returns when Asterisk has taken it."""
        await self.phone.do("transfer", uri=f"sip:{number}@{self.server}", call=line)
        told = await self.phone.wait_for("transfer", DEADLINE)
        assert told["status"] < 300, told


async def eventually(waiting: Any, why: Any) -> Any:
    """Wait; a timeout becomes a failure that says what was instead."""
    try:
        return await waiting
    except TimeoutError:
        raise AssertionError(why()) from None
