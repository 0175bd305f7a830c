"""What a customer message is about, how the customer feels, and whether a person is needed: the models and the policy in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from bot.conversation.escalation import Policy, Situation, decide
from bot.conversation.mood import Mood
from bot.conversation.outcome import Evidence, Interaction, Sentiment
from bot.learning.cards import TrainedModel
from bot.learning.classifier import Prediction, Weight
from bot.learning.marking import deciding

FALLBACK = "nlu_fallback"
ASKS_FOR_A_PERSON = "request_human"


@dataclass(frozen=True, slots=True)
class Understanding:
    """What language understanding made of a text. `intent` is the most probable real intent even when `fallback` is set; `ranking` are
    the most probable ones in order."""

    intent: str
    confidence: float
    fallback: bool
    ranking: tuple[str, ...] = ()

    @classmethod
    def of(cls, parsed: dict[str, Any]) -> "Understanding":
        """From Rasa's parse data."""
        ranking = [item for item in parsed.get("intent_ranking") or [] if item["name"] != FALLBACK]
        intent = parsed.get("intent") or {}
        fallback = intent.get("name") in {FALLBACK, None}
        best: dict[str, Any] = (ranking[0] if ranking else {"name": "out_of_scope", "confidence": 0.0}) if fallback else intent
        return cls(best["name"], float(best["confidence"]), fallback, tuple(item["name"] for item in ranking))


@dataclass(frozen=True, slots=True)
class Triage:
    """The ticket classifier, the sentiment and escalation models, and the escalation policy."""

    tickets: TrainedModel
    sentiment: TrainedModel
    escalation: TrainedModel
    policy: Policy
    assistant_version: str

    def assess(self, text: str, understood: Understanding, *, mood: Mood, failures: int = 0, milliseconds: float = 0.0) -> Interaction:
        """One message, with the words that decided."""
        queue, queue_weights = self.tickets.classify_and_explain(text)
        feeling, feeling_weights = self.sentiment.classify_and_explain(text)
        (need,) = self.escalation.classify([text])
        urgent = need.scores["true"] >= self.policy.need  # few messages are; the others need no explanation
        need_weights = self.escalation.classify_and_explain(text, "true")[1] if urgent else []
        weights = queue_weights, feeling_weights, need_weights
        return self._interaction(text, understood, queue, feeling, need, weights, mood, failures, milliseconds)

    def assess_all(self, texts: Sequence[str], understood: Sequence[Understanding]) -> list[Interaction]:
        """Many unconnected messages in one batch, without the words that decided."""
        queues, feelings, needs = (model.classify(texts) for model in (self.tickets, self.sentiment, self.escalation))
        messages = zip(texts, understood, queues, feelings, needs, strict=True)
        return [self._interaction(*message, ((), (), ()), Mood(), 0, 0.0) for message in messages]

    def _interaction(
        self,
        text: str,
        understood: Understanding,
        queue: Prediction,
        feeling: Prediction,
        need: Prediction,
        weights: tuple[Sequence[Weight], Sequence[Weight], Sequence[Weight]],
        mood: Mood,
        failures: int,
        milliseconds: float,
    ) -> Interaction:
        score = feeling.scores["positive"] - feeling.scores["negative"]
        sentiment = cast(Sentiment, feeling.label)
        situation = Situation(
            text, understood.intent, 0.0 if understood.fallback else understood.confidence, sentiment, score, mood, failures,
            need.scores["true"], self._as_typed(text, weights[2]) if weights[2] else (),
        )  # fmt: skip
        decision = decide(situation, self.policy)
        return Interaction(
            intent=understood.intent,
            intent_confidence=understood.confidence,
            fallback=understood.fallback,
            queue=queue.label,
            queue_confidence=queue.confidence,
            queue_scores=queue.scores,
            queue_evidence=_evidence(weights[0]),
            sentiment=sentiment,
            sentiment_score=score,
            sentiment_evidence=_evidence(weights[1]),
            escalate=decision.escalate,
            reasons=decision.reasons,
            model_versions={
                "assistant": self.assistant_version,
                "tickets": self.tickets.version,
                "sentiment": self.sentiment.version,
                "escalation": self.escalation.version,
            },
            milliseconds=milliseconds,
        )

    def _as_typed(self, text: str, weights: Sequence[Weight]) -> tuple[str, ...]:
        """Quotes of the message in place of the terms of the escalation model."""
        return tuple(word.typed for word in deciding(text, weights, tuple(self.escalation.classifier.dictionary)))


def _evidence(weights: Sequence[Weight]) -> tuple[Evidence, ...]:
    return tuple(Evidence(*weight) for weight in weights)
