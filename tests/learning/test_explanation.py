"""Why a message was understood as it was, in sentences."""

from dataclasses import asdict
from typing import Any

import pytest

from bot.conversation.outcome import Evidence, Interaction, Reason
from bot.conversation.taxonomy import QUEUES, QUEUES_IN_ENGLISH
from bot.learning.explanation import explain


def seen(**options: Any) -> Interaction:
    values: dict[str, Any] = {
        "intent": "request_invoice", "intent_confidence": 0.9, "fallback": False, "queue": "billing", "queue_confidence": 0.93,
        "queue_scores": {"account": 0.04, "billing": 0.93, "general": 0.03},
        "queue_evidence": (Evidence("发票", 2.0), Evidence("抬头", 1.0)),
        "sentiment": "neutral", "sentiment_score": -0.004, "sentiment_evidence": (Evidence("怎么", 0.2),), "escalate": False, "reasons": (),
        "model_versions": {}, "milliseconds": 5.0,
    }  # fmt: skip
    return Interaction(**values | options)


def test_every_queue_has_a_name_in_both_languages() -> None:
    assert list(QUEUES_IN_ENGLISH) == list(QUEUES)


def test_the_queue_is_explained_by_words_as_they_were_typed() -> None:
    told = explain("請問發票抬頭怎麼改", seen()).queue
    assert told.zh == "归到「支付发票」，主要因为提到“發票”“抬頭”（把握 93%）；其次可能是「账号会员」（4%）。"
    assert (
        told.en
        == "Sent to Payments and invoices, mainly because of “發票” and “抬頭” (93% sure); next likely: Accounts and membership (4%)."
    )


def test_where_no_word_decided_it_says_so() -> None:
    told = explain("😀", seen(queue="general", queue_confidence=1.0, queue_scores={"general": 1.0}, queue_evidence=())).queue
    assert told.zh == "归到「其他」（把握 99%），没有哪个词单独起了作用。"
    assert "no single word decided" in told.en


def test_feelings_are_explained_by_their_words_and_calm_by_none() -> None:
    unhappy = seen(sentiment="negative", sentiment_score=-0.8249, sentiment_evidence=(Evidence("失望", 1.0), Evidence("!!", 0.5)))
    told = explain("等了一周！！，很失望", unhappy)
    assert told.feeling.zh == "听起来不满（−0.82，最低 −1，最高 +1），主要因为“失望”。"
    assert told.feeling.en == "Sounds unhappy (−0.82 on a scale from −1 to +1), mainly because of “失望”."
    calm = explain("怎么开发票", seen(queue_evidence=()))
    assert calm.feeling.zh == "听起来平静（+0.00），没有哪个词明显带着情绪。"
    assert calm.marks == ()


@pytest.mark.parametrize(
    ("reason", "zh", "en"),
    [
        (
            Reason("request", "要人工", "asks for a person", ("转人工",)),
            "转人工，因为要人工（“转人工”）。",
            "asks for a person (“转人工”).",
        ),
        (
            Reason("trend", "连续不满", "unhappy again and again", ("-0.25 → -0.50 → -0.80",)),
            "转人工，因为连续不满（−0.25 → −0.50 → −0.80）。",
            "unhappy again and again (−0.25 → −0.50 → −0.80).",
        ),
        (Reason("failure", "没有听懂", "not understood", ("3",)), "转人工，因为没有听懂（3 次）。", "not understood (3 times)."),
        (Reason("request", "要人工", "asks for a person"), "转人工，因为要人工。", "A person was called: asks for a person."),
    ],
)
def test_each_reason_is_told_with_its_evidence(reason: Reason, zh: str, en: str) -> None:
    told = explain("第 3 次了，转人工", seen(escalate=True, reasons=(reason,))).escalation
    assert told.zh == zh
    assert told.en.endswith(en)


def test_why_nobody_was_called_is_told_too() -> None:
    told = explain("发票", seen()).escalation
    assert told.zh.startswith("没有转人工：")
    assert told.en.startswith("No person was called:")


def test_marks_are_the_words_and_quotes_that_were_cited() -> None:
    text = "第 3 次了，訂單没到，很失望，转人工"
    reasons = (Reason("request", "要人工", "asks", ("转人工",)), Reason("failure", "没有听懂", "not understood", ("3",)))
    one = seen(queue_evidence=(Evidence("订单", 1.0),), sentiment="negative", sentiment_evidence=(Evidence("失望", 1.0),), reasons=reasons)
    assert [text[start:end] for start, end in explain(text, one).marks] == ["訂單", "失望", "转人工"]


def test_a_long_quote_is_cut() -> None:
    link = "https://shop.example/" + "a" * 400
    told = explain(f"看 {link}", seen(queue_evidence=(Evidence("\ue002", 1.0),)))
    assert "“https://shop.example/aa…”" in told.queue.zh
    assert told.marks == ((2, 2 + len(link)),)


def test_the_record_explains_as_well_as_what_was_just_understood() -> None:
    one = seen(escalate=True, reasons=(Reason("request", "要人工", "asks", ("转人工",)),))
    text = "发票抬头，转人工"
    assert explain(text, asdict(one)) == explain(text, one)
