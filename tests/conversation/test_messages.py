"""What a message may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.messages import LONGEST, clean, too_long

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  你好 \n", "你好"),
        ("一\x00二", "一二"),
        ("\ud800半个字符\udfff", "半个字符"),
        ("第一行\n第二行\t结束", "第一行\n第二行\t结束"),
        ("响铃\x07退格\x08删除\x7f", "响铃退格删除"),
        ("👩\u200d👩\u200d👧 很好用", "👩\u200d👩\u200d👧 很好用"),
        ("\x00\x01\ud83d", ""),
        (" \x00 空白里 \x00 ", "空白里"),
    ],
)
def test_what_cannot_be_stored_or_shown_goes(typed: str, kept: str) -> None:
    assert clean(typed) == kept


@given(ANY_TEXT)
def test_whatever_is_typed_can_be_stored(text: str) -> None:
    kept = clean(text)
    kept.encode("utf-8")
    assert "\x00" not in kept
    assert kept == kept.strip()
    assert clean(kept) == kept


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z")), max_size=200))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_the_longest_message_is_four_thousand_characters() -> None:
    assert LONGEST == 4000
    assert not too_long("字" * 4000)
    assert too_long("字" * 4001)
    assert not too_long("😀" * 4000), "characters are counted, not bytes"
