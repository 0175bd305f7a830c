"""The running state of how a customer feels."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.mood import FAST_HALF_LIFE, HALF_LIFE, RECENT, Mood, Word, course

SCORE = st.floats(-1, 1)
SCORES = st.lists(SCORE, min_size=1, max_size=40)


def last(*scores: float) -> Mood:
    *_, mood = course(scores)
    return mood


def average(scores: list[float], half_life: float) -> float:
    """The weighted mean by its definition: each score counts half as much as one that came a half-life later."""
    weights = [0.5 ** (age / half_life) for age in reversed(range(len(scores)))]
    return math.fsum(weight * score for weight, score in zip(weights, scores, strict=True)) / math.fsum(weights)


@given(SCORES)
def test_the_running_state_is_the_average_over_all_messages(scores: list[float]) -> None:
    mood = last(*scores)
    assert mood.messages == len(scores)
    assert mood.level == pytest.approx(average(scores, HALF_LIFE), abs=1e-9)
    assert mood.fast == pytest.approx(average(scores, FAST_HALF_LIFE), abs=1e-9)
    assert mood.recent == tuple(scores[-RECENT:])


@given(SCORES)
def test_the_level_stays_within_what_was_said(scores: list[float]) -> None:
    for mood in course(scores):
        assert min(scores) - 1e-9 <= mood.level <= max(scores) + 1e-9


@given(SCORES, SCORE, SCORE)
def test_a_better_message_never_makes_the_mood_worse(scores: list[float], one: float, other: float) -> None:
    worse, better = last(*scores, min(one, other)), last(*scores, max(one, other))
    assert worse.level <= better.level
    assert worse.fast <= better.fast
    assert worse.trend <= better.trend + 1e-12


@given(SCORES)
def test_what_is_old_is_forgotten(scores: list[float]) -> None:
    assert abs(last(*scores, *[0.0] * 30).level) < 0.001


@given(SCORE, st.integers(1, 40))
def test_who_stays_the_same_has_no_trend(score: float, messages: int) -> None:
    mood = last(*[score] * messages)
    assert mood.level == pytest.approx(score, abs=1e-9)
    assert mood.trend == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("scores", "word"),
    [
        ((), "calm"),
        ((0.0, 0.1, -0.1), "calm"),
        ((0.9, 0.3, 0.0), "calm"),
        ((0.0, 0.9), "calm"),
        ((-0.8,), "unhappy"),
        ((-0.7, -0.7, -0.7), "unhappy"),
        ((0.0, -0.7), "worse"),
        ((-0.3, -0.5, -0.8), "worse"),
        ((*[0.0] * 20, -0.9), "worse"),
        ((-0.9, -0.9, 0.0), "better"),
        ((-0.8, -0.8, 0.8), "better"),
    ],
)
def test_the_mood_has_a_word(scores: tuple[float, ...], word: Word) -> None:
    assert (last(*scores) if scores else Mood()).word == word


@given(st.lists(st.floats(-0.2, 1), max_size=20))
def test_who_never_grumbles_is_calm_or_gets_better(scores: list[float]) -> None:
    assert {mood.word for mood in course(scores)} <= {"calm", "better"}


@given(SCORES)
def test_what_is_stored_is_what_comes_back(scores: list[float]) -> None:
    mood = last(*scores)
    stored = json.loads(json.dumps(mood.as_record()))
    read = Mood.from_record(stored)
    assert read.as_record() == stored
    assert (read.level, read.fast) == pytest.approx((mood.level, mood.fast), abs=1e-6)
    assert Mood.from_record(None) == Mood()


@given(SCORES, SCORE)
def test_calling_a_person_settles_the_scores_and_keeps_the_feeling(scores: list[float], score: float) -> None:
    mood = last(*scores).settled()
    assert mood.recent == ()
    assert mood.word == last(*scores).word
    assert mood.after(score).recent == (score,)
    assert mood.after(score).level == last(*scores, score).level
