"""A day's story with known figures; and every story that these tests tell keeps the figures whole."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acd.adapters.figures_memory import MemoryFigures
from acd.figures_board import FiguresBoard
from acd.figures_book import Period
from acd.figures_counts import QueueFigures, Slice, Thresholds
from acd.figures_intervals import bounds_of
from cti.domain import events as ev
from cti.domain.ids import AgentId, QueueName
from tests.acceptance.centre import Centre
from tests.acceptance.company import HELP

pytestmark = pytest.mark.acceptance

SALES_QUEUE, HELP_QUEUE, LINA, TOM = (
    QueueName("sales"), QueueName("help"), AgentId("lina"), AgentId("tom"),
)  # fmt: skip


async def figures(centre: Centre, queue: QueueName = SALES_QUEUE) -> QueueFigures:
    """The day's figures of a queue, as the service has them."""
    board = centre.service.figures.board
    now = centre.clock.now()
    day = Period(*bounds_of(now.astimezone(board.zone).date(), board.zone))
    total = QueueFigures()
    for cell in (await board.book.queues(day, board.thresholds([queue]), now)).values():
        total.add(cell)
    return total


async def test_a_story_with_known_figures(centre: Centre) -> None:
    """One hangs up at once, one after a while, one is answered late after a RONA, one at once."""
    for patience in (3, 30):
        caller = await centre.waiting()
        await centre.wait(patience)
        caller.hang_up()
        await centre.until(lambda caller=caller: centre.is_over(caller))  # type: ignore[misc]
    lina = await centre.agent("lina")
    late = await centre.waiting()
    await centre.until(lambda: lina.state == "NOT_READY rona", within=30)
    tom = await centre.agent("tom", answers_after=timedelta(seconds=9))
    await centre.until(lambda: tom.call == "talking", within=30)
    await tom.on_call("hold")
    await centre.until(lambda: tom.call == "on_hold")
    await centre.wait(10)
    await tom.on_call("retrieve")
    await centre.until(lambda: tom.call == "talking")
    await centre.wait(40)
    late.hang_up()
    await centre.until(lambda: tom.state == "WRAP_UP")
    await centre.until(lambda: tom.state == "READY", within=30)
    soon = await centre.waiting()
    await centre.until(lambda: tom.call == "talking", within=30)
    soon.hang_up()
    await centre.until(lambda: tom.state == "WRAP_UP")
    await centre.until(lambda: tom.state == "READY", within=30)

    sales = await figures(centre)
    assert (sales.offered, sales.answered, sales.abandoned, sales.waiting) == (4, 2, 2, 0)
    assert (sales.short_abandoned, sales.answered_in_time, sales.rona) == (1, 1, 1)
    assert sales.service_level == 1 / 3
    assert sales.is_whole
    assert sales.calls == 4
    assert sales.average_hold_time_s == pytest.approx(10 / 2, abs=0.5)
    assert sales.average_wrap_up_time_s == pytest.approx(20, abs=0.5)
    [waited] = [e.wait_time for e in centre.of(late, ev.CallAnswered)]
    [at_once] = [e.wait_time for e in centre.of(soon, ev.CallAnswered)]
    mean = (waited + at_once).total_seconds() / 2
    assert sales.average_speed_of_answer_s == pytest.approx(mean, abs=0.002)
    assert sales.longest_wait_ms >= 30_000
    assert (await figures(centre, HELP_QUEUE)).offered == 0


async def test_the_calls_behind_a_figure_and_the_agents_times(centre: Centre) -> None:
    tom = await centre.agent("tom")
    await centre.wait(20)
    caller = await centre.talking(tom)
    await centre.wait(30)
    caller.hang_up()
    await centre.until(lambda: tom.state == "READY", within=30)
    board = centre.service.figures.board
    now = centre.clock.now()
    day = Period(*bounds_of(now.astimezone(board.zone).date(), board.zone))
    [line] = await board.book.visits(day, SALES_QUEUE, Slice.ANSWERED_IN_TIME, Thresholds())
    assert (line.call_id, line.agent_id, line.outcome) == (caller.call_id, TOM, "answered")
    assert line.talk_ms == pytest.approx(30_000, abs=500)
    assert await board.book.visits(day, SALES_QUEUE, Slice.ABANDONED, Thresholds()) == []
    [cell] = (await board.book.agents(day, [TOM], now)).values()
    assert (cell.answered, cell.handled) == (1, 1)
    assert cell.ready_ms == pytest.approx(20_000, abs=1500)
    assert cell.talk_ms == pytest.approx(30_000, abs=500)
    assert cell.wrap_up_ms == pytest.approx(20_000, abs=500)


