"""A simulated centre: what happens to single callers, and to all of them."""

from __future__ import annotations

import heapq
import math
from dataclasses import replace
from datetime import timedelta

import pytest

from acd.model import Configuration, Profile, QueueRules
from acd.simulation.callers import Caller, Traffic, day_of, numbered, steady
from acd.simulation.centre import Day, Shift, simulate
from acd.simulation.chance import Exponential
from acd.simulation.figures import by_interval, figures, overtakers, service_level
from acd.strategy import Strategy
from cti.domain.ids import AgentId, Endpoint, QueueName

pytestmark = pytest.mark.unit

SALES, HELP = QueueName("sales"), QueueName("help")
ANNA, BEN = AgentId("anna"), AgentId("ben")


def rules(name: QueueName, wrap_up: float = 0, gap: float = 0) -> QueueRules:
    return QueueRules(
        name,
        wrap_up_time=timedelta(seconds=wrap_up),
        gap_time=timedelta(seconds=gap),
        announce_every=timedelta(0),
    )


def centre(*agents: tuple[AgentId, tuple[QueueName, ...]], **of_rules: float) -> Configuration:
    names = {queue for _, queues in agents for queue in queues}
    return Configuration(
        {name: rules(name, **of_rules) for name in names},
        {
            agent: Profile(agent, frozenset(queues), (Endpoint(f"{1001 + n}"),))
            for n, (agent, queues) in enumerate(agents)
        },
    )


def caller(at: float, talk: float = 60, patience: float = math.inf, **more: object) -> Caller:
    return Caller(0, more.pop("queue", SALES), at, talk, patience, **more)  # type: ignore[arg-type]


def day(configuration: Configuration, *callers: Caller, shifts: tuple[Shift, ...] = ()) -> Day:
    everybody = tuple(Shift(agent) for agent in configuration.profiles)
    return simulate(configuration, shifts or everybody, numbered(callers))


def waits(told: Day) -> list[float]:
    return [round(o.wait_s, 3) for o in told.outcomes]


def test_one_agent_takes_one_after_the_other() -> None:
    told = day(centre((ANNA, (SALES,))), caller(10), caller(20), caller(30))
    assert waits(told) == [0, 50, 100]
    assert told.work_s == {ANNA: 180}
    assert told.left == 0


def test_wrap_up_gap_and_ring_are_waited_for() -> None:
    told = day(
        centre((ANNA, (SALES,)), wrap_up=30, gap=2),
        caller(0.5, answer_s=3),
        caller(20, answer_s=3),
    )
    # 0.5 + 3 of ring + 60 of talk + 30 of wrap-up, then 3 of ring; the gap is over by then.
    assert waits(told) == [3, 76.5]
    assert told.work_s[ANNA] == pytest.approx(180)


def test_the_gap_alone() -> None:
    assert waits(day(centre((ANNA, (SALES,)), gap=2), caller(10), caller(20))) == [0, 52]


def test_who_loses_patience_is_gone_also_while_it_rings() -> None:
    told = day(
        centre((ANNA, (SALES,))),
        caller(10, patience=5, answer_s=8),
        caller(12, answer_s=1),
        caller(20, patience=4),
    )
    assert [o.is_answered for o in told.outcomes] == [False, True, False]
    assert waits(told) == [
        5,
        4,
        4,
    ]  # the second is taken when the first hangs up, and rings a second


def test_an_agent_who_goes_home_ends_his_call() -> None:
    configuration = centre((ANNA, (SALES,)))
    told = day(configuration, caller(10), caller(50), shifts=(Shift(ANNA, 0, 30),))
    assert told.work_s == {ANNA: 60}
    assert told.left == 1
    assert len(told.outcomes) == 1


def test_nobody_overtakes_across_queues() -> None:
    told = day(
        centre((ANNA, (SALES, HELP)), (BEN, (HELP,))),
        caller(1, talk=100),
        caller(2, talk=50, queue=HELP),
        caller(3),
        caller(4, queue=HELP),
        caller(5, queue=HELP),
    )
    assert overtakers(told) == []
    assert [o.agent_id for o in told.outcomes] == [ANNA, BEN, ANNA, BEN, BEN]


def test_credit_is_a_place_and_no_overtaking() -> None:
    told = day(
        centre((ANNA, (SALES, HELP))),
        caller(1, talk=100),
        caller(10),
        caller(20, queue=HELP, credit_s=60),
    )
    assert waits(told) == [0, 151, 81]
    assert overtakers(told) == []


def test_who_hangs_up_while_it_rings_is_overtaken_by_nobody() -> None:
    told = day(
        centre((ANNA, (SALES,)), (BEN, (SALES,))),
        caller(1, patience=9, answer_s=10),
        caller(2, answer_s=1),
    )
    assert [o.is_answered for o in told.outcomes] == [False, True]
    assert overtakers(told) == []


