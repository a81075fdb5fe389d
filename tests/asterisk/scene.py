"""A small call centre at work, for fault tests: phones, desktops and callers around ``live()``.

Asterisk is the witness, not the service: ``Scene.callers`` reads who is where from its own list of channels.
A caller is known by his number. Nobody hangs up by the clock: callers and phones stay until the test
ends their channels, so that a slow machine changes nothing but the time it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from cti.company import Company, Flow, Node, Number, Person, Queue
from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim import tones
from sip_sim.desktop import HeadlessDesktop, signed_in
from sip_sim.farm import AGENT_TONE, CALLER_TONE, AgentFarm, agents, callers
from sip_sim.sipp import Load, Party, free_port, party
from sip_sim.steps import Register, Step, registration
from tests.asterisk.live import PASSWORD, Live
from tests.until import until

LINE, MENU = "4000", "4001"
"""What callers dial: straight into the queue, or into a menu in which they stay."""
RING_TIME = timedelta(seconds=8)
FOREVER = timedelta(minutes=9)
_numbers = itertools.count(13900000001)


def fault_company(
    people: int = 6,
    *,
    ring_time: timedelta = RING_TIME,
    wrap_up_time: timedelta = timedelta(0),
    announce_every: timedelta = timedelta(0),
    rona_after: int = 1,
    strategy: str = "longest_idle",
) -> Company:
    """One queue, a number that leads straight to it, a menu that keeps a caller for a minute."""
    nodes = (
        Node(
            name="ask",
            kind="menu",
            label="Fault menu",
            text={"en": "Press one."},
            keys={"1": "wait"},
            retries=5,
            input_timeout=timedelta(seconds=4),
            no_match="wait",
        ),
        Node(name="wait", kind="queue", queue="line"),
    )
    return Company(
        name="Faults",
        people=tuple(
            Person(
                login=f"agent{i}", name=f"Agent {i}", staff_number=str(i),
                extension=str(1100 + i), queues=("line",),
            )
            for i in range(1, people + 1)
        ),
        queues=(
            Queue(
                name="line", label={"en": "Line"}, ring_time=ring_time, wrap_up_time=wrap_up_time,
                gap_time=timedelta(0), announce_every=announce_every, rona_after=rona_after,
                strategy=strategy,  # type: ignore[arg-type]  # one of the company's
            ),
        ),
        flows=(
            Flow(name="straight", start="wait", nodes=nodes[1:]),
            Flow(name="asking", start="ask", nodes=nodes),
        ),
        numbers=(Number(dnis=LINE, flow="straight"), Number(dnis=MENU, flow="asking")),
        default_flow="straight",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """Where Asterisk says that a caller is."""

    channel: str
    context: str
    application: str
    bridge: str
    with_phone: str  # the other channel of his bridge, by name

    @property
    def place(self) -> str:
        """In one word: ``talking``, ``fallback``, ``waiting``, ``visiting``, ``ringing``, ``menu``."""
        if self.with_phone:
            return "talking"
        if self.application == "Queue":
            return "fallback"
        known = {"rd-wait": "waiting", "rd-visit": "visiting", "rd-dial": "ringing"}
        known["rd-group"] = "ringing"
        return known.get(self.context, "menu" if self.application == "AGI" else self.context)


@dataclass
class Scene:
    """The live product with its people."""

    product: Live
    folder: Path
    parties: list[tuple[Party, int]] = field(default_factory=list)
    """The callers' processes, and how many calls each makes."""
    rows: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    """How the odd phones registered, by login."""

    # ---- people --------------------------------------------------------------------------------

    def number(self) -> str:
        """A caller's number that nobody had before."""
        return str(next(_numbers))

    @contextlib.asynccontextmanager
    async def phones(
        self, *logins: str, answer_after: timedelta = timedelta(milliseconds=200)
    ) -> AsyncIterator[AgentFarm]:
        """Desk phones that answer and never hang up; their agents signed in and ready."""
        people = [self.product.agent(login) for login in logins]
        async with agents(
            self.product.place, people, answer_after=answer_after, talk=FOREVER,
            tone=self.tone("agent", AGENT_TONE), keeps_ready=False,
        ) as farm:  # fmt: skip
            yield farm

    @contextlib.asynccontextmanager
    async def desktop(self, login: str) -> AsyncIterator[HeadlessDesktop]:
        """A desktop of an agent who is signed in already, as after a restart of the service."""
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
            signed_in(client, self.product.place.web, login, PASSWORD) as desktop,
        ):
            yield desktop

    async def call(
        self,
        stack: contextlib.AsyncExitStack,
        count: int,
        number: str = LINE,
        *,
        per_second: float = 5,
    ) -> list[str]:
        """Let ``count`` callers call, one after the other; returns their numbers in this order."""
        own = [self.number() for _ in range(count)]
        party = await stack.enter_async_context(
            callers(
                self.product.place, number, Load(count, count, per_second), patience=FOREVER,
                tone=self.tone("caller", CALLER_TONE), fields=[(n, f"Caller {n}") for n in own],
                menu_time=timedelta(0),
            )
        )  # fmt: skip
        self.parties.append((party, count))
        return own

    def tone(self, name: str, frequency: float) -> Path:
        """A file that a party speaks."""
        path = self.folder / f"{name}.ul"
        return path if path.exists() else tones.write_tone(path, frequency)

    @contextlib.asynccontextmanager
    async def odd_phone(self, login: str, *steps: Step) -> AsyncIterator[HeadlessDesktop]:
        """A desk phone that does these steps (none: it is registered, but never replies); agent ready."""
        agent, place, port = self.product.agent(login), self.product.place, free_port()
        rows = self.rows[login] = [registration(agent.endpoint, agent.secret, port)]
        async with contextlib.AsyncExitStack() as stack:
            if steps:
                await stack.enter_async_context(
                    party("odd phone", steps, place.sip, port=port, called=Load(concurrent=4))
                )
            await self.register(rows)
            stack.push_async_callback(self.register, rows, timedelta(0))
            desktop = await stack.enter_async_context(self.desktop(login))
            await desktop.command("agent.sign_in", phone="desk")
            await desktop.until(lambda d: d.sections["phone"]["state"] == "idle")
            await desktop.command("agent.ready")
            try:
                yield desktop
            finally:
                await desktop.command("agent.sign_out")

    async def register(
        self, rows: Sequence[Sequence[str]], expires: timedelta = timedelta(hours=1)
    ) -> None:
        """Register phones; ``rows`` are of ``sip_sim.steps.registration``."""
        place = self.product.place.sip
        async with party("register", [Register(expires)], place, load=Load(), fields=rows) as sipp:
            assert (await sipp.finish(timedelta(seconds=30))).succeeded == 1

    # ---- looking -------------------------------------------------------------------------------

    async def callers(self) -> dict[str, Seen]:
        """All callers' channels by number, as Asterisk has them now."""
        text = await self.product.pbx.rx("core show channels concise")
        rows = [line.split("!") for line in text.splitlines() if line.count("!") >= 13]
        phones = {
            row[12]: row[0] for row in rows if row[12] and not row[0].startswith("PJSIP/trunk_demo")
        }
        return {
            row[7]: Seen(row[0], row[1], row[5], row[12], phones.get(row[12], ""))
            for row in rows
            if row[0].startswith("PJSIP/trunk_demo")
        }

    async def until_at(
        self, place: str | Sequence[str], numbers: Sequence[str], within: float = 20
    ) -> dict[str, Seen]:
        """Wait until all of them are at a place, or at one of several."""
        places = (place,) if isinstance(place, str) else place
        last: dict[str, Seen] = {}

        async def there() -> bool:
            nonlocal last
            last = await self.callers()
            return all(n in last and last[n].place in places for n in numbers)

        try:
            await until(there, within)
        except TimeoutError:
            seen = {n: last.get(n, "gone") for n in numbers}
            ids = await self.call_ids(0, numbers)
            facts = "\n".join(str(e) for e in (await self.facts(next(iter(ids.values()))))[-12:])
            raise AssertionError(
                f"not {place} within {within} s: {seen}\n{facts}\n{await self.picture()}"
            ) from None
        return last

    async def picture(self) -> str:
        """Everything that helps to understand a failure: agents by the journal, channels, queue, the service's words."""
        changes = await self.product.events(ev.AgentStateChanged)
        agents = {e.agent_id: e for e in changes}.values()
        rows = [f"{e.agent_id} {e.state} {e.kind} {e.reason} {e.call_id} {e.at}" for e in agents]
        channels = await self.product.pbx.rx("core show channels concise")
        queue = await self.product.pbx.rx("queue show rd_line")
        return "\n".join([*rows, channels, queue, self.product.log_text()])

    async def line(self) -> list[str]:
        """The callers who stand in the fallback Queue(), the next one first."""
        callers_by_channel = {s.channel: n for n, s in (await self.callers()).items()}
        shown = await self.product.pbx.rx("queue show rd_line")
        rows = [row.split() for row in shown.split("Callers:")[-1].splitlines()]
        return [callers_by_channel[r[1]] for r in rows if len(r) > 1 and r[1] in callers_by_channel]

    # ---- ending --------------------------------------------------------------------------------

    async def hang_up(self, channel: str) -> None:
        """End one channel from Asterisk's side."""
        await self.product.pbx.rx(f"channel request hangup {channel}")

    async def end_all(self, numbers: Sequence[str]) -> None:
        """End these callers' calls."""
        for number, seen in (await self.callers()).items():
            if number in numbers:
                await self.hang_up(seen.channel)

    async def assert_calls_well(self) -> None:
        """Every caller's SIPp says that his call went as a call should: none failed."""
        for calling, count in self.parties:
            outcome = await calling.finish(timedelta(seconds=20))
            assert (outcome.succeeded, outcome.failed) == (count, 0), outcome
        self.parties.clear()

    # ---- facts ---------------------------------------------------------------------------------

    async def call_ids(self, since: int, numbers: Sequence[str]) -> dict[str, CallId]:
        """Our own names of these callers' calls."""
        found: dict[str, CallId] = {}
        for event in await self.product.since(since):
            if isinstance(event, ev.CallOffered | ev.CallRecovered) and event.ani in numbers:
                found.setdefault(event.ani, event.call_id)
        return found

    async def by_arrival(self, numbers: Sequence[str], since: int = 0) -> list[str]:
        """These callers in the order in which they were enqueued: on a slow machine not the one in which they dialled."""
        ids: dict[str, CallId] = {}
        places: dict[CallId, datetime] = {}

        async def all_told() -> bool:
            nonlocal ids, places
            ids = await self.call_ids(since, numbers)
            places = await self.places(list(ids.values()))
            return len(places) == len(numbers)

        await until(all_told, 20)  # the journal is a moment behind Asterisk
        return sorted(numbers, key=lambda n: places[ids[n]])

    async def facts(self, call_id: CallId) -> list[ev.Event]:
        """What the journal holds of one call."""
        return await self.product.since(0, call_id)

    async def until_fact(
        self, kind: type[ev.CallEvent], ids: Sequence[CallId], within: float = 40
    ) -> dict[CallId, ev.CallEvent]:
        """Wait until each of these calls has an event of a kind; returns the first of each."""
        found: dict[CallId, ev.CallEvent] = {}

        async def all_have() -> bool:
            for event in await self.product.since(0):
                if type(event) is kind and isinstance(event, ev.CallEvent):
                    found.setdefault(event.call_id, event)
            return all(call_id in found for call_id in ids)

        try:
            await until(all_have, within)
        except TimeoutError:
            missing = [i for i in ids if i not in found]
            rows = [type(e).__name__ for e in await self.facts(missing[0])]
            raise AssertionError(
                f"no {kind.__name__} of {len(missing)} of {len(ids)} calls; the first has {rows}\n"
                f"{self.product.log_text()}"
            ) from None
        return {call_id: found[call_id] for call_id in ids}

    async def until_recorded(self, call_id: CallId) -> None:
        """Wait until two seconds of a conversation are in the spool: less may count as nothing said."""
        spool = self.product.settings.spool_dir
        await until(lambda: sum(p.stat().st_size for p in spool.glob(f"{call_id}*")) >= 65_536, 15)

    async def until_counted(self, desktop: HeadlessDesktop) -> None:
        """Wait until the figure of missed calls on a desktop, told once a second, is what the journal has."""
        told = await self.product.events(ev.AgentDidNotAnswer)
        count = sum(event.agent_id == desktop.sections["me"]["user_id"] for event in told)
        await desktop.until(lambda d: d.sections["today"]["missed"] == count)

    async def places(self, ids: Sequence[CallId]) -> dict[CallId, datetime]:
        """When each was enqueued; fails where the journal ever says two different instants."""
        found: dict[CallId, datetime] = {}
        for event in await self.product.since():
            if not isinstance(event, ev.CallEnqueued | ev.CallRecovered):
                continue
            if event.call_id in ids and event.enqueued_at is not None:
                first = found.setdefault(event.call_id, event.enqueued_at)
                assert event.enqueued_at == first, f"{event.call_id} lost its place"
        return found


@contextlib.asynccontextmanager
async def scene(product: Live) -> AsyncIterator[Scene]:
    """A scene that ends with an empty Asterisk."""
    with tempfile.TemporaryDirectory(prefix="rdscene-") as folder:
        stage = Scene(product, Path(folder))
        try:
            yield stage
        finally:
            left = await product.pbx.channels()
            if left:
                await product.pbx.rx("channel request hangup all")
        assert not left, f"channels left: {left}\n{product.log_text()}"


async def is_quiet(product: Live) -> bool:
    """Neither channels nor bridges are left."""
    return not await asyncio.to_thread(product.pbx.leftovers)
