"""Values from outside are checked before they become ids."""

from __future__ import annotations

import pytest

from cti.domain.errors import InvalidValue
from cti.domain.ids import parse_call_id, parse_endpoint, parse_queue_name

pytestmark = pytest.mark.unit


def test_the_forms_that_the_dialplan_mints_are_taken() -> None:
    assert parse_call_id("pbx1-1795304416.72159-4711") == "pbx1-1795304416.72159-4711"
    assert parse_endpoint("1001w") == "1001w"
    assert parse_queue_name("billing_2") == "billing_2"


@pytest.mark.parametrize(
    "text", ["", "1001x", "1001&PJSIP/9", "1001w\n", "../1001", "1" * 7, "１００１", "1001 "]
)
def test_endpoints_let_nothing_else_through(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_endpoint(text)


@pytest.mark.parametrize("text", ["", "a-1.2-3\r\nAction: Logoff", "../x", "a-1.2", "a-1.2-3-4"])
def test_call_ids_let_nothing_else_through(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_call_id(text)


@pytest.mark.parametrize("text", ["", "Sales", "1sales", "sales,help", "a" * 33])
def test_queue_names_let_nothing_else_through(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_queue_name(text)


def test_the_message_does_not_repeat_the_value() -> None:
    with pytest.raises(InvalidValue, match="not a valid endpoint") as caught:
        parse_endpoint("13800138000 <script>")
    assert "138" not in str(caught.value)
