"""What a console is sent when something changes, without sockets and records."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.access import Viewer
from bot.crm.records import ConversationRow, Counts, Line, MessageView
from bot.web.app import TEMPLATES
from bot.web.console.rendering import Fragments, explained, money, signed, size, spark
from bot.web.console.views import Choice, Look, View

AT = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
ME, OTHER = Viewer(1, "agent", frozenset({"billing"})), Viewer(2, "agent", frozenset({"complaint"}))
CHIEF = Viewer(3, "supervisor", frozenset())


@pytest.fixture(scope="module")
def fragments() -> Fragments:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return Fragments(environment, ZoneInfo("Asia/Shanghai"))


def row(**options: Any) -> ConversationRow:
    values: dict[str, Any] = {
        "id": "a" * 32, "customer_id": 1, "customer": None, "channel": "web", "locale": "zh-CN", "state": "queued", "queue": "billing",
        "priority": "normal", "agent_id": None, "agent_name": None, "text": "在吗", "sender": "customer", "last_at": AT, "last_seq": 1,
        "read_seq": 0, "agent_read_seq": 0, "unread": 1, "position": 1, "queued_at": AT, "due_at": AT + timedelta(minutes=5),
        "promised_at": AT + timedelta(minutes=10), "unanswered_since": AT, "updated_at": AT, "sentiment": "neutral", "score": 0.0,
        "reasons": (), "explanation": "普通；已等 1 分钟；承诺 10 分钟内（还剩 9 分钟）",
    }  # fmt: skip
    return ConversationRow(**values | options)


def said(seq: int, text: str = "在吗", **options: Any) -> Line:
    message = MessageView(seq, "customer", None, text, (), None, AT + timedelta(seconds=seq))
    return Line(key=f"m{seq}", type="message", at=message.at, message=message, **options)


def kinds(frames: list[str]) -> list[tuple[str, str]]:
    return [(frame["type"], frame["target"]) for frame in map(json.loads, frames)]


@pytest.mark.parametrize(
    ("choice", "shown", "included"),
    [
        (Choice("mine"), row(state="agent", agent_id=1), True),
        (Choice("mine"), row(state="agent", agent_id=2), False),
        (Choice("mine"), row(state="closed", agent_id=None), False),
        (Choice("queue"), row(), True),
        (Choice("queue"), row(state="agent", agent_id=1), False),
        (Choice("queue", "complaint"), row(), False),
        (Choice("queue", "billing"), row(), True),
        (Choice("all"), row(state="closed"), True),
        (Choice("all", state="bot"), row(), False),
        (Choice("all", "billing", "queued"), row(), True),
    ],
)
def test_which_list_a_conversation_is_in(choice: Choice, shown: ConversationRow, included: bool) -> None:
    assert choice.includes(shown, ME) is included


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), min_size=2, max_size=8))
def test_keys_put_lists_into_the_order_of_the_record(moments: list[tuple[int, int, bool]]) -> None:
    found = [
        row(
            id=f"{number:032x}", due_at=AT + timedelta(milliseconds=due), updated_at=AT + timedelta(milliseconds=changed),
            unanswered_since=AT if waits else None, promised_at=AT + timedelta(milliseconds=due) if waits else None,
        )
        for number, (due, changed, waits) in enumerate(moments)
    ]  # fmt: skip
    by_key = lambda which: [one.id for one in sorted(found, key=Choice(which).key)]  # noqa: E731
    assert by_key("queue") == [one.id for one in sorted(found, key=lambda one: (one.due_at, one.id))]
    waiting = [one.id for one in sorted(found, key=lambda one: (one.promised_at or AT, one.id)) if one.unanswered_since]
    assert by_key("mine")[: len(waiting)] == waiting
    times = {one.id: one.updated_at for one in found}
    assert [times[key] for key in by_key("all")] == sorted(times.values(), reverse=True)


def test_a_row_comes_goes_and_is_not_taken_away_twice(fragments: Fragments) -> None:
    view = View(ME)
    assert kinds(view.list_frames(Look(fragments, row(), False))) == [("place", "rows")]
    claimed = Look(fragments, row(state="agent", agent_id=2, agent_name="小王"), False)
    assert kinds(view.list_frames(claimed)) == [("remove", f"row-{'a' * 32}")]
    assert view.list_frames(claimed) == []


def test_a_row_that_is_restricted_is_for_its_own_people_owner_and_supervisors(fragments: Fragments) -> None:
    look = Look(fragments, row(state="agent", agent_id=2, agent_name="小王"), True)
    for viewer, sees in ((ME, True), (OTHER, True), (Viewer(4, "agent", frozenset({"general"})), False), (CHIEF, True)):
        view = View(viewer)
        view.choice = Choice("all")
        assert bool(view.list_frames(look)) is sees


def test_only_what_changed_in_a_transcript_is_sent(fragments: Fragments) -> None:
    view = View(ME)
    first, second = said(1), said(2)
    view.opened("a" * 32, [first])
    assert kinds(view.talk_frames(Look(fragments, row(), False, [first, second]))) == [("place", "log"), ("swap", "head")]
    assert view.talk_frames(Look(fragments, row(), False, [first, second])) == []
    understood = said(2, labels={"queue": "billing"})
    (frame,) = map(json.loads, view.talk_frames(Look(fragments, row(), False, [first, understood])))
    assert (frame["type"], frame["after"]) == ("place", "m1")


def test_messages_in_memory_come_in_order_and_without_gaps(fragments: Fragments) -> None:
    view = View(ME)
    view.opened("a" * 32, [said(1)])
    assert view.following([said(3)]) == []
    assert [line.key for line in view.following([said(1), said(2), said(3)])] == ["m2", "m3"]
    assert view.following([said(2)]) == []
    assert kinds(view.talk_frames(Look(fragments, row(), False, [said(1), said(2), said(3)]))) == [("swap", "head")]


def test_counts_are_sent_when_they_change() -> None:
    view = View(ME)
    assert len(view.counts_frames(Counts(1, 0, 0, 0))) == 1
    assert view.counts_frames(Counts(1, 0, 0, 0)) == []
    assert view.counts_frames(None) == []


def test_times_in_an_explanation_can_be_counted_on() -> None:
    words = str(explained(row(explanation="普通：<b>；已等 1 分钟；承诺 10 分钟内（已超 3 分钟）")))
    assert '<span data-since="2026-11-25T04:00:00+00:00">已等 1 分钟</span>' in words
    assert '<span data-promise="2026-11-25T04:10:00+00:00">已超 3 分钟</span>' in words
    assert "&lt;b&gt;" in words


def test_times_are_the_shops(fragments: Fragments) -> None:
    html = fragments.line(said(1))
    assert "12:00" in html
    assert 'data-day="11 月 25 日 周三"' in html or 'data-day="2026 年 11 月 25 日 周三"' in html


def test_what_may_be_done_is_offered_to_those_who_may(fragments: Fragments) -> None:
    owned = row(state="agent", agent_id=1, agent_name="小李")
    assert "交回机器人" in fragments.head(owned, ME)
    assert 'button type="button" data-act' not in fragments.head(owned, OTHER)
    assert "接管" in fragments.head(owned, CHIEF)
    assert "接手" in fragments.head(row(), ME)
    assert "分配" not in fragments.head(row(), ME)
    assert "重新打开" in fragments.head(row(state="closed"), ME)


def test_the_chart_stays_within_its_edges() -> None:
    points = [(AT, score) for score in (-1.0, 0.0, 1.0)]
    drawn = spark(points)
    assert [dot[2] for dot in drawn.dots] == [-1.0, 0.0, 1.0]
    assert all(0 <= x <= 280 and 0 <= y <= 72 for x, y, _ in drawn.dots)
    assert drawn.dots[0][1] > drawn.dots[1][1] > drawn.dots[2][1]
    assert spark([]).path == ""


def test_words_for_numbers() -> None:
    assert (signed(-0.82), signed(0.5), money(123456), size(10), size(2 * 1024 * 1024)) == ("−0.82", "+0.50", "¥1,234.56", "1 KB", "2.0 MB")
