"""When people are there to answer: hours per weekday, with holidays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

DAY_MINUTES = 24 * 60
_LOOK_AHEAD = 366
"""Days within which the next opening is looked for."""

Span = tuple[int, int]
"""From and to, in minutes after midnight, local time; 1440 is the end of the day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours in the time zone `zone`: spans by weekday (0 Monday … 6 Sunday) and, on holidays, another span or none.

    Without any weekday's hours, it is always open, but for holidays.
    """

    zone: tzinfo
    weekly: Mapping[int, Sequence[Span]] = field(default_factory=dict)
    holidays: Mapping[date, Span | None] = field(default_factory=dict)

    def is_open(self, at: datetime) -> bool:
        """Whether somebody ought to be there."""
        return any(opens <= at < closes for opens, closes in self._around(at, days=1))

    def next_opening(self, at: datetime) -> datetime | None:
        """When it opens next: `at` itself while it is open, None when not within a year."""
        for opens, closes in self._around(at, days=_LOOK_AHEAD):
            if at < closes:
                return max(at, opens)
        return None

    def spans(self, day: date) -> Sequence[Span]:
        """When it is open on a day."""
        if day in self.holidays:
            span = self.holidays[day]
            return (span,) if span else ()
        if not any(self.weekly.values()):
            return ((0, DAY_MINUTES),)
        return tuple(sorted(self.weekly.get(day.weekday(), ())))

    def _around(self, at: datetime, *, days: int) -> Iterator[tuple[datetime, datetime]]:
        today = at.astimezone(self.zone).date()
        for offset in range(-1, days + 1):
            day = today + timedelta(days=offset)
            for opens, closes in self.spans(day):
                yield self._moment(day, opens), self._moment(day, closes)

    def _moment(self, day: date, minute: int) -> datetime:
        # By the wall clock: a day on which the clock is changed does not have 1440 minutes.
        day, minute = day + timedelta(days=minute // DAY_MINUTES), minute % DAY_MINUTES
        return datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone).astimezone(UTC)
