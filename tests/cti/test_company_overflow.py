"""Overflow as it is written: what is refused, by name."""

from __future__ import annotations

import pytest

from cti.builtin_flows import flows_of
from cti.company import Company, parse_company
from cti.company_overflow import ways_out
from cti.domain.errors import ConfigError, InvalidValue
from cti.domain.ways_out import OverflowWay

pytestmark = pytest.mark.unit

_TEXT = """
queues:
  - {{name: sales, label: {{en: Sales}}, {sales}}}
  - {{name: help, label: {{en: Help}}, {help}}}
  - {{name: last, label: {{en: Last}}}}
hours: [{{name: office}}]
flows:
  - {{name: main, start: w, nodes: [{{name: w, kind: queue, queue: sales}}]}}
  - name: sorry
    start: s
    nodes:
      - {{name: s, kind: say, text: {{en: Sorry}}, next: q}}
      - {{name: q, kind: queue, queue: sales}}
  - name: asks
    start: m
    nodes:
      - {{name: m, kind: menu, text: {{en: "1?"}}, keys: {{"1": q}}}}
      - {{name: q, kind: queue, queue: sales}}
numbers: []
default_flow: main
outbound: {{address: "sip.example.net", caller_id: "+864001234567", allowed: ["0", "+86"], emergency: ["110", "0110"]}}
"""


def company(sales: str = "", help_: str = "") -> Company:
    """``sales``, ``help_``: what else is said of these queues."""
    return parse_company(
        _TEXT.format(sales=sales or "extension: '2001'", help=help_ or "extension: '2002'")
    )


def rule(when: str, to: str) -> str:
    return f"overflow: [{{when: {when}, to: {{{to}}}}}]"


HELP = "kind: queue, queue: help"
REFUSED = {
    "no such queue": (rule("no_agents", "kind: queue, queue: gone"), "", "no queue is named gone"),
    "no such flow": (rule("no_agents", "kind: menu, flow: gone"), "", "no flow is named gone"),
    "no target": (rule("no_agents", "kind: queue"), "", "overflow to queue: give it 'queue'"),
    "two targets": (rule("no_agents", f"{HELP}, flow: main"), "", "give it 'queue', no other target"),
    "another target": (rule("no_agents", "kind: voicemail, flow: main"), "", "it takes no 'flow'"),
    "a wait without its time": (rule("wait", HELP), "", "'after' is for"),
    "a time for nothing": (rule("no_agents, after: 5", HELP), "", "'after' is for"),
    "no time at all": (rule("wait, after: 0", HELP), "", "longer than nothing"),
    "a length without its number": (rule("length", HELP), "", "'at_least' is for"),
    "a number for nothing": (rule("wait, after: 5, at_least: 3", HELP), "", "'at_least' is for"),
    "an unknown condition": (rule("bored", HELP), "", "Input should be"),
    "closed without hours": (rule("closed", HELP), "", "the queue needs 'hours'"),
    "hours that aren't there": ("hours: night", "", "no hours is named night"),
    "a number that isn't allowed": (rule("no_agents", "kind: outside, number: '17951'"), "", "may not be dialled"),
    "an emergency number": (rule("no_agents", "kind: outside, number: '0110'"), "", "may not be dialled"),
    "a prefix alone": (rule("no_agents", "kind: outside, number: '+86'"), "", "may not be dialled"),
    "to itself": (rule("no_agents", "kind: queue, queue: sales"), "", "leads back"),
    "a ring of two": (rule("no_agents", HELP), rule("wait, after: 5", "kind: queue, queue: sales"), "leads back"),
    "a ring through a flow": (rule("no_agents", "kind: menu, flow: sorry"), "", "leads back"),
    "twice the same": (
        f"overflow: [{{when: wait, after: 5, to: {{{HELP}}}}}, {{when: wait, after: 9, to: {{{HELP}}}}}]", "",
        "by wait to queue help twice",
    ),
    "holiday too late": (
        f"hours: office, overflow: [{{when: closed, to: {{{HELP}}}}}, {{when: holiday, to: {{kind: voicemail}}}}]",
        "", "write 'holiday' before 'closed'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused(case: str) -> None:
    sales, help_, problem = REFUSED[case]
    with pytest.raises(ConfigError, match=problem):
        company(sales, help_)


def test_a_number_stands_in_no_refusal() -> None:
    with pytest.raises(ConfigError) as refusal:
        company(rule("no_agents", "kind: outside, number: '17951000'"))
    assert "17951000" not in str(refusal.value)


def test_a_menu_may_lead_back_since_he_chooses() -> None:
    company(rule("no_agents", "kind: menu, flow: asks"))


def test_a_chain_is_no_ring() -> None:
    company(rule("no_agents", HELP), rule("no_agents", "kind: queue, queue: last"))


def test_messages_and_short_forms_are_flows_that_nobody_wrote() -> None:
    whole = company(
        "overflow: [{when: wait, after: 5, to: {kind: voicemail}}, {when: wait, after: 9, to: {kind: callback}},"
        " {when: no_agents, to: {kind: message, text: {en: Bye, zh: 再见}}}]"
    )
    targets = [target for _, target in ways_out(whole.queues[0])]
    assert targets == ["_voicemail_sales", "_callback_sales", "_message_sales_3"]
    flows = {flow.name: flow for flow in flows_of(whole)}
    assert set(targets) <= set(flows)
    [node] = flows["_message_sales_3"].nodes
    assert (node.kind, node.text) == ("hangup", {"en": "Bye", "zh": "再见"})


@pytest.mark.parametrize(
    ("reason", "kind", "target"),
    [
        ("wait", "queue", "Sales"),
        ("wait", "queue", "a/b"),
        ("wait", "menu", "main,1"),
        ("wait", "outside", "0${EXTEN}"),
        ("bored", "queue", "sales"),
        ("wait", "agent", "1001"),
    ],
)
def test_nothing_else_ever_reaches_the_dialplan(reason: str, kind: str, target: str) -> None:
    with pytest.raises(InvalidValue):
        OverflowWay(reason, kind, target)


def test_a_number_outside_may_not_stand_in_the_journal() -> None:
    way = OverflowWay("wait", "outside", "01088")
    assert (way.name, "01088" in repr(way)) == ("", False)
