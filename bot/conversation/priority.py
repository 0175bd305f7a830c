"""The order in which waiting conversations are taken: the earliest virtual deadline first, with the reasons in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.conversation.outcome import Priority

PROMISES = {
    "complaint": 5, "after_sales": 10, "technical": 15, "billing": 10, "account": 10, "logistics": 10, "pre_sales": 10, "general": 10,
}  # fmt: skip
"""Minutes within which a person answers, by queue, until somebody sets others."""
WORDS: dict[Priority, str] = {"urgent": "紧急", "high": "优先", "normal": "普通", "low": "较低"}
"""What agents read for a priority."""

_WEIGHTS: dict[Priority, float] = {"urgent": 0.1, "high": 0.4, "normal": 1.0, "low": 1.5}
_FEELING = 0.3
_UNHAPPY = -0.5
"""Scores above this are no feeling to be hurried by: among calm customers the one who came first comes first."""
_TICKET_HOURS: dict[Priority, int] = {"urgent": 2, "high": 8, "normal": 24, "low": 72}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the queue: the smaller `due_at`, the sooner. `promised_at` is when a person is to have answered."""

    due_at: datetime
    promised_at: datetime


def place(queued_at: datetime, promise: timedelta, priority: Priority, *, score: float | None = None) -> Place:
    """Where somebody stands who has waited since `queued_at`.

    The promised time counts in full for a calm customer of normal priority; it shrinks with the gravity of the reason and with a clearly
    unhappy score (−1…−0.5), and grows for low priority.
    """
    feeling = 1 - _FEELING * max(0.0, (_UNHAPPY - (score or 0.0)) / (1 + _UNHAPPY))
    return Place(queued_at + promise * _WEIGHTS[priority] * feeling, queued_at + promise)


def explain(
    *,
    priority: Priority,
    reasons: Sequence[Mapping[str, Any]],
    score: float | None,
    waiting_since: datetime | None,
    promised_at: datetime | None,
    now: datetime,
) -> str:
    """Why a conversation stands where it stands, for the agents' lists.

    `reasons` are the hand-off's; `waiting_since` is when it came into the queue or, once a person has it, when the customer wrote
    something that nobody has answered yet.
    """
    words = "、".join(str(reason["zh"]) for reason in reasons)
    parts = [f"{WORDS[priority]}：{words}" if words else WORDS[priority]]
    if score is not None:
        parts.append(f"情绪 {score:+.2f}")
    if waiting_since is not None:
        parts.append(f"已等 {minutes(now - waiting_since)}")
        if promised_at is not None:
            left = promised_at - now
            late = f"已超 {minutes(-left)}" if left < timedelta(0) else f"还剩 {minutes(left)}"
            parts.append(f"承诺 {minutes(promised_at - waiting_since)}内（{late}）")
    return "；".join(parts)


def ticket_promise(priority: Priority) -> timedelta:
    """How long a ticket may take."""
    return timedelta(hours=_TICKET_HOURS[priority])


def minutes(span: timedelta) -> str:
    """A span in words: seconds below a minute, then minutes, hours, days.

    >>> minutes(timedelta(seconds=250)), minutes(timedelta(hours=3, minutes=20))
    ('4 分钟', '3 小时 20 分钟')
    """
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} 秒"
    if seconds < 3600:
        return f"{seconds // 60} 分钟"
    hours, rest = divmod(seconds // 60, 60)
    if hours < 24:
        return f"{hours} 小时 {rest} 分钟" if rest else f"{hours} 小时"
    days, rest = divmod(hours, 24)
    return f"{days} 天 {rest} 小时" if rest else f"{days} 天"
