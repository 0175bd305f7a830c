"""How a customer feels over a conversation: a running state that each message's score moves, and a word for it.

The level is the constant that fits all scores so far best when what is older counts less (discounted least squares: Brown, Smoothing,
Forecasting and Prediction of Discrete Time Series, 1963). With the scores s_1 … s_n and a weight that halves every h messages,
level_n = Σ w^(n−i)·s_i / Σ w^(n−i), w = 2^(−1/h). A short half-life follows the customer closely, a long one remembers; the difference of
the two says where it is going (a fast average less a slow one: Appel, The Moving Average Convergence-Divergence Method, 1979).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, Self

HALF_LIFE, FAST_HALF_LIFE = 3.0, 1.0
"""Messages after which a score counts half, in the level and in the average that follows closely."""
GRUMBLE = -0.2
"""Below this a score, or a level, is that of an unhappy customer."""
TURNED = 0.05
"""A trend of at least this size is a change; less is within what a score may be off."""
RECENT = 5
"""Single scores that are kept."""

Word = Literal["calm", "worse", "unhappy", "better"]


@dataclass(frozen=True, slots=True)
class Mood:
    """What is kept of the scores (−1…1) of a customer's messages.

    `level` and `fast` are the slow and the fast average, `messages` how many there were, and `recent` the last scores since a person was
    called last, oldest first.
    """

    messages: int = 0
    level: float = 0.0
    fast: float = 0.0
    recent: tuple[float, ...] = ()

    def after(self, score: float) -> Self:
        """The mood after one more message.

        >>> Mood().after(-0.4).after(-0.8).level < -0.6
        True
        """
        messages = self.messages + 1
        level, fast = (
            before + (score - before) * _gain(messages, half_life)
            for before, half_life in ((self.level, HALF_LIFE), (self.fast, FAST_HALF_LIFE))
        )
        return type(self)(messages, level, fast, (*self.recent, score)[-RECENT:])

    def settled(self) -> Self:
        """The mood once a person was called: how the customer feels stays, what led to it is dealt with."""
        return type(self)(self.messages, self.level, self.fast)

    @property
    def trend(self) -> float:
        """Where it is going: below 0 worse, above 0 better."""
        return self.fast - self.level

    @property
    def word(self) -> Word:
        """The mood in one word. Only who is unhappy gets worse, and only who was unhappy gets better.

        >>> Mood().after(0.1).after(-0.7).word, Mood().after(-0.8).after(0.6).word, Mood().word
        ('worse', 'better', 'calm')
        """
        if self.trend <= -TURNED and self.fast < GRUMBLE:
            return "worse"
        if self.trend >= TURNED and self.level < 0:
            return "better"
        return "unhappy" if self.level < GRUMBLE else "calm"

    def as_record(self) -> dict[str, Any]:
        """What is stored of it."""
        return {
            "messages": self.messages,
            "level": round(self.level, 6),
            "fast": round(self.fast, 6),
            "recent": [round(score, 4) for score in self.recent],
        }

    @classmethod
    def from_record(cls, stored: Mapping[str, Any] | None) -> Self:
        """From what was stored; nothing is stored of a customer who has not written yet."""
        return cls(**{**stored, "recent": tuple(stored["recent"])}) if stored else cls()


def course(scores: Iterable[float]) -> Iterator[Mood]:
    """The mood after each of some scores, oldest first.

    >>> [round(mood.level, 2) for mood in course([0.5, -0.5])]
    [0.5, -0.06]
    """
    moods = accumulate(scores, Mood.after, initial=Mood())
    next(moods)
    return moods


def _gain(messages: int, half_life: float) -> float:
    """The share of the newest of so many scores in the weights of all."""
    weight: float = 2 ** (-1 / half_life)
    return (1 - weight) / (1 - weight**messages)
