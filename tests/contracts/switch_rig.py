"""What the contract tests of the switch stand on: our whole connection to one PBX, fake or real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from cti.asterisk.fastagi import FastAgiServer
from cti.asterisk.link import AmiAddress
from cti.asterisk.protocol import Connect, ProtocolFactory
from cti.asterisk.session import AgiSession
from cti.asterisk.switch import Switch
from cti.clock import SystemClock
from cti.domain.calls import CallTable
from cti.domain.events import CallEvent, Event
from cti.domain.ids import CallId, QueueName
from cti.ports import Clock, Listener, Unsubscribe
from tests.fakes.asterisk import FakeAsterisk
from tests.fakes.clock import VirtualClock, settle
from tests.until import until

E = TypeVar("E", bound=Event)


class Person(Protocol):
    """A caller, or a phone that answered."""

    async def hang_up(self) -> None:
        """Send BYE."""


class RecordingBus:
    """A bus that only remembers; the table is folded first, as behind the real one."""

    def __init__(self, calls: CallTable) -> None:
        self.calls = calls
        self.seen: list[Event] = []
        self.illegal: list[str] = []

    def publish(self, event: Event) -> None:
        refusal = self.calls.apply(event)
        if refusal is not None:
            self.illegal.append(str(refusal))
        self.seen.append(event)

    def subscribe(self, listener: Listener, *kinds: type[Event]) -> Unsubscribe:
        raise NotImplementedError("nobody listens here")

    def names(self, after: int = 0) -> list[str]:
        return [type(e).__name__ for e in self.seen[after:] if isinstance(e, CallEvent)]


class Gate:
    """A door before the AMI that a test can shut."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.is_open = True

    async def __call__(self, factory: ProtocolFactory) -> Any:
        if not self.is_open:
            raise ConnectionRefusedError
        return await self._connect(factory)


async def _nothing(_: AgiSession) -> None:
    """Ask nothing."""


class Rig:
    """The switch with all that it needs; ``until`` waits in the time of the PBX under test."""

    def __init__(self, clock: Clock, address: AmiAddress, connect: Connect) -> None:
        self.clock = clock
        self.calls = CallTable()
        self.bus = RecordingBus(self.calls)
        self.address = address
        self.gate = Gate(connect)
        self.switch = self._switch(self.bus)
        self.agi = FastAgiServer(
            {"/ivr": self._menu, "/announce": self._menu, "/menu": self._asked}, clock
        )
        self.visits: list[str] = []
        self.told_ids: list[str] = []
        """Of the calls, as the scripts were told them."""
        self.asks: Callable[[AgiSession], Awaitable[None]] = _nothing
        """What is asked in a menu during a call."""
        self.script: Callable[[AgiSession], Awaitable[None]] | None = None
        self._beats = 0

    def _switch(self, bus: RecordingBus) -> Switch:
        return Switch(
            self.address,
            self.clock,
            bus,
            bus.calls,
            boot_id="boot",
            default_queue=QueueName("sales"),
            connect=self.gate,
        )

    @asynccontextmanager
    async def reborn(self) -> AsyncIterator[RecordingBus]:
        """A second service that knows nothing of the past: what it makes of the same Asterisk."""
        bus = RecordingBus(CallTable())
        switch = self._switch(bus)
        await switch.start()
        try:
            await self.until(lambda: switch.is_up)
            yield bus
            assert bus.illegal == []
        finally:
            await switch.close()

    async def _asked(self, session: AgiSession) -> None:
        """A menu during a call: open until the test lets go of it."""
        self.visits.append(session.path)
        await self.asks(session)
        await session.finish({"RD_NEXT": "back"})

    async def _menu(self, session: AgiSession) -> None:
        self.visits.append(session.path)
        if self.script is not None:
            await self.script(session)
            return
        self.told_ids.append(session.environment.get("arg_1"))
        chosen = {"RD_QUEUE": "sales", "RD_CREDIT": "0"} if session.path == "/ivr" else {}
        await session.finish({**chosen, "RD_NEXT": "wait"})

    # What differs between fake and real:

    async def until(self, condition: Callable[[], Any], within: float = 10.0) -> Any:
        raise NotImplementedError

    def caller(self) -> AbstractAsyncContextManager[Person]:
        raise NotImplementedError

    def phone(self, endpoint: str, behaviour: str = "answer") -> AbstractAsyncContextManager[Any]:
        """``answer`` (after its 180), ``leave`` (BYE half a second later), ``busy`` or ``ring``."""
        raise NotImplementedError

    async def set_global(self, name: str, value: str) -> None:
        raise NotImplementedError

    def house(self) -> AbstractAsyncContextManager[Any]:
        """Contexts of the house's own are there: ``hop`` leads through them."""
        raise NotImplementedError

    async def hop(self, call_id: CallId, endpoint: str) -> None:
        """Send a caller to a phone through a Local channel, which stays."""
        raise NotImplementedError

    # What does not:

    async def event(self, kind: type[E], *, after: int = 0, within: float = 10.0) -> E:
        """The first event of a kind from an index on; waits for it."""

        def found() -> E | None:
            return next((e for e in self.bus.seen[after:] if isinstance(e, kind)), None)

        try:
            event: E = await self.until(found, within)
        except TimeoutError:
            seen = self.bus.names(after)
            raise AssertionError(f"no {kind.__name__} in {within} s; seen: {seen}") from None
        return event

    async def do(self, command: Coroutine[Any, Any, None]) -> None:
        """Give a command that takes time, while the time of the PBX under test goes on."""
        task = asyncio.create_task(command)
        await self.until(task.done, 30)
        task.result()

    async def gone(self, call_id: CallId) -> None:
        """Wait until nothing of a call is left."""
        await self.until(lambda: self.switch.registry.call(call_id) is None)
        await self.until(lambda: len(self.switch.registry) == 0)

    async def beat(self) -> None:
        self._beats += 1
        await self.switch.control.beat(self._beats)


