"""Suggested replies follow the record: at most a minute behind, and never in the way."""

import asyncio

import pytest

from bot import suggestions as module
from bot.crm import annotations, suggestions
from bot.crm.database import Database
from bot.errors import Unavailable
from bot.suggestions import Suggestions
from tests.crm.making import user
from tests.crm.test_suggestions import solved

ASKED = "发票什么时候开好"
CANNED = "发票一天之内开好，会发到您的邮箱"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def can(database: Database, shortcut: str, text: str) -> None:
    database.transaction(annotations.save_canned, user(database, f"客服{shortcut}"), shortcut=shortcut, text=text)


async def texts(suggestions: Suggestions, asked: str = ASKED, queue: str | None = None) -> list[str]:
    return [suggestion.text for suggestion in await suggestions.suggest(asked, queue)]


async def test_what_is_in_the_record_is_suggested(database: Database) -> None:
    can(database, "发票", CANNED)
    solved(database, user(database), "发票的抬头写错了怎么办", ">抬头写错的发票可以作废重开，订单202611230456已重开")
    found = Suggestions(database)
    assert await texts(found) == [CANNED]
    assert await texts(found, "抬头写错了") == ["抬头写错的发票可以作废重开，订单［订单号］已重开"]


async def test_news_count_within_a_minute_and_not_before(database: Database, clock: Clock) -> None:
    found = Suggestions(database)
    assert await texts(found) == []
    can(database, "发票", CANNED)
    clock.now += module.LOOK_SECONDS - 1
    assert await texts(found) == []
    clock.now += 1
    assert await texts(found) == [CANNED]


async def test_what_did_not_change_is_not_learnt_again(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    can(database, "发票", CANNED)
    read: list[int] = []
    answers = suggestions.answers
    monkeypatch.setattr(suggestions, "answers", lambda c: read.append(1) or answers(c))
    found = Suggestions(database)
    for _ in range(3):
        assert await texts(found) == [CANNED]
        clock.now += module.LOOK_SECONDS
    assert read == [1]


async def test_who_asks_first_at_the_same_time_waits_for_the_same_learning(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    can(database, "发票", CANNED)
    read: list[int] = []
    answers = suggestions.answers
    monkeypatch.setattr(suggestions, "answers", lambda c: read.append(1) or answers(c))
    found = Suggestions(database)
    assert await asyncio.gather(*(texts(found) for _ in range(5))) == [[CANNED]] * 5
    assert read == [1]


async def test_a_record_that_does_not_answer_takes_no_suggestion_away(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(c: object) -> None:
        raise Unavailable("the database does not answer")

    nothing_yet = Suggestions(database)
    found = Suggestions(database)
    can(database, "发票", CANNED)
    assert await texts(found) == [CANNED]
    clock.now += module.LOOK_SECONDS
    with monkeypatch.context() as broken:
        broken.setattr(suggestions, "mark", gone)
        assert await texts(found) == [CANNED]
        assert await texts(nothing_yet) == []
    clock.now += module.LOOK_SECONDS
    assert await texts(nothing_yet) == [CANNED]
