"""Quarter hours and days, also those on which clocks are set."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.figures_intervals import QUARTER, bounds_of, day_of, quarter_of, split

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")


def quarters_of(day: date, zone: ZoneInfo) -> list[datetime]:
    return [quarter for quarter, _ in split(*bounds_of(day, zone))]


@pytest.mark.parametrize(
    ("zone", "day", "count", "begins"),
    [
        ("Asia/Shanghai", date(2026, 11, 22), 96, "2026-11-21T16:00"),
        ("Europe/Berlin", date(2026, 3, 29), 92, "2026-03-28T23:00"),  # 02:00 → 03:00
        ("Europe/Berlin", date(2026, 10, 25), 100, "2026-10-24T22:00"),  # 03:00 → 02:00
        ("Australia/Lord_Howe", date(2026, 4, 5), 98, "2026-04-04T13:00"),  # half an hour
        ("Asia/Kathmandu", date(2026, 5, 1), 96, "2026-04-30T18:15"),  # UTC+5:45
        ("America/Santiago", date(2026, 9, 6), 92, "2026-09-06T04:00"),  # there is no 00:00
        ("America/Havana", date(2026, 11, 1), 100, "2026-11-01T04:00"),  # 00:00 is twice
    ],
)
def test_a_day_has_the_quarters_that_it_has(zone: str, day: date, count: int, begins: str) -> None:
    quarters = quarters_of(day, ZoneInfo(zone))
    assert len(quarters) == count
    assert quarters[0] == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert all(day_of(quarter, ZoneInfo(zone)) == day for quarter in quarters)


def test_the_hour_that_is_twice_has_two_names() -> None:
    names = [at.astimezone(BERLIN).isoformat() for at in quarters_of(date(2026, 10, 25), BERLIN)]
    assert len(set(names)) == 100
    assert names.count("2026-10-25T02:15:00+02:00") == names.count("2026-10-25T02:15:00+01:00") == 1


@settings(max_examples=30)
@given(
    st.dates(date(2000, 1, 1), date(2035, 12, 31)), st.sampled_from(sorted(available_timezones()))
)
def test_days_follow_on_each_other_without_a_gap(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    begins, ends = bounds_of(day, zone)
    assert ends == bounds_of(day + timedelta(days=1), zone)[0]
    assert begins <= ends  # some islands have skipped a whole day
    if begins < ends and quarter_of(begins) == begins:
        assert day_of(begins, zone) == day
        assert day_of(begins - timedelta(seconds=1), zone) < day


@settings(max_examples=30)
@given(st.integers(1_577_836_800, 1_893_456_000), st.timedeltas(timedelta(0), timedelta(hours=5)))
def test_a_stretch_is_shared_out_whole(second: int, length: timedelta) -> None:
    began_at = datetime.fromtimestamp(second, UTC)
    parts = split(began_at, began_at + length)
    assert sum((spent for _, spent in parts), timedelta(0)) == length
    assert all(timedelta(0) < spent <= QUARTER for _, spent in parts)
    assert [quarter for quarter, _ in parts] == sorted({quarter for quarter, _ in parts})
    assert split(began_at + length, began_at) == [] or not length


def test_a_quarter_begins_where_it_begins() -> None:
    at = datetime(2026, 11, 22, 9, 14, 59, 999_999, tzinfo=UTC)
    assert quarter_of(at) == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert quarter_of(at + timedelta(microseconds=1)) == datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
