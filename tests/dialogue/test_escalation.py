"""Customers who need a person get one, with everything already on the table; others stay with the assistant."""

import re
from typing import Any

import pytest

from bot.conversation.escalation import Policy
from bot.conversation.messages import LEAVE_A_MESSAGE
from bot.conversation.taxonomy import QUEUES
from bot.crm import queries, store, tables
from bot.dialogue.assistant import Assistant
from bot.dialogue.desk import SUMMARISED
from bot.dialogue.summary import MOODS, QUOTED
from bot.service import Service
from tests.crm import making
from tests.dialogue.talking import Talk, payloads, said

ANGRY = "太过分了，我要打12315投诉你们这家黑店！！！"
GRUMBLES = ("快递有点慢", "这个快递有点慢啊", "等了一个星期还没到，很失望", "等了这么久还不到，真让人失望", "东西质量很差，非常失望")
NONSENSE = ("呜哩哇啦嘛呢", "上面那个东西呢", "搞一下那个", "那个嘛", "桌子上面", "紫色的星期三")
NUMBERS = re.compile(r"\d+(?:\.\d+)?")


def codes(reasons: Any) -> list[str]:
    return [reason["code"] for reason in reasons]


def hand_off(talk: Talk) -> Any:
    (row,) = talk.rows(tables.hand_offs)
    return row


def getting_worse(assistant: Assistant) -> list[str]:
    """Three grumbles that need no person each by itself, each unhappier than the one before."""
    seen = dict(zip(GRUMBLES, assistant.assess_all(GRUMBLES), strict=True))
    grumbles = [text for text in GRUMBLES if seen[text].sentiment_score < Policy().grumble_score and not seen[text].escalate]
    grumbles.sort(key=lambda text: -seen[text].sentiment_score)
    return [grumbles[0], grumbles[1], grumbles[-1]]


def nonsense(assistant: Assistant) -> list[str]:
    """Two texts that the assistant does not understand."""
    return [text for text, seen in zip(NONSENSE, assistant.assess_all(NONSENSE), strict=True) if seen.fallback and not seen.escalate][:2]


def assert_nothing_invented(talk: Talk) -> None:
    """Every number and every quotation in the summary is in the record."""
    summary = hand_off(talk).summary
    said_by_customer = [message.text for message in talk.messages() if message.sender == "customer"]
    seen = talk.rows(tables.interactions)
    figures = {f"{abs(row.sentiment_score):.2f}" for row in seen} | {str(len(said_by_customer))}
    known = " ".join(said_by_customer)
    for number in NUMBERS.findall(summary):
        assert number in figures or number in known, number
    for quoted in re.findall(r"“(.*?)”", summary):
        assert quoted.removesuffix("…") in known
    for name in QUEUES.values():
        if name in summary.partition("。")[0]:
            assert name in {QUEUES[row.queue] for row in seen}
    assert MOODS[talk.seen.sentiment] in summary


async def test_an_angry_message_leaves_an_open_form_for_a_person(talk: Talk) -> None:
    await talk.says("我要退款", "202611230701")
    assert talk.row.active_loop == "refund_form"
    await talk.say(ANGRY)
    assert talk.state == "queued"
    assert talk.row.active_loop is None
    assert {"requested_slot", "order_number", "reason"}.isdisjoint(talk.row.slots), "the form is emptied"
    assert talk.seen.escalate
    assert "threat" in codes(talk.seen.reasons)


async def test_the_words_that_decided_are_told_in_characters_that_can_be_shown(talk: Talk) -> None:
    await talk.say("但是插座也黑了，订单号 202511010001，https://shop.example/goods/17")
    assert talk.seen.queue_evidence
    assert all(character.isprintable() for each in talk.seen.queue_evidence for character in each["term"])


