"""Shapes of calls: a small centre of pjsua2 phones and desktops, and what must be true of each call in the end.

``Centre`` has people at desks, callers outside, and a carrier who is called; phones have keys, desktops give commands.
``Centre.told`` is the one judge: one call, its segments without a gap, one ticket, the recording that the rule wants, the
same caller all the way, each agent's states, an empty Asterisk, and the independent witness in agreement.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aiohttp
import pytest

from asterisk_conf.pjsua2_cache import find_site
from cti.company import Company, Flow, Node, Number, Outbound, Person, Queue, ShownNumber
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from cti.domain.segments import CallLife, Segment, concerns, is_gapless, life_of
from sip_sim.desktop import HeadlessDesktop, signed_in
from sip_sim.farm import AGENT_TONE, CALLER_TONE
from sip_sim.phone import SoftPhone, soft_phone
from sip_sim.sipp import free_port
from tests.asterisk.desk import DEADLINE, HELP, SALES, Desk, eventually
from tests.asterisk.live import PASSWORD, Live, live
from tests.asterisk.witness import no_difference
from tests.until import until

E = TypeVar("E", bound=ev.Event)
PEOPLE = {"ann": "1001", "bob": "1002", "cai": "1003", "dee": "1004"}
MENU, LINE, DIRECT = "4000", "4001", "4002"
"""What callers dial: a menu (1: sales, 2: help), the queue sales, bob himself."""
OUTSIDE, SHOWN, ANNS = "13800000099", "4009999", "4008888"
"""Who is called outside, the number that he sees, and one that ann may show instead."""
CALLERS = {"cal": "13900000501", "dan": "13900000502"}
RING_TIMES = {"RD_RING": 3, "RD_CALL_TIME": 3, "RD_OUT_TIME": 3, "RD_TONE_TIME": 1}
"""Seconds that a transfer, a colleague and a number outside ring, and that a tone is heard."""
_TALK = frozenset({"talking", "conference", "consulting"})


def company(carrier_port: int, **changes: Any) -> Company:
    """Four people, two queues, short times."""
    queues = {"ann": ("sales",), "cai": ("help",)}
    nodes = (
        Node(
            name="ask", kind="menu", label="Main menu", keys={"1": "sales", "2": "help"},
            text={"en": "Press one or two."}, input_timeout=timedelta(seconds=20), no_match="sales",
        ),
        Node(name="sales", kind="queue", queue="sales"),
        Node(name="help", kind="queue", queue="help"),
    )  # fmt: skip
    values: dict[str, Any] = {
        "name": "Shapes",
        "people": tuple(
            Person(
                login=login, name=login.title(), staff_number=extension, extension=extension,
                queues=queues.get(login, ()),
            )
            for login, extension in PEOPLE.items()
        ),
        "queues": tuple(
            Queue(
                name=name, label={"en": name.title()}, extension=extension,
                ring_time=timedelta(seconds=3), wrap_up_time=timedelta(milliseconds=400),
                gap_time=timedelta(0), announce_every=timedelta(0),
            )
            for name, extension in (("sales", SALES), ("help", HELP))
        ),
        "flows": (
            Flow(name="asking", start="ask", nodes=nodes),
            Flow(name="straight", start="sales", nodes=nodes[1:2]),
        ),
        "numbers": (
            Number(dnis=MENU, flow="asking"),
            Number(dnis=LINE, flow="straight"),
            Number(dnis=DIRECT, extension=PEOPLE["bob"]),
        ),
        "default_flow": "straight",
        "outbound": Outbound(
            trunk="carrier", address=f"127.0.0.1:{carrier_port}", caller_id=SHOWN,
            allowed=("138",), emergency=("110",),
            shown=(ShownNumber(number=ANNS, people=("ann",)),),
        ),
        "back_time": timedelta(seconds=3),
        "park_time": timedelta(seconds=3),
    }  # fmt: skip
    return Company(**{**values, **changes})


MARKS = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(
        300
    ),  # for a test that hangs: on a loaded machine the centre alone takes a minute
]
"""Of each module of shapes: one centre for all its tests (conftest.py)."""
SERVED = "RESERVED RINGING TALKING WRAP_UP READY"
ASKED = "RINGING TALKING NOT_READY"
DIALLED = "TALKING NOT_READY|RINGING TALKING NOT_READY"
"""An agent's states who was ready and served a caller; who was not, and was rung by a colleague; who began a call."""
BEGIN = "menu queue ringing talking "
"""How a call to a queue begins."""
BY = pytest.mark.parametrize("by", ["page", "phone"])
"""Who commands: the desktop, or the phone's own keys."""


