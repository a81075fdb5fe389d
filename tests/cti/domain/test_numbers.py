"""Calling numbers as they come, good and hostile."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain.numbers import CallerNumber, DialPlan, NumberKind, mask, place_of, read_number
from cti.domain.text import clean_name, hide_digits

pytestmark = pytest.mark.unit

PLAN = DialPlan(country="CN", area_code="010", extensions=frozenset({"1001", "95599"}))


@pytest.mark.parametrize(
    ("claimed", "kind", "key"),
    [
        ("13800138000", NumberKind.PUBLIC, "+8613800138000"),
        ("+86 138 0013 8000", NumberKind.PUBLIC, "+8613800138000"),
        ("8613800138000", NumberKind.PUBLIC, "+8613800138000"),
        ("013800138000", NumberKind.PUBLIC, "+8613800138000"),
        ("008613800138000", NumberKind.PUBLIC, "+8613800138000"),
        ("62345678", NumberKind.PUBLIC, "+861062345678"),
        ("(020) 6234-5678", NumberKind.PUBLIC, "+862062345678"),
        ("+4915112345678", NumberKind.PUBLIC, "+4915112345678"),
        ("004915112345678", NumberKind.PUBLIC, "+4915112345678"),
        ("1001", NumberKind.EXTENSION, "1001"),
        ("1002", NumberKind.SERVICE, "1002"),
        ("95599", NumberKind.EXTENSION, "95599"),
        ("95588", NumberKind.SERVICE, "95588"),
        ("12345", NumberKind.SERVICE, "12345"),
        ("10086", NumberKind.SERVICE, "10086"),
        ("+8610086", NumberKind.SERVICE, "10086"),
        ("110", NumberKind.SERVICE, "110"),
        ("400-812-3456", NumberKind.SERVICE, "4008123456"),
        ("+864008123456", NumberKind.SERVICE, "4008123456"),
        ("", NumberKind.WITHHELD, ""),
        ("anonymous", NumberKind.WITHHELD, ""),
        ("Anonymous ", NumberKind.WITHHELD, ""),
        ("<unknown>", NumberKind.WITHHELD, ""),
        ("1" * 40, NumberKind.INVALID, ""),
        ("9" * 5000, NumberKind.INVALID, ""),
        ("王小明", NumberKind.INVALID, ""),
        ("１３８００１３８０００", NumberKind.INVALID, ""),  # full-width digits
        ("<script>", NumberKind.INVALID, ""),
        ("138\r\nAction: Logoff", NumberKind.INVALID, ""),
        ("+", NumberKind.INVALID, ""),
        ("+999123", NumberKind.INVALID, ""),
        ("62", NumberKind.INVALID, ""),
    ],
)
def test_number_is_read_by_the_dial_plan_first(claimed: str, kind: NumberKind, key: str) -> None:
    number = read_number(claimed, PLAN)
    assert (number.kind, number.key) == (kind, key)
    assert number.is_identifying == bool(key)


def test_local_number_without_area_code_is_no_number() -> None:
    assert read_number("62345678", DialPlan("CN")).kind is NumberKind.INVALID


def test_other_countries_short_numbers_stay_national() -> None:
    assert read_number("911", DialPlan("US")) == CallerNumber(NumberKind.SERVICE, "911", "911")
    assert read_number("2125551234", DialPlan("US")).key == "+12125551234"


@given(st.text(alphabet="0123456789+*#-( )a<王１\r\x00", max_size=60))
@settings(max_examples=60)
def test_anything_becomes_a_value_and_a_short_mask(claimed: str) -> None:
    number = read_number(claimed, PLAN)
    assert len(number.shown) <= 24
    assert set(number.key) <= set("+0123456789")
    if number.kind in {NumberKind.PUBLIC, NumberKind.INVALID} and number.shown:
        assert number.shown not in mask(number)


@pytest.mark.parametrize(
    ("claimed", "masked"),
    [
        ("13800138000", "138****8000"),
        ("+4915112345678", "+49 151****5678"),
        ("62345678", "106****678"),
        ("1001", "1001"),
        ("95588", "95588"),
        ("anonymous", ""),
        ("+1234567", "1****67"),
        ("62", "****"),
    ],
)
def test_mask(claimed: str, masked: str) -> None:
    assert mask(read_number(claimed, PLAN)) == masked


def test_number_is_in_no_repr() -> None:
    assert "138" not in repr(read_number("13800138000", PLAN))


def test_place_in_both_languages() -> None:
    number = read_number("13800138000", PLAN)
    assert place_of(number, "en") == "Beijing"
    assert place_of(number, "zh") == "北京市"
    assert place_of(read_number("95588", PLAN)) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("王小明", "王小明"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # data: the page escapes
        ("=cmd()|' /C calc'!A0", "=cmd()|' /C calc'!A0"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\u2066b\u2069\u200bc", "abc"),
        ("one\r\ntwo\x00\x1b[31m", "one two[31m"),
        ("x" * 1000, "x" * 63 + "…"),
        ("Z" + "\u0336" * 50 + "x", "Z\u0336\u0336x"),
        ("\ud800lone", "lone"),
    ],
)
def test_hostile_names_become_one_plain_line(text: str, shown: str) -> None:
    assert clean_name(text) == shown


def test_digits_in_a_name_are_covered() -> None:
    assert hide_digits("+86 138-0013-8000 Wang") == "**** Wang"
    assert hide_digits("Room 12345") == "Room 12345"
