"""The whole service on the fake Asterisk, in memory and in virtual time: no thread, no socket, no database.

It is put together by the same ``cti.bootstrap.build`` as the real one. What outlives the process (journal, tickets,
accounts, recordings) outlives ``kill`` here too, and so do Asterisk and the callers in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from structlog.testing import capture_logs

from cti.bootstrap import Keeping, Service, build
from cti.company import Company
from cti.company_base import Language
from cti.domain import events as ev
from cti.domain.ids import CallId
from ivr.adapters.prompts import Progress, PromptFolder, Report
from recorder.model import BYTES_PER_FRAME, SAMPLE_RATE
from tests.acceptance.company import COMPANY, SALES, SECRETS, STRANGER, settings_in
from tests.acceptance.desktop import Desktop
from tests.fakes.asterisk import FakeAsterisk
from tests.fakes.asterisk_ami import Headers
from tests.fakes.asterisk_channels import FakeCaller
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.journal import MemoryJournal, Page
from tests.fakes.people import MemoryAccounts, MemoryApiTokens, MemorySessions
from tests.fakes.recordings import ContainerEncoder, HandSpool, MemoryBook, MemoryStore
from tickets.adapters.memory import MemoryTicketStore
from tickets.model import CallFile, Customer, Ticket

E = TypeVar("E", bound=ev.Event)
SECOND = timedelta(seconds=1)


class InlineExecutor(ThreadPoolExecutor):
    """Does at once, on the loop, what was meant for a thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the caller gets it
            future.set_exception(exc)
        return future


class SilentPrompts(PromptFolder):
    """Prompts of one second each that nobody has to speak."""

    def make(self, company: Company, progress: Progress | None = None) -> Report:
        return Report(made=0, cached=0, recorded=0)

    def length(self, prompt: str, language: Language | str) -> timedelta | None:
        return SECOND


class TapedAsterisk(FakeAsterisk):
    """A fake Asterisk whose MixMonitor leaves a file as long as the caller was bridged."""

    def __init__(self, clock: VirtualClock, spool: Path) -> None:
        super().__init__(clock)
        self._spool = spool
        self._since: dict[str, float] = {}
        self._taped: dict[str, float] = {}
        self.at_dial: Callable[[str], None] = lambda endpoint: None

    def tell(self, name: str, headers: Headers) -> None:
        values = dict(headers)
        uniqueid, now = values.get("Uniqueid", ""), self.clock.monotonic()
        if name == "BridgeEnter":
            self._since[uniqueid] = now
        elif name == "BridgeLeave":
            length = now - self._since.pop(uniqueid, now)
            self._taped[uniqueid] = self._taped.get(uniqueid, 0) + length
        elif name == "MixMonitorStop":
            call_id = self.channels[values["Channel"]].variables["RD_CALL"]
            frames = round(self._taped.get(uniqueid, 0) * SAMPLE_RATE)
            if frames:
                (self._spool / f"{call_id}.raw").write_bytes(bytes(frames * BYTES_PER_FRAME))
        elif name == "DialBegin":
            self.at_dial(values["DialString"])
        super().tell(name, headers)


