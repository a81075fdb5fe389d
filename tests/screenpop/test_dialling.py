"""What may be dialled: every form that people type, and every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain.errors import CommandRefused
from cti.domain.numbers import DialPlan
from cti.domain.targets import Target
from screenpop.dialling import DialRules, OutsideRules

pytestmark = pytest.mark.unit

RULES = DialRules(
    plan=DialPlan("CN", "10", frozenset({"1001", "1002"})),
    queues=frozenset({"sales"}),
    numbers={"4000": "main"},
    outside=OutsideRules(allowed=("0", "+86", "95"), emergency=("110", "120")),
)


@pytest.mark.parametrize(
    ("kind", "typed", "target"),
    [
        ("agent", "1002", Target("agent", "1002")),
        ("queue", "sales", Target("queue", "sales")),
        ("menu", "4000", Target("menu", "4000")),
        ("outside", "0139 0000 1111", Target("outside", "013900001111")),
        ("outside", "139-0000-1111", Target("outside", "+8613900001111")),
        ("outside", "(010) 8765 4321", Target("outside", "01087654321")),
        ("outside", "8765 4321", Target("outside", "+861087654321")),
        ("outside", "95588", Target("outside", "95588")),
        ("outside", "110", Target("outside", "110")),
        ("outside", "1002", Target("agent", "1002")),
        ("outside", "4000", Target("menu", "4000")),
    ],
)
def test_what_people_type(kind: str, typed: str, target: Target) -> None:
    assert RULES.target(kind, typed, "1001") == target


@pytest.mark.parametrize(
    ("kind", "typed", "reason"),
    [
        ("agent", "1001", "own_number"),
        ("outside", "1001", "own_number"),
        ("agent", "1999", "no_such_target"),
        ("queue", "help", "no_such_target"),
        ("menu", "4999", "no_such_target"),
        ("parking", "1", "no_such_target"),
        ("outside", "+1 212 555 0100", "number_not_allowed"),
        ("outside", "12345", "number_not_allowed"),
        ("outside", "", "no_such_number"),
        ("outside", "0" * 21, "no_such_number"),
        ("outside", "01087654321\r\nAction: Logoff", "no_such_number"),
        ("outside", "01087654321,1)", "no_such_number"),
    ],
)
def test_what_is_refused(kind: str, typed: str, reason: str) -> None:
    with pytest.raises(CommandRefused) as refusal:
        RULES.target(kind, typed, "1001")
    assert refusal.value.reason == reason
    assert str(refusal.value).endswith(".")


def test_what_is_shown_outside() -> None:
    rules = replace(RULES, shown={"1001": ("400100", "400200"), "1002": ("400100",)})
    assert rules.target("outside", "110", "1001").shown == "400100"  # the default
    assert rules.target("outside", "01087654321", "1001", "400200").shown == "400200"
    assert rules.target("outside", "1002", "1001", "400200").shown == ""  # a colleague after all
    assert RULES.target("outside", "110", "1001").shown == ""
    for extension in ("1002", "1003"):
        with pytest.raises(CommandRefused) as refusal:
            rules.target("outside", "01087654321", extension, "400200")
        assert refusal.value.reason == "caller_id_not_allowed"


def test_without_a_line_outside_nothing_goes_out() -> None:
    rules = DialRules(plan=RULES.plan)
    with pytest.raises(CommandRefused) as refusal:
        rules.target("outside", "110", "1001")
    assert refusal.value.reason == "no_outside_line"


@given(st.text(max_size=40))
def test_nothing_but_an_allowed_number_comes_out(typed: str) -> None:
    try:
        target = RULES.target("outside", typed, "1001")
    except CommandRefused:
        return
    if target.kind == "outside":
        assert target.value.startswith(("0", "+86", "95")) or target.value in ("110", "120")
        assert target.value.lstrip("+").isdecimal()
        assert target.value.isascii()
