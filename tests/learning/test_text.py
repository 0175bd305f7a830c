"""From a message as typed to the terms that the models count."""

import csv
import logging
from pathlib import Path

import jieba
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.learning.text import PLACEHOLDERS, normalise, spoken, terms, words

ROOT = Path(__file__).parents[2]
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=200)
ORDER, PHONE, LINK, MONEY, NUMBER = (PLACEHOLDERS[name] for name in ("order", "phone", "link", "money", "number"))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("ＡＢＣ　耳机", "abc 耳机"),
        ("太慢了！！！！！！", "太慢了!!"),
        ("哈哈哈哈哈", "哈哈"),
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
        assert term[:2] in {"w:", "p:", "c:"}


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


def test_terms_are_told_in_characters_that_can_be_shown() -> None:
    term = normalise("订单202611080023退 9.9 元，电话13800005678，见https://shop.example/1 共3件")
    assert set(PLACEHOLDERS.values()) <= set(term)
    assert not set(PLACEHOLDERS.values()) & set(spoken(term))
    assert spoken(f"查{ORDER}") == "查［订单号］"
