"""A queue's rules about its pop: what a company may write, and what is refused with which words."""

from __future__ import annotations

import pytest

from cti.company import parse_company
from cti.company_text import text_of
from cti.domain.errors import ConfigError
from cti.domain.pops import FIELDS, OutsidePage

pytestmark = pytest.mark.unit

COMPANY = """
{hosts}
queues:
  - name: sales
    label: {{en: Sales}}
    {pop}
flows: [{{name: main, start: a, nodes: [{{name: a, kind: queue, queue: sales}}]}}]
numbers: [{{dnis: "100", flow: main}}]
default_flow: main
"""
URL = "https://crm.example.com/?n={number}"


def document(pop: str = "", hosts: str = "page_hosts: [crm.example.com]") -> str:
    return COMPANY.format(pop=pop, hosts=hosts)


def test_without_rules_everything_shows_and_nothing_is_opened() -> None:
    (queue,) = parse_company(document()).queues
    assert queue.pop.rule.fields == FIELDS
    assert (queue.pop.rule.mute, queue.pop.rule.page) == ("none", None)


def test_all_rules() -> None:
    pop = (
        "pop: {fields: [wait, number], mute: ring, page: {url: '" + URL + "', label: {en: CRM},"
        " place: tab, opens: answer, whole_number: true}}"
    )
    company = parse_company(document(pop))
    rule = company.queues[0].pop.rule
    assert (rule.fields, rule.mute) == (("wait", "number"), "ring")
    assert rule.page == OutsidePage(URL, {"en": "CRM"}, "tab", "answer", has_whole_number=True)
    assert parse_company(text_of(company)) == company  # what is exported can be applied again


@pytest.mark.parametrize(
    ("pop", "hosts", "says"),
    [
        ("pop: {fields: [number, shoe_size]}", "", "no field is named shoe_size"),
        ("pop: {fields: [number, number]}", "", "twice"),
        ("pop: {mute: loud}", "", "queues.0.pop.mute"),
        ("pop: {colour: red}", "", "queues.0.pop.colour: there is no such key"),
        (
            f"pop: {{page: {{url: '{URL}'}}}}",
            "",
            "queue sales, pop.page.url: crm.example.com isn't",
        ),
        ("pop: {page: {url: 'http://crm.example.com/'}}", None, "only https"),
        ("pop: {page: {url: 'https://crm.example.com/{pin}'}}", None, "no blank {pin}"),
        (f"pop: {{page: {{url: '{URL}', opens: never}}}}", None, "queues.0.pop.page.opens"),
        ("", "page_hosts: ['https://crm.example.com']", "page_hosts.0"),
        ("", "page_hosts: ['*.example.com']", "page_hosts.0"),
        ("", 'page_hosts: ["crm.example.com; script-src *"]', "page_hosts.0"),
    ],
)
def test_what_is_refused(pop: str, hosts: str | None, says: str) -> None:
    text = document(pop) if hosts is None else document(pop, hosts)
    with pytest.raises(ConfigError, match=r".") as refused:
        parse_company(text)
    assert says in str(refused.value)
