"""From a message as typed to the terms that the models count."""

import csv
import logging
from pathlib import Path

import jieba
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.learning.text import PLACEHOLDERS, Cutter, cutter, normalise, places, read_dictionary, terms, words

ROOT = Path(__file__).parents[2]
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=200)
ORDER, PHONE, LINK, MONEY, NUMBER = (PLACEHOLDERS[name] for name in ("order", "phone", "link", "money", "number"))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("ＡＢＣ　耳机", "abc 耳机"),
        ("太慢了！！！！！！", "太慢了!!"),
        ("哈哈哈哈哈", "哈哈"),
        ("訂單還沒到，請問幾時發貨", "订单还没到,请问几时发货"),
        ("👍🏽👍🏽 ❤️", "👍👍 ❤"),
        ("  两个\n\t 空格  ", "两个 空格"),
        ("订单202611080023呢", f"订单{ORDER}呢"),
        ("订单２０２６１１０８００２３呢", f"订单{ORDER}呢"),
        ("我电话13800138000", f"我电话{PHONE}"),
        ("看 https://shop.example/a?b=1 这个", f"看 {LINK} 这个"),
        ("付了￥99.5，退199元", f"付了{MONEY},退{MONEY}"),
        ("买了3个", f"买了{NUMBER}个"),
        ("2026110800231", NUMBER),
        ("", ""),
        ("   ", ""),
    ],
)
def test_what_means_the_same_reads_the_same(typed: str, read: str) -> None:
    assert normalise(typed) == read


@given(ANY_TEXT)
@example("\ud800")
@example("\x00")
@example("１" * 50)
@example("ﷺ" * 20)
def test_any_text_can_be_read(text: str) -> None:
    read = normalise(text)
    assert "  " not in read
    assert read == read.strip()
    assert not any("0" <= character <= "9" for character in read)
    for term in terms(text):
        assert term[:2] in {"w:", "n:", "p:", "c:"}


@given(ANY_TEXT)
@example("不是 退款")
@example("")
def test_every_term_stands_where_it_is_said_to(text: str) -> None:
    cut, read = cutter(), normalise(text)
    where = places(text, cut)
    found = terms(text, cut)
    assert len(found) == len(where.starts) == len(where.ends)
    assert "".join(where.pieces) == read
    for term, start, end in zip(found, where.starts.tolist(), where.ends.tolist(), strict=True):
        said = term[2:].removeprefix("^").removesuffix("$") if term.startswith("c:") else term[2:]
        there = read[start:end]
        assert said == there or (term.startswith("p:") and said.replace(" ", "") == there.replace(" ", "")) or {"^", "$"} & set(term)


@given(st.text(alphabet="退款快递abc ！!。，?啊哈", max_size=60))
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_words_are_cut_as_jieba_cuts_them() -> None:
    jieba.setLogLevel(logging.WARNING)
    with (ROOT / "tests" / "data" / "strangers.csv").open(encoding="utf-8", newline="") as file:
        texts = [normalise(row["text"]) for row in csv.DictReader(file)]
    theirs = [[word for word in jieba.lcut(text) if not word.isspace()] for text in texts]
    agree = sum(words(text) == cut for text, cut in zip(texts, theirs, strict=True))
    assert len(texts) > 600
    assert agree / len(texts) >= 0.97


def test_words_hold_all_that_was_said() -> None:
    assert words("我要退款 谢谢😀") == ["我要", "退款", "谢谢", "😀"]
    assert words("") == []


def test_terms_are_words_pairs_and_character_grams() -> None:
    found = terms("申请退款")
    assert {"w:申请", "w:退款", "p:申请 退款"} <= set(found)
    assert {"c:申", "c:请退", "c:^申请退", "c:退款$", "c:申请退款"} <= set(found)
    assert "c:^申请退款" not in found, "grams have at most four characters"
    assert sum(term.startswith("c:") for term in found) == 6 + 5 + 4 + 3


def test_numbers_and_their_shapes_do_not_matter() -> None:
    assert terms("订单202611080023") == terms("订单202501010001")
    assert terms("我的号13800138000") != terms("我的号202501010001")


def test_what_is_negated_is_marked_within_its_clause() -> None:
    found = set(terms("不是退款，是换货"))
    assert {"w:不是", "n:退款", "w:换货"} <= found
    assert not {"w:退款", "n:换货"} & found


@given(st.text(alphabet="不没别要退款换货了，。! abc", max_size=40))
def test_marks_of_negation_change_no_word(text: str) -> None:
    marked = [term[2:] for term in terms(text) if term[:2] in {"w:", "n:"}]
    assert marked == words(normalise(text))


def test_a_dictionary_stays_with_its_cutter() -> None:
    assert Cutter(["价保服务"])("申请价保服务") == ["申请", "价保服务"]
    assert "价保服务" not in Cutter()("申请价保服务")
    assert "价保服务" not in words("申请价保服务")


def test_the_shops_dictionary_is_cut_as_it_stands() -> None:
    dictionary = read_dictionary(ROOT / "data" / "dictionary.txt")
    cut = Cutter(dictionary)
    assert len(set(dictionary)) == len(dictionary) > 100
    assert [word for word in dictionary if cut(word) != [word]] == []
