"""How the desk does, in figures: reads of many rows at once, for the page of numbers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, extract, func, literal, select

from bot.conversation.access import may_see
from bot.conversation.taxonomy import QUEUES
from bot.crm import desk_queries, tables

QUIET = timedelta(hours=24)
"""A conversation in which nothing was said for so long is over."""
_QUARTER = 900
"""Seconds. Every time zone's days begin on a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both included, in the shop's time zone, in parts of `step` days."""

    first: date
    last: date
    zone: tzinfo
    step: int = 1

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """When it begins and when it is over."""
        return datetime.combine(self.first, time(), self.zone), datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def parts(self) -> list[date]:
        """The first day of each part."""
        return [self.first + timedelta(days=days) for days in range(0, (self.last - self.first).days + 1, self.step)]

    def part(self, at: datetime) -> date:
        """The first day of the part in which a moment of the period is."""
        # SQLite rounds to milliseconds, which may make the last moment of a period the first after it.
        days = (min(at.astimezone(self.zone).date(), self.last) - self.first).days
        return self.first + timedelta(days=days - days % self.step)


@dataclass(frozen=True, slots=True)
class Spans:
    """How long something took, in seconds: half of the times at most `median`, nine of ten at most `p90`."""

    count: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a queue, of a part of the period, or of all.

    Of the `conversations` that began, `by_bot` are over without a person; in `with_person` one was called. Of the `hand_offs`, `left` ended
    before a person came. `waiting` lasts until a person takes the conversation, `first_reply` until the person answers, `resolution`
    until it is resolved, all from the hand-off. `stars` counts ratings of 1…5.
    """

    conversations: int
    by_bot: int
    with_person: int
    hand_offs: int
    left: int
    waiting: Spans
    first_reply: Spans
    resolution: Spans
    stars: tuple[int, ...]

    @property
    def bot_share(self) -> float | None:
        """Which share of the conversations the assistant solved, 0…1."""
        return self.by_bot / self.conversations if self.conversations else None

    @property
    def anything(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.conversations or self.hand_offs or self.ratings)

    @property
    def ratings(self) -> int:
        """How many ratings there are."""
        return sum(self.stars)

    @property
    def satisfaction(self) -> float | None:
        """The mean rating, 1…5."""
        return sum(star * count for star, count in enumerate(self.stars, 1)) / self.ratings if self.ratings else None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The figures of a period: of all, of each queue, of each part, and how often each reason called a person."""

    total: Figures
    by_queue: dict[str, Figures]
    by_part: dict[date, Figures]
    reasons: dict[str, int]


def visible_queues(c: Connection, user_id: int) -> list[str]:
    """The queues whose figures somebody may see: all but those that are restricted to others."""
    viewer, settings = desk_queries.viewer(c, user_id), desk_queries.queue_settings(c)
    return [queue for queue in QUEUES if viewer and may_see(viewer, queue, None, settings[queue].restricted)]


def numbers(c: Connection, period: Period, queues: Sequence[str], at: datetime) -> Numbers:
    """The figures of a period in these queues, as they stand at the time `at`."""
    total, reasons = _Tally(), Counter[str]()
    by_queue = {queue: _Tally() for queue in queues}
    by_part = {part: _Tally() for part in period.parts}
    for row in _conversations(c, period, queues, at):
        for tally in (total, by_queue[row.queue], by_part[period.part(datetime.fromtimestamp(int(row.quarter), period.zone))]):
            tally.kinds[row.kind] += row.number
    for row in _hand_offs(c, period, queues):
        reasons.update({reason["code"] for reason in row.reasons})
        for tally in (total, by_queue[row.queue], by_part[period.part(row.created_at)]):
            tally.add_hand_off(row)
    for row in _ratings(c, period, queues):
        for tally in (total, by_queue[row.queue], by_part[period.part(row.at)]):
            tally.stars[row.score] += 1
    return Numbers(
        total.figures(),
        {queue: tally.figures() for queue, tally in by_queue.items()},
        {part: tally.figures() for part, tally in by_part.items()},
        dict(reasons.most_common()),
    )


@dataclass(slots=True)
class _Tally:
    kinds: Counter[str] = field(default_factory=Counter)
    hand_offs: int = 0
    left: int = 0
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stars: Counter[int] = field(default_factory=Counter)

    def add_hand_off(self, row: Row[Any]) -> None:
        self.hand_offs += 1
        self.left += row.ended_at is not None and row.claimed_at is None
        ends = {"waiting": row.claimed_at, "first_reply": row.first_reply_at}
        if row.outcome == "resolved":
            ends["resolution"] = row.ended_at
        for name, end in ends.items():
            if end is not None:
                self.seconds[name].append(max(0.0, (end - row.created_at).total_seconds()))

    def figures(self) -> Figures:
        return Figures(
            conversations=self.kinds.total(),
            by_bot=self.kinds["bot"],
            with_person=self.kinds["person"],
            hand_offs=self.hand_offs,
            left=self.left,
            waiting=_spans(self.seconds["waiting"]),
            first_reply=_spans(self.seconds["first_reply"]),
            resolution=_spans(self.seconds["resolution"]),
            stars=tuple(self.stars[star] for star in range(1, 6)),
        )


def _spans(seconds: list[float]) -> Spans:
    ordered = sorted(seconds)
    return Spans(len(ordered), _quantile(ordered, 0.5), _quantile(ordered, 0.9))


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which that share lies, between two values in proportion."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _conversations(c: Connection, period: Period, queues: Sequence[str], at: datetime) -> Sequence[Row[Any]]:
    """How many conversations began in each quarter of an hour, by queue and by how they went. Counted there: there may be very many."""
    table, last, hand_off = tables.conversations, tables.messages, tables.hand_offs
    began, over = period.bounds
    handed = select(hand_off.c.id).where(hand_off.c.conversation_id == table.c.id).exists()
    kind = case((handed, "person"), ((table.c.state == "closed") | (last.c.at < at - QUIET), "bot"), else_="open")
    second = extract("epoch", table.c.created_at)
    counted = (
        select((second - second % _QUARTER).label("quarter"), _queue_of_conversation().label("queue"), kind.label("kind"))
        .join(last, and_(last.c.conversation_id == table.c.id, last.c.seq == table.c.last_seq))
        .where(table.c.created_at >= began, table.c.created_at < over)
        .subquery()
    )
    return c.execute(
        select(counted, func.count().label("number"))
        .where(counted.c.queue.in_(queues))
        .group_by(counted.c.quarter, counted.c.queue, counted.c.kind)
    ).all()


def _queue_of_conversation() -> ColumnElement[str]:
    """The team that was called last; or else what the customer last wrote about."""
    table, hand_off, seen = tables.conversations, tables.hand_offs, tables.interactions
    called = select(hand_off.c.queue).where(hand_off.c.conversation_id == table.c.id).order_by(hand_off.c.id.desc()).limit(1)
    topic = select(seen.c.queue).where(seen.c.conversation_id == table.c.id, seen.c.queue != "general").order_by(seen.c.id.desc()).limit(1)
    return func.coalesce(called.scalar_subquery(), topic.scalar_subquery(), literal("general"))


def _hand_offs(c: Connection, period: Period, queues: Sequence[str]) -> Sequence[Row[Any]]:
    table = tables.hand_offs
    began, over = period.bounds
    made = select(table).where(table.c.created_at >= began, table.c.created_at < over, table.c.queue.in_(queues))
    names = ("queue", "created_at", "claimed_at", "first_reply_at", "ended_at", "outcome", "reasons")
    return c.execute(made.with_only_columns(*(table.c[name] for name in names))).all()


def _ratings(c: Connection, period: Period, queues: Sequence[str]) -> Sequence[Row[Any]]:
    table = tables.ratings
    began, over = period.bounds
    rated = (
        select(table.c.score, table.c.at, _queue_of_conversation().label("queue"))
        .join(tables.conversations, tables.conversations.c.id == table.c.conversation_id)
        .where(table.c.at >= began, table.c.at < over)
        .subquery()
    )
    return c.execute(select(rated).where(rated.c.queue.in_(queues))).all()
