"""The link to Asterisk's AMI breaks, hangs, lags, repeats itself and talks nonsense while callers are everywhere.

The service runs on all the while, so nobody may be dropped, lose his place, or be rung twice for one caller; and when the
link is back, what happened meanwhile is repaired and told. ``RINGDESK_FAULT_ROUNDS`` and ``…_SEED`` as in
``test_faults``; ``RINGDESK_CUT_SECONDS``: how long the long cut is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from cti.domain.ids import CallId
from tests.asterisk.ami_proxy import AmiProxy, event, headers_of
from tests.asterisk.cast import (
    Cast,
    all_are_served_in_order,
    assert_same_talk,
    everybody_is_known_again,
    everywhere,
    nothing_is_lost,
    the_queue_serves,
    until_safe,
)
from tests.asterisk.fault_table import Row, row_of, seeds
from tests.asterisk.invariants import until_accounted, until_consistent
from tests.asterisk.live import Live, live
from tests.asterisk.scene import RING_TIME, Scene, fault_company, scene
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
SEEDS = seeds(1)
CUT_SECONDS = float(os.environ.get("RINGDESK_CUT_SECONDS", "15"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy() -> AsyncIterator[AmiProxy]:
    async with AmiProxy().listening() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(proxy: AmiProxy) -> AsyncIterator[Live]:
    company = fault_company(announce_every=timedelta(seconds=6))
    async with live(company, simulated=1, through=proxy) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _well_again(proxy: AmiProxy, product: Live) -> AsyncIterator[None]:
    """A round that failed in the middle leaves the link as the next one wants it."""
    yield
    proxy.restore()
    await until(product.is_well, 20)


async def until_link(cast: Cast, state: str) -> None:
    """Wait until every desktop shows the link so."""
    for farm in cast.farms:
        for desktop in farm.desktops:
            await desktop.until(lambda d: d.sections["link"]["switch"] == state, 30)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", ["cut 1 s", "cut long", "black hole", "stall"])
async def test_a_lost_link_costs_nobody_his_call_or_his_place(
    proxy: AmiProxy, product: Live, fault: str, seed: int
) -> None:
    row = row_of(f"R3 link: {fault.replace('long', f'{CUT_SECONDS:.0f} s')}")
    chance = random.Random(f"{fault} {seed}")
    async with scene(product) as stage, everywhere(stage, chance, has_menu=False) as cast:
        before, since = await stage.callers(), len(proxy.written)
        row.rounds += 1
        began = time.monotonic()
        {"stall": proxy.stall, "black hole": proxy.swallow}.get(fault, proxy.cut)()
        if fault == "cut 1 s":
            await short(stage, cast)
        else:
            await until_link(cast, "down")
            await cast.comes(stage)
            await until_safe(stage, cast)
            assert_same_talk(before, await stage.callers(), cast.talking)
            await the_queue_serves(stage, cast, row)
            length = CUT_SECONDS if fault == "cut long" else 10
            await asyncio.sleep(
                max(0.0, began + length - time.monotonic())
            )  # the fault's own length
        await nobody_else_is_gone(stage, cast)
        proxy.restore()
        back = time.monotonic()
        await until_link(cast, "up")
        await stage.until_at(
            "talking", [cast.ringing, cast.waiting[0]], RING_TIME.total_seconds() + 15
        )
        talks = {n: s for n, s in (await stage.callers()).items() if s.place == "talking"}
        await everybody_is_known_again(stage, cast, talks, row)
        row.truth.append(time.monotonic() - back)
        assert not proxy.repeated(since), "a phone was rung twice for one caller"
        await all_are_served_in_order(stage, cast, row)
        assert not proxy.repeated(since), "a phone was rung twice for one caller"
        await nothing_is_lost(stage, cast, row)
        row.calls += len(cast.everybody)


async def short(stage: Scene, cast: Cast) -> None:
    """Somebody hangs up and nobody tells us; the link is back before the waiting callers notice."""
    await until_link(cast, "down")
    await cast.comes(stage)
    await stage.hang_up((await stage.callers())[cast.talking[0]].channel)
    await asyncio.sleep(1)  # the fault's own length


async def nobody_else_is_gone(stage: Scene, cast: Cast) -> None:
    missing = set(cast.everybody) - {cast.talking[0]} - set(await stage.callers())
    assert not missing, f"dropped: {missing}"


# ---- a link that stands but is unfair ----------------------------------------------------------


async def serve(stage: Scene, chance: random.Random, row: Row, count: int = 6) -> list[CallId]:
    """Two agents serve so many callers; each caller hangs up at some moment of his conversation, one while he waits."""
    since = await stage.product.last()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(stage.phones("agent5", "agent6"))
        numbers = await stage.by_arrival(await stage.call(stack, count), since)
        await stage.until_at("talking", numbers[:2], 40)
        await stage.until_at(("waiting", "visiting"), numbers[-1:], 40)
        await stage.end_all([numbers[-1]])
        row.calls += count
        for number in numbers[:-1]:
            await stage.until_at("talking", [number], 40)
            await asyncio.sleep(chance.uniform(0, 1))  # his part of the conversation
            await stage.end_all([number])
        ids = await stage.call_ids(since, numbers)
        return list(ids.values())


UNFAIR: dict[str, Callable[[AmiProxy], None]] = {
    "late": lambda p: setattr(p, "delay", (0.05, 0.4)),
    "slow consumer": lambda p: setattr(p, "rate", 12_000.0),
    "redirects answered never": lambda p: p.answers.update(redirect=0),
    "answered twice": lambda p: p.answers.update(redirect=2, setvar=2, ping=2, corestatus=2),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", UNFAIR)
async def test_an_unfair_link_loses_nobody(
    proxy: AmiProxy, product: Live, how: str, seed: int
) -> None:
    row = row_of(f"AMI {how}")
    row.rounds += 1
    async with scene(product) as stage:
        since = len(proxy.written)
        UNFAIR[how](proxy)
        calls = await serve(stage, random.Random(f"{how} {seed}"), row)
        proxy.restore()
        await until_consistent(stage, row)
        await until_accounted(stage, calls, row)
        assert not proxy.repeated(since), "a phone was rung twice for one caller"


@pytest.mark.parametrize("seed", SEEDS)
async def test_events_told_again_after_a_reconnect_change_nothing(
    proxy: AmiProxy, product: Live, seed: int
) -> None:
    row = row_of("AMI events twice after a reconnect")
    row.rounds += 1
    chance = random.Random(f"duplicates {seed}")
    async with scene(product) as stage:
        serving = asyncio.create_task(serve(stage, chance, row))
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.5, 2))  # somewhere in the calls
            proxy.duplicates = 300
            logins = proxy.logins
            proxy.cut()
            proxy.restore()
            await until_more_logins(proxy, logins)
        calls = await serving
        await until_consistent(stage, row)
        await until_accounted(stage, calls, row)


# ---- nonsense ----------------------------------------------------------------------------------

LONG_NAME = "X" * 2_000


def nonsense(chance: random.Random, caller: dict[str, str]) -> list[bytes]:
    """What no Asterisk says; ``caller`` is a true event about a live channel."""
    uniqueid, channel, call = caller["Uniqueid"], caller["Channel"], caller["Call"]
    lines = [
        event("NoSuchEvent", Uniqueid=uniqueid),
        event(LONG_NAME),
        event("UserEvent", UserEvent="RdNoSuch", Call=call),
        event("UserEvent", UserEvent="RdWait", Call=call),  # no T0
        event("UserEvent", UserEvent="RdWait", Call=call, T0="soon", Uniqueid=uniqueid, Channel=channel),
        event("UserEvent", UserEvent="RdIn", Call="../../etc", Uniqueid=uniqueid, Channel=channel),
        event("UserEvent", UserEvent="RdNoAnswer", Call=call, Agent="1101&1102", Status="ANSWER"),
        event("Hangup"),
        event("Hangup", Uniqueid="pbx1-1.1", Channel="PJSIP/张伟-0000001", Cause="many"),
        event("BridgeEnter", Uniqueid="pbx1-1.2", Channel="PJSIP/zoë-00000001", BridgeUniqueid="b"),
        event("DialBegin", Uniqueid=uniqueid, DestUniqueid="pbx1-1.3", DestChannel="PJSIP/é-00000001"),
        event("DialEnd", DestUniqueid="pbx1-1.3"),
        event("DeviceStateChange", Device="PJSIP/1105", State="SLEEPING"),
        event("DeviceStateChange", Device="PJSIP/1105", State="NOT_INUSE", Timestamp="1e400"),
        event("BridgeLeave", Uniqueid=uniqueid, Channel=channel, BridgeUniqueid="never entered"),
        b"Response: Success\r\nActionID: nobody asked\r\n\r\n",
        b"no header at all\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"Event: Hangup\r\nUniqueid: \xff\xfe\xfa\r\nCause: 16\r\n\r\n",
    ]  # fmt: skip
    chance.shuffle(lines)
    return lines


@pytest.mark.parametrize("seed", SEEDS)
async def test_nonsense_is_counted_said_once_and_survived(
    proxy: AmiProxy, product: Live, seed: int
) -> None:
    row = row_of("AMI nonsense")
    row.rounds += 1
    chance = random.Random(f"nonsense {seed}")
    async with (
        scene(product) as stage,
        contextlib.AsyncExitStack() as stack,
        stage.phones("agent5", "agent6"),
    ):
        numbers = await stage.call(stack, 3)
        row.calls += 3
        await stage.until_at("talking", numbers[:2], 30)
        before = await stage.callers()
        told = headers_of(proxy.last_events("UserEvent")[-1])
        told = {"Call": "pbx1-1.1-1"} | told
        for _ in range(3):
            proxy.inject(*nonsense(chance, told))
        logins = proxy.logins
        proxy.inject(event("Newchannel", Channel="x" * 2**20))
        await until(lambda: proxy.logins > logins, 20)  # a megabyte is no event of Asterisk's
        await until_link_up(stage)
        await until_consistent(stage, row)
        assert await stage.callers() == before
        assert logged_once(product, "ami_event_unknown", "RdNoSuch")
        assert logged_once(product, "ami_event_malformed", "Hangup")
        await stage.end_all([numbers[0]])
        await stage.until_at("talking", [numbers[2]], 30)
        await stage.end_all(numbers)
        calls = list((await stage.call_ids(0, numbers)).values())
        await until_consistent(stage, row)
        await until_accounted(stage, calls, row)


async def until_link_up(stage: Scene) -> None:
    """Wait until the service says that it is well."""
    await until(stage.product.is_well, 20)


def logged_once(product: Live, what: str, name: str) -> bool:
    """Whether the service's log has exactly one line of this kind about an event of this name."""
    text = (product.settings.home / "service.log").read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if f'"{what}"' in line and f'"{name}"' in line]
    assert len(lines) == 1, lines
    return True


async def until_more_logins(proxy: AmiProxy, known: int) -> None:
    """Wait until the service has logged in once more."""
    await until(lambda: proxy.logins > known, 20)
