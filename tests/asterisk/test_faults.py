"""The service is killed or frozen while callers are everywhere: nobody is dropped, nobody loses his place.

Callers talk, ring, wait, hear their position and sit in a menu; then the service dies (SIGKILL) or hangs
(SIGSTOP). Asterisk itself is asked where everybody is. After the service is back: order kept, conversations known
again, recordings and tickets complete. How often: ``RINGDESK_FAULT_ROUNDS``, from seed ``RINGDESK_FAULT_SEED`` on.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import pytest_asyncio

from cti.domain import events as ev
from sip_sim.farm import AgentFarm
from tests.asterisk.live import Live, live
from tests.asterisk.scene import MENU, RING_TIME, Scene, Seen, fault_company, is_quiet, scene
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
ROUNDS = int(os.environ.get("RINGDESK_FAULT_ROUNDS", "3"))
FIRST = int(os.environ.get("RINGDESK_FAULT_SEED", "0"))
TALKING = ("agent1", "agent2", "agent3")
LATE = "agent4"
FALLBACK_LIMIT = 10.0


@dataclass
class Row:
    """A line of the fault table."""

    fault: str
    calls: int = 0
    dropped: int = 0
    misplaced: int = 0
    waits: list[float] = field(default_factory=list)  # fault → everybody safe, seconds
    backs: list[float] = field(default_factory=list)  # service back → all known again, seconds


_TABLE: dict[str, Row] = {}


@pytest.fixture(scope="module", autouse=True)
def _printed_table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    rows = ["", "fault     calls  dropped  places lost  all safe after (s)   known again after (s)"]
    for row in _TABLE.values():
        waits, backs = (" ".join(f"{s:.1f}" for s in times) for times in (row.waits, row.backs))
        rows.append(
            f"{row.fault:8}{row.calls:7}{row.dropped:9}{row.misplaced:13}  {waits:19}  {backs}"
        )
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        sys.stdout.write("\n".join(rows) + "\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(fault_company(announce_every=timedelta(seconds=6)), simulated=1) as running:
        yield running


@dataclass
class Cast:
    """Who is where when the fault comes."""

    talking: list[str]
    ringing: str
    waiting: list[str]
    menu: str
    farms: list[AgentFarm]
    since: int

    @property
    def everybody(self) -> list[str]:
        return [*self.talking, self.ringing, *self.waiting, self.menu]


@contextlib.asynccontextmanager
async def everywhere(stage: Scene, chance: random.Random) -> AsyncIterator[Cast]:
    """Three talk, one rings, four wait (one hears his position), one is in a menu."""
    since = await stage.product.last()
    async with contextlib.AsyncExitStack() as stack:
        late = timedelta(seconds=chance.uniform(2, RING_TIME.total_seconds() - 3))
        ready = await stack.enter_async_context(stage.phones(*TALKING))
        slow = await stack.enter_async_context(stage.phones(LATE, answer_after=late))
        await slow.desktops[0].command("agent.not_ready", reason="break")
        talking = await stage.call(stack, len(TALKING))
        await stage.until_at("talking", talking)
        ringing = (await stage.call(stack, 1))[0]
        await stage.until_at("waiting", [ringing])
        waiting = await stage.call(stack, 4)
        await stage.until_at(("waiting", "visiting"), waiting)
        menu = (await stage.call(stack, 1, MENU))[0]
        await stage.until_at("menu", [menu])
        await until(lambda: _is_any(stage, waiting, "visiting"), 20)
        await slow.desktops[0].command("agent.ready")
        await stage.until_at("ringing", [ringing])
        yield Cast(talking, ringing, waiting, menu, [ready, slow], since)


async def _is_any(stage: Scene, numbers: list[str], place: str) -> bool:
    seen = await stage.callers()
    return any(n in seen and seen[n].place == place for n in numbers)


async def until_safe(stage: Scene, cast: Cast) -> float:
    """Wait until every waiting caller is with an agent or in the fallback Queue(); seconds taken."""
    began = time.monotonic()
    waiting = [*cast.waiting, cast.menu]

    async def all_safe() -> bool:
        seen = await stage.callers()
        return all(n in seen and seen[n].place in ("fallback", "talking") for n in waiting)

    try:
        await until(all_safe, FALLBACK_LIMIT)
    except TimeoutError:
        seen = await stage.callers()
        raise AssertionError({n: seen.get(n, "gone") for n in waiting}) from None
    return time.monotonic() - began


def assert_same_talk(before: dict[str, Seen], after: dict[str, Seen], numbers: list[str]) -> None:
    """These conversations went on: same channels, same bridge."""
    assert {n: after.get(n) for n in numbers} == {n: before[n] for n in numbers}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _service_is_back(product: Live) -> AsyncIterator[None]:
    """A round that failed in the middle leaves the service as the next one wants it."""
    yield
    assert product.process is not None
    if product.process.returncode is None:
        product.thaw()
    else:
        await product.start()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_nobody_is_dropped_and_nobody_loses_his_place(
    product: Live, fault: str, seed: int
) -> None:
    row = _TABLE.setdefault(fault, Row(fault))
    chance = random.Random(f"{fault} {seed}")
    async with scene(product) as stage, everywhere(stage, chance) as cast:
        before = await stage.callers()
        row.calls += len(cast.everybody)
        if fault == "kill":
            assert product.process is not None
            product.process.kill()
            await product.process.wait()
        else:
            product.freeze()
        row.waits.append(await until_safe(stage, cast))
        await nobody_is_dropped(stage, cast, row)
        assert_same_talk(before, await stage.callers(), cast.talking)
        await the_queue_serves(stage, cast, row)
        talks = {n: s for n, s in (await stage.callers()).items() if s.place == "talking"}
        began = time.monotonic()
        if fault == "kill":
            await product.start()
        else:
            product.thaw()
        await everybody_is_known_again(stage, cast, talks, row)
        row.backs.append(time.monotonic() - began)
        await all_are_served_in_order(stage, cast, row)
        await nothing_is_lost(stage, cast)


async def nobody_is_dropped(stage: Scene, cast: Cast, row: Row) -> None:
    """Every caller still has his channel."""
    dropped = set(cast.everybody) - set(await stage.callers())
    row.dropped += len(dropped)
    assert not dropped


async def the_queue_serves(stage: Scene, cast: Cast, row: Row) -> None:
    """Without the service: who waited longest gets the agent who comes free."""
    await stage.until_at("talking", [cast.ringing], RING_TIME.total_seconds() + 10)
    order = await stage.line()
    wrong = sum(a != b for a, b in zip(order, [*cast.waiting, cast.menu], strict=True))
    row.misplaced += wrong
    assert not wrong, "the line is not in the order of arrival"
    seen = await stage.callers()
    await stage.hang_up(seen[cast.talking[0]].channel)
    await stage.until_at("talking", order[:1])


async def everybody_is_known_again(
    stage: Scene, cast: Cast, talks: dict[str, Seen], row: Row
) -> None:
    """The service's view is Asterisk's; the talks went on; waiting callers are back in line."""
    waiting = [n for n in [*cast.waiting, cast.menu] if n not in talks]
    await stage.until_at(("waiting", "visiting"), waiting, 20)
    async with contextlib.AsyncExitStack() as stack:
        for login in (*TALKING, LATE):
            desktop = await stack.enter_async_context(stage.desktop(login))
            await desktop.until(lambda d: d.state == "TALKING" and d.call, 10)
    seen = await stage.callers()
    row.dropped += sum(seen.get(n) != s for n, s in talks.items())
    assert_same_talk(talks, seen, list(talks))
    ids = await stage.call_ids(cast.since, cast.everybody)
    assert len(ids) == len(cast.everybody), stage.product.log_text()


async def all_are_served_in_order(stage: Scene, cast: Cast, row: Row) -> None:
    """One conversation after the other ends; each time the caller who waited longest is next."""
    talking = [*cast.talking[1:], cast.ringing, cast.waiting[0]]
    for number in [*cast.waiting[1:], cast.menu]:
        seen = await stage.callers()
        later = [n for n, s in seen.items() if s.place == "talking" and n not in talking]
        row.misplaced += len(later)
        assert not later, "somebody was served before his turn"
        await stage.hang_up(seen[talking.pop(0)].channel)
        await stage.until_at("talking", [number])
        talking.append(number)
    await stage.until_recorded((await stage.call_ids(cast.since, [cast.menu]))[cast.menu])
    await stage.end_all(talking)


async def nothing_is_lost(stage: Scene, cast: Cast) -> None:
    """Every caller has one end, one place, one ticket and his recording on it; no agent is stuck."""
    product = stage.product
    await stage.assert_calls_well()
    ids = await stage.call_ids(cast.since, cast.everybody)
    calls = list(ids.values())
    await stage.until_fact(ev.CallEnded, calls)
    await stage.until_fact(ev.RecordingAttached, calls)
    await stage.places(calls)
    for kind in (ev.CallEnded, ev.TicketOpened, ev.RecordingAttached):
        counts = [e.call_id for e in await product.events(kind) if e.call_id in calls]
        assert sorted(counts) == sorted(calls), f"{kind.__name__}: not once a call"
    for wrong in (ev.RecordingFailed, ev.CallAbandoned):
        assert not [e for e in await product.events(wrong) if e.call_id in calls]
    async with contextlib.AsyncExitStack() as stack:
        for login in (*TALKING, LATE):
            desktop = await stack.enter_async_context(stage.desktop(login))
            await desktop.until(lambda d: d.state in ("READY", "NOT_READY"), 10)
            await desktop.command("agent.sign_out")
    await until(lambda: is_quiet(product), 10)
