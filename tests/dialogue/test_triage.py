"""What the models say of a message becomes what is understood of it."""

from typing import Any, cast

from bot.conversation.escalation import Policy
from bot.conversation.mood import Mood
from bot.dialogue.triage import Triage, Understanding
from bot.learning.cards import TrainedModel
from bot.learning.classifier import Prediction, TextClassifier, Weight


class Sure:
    """A model that always says the same."""

    version = "0"
    classifier = TextClassifier(dictionary=("准话",))

    def __init__(self, scores: dict[str, float], *weights: Weight) -> None:
        self._prediction = Prediction(max(scores, key=lambda label: scores[label]), max(scores.values()), scores)
        self._weights = list(weights)

    def classify(self, texts: list[str]) -> list[Prediction]:
        return [self._prediction for _ in texts]

    def classify_and_explain(self, text: str, label: str | None = None) -> tuple[Prediction, list[Weight]]:
        return self._prediction, self._weights


def triage(need: float, *weights: Weight) -> Triage:
    models: list[Any] = [
        Sure({"technical": 0.9, "general": 0.1}, Weight("手机", 1.0)),
        Sure({"negative": 0.1, "neutral": 0.8, "positive": 0.1}),
        Sure({"true": need, "false": 1 - need}, *weights),
    ]
    tickets, sentiment, escalation = cast(list[TrainedModel], models)
    return Triage(tickets, sentiment, escalation, Policy(), "a1")


def test_what_the_escalation_model_read_is_quoted_as_it_was_typed() -> None:
    text = "手機修了還是壞，給個準話吧"
    asked = triage(0.9, Weight("准话", 2.0), Weight("还是", 1.0))
    seen = asked.assess(text, Understanding("product_fault", 0.9, False), mood=Mood())
    assert [(reason.code, reason.evidence) for reason in seen.reasons] == [("wording", ("準話", "還是"))]
    assert [one.term for one in seen.queue_evidence] == ["手机"], "evidence stays as the models read it"


def test_who_needs_nobody_is_not_sent_on() -> None:
    seen = triage(0.1).assess("手机修好了", Understanding("product_fault", 0.9, False), mood=Mood())
    assert (seen.escalate, seen.reasons) == (False, ())


def test_the_mood_before_counts() -> None:
    models: list[Any] = [
        Sure({"general": 1.0}),
        Sure({"negative": 0.6, "neutral": 0.4, "positive": 0.0}),
        Sure({"true": 0.0, "false": 1.0}),
    ]
    mood = Mood().after(-0.3).after(-0.5)
    seen = Triage(*cast(list[TrainedModel], models), Policy(), "a1").assess("唉", Understanding("inform", 0.9, False), mood=mood)
    assert [reason.code for reason in seen.reasons] == ["trend"]
