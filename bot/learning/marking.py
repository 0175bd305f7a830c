"""Finds the words that decided, which stand in normalised text, in the text as it was typed."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from bot.learning.text import PLACEHOLDERS, normalise

_SHAPED = {
    PLACEHOLDERS["link"]: r"(?:https?://|www\.)\S+",
    **dict.fromkeys(
        (PLACEHOLDERS[name] for name in ("order", "phone", "money", "number")), r"(?:[¥$]\s?)?\d+(?:\.\d+)?(?:\s?(?:元|块钱|块|rmb|yuan))?"
    ),
}
_LATIN_OR_DIGIT = re.compile(r"[a-z0-9]")


class Piece(NamedTuple):
    """A part of a text, and whether it is one of the words that were looked for."""

    text: str
    marked: bool


def marked(text: str, words: Sequence[str]) -> list[Piece]:
    """The text in pieces that, joined, are the text again; those that read as one of the normalised words are marked.

    >>> [piece.text for piece in marked("太慢了！我要退錢！！", ["慢", "退钱"]) if piece.marked]
    ['慢', '退錢']
    """
    folded = [(character, place) for place, typed in enumerate(text) for character in _fold(typed)]
    line, places = "".join(character for character, _ in folded), [place for _, place in folded]
    flags = [False] * len(text)
    for word in words:
        if pattern := _pattern(word):
            for found in pattern.finditer(line):
                if found.end() > found.start():
                    first, last = places[found.start()], places[found.end() - 1]
                    flags[first : last + 1] = [True] * (last + 1 - first)
    return [
        Piece("".join(character for character, _ in run), is_marked)
        for is_marked, run in groupby(zip(text, flags, strict=True), key=lambda pair: pair[1])
    ]


def _fold(character: str) -> str:
    """A character as normalised text has it, but figures as they are."""
    folded = normalise(character)
    if not folded:
        return " " if character.isspace() else ""
    return unicodedata.normalize("NFKC", character).lower() if any(one in _SHAPED for one in folded) else folded


def _pattern(word: str) -> re.Pattern[str] | None:
    """What a normalised word looks like in folded text: a character that stands twice may have stood more often."""
    parts = [
        _SHAPED.get(character) or (r"\s+" if character.isspace() else re.escape(character)) + ("{2,}" if len(list(run)) > 1 else "")
        for character, run in groupby(word.strip())
    ]
    if not parts:
        return None
    # 'art' is not a word of 'start', but Chinese has no gaps between words.
    before = r"(?<![a-z0-9])" if _LATIN_OR_DIGIT.match(word.strip()) else ""
    after = r"(?![a-z0-9])" if _LATIN_OR_DIGIT.match(word.strip()[-1]) else ""
    return re.compile(before + "".join(parts) + after)
