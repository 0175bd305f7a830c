"""The greeting, the triage of each message, not understanding, and handing over."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from shop_chat import DOMAIN, FakeDesk

from actions import house
from actions.facts import SHOP_TIME, opening
from actions.titles import TITLES
from bot.conversation.messages import LEAVE_A_MESSAGE
from bot.conversation.outcome import Reason
from bot.crm.records import Availability
from bot.dialogue.turn import Turn, current_turn


async def _run(actions: dict[str, Any], name: str, text: str = "", slots: dict[str, Any] | None = None, **latest: Any) -> tuple[Any, Any]:
    dispatcher = CollectingDispatcher()
    message = {"text": text, "intent": {"name": "track_order", "confidence": 0.9}, "entities": [], "message_id": "m1"} | latest
    tracker = Tracker("someone", {"locale": "zh", "failures": 0} | (slots or {}), message, [], False, None, {}, "action_listen")
    events = await actions[name](dispatcher, tracker, DOMAIN)
    return {event["name"]: event["value"] for event in events if event["event"] == "slot"}, dispatcher.messages


@pytest.mark.parametrize(("text", "response"), [("你好", "utter_introduction"), ("hello there", "utter_introduction_en")])
async def test_the_assistant_introduces_itself_in_the_customers_language(actions: dict[str, Any], text: str, response: str) -> None:
    turn = Turn(1, "c", 1, text, "en" if text.isascii() else "zh", False, None)
    token = current_turn.set(turn)
    try:
        slots, said = await _run(actions, "action_session_start")
    finally:
        current_turn.reset(token)
    assert [message["response"] for message in said] == [response]
    assert slots["locale"] == turn.locale


async def test_every_message_is_triaged(actions: dict[str, Any], desk: FakeDesk) -> None:
    desk.queue, desk.escalate = "billing", True
    slots, _ = await _run(actions, "action_validate_slot_mappings", "多扣了我的钱")
    assert slots == {"queue": "billing", "sentiment": "neutral", "escalate": True, "failures": 0, "locale": "zh"}
    assert desk.assessed == [("多扣了我的钱", 0)]


async def test_misunderstandings_in_a_row_are_counted(actions: dict[str, Any], desk: FakeDesk) -> None:
    desk.fallback = True
    slots, _ = await _run(actions, "action_validate_slot_mappings", "阿巴阿巴", {"failures": 1.0})
    assert slots["failures"] == 2
    assert desk.assessed == [("阿巴阿巴", 1)]
    desk.fallback = False
    slots, _ = await _run(actions, "action_validate_slot_mappings", "查物流", {"failures": 2.0})
    assert slots["failures"] == 0


async def test_an_answer_to_a_form_is_no_misunderstanding(actions: dict[str, Any], desk: FakeDesk) -> None:
    desk.fallback = True
    slots, _ = await _run(actions, "action_validate_slot_mappings", "边角磕了", {"requested_slot": "reason"})
    assert slots["failures"] == 0


async def test_an_order_number_with_spaces_is_kept(actions: dict[str, Any], desk: FakeDesk) -> None:
    slots, _ = await _run(actions, "action_validate_slot_mappings", "2026 1101 0002")
    assert slots["order_number"] == "202611010002"


async def test_a_choice_by_button_is_triaged_by_what_it_says(actions: dict[str, Any], desk: FakeDesk) -> None:
    slots, _ = await _run(actions, "action_validate_slot_mappings", "/affirm", {"locale": "zh"})
    assert desk.assessed == [("", 0)]
    assert slots["locale"] == "zh"


@pytest.mark.parametrize(
    ("text", "before", "asked", "first", "after"),
    [
        ("where is it", "zh", None, True, "en"),
        ("where is my parcel", "zh", None, False, "en"),
        ("OK", "zh", None, False, "zh"),
        ("iPhone15", "zh", None, False, "zh"),
        ("我的快递呢", "en", None, False, "zh"),
        ("12345", "en", None, False, "en"),
        ("上海市南京路 1 号", "en", "delivery", False, "en"),
        ("wang.min@example.com", "zh", "email", False, "zh"),
        ("Apple Trading Company", "zh", "invoice_title", False, "zh"),
    ],
)
def test_language(text: str, before: str, asked: str | None, first: bool, after: str) -> None:
    assert house.next_locale(text, before, asked, first=first) == after


async def test_a_question_back_offers_the_likeliest_topics(actions: dict[str, Any]) -> None:
    ranking = [("nlu_fallback", 0.3), ("refund_status", 0.25), ("affirm", 0.2), ("request_refund", 0.15), ("suggestion", 0.01)]
    parsed = {
        "intent": {"name": "nlu_fallback", "confidence": 0.3},
        "intent_ranking": [{"name": name, "confidence": confidence} for name, confidence in ranking],
    }
    _, (said,) = await _run(actions, "action_fallback", "钱呢", {"failures": 1.0, "locale": "en"}, **parsed)
    assert said["response"] == "utter_which"
    assert [button["payload"] for button in said["buttons"]] == ["/refund_status", "/request_refund"]
    assert said["buttons"][0]["title"] == TITLES["refund_status"]["en"]


async def test_without_a_guess_it_asks_for_other_words(actions: dict[str, Any]) -> None:
    _, (said,) = await _run(actions, "action_fallback", "?", {"failures": 1.0}, intent={"name": "nlu_fallback", "confidence": 0.3})
    assert said["response"] == "utter_rephrase"


async def test_the_second_misunderstanding_offers_a_person(actions: dict[str, Any]) -> None:
    _, (said,) = await _run(actions, "action_fallback", "?", {"failures": 2.0}, intent={"name": "nlu_fallback", "confidence": 0.3})
    assert said["response"] == "utter_offer_human"


async def test_a_yes_to_nothing_is_answered(actions: dict[str, Any]) -> None:
    _, (said,) = await _run(actions, "action_fallback", "好的", intent={"name": "affirm", "confidence": 0.9})
    assert said["response"] == "utter_affirm"


@pytest.mark.parametrize(
    ("codes", "response"),
    [
        (["request"], "utter_hand_off"),
        (["anger"], "utter_hand_off_sorry"),
        (["failure"], "utter_hand_off_failure"),
        (["threat", "safety"], "utter_hand_off_safety"),
        (["fraud"], "utter_hand_off_fraud"),
    ],
)
async def test_handing_over_says_why_and_takes_along_what_is_known(
    actions: dict[str, Any], desk: FakeDesk, codes: list[Any], response: str
) -> None:
    desk.reasons = tuple(Reason(code, "", "") for code in codes)
    told = {"order_number": "202611010002", "reason": "碎了", "email": "-", "requested_slot": "confirmed", "escalate": True}
    slots, (said,) = await _run(actions, "action_hand_off", "转人工", told)
    assert said["response"] == response
    assert desk.known == {"订单号": "202611010002", "原因": "碎了"}
    assert slots["escalate"] is False
    assert slots["requested_slot"] is None
    assert slots["reason"] is None


OPENS_AT = datetime(2026, 11, 27, 9, 0, tzinfo=SHOP_TIME)


@pytest.mark.parametrize(
    ("codes", "there", "responses"),
    [
        (["request"], Availability(True, False, None), ["utter_nobody_online"]),
        (["request"], Availability(False, True, OPENS_AT), ["utter_closed"]),
        (["request"], Availability(False, False, None), ["utter_nobody_online"]),
        (["anger"], Availability(True, False, None), ["utter_away_sorry", "utter_nobody_online"]),
        (["failure"], Availability(True, False, None), ["utter_away_failure", "utter_nobody_online"]),
        (["fraud"], Availability(False, False, OPENS_AT), ["utter_away_fraud", "utter_closed"]),
        (["threat", "safety"], Availability(False, False, OPENS_AT), ["utter_away_safety", "utter_closed"]),
    ],
)
async def test_when_nobody_is_there_nobody_is_promised(
    actions: dict[str, Any], desk: FakeDesk, codes: list[Any], there: Availability, responses: list[str]
) -> None:
    desk.reasons = tuple(Reason(code, "", "") for code in codes)
    desk.there = there
    _, said = await _run(actions, "action_hand_off", "转人工")
    assert [message["response"] for message in said] == responses
    assert desk.known is not None, "the conversation waits all the same"
    assert [button["payload"] for button in said[-1]["buttons"]] == [LEAVE_A_MESSAGE]
    for message in said:
        for variation in DOMAIN["responses"][message["response"]]:
            variation["text"].format(**message)


@pytest.mark.parametrize(
    ("opens", "zh", "en"),
    [
        (datetime(2026, 11, 25, 14, 0), "今天 14:00 ", "today at 14:00"),
        (datetime(2026, 11, 26, 0, 30), "明天（周四）0:30 ", "tomorrow (Thursday) at 0:30"),
        (datetime(2026, 11, 30, 9, 5), "11 月 30 日（周一）9:05 ", "on Monday, November 30, at 9:05"),
        (datetime(2027, 1, 1, 9, 0), "1 月 1 日（周五）9:00 ", "on Friday, January 1, at 9:00"),
    ],
)
def test_the_next_opening_in_words(opens: datetime, zh: str, en: str) -> None:
    now = datetime(2026, 11, 25, 3, 59, tzinfo=UTC)  # 11:59 in the shop
    opens = opens.replace(tzinfo=SHOP_TIME)
    assert (opening(opens, now=now), opening(opens, "en", now=now)) == (zh, en)


def test_a_day_is_the_shops_day() -> None:
    late = datetime(2026, 11, 25, 16, 30, tzinfo=UTC)  # past midnight in the shop
    assert opening(datetime(2026, 11, 26, 9, 0, tzinfo=SHOP_TIME), now=late) == "今天 9:00 "


async def test_without_a_turn_of_ours_nothing_is_overheard(actions: dict[str, Any]) -> None:
    assert await _run(actions, "action_overhear", "订单 202611010002") == ({}, [])


def test_every_intent_has_an_answer_or_a_form() -> None:
    from actions.forms import ANSWERS, OPENS

    for intent in DOMAIN["intents"]:
        assert f"utter_{intent}" in DOMAIN["responses"] or intent in OPENS or intent in ANSWERS or intent == "request_human", intent


def test_every_response_speaks_both_languages() -> None:
    for name, variations in DOMAIN["responses"].items():
        if not name.startswith("utter_introduction"):
            assert any("condition" in variation for variation in variations), name
            assert any("condition" not in variation for variation in variations), name


def test_buttons_and_titles_name_intents() -> None:
    payloads = {button["payload"] for variations in DOMAIN["responses"].values() for one in variations for button in one.get("buttons", ())}
    assert {payload[1:] for payload in payloads if payload.startswith("/")} <= set(DOMAIN["intents"])
    assert set(TITLES) <= set(DOMAIN["intents"])
