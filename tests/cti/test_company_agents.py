"""A queue's part for its agents, and shared phones, in the company's file: what is refused, with the reason."""

from __future__ import annotations

import pytest

from cti.company import Company, parse_company
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit

TEXT = """
people: [{{login: ann, name: Ann, staff_number: "1", extension: "1001", queues: [sales]}}]
queues: [{{name: sales, label: {{en: Sales}}, {queue}}}]
reasons: [{{name: lunch, label: {{en: Lunch}}, {reason}}}]
flows: [{{name: main, start: w, nodes: [{{name: w, kind: queue, queue: sales}}]}}]
numbers: []
default_flow: main
{company}
"""


def company(*, queue: str = "", reason: str = "", more: str = "") -> Company:
    return parse_company(TEXT.format(queue=queue, reason=reason, company=more))


def test_what_is_not_said_is_as_it_always_was() -> None:
    made = company()
    [queue] = made.queues
    assert queue.manner.is_plain
    assert queue.manner.may_decline
    assert not queue.requires_disposition
    assert made.reasons[0].limit_time is None
    assert (made.desk_phones, made.wrap_up_times, made.wrap_up_extensions) == ((), {}, 5)


def test_until_done_is_a_word_and_every_other_one_is_refused() -> None:
    assert company(queue="wrap_up_time: until_done").queues[0].wrap_up_time == "until_done"
    with pytest.raises(ConfigError, match="wrap_up_time"):
        company(queue="wrap_up_time: whenever")


@pytest.mark.parametrize(
    "key", ["answer: automatic", "whispers_name: true", "says_staff_number: true"]
)
def test_a_queue_that_rings_all_connects_plainly(key: str) -> None:
    with pytest.raises(ConfigError, match="where all are rung"):
        company(queue=f"strategy: ring_all, {key}")
    assert company(queue="strategy: ring_all, may_decline: false").queues


@pytest.mark.parametrize("limit", ["PT0S", "-PT5M", "PT9H"])
def test_a_break_lasts_some_time_of_a_working_day(limit: str) -> None:
    with pytest.raises(ConfigError, match="limit_time"):
        company(reason=f"limit_time: {limit}")


def test_a_shared_phone_has_an_extension_of_its_own() -> None:
    assert company(more="desk_phones: [{extension: '3001'}]").desk_phones[0].extension == "3001"
    with pytest.raises(ConfigError, match="dialled for two things: 1001"):
        company(more="desk_phones: [{extension: '1001'}]")


OUTBOUND = """
outbound: {address: "198.51.100.7", caller_id: "+864001234567", allowed: ["1"], emergency: ["120"]}
"""


def outside(phone: str, *, queue: str = "", more: str = OUTBOUND) -> Company:
    text = TEXT.format(queue=queue, reason="", company=more)
    return parse_company(
        text.replace("queues: [sales]}", f"queues: [sales], outside_phone: {phone}}}")
    )


def test_a_phone_outside_is_somebodys_with_his_numbers_or_any() -> None:
    assert company().people[0].outside_phone is None
    assert outside("{}").people[0].outside_phone is not None
    kept = outside('{numbers: ["13800138000"]}').people[0].outside_phone
    assert kept is not None
    assert kept.numbers == ("13800138000",)


@pytest.mark.parametrize(
    ("phone", "more", "why"),
    [
        ("{}", "", "no line to the outside"),
        ('{numbers: ["01088"]}', OUTBOUND, "may not be dialled"),
        ('{numbers: ["120"]}', OUTBOUND, "may not be dialled"),
        ('{numbers: ["1380013800a"]}', OUTBOUND, "numbers"),
    ],
)
def test_a_phone_outside_that_could_not_be_called_is_refused(
    phone: str, more: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        outside(phone, more=more)


def test_a_phone_outside_takes_no_part_where_all_are_rung() -> None:
    with pytest.raises(ConfigError, match="queue sales rings all"):
        outside("{}", queue="strategy: ring_all")