class FakeRig(Rig):
    """On the fake Asterisk, in memory, in virtual time."""

    def __init__(self) -> None:
        self.virtual = VirtualClock()
        self.pbx = FakeAsterisk(self.virtual)
        super().__init__(self.virtual, self.pbx.address, self.pbx.connect)
        self.pbx.agi = self.agi.make_connection
        self.pbx.missing_prompts = {"no/such/prompt"}

    async def until(self, condition: Callable[[], Any], within: float = 10.0) -> Any:
        end = self.virtual.monotonic() + within
        while True:
            await settle()
            if value := condition():
                return value
            if self.virtual.monotonic() > end:
                raise TimeoutError
            await self.virtual.advance(timedelta(milliseconds=50))

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Person]:
        caller = self.pbx.call("4000")

        class Caller:
            async def hang_up(self) -> None:
                caller.hang_up()

        yield Caller()
        caller.hang_up()
        await self.until(lambda: not caller.is_up)

    @asynccontextmanager
    async def phone(self, endpoint: str, behaviour: str = "answer") -> AsyncIterator[Any]:
        soon = timedelta(milliseconds=20)
        phone = self.pbx.phone(
            endpoint,
            answers_after=soon if behaviour in ("answer", "leave") else None,
            declines_after=soon if behaviour == "busy" else None,
        )
        if behaviour == "leave":
            phone.leaves_after = timedelta(seconds=0.5)
        yield phone
        self.pbx.phones[endpoint].unregister()

    async def set_global(self, name: str, value: str) -> None:
        self.pbx.variables[name] = value

    def house(self) -> AbstractAsyncContextManager[Any]:
        return nullcontext()

    async def hop(self, call_id: CallId, endpoint: str) -> None:
        self.pbx.channels[self.switch.registry.calls[call_id].channel].redirect(("house", endpoint))


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    """Start the switch, keep the heartbeat; close all at the end."""
    await rig.switch.start()
    try:
        await rig.until(lambda: rig.switch.is_up)
        await rig.beat()
        yield rig
        assert rig.bus.illegal == [], rig.bus.illegal
        assert not rig.switch.translator.malformed
        assert not rig.switch.translator.unknown
    finally:
        await rig.switch.close()
        await rig.agi.close()


def real_clock() -> Clock:
    return SystemClock()


async def real_until(condition: Callable[[], Any], within: float = 10.0) -> Any:
    return await until(condition, within)


async def tcp_connect(port: int, factory: ProtocolFactory) -> Any:
    loop = asyncio.get_running_loop()
    return await loop.create_connection(factory, "127.0.0.1", port)
