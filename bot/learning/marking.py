"""Which words of a message, as typed, the evidence of a model speaks of, and where they stand."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

from bot.learning.text import JOINERS, REPEATED, SHAPES, SPACE, TO_SIMPLIFIED, cutter

Span = tuple[int, int]
"""From where (included) to where (excluded), in characters."""

MOST_WORDS = 4
LEAST_SHARE = 0.2
"""Words that weigh less than this beside the heaviest are not named."""
_EMPTY = (
    "的 了 着 过 得 地 啊 呀 吗 嘛 呢 吧 哦 是 在 有 和 跟 把 被 给 让 对 就 我 你 您 他 她 它 我们 你们 他们",
    "这 那 这个 那个 个 一 一个 上 下 里 到",
    "a an the i you he she it we they me my your our is are was be am to of in on at for and or so this that do does did have has",
)
EMPTY = frozenset(word for line in _EMPTY for word in line.split())
"""Words that count for a model, but tell a reader nothing; they are named only where no other word decided."""

_Characters = list[tuple[str, Span]]
"""The characters of a text on its way to the normalised one, each with the span of the text as typed that it stands for."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """A normalised text, and for each of its characters the span of the text as typed that it stands for."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a message: as it was typed where it stands first, all places where it stands, and how much it weighs."""

    typed: str
    spans: tuple[Span, ...]
    weight: float


@lru_cache(maxsize=512)
def aligned(text: str) -> Aligned:
    """A text as `bot.learning.text.normalise` reads it, with where each character comes from.

    >>> aligned("訂單  １２元！！！").spans[:4]
    ((0, 1), (1, 2), (2, 4), (4, 7))
    """
    # The steps of `normalise`, one by one.
    found = [(character, (place, place + 1)) for place, character in enumerate(text.encode(errors="replace").decode())]
    found = _changed(found, partial(unicodedata.normalize, "NFKC"), _clusters(found))
    found = _changed(found, str.lower)
    found = _changed(found, lambda part: TO_SIMPLIFIED.convert(part.replace("\0", " ")))
    found = _replaced(found, JOINERS, "")
    for shape, placeholder in SHAPES:
        found = _replaced(found, shape, placeholder)
    found = _replaced(_shortened(found), SPACE, " ")
    first, last = (1 if found[:1] and found[0][0] == " " else 0), (-1 if found[1:] and found[-1][0] == " " else None)
    found = found[first:last]
    return Aligned("".join(character for character, _ in found), tuple(span for _, span in found))


def deciding(text: str, evidence: Iterable[tuple[str, float]], dictionary: tuple[str, ...] = ()) -> tuple[Word, ...]:
    """The words that terms of a model speak of, with the terms' weights, heaviest first.

    A model's term may be a word, two words with a space between, or a few characters; it speaks of the words of which it holds at least
    half. Where a word is itself the term, it speaks of no other that only holds it. `dictionary` are words that jieba does not know.

    >>> [word.typed for word in deciding("發票抬頭怎麼改", [("票", 2.4), ("抬头", 1.1), ("头怎", 0.1)])]
    ['發票', '抬頭']
    """
    read = aligned(text)
    places = _words(read.text, dictionary)
    weights: dict[str, float] = defaultdict(float)
    for term, weight in evidence:
        spoken = dict.fromkeys(read.text[start:end] for start, end in _spoken_of(term, read.text, places))
        for word in spoken:
            weights[word] += weight / len(spoken)
    telling = {word: weight for word, weight in weights.items() if _says_something(word)}
    full = {word: weight for word, weight in telling.items() if word not in EMPTY}
    ranked = sorted((full or telling).items(), key=lambda item: -item[1])
    found = []
    for word, weight in ranked[:MOST_WORDS]:
        if weight < LEAST_SHARE * ranked[0][1]:
            break
        spans = tuple(_typed(read, place) for place in places if read.text[place[0] : place[1]] == word)
        found.append(Word(text[slice(*spans[0])], spans, weight))
    return tuple(found)


