"""The evidence of models, found again in messages as they were typed."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.learning.marking import aligned, deciding, merged, occurrences, quoted, segments
from bot.learning.text import normalise, terms

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=80)
TYPED = st.text(alphabet="退款發票抬頭麼还没到 ，。！!?ＡaBb１２3元¥.  \n\u200b\ufe0f😀👍🏽eé\u0301ｶﾞハ", max_size=60)
TEXTS = st.one_of(TYPED, ANY_TEXT)
SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda span: (min(span), max(span))), max_size=12)


@settings(deadline=None)  # the first call loads the dictionaries
@given(TEXTS)
@example("ﷺ" * 5 + "e\u0301")
@example("İ ΑΣ")
@example("\u1112\u1161\u11ab글")
@example("\ud800\x00")
@example("看 https://shop.example/a 1380013 8000啊啊啊啊啊")
def test_every_character_that_was_read_comes_from_a_place_in_the_text(text: str) -> None:
    read = aligned(text)
    assert read.text == normalise(text)
    assert len(read.spans) == len(read.text)
    assert all(0 <= start < end <= len(text) for start, end in read.spans)
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(read.spans))


@pytest.mark.parametrize(
    ("typed", "read", "part"),
    [
        ("我要開發票", "发票", "發票"),
        ("ＲＥＦＵＮＤ please", "refund", "ＲＥＦＵＮＤ"),
        ("好慢啊啊啊啊啊！", "啊啊", "啊啊啊啊啊"),
        ("付了￥99.5了", "\ue003", "￥99.5"),
        ("单号 202611080023 呢", "\ue000", "202611080023"),
        ("太差👎🏽了", "👎", "👎🏽"),
        ("申请   退款", "申请 退款", "申请   退款"),
        ("cafe\u0301 closed", "café", "cafe\u0301"),
        ("ｶﾞｽ漏れ", "ガス", "ｶﾞｽ"),
    ],
)
def test_what_was_read_is_found_as_it_was_typed(typed: str, read: str, part: str) -> None:
    found = aligned(typed)
    ((start, end),) = occurrences(read, found.text)
    assert typed[found.spans[start][0] : found.spans[end - 1][1]] == part


@settings(deadline=None)  # the first call loads the dictionaries
@given(TEXTS)
def test_every_term_of_a_text_is_found_in_it(text: str) -> None:
    for term in terms(text):
        if bare := term[2:].strip("^$ "):
            assert occurrences(bare, normalise(text)), term


@pytest.mark.parametrize(
    ("typed", "evidence", "words"),
    [
        ("請問發票抬頭怎麼改", [("票", 2.4), ("抬头", 1.1), ("怎么改", 0.3)], ["發票", "抬頭"]),
        ("我要申请退款，谢谢", [("申请 退款", 2.0), ("款", 0.5)], ["退款", "申请"]),
        ("my parcel is late", [("rce", 0.4), ("parc", 0.4), ("y pa", 0.2), ("e", 0.1)], ["parcel"]),
        ("this is a note, not a letter", [("not", 1.0)], ["not"]),
        ("垃圾，再也不买了", [(",再也不", 0.5), ("垃圾", 0.4), ("!", 0.4)], ["垃圾", "再也", "不买"]),
        ("付了199元", [("\ue003", 1.0)], ["199元"]),
        ("太差了👎", [("👎", 1.0), ("了", 0.9)], ["👎"]),
        ("了", [("了", 1.0)], ["了"]),
        ("！！！！", [("!!", 1.0)], []),
        ("发票", [("物流", 1.0), ("", 1.0)], []),
        ("发票发票", [], []),
    ],
)
def test_terms_are_told_as_words(typed: str, evidence: list[tuple[str, float]], words: list[str]) -> None:
    assert [word.typed for word in deciding(typed, evidence)] == words


def test_a_word_is_marked_wherever_it_stands() -> None:
    (word,) = deciding("發票！我的发票呢，ok", [("票", 1.0)])
    assert word.spans == ((0, 2), (5, 7))


@settings(deadline=None)  # the first call loads the dictionaries
@given(TEXTS, st.data())
def test_the_words_of_any_evidence_stand_in_the_text(text: str, data: st.DataObject) -> None:
    known = [bare for term in terms(text) if (bare := term[2:].strip("^$ "))] or ["退款"]
    evidence = data.draw(st.lists(st.tuples(st.one_of(st.sampled_from(known), ANY_TEXT), st.floats(0.001, 5)), max_size=5))
    words = deciding(text, evidence)
    for word in words:
        assert word.typed == text[slice(*word.spans[0])]
        assert all(0 <= start < end <= len(text) for start, end in word.spans)
    weights = [word.weight for word in words]
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(
    ("text", "quotes", "parts"),
    [
        ("再不退我就打12315，打12315！", ["12315"], ["12315", "12315"]),
        ("你们 空气炸锅 骗子", ["你们 骗子"], ["你们", "骗子"]),
        ("转人工", ["转人工", "人工"], ["转人工"]),
        ("a.c abc", ["a.c"], ["a.c"]),
        ("你好", ["-0.25 → -0.50", ""], []),
    ],
)
def test_quotes_are_found(text: str, quotes: list[str], parts: list[str]) -> None:
    assert [text[start:end] for start, end in quoted(text, quotes)] == parts


@settings(deadline=None)  # the first call loads the dictionaries
@given(SPANS)
def test_marks_that_touch_are_one(spans: list[tuple[int, int]]) -> None:
    found = merged(spans)
    assert all(one[1] < other[0] for one, other in pairwise(found))
    covered = {place for start, end in spans for place in range(start, end)}
    assert {place for start, end in found for place in range(start, end)} == covered


@settings(deadline=None)  # the first call loads the dictionaries
@given(ANY_TEXT, SPANS)
def test_marked_text_is_the_text(text: str, spans: list[tuple[int, int]]) -> None:
    parts = segments(text, spans)
    assert "".join(part for part, _ in parts) == text
    assert all(part for part, _ in parts)
    assert all(one[1] != other[1] for one, other in pairwise(parts))


@pytest.mark.parametrize("read", [aligned, lambda text: deciding(text, [(text[:4], 1.0)])])
def test_the_longest_message_is_read(read: Callable[[str], object]) -> None:
    for piece in ("啊", "退款", "e\u0301", "\u1112\u1161", "1 ", "😀"):
        read((piece * 4000)[:4000])
