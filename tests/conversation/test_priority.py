"""The order of the queue, and its reasons in words."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.outcome import Priority
from bot.conversation.priority import PROMISES, explain, minutes, place, ticket_promise
from bot.conversation.taxonomy import QUEUES

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
TEN = timedelta(minutes=10)
PRIORITIES: tuple[Priority, ...] = get_args(Priority)


@pytest.mark.parametrize(
    ("priority", "score", "due"),
    [
        ("urgent", None, 60),
        ("high", None, 240),
        ("normal", None, 600),
        ("low", None, 900),
        ("normal", -1.0, 420),
        ("normal", -0.75, 510),
        ("normal", -0.5, 600),
        ("normal", 0.9, 600),
        ("urgent", -0.75, 51),
    ],
)
def test_a_graver_reason_and_a_worse_mood_come_sooner(priority: Priority, score: float | None, due: int) -> None:
    placed = place(NOW, TEN, priority, score=score)
    assert (placed.due_at - NOW).total_seconds() == pytest.approx(due, abs=0.01)
    assert placed.promised_at == NOW + TEN, "a promise is a promise, whatever the mood"


scores = st.floats(-1, 1)
promises = st.integers(1, 600).map(lambda m: timedelta(minutes=m))


@given(promises, st.sampled_from(PRIORITIES), scores, scores)
def test_an_angrier_customer_is_never_later(promise: timedelta, priority: Priority, one: float, other: float) -> None:
    calm, angry = max(one, other), min(one, other)
    assert place(NOW, promise, priority, score=angry).due_at <= place(NOW, promise, priority, score=calm).due_at


@given(promises, scores, st.integers(0, 3), st.integers(0, 3))
def test_a_graver_priority_is_never_later(promise: timedelta, score: float, one: int, other: int) -> None:
    graver, lesser = PRIORITIES[min(one, other)], PRIORITIES[max(one, other)]
    assert place(NOW, promise, graver, score=score).due_at <= place(NOW, promise, lesser, score=score).due_at


@given(promises, st.sampled_from(PRIORITIES), scores)
def test_nobody_waits_for_ever_behind_those_who_come_later(promise: timedelta, priority: Priority, score: float) -> None:
    waiting = place(NOW, promise, priority, score=score)
    assert NOW < waiting.due_at <= NOW + promise * 1.5
    assert place(NOW + promise * 1.5, promise, "urgent", score=-1).due_at > waiting.due_at


def row(**values: Any) -> str:
    known: dict[str, Any] = {
        "priority": "urgent", "reasons": [{"code": "threat", "zh": "威胁投诉"}], "score": -0.82,
        "waiting_since": NOW - timedelta(minutes=4), "promised_at": NOW + timedelta(minutes=1), "now": NOW,
    }  # fmt: skip
    return explain(**known | values)


def test_a_row_says_why_it_stands_where_it_stands() -> None:
    assert row() == "紧急：威胁投诉；情绪 -0.82；已等 4 分钟；承诺 5 分钟内（还剩 1 分钟）"


def test_a_promise_that_was_missed_is_said() -> None:
    assert row(promised_at=NOW - timedelta(seconds=90)).endswith("（已超 1 分钟）")


def test_what_is_not_known_is_left_out() -> None:
    assert row(reasons=[], score=None, promised_at=None, priority="low") == "较低；已等 4 分钟"
    assert row(waiting_since=None) == "紧急：威胁投诉；情绪 -0.82", "nobody waits for an answer"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 秒"),
        (59, "59 秒"),
        (60, "1 分钟"),
        (3599, "59 分钟"),
        (3600, "1 小时"),
        (5400, "1 小时 30 分钟"),
        (86_400, "1 天"),
        (180_000, "2 天 2 小时"),
    ],
)
def test_spans_in_words(seconds: int, words: str) -> None:
    assert minutes(timedelta(seconds=seconds)) == words


def test_every_queue_promises_something_and_urgent_tickets_come_first() -> None:
    assert set(PROMISES) == set(QUEUES)
    assert PROMISES["complaint"] < PROMISES["general"] < PROMISES["technical"]
    spans = [ticket_promise(priority) for priority in PRIORITIES]
    assert spans == sorted(spans)
    assert spans[0] == timedelta(hours=2)
