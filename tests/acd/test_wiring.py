"""The company file's part for the ACD: what is refused, what is warned of, what becomes of the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acd.check import routing_problems
from acd.strategy import Strategy
from acd.wiring import configure
from cti.company import Company, parse_company
from cti.domain.errors import ConfigError
from cti.domain.ids import AgentId, QueueName
from cti.domain.numbers import DialPlan, read_number
from cti.domain.people import Role, User

pytestmark = pytest.mark.unit

PLAN = DialPlan()
BASE = """
skills: [billing, lang=zh]
people:
  - {{login: anna, name: A, staff_number: a1, extension: "1001", queues: [sales], skills: {{billing: 4}} {person}}}
  - {{login: ben, name: B, staff_number: b1, extension: "1002", queues: [sales], skills: {{billing: 8, lang=zh: 2}}}}
queues:
  - {{name: sales, label: {{en: Sales}} {queue}}}
flows:
  - {{name: main, start: line, nodes: [{{name: line, kind: queue, queue: sales {node}}}]}}
numbers: [{{dnis: "100", flow: main}}]
default_flow: main
{rest}
"""


def company(person: str = "", queue: str = "", node: str = "", rest: str = "") -> Company:
    def added(text: str) -> str:
        return f", {text}" if text else ""

    return parse_company(
        BASE.format(person=added(person), queue=added(queue), node=added(node), rest=rest)
    )


def users(of: Company) -> list[User]:
    return [
        User(AgentId(f"id-{p.login}"), p.login, p.name, p.staff_number, p.extension, Role.AGENT)
        for p in of.people
    ]


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"node": "demand: billling>=3"}, "flow main, node line: no skill is named billling"),
        ({"node": 'demand: "billing>="'}, "character 10: a level is a number from 1 to 10"),
        ({"queue": "demand: vip"}, "queue sales: no skill is named vip"),
        ({"queue": "relax: [{after: 10, demand: vip}]"}, "queue sales: no skill is named vip"),
        ({"queue": "relax: [{after: 10}, {after: 5}]"}, "write 'relax' by time"),
        (
            {"queue": "tiers: [{after: 0, penalty: 5}, {after: 9, penalty: 1}]"},
            "can't take agents away",
        ),
        ({"queue": "ring_at_most: 0"}, "greater than or equal to 1"),
        ({"queue": "ring_at_most: 21"}, "less than or equal to 20"),
        ({"queue": "strategy: best"}, "Input should be 'longest_idle'"),
        ({"queue": "credit_time: -5"}, "greater than or equal to 0"),
        ({"person": "penalties: {help: 1}"}, "a penalty in help, which he doesn't serve"),
        ({"rest": "customer_groups: [{name: gold, preferred: [zoe]}]"}, "no login is named zoe"),
        ({"rest": "customer_groups: [{name: gold, demand: vip}]"}, "customer group gold: no skill"),
        ({"rest": "dedicated: [{numbers: ['+861'], agent: zoe}]"}, "dedicated agent zoe: no login"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(parts: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        company(**parts)
    assert problem in str(refusal.value)


def test_a_skill_that_the_company_does_not_list_is_refused() -> None:
    text = BASE.format(person="", queue="", node="", rest="").replace(
        "[billing, lang=zh]", "[billing]"
    )
    with pytest.raises(ConfigError, match="person ben: no skill is named lang=zh"):
        parse_company(text)


@pytest.mark.parametrize(
    ("parts", "problems"),
    [
        ({"node": "demand: billing>=8"}, []),
        (
            {"node": "demand: billing>=9"},
            [
                "flow main, node line: nobody who serves queue sales has billing>=9, however long he waits"
            ],
        ),
        ({"node": "demand: billing>=9", "queue": "relax: [{after: 60, minus: 1}]"}, []),
        (
            {"queue": "demand: billing>=5 & lang=zh>=3"},
            [
                "queue sales: nobody who serves queue sales has billing>=5 & lang=zh>=3, however long he waits"
            ],
        ),
    ],
)
def test_callers_whom_nobody_can_ever_serve_are_told(
    parts: dict[str, str], problems: list[str]
) -> None:
    found = company(**parts)
    assert routing_problems(found, configure(found, users(found))) == problems


def test_the_rest_becomes_rules() -> None:
    found = company(
        person="penalties: {sales: 3}",
        queue="strategy: most_skilled, relax: [{after: 20, minus: 2}], tiers: [{after: 0, penalty: 0}]",
        rest=(
            "strict_priority: true\nlast_agent_days: 30\nown_agent_timeout: 45\n"
            "customer_groups: [{name: gold, credit_time: 20, preferred: [ben]}]\n"
            "dedicated: [{numbers: ['+86 138 0013 8000'], agent: anna, deputies: [ben]}]\n"
        ),
    )
    rules = configure(found, users(found), PLAN)
    queue = rules.rules(QueueName("sales"))
    assert queue.strategy is Strategy.MOST_SKILLED
    assert queue.stage("billing>=5", timedelta(seconds=20)) == ("billing>=3", 0, None)
    anna = rules.profiles[AgentId("id-anna")]
    assert (anna.skills, anna.penalties, anna.rank) == ({"billing": 4}, {"sales": 3}, 0)
    assert (rules.is_strict, rules.person_time.seconds, rules.last_agent_time.days) == (
        True,
        45,
        30,
    )
    assert rules.group("gold").preferred == {AgentId("id-ben")}
    key = read_number("+8613800138000", PLAN).key
    assert rules.dedicated == {key: (AgentId("id-anna"), AgentId("id-ben"))}
