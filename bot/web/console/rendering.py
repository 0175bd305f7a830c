"""Draws the fragments of the console. What people typed is escaped by the templates, and only there."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import jinja2
from markupsafe import Markup, escape

from bot.conversation.access import Viewer
from bot.conversation.mood import GRUMBLE, Mood, course
from bot.conversation.outcome import Sentiment
from bot.conversation.priority import WORDS, minutes
from bot.conversation.taxonomy import QUEUES
from bot.crm.records import CannedReply, ConversationRow, CustomerSide, Line, Member
from bot.learning.explanation import Explanation, explain
from bot.learning.marking import segments
from bot.web.console import words

_WAITED = re.compile("已等 [^；]+")
_LEFT = re.compile("(?:已超|还剩) [^）]+")
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE, SPARK_LEFT = 280, 72, 6, 32


@dataclass(frozen=True, slots=True)
class Spark:
    """The small chart of a customer's feeling: the line of the mood, a dot with its score for each message, and the mood they lead to."""

    path: str
    dots: tuple[tuple[float, float, float], ...]
    mood: Mood


class Fragments:
    """The fragments, with times in the shop's zone."""

    def __init__(self, environment: jinja2.Environment, zone: tzinfo) -> None:
        self._zone = zone
        environment.filters |= {
            "ago": self._ago, "clock": self._clock, "customer": words.customer_name, "day": self._day, "event_words": words.event_words,
            "explained": explained,
            "last_words": words.last_words, "left": left, "moment": self._moment, "money": money, "segments": segments, "signed": signed,
            "size": size, "tone": tone, "top": top, "why": why,
        }  # fmt: skip
        environment.globals |= {
            "channels": words.CHANNELS, "courses": words.COURSES, "intents": words.INTENTS, "moods": words.MOODS, "orders": words.ORDERS,
            "priorities": WORDS, "queues": QUEUES, "results": words.RESULTS, "senders": words.SENDERS,
            "states": words.STATES, "tickets": words.TICKETS,
        }  # fmt: skip
        self._parts: Any = environment.get_template("agent/parts.html").module

    def row(self, row: ConversationRow, key: str) -> str:
        """A conversation in a list."""
        return str(self._parts.row(row, key))

    def rows(self, rows: Sequence[ConversationRow], keys: Sequence[str]) -> str:
        """A list of conversations."""
        return str(self._parts.rows(rows, keys))

    def more(self, before: str | None) -> str:
        """The button for the rest of a list, if there is a rest."""
        return str(self._parts.more(before))

    def head(self, row: ConversationRow, viewer: Viewer) -> str:
        """Who the customer is, where the conversation stands and what this viewer may do with it."""
        return str(self._parts.head(row, viewer))

    def line(self, line: Line) -> str:
        """A message, note or event."""
        return str(self._parts.line(line))

    def lines(self, lines: Sequence[Line]) -> str:
        """A transcript."""
        return str(self._parts.lines(lines))

    def earlier(self, before: int | None) -> str:
        """The button for what was said before, if there is more."""
        return str(self._parts.earlier(before))

    def facts(self, row: ConversationRow, side: CustomerSide) -> str:
        """What there is to know about the customer."""
        return str(self._parts.facts(row, side, spark(side.sentiment)))

    def people(self, members: Sequence[Member], row: ConversationRow, viewer: Viewer) -> str:
        """Whom a conversation may be given to."""
        return str(self._parts.people(members, row, viewer))

    def canned(self, found: Sequence[CannedReply]) -> str:
        """Prepared answers to choose from."""
        return str(self._parts.canned(found))

    def suggestions(self, texts: Sequence[str]) -> str:
        """Replies that may suit."""
        return str(self._parts.suggestions(texts))

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def _clock(self, at: datetime) -> str:
        return f"{self._local(at):%H:%M}"

    def _day(self, at: datetime) -> str:
        local = self._local(at)
        year = f"{local.year} 年 " if local.year != self._local(datetime.now(UTC)).year else ""
        return f"{year}{local.month} 月 {local.day} 日 {words.WEEKDAYS[local.weekday()]}"

    def _moment(self, at: datetime) -> str:
        local = self._local(at)
        year = f"{local.year}-" if local.year != self._local(datetime.now(UTC)).year else ""
        return f"{year}{local:%m-%d %H:%M}"

    def _ago(self, at: datetime) -> str:
        """The time today, the day before that."""
        local, today = self._local(at), self._local(datetime.now(UTC)).date()
        if local.date() == today:
            return f"{local:%H:%M}"
        return "昨天" if local.date() == today - timedelta(days=1) else self._moment(at).partition(" ")[0]


def frame(type: str, **fields: Any) -> str:
    """A frame for consoles."""
    return json.dumps({"type": type, **fields}, ensure_ascii=False, separators=(",", ":"))


def explained(row: ConversationRow) -> Markup:
    """Why a conversation stands where it stands; the page counts the times in it on."""
    text = str(escape(row.explanation))
    since = row.queued_at if row.state == "queued" else row.unanswered_since
    for moment, pattern, kind in ((since, _WAITED, "since"), (row.promised_at, _LEFT, "promise")):
        if moment is not None:
            text = pattern.sub(rf'<span data-{kind}="{moment.isoformat()}">\g<0></span>', text)
    return Markup(text)  # noqa: S704 (escaped above)


def left(promised_at: datetime) -> str:
    """How much of a promised time is left, or by how much it is over."""
    span = promised_at - datetime.now(UTC)
    return f"已超 {minutes(-span)}" if span < timedelta(0) else f"还剩 {minutes(span)}"


def money(cents: int) -> str:
    """An amount in yuan."""
    return f"¥{cents / 100:,.2f}"


def signed(score: float) -> str:
    """A score −1…1, with its sign.

    >>> signed(-0.5)
    '−0.50'
    """
    return f"{score:+.2f}".replace("-", "−")


def size(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1024 / 1024:.1f} MB" if count >= 1024 * 1024 else f"{max(1, round(count / 1024))} KB"


def top(scores: Mapping[str, float], count: int) -> list[tuple[str, float]]:
    """The greatest of some scores, greatest first."""
    return sorted(scores.items(), key=lambda item: -item[1])[:count]


def spark(points: Sequence[tuple[datetime, float]]) -> Spark:
    """Scores (−1…1) from left to right, 1 at the top."""
    scores = [score for _, score in points]
    moods = list(course(scores))
    room = SPARK_WIDTH - SPARK_LEFT - SPARK_EDGE
    step = room / max(1, len(points) - 1)
    first = SPARK_LEFT if len(points) > 1 else SPARK_LEFT + room / 2
    xs = [round(first + number * step, 1) for number in range(len(points))]
    trace = "L".join(f"{x} {_height(mood.level)}" for x, mood in zip(xs, moods, strict=True))
    dots = tuple((x, _height(score), score) for x, score in zip(xs, scores, strict=True))
    return Spark(f"M{trace}" if trace else "", dots, moods[-1] if moods else Mood())


def tone(score: float) -> Sentiment:
    """What a score −1…1 sounds like."""
    return "negative" if score < GRUMBLE else "positive" if score > -GRUMBLE else "neutral"


def why(line: Line) -> Explanation | None:
    """Why a customer's message was understood as it was."""
    return explain(line.message.text, line.seen) if line.message and line.seen else None


def _height(score: float) -> float:
    half = SPARK_HEIGHT / 2
    return round(half - score * (half - SPARK_EDGE), 1)
