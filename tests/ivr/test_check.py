from __future__ import annotations

import pytest

from cti.company import Hours, Node
from cti.domain.errors import ConfigError
from ivr.check import check_company, flow_problems, hours_problems
from tests.ivr.flows import company, flow, node

pytestmark = pytest.mark.unit

HELP = node("help", "queue", queue="help")


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ((node("a", "say"),), "a say node needs 'next'"),
        ((node("a", "say", text={}, next="help"), HELP), "a say node needs 'text'"),
        ((node("a", "menu"),), "a menu node needs 'keys'"),
        ((node("a", "hours", next="help", closed="help"), HELP), "needs 'hours'"),
        ((node("a", "language", next="help"), HELP), "needs 'language'"),
        ((node("a", "queue"),), "needs 'queue'"),
        ((node("a", "say", next="help", is_sensitive=True), HELP), "can be sensitive"),
        ((node("a", "say", next="b"), node("b", "say", next="a")), "goes round in a circle"),
        ((node("a", "say", next="a"),), "goes round in a circle"),
        ((HELP, node("island", "hangup")), "nothing leads there"),
    ],
)
def test_a_flow_that_can_not_work_is_named(nodes: tuple[Node, ...], problem: str) -> None:
    assert any(problem in text for text in flow_problems(flow(*nodes)))


def test_a_loop_that_asks_is_allowed() -> None:
    walk = flow(
        node("hello", "say", next="menu"),
        node("menu", "menu", keys={"*": "hello", "1": "help"}),
        HELP,
    )
    assert flow_problems(walk) == []
    check_company(company(walk))


def test_hours_that_mean_nothing_are_named() -> None:
    hours = Hours(name="office", open=("mon 25:00-26:00",), closed_dates=("1 October",))
    problems = hours_problems(hours)
    assert "25:00" in problems[0]
    assert "'1 October'" in problems[1]


def test_all_problems_come_in_one_error() -> None:
    with pytest.raises(ConfigError, match=r"(?s)node a: .*node b: "):
        check_company(company(flow(node("a", "say", text={}, next="b"), node("b", "queue"))))