def test_wrap_up_until_the_agent_is_done() -> None:
    configuration = centre((ANNA, (SALES,)))
    rules = QueueRules(SALES, wrap_up_time=None, gap_time=timedelta(0))
    configuration = replace(configuration, queues={SALES: rules})
    told = simulate(configuration, [Shift(ANNA)], numbered([caller(10), caller(20)]), done_s=45)
    assert waits(told) == [0, 95]


def test_who_has_the_skill_is_taken_past_somebody_who_needs_another() -> None:
    configuration = centre((ANNA, (SALES,)), (BEN, (SALES,)))
    skilled = replace(configuration.profiles[BEN], skills={"lang=zh": 1})
    configuration = replace(configuration, profiles={**configuration.profiles, BEN: skilled})
    told = day(
        configuration,
        caller(1, talk=50),  # anna's
        caller(2, talk=100),  # ben's
        caller(3, demand="lang=zh"),
        caller(4),
    )
    assert [o.agent_id for o in told.outcomes] == [ANNA, BEN, BEN, ANNA]
    assert waits(told) == [0, 0, 99, 47]
    assert overtakers(told) == []


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_serves_everybody(strategy: Strategy) -> None:
    configuration = centre((ANNA, (SALES,)), (BEN, (SALES, HELP)))
    queues = {n: replace(r, strategy=strategy) for n, r in configuration.queues.items()}
    told = day(
        replace(configuration, queues=queues),
        *(caller(7 * n, answer_s=2, queue=(SALES, HELP)[n % 3 == 0]) for n in range(30)),
    )
    assert (told.left, len(told.outcomes)) == (0, 30)
    assert overtakers(told) == []


def test_figures_by_hand() -> None:
    told = day(
        centre((ANNA, (SALES,))),
        caller(0, talk=100),
        caller(10, patience=3),
        caller(20, patience=30),
        caller(60),
    )
    found = figures(told, within_s=20, short_s=5)
    assert (found.offered, found.answered, found.abandoned) == (4, 2, 2)
    assert found.service_level == pytest.approx(1 / 3)  # the three-second one isn't counted
    assert found.answer_s == 20
    assert found.wait_s == pytest.approx((0 + 3 + 30 + 40) / 4)
    assert found.longest_s == 40
    assert service_level(told.outcomes, within_s=40) == 0.5
    assert [len(part) for _, part in by_interval(told.outcomes, minutes=1)] == [3, 1]
    assert found.as_json()["spread"] == 0


def test_nothing_to_count_is_not_a_number() -> None:
    found = figures(day(centre((ANNA, (SALES,)))))
    assert math.isnan(found.service_level)
    assert found.as_json()["service_level"] is None


def test_announcements_alone_keep_no_day_alive() -> None:
    configuration = centre((ANNA, (SALES,)))
    rules = QueueRules(SALES, announce_every=timedelta(seconds=45))
    configuration = replace(configuration, queues={SALES: rules})
    told = simulate(configuration, [Shift(ANNA, 0, 5)], numbered([caller(10)]))
    assert (told.left, list(told.outcomes)) == (1, [])


def in_order(callers: list[Caller], agents: int) -> list[tuple[bool, float]]:
    """First come, first served, in as few lines as it takes: what a pool must do to each caller."""
    moments = [(c.at_s, 0, c.number) for c in callers]
    heapq.heapify(moments)
    waiting: list[Caller] = []
    found: dict[int, tuple[bool, float]] = {}
    while moments:
        now_s, is_free, number = heapq.heappop(moments)
        agents += is_free
        if not is_free:
            waiting.append(callers[number])
        while agents and waiting:
            first = waiting.pop(0)
            wait_s = now_s - first.at_s
            found[first.number] = (wait_s < first.patience_s, min(wait_s, first.patience_s))
            if wait_s < first.patience_s:
                agents -= 1
                heapq.heappush(moments, (now_s + first.talk_s, 1, first.number))
    return [found[caller.number] for caller in callers]


def test_a_pool_is_first_come_first_served_to_the_caller() -> None:
    agents = [AgentId(f"a{number}") for number in range(4)]
    configuration = centre(*((agent, (SALES, HELP)) for agent in agents))
    traffics = [
        Traffic(queue, steady(50, 1.5), Exponential(150), Exponential(90))
        for queue in (SALES, HELP)
    ]
    callers = day_of(traffics, 5)
    told = simulate(configuration, [Shift(agent) for agent in agents], callers)
    expected = in_order(callers, len(agents))
    assert [o.is_answered for o in told.outcomes] == [is_answered for is_answered, _ in expected]
    assert [o.wait_s for o in told.outcomes] == pytest.approx([w for _, w in expected], abs=1e-4)
    assert 0 < sum(o.is_answered for o in told.outcomes) < len(callers)
