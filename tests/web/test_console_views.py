"""What a console is sent when something changes, without sockets and records."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.conversation.access import Viewer
from bot.conversation.mood import course
from bot.crm.records import ConversationRow, Counts, CustomerSide, CustomerView, HandOffView, Line, MessageView
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


def side(**options: Any) -> CustomerSide:
    values: dict[str, Any] = dict.fromkeys(("orders", "earlier", "tickets", "sentiment", "consents", "notes", "ratings", "hand_offs"), ())
    return CustomerSide(**{"customer": CustomerView(1, None, None, None, False, AT), "verified": False} | values | options)


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


def test_the_line_of_the_chart_is_the_running_mood_and_has_a_word(fragments: Fragments) -> None:
    scores = (0.1, -0.5, -0.9)
    drawn = spark([(AT, score) for score in scores])
    heights = [float(point.split()[1]) for point in drawn.path.removeprefix("M").split("L")]
    assert heights[0] == drawn.dots[0][1], "after one message the mood is its score"
    assert all(height < y for height, (_, y, _) in zip(heights[1:], drawn.dots[1:], strict=True)), "it follows behind those that are worse"
    assert drawn.mood == list(course(scores))[-1]
    html = fragments.facts(row(), side(sentiment=tuple((AT, score) for score in scores)))
    assert '<span class="tag urgent">转差</span>' in html
    assert "3 条消息的情绪：转差" in html
    assert "情绪变化</h2>" in fragments.facts(row(), side()), "nothing is said of who has said nothing"


class Bubble(HTMLParser):
    """What a browser makes of a message: its text, its marks, and whether anything else stands in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.marks = "", []
        self._open: list[str] = []
        self.other: set[str] = set()
        self.feed(html.partition('<div class="text">')[2].partition("</div>")[0])
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.other |= {tag} - {"mark"}
        self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open:
            self.marks[-1] += data


def understood(**options: Any) -> dict[str, Any]:
    values = {
        "mode": "reply", "intent": "request_invoice", "intent_confidence": 0.9, "fallback": False, "queue": "billing",
        "queue_confidence": 0.93, "queue_scores": {"billing": 0.93, "account": 0.04, "general": 0.001},
        "queue_evidence": [{"term": "发票", "weight": 2.0}, {"term": "票抬", "weight": 1.0}], "sentiment": "neutral",
        "sentiment_score": 0.0, "sentiment_evidence": [], "escalate": False, "reasons": [],
    }  # fmt: skip
    return values | options


def test_what_decided_is_marked_in_the_message_and_told_in_sentences(fragments: Fragments) -> None:
    html = fragments.line(said(1, "請問發票抬頭怎麼改", seen=understood()))
    assert Bubble(html).marks == ["發票抬頭"]
    assert "归到「支付发票」，主要因为提到“發票”“抬頭”（把握 93%）；其次可能是「账号会员」（4%）。" in html
    assert "听起来平静" in html
    assert "转人工" not in html
    assert html.count("<meter") == 2, "what is as good as impossible is left out"
    reasons = [{"code": "request", "zh": "要人工", "en": "asks for a person", "evidence": ["转人工"]}]
    asked = fragments.line(said(1, "转人工", seen=understood(queue_evidence=[], escalate=True, reasons=reasons)))
    assert "转人工，因为要人工（“转人工”）。" in asked
    assert Bubble(asked).marks == ["转人工"]
    assert "<mark" not in fragments.line(said(1, "發票")), "what was not understood yet is shown as it is"


@settings(deadline=None)
@given(
    st.text(alphabet="发票發<>&\"'/markb! \u200b😀;#", max_size=40),
    st.lists(st.sampled_from(["发票", "<", "mark", "b>", "&", "!", "发 票"])),
)
@example("<b>发票</b><script>alert(1)</script>&lt;", ["发票", "script", "<b", "t;"])
def test_whatever_is_typed_stays_text_and_only_marks_are_added(fragments: Fragments, text: str, terms: list[str]) -> None:
    evidence = [{"term": term, "weight": 1.0} for term in terms]
    reasons = [{"code": "threat", "zh": "威胁", "en": "threatens", "evidence": [text[1:4]]}]
    html = fragments.line(said(1, text, seen=understood(queue_evidence=evidence, escalate=True, reasons=reasons)))
    if text:
        shown = Bubble(html)
        assert shown.text == text
        assert shown.other == set()
        assert all(mark and mark in text for mark in shown.marks)


def test_why_a_person_was_called_quotes_words_and_gives_figures(fragments: Fragments) -> None:
    reasons = (
        {"code": "threat", "zh": "要投诉", "en": "complains", "evidence": ["12315", "投诉"]},
        {"code": "trend", "zh": "连续不满", "en": "unhappy", "evidence": ["-0.50 → -0.80"]},
        {"code": "failure", "zh": "没有听懂", "en": "not understood", "evidence": ["3"]},
    )
    called = HandOffView(1, 1, "complaint", "high", reasons, "", AT, *[None] * 7)
    html = fragments.facts(row(), side(hand_offs=(called,)))
    assert "<q>12315”“投诉</q>" in html
    assert "−0.50 → −0.80" in html
    assert "<q>−0.50" not in html
    assert "3 次" in html


def test_words_for_numbers() -> None:
    assert (signed(-0.82), signed(0.5), money(123456), size(10), size(2 * 1024 * 1024)) == ("−0.82", "+0.50", "¥1,234.56", "1 KB", "2.0 MB")
