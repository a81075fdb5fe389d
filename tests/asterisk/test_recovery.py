"""A hundred callers wait, and the service is killed: each is back as he was, and the line is served in its order.

They have different credits and demands, and one of them was already missed by an agent. Twice killed: once so that they
never leave the line (as if the service came back at once), once until all of them stand in Asterisk's own queue.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from cti.company import Company, Flow, Node, Number, Person, Queue
from cti.domain import events as ev
from sip_sim.desktop import HeadlessDesktop
from sip_sim.farm import callers
from sip_sim.sipp import Load
from tests.asterisk.live import Live, live
from tests.asterisk.races import seated
from tests.asterisk.scene import FOREVER, Scene, is_quiet
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(420),
]
PLAIN, SPECIAL = "4000", "4001"
CALLERS = {PLAIN: 60, SPECIAL: 40}
PER_SECOND = 20
SERVED = 8
LONG = 120.0
ENTRY = ("call_id", "since", "credit_s", "demand", "missed_by")
"""What of a caller must be the same afterwards."""


def company() -> Company:
    """One queue; who dials the one number has half a minute's credit and needs tea."""
    return Company(
        name="Recovery",
        people=tuple(
            Person(
                login=f"agent{i}", name=f"Agent {i}", staff_number=str(i),
                extension=str(1100 + i), queues=("line",), skills={"tea": 5},
            )
            for i in (1, 2)
        ),
        skills=("tea",),
        queues=(
            Queue(
                name="line", label={"en": "Line"}, ring_time=timedelta(seconds=2),
                wrap_up_time=timedelta(0), gap_time=timedelta(0), announce_every=timedelta(0),
                agents_pull=True,  # and therefore may see who waits
            ),
        ),
        flows=(
            Flow(name="plain", start="q", nodes=(Node(name="q", kind="queue", queue="line"),)),
            Flow(
                name="special", start="q",
                nodes=(
                    Node(
                        name="q", kind="queue", queue="line", demand="tea>=3",
                        credit_time=timedelta(seconds=30),
                    ),
                ),
            ),
        ),
        numbers=(Number(dnis=PLAIN, flow="plain"), Number(dnis=SPECIAL, flow="special")),
        default_flow="plain",
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    # The callers send no sound, and wait for minutes.
    async with live(company(), simulated=1, rtp_timeout=600) as running:
        yield running


async def line_of(stage: Scene, desktop: HeadlessDesktop) -> list[dict[str, Any]]:
    """Who waits, in order, as the service tells it."""
    address = f"{stage.product.place.web}/api/v1/queues/line/waiting"
    async with desktop.client.get(address) as answer:
        assert answer.status == 200, await answer.text()
        found: list[dict[str, Any]] = (await answer.json())["callers"]
        return found


async def until_all_wait(stage: Scene, desktop: HeadlessDesktop) -> list[dict[str, Any]]:
    """The line, when everybody stands in it, and not in Asterisk's queue."""

    async def all_there() -> list[dict[str, Any]]:
        found = await line_of(stage, desktop)
        is_whole = len(found) == sum(CALLERS.values())
        return found if is_whole and {c["state"] for c in found} == {"waiting"} else []

    found: list[dict[str, Any]] = await until(all_there, LONG)
    line = [{name: caller[name] for name in ENTRY} for caller in found]
    assert [rank(c) for c in line] == sorted(rank(c) for c in line)
    # Asterisk tells milliseconds: of two callers of the same one it isn't known any more who came first.
    return sorted(line, key=lambda c: (rank(c), c["call_id"]))


def rank(caller: dict[str, Any]) -> datetime:
    """The effective beginning of a caller's wait, by which the line is ordered."""
    return datetime.fromisoformat(caller["since"]) - timedelta(seconds=caller["credit_s"])


async def one_is_missed(stage: Scene, stack: contextlib.AsyncExitStack) -> None:
    """The first caller rings at an agent who doesn't answer, and who is away then."""
    async with seated(stage, "agent1") as seat:
        seat.phone.status = 180
        await call(stage, stack, PLAIN, 1)
        away = ("NOT_READY", "rona")
        await seat.desktop.until(lambda d: (d.state, d.sections["agent"]["reason"]) == away, LONG)


async def call(stage: Scene, stack: contextlib.AsyncExitStack, number: str, count: int) -> None:
    """So many callers without sound, one after the other."""
    own = [(stage.number(), "Caller") for _ in range(count)]
    load = Load(count, count, PER_SECOND)
    place = stage.product.place
    opened = callers(place, number, load, patience=FOREVER, fields=own, menu_time=timedelta(0))
    await stack.enter_async_context(opened)


async def serve(stage: Scene, count: int) -> list[str]:
    """An agent comes and takes callers, one after the other; returns whom he got, in order."""
    since = await stage.product.last()
    async with seated(stage, "agent2") as seat:

        async def enough() -> list[ev.CallAnswered]:
            if seat.desktop.state == "TALKING":  # each conversation ends as soon as it has begun
                seat.hang_up_all()
            found = await stage.product.events(ev.CallAnswered, since)
            return found if len(found) >= count else []

        answered: list[ev.CallAnswered] = await until(enough, LONG)
        seat.phone.status = 486
    return [e.call_id for e in answered[:count]]


async def test_a_hundred_waiting_callers_are_back_as_they_were(stage: Scene) -> None:
    product = stage.product
    async with contextlib.AsyncExitStack() as stack:
        await one_is_missed(stage, stack)
        await call(stage, stack, PLAIN, CALLERS[PLAIN] - 1)
        await call(stage, stack, SPECIAL, CALLERS[SPECIAL])
        async with stage.desktop("agent1") as desktop:
            before = await until_all_wait(stage, desktop)
        assert [c["missed_by"] for c in before if c["missed_by"]] == [["agent1"]]
        assert sum(c["credit_s"] == 30 and c["demand"] == "tea>=3" for c in before) == 40

        await product.pbx.set_global("RD_STALE", "600")
        await product.stop(signal.SIGKILL)
        await product.start()
        async with stage.desktop("agent1") as desktop:
            assert await until_all_wait(stage, desktop) == before
        assert not await product.events(ev.CallFellBack)

        await product.pbx.set_global("RD_STALE", "5")
        await product.stop(signal.SIGKILL)
        await until(lambda: all_fell_back(stage), LONG)
        await product.start()
        async with stage.desktop("agent1") as desktop:
            assert await until_all_wait(stage, desktop) == before

        ranks = {c["call_id"]: rank(c) for c in before}
        served = [ranks[call_id] for call_id in await serve(stage, SERVED)]
        assert served == sorted(ranks.values())[:SERVED]
        await product.pbx.rx("channel request hangup all")
        await until(lambda: is_quiet(product), LONG)


async def all_fell_back(stage: Scene) -> bool:
    """Whether all callers stand in Asterisk's own queue."""
    shown = await stage.product.pbx.rx("queue show rd_line")
    return shown.count("(wait:") == sum(CALLERS.values())
