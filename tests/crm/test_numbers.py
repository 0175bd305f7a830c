"""The figures of the desk: what is counted, for which day and which queue."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.conversation.outcome import Reason
from bot.conversation.taxonomy import QUEUES
from bot.crm import store, tables
from bot.crm.database import Database
from bot.crm.numbers import Numbers, Period, numbers
from tests.crm.making import change, finish, hand_off, queued, say, seen, turn_of, visit

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
"""Noon of `DAY` in the shop's zone."""
NOW = NOON + timedelta(days=3)
WEEK = Period(DAY - timedelta(days=3), DAY + timedelta(days=3), ZONE)


def count(database: Database, period: Period = WEEK, queues: Any = tuple(QUEUES)) -> Numbers:
    return database.transaction(numbers, period, queues, NOW)


def began(database: Database, conversation_id: str, at: datetime = NOON, *, last: datetime | None = None, **values: Any) -> str:
    """As if a conversation had begun then, with its last message at `last`."""
    change(database, tables.conversations, tables.conversations.c.id == conversation_id, created_at=at, **values)
    change(database, tables.messages, tables.messages.c.conversation_id == conversation_id, at=last or at)
    return conversation_id


def chat(database: Database, queue: str = "general", **options: Any) -> str:
    """A conversation that the assistant answered."""
    conversation_id = visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id)), interaction=seen(queue=queue))
    return began(database, conversation_id, **options)


def handed(database: Database, *seconds: float | None, queue: str = "logistics", at: datetime = NOON, **values: Any) -> str:
    """A conversation with a hand-off that was claimed, answered and ended so many seconds later."""
    conversation_id = began(database, queued(database, queue), at)
    ends = (None if span is None else at + timedelta(seconds=span) for span in seconds)
    times = dict(zip(("claimed_at", "first_reply_at", "ended_at"), ends, strict=False))
    change(database, tables.hand_offs, tables.hand_offs.c.conversation_id == conversation_id, created_at=at, **times, **values)
    return conversation_id


def rated(database: Database, conversation_id: str, *scores: int, at: datetime = NOON) -> None:
    for score in scores:
        database.transaction(store.record_rating, conversation_id, score, "")
    change(database, tables.ratings, tables.ratings.c.conversation_id == conversation_id, at=at)


def test_an_empty_record_has_figures_without_values(database: Database) -> None:
    found = count(database)
    assert found.total.conversations == 0
    assert found.total.bot_share is None
    assert found.total.satisfaction is None
    assert found.total.waiting.median is None
    assert list(found.by_part) == [WEEK.first + timedelta(days=days) for days in range(7)]
    assert list(found.by_queue) == list(QUEUES)
    assert found.reasons == {}


def test_times_are_counted_from_the_hand_off(database: Database) -> None:
    for waited in range(10, 120, 10):
        handed(database, waited, waited + 5, waited + 600, outcome="resolved")
    total = count(database).total
    assert total.hand_offs == 11
    assert (total.waiting.count, total.waiting.median, total.waiting.p90) == (11, 60.0, 100.0)
    assert (total.first_reply.median, total.resolution.median) == (65.0, 660.0)


def test_values_between_two_are_taken_in_proportion(database: Database) -> None:
    handed(database, 10.0)
    handed(database, 20.0)
    assert count(database).total.waiting.median == 15.0
    assert count(database).total.waiting.p90 == pytest.approx(19.0)


@pytest.mark.parametrize("outcome", ["left", "closed"])
def test_customers_who_gave_up_have_not_waited_for_anybody(database: Database, outcome: str) -> None:
    handed(database, None, None, 300, outcome=outcome)
    total = count(database).total
    assert (total.hand_offs, total.left, total.waiting.count, total.resolution.count) == (1, 1, 0, 0)


def test_only_what_an_agent_resolved_has_a_time_of_resolution(database: Database) -> None:
    handed(database, 10, 20, 300, outcome="returned")
    handed(database, 10, 20, 400, outcome="resolved")
    total = count(database).total
    assert (total.resolution.count, total.resolution.median, total.left) == (1, 400.0, 0)


def test_the_assistant_has_solved_what_is_over_without_a_person(database: Database) -> None:
    chat(database, state="closed", last=NOW)
    chat(database, last=NOW - timedelta(hours=25))
    chat(database, last=NOW - timedelta(hours=23))
    handed(database, 10, 20, 300, outcome="resolved")
    total = count(database).total
    assert (total.conversations, total.by_bot, total.with_person) == (4, 2, 1)
    assert total.bot_share == 0.5


