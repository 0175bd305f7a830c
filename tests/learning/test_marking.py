"""The words that decided, found again in what was typed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.learning.marking import marked
from bot.learning.text import normalise


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("太慢了，退钱！", ["退钱", "慢"], ["慢", "退钱"]),
        ("我要退錢", ["退钱"], ["退錢"]),
        ("ＧＩＶＥ me a Refund", ["refund", "give"], ["ＧＩＶＥ", "Refund"]),
        ("谢谢谢谢谢谢", ["谢谢"], ["谢谢谢谢谢谢"]),
        ("订单202611080023呢", ["\ue000"], ["202611080023"]),
        ("赔我 ¥300.50 吧", ["\ue003"], ["¥300.50"]),
        ("看 https://a.example/x 吧", ["\ue002"], ["https://a.example/x"]),
        ("start the art", ["art"], ["art"]),
        ("气死\u200b我了", ["气死"], ["气死"]),
        ("好好好，不好", ["不好"], ["不好"]),
        ("好", ["坏", "", " "], []),
        ("a.b axb", ["a.b"], ["a.b"]),
    ],
)
def test_words_are_marked_as_they_were_typed(text: str, words: list[str], found: list[str]) -> None:
    pieces = marked(text, words)
    assert [piece.text.replace("\u200b", "") for piece in pieces if piece.marked] == found
    assert "".join(piece.text for piece in pieces) == text


@given(st.text(max_size=40), st.lists(st.text(max_size=5), max_size=4))
def test_nothing_is_lost_or_added(text: str, words: list[str]) -> None:
    pieces = marked(text, [normalise(word) for word in words])
    assert "".join(piece.text for piece in pieces) == text
    assert all(one.marked != other.marked for one, other in pairwise(pieces))
