"""A number is found in every form in which it may have been written down, and no other number is."""

from __future__ import annotations

import pytest

from cti.domain.errors import InvalidValue
from cti.domain.numbers import DialPlan
from cti.domain.subject import redact, subject_number

pytestmark = pytest.mark.unit

PLAN = DialPlan("CN", "10", frozenset({"1001"}))
MOBILE = subject_number("13800138000", PLAN)
LANDLINE = subject_number("010-62345678", PLAN)


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "013800138000",
        "+8613800138000",
        "008613800138000",
        "+86 138 0013 8000",
        "138-0013-8000",
        "8613800138000",
    ],
)
def test_every_form_of_a_number_is_the_same_and_is_found_in_text(written: str) -> None:
    assert subject_number(written, PLAN).key == "+8613800138000"
    assert MOBILE.is_same(written)
    text = f'1790000000.7 from "x" <sip:{written}@host> ok 139'
    redacted = redact(text, [MOBILE])
    assert len(redacted) == len(text)
    assert redacted == text.replace(written, "".join("x" if c.isdigit() else c for c in written))


@pytest.mark.parametrize("written", ["62345678", "01062345678", "+861062345678", "8610 6234 5678"])
def test_a_landline_is_found_without_its_area_code_too(written: str) -> None:
    assert LANDLINE.key == "+861062345678"
    assert redact(f"a {written} b", [LANDLINE]).count("x") == sum(c.isdigit() for c in written)


@pytest.mark.parametrize(
    "text",
    ["13800138001", "113800138000", "138001380001", "1790000000.13800138", "62345679", "0", ""],
)
def test_other_numbers_stay(text: str) -> None:
    assert redact(text, [MOBILE, LANDLINE]) == text
    assert not MOBILE.is_same(text)


def test_foreign_and_service_numbers() -> None:
    german = subject_number("+49 30 123456", PLAN)
    assert german.is_same("004930123456")
    assert redact("<4930123456>", [german]) == "<xxxxxxxxxx>"
    bank = subject_number("95588", PLAN)
    assert bank.is_same("+8695588")
    assert redact("95588 and 955881", [bank]) == "xxxxx and 955881"


def test_what_is_no_number_is_compared_by_its_digits() -> None:
    strange = subject_number("99999999999999", PLAN)
    assert strange.is_same("99999999999999")
    assert not strange.is_same("999999999999998")


@pytest.mark.parametrize("written", ["1001", "", "wang", "110", "+1"])
def test_extensions_and_what_tells_nobody_apart_are_refused(written: str) -> None:
    with pytest.raises(InvalidValue):
        subject_number(written, PLAN)


def test_nothing_of_a_person_stands_in_its_representation() -> None:
    assert "1380013" not in repr(MOBILE)