def test_a_visitor_who_said_nothing_is_no_conversation(database: Database) -> None:
    began(database, visit(database).conversation_id)
    assert count(database).total.conversations == 0


def test_a_day_begins_at_midnight_in_the_shop(database: Database) -> None:
    midnight = datetime(2026, 11, 20, 16, tzinfo=UTC)
    moment = timedelta(milliseconds=1)
    chat(database, at=midnight - moment)
    chat(database, at=midnight)
    handed(database, 10, at=midnight - moment)
    rated(database, chat(database, at=midnight), 5, at=midnight)
    found = count(database)
    assert [found.by_part[DAY + timedelta(days=days)].conversations for days in (0, 1)] == [2, 2]
    assert [found.by_part[DAY + timedelta(days=days)].hand_offs for days in (0, 1)] == [1, 0]
    assert [found.by_part[DAY + timedelta(days=days)].ratings for days in (0, 1)] == [0, 1]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"])
def test_days_of_other_zones_are_right_too(database: Database, zone: str) -> None:
    local = datetime(2026, 11, 20, 0, 0, tzinfo=ZoneInfo(zone))
    chat(database, at=local)
    chat(database, at=local - timedelta(seconds=1))
    found = count(database, Period(WEEK.first, WEEK.last, ZoneInfo(zone)))
    assert [found.by_part[DAY - timedelta(days=days)].conversations for days in (0, 1)] == [1, 1]


def test_what_was_before_and_after_does_not_count(database: Database) -> None:
    for days in (-4, 4):
        at = datetime(2026, 11, 20, 4, tzinfo=UTC) + timedelta(days=days)
        rated(database, handed(database, 10, at=at), 1, at=at)
    total = count(database).total
    assert (total.conversations, total.hand_offs, total.ratings) == (0, 0, 0)


def test_the_last_moment_counts(database: Database) -> None:
    chat(database, at=datetime(2026, 11, 23, 16, tzinfo=UTC) - timedelta(microseconds=1))
    assert count(database).by_part[WEEK.last].conversations == 1


def test_long_periods_are_counted_by_the_week(database: Database) -> None:
    period = Period(DAY, DAY + timedelta(days=9), ZONE, 7)
    chat(database, at=NOON + timedelta(days=6))
    chat(database, at=NOON + timedelta(days=7))
    found = count(database, period)
    assert {part: figures.conversations for part, figures in found.by_part.items()} == {DAY: 1, DAY + timedelta(days=7): 1}


def test_a_conversation_belongs_to_the_team_that_was_called_or_to_its_last_topic(database: Database) -> None:
    handed(database, 10, queue="complaint")
    talk = chat(database, queue="billing")
    finish(database, turn_of(say(database, talk, "谢谢")), interaction=seen(queue="general"))
    began(database, talk)
    chat(database)
    rated(database, talk, 4)
    found = count(database).by_queue
    assert {queue: figures.conversations for queue, figures in found.items() if figures.conversations} == {
        "complaint": 1, "billing": 1, "general": 1,
    }  # fmt: skip
    assert found["billing"].ratings == 1
    assert found["complaint"].hand_offs == 1


def test_only_the_queues_asked_for_are_counted(database: Database) -> None:
    rated(database, handed(database, 10, queue="complaint"), 1)
    rated(database, handed(database, 20, queue="billing"), 5)
    found = count(database, queues=["billing"])
    assert (found.total.conversations, found.total.hand_offs, found.total.stars) == (1, 1, (0, 0, 0, 0, 1))
    assert list(found.by_queue) == ["billing"]
    assert sum(found.reasons.values()) == 1


def test_each_reason_of_a_hand_off_counts_once(database: Database) -> None:
    for codes in (["request"], ["anger", "threat"], ["anger", "anger"]):
        reasons = [Reason(code, "原因", "reason") for code in codes]
        talk = visit(database).conversation_id
        finish(database, turn_of(say(database, talk)), hand_off=hand_off(reasons=reasons))
    change(database, tables.hand_offs, tables.hand_offs.c.id > 0, created_at=NOON)
    assert count(database).reasons == {"anger": 2, "request": 1, "threat": 1}


def test_satisfaction_is_the_mean_of_all_ratings(database: Database) -> None:
    talk = chat(database)
    rated(database, talk, 5, 5, 2)
    total = count(database).total
    assert total.stars == (0, 1, 0, 0, 2)
    assert total.satisfaction == 4.0