class Centre:
    """A call centre that a test runs: callers, agents at their desktops, and what happened."""

    def __init__(self, home: Path) -> None:
        self._home = home
        spool = home / "spool"
        spool.mkdir()
        self.clock = VirtualClock()
        self.pbx = TapedAsterisk(self.clock, spool)
        self.pbx.at_dial = self._note_dial
        self.pages: list[Page] = []
        self.journal = MemoryJournal(self.pages, self.clock)
        self._accounts, self._sessions = MemoryAccounts(), MemorySessions()
        self._store, self._spool = MemoryStore(), HandSpool(spool)
        self.book = MemoryBook()
        self.tickets = MemoryTicketStore()
        self.desktops: list[Desktop] = []
        self.told: list[ev.Event] = []
        self.shown_at_ring: list[tuple[str, str]] = []
        """For each phone that was rung: the call that stood on its agent's desktop at that moment."""
        self.expected_errors: set[str] = set()
        """What a test wants to see in the log."""

    # ---- the service's life --------------------------------------------------------------------

    async def start(self) -> None:
        """Begin, or begin again after ``kill``; returns when the link to Asterisk is up."""
        self.journal = MemoryJournal(self.pages, self.clock)
        keeping = Keeping(
            journal=self.journal,
            accounts=self._accounts,
            sessions=self._sessions,
            api_tokens=MemoryApiTokens(),
            tickets=self.tickets,
            book=self.book,
            close=_nothing,
            spool=self._spool,
            store=self._store,
            encoder=ContainerEncoder(),
            prompts=SilentPrompts(self._home),
        )
        self.service: Service = await build(
            settings_in(self._home),
            COMPANY,
            SECRETS,
            clock=self.clock,
            keeping=keeping,
            connect=self.pbx.connect,
        )
        self.service.bus.subscribe(self.told.append)
        await self.service.start(has_sockets=False)
        self.pbx.agi = self.service.agi.make_connection
        await self.until(lambda: self.service.switch.is_up)

    async def kill(self) -> None:
        """SIGKILL: nothing more is written, sent or said; Asterisk and the callers go on."""
        self.journal.crash()
        self.pbx.agi = None
        self.pbx.drop_links()
        await self.stop()

    async def stop(self) -> None:
        """Close all doors; a menu that waits for its call to be told takes a second to end."""
        self.leave()
        stopping = asyncio.create_task(self.service.stop())
        await self.until(stopping.done)
        await stopping

    def leave(self) -> None:
        """Close all pages."""
        for desktop in self.desktops:
            desktop.leave()
        self.desktops.clear()

    # ---- time ----------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], Any], within: float = 10.0) -> Any:
        """Let virtual time pass until something is true.

        Raises:
            TimeoutError: it wasn't, in so many virtual seconds.
        """
        end = self.clock.monotonic() + within
        while True:
            await settle()
            if value := condition():
                return value
            if self.clock.monotonic() > end:
                raise TimeoutError(f"not within {within} s; told: {self.names()[-25:]}")
            await self.clock.advance(timedelta(milliseconds=50))

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(timedelta(seconds=seconds))

    # ---- people --------------------------------------------------------------------------------

    async def open_page(self, login: str) -> Desktop:
        """Somebody opens his page."""
        user = await self._accounts.by_login(login)
        assert user is not None
        desktop = Desktop(self.service, user)
        self.desktops.append(desktop)
        await settle()
        return desktop

    async def agent(self, login: str, *, phone: str = "browser", **phone_does: Any) -> Desktop:
        """Somebody signs in and says that he is ready; ``phone_does`` is of ``FakeAsterisk.phone``."""
        desktop = await self.open_page(login)
        suffix = "w" if phone == "browser" else ""
        self.pbx.phone(f"{desktop.user.extension}{suffix}", **phone_does)
        await desktop.do("agent.sign_in", phone=phone)
        await desktop.do("agent.ready")
        await self.until(lambda: desktop.state in ("READY", "RESERVED", "RINGING"))
        return desktop

    async def waiting(self, dnis: str = SALES, ani: str = STRANGER) -> FakeCaller:
        """Somebody calls and waits in a queue."""
        caller = self.pbx.call(dnis, ani=ani)
        await self.until(lambda: self.of(caller, ev.CallEnqueued))
        return caller

    async def talking(self, desktop: Desktop, dnis: str = SALES, ani: str = STRANGER) -> FakeCaller:
        """Somebody calls, and this agent answers."""
        caller = self.pbx.call(dnis, ani=ani)
        await self.until(lambda: desktop.call == "ringing")
        self.answer(desktop)
        await self.until(lambda: desktop.call == "talking")
        return caller

    def answer(self, desktop: Desktop) -> None:
        """Press the green button of the agent's phone."""
        self.pbx.phones[desktop.sections["phone"]["endpoint"]].answer()

    # ---- what happened -------------------------------------------------------------------------

    def names(self) -> list[str]:
        """All events so far, by name."""
        return [type(event).__name__ for event in self.told]

    def of(self, caller: FakeCaller, kind: type[E]) -> list[E]:
        """A caller's events of one kind."""
        found = [e for e in self.told if isinstance(e, kind)]
        return [e for e in found if isinstance(e, ev.CallEvent) and e.call_id == caller.call_id]

    def all(self, kind: type[E]) -> list[E]:
        """All events of one kind."""
        return [e for e in self.told if isinstance(e, kind)]

    def is_over(self, caller: FakeCaller) -> bool:
        """Whether the service knows that the call has ended, and its reactions are done."""
        return bool(self.of(caller, ev.CallEnded))

    async def file(self, caller: FakeCaller) -> CallFile:
        """What is kept of a call."""
        await self.service.tickets.service.idle()
        call_id = CallId(caller.call_id)
        found = await self.tickets.read(lambda files: files.call(call_id))
        assert found is not None
        return found

    async def ticket(self, caller: FakeCaller) -> Ticket | None:
        """The ticket that a call is on."""
        ticket_id = (await self.file(caller)).ticket_id
        if ticket_id is None:
            return None
        return await self.tickets.read(lambda files: files.ticket(ticket_id))

    async def customer(self, caller: FakeCaller) -> Customer | None:
        """The customer's file that a call is in."""
        customer_id = (await self.file(caller)).customer_id
        if customer_id is None:
            return None
        return await self.tickets.read(lambda files: files.customer(customer_id))

    def actions(self, name: str) -> list[dict[str, str]]:
        """What Asterisk was asked for, of one kind."""
        return [headers for action, headers in self.pbx.actions if action == name]

    def _note_dial(self, endpoint: str) -> None:
        for desktop in self.desktops:
            if desktop.user.extension == endpoint.removesuffix("w") and desktop.sections:
                shown = desktop.sections["call"]
                self.shown_at_ring.append((endpoint, shown["call_id"] if shown else ""))


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Centre]:
    """A centre that is open. At its end nothing may be left, and nothing may have gone wrong unseen."""
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    with capture_logs() as logs:
        centre = Centre(home)
        try:
            await centre.start()
            yield centre
            assert centre.service.calls.illegal == 0
            assert not centre.service.switch.translator.malformed
            assert not centre.service.switch.translator.unknown
        finally:
            await centre.stop()
            await centre.pbx.close()
    errors = [line for line in logs if line["log_level"] in ("error", "critical")]
    assert [line for line in errors if line["event"] not in centre.expected_errors] == []


async def _nothing() -> None:
    """Nothing to close."""
