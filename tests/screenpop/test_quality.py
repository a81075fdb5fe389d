"""What a page may say of how its call sounds: only of its own call, only of time that passed, only figures."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.errors import InvalidValue
from cti.domain.ids import Endpoint, LegId
from cti.domain.records import to_record
from screenpop.messages import QualityArgs
from screenpop.quality import QualityReports
from tests.screenpop.conftest import CALL, LINA, TOM, TWO, Page, World
from tests.screenpop.test_commands import Asker

pytestmark = pytest.mark.contract

GOOD: dict[str, Any] = {
    "call_id": CALL,
    "measured_s": 30,
    "lost_in": 0.4,
    "lost_out": 1.25,
    "jitter_ms": 6.5,
    "round_trip_ms": 42.0,
    "mos": 4.31,
    "worst_mos": 3.9,
}


@pytest.fixture
def ask(world: World) -> Asker:
    return Asker(world, Page(world, LINA))


async def talk(world: World, seconds: float = 30) -> None:
    """Lina talks at her browser phone for so long."""
    await world.waiting()
    await world.connected()
    world.clock.advance(seconds)


async def test_the_figures_are_kept_with_the_call(world: World, ask: Asker) -> None:
    await talk(world)
    assert await ask("phone.quality", **GOOD) == "ok"
    [kept] = world.of(ev.ConnectionMeasured)
    assert kept == ev.ConnectionMeasured(
        at=world.clock.now(),
        call_id=CALL,
        agent_id=LINA.user_id,
        endpoint=Endpoint("1001w"),
        measured_time=timedelta(seconds=30),
        lost_in=0.4,
        lost_out=1.25,
        jitter_time=timedelta(milliseconds=6.5),
        round_trip_time=timedelta(milliseconds=42),
        mos=4.31,
        worst_mos=3.9,
    )
    [accepted] = world.of(ev.CommandAccepted)
    assert accepted.arguments == {}  # they stand once, in the event


async def test_the_ticket_says_how_the_worst_stretch_sounded(world: World, ask: Asker) -> None:
    await talk(world, seconds=90)
    for mos in (4.2, 2.9, 4.4):
        assert await ask("phone.quality", **{**GOOD, "mos": mos, "worst_mos": 1.5}) == "ok"
    await world.settle()
    await ask.page.read()
    rows = ask.page.sections["ticket"]["timeline"]
    assert [row["text"] for row in rows if row["what"] == "sound"] == ["2.9"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mos": float("nan")},
        {"mos": float("inf")},
        {"mos": 4.6},
        {"mos": 0.9, "worst_mos": 0.9},
        {"mos": "4.2"},
        {"mos": True},
        {"worst_mos": float("nan")},
        {"lost_in": -0.1},
        {"lost_in": 100.5},
        {"lost_in": None},
        {"lost_out": float("-inf")},
        {"jitter_ms": 1e300},
        {"round_trip_ms": -1},
        {"round_trip_ms": [1]},
        {"measured_s": 0},
        {"measured_s": 1e9},
        {"measured_s": float("nan")},
        {"note": "he said 138 0013 8000"},
        {"call_id": None},
    ],
)
async def test_what_is_no_figure_is_refused(
    world: World, ask: Asker, wrong: dict[str, Any]
) -> None:
    await talk(world)
    assert await ask("phone.quality", **{**GOOD, **wrong}) == "wrong_shape"
    assert not world.of(ev.ConnectionMeasured)
    assert not world.of(ev.CommandAccepted)


@pytest.mark.parametrize(
    "wrong", [{"worst_mos": 4.4}, {"measured_s": 36}, {"call_id": "x\r\nAction: Logoff"}]
)
async def test_figures_that_cannot_be_are_refused(
    world: World, ask: Asker, wrong: dict[str, Any]
) -> None:
    await talk(world)
    assert await ask("phone.quality", **{**GOOD, **wrong}) == "invalid_value"
    assert not world.of(ev.ConnectionMeasured)


async def test_nobody_speaks_of_somebody_elses_call(world: World, ask: Asker) -> None:
    await talk(world)
    other = Asker(world, Page(world, TOM))
    assert await other("phone.quality", **GOOD) == "not_your_call"
    assert await ask("phone.quality", **{**GOOD, "call_id": TWO}) == "not_your_call"
    assert not world.of(ev.ConnectionMeasured)


async def test_a_call_that_only_rings_has_no_sound(world: World, ask: Asker) -> None:
    await world.waiting()
    await world.rings()
    assert await ask("phone.quality", **GOOD) == "not_your_call"


async def test_a_desk_phone_is_nothing_a_page_can_measure(world: World, ask: Asker) -> None:
    await world.waiting()
    await world.happen(ev.CallConnected, leg_id=LegId("a"), endpoint=Endpoint("1001"))
    assert await ask("phone.quality", **GOOD) == "not_your_call"


async def test_a_replayed_report_tells_nothing_twice(world: World, ask: Asker) -> None:
    await talk(world)
    assert await ask("phone.quality", "r1", **GOOD) == "ok"
    assert (
        await ask("phone.quality", "r1", **GOOD) == "ok"
    )  # the answer of the first, and nothing done
    assert await ask("phone.quality", "r2", **GOOD) == "invalid_value"
    assert len(world.of(ev.ConnectionMeasured)) == 1
    world.clock.advance(30)
    assert await ask("phone.quality", "r3", **GOOD) == "ok"


async def test_the_last_report_comes_after_the_call(world: World, ask: Asker) -> None:
    await talk(world)
    await world.ended()
    world.clock.advance(600)
    assert await ask("phone.quality", **{**GOOD, "measured_s": 60}) == "invalid_value"
    assert await ask("phone.quality", **GOOD) == "ok"
    assert await ask("phone.quality", **GOOD) == "invalid_value"


async def test_whoever_comes_back_to_a_call_may_tell_of_it_again(world: World, ask: Asker) -> None:
    await talk(world)
    await world.happen(ev.LegEnded, leg_id=LegId("a"), endpoint=Endpoint("1001w"), cause=16)
    world.clock.advance(60)
    assert await ask("phone.quality", **{**GOOD, "measured_s": 90}) == "invalid_value"
    await world.connected()
    assert await ask("phone.quality", **{**GOOD, "measured_s": 90}) == "ok"


async def test_after_a_restart_no_report_counts_twice(world: World, ask: Asker) -> None:
    await talk(world)
    assert await ask("phone.quality", **GOOD) == "ok"
    past = list(world.told)
    again = QualityReports(world.bus, world.clock, world.pop.desks)
    for event in past:
        again.take(event)
    args = QualityArgs.model_validate(GOOD)
    with pytest.raises(InvalidValue, match="measured time"):
        again.report(ask.page.desk, args)
    world.clock.advance(30)
    await again.report(ask.page.desk, args)()
    assert len(world.of(ev.ConnectionMeasured)) == 2


async def test_only_the_latest_calls_are_remembered(world: World, ask: Asker) -> None:
    for number in range(1, 7):
        call_id = type(CALL)(f"pbx1-{number}.1-1")
        await world.offered(call_id=call_id)
        await world.connected(call_id=call_id)
        await world.ended(call_id)
    assert await ask("phone.quality", **{**GOOD, "measured_s": 1}) == "not_your_call"
    args = {**GOOD, "measured_s": 1, "call_id": "pbx1-6.1-1"}
    assert await ask("phone.quality", **args) == "ok"


async def test_no_word_of_the_journal_names_anybody(world: World, ask: Asker) -> None:
    await talk(world)
    assert await ask("phone.quality", **GOOD) == "ok"
    record = to_record(world.of(ev.ConnectionMeasured)[0])
    assert record.personal == {}
    assert "138" not in json.dumps(record.data)
