"""Whoever was in a menu when the service died waits where his number leads."""

from __future__ import annotations

import pytest

from asterisk_conf.fallback_lines import fallback_lines
from cti.builtin import SIM_NUMBER, SIM_QUEUE, with_simulators
from cti.company import parse_company

pytestmark = pytest.mark.unit

COMPANY = """
people: []
queues: [{name: sales, label: {en: Sales}}, {name: help, label: {en: Help}}]
flows:
  - name: asked
    start: hello
    nodes:
      - {name: hello, kind: say, next: which}
      - {name: which, kind: menu, keys: {"1": far, "2": helped, "0": hello}, no_match: sold}
      - {name: far, kind: say, next: sold}
      - {name: helped, kind: queue, queue: help}
      - {name: sold, kind: queue, queue: sales}
  - name: silent
    start: open
    nodes:
      - {name: open, kind: menu, keys: {"2": helped}, no_input: sold}
      - {name: helped, kind: queue, queue: help}
      - {name: sold, kind: queue, queue: sales}
  - name: nowhere
    start: bye
    nodes: [{name: bye, kind: hangup}]
numbers:
  - {dnis: "4000", flow: asked}
  - {dnis: "+864001", flow: silent}
  - {dnis: "4002", flow: nowhere}
default_flow: asked
"""


def test_the_nearest_queue_and_of_several_that_of_the_silent() -> None:
    lines = fallback_lines(parse_company(COMPANY))
    assert lines == {"4000": "sales", "+864001": "sales"}, "and 4002 leads to none"
    keys = COMPANY.replace(", no_match: sold}", "}").replace(", no_input: sold}", "}")
    assert fallback_lines(parse_company(keys)) == {"4000": "help", "+864001": "help"}


def test_the_simulators_are_served_by_their_own_agents() -> None:
    whole = with_simulators(parse_company(COMPANY), 2)
    assert fallback_lines(whole)[SIM_NUMBER] == SIM_QUEUE