async def test_a_caller_sent_to_another_queue_counts_in_both_and_is_one_call(
    centre: Centre,
) -> None:
    tom = await centre.agent("tom")
    caller = await centre.talking(tom)
    await tom.on_call("transfer", target={"kind": "queue", "value": "help"})
    await centre.until(lambda: len(centre.of(caller, ev.CallEnqueued)) == 2)
    mei = await centre.agent("mei")
    await centre.until(lambda: mei.call == "ringing")
    centre.answer(mei)
    await centre.until(lambda: mei.call == "talking")
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    sales, helped = await figures(centre), await figures(centre, HELP_QUEUE)
    assert (sales.answered, sales.calls) == (1, 1)
    assert (helped.answered, helped.calls, helped.from_elsewhere) == (1, 0, 1)


async def test_a_restart_counts_nobody_twice(centre: Centre) -> None:
    """What the journal holds is what is counted, whoever wrote it."""
    caller = await centre.waiting()
    await centre.wait(3)
    await centre.kill()
    await centre.wait(2)
    await centre.start()
    tom = await centre.agent("tom")
    await centre.until(lambda: tom.call == "ringing", within=30)
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    await centre.wait(1)
    counted = MemoryFigures()
    for page in centre.pages:
        counted.take(page.event)
    [visit] = counted.every
    assert (visit.queue, visit.outcome.value, visit.agent_id) == (SALES_QUEUE, "answered", TOM)


async def test_a_wait_is_estimated_journalled_and_compared(centre: Centre) -> None:
    tom = await centre.agent("tom")
    first = await centre.talking(tom)
    second = await centre.waiting()
    await centre.wait(2)
    [estimated] = centre.of(second, ev.WaitEstimated)
    assert (estimated.position, estimated.basis, estimated.is_told) == (1, "agents", False)
    assert estimated.estimate_time == timedelta(minutes=3)
    told = centre.service.figures.estimates.tell(estimated.call_id)
    assert told is not None
    third = await centre.waiting()
    first.hang_up()
    await centre.until(lambda: tom.call == "ringing", within=60)
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    estimates = [e.is_told for e in centre.of(second, ev.WaitEstimated)]
    assert estimates[:2] == [False, True]
    assert all(estimates[1:])  # and each announcement told one
    sales = await figures(centre)
    assert sales.estimates == len(estimates)
    assert sales.estimate_bias_s is not None
    assert sales.estimate_bias_s > 100  # three minutes were foreseen, it took half of one
    assert centre.of(first, ev.WaitEstimated) == []  # he was offered at once
    again = centre.service.figures.estimates.tell(third.call_id)  # type: ignore[arg-type]
    assert again is not None
    assert again.position == 1


def abandoned(board: FiguresBoard) -> int:
    live = board.of(SALES_QUEUE)
    assert live is not None
    return live.today.abandoned


async def test_the_board_tells_watchers_once_a_second_and_forgets_yesterday(
    centre: Centre,
) -> None:
    board = centre.service.figures.board
    watch, forget = board.watch(frozenset({SALES_QUEUE}))
    caller = await centre.waiting()
    await centre.waiting(HELP)
    await centre.wait(3)
    assert await watch.next() == [SALES_QUEUE]
    live = board.of(SALES_QUEUE)
    assert live is not None
    assert (live.now.waiting, live.today.offered, live.today.waiting) == (1, 1, 1)
    before = board.sequence
    await centre.wait(5)
    assert board.sequence == before  # nothing happened, nothing is told
    caller.hang_up()
    await centre.wait(3)
    assert await watch.next() == [SALES_QUEUE]
    assert abandoned(board) == 1
    centre.clock.step_wall(timedelta(hours=8))  # past midnight in Shanghai
    await centre.wait(12)
    assert abandoned(board) == 0
    forget()


async def test_a_company_that_changes_keeps_the_figures_of_what_stays(centre: Centre) -> None:
    caller = await centre.waiting()
    await centre.wait(2)
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    await centre.wait(12)
    figures_part, company = centre.service.figures, centre.service.company
    other = company.queues[1].model_copy(update={"name": "night"})
    kept = company.queues[0].model_copy(update={"short_abandon_time": timedelta(seconds=1)})
    changed = company.model_copy(update={"queues": (kept, other)})
    figures_part.configure(changed, centre.service.agents)
    assert [live.profile.name for live in figures_part.board.live()] == ["sales", "night"]
    assert abandoned(figures_part.board) == 1
    assert (await figures(centre)).short_abandoned == 0  # two seconds are long now
    await centre.wait(12)
    assert abandoned(figures_part.board) == 1
