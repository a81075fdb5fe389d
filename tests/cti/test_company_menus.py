"""Menus during a call as they are written: what is refused, by name."""

from __future__ import annotations

import pytest

from cti.company import parse_company
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit

_TEXT = """
queues: [{{name: sales, label: {{en: Sales}}}}]
flows:
  - {{name: main, start: w, nodes: [{{name: w, kind: queue, queue: sales}}]}}
  - name: check
    start: pin
    nodes:
      - {{name: pin, kind: pin, text: {{en: Pin}}, {ways}}}
      - {{name: bye, kind: hangup}}
numbers: [{{dnis: "1", flow: main}}]
default_flow: main
call_menus: [{menus}]
customers: [{{name: Ann, pin: "{pin}"}}]
"""
WAYS = "next: bye, no_match: bye, closed: bye"
CHECK = "{name: verify, label: {en: Verify}, flow: check}"


def text(menus: str = CHECK, ways: str = WAYS, pin: str = "1234") -> str:
    return _TEXT.format(menus=menus, ways=ways, pin=pin)


def test_what_is_right_is_taken() -> None:
    company = parse_company(text())
    assert [(m.name, m.flow, m.comes_back) for m in company.call_menus] == [
        ("verify", "check", True)
    ]
    assert "1234" not in repr(company)


@pytest.mark.parametrize(
    ("menus", "ways", "pin", "problem"),
    [
        ("{name: verify, label: {}, flow: nowhere}", WAYS, "1234", "no flow is named nowhere"),
        (f"{CHECK}, {CHECK}", WAYS, "1234", "two are named verify"),
        ("{name: a, label: {}, flow: main}", WAYS, "1234", "leads the caller away"),
        ("", WAYS, "1234", "checked during a call only"),
        (CHECK, "next: bye, no_match: bye", "1234", "needs 'next', 'no_match' and 'closed'"),
        (CHECK, WAYS, "12a4", "pin"),
        (CHECK, WAYS, "123456789", "pin"),
    ],
)
def test_what_can_not_work_is_named(menus: str, ways: str, pin: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_company(text(menus, ways, pin))