async def test_the_hand_off_tells_the_agent_all_that_is_known(talk: Talk) -> None:
    order = making.order(talk.service.database, "202611230702")
    await talk.says("我要退款", order, "1234", ANGRY)
    row, seen = hand_off(talk), talk.seen
    assert (row.priority, talk.row.queue, row.ended_at) == ("high", row.queue, None)
    assert row.queue == (seen.queue if seen.queue != "general" else "after_sales")
    assert codes(row.reasons) == codes(seen.reasons)
    assert "12315" in str(row.reasons[0]["evidence"])
    for fact in ("共发来 4 条消息", QUEUES["after_sales"], order, f"最后说：“{ANGRY}”"):
        assert fact in row.summary
    assert f"{seen.sentiment_score:+.2f}" in row.summary
    assert_nothing_invented(talk)
    (ticket,) = talk.rows(tables.tickets)
    assert (ticket.id, ticket.kind, ticket.queue, ticket.priority, ticket.summary, ticket.status) == (
        row.ticket_id, "hand_off", row.queue, "high", row.summary, "open",
    )  # fmt: skip
    (waiting,) = [waiting for waiting in talk.service.database.transaction(queries.queue) if waiting.conversation_id == talk.id]
    assert (waiting.priority, waiting.summary) == ("high", row.summary)


@pytest.mark.parametrize(
    "texts",
    [
        ("转人工",),
        ("你好", "耳机左边没声音", "转人工"),
        ("我的订单202611230703到哪了", "电话尾号9911", "都第三次问了还是没人管！", "转人工"),
        ("我要开发票", "公司", "请帮我接人工客服"),
        ("where is my order 202611230704", "I want to talk to a real person"),
        (f"快递{'非常' * QUOTED}慢，12315见，我要投诉你们！",),
    ],
)
async def test_summaries_hold_facts_only(talk: Talk, texts: tuple[str, ...]) -> None:
    for text in texts:
        if talk.state == "bot":
            await talk.say(text)
    assert talk.state == "queued"
    assert_nothing_invented(talk)


async def test_of_a_long_conversation_the_summary_says_that_it_counts_the_last_messages_only(talk: Talk) -> None:
    await talk.says(*["你好"] * (SUMMARISED - 1), "转人工")
    assert f"共发来 {SUMMARISED} 条消息" in hand_off(talk).summary
    longer = Talk(talk.service)
    await longer.says(*["你好"] * (SUMMARISED + 4), "转人工")
    assert f"至少发来 {SUMMARISED + 1} 条消息" in hand_off(longer).summary


@pytest.mark.parametrize("text", ["耳机左边没声音", "我的空气炸锅不加热了，怎么办", "the kettle does not heat any more"])
async def test_a_calm_fault_report_stays_with_the_assistant(talk: Talk, text: str) -> None:
    await talk.say(text)
    assert talk.state == "bot"
    assert not talk.seen.escalate
    assert talk.rows(tables.hand_offs) == []


async def test_anger_does_not_change_the_intent_of_the_form_when_calm(talk: Talk) -> None:
    await talk.says("我要退款", "202611230705", "有点慢，不过没关系")
    assert talk.state == "bot"
    assert talk.row.active_loop == "refund_form"


async def test_a_person_asked_for_about_an_invoice_is_one_of_billing(talk: Talk) -> None:
    await talk.say("发票的事我要找人工客服")
    assert (talk.state, talk.row.queue) == ("queued", "billing")


async def test_a_bare_request_goes_where_the_conversation_was_about(talk: Talk) -> None:
    await talk.says("发票抬头开错了，怎么改", "谢谢", "转人工")
    assert (talk.seen.queue, talk.row.queue) == ("general", "billing")
    assert hand_off(talk).priority == "normal"


async def test_a_bare_request_at_the_start_goes_to_everybody(talk: Talk) -> None:
    await talk.say("转人工")
    assert (talk.state, talk.row.queue) == ("queued", "general")


@pytest.mark.parametrize(
    ("text", "code", "priority"),
    [
        ("充电宝冒烟了，手被烫伤了", "safety", "urgent"),
        ("我的账号被盗了", "fraud", "urgent"),
        ("都问了三次了还是没人处理", "promise", "high"),
    ],
)
async def test_dangers_go_first(talk: Talk, text: str, code: str, priority: str) -> None:
    await talk.say(text)
    assert talk.state == "queued"
    assert hand_off(talk).priority == priority
    assert code in codes(hand_off(talk).reasons)


