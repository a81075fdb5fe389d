"""P10: how soon the pop is there, from the moment the agent was chosen.

Real Asterisk, the real service, SIPp phones. Of a thousand desktops a hundred are headless with a phone each, for which
five calls a second come in, short and without sound; two are pages in a real Chromium, with a queue of their own, so
that their pops are many enough to count and say what painting costs; the others are connected, not ready, and read what
all are told (``bench.crowd``). Headless desktops only acknowledge.
The base line, in the same run and process: a round trip over a bare WebSocket of aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bench.chromium import pages
from bench.crowd import LOGIN, crowd, many_files, signed_in, with_crowd
from bench.echo import echoing, keep_asking
from bench.pop_times import PopSample, join, ringing, share_before
from bench.report import Better, Figure, Part, Spoilt, percentile
from cti.builtin import SIM_NUMBER, sim_login
from cti.cli.deployment import sample_company
from cti.company import Company, Flow, Node, Number, Person, Queue, parse_company
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from cti.storage.people import SqlAccounts
from sip_sim.farm import AgentFarm, agents, callers, phones
from sip_sim.sipp import Load, Party
from tests.asterisk.live import Live, live
from tests.until import until

DESKTOPS = 100
PAGES = 2
OTHERS = 1_000 - DESKTOPS - PAGES
PER_SECOND = 5.0
TALK = timedelta(seconds=2)
RING = timedelta(seconds=1)  # what is painted after the call was connected isn't measured any more
PAGE_NUMBER = "98000"
GOAL_SHARE = 99.0
GOAL_SOCKET_MS = 50.0
_LEAST_SHARE = 0.97  # of the calls must have become pops, else the run is no measurement


@dataclass(frozen=True, slots=True)
class Round:
    """One repetition."""

    headless: list[PopSample]
    painted: list[PopSample]
    echo_ms: list[float]
    calls: int


@dataclass(slots=True)
class _Rig:
    """All that runs while a round is measured."""

    product: Live
    farm: AgentFarm
    page_phones: Party
    extensions: dict[AgentId, str]
    echo_ms: list[float] = field(default_factory=list)


def run(is_quick: bool) -> Part:
    """Measure: two rounds of 400 calls; quick: one of 60.

    Raises:
        Spoilt: too many calls never came to a desktop.
    """
    begun = time.monotonic()
    rounds = asyncio.run(measure(60 if is_quick else 400, 1 if is_quick else 2))
    return describe(rounds, time.monotonic() - begun)


async def measure(calls: int, repetitions: int) -> list[Round]:
    """Start everything once and repeat the calls."""
    async with _running() as rig:
        await _round(rig, 10)  # the first pops load code and tables
        return [await _round(rig, calls) for _ in range(repetitions)]


def company_with_pages() -> Company:
    """The sample company with a number, a queue and agents for the pages."""
    base = parse_company(sample_company())
    people = tuple(
        Person(
            login=f"page{i}",
            name=f"Page {i}",
            staff_number=f"page-{i}",
            extension=str(98001 + i),
            queues=("pages",),
        )
        for i in range(PAGES)
    )
    zero = timedelta(0)
    queue = Queue(
        name="pages", label={"en": "Pages"}, wrap_up_time=zero, gap_time=zero, announce_every=zero
    )
    flow = Flow(name="pages", start="wait", nodes=(Node(name="wait", kind="queue", queue="pages"),))
    return Company.model_validate(
        base.model_dump()
        | {
            "people": [*base.people, *people],
            "queues": [*base.queues, queue],
            "flows": [*base.flows, flow],
            "numbers": [*base.numbers, Number(dnis=PAGE_NUMBER, flow="pages", label="Pages")],
        }
    )


@contextlib.asynccontextmanager
async def _running() -> AsyncIterator[_Rig]:
    many_files()
    company = with_crowd(company_with_pages(), OTHERS)
    async with live(company, simulated=DESKTOPS) as product:
        users = await SqlAccounts(product.database).all()
        tokens = await signed_in(
            product.database, [u for u in users if u.login.startswith(LOGIN)], datetime.now(UTC),
            product.settings.web.session_idle_time,
        )  # fmt: skip
        headless = [product.agent(sim_login(i)) for i in range(DESKTOPS)]
        at_pages = [product.agent(f"page{i}") for i in range(PAGES)]
        extensions = {AgentId(p.login): p.endpoint for p in (*headless, *at_pages)}
        async with (
            agents(
                product.place, headless, answer_after=RING, talk=TALK, tone=None, trace=True
            ) as farm,
            phones(
                product.place, at_pages, answer_after=RING, talk=TALK / 4, tone=None, trace=True
            ) as page_phones,
            crowd(product.settings.web.port, tokens),
            pages(product.place, at_pages),
            echoing(DESKTOPS) as sockets,
        ):
            rig = _Rig(product, farm, page_phones, extensions)
            task = asyncio.create_task(keep_asking(sockets, "x" * 600, rig.echo_ms))
            try:
                yield rig
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def _round(rig: _Rig, calls: int) -> Round:
    product = rig.product
    start = await product.last()
    rig.echo_ms.clear()
    # A wall clock is what the journal has; its distance to the desktops' clock is taken now.
    offset = time.time() - time.monotonic()
    seconds = calls / PER_SECOND
    for_pages = max(2 * PAGES, int(seconds / 2))
    limit = timedelta(seconds=60 + 3 * seconds)
    async with (
        callers(
            product.place, SIM_NUMBER, Load(calls, DESKTOPS, PER_SECOND), digits="1",
            fields=[(f"8613900{n:06}", f"Simulated caller {n}") for n in range(calls)],
        ) as background,
        callers(
            product.place, PAGE_NUMBER, Load(for_pages, PAGES, 1.0),
            menu_time=timedelta(milliseconds=100),
            fields=[(f"8613800{n:06}", f"Caller {n}") for n in range(for_pages)],
        ) as at_pages,
    ):  # fmt: skip
        await asyncio.gather(background.finish(limit), at_pages.finish(limit))

    async def told() -> bool:
        await asyncio.sleep(0.2)
        ended = await product.events(ev.CallEnded, start)
        return len(ended) >= calls + for_pages

    await until(told, within=30)
    samples = join(
        await product.since(start),
        _arrivals(rig.farm, offset),
        ringing(rig.farm.phones.outcome().messages + rig.page_phones.outcome().messages),
        rig.extensions,
    )
    return _sorted_out(samples, calls, for_pages, list(rig.echo_ms), product)


def _arrivals(farm: AgentFarm, offset: float) -> dict[tuple[AgentId, CallId], datetime]:
    return {
        (AgentId(sim_login(i)), CallId(call_id)): datetime.fromtimestamp(at + offset, UTC)
        for i, desktop in enumerate(farm.desktops)
        for call_id, at in desktop.pops.items()
    }


def _sorted_out(
    samples: list[PopSample], calls: int, for_pages: int, echo_ms: list[float], product: Live
) -> Round:
    headless = [s for s in samples if s.agent_id.startswith("sim") and s.arrival_ms is not None]
    painted = [s for s in samples if s.agent_id.startswith("page") and s.paint_ms is not None]
    whole = [s for s in headless if s.phone_ms is not None]
    if len(whole) < _LEAST_SHARE * calls or not painted or not echo_ms:
        raise Spoilt(
            f"{len(whole)} of {calls} pops were seen by all witnesses ({len(headless)} by desktops),"
            f" {len(painted)} of {for_pages} were painted:\n{product.log_text()}"
        )
    return Round(headless, painted, echo_ms, calls)


def describe(rounds: list[Round], seconds: float) -> Part:
    """Make figures of the repetitions."""

    def each(
        what: str,
        unit: str,
        value: Callable[[Round], float],
        better: Better = "lower",
        goal: float | None = None,
    ) -> Figure:
        return Figure(what, unit, tuple(value(r) for r in rounds), better, goal)

    figures = [
        each("on the socket before the phone's 180", "%", _on_socket, "higher", GOAL_SHARE),
        each("read by the desktop before the 180", "%", _on_desktop, "higher", GOAL_SHARE),
        each("the same, pages: on the socket", "%", _on_page, "higher"),
    ]
    for what, pick, goal in _DELAYS:
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            values = tuple(percentile(pick(one), share) for one in rounds)
            figures.append(
                Figure(f"{what}, {name}", "ms", values, goal=goal if name == "p99" else None)
            )
    figures.append(each("180 / on the socket, p50", "x", _ratio, "higher"))
    pops = sum(len(r.headless) for r in rounds)
    painted = sum(len(r.painted) for r in rounds)
    return Part(
        row="P10",
        title=f"screen pop from the agent's choice, {DESKTOPS + PAGES + OTHERS:,} desktops, {PER_SECOND:.0f} calls/s",
        method=(
            f"{pops} pops on {DESKTOPS} headless desktops, {painted} painted by {PAGES} pages in Chromium, {OTHERS} more "
            "desktops connected and told what all are told; calls without "
            "sound (to leave the CPU to what is measured), paint gate off; 180 by the phones' own SIP trace"
        ),
        figures=tuple(figures),
        notes=(
            "read by the desktop includes waiting for the one process that plays all headless desktops",
            "painted includes the way of the page's word back to the service",
            "the echo is a round trip, a pop goes one way but through queue and lookup",
        ),
        seconds=seconds,
    )


def _on_socket(one: Round) -> float:
    return share_before(one.headless, lambda s: s.socket_ms)


def _on_desktop(one: Round) -> float:
    return share_before(one.headless, lambda s: s.arrival_ms)


def _on_page(one: Round) -> float:
    return share_before(one.painted, lambda s: s.socket_ms)


def _ratio(one: Round) -> float:
    whole = [s for s in one.headless if s.phone_ms is not None]
    ring = percentile([s.phone_ms for s in whole if s.phone_ms is not None], 0.5)
    return ring / percentile([s.socket_ms for s in whole], 0.5)


_DELAYS: tuple[tuple[str, Callable[[Round], list[float]], float | None], ...] = (
    ("to the socket (service)", lambda r: [s.socket_ms for s in r.headless], GOAL_SOCKET_MS),
    (
        "to the desktop (its clock)",
        lambda r: [s.arrival_ms for s in r.headless if s.arrival_ms is not None],
        None,
    ),
    (
        "acknowledged, headless",
        lambda r: [s.paint_ms for s in r.headless if s.paint_ms is not None],
        None,
    ),
    (
        "painted, Chromium",
        lambda r: [s.paint_ms for s in r.painted if s.paint_ms is not None],
        None,
    ),
    (
        "to the phone's 180",
        lambda r: [s.phone_ms for s in r.headless if s.phone_ms is not None],
        None,
    ),
    (
        "to the 180, heard by the service",
        lambda r: [s.ring_ms for s in r.headless if s.ring_ms is not None],
        None,
    ),
    ("bare WebSocket echo, round trip", lambda r: r.echo_ms, None),
)