@dataclass
class Centre:
    """Everything that a test of a shape needs."""

    product: Live
    desks: dict[str, Desk]
    callers: dict[str, SoftPhone]
    carrier: SoftPhone
    since: int = 0
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    shown: dict[CallId, list[tuple[str, ...]]] = field(default_factory=dict)
    """Who the desktops said that the caller is, on every desktop that the call came to."""
    pops: dict[CallId, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    """The call as these desktops showed it."""

    # ---- beginning -----------------------------------------------------------------------------

    async def begin(self, *ready: str, **answering: int) -> list[Desk]:
        """Make these people ready and the others not; phones answer with 200 unless said otherwise."""
        self.shown.clear()
        self.pops.clear()
        phones = {**{n: d.phone for n, d in self.desks.items()}, **self.callers}
        for name, phone in {**phones, "carrier": self.carrier}.items():
            phone.events.clear()
            await phone.do("answering", status=answering.get(name, 200))
        for name, desk in self.desks.items():
            await desk.desktop.until(lambda d: d.sections["phone"]["state"] == "idle", DEADLINE)
            if name in ready and desk.desktop.state != "READY":
                await desk.desktop.command("agent.ready")
            elif name not in ready and desk.desktop.state != "NOT_READY":
                await desk.desktop.command("agent.not_ready", reason="break")
            await desk.until("READY" if name in ready else "NOT_READY")
        await self._until_written()
        self.since, self.began_at = await self.product.last(), datetime.now(UTC)
        return [self.desks[name] for name in ready]

    async def _until_written(self) -> None:
        """Wait until every agent's state is in the journal."""
        wanted = {desk.agent_id: desk.desktop.state for desk in self.desks.values()}

        async def is_written() -> bool:
            told = {e.agent_id: e.state for e in await self.product.events(ev.AgentStateChanged)}
            return all(told.get(agent_id) == state for agent_id, state in wanted.items())

        await until(is_written, DEADLINE)

    async def call(self, number: str, who: str = "cal") -> CallId:
        """A caller dials; returns his call as soon as the journal knows it."""
        phone = self.callers[who]
        await phone.do("call", uri=f"sip:{number}@{self.product.place.sip}")

        async def offered() -> CallId | None:
            for event in await self.product.events(ev.CallOffered, self.since):
                if event.ani == CALLERS[who]:
                    return event.call_id
            return None

        found: CallId = await until(offered, DEADLINE)
        return found

    async def talking(self, login: str, number: str = LINE, who: str = "cal") -> CallId:
        """A caller from outside speaks with somebody."""
        call_id = await self.call(number, who)
        await self.reaches(call_id, "talking", login)
        await self.recorded(call_id)
        return call_id

    async def recorded(self, call_id: CallId) -> None:
        """Wait until a quarter of a second is in the spool: a call in which nothing was said has no recording."""
        spool = self.product.settings.spool_dir
        size = 8_000
        await until(lambda: sum(p.stat().st_size for p in spool.glob(f"{call_id}*")) >= size, 15)

    async def begun(self, count: int = 1) -> CallId:
        """The newest of so many calls that began since ``begin``."""
        return (await self.fact(ev.CallOffered, count)).call_id

    # ---- under way -----------------------------------------------------------------------------

    async def life(self, call_id: CallId) -> CallLife:
        """The call's segments so far."""
        return life_of(await self.facts(call_id))

    async def facts(self, call_id: CallId) -> list[ev.Event]:
        """What the journal holds of the call, its agents' states among it."""
        return [e for e in await self.product.since(self.since) if concerns(e) == call_id]

    async def reaches(self, call_id: CallId, kind: str, login: str | None = None) -> Segment:
        """Wait until the call is in a segment of this kind, with this person's phone."""
        endpoint = PEOPLE.get(login or "", login)
        seen: list[Segment] = []

        async def there() -> Segment | None:
            seen[:] = (await self.life(call_id)).segments
            last = seen[-1] if seen else None
            is_there = last is not None and (last.kind.value, last.ended_at) == (kind, None)
            return last if is_there and last and endpoint in (None, last.endpoint) else None

        found: Segment = await eventually(
            until(there, DEADLINE),
            lambda: f"not {kind} with {login}: {_row(seen)}\n{self.product.log_text()}",
        )
        if kind in _TALK and login in self.desks:
            await self._look(call_id, self.desks[login])
        return found

    async def _look(self, call_id: CallId, desk: Desk) -> None:
        """Note who the desktop says that the caller is."""

        def picture(d: HeadlessDesktop) -> tuple[str, ...] | None:
            call, ticket = d.call, d.sections.get("ticket")
            if call is None or call["call_id"] != call_id:
                return None
            if ticket is None and call["direction"] != "internal":
                return None
            number = str(ticket["ticket_id"]) if ticket else ""
            return (call["number"], call["caller_name"], " > ".join(call["menu_path"]), number)

        found = await eventually(
            desk.desktop.until(picture, DEADLINE),
            lambda: (
                f"{desk.login}'s desktop shows {desk.desktop.sections}\n{self.product.log_text()}"
            ),
        )
        self.shown.setdefault(call_id, []).append(found)
        self.pops.setdefault(call_id, []).append((desk.login, dict(desk.desktop.sections["call"])))

    def handed_over(self, call_id: CallId, to: str, by: str, how: str) -> None:
        """Compare what the second agent was shown with what the first one saw, and who sent the caller."""
        pops = self.pops[call_id]
        before, after = pops[0][1], [call for login, call in pops if login == to][-1]
        _same("sent by", after["sent_by"], {"name": by.title(), "how": how})
        for name in ("number", "number_place", "caller_name", "menu_path", "digits"):
            _same(name, after[name], before[name])
        if after["queue"] == before["queue"]:
            # The first one saw it when he was chosen; until he answered it went on.
            _same("waited no less", after["waited_s"] >= before["waited_s"], True)

    async def fact(self, kind: type[E], count: int = 1) -> E:
        """The newest of so many events of a kind since ``begin``."""
        found: list[E] = []
        try:
            found = await self.product.wait_for(kind, self.since, count, DEADLINE)
        except TimeoutError:
            story = "\n".join(map(str, await self.product.since(self.since)))
            raise AssertionError(
                f"no {kind.__name__}:\n{story}\n{self.product.log_text()}"
            ) from None
        return found[count - 1]

    async def over(self, call_id: CallId) -> list[ev.Event]:
        """Wait until the call has ended; returns what the journal holds of it."""

        async def ended() -> bool:
            return any(isinstance(e, ev.CallEnded) for e in await self.facts(call_id))

        await until(ended, DEADLINE)
        return await self.facts(call_id)

    # ---- the judge -----------------------------------------------------------------------------

    async def told(
        self,
        call_id: CallId,
        segments: str,
        *,
        ended_by: str,
        agents: Mapping[str, str],
        has_ticket: bool = True,
        recordings: int = 1,
        calls: int = 1,
        wrap_ups: int | None = None,
    ) -> list[ev.Event]:
        """Wait until all is over and settled, then compare everything; returns the call's events.

        ``segments``: the kinds in order, wrap-ups apart, once where only the phone changed. ``agents``: the states
        since ``begin`` of everybody who had something to do with it; all others had none. ``calls``: how many
        there may be in all since ``begin``.
        """
        await self.over(call_id)
        await eventually(until(self._all_free, DEADLINE), self._who_is_busy)
        story = ""
        try:
            facts = await self._settled(call_id, has_ticket, recordings)
            story = "\n".join(str(e) for e in facts)
            life = life_of(facts)
            _same("segments", _kinds(life), segments)
            assert is_gapless(life.segments), _row(life.segments)
            assert life.segments[-1].ended_at is not None
            _same("refused events", life.refused, 0)
            if wrap_ups is not None:
                _same("wrap-ups", len(life.wrap_ups), wrap_ups)
            ends = [e.ended_by for e in facts if isinstance(e, ev.CallEnded)]
            _same("ended by", " ".join(ends), ended_by)
            offered = await self.product.events(ev.CallOffered, self.since)
            _same("calls", (len({e.call_id for e in offered}), len(offered)), (calls, calls))
            await self._told_of_agents(agents)
            self._same_caller(facts, call_id)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{story}") from exc
        await no_difference(self.product, self.began_at)
        return facts

    async def _settled(self, call_id: CallId, has_ticket: bool, recordings: int) -> list[ev.Event]:
        facts: list[ev.Event] = []

        async def is_settled() -> bool:
            facts[:] = await self.facts(call_id)
            kept = [e for e in facts if isinstance(e, ev.RecordingAttached | ev.RecordingFailed)]
            tickets = sum(isinstance(e, ev.TicketOpened) for e in facts)
            return len(kept) >= recordings and tickets >= has_ticket

        await eventually(
            until(is_settled, 40), lambda: "no ticket or recording:\n" + "\n".join(map(str, facts))
        )
        for kind, wanted in (
            (ev.TicketOpened, int(has_ticket)),
            (ev.RecordingFailed, 0),
            (ev.RecordingAttached, recordings),
        ):
            found = [e for e in facts if isinstance(e, kind)]
            _same(f"{kind.__name__} {found}", len(found), wanted)
        return facts

    def _same_caller(self, facts: list[ev.Event], call_id: CallId) -> None:
        """One caller, one ticket, and a menu path that only grows, whichever desktop showed them."""
        shown = self.shown.get(call_id, [])
        numbers = {e.ani for e in facts if isinstance(e, ev.CallOffered)}
        opened = {str(e.ticket_id) for e in facts if isinstance(e, ev.TicketOpened)}
        _same("callers", len(numbers), 1)
        _same("callers shown", len({(number, name) for number, name, _, _ in shown}) <= 1, True)
        for number, _, path, ticket in shown:
            _same("number shown", number[-4:], next(iter(numbers))[-4:])
            _same("ticket shown", {ticket} - {""}, opened)
            _same("path shown", shown[-1][2].startswith(path), True)

    async def _told_of_agents(self, agents: Mapping[str, str]) -> None:
        """The journal is written a moment after the desktops were told."""
        states: dict[str, str] = {}

        async def as_wanted() -> bool:
            states.update(await self._states())
            return all(states.get(n, "") in agents.get(n, "").split("|") for n in self.desks)

        with contextlib.suppress(TimeoutError):
            await until(as_wanted, 4)
        for name in self.desks:
            _same(f"states of {name}", states.get(name, ""), agents.get(name, ""))

    async def _states(self) -> dict[str, str]:
        """Everybody's states since ``begin``, what follows on itself once."""
        found: dict[str, list[str]] = {}
        names = {desk.agent_id: name for name, desk in self.desks.items()}
        for event in await self.product.events(ev.AgentStateChanged, self.since):
            row = found.setdefault(names.get(event.agent_id, event.agent_id), [])
            if not row or row[-1] != event.state:
                row.append(event.state)
        return {name: " ".join(row) for name, row in found.items()}

    def _all_free(self) -> bool:
        return all(d.desktop.state in ("READY", "NOT_READY") for d in self.desks.values())

    def _who_is_busy(self) -> str:
        return str({n: d.desktop.state for n, d in self.desks.items()}) + self.product.log_text()


def _same(what: str, found: Any, wanted: Any) -> None:
    """Fail with both; a text may name several ways, apart by ``|``."""
    ways = wanted.split("|") if isinstance(wanted, str) else [wanted]
    assert found in ways, f"{what}: {found!r}, not {wanted!r}"


def _kinds(life: CallLife) -> str:
    """Their kinds, once where only the phone changed."""
    return " ".join(kind for kind, _ in itertools.groupby(s.kind.value for s in life.segments))


def _row(segments: Any) -> str:
    return ", ".join(f"{s.kind.value} {s.endpoint or ''} {s.duration}" for s in segments)


@contextlib.asynccontextmanager
async def centre(**changes: Any) -> AsyncIterator[Centre]:
    """The live product with its people at their desks, their phones registered, all signed in and not ready."""
    site = find_site()
    assert site is not None, "pjsua2 is not built for this Python: run `make pjsua2`"
    port = free_port()
    async with (
        live(company(port, **changes), simulated=1, rtp_timeout=10) as product,
        contextlib.AsyncExitStack() as stack,
    ):
        names = [*PEOPLE, *CALLERS, "carrier"]

        async def phone(name: str) -> SoftPhone:
            tone = AGENT_TONE if name in PEOPLE else CALLER_TONE
            opened = soft_phone(site, tone, ("PCMA",), port if name == "carrier" else 0)
            return await stack.enter_async_context(opened)

        phones = dict(zip(names, await asyncio.gather(*map(phone, names)), strict=True))
        for name, number in {**CALLERS, "carrier": OUTSIDE}.items():
            await phones[name].do(
                "outside", server=product.place.sip, number=number, name=name.title()
            )
        desks = {n: await _desk(product, stack, n, phones[n]) for n in PEOPLE}
        for name, seconds in RING_TIMES.items():
            await product.pbx.set_global(name, str(seconds))
        yield Centre(product, desks, {n: phones[n] for n in CALLERS}, phones["carrier"])
        # All at once: each takes a second.
        await asyncio.gather(*(p.do("quit") for p in phones.values()), return_exceptions=True)


async def _desk(
    product: Live, stack: contextlib.AsyncExitStack, login: str, phone: SoftPhone
) -> Desk:
    agent = product.agent(login)
    await phone.register(product.place.sip, agent.endpoint, agent.secret)
    jar = aiohttp.CookieJar(unsafe=True)
    client = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
    desktop = await stack.enter_async_context(signed_in(client, product.place.web, login, PASSWORD))
    await desktop.command("agent.sign_in", phone="desk")
    agent_id = AgentId(desktop.sections["me"]["user_id"])
    return Desk(login, agent.endpoint, agent_id, phone, desktop, product.place.sip)


@contextlib.asynccontextmanager
async def swept(at: Centre) -> AsyncIterator[Centre]:
    """A test that fails leaves no call to the next one."""
    yield at
    if await at.product.pbx.channels():
        await at.product.pbx.rx("channel request hangup all")