def quoted(text: str, quotes: Iterable[str]) -> list[Span]:
    """Where quotes of a message stand in it. A quote from which something was taken out stands there in parts."""
    found: list[Span] = []
    for quote in quotes:
        parts = [quote] if quote in text else quote.split()
        found += [match.span() for part in parts for match in re.finditer(re.escape(part), text)]
    return merged(found)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same places without overlap, in order.

    >>> merged([(4, 6), (0, 2), (1, 3), (3, 4)])
    [(0, 6)]
    """
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def segments(text: str, marks: Iterable[Span]) -> list[tuple[str, bool]]:
    """The text cut at the ends of its marks: parts, each with whether it is marked."""
    found, place = [], 0
    for start, end in merged(marks):
        found += [(text[place:start], False), (text[start:end], True)]
        place = end
    return [(part, marked) for part, marked in [*found, (text[place:], False)] if part]


def occurrences(term: str, text: str) -> list[Span]:
    """Where a term of a model stands in a normalised text; words of a pair may stand with or without a space between."""
    return [match.span() for match in re.finditer(" ?".join(map(re.escape, term.split(" "))), text) if term]


def _spoken_of(term: str, text: str, places: Iterable[Span]) -> Iterator[Span]:
    held = [
        (start, end)
        for start, end in places
        for first, last in occurrences(term, text)
        if 2 * (min(end, last) - max(start, first)) >= end - start
    ]
    exact = [(start, end) for start, end in held if text[start:end] in term.split(" ")]
    return iter(exact or held)


@lru_cache(maxsize=512)
def _words(text: str, dictionary: tuple[str, ...]) -> tuple[Span, ...]:
    """Where the words of a normalised text stand."""
    found, place = [], 0
    for piece in cutter(dictionary).pieces(text):
        if not piece.isspace():
            found.append((place, place + len(piece)))
        place += len(piece)
    return tuple(found)


def _says_something(word: str) -> bool:
    """Whether it is more than punctuation: letters, a number, an emoji, or a placeholder of ours."""
    return any(character.isalnum() or unicodedata.category(character) in {"So", "Co"} for character in word)


def _typed(read: Aligned, place: Span) -> Span:
    return read.spans[place[0]][0], read.spans[place[1] - 1][1]


def _text(found: _Characters) -> str:
    return "".join(character for character, _ in found)


def _whole(found: _Characters) -> Span:
    """The span of some characters taken together."""
    return found[0][1][0], max(span[1] for _, span in found)


def _clusters(found: _Characters) -> list[_Characters]:
    """Characters with those behind them that they may be composed with."""
    clusters: list[_Characters] = []
    for one in found:
        composes = unicodedata.combining(unicodedata.normalize("NFKC", one[0])[0]) or "\u1160" <= one[0] <= "\u11ff"
        if composes and clusters:
            clusters[-1].append(one)
        else:
            clusters.append([one])
    return clusters


def _changed(found: _Characters, change: Callable[[str], str], parts: list[_Characters] | None = None) -> _Characters:
    """The characters of the changed text. The change may look at more than one part; what it then makes of the text is what counts."""
    before = _text(found)
    after = change(before)
    if after == before:
        return found
    if parts is None and len(after) == len(before):
        return [(character, span) for character, (_, span) in zip(after, found, strict=True)]
    pieces = [(change(_text(part)), _whole(part)) for part in parts or ([one] for one in found)]
    if "".join(piece for piece, _ in pieces) == after:
        return [(character, span) for piece, span in pieces for character in piece]
    # All that lies between what stayed the same at both ends is taken as one.
    shorter = min(len(before), len(after))
    head = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    tail = next((place for place in range(shorter - head) if before[-1 - place] != after[-1 - place]), shorter - head)
    between = _whole(found[head : len(found) - tail] or found[max(0, head - 1) : head + 1])
    middle = [(character, between) for character in after[head : len(after) - tail]]
    return found[:head] + middle + found[len(found) - tail :]


def _replaced(found: _Characters, pattern: re.Pattern[str], replacement: str) -> _Characters:
    """What matches, replaced by one character or by none; what is left out belongs to what stands before it."""
    result: _Characters = []
    place = 0
    for match in pattern.finditer(_text(found)):
        result += found[place : match.start()]
        place = match.end()
        matched = _whole(found[match.start() : place])
        if replacement:
            result.append((replacement, matched))
        elif result:
            result[-1] = result[-1][0], (result[-1][1][0], matched[1])
    return result + found[place:]


def _shortened(found: _Characters) -> _Characters:
    """Runs of a character, cut to two."""
    result: _Characters = []
    place = 0
    for match in REPEATED.finditer(_text(found)):
        first, *others = found[match.start() : match.end()]
        result += [*found[place : match.start()], first, (first[0], _whole(others))]
        place = match.end()
    return result + found[place:]
