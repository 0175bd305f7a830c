"""Opening hours."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.hours import Hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
NINE_TO_SIX = (9 * 60, 18 * 60)
WEEKDAYS = Hours(SHANGHAI, {day: [(540, 720), (780, 1080)] for day in range(5)})
"""Monday to Friday, with a break from 12 to 13."""


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in Shanghai; 23 November 2026 is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (local(23, 8, 59), False),
        (local(23, 9), True),
        (local(23, 11, 59), True),
        (local(23, 12), False),
        (local(23, 13), True),
        (local(23, 18), False),
        (local(28, 10), False),
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 12, 0, tzinfo=UTC), False),
    ],
)
def test_hours_are_local_and_end_on_the_minute(at: datetime, is_open: bool) -> None:
    assert WEEKDAYS.is_open(at) is is_open


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (local(23, 7), local(23, 9)),
        (local(23, 12, 30), local(23, 13)),
        (local(23, 19), local(24, 9)),
        (local(27, 18), local(30, 9)),
        (local(23, 10, 15), local(23, 10, 15)),
    ],
)
def test_the_next_opening(at: datetime, opens: datetime) -> None:
    assert WEEKDAYS.next_opening(at) == opens


def test_without_hours_it_is_always_open() -> None:
    for hours in (Hours(SHANGHAI), Hours(SHANGHAI, {0: []})):
        assert hours.is_open(local(29, 3))
        assert hours.next_opening(local(29, 3)) == local(29, 3)


def test_holidays_go_before_weekdays() -> None:
    hours = Hours(SHANGHAI, {day: [NINE_TO_SIX] for day in range(7)}, {date(2026, 11, 24): None, date(2026, 11, 25): (600, 660)})
    assert not hours.is_open(local(24, 10))
    assert hours.next_opening(local(23, 18)) == local(25, 10)
    assert hours.is_open(local(25, 10, 30))
    assert not hours.is_open(local(25, 11))
    closed_on_one_day = Hours(SHANGHAI, {}, {date(2026, 11, 24): None})
    assert not closed_on_one_day.is_open(local(24, 0))
    assert closed_on_one_day.next_opening(local(24, 0)) == local(25, 0)


def test_a_span_may_end_on_the_next_day() -> None:
    nights = Hours(SHANGHAI, {4: [(20 * 60, 26 * 60)]})
    assert nights.is_open(local(28, 1, 59)), "Saturday, from Friday's evening on"
    assert not nights.is_open(local(28, 2))
    assert not nights.is_open(local(27, 1))


def test_what_never_opens_says_so() -> None:
    never = Hours(SHANGHAI, {0: [NINE_TO_SIX]}, {date(2026, 11, 23) + timedelta(days=offset): None for offset in range(400)})
    assert never.next_opening(local(23, 10)) is None


def test_the_wall_clock_counts_where_clocks_are_changed() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = Hours(berlin, {6: [NINE_TO_SIX]})
    changed = datetime(2026, 10, 25, 8, 30, tzinfo=berlin)  # summer time ended in the night
    assert hours.next_opening(changed) == datetime(2026, 10, 25, 9, 0, tzinfo=berlin)
    assert hours.next_opening(changed) == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
spans = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[0] < span[1])


@given(moments, st.dictionaries(st.integers(0, 6), st.lists(spans, max_size=3), max_size=7), st.integers(-12, 14))
def test_it_is_open_at_the_next_opening_and_not_before(at: datetime, weekly: dict[int, list[tuple[int, int]]], offset: int) -> None:
    hours = Hours(timezone(timedelta(hours=offset)), weekly)
    opens = hours.next_opening(at)
    assert opens is not None
    assert opens >= at
    assert hours.is_open(opens)
    assert hours.is_open(at) == (opens == at)
    if opens > at:
        assert not hours.is_open(at + (opens - at) / 2)
