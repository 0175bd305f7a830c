"""What a customer lives through in a form, whichever it is."""

from typing import Any

import pytest
from shop_chat import LATE, ORDERS, Chat, FakeDesk

SHIPPED, PAID = ORDERS["shipped"].number, ORDERS["paid"].number


async def test_an_order_stays_closed_until_the_phone_number_is_known(chat: Chat) -> None:
    assert await chat.open("track_order_form", "查物流", "track_order") == ["utter_ask_order"]
    assert await chat.say(SHIPPED) == []
    assert chat.asked == "phone_tail"
    said = await chat.say("5678")
    assert said == ["utter_status_shipped"]
    assert "已到达杭州转运中心" in chat.values["utter_status_shipped"]["said"]
    assert chat.form is None


async def test_customers_the_shop_vouches_for_choose_their_order(chat: Chat) -> None:
    chat.desk.verified = True
    await chat.open("track_order_form", "查物流", "track_order")
    buttons = chat.values["utter_ask_which_order"]["buttons"]
    assert buttons[2]["title"].startswith(SHIPPED)
    assert await chat.say("/inform", order_number=SHIPPED) == ["utter_status_shipped"]


async def test_orders_of_others_need_the_phone_number_even_from_known_customers(chat: Chat, desk: FakeDesk) -> None:
    desk.verified = True
    desk.orders["202611019999"] = type(LATE)(
        **{name: getattr(LATE, name) for name in LATE.__slots__} | {"number": "202611019999", "customer_id": 1}
    )
    await chat.open("track_order_form", "查 202611019999", "track_order")
    assert chat.asked == "phone_tail"


async def test_wrong_phone_numbers_close_orders_to_the_conversation(chat: Chat) -> None:
    await chat.open("track_order_form", f"查物流 {SHIPPED}", "track_order")
    assert await chat.say("1111") == ["utter_wrong_phone_tail"]
    assert await chat.say("2222") == ["utter_wrong_phone_tail"]
    assert await chat.say("3333") == ["utter_order_closed"]
    assert chat.form is None
    assert await chat.open("cancel_order_form", f"取消 {PAID}", "cancel_order") == ["utter_order_closed"]
    assert chat.form is None


async def test_a_proven_order_is_offered_and_not_asked_for_again(chat: Chat) -> None:
    await chat.open("track_order_form", f"查物流 {PAID}", "track_order")
    await chat.say("5678")
    assert await chat.open("cancel_order_form", "取消订单", "cancel_order") == ["utter_ask_which_order"]
    assert await chat.say("/inform", order_number=PAID) == ["utter_confirm_cancel_order_form"]


async def test_another_order_number_in_between_needs_its_own_proof(chat: Chat) -> None:
    await chat.open("refund_form", f"退款 {PAID}", "request_refund")
    await chat.say("5678")
    assert chat.asked == "reason"
    await chat.say(f"是 {SHIPPED} 这单质量有问题")
    assert chat.asked == "phone_tail"


async def test_unknown_numbers_are_said_to_be_unknown(chat: Chat) -> None:
    await chat.open("track_order_form", "查物流", "track_order")
    assert await chat.say("999999999999") == ["utter_order_unknown", "utter_ask_order"]
    assert "999999999999" in chat.values["utter_order_unknown"]["said"]


async def test_three_useless_answers_offer_a_person(chat: Chat) -> None:
    await chat.open("track_order_form", "查物流", "track_order")
    assert await chat.say("12345") == ["utter_invalid_order_number", "utter_ask_order"]
    assert await chat.say("就是那个", "nlu_fallback", 0.3) == ["utter_invalid_order_number", "utter_ask_order"]
    assert await chat.say("我不知道", "inform", 0.4) == ["utter_gave_up"]
    assert chat.form is None


async def test_a_useful_answer_forgives_earlier_ones(chat: Chat) -> None:
    await chat.open("track_order_form", "查物流", "track_order")
    await chat.say("12345")
    await chat.say("67890")
    await chat.say(SHIPPED)
    assert await chat.say("56") == ["utter_invalid_phone_tail"]
    assert chat.form == "track_order_form"


@pytest.mark.parametrize(("text", "intent"), [("算了", "deny"), ("不弄了", "nlu_fallback"), ("never mind", "inform"), ("/deny", "deny")])
async def test_leaving(chat: Chat, text: str, intent: str) -> None:
    await chat.open("refund_form", f"退款 {PAID}", "request_refund")
    await chat.say("5678")
    assert await chat.say(text, intent) == ["utter_left"]
    assert chat.form is None
    assert chat.slots["order_number"] is None
    assert chat.desk.tickets == []