async def test_three_grumbles_that_get_worse_reach_a_person(talk: Talk, assistant: Assistant) -> None:
    grumbles = getting_worse(assistant)
    for text in grumbles[:2]:
        await talk.say(text)
        assert talk.state == "bot", text
    await talk.say(grumbles[2])
    assert talk.state == "queued"
    assert codes(hand_off(talk).reasons) == ["trend"]
    scores = [row.sentiment_score for row in talk.rows(tables.interactions)]
    assert hand_off(talk).reasons[0]["evidence"] == [" → ".join(f"{score:+.2f}" for score in scores)]
    assert_nothing_invented(talk)


async def test_three_calm_messages_do_not(talk: Talk) -> None:
    for text in ("运费多少钱", "怎么查积分", "有白色的吗"):
        await talk.say(text)
        assert talk.state == "bot"


async def leaves_the_queue(service: Service, talk: Talk) -> None:
    assert await service.database.run(store.leave_queue, talk.id) == "bot"


async def test_after_leaving_the_queue_the_assistant_answers_again(talk: Talk, assistant: Assistant) -> None:
    worse = getting_worse(assistant)
    await talk.says(*worse)
    assert talk.state == "queued"
    await leaves_the_queue(talk.service, talk)
    for text in (worse[0], worse[1], "我要退款"):
        assert await talk.say(text)
        assert talk.state == "bot", "what led to the last hand-off is settled"
    assert talk.row.active_loop == "refund_form"
    await talk.say("转人工")
    assert talk.state == "queued", "a person can be asked for again"
    assert len(talk.rows(tables.hand_offs)) == 2


async def test_not_understood_twice_a_person_is_offered(talk: Talk, assistant: Assistant) -> None:
    first, second = nonsense(assistant)
    await talk.say("你好")
    replies = await talk.say(first)
    assert talk.seen.fallback
    assert "/request_human" not in payloads(replies)
    replies = await talk.say(second)
    assert talk.seen.fallback
    assert "/request_human" in payloads(replies)
    assert talk.state == "bot", "offered, not imposed"
    await talk.say("转人工", payload="/request_human")
    assert talk.state == "queued"


async def test_not_understood_three_times_a_person_is_called(talk: Talk, assistant: Assistant) -> None:
    first, second = nonsense(assistant)
    await talk.says(first, second, first)
    assert talk.state == "queued"
    assert codes(hand_off(talk).reasons) == ["failure"]


async def test_what_is_understood_between_starts_the_count_anew(talk: Talk, assistant: Assistant) -> None:
    first, second = nonsense(assistant)
    await talk.says(first, "运费多少钱")
    replies = await talk.say(second)
    assert talk.seen.fallback
    assert "/request_human" not in payloads(replies)


TYPED = ("/restart", "/nlu_fallback", " /inform", "/affirm", "/session_start", '/greet{"x": 1}', "/")


@pytest.mark.parametrize("typed", TYPED)
async def test_what_is_typed_is_never_a_command(talk: Talk, typed: str) -> None:
    order = making.order(talk.service.database, f"2026112306{TYPED.index(typed):02}")
    await talk.says("我要退款", order)
    replies = await talk.say(typed)
    assert talk.turn.error is None
    assert said(replies)
    assert talk.state == "bot"
    assert talk.seen.intent_confidence < 1
    assert talk.row.active_loop == "refund_form", "a form goes on"
    assert talk.row.slots["order_number"] == order
    assert not {"restart", "session_started"} & {event["event"] for event in talk.events(talk.turn_ids[-1])}
    assert typed in [message.text for message in talk.messages()], "the record has it as it was typed"


async def test_only_choosing_is_a_command(talk: Talk) -> None:
    await talk.say(LEAVE_A_MESSAGE)
    assert talk.row.active_loop is None
    await talk.say("留言", payload=LEAVE_A_MESSAGE)
    assert talk.row.active_loop == "leave_message_form"


AWKWARD = (" ", "\u200b", "\n\n", "😀", "？", "啊" * 4000, "1" * 4000, "{order_number}", "%s %(x)s \\")


@pytest.mark.parametrize("number", range(len(AWKWARD)))
async def test_any_text_is_answered(talk: Talk, number: int) -> None:
    replies = await talk.say(AWKWARD[number])
    assert talk.turn.error is None
    assert said(replies)
