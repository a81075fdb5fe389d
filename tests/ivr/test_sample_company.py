from __future__ import annotations

from importlib.resources import files

import phonenumbers
import pytest

from cti.company import Company, parse_company
from cti.domain.events import Event, MenuLeft
from cti.domain.ids import CallId
from ivr.check import check_company
from ivr.service import plan_of
from tests.fakes.caller_session import FakeCallerSession
from tests.ivr.test_service import CALL, Desk

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def sample() -> Company:
    return parse_company((files("cti") / "sample" / "company.yaml").read_text(encoding="utf-8"))


def test_the_sample_is_sound(sample: Company) -> None:
    check_company(sample)
    assert {p.login: p.extension for p in sample.people} == {
        "lina": "1001",
        "tom": "1002",
        "mei": "1003",
        "otto": "1004",
        "sofia": "1010",
        "admin": "1020",
    }
    assert {number.dnis for number in sample.numbers} == {"4000", "4001", "+864001234567"}


def test_its_customers_have_real_looking_numbers_and_one_is_shared(sample: Company) -> None:
    numbers = [number for customer in sample.customers for number in customer.numbers]
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)
    assert [n for n in set(numbers) if numbers.count(n) > 1] == ["+493023125106"]


@pytest.mark.parametrize(
    ("dnis", "keys", "queue", "language"),
    [
        ("4000", ["1", "1"], "sales", "en"),
        ("4000", ["2", "1"], "sales", "zh"),
        ("4000", ["21"], "sales", "zh"),  # pressed at once, during the welcome
        ("4000", ["1", "2", "1", "20260017#"], "billing", "en"),
        ("4000", ["2", "2", "2", "739182"], "billing", "zh"),
        ("4000", ["1", "2", "0", "3"], "help", "en"),
        ("4000", ["1", "*", "3"], "help", "en"),
        ("4000", [], "help", "en"),
        ("4001", [], "help", "zh"),
        ("864001234567", ["1", "1"], "sales", "en"),
        ("anonymous", ["1", "1"], "sales", "en"),
    ],
)
async def test_ways_through_its_menus(
    sample: Company, dnis: str, keys: list[str], queue: str, language: str
) -> None:
    desk, session = Desk(), FakeCallerSession(keys)
    desk.service.use(plan_of(sample))
    await desk.run(session, dnis)
    assert session.variables["RD_QUEUE"] == queue
    assert session.variables["RD_LANG"] == language
    assert desk.left().outcome == "queue"


async def test_its_office_hours_can_be_switched_on(sample: Company) -> None:
    flows = [
        flow.model_copy(
            update={
                "nodes": tuple(
                    node.model_copy(update={"hours": "office"}) if node.name == "open_now" else node
                    for node in flow.nodes
                )
            }
        )
        for flow in sample.flows
    ]
    desk, session = Desk(), FakeCallerSession(["2"])  # the clock stands on a Sunday
    desk.service.use(plan_of(sample.model_copy(update={"flows": tuple(flows)})))
    await desk.run(session)
    assert (session.heard[-1], session.next_step) == ("zh/main-after_hours", "hangup")
    outcomes = [e.outcome for e in of_call(desk.events, CALL) if isinstance(e, MenuLeft)]
    assert outcomes == ["closed"]


def of_call(events: list[Event], call_id: CallId) -> list[Event]:
    return [event for event in events if getattr(event, "call_id", None) == call_id]