async def test_a_question_in_between_is_answered_and_the_form_goes_on(chat: Chat) -> None:
    await chat.open("track_order_form", "查物流", "track_order")
    for _ in range(4):
        assert await chat.say("你们包邮吗？", "delivery_policy", 0.5) == ["utter_delivery_policy", "utter_ask_order"]
    assert await chat.say("谢谢", "thank") == ["utter_thank", "utter_ask_order"]
    assert chat.asked == "order_number"


async def test_a_question_is_not_swallowed_by_a_question_for_own_words(chat: Chat) -> None:
    await chat.open("return_form", f"退货 {SHIPPED}", "request_return")
    await chat.say("5678")
    assert chat.asked == "reason"
    assert await chat.say("运费谁出？", "request_return") == ["utter_request_return"]
    assert await chat.say("钱多久能退回来？", "refund_status") == ["utter_request_refund"]
    assert chat.asked == "reason"
    assert await chat.say("收到就不工作", "product_fault") == ["utter_confirm_return_form"]
    assert chat.slots["reason"] == "收到就不工作"


async def test_what_asks_for_yes_or_no_waits_until_the_form_is_done(chat: Chat) -> None:
    await chat.open("cancel_order_form", f"取消 {PAID}", "cancel_order")
    await chat.say("5678")
    said = await chat.say("另外我还被多扣了一笔钱怎么办？", "duplicate_charge")
    assert said == ["utter_one_at_a_time", "utter_confirm_cancel_order_form"]


async def test_turning_to_another_form_takes_the_order_along(chat: Chat) -> None:
    await chat.open("track_order_form", f"查物流 {PAID}", "track_order")
    assert await chat.say("算了帮我取消这个订单", "cancel_order") == []
    assert chat.form == "cancel_order_form"
    assert await chat.say("5678") == ["utter_confirm_cancel_order_form"]


async def test_turning_to_another_form_instead_of_giving_a_reason(chat: Chat) -> None:
    await chat.open("refund_form", f"退款 {SHIPPED}", "request_refund")
    await chat.say("5678")
    await chat.say("还是给我换一个新的吧", "request_exchange")
    assert chat.form == "exchange_form"


async def test_leaving_for_another_matter_in_one_breath(chat: Chat) -> None:
    await chat.open("track_order_form", "查物流", "track_order")
    assert await chat.say("算了，我要取消订单", "cancel_order") == ["utter_ask_order"]
    assert chat.form == "cancel_order_form"


async def test_a_question_that_is_not_understood_is_no_reason(chat: Chat) -> None:
    await chat.open("return_form", f"退货 {SHIPPED}", "request_return")
    await chat.say("5678")
    assert await chat.say("who pays for that?", "nlu_fallback", 0.3) == ["utter_invalid_answer"]
    assert chat.asked == "reason"


async def test_the_order_number_again_is_no_wrong_phone_number(chat: Chat) -> None:
    await chat.open("track_order_form", f"查物流 {SHIPPED}", "track_order")
    assert await chat.say(SHIPPED) == []
    assert await chat.say("5678") == ["utter_status_shipped"]


async def test_grounds_given_early_are_kept(chat: Chat) -> None:
    await chat.open("refund_form", "退款", "request_refund")
    await chat.say("到手就碎了一个角", "damaged_item")
    await chat.say(SHIPPED)
    assert await chat.say("5678") == ["utter_confirm_refund_form"]
    assert "到手就碎了一个角" in chat.values["utter_confirm_refund_form"]["said"]


async def test_goodbye_ends_a_form(chat: Chat) -> None:
    await chat.open("track_order_form", "查物流", "track_order")
    assert await chat.say("再见", "goodbye") == ["utter_goodbye"]
    assert chat.form is None


async def test_hesitation_at_the_confirmation_does_nothing(chat: Chat) -> None:
    await chat.open("cancel_order_form", f"取消 {PAID}", "cancel_order")
    await chat.say("5678")
    assert await chat.say("取消后钱什么时候退？", "refund_status") == ["utter_request_refund", "utter_confirm_cancel_order_form"]
    assert await chat.say("嗯…取消", "cancel_order", 0.5) == ["utter_invalid_confirmed", "utter_confirm_cancel_order_form"]
    assert chat.desk.changes == []
    assert await chat.say("/deny", "deny") == ["utter_left"]
    assert chat.desk.changes == []


async def test_an_order_that_is_not_open_stays_closed_at_the_end_too(actions: dict[str, Any], chat: Chat) -> None:
    chat.slots |= {"order_number": PAID, "confirmed": True}
    await chat._run("action_cancel_order", {"text": "确认", "intent": {"name": "affirm", "confidence": 1.0}, "entities": []})
    assert list(chat.values) == ["utter_order_closed"]
    assert chat.desk.changes == []
