from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.company import Hours
from cti.domain.opening import is_open, opening_of, parse_period

pytestmark = pytest.mark.unit


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("line", "instant", "expected"),
    [
        ("mon-fri 09:00-18:00", "2026-03-02T09:00", True),  # Monday
        ("mon-fri 09:00-18:00", "2026-03-02T08:59", False),
        ("mon-fri 09:00-18:00", "2026-03-06T17:59", True),
        ("mon-fri 09:00-18:00", "2026-03-06T18:00", False),
        ("mon-fri 09:00-18:00", "2026-03-07T12:00", False),
        ("sat 10:00-16:00", "2026-03-07T10:00", True),
        ("mon-sun 00:00-24:00", "2026-03-07T23:59", True),
        ("mon-sun 00:00-24:00", "2026-03-08T00:00", True),
        ("fri-mon 10:00-12:00", "2026-03-01T11:00", True),  # Sunday, over the end of the week
        ("fri-mon 10:00-12:00", "2026-03-03T11:00", False),
        ("fri 22:00-06:00", "2026-03-06T23:00", True),
        ("fri 22:00-06:00", "2026-03-07T05:59", True),
        ("fri 22:00-06:00", "2026-03-07T06:00", False),
        ("fri 22:00-06:00", "2026-03-06T05:00", False),
    ],
)
def test_a_line_in_local_time(line: str, instant: str, expected: bool) -> None:
    assert is_open(Hours(name="h", open=(line,)), at(instant)) is expected


def test_a_closed_date_is_closed_but_the_night_before_it_is_served() -> None:
    hours = Hours(name="h", open=("mon-sun 20:00-02:00",), closed_dates=("2026-10-01",))
    assert is_open(hours, at("2026-10-01T01:00"))
    assert not is_open(hours, at("2026-10-01T21:00"))
    assert not is_open(hours, at("2026-10-02T01:00"))
    assert is_open(hours, at("2026-10-02T21:00"))


def test_hours_follow_summer_time() -> None:
    hours = Hours(name="h", time_zone="Europe/Berlin", open=("mon-sun 09:00-10:00",))
    assert is_open(hours, at("2026-01-15T08:30", "UTC"))
    assert is_open(hours, at("2026-07-15T07:30", "UTC"))
    assert not is_open(hours, at("2026-07-15T08:30", "UTC"))


@pytest.mark.parametrize(
    "line", ["mon 25:00-26:00", "mon 09:00-24:01", "xyz 09:00-10:00", "mon 09:60-10:00", "mon"]
)
def test_a_line_that_means_nothing_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not opening hours"):
        parse_period(line)


@pytest.mark.parametrize(
    ("lines", "closed", "begin", "end"),
    [
        (("mon-fri 09:00-18:00",), (), "2026-03-02T10:30", "2026-03-02T18:00"),
        (("mon-fri 09:00-18:00",), (), "2026-03-02T18:00", "2026-03-02T18:00"),
        (("mon-fri 09:00-12:00", "mon 12:00-14:00"), (), "2026-03-02T09:00", "2026-03-02T14:00"),
        (("mon-sun 00:00-24:00",), ("2026-03-05",), "2026-03-02T09:00", "2026-03-05T00:00"),
        (("fri 22:00-06:00",), (), "2026-03-06T23:00", "2026-03-07T06:00"),
    ],
)
def test_when_it_closes(
    lines: tuple[str, ...], closed: tuple[str, ...], begin: str, end: str
) -> None:
    opening = opening_of(Hours(name="h", open=lines, closed_dates=closed))
    assert opening.closes_at(at(begin)) == at(end)


def test_what_never_closes_is_looked_at_again_in_a_month() -> None:
    opening = opening_of(Hours(name="h"))
    begin = at("2026-03-02T09:00")
    assert opening.closes_at(begin) >= begin + timedelta(days=29)


@given(
    st.integers(0, 525_600).map(
        lambda minutes: at("2026-01-01T00:00") + timedelta(minutes=minutes)
    ),
    st.lists(
        st.sampled_from(
            ["mon-fri 09:00-18:00", "sat 22:00-03:00", "sun 00:00-24:00", "tue 02:00-03:00"]
        ),
        max_size=3,
    ),
)
def test_it_is_open_until_it_closes(begin: datetime, lines: list[str]) -> None:
    hours = Hours(name="h", time_zone="Europe/Berlin", open=tuple(lines))
    opening, start = opening_of(hours), begin
    end = opening.closes_at(start)
    assert not opening.is_open(end) or end >= start + timedelta(days=29)
    for share in (0.0, 0.3, 0.7, 0.99):
        inside = start + (end - start) * share
        assert end == start or opening.is_open(inside)
