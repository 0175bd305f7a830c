"""From a message as typed to the terms that the linear models count; the same for training and serving."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

import rjieba

PLACEHOLDERS = {"order": "\ue000", "phone": "\ue001", "link": "\ue002", "money": "\ue003", "number": "\ue004"}
"""Single private-use characters that stand for what has a shape but no wording; they count as a word and within n-grams."""

_SPOKEN = str.maketrans(
    {
        PLACEHOLDERS["order"]: "［订单号］",
        PLACEHOLDERS["phone"]: "［电话］",
        PLACEHOLDERS["link"]: "［链接］",
        PLACEHOLDERS["money"]: "［金额］",
        PLACEHOLDERS["number"]: "［数字］",
    }
)
_SHAPES = (
    (re.compile(r"https?://\S+|www\.\S+"), PLACEHOLDERS["link"]),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), PLACEHOLDERS["order"]),
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"), PLACEHOLDERS["phone"]),
    (re.compile(r"[¥￥$]\s?\d+(?:\.\d+)?|\d+(?:\.\d+)?\s?(?:元|块钱|块|rmb|yuan)"), PLACEHOLDERS["money"]),
    (re.compile(r"\d+(?:\.\d+)?"), PLACEHOLDERS["number"]),
)
_REPEATED = re.compile(r"(.)\1{2,}")
_SPACE = re.compile(r"\s+")
_LONGEST_GRAM = 4


def normalise(text: str) -> str:
    """Unicode NFKC, lower case, one space between words, runs of a character cut to two, shapes as placeholders.

    >>> normalise("订单２０２６１１０８００２３ 怎么还没到！！！！")
    '订单\\ue000 怎么还没到!!'
    """
    text = unicodedata.normalize("NFKC", text.encode(errors="replace").decode()).lower()  # a lone surrogate cannot be cut into words
    for shape, placeholder in _SHAPES:
        text = shape.sub(placeholder, text)
    return _SPACE.sub(" ", _REPEATED.sub(r"\1\1", text)).strip()


def spoken(term: str) -> str:
    """A term as people read it, with words in place of placeholders.

    >>> spoken("查\\ue000")
    '查［订单号］'
    """
    return term.translate(_SPOKEN)


def words(text: str) -> list[str]:
    """The words of a normalised text as jieba cuts them, punctuation and emoji included, spaces not."""
    return [word for word in rjieba.cut(text) if not word.isspace()]


def terms(text: str) -> tuple[str, ...]:
    """What a model counts in a message as typed.

    Words (`w:退款`), pairs of neighbouring words (`p:申请 退款`) and character n-grams of one to four (`c:退款`), the latter with
    `^` and `$` at the ends of the text.
    """
    return _terms(text)


@lru_cache(maxsize=512)  # intent, queue and sentiment read the same message
def _terms(text: str) -> tuple[str, ...]:
    text = normalise(text)
    cut = words(text)
    bounded = f"^{text}$"
    grams = (f"c:{bounded[start : start + size]}" for size in range(1, _LONGEST_GRAM + 1) for start in range(len(bounded) - size + 1))
    return (*(f"w:{word}" for word in cut), *(f"p:{one} {two}" for one, two in pairwise(cut)), *grams)
