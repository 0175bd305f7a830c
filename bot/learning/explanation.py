"""Why a message was understood as it was, in sentences for agents and for the customer who asks: nothing but the record is needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.conversation.outcome import Interaction
from bot.conversation.taxonomy import QUEUES, QUEUES_IN_ENGLISH
from bot.learning.marking import Span, Word, deciding, merged, quoted

FEELINGS = {"negative": ("不满", "unhappy"), "neutral": ("平静", "calm"), "positive": ("满意", "pleased")}
LONGEST_QUOTE = 24

_SECOND = 0.01
"""From this probability on, the next best queue is worth naming."""
_FIGURES = frozenset({"trend", "failure"})
"""Reasons whose evidence is not in the message but in the conversation."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The same in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this queue, why this feeling, why a person was called or not; and where in the message the words stand that say so."""

    queue: Sentence
    feeling: Sentence
    escalation: Sentence
    marks: tuple[Span, ...]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All of it, in order."""
        return self.queue, self.feeling, self.escalation


def explain(text: str, seen: Interaction | Mapping[str, Any]) -> Explanation:
    """What decided about a message; `seen` is what was understood of it, or its row in the table `interactions`.

    >>> from bot.conversation.outcome import Evidence
    >>> scores = {"billing": 0.93, "account": 0.04, "general": 0.03}
    >>> words = (Evidence("发票", 2.1), Evidence("抬头", 1.2))
    >>> seen = Interaction("request_invoice", 0.9, False, "billing", 0.93, scores, words, "neutral", 0.0, (), False, (), {}, 5.0)
    >>> explain("发票抬头怎么改", seen).queue.zh
    '归到「支付发票」，主要因为提到“发票”“抬头”（把握 93%）；其次可能是「账号会员」（4%）。'
    """
    record = asdict(seen) if isinstance(seen, Interaction) else seen
    about = _words(text, record["queue_evidence"])
    # Calm is the lack of words that say otherwise.
    felt = _words(text, record["sentiment_evidence"]) if record["sentiment"] != "neutral" else ()
    cited = [quote for reason in record["reasons"] if reason["code"] not in _FIGURES for quote in reason["evidence"]]
    marks = merged([*(span for word in (*about, *felt) for span in word.spans), *quoted(text, cited)])
    return Explanation(_queue(record, about), _feeling(record, felt), _escalation(record["reasons"]), tuple(marks))


def _words(text: str, evidence: Iterable[Mapping[str, Any]]) -> tuple[Word, ...]:
    return deciding(text, [(one["term"], one["weight"]) for one in evidence])


def _queue(record: Mapping[str, Any], words: Sequence[Word]) -> Sentence:
    queue, sure = record["queue"], _percent(record["queue_confidence"])
    others = sorted(((score, name) for name, score in record["queue_scores"].items() if name != queue), reverse=True)
    zh = f"归到「{QUEUES.get(queue, queue)}」"
    en = f"Sent to {QUEUES_IN_ENGLISH.get(queue, queue)}"
    if words:
        zh += f"，主要因为提到{_quotes_zh(words)}（把握 {sure}）"
        en += f", mainly because of {_quotes_en(words)} ({sure} sure)"
    else:
        zh += f"（把握 {sure}），没有哪个词单独起了作用"
        en += f" ({sure} sure); no single word decided"
    if others and others[0][0] >= _SECOND:
        score, name = others[0]
        zh += f"；其次可能是「{QUEUES.get(name, name)}」（{_percent(score)}）"
        en += f"; next likely: {QUEUES_IN_ENGLISH.get(name, name)} ({_percent(score)})"
    return Sentence(f"{zh}。", f"{en}.")


def _feeling(record: Mapping[str, Any], words: Sequence[Word]) -> Sentence:
    feeling, score = record["sentiment"], f"{round(record['sentiment_score'], 2) + 0.0:+.2f}".replace("-", "−")
    zh, en = FEELINGS[feeling]
    if feeling == "neutral":
        return Sentence(f"听起来{zh}（{score}），没有哪个词明显带着情绪。", f"Sounds {en} ({score}); no word clearly tells a feeling.")
    because = (f"，主要因为{_quotes_zh(words)}", f", mainly because of {_quotes_en(words)}") if words else ("", "")
    return Sentence(
        f"听起来{zh}（{score}，最低 −1，最高 +1）{because[0]}。",
        f"Sounds {en} ({score} on a scale from −1 to +1){because[1]}.",
    )


def _escalation(reasons: Sequence[Mapping[str, Any]]) -> Sentence:
    if not reasons:
        return Sentence(
            "没有转人工：没有要求人工，也没有看出投诉、危险、诈骗、愤怒或一再无果。",
            "No person was called: none was asked for, and nothing points to a complaint, danger, fraud, anger or earlier failures.",
        )
    zh = "；".join(f"{reason['zh']}{_evidence(reason, zh=True)}" for reason in reasons)
    en = "; ".join(f"{reason['en']}{_evidence(reason, zh=False)}" for reason in reasons)
    return Sentence(f"转人工，因为{zh}。", f"A person was called: {en}.")


def _evidence(reason: Mapping[str, Any], *, zh: bool) -> str:
    evidence = [str(one) for one in reason["evidence"]]
    if not evidence:
        return ""
    if reason["code"] == "failure":
        return f"（{evidence[0]} 次）" if zh else f" ({evidence[0]} times)"
    if reason["code"] == "trend":
        figures = evidence[0].replace("-", "−")
        return f"（{figures}）" if zh else f" ({figures})"
    quotes = "".join(f"“{_short(quote)}”" for quote in evidence) if zh else ", ".join(f"“{_short(quote)}”" for quote in evidence)
    return f"（{quotes}）" if zh else f" ({quotes})"


def _quotes_zh(words: Sequence[Word]) -> str:
    return "".join(f"“{_short(word.typed)}”" for word in words)


def _quotes_en(words: Sequence[Word]) -> str:
    *first, last = (f"“{_short(word.typed)}”" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


def _percent(share: float) -> str:
    """In whole percents; nothing is certain."""
    return f"{min(share, 0.99):.0%}"


def _short(quote: str) -> str:
    return quote if len(quote) <= LONGEST_QUOTE else f"{quote[: LONGEST_QUOTE - 1]}…"
