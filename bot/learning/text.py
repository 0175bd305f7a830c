"""From a message as typed to the terms that the linear models count; the same for training and serving."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import NamedTuple

import numpy as np
import opencc
import rjieba
from numpy.typing import NDArray

from bot.errors import DataError

PLACEHOLDERS = {"order": "\ue000", "phone": "\ue001", "link": "\ue002", "money": "\ue003", "number": "\ue004"}
"""Single private-use characters that stand for what has a shape but no wording; they count as a word and within n-grams."""

SHAPES = (
    (re.compile(r"https?://\S+|www\.\S+"), PLACEHOLDERS["link"]),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), PLACEHOLDERS["order"]),
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"), PLACEHOLDERS["phone"]),
    (re.compile(r"[¥￥$]\s?\d+(?:\.\d+)?|\d+(?:\.\d+)?\s?(?:元|块钱|块|rmb|yuan)"), PLACEHOLDERS["money"]),
    (re.compile(r"\d+(?:\.\d+)?"), PLACEHOLDERS["number"]),
)
_SHAPED = re.compile(r"\d|http|www\.")
"""What every shape has; most messages have none."""
JOINERS = re.compile("[\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff\U0001f3fb-\U0001f3ff]")
"""What only dresses up other characters: zero-width characters, an emoji's style and skin."""
REPEATED = re.compile(r"(.)\1{2,}")
SPACE = re.compile(r"\s+")
_LONGEST_GRAM = 4
TO_SIMPLIFIED = opencc.OpenCC("t2s")

_NEGATIONS = frozenset(
    ("不", "没", "没有", "别", "不是", "不要", "不用", "无", "未", "甭", "勿", "不会", "不能", "不想", "没法", "并非", "莫", "冇", "唔")
) | {"not", "no", "never"}
_NEGATED = 2
"""How many words after a negation it speaks of, within the clause."""
_CLAUSE_ENDS = frozenset(",.!?;:、。~…")


class Cutter:
    """Cuts into words as jieba does, with words of its own besides: those of a model stay with that model.

    >>> Cutter(["价保"])("我要价保")
    ['我', '要', '价保']
    """

    def __init__(self, dictionary: Sequence[str] = ()) -> None:
        self._jieba = rjieba.Jieba()
        for word in dictionary:
            self._jieba.add_word(word, self._jieba.suggest_freq(word), None)

    def __call__(self, text: str) -> list[str]:
        """The words of a normalised text, punctuation and emoji included, spaces not."""
        return [word for word in self.pieces(text) if not word.isspace()]

    def pieces(self, text: str) -> list[str]:
        """The words of a normalised text and the spaces between them: joined, they are the text."""
        pieces: list[str] = self._jieba.cut(text)
        return pieces


@cache
def cutter(dictionary: tuple[str, ...] = ()) -> Cutter:
    """The cutter with these words; models that share a dictionary share the cutter."""
    return Cutter(dictionary)


def read_dictionary(path: Path) -> tuple[str, ...]:
    """The words of a dictionary, one to a line; none where there is no such file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return tuple(word for line in path.read_text(encoding="utf-8-sig").splitlines() if (word := line.strip()))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def normalise(text: str) -> str:
    """Unicode NFKC, simplified characters, lower case, one space between words, runs of a character cut to two, shapes as placeholders.

    >>> normalise("訂單２０２６１１０８００２３ 怎麼還沒到！！！！")
    '订单\\ue000 怎么还没到!!'
    """
    text = unicodedata.normalize("NFKC", text.encode(errors="replace").decode()).lower()  # a lone surrogate cannot be cut into words
    text = JOINERS.sub("", TO_SIMPLIFIED.convert(text.replace("\0", " ")))
    if _SHAPED.search(text):
        for shape, placeholder in SHAPES:
            text = shape.sub(placeholder, text)
    return SPACE.sub(" ", REPEATED.sub(r"\1\1", text)).strip()


def words(text: str, dictionary: tuple[str, ...] = ()) -> list[str]:
    """The words of a normalised text as jieba cuts them, with the words of a dictionary."""
    return cutter(dictionary)(text)


def terms(text: str, cut: Cutter | None = None) -> tuple[str, ...]:
    """What a model counts in a message as typed.

    Words (`w:退款`), or, for the two words that follow a negation in its clause, the same marked (`n:退款` in 不是要退款); pairs of
    neighbouring words (`p:申请 退款`); and character n-grams of one to four (`c:退款`), with `^` and `$` at the ends of the text. `cut` is
    what cuts into words: jieba's own dictionary, unless told otherwise.
    """
    return _terms(text, cut or cutter())


@lru_cache(maxsize=512)  # intent, queue, sentiment and escalation read the same message
def _terms(text: str, cut: Cutter) -> tuple[str, ...]:
    text = normalise(text)
    found = cut(text)
    bounded = f"^{text}$"
    longer = [f"c:{character}" for character in bounded]
    grams = [*longer]
    for size in range(1, _LONGEST_GRAM):
        longer = list(map(add, longer, bounded[size:]))  # each with the character that follows it
        grams += longer
    return (*_marked(found), *(f"p:{one} {two}" for one, two in pairwise(found)), *grams)


class Places(NamedTuple):
    """Where the terms of a text stand: the first character of each and the one after its last, in the order of `terms`; the pieces that the
    normalised text is cut into, and where each begins."""

    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    pieces: list[str]
    piece_starts: NDArray[np.intp]


@lru_cache(maxsize=64)
def places(text: str, cut: Cutter) -> Places:
    """Where the terms of a message stand in its normalised text."""
    text = normalise(text)
    pieces = cut.pieces(text)
    begins = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.intp)
    spoken = np.array([at for at, piece in enumerate(pieces) if not piece.isspace()], dtype=np.intp)
    starts, ends = [begins[spoken], begins[spoken[:-1]]], [begins[spoken + 1], begins[spoken[1:] + 1]]
    for size in range(1, _LONGEST_GRAM + 1):
        first = np.arange(max(len(text) + 3 - size, 0)) - 1  # the text stands between ^ and $
        starts.append(first.clip(0, len(text)))
        ends.append((first + size).clip(0, len(text)))
    return Places(np.concatenate(starts), np.concatenate(ends), pieces, begins[:-1])


def _marked(found: Sequence[str]) -> list[str]:
    marked, left = [], 0
    for word in found:
        negated = left > 0 and word not in _CLAUSE_ENDS
        marked.append(f"n:{word}" if negated and word not in _NEGATIONS else f"w:{word}")
        left = _NEGATED if word in _NEGATIONS else left - 1 if negated else 0
    return marked
