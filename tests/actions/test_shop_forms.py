"""What each form comes to, by the state of the order."""

from datetime import UTC, datetime, timedelta

import pytest
from shop_chat import LATE, OLD, ORDERS, Chat, FakeDesk, an_order


async def _proven(chat: Chat, form: str, number: str) -> list[str]:
    await chat.open(form, f"办理 {number}", "inform")
    return await chat.say("5678")


@pytest.mark.parametrize("status", ["unpaid", "paid", "shipped", "delivered", "cancelled", "refunding", "refunded"])
@pytest.mark.parametrize("locale", ["zh", "en"])
async def test_every_status_has_its_words(desk: FakeDesk, chat: Chat, status: str, locale: str) -> None:
    chat.slots["locale"] = locale
    said = await _proven(chat, "track_order_form", ORDERS[status].number)
    assert said == [f"utter_status_{status}"]
    assert ORDERS[status].number in chat.values[said[0]]["said"]
    assert desk.tickets == []


async def test_english_customers_read_english(chat: Chat) -> None:
    chat.slots["locale"] = "en"
    await _proven(chat, "track_order_form", ORDERS["shipped"].number)
    assert "SF Express" in chat.values["utter_status_shipped"]["said"]


async def test_a_late_order_is_chased_once(desk: FakeDesk, chat: Chat) -> None:
    assert await _proven(chat, "track_order_form", LATE.number) == ["utter_status_shipped", "utter_chased"]
    assert [(ticket.queue, ticket.kind, ticket.order_number) for ticket in desk.tickets] == [("logistics", "delay", LATE.number)]
    assert await chat.open("track_order_form", f"再查 {LATE.number}", "track_order") == ["utter_status_shipped", "utter_already_chased"]
    assert len(desk.tickets) == 1


async def test_a_paid_order_that_does_not_leave_is_chased(desk: FakeDesk, chat: Chat) -> None:
    desk.orders["202611012000"] = an_order("202611012000", "paid", ordered_at=datetime.now(UTC) - timedelta(days=4))
    assert await _proven(chat, "track_order_form", "202611012000") == ["utter_status_paid", "utter_chased"]


async def test_cancelling_a_paid_order_also_asks_for_the_money(desk: FakeDesk, chat: Chat) -> None:
    number = ORDERS["paid"].number
    await _proven(chat, "cancel_order_form", number)
    assert desk.changes == []
    assert await chat.say("/affirm", "affirm", 1.0) == ["utter_cancelled_paid"]
    assert [(change.number, change.fields) for change in desk.changes] == [(number, {"status": "cancelled"})]
    assert [(ticket.queue, ticket.kind) for ticket in desk.tickets] == [("after_sales", "refund")]
    assert "¥1,299.00" in chat.values["utter_cancelled_paid"]["said"]


async def test_cancelling_an_unpaid_order_needs_nobody(desk: FakeDesk, chat: Chat) -> None:
    await _proven(chat, "cancel_order_form", ORDERS["unpaid"].number)
    assert await chat.say("确认取消", "cancel_order", 0.9) == ["utter_cancelled_unpaid"]
    assert len(desk.changes) == 1
    assert desk.tickets == []


async def test_cancelling_what_is_on_its_way_asks_the_courier(desk: FakeDesk, chat: Chat) -> None:
    assert await _proven(chat, "cancel_order_form", ORDERS["shipped"].number) == ["utter_confirm_intercept"]
    assert await chat.say("好的", "affirm") == ["utter_intercept_recorded"]
    assert desk.changes == []
    assert [(ticket.queue, ticket.kind, ticket.priority) for ticket in desk.tickets] == [("logistics", "intercept", "high")]


async def test_an_order_that_left_while_asking_is_not_cancelled(desk: FakeDesk, chat: Chat) -> None:
    number = ORDERS["paid"].number
    await _proven(chat, "cancel_order_form", number)
    desk.orders[number] = an_order(number, "shipped")
    assert await chat.say("好的", "affirm") == ["utter_intercept_recorded"]
    assert desk.changes == []


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ("cancel_order_form", "delivered", "utter_cancel_delivered"),
        ("cancel_order_form", "cancelled", "utter_order_cancelled"),
        ("refund_form", "unpaid", "utter_refund_unpaid"),
        ("refund_form", "refunding", "utter_order_refunding"),
        ("return_form", "paid", "utter_return_unsent"),
        ("return_form", "refunded", "utter_order_refunded"),
        ("exchange_form", "unpaid", "utter_exchange_unpaid"),
        ("change_address_form", "delivered", "utter_change_delivered"),
        ("change_address_form", "refunding", "utter_order_refunding"),
        ("invoice_form", "unpaid", "utter_invoice_unpaid"),
        ("invoice_form", "cancelled", "utter_order_cancelled"),
    ],
)
async def test_orders_in_no_state_for_it(desk: FakeDesk, chat: Chat, form: str, status: str, said: str) -> None:
    assert await _proven(chat, form, ORDERS[status].number) == [said]
    assert chat.form is None
    assert (desk.tickets, desk.changes) == ([], [])


@pytest.mark.parametrize(("form", "kind"), [("refund_form", "refund"), ("return_form", "return")])
async def test_refunds_and_returns_are_written_down_with_their_reason(desk: FakeDesk, chat: Chat, form: str, kind: str) -> None:
    await _proven(chat, form, ORDERS["delivered"].number)
    await chat.say("颜色和图片不一样", "complain_product")
    assert await chat.say("确认", "affirm") == [f"utter_{kind}_recorded"]
    (ticket,) = desk.tickets
    assert (ticket.queue, ticket.kind, ticket.order_number) == ("after_sales", kind, ORDERS["delivered"].number)
    assert ticket.fields["原因"] == "颜色和图片不一样"
    assert "颜色和图片不一样" in ticket.summary


async def test_after_the_time_for_returns_the_customer_is_told(chat: Chat) -> None:
    await _proven(chat, "return_form", OLD.number)
    await chat.say("不想要了", "deny")
    assert await chat.say("确认", "affirm") == ["utter_return_recorded", "utter_late_for_return"]


async def test_an_exchange_names_what_is_wanted(desk: FakeDesk, chat: Chat) -> None:
    await _proven(chat, "exchange_form", ORDERS["delivered"].number)
    await chat.say("质量问题", "complain_product")
    assert chat.asked == "wish"
    await chat.say("同款白色")
    assert await chat.say("确认", "affirm") == ["utter_exchange_recorded"]
    assert desk.tickets[0].fields["换成"] == "同款白色"


async def test_an_address_changes_at_once_before_the_parcel_leaves(desk: FakeDesk, chat: Chat) -> None:
    await _proven(chat, "change_address_form", ORDERS["paid"].number)
    assert await chat.say("改一下地址", "change_address") == ["utter_invalid_delivery"]
    await chat.say("上海市浦东新区张江路100号，电话13900000022")
    assert "上海市浦东新区张江路100号" in chat.values["utter_confirm_change_address_form"]["said"]
    assert await chat.say("对的", "affirm") == ["utter_address_changed"]
    assert desk.changes[0].fields == {"address": "上海市浦东新区张江路100号", "phone": "13900000022"}


async def test_an_address_on_the_way_is_for_the_courier(desk: FakeDesk, chat: Chat) -> None:
    await _proven(chat, "change_address_form", ORDERS["shipped"].number)
    assert await chat.say("收件人改成李雷") == ["utter_confirm_redirect"]
    assert await chat.say("好的", "affirm") == ["utter_redirect_recorded"]
    assert desk.changes == []
    assert desk.tickets[0].fields == {"收件人": "李雷"}


async def test_a_company_invoice_needs_a_valid_tax_number(desk: FakeDesk, chat: Chat) -> None:
    await _proven(chat, "invoice_form", ORDERS["delivered"].number)
    await chat.say("企业", "nlu_fallback", 0.3)
    await chat.say("杭州某某科技有限公司")
    assert await chat.say("123") == ["utter_invalid_tax_number"]
    await chat.say("91330106MA2CF0XY9Z")
    assert await chat.say("wang@@x") == ["utter_invalid_email"]
    await chat.say("wang@example.com")
    assert await chat.say("确认", "affirm") == ["utter_invoice_recorded"]
    fields = desk.tickets[0].fields
    assert (fields["抬头"], fields["税号"], fields["邮箱"]) == ("杭州某某科技有限公司", "91330106MA2CF0XY9Z", "wang@example.com")


async def test_a_personal_invoice_needs_no_tax_number_and_no_mail(desk: FakeDesk, chat: Chat) -> None:
    await _proven(chat, "invoice_form", ORDERS["delivered"].number)
    await chat.say("个人")
    await chat.say("王小明")
    assert chat.asked == "email"
    await chat.say("不用邮箱", "deny")
    assert await chat.say("确认", "affirm") == ["utter_invoice_recorded"]
    assert "税号" not in desk.tickets[0].fields
    assert "邮箱" not in desk.tickets[0].fields


async def test_a_fault_told_at_the_start_is_not_asked_for_again(desk: FakeDesk, chat: Chat) -> None:
    await chat.open("fault_form", "扫地机器人充不进电了", "product_fault", product="扫地机器人")
    assert chat.asked == "order_number"
    await chat.say("没有订单号", "deny")
    assert "扫地机器人充不进电了" in chat.values["utter_confirm_fault_form"]["said"]
    assert await chat.say("确认", "affirm") == ["utter_fault_recorded"]
    (ticket,) = desk.tickets
    assert (ticket.queue, ticket.order_number) == ("technical", None)
    assert ticket.fields == {"商品": "扫地机器人", "故障描述": "扫地机器人充不进电了"}


async def test_a_short_report_is_asked_for_more(chat: Chat) -> None:
    await chat.open("fault_form", "坏了", "product_fault")
    assert chat.asked == "product"
    await chat.say("电饭煲", "product_info", 0.4)
    assert chat.asked == "fault"
    assert await chat.say("怎么清洗内胆？", "usage_help") == ["utter_one_at_a_time"]
    await chat.say("按开关没有反应", "product_fault")
    assert chat.slots["fault"] == "按开关没有反应"


async def test_a_message_goes_to_the_team_it_is_about(desk: FakeDesk, chat: Chat) -> None:
    await chat.open("leave_message_form", "/affirm", "affirm")
    chat.slots["queue"] = "billing"
    await chat.say("10 月 3 日多扣了 99 元，什么时候能退给我？", "duplicate_charge")
    chat.slots["queue"] = "general"
    assert await chat.say("138 0000 5678") == ["utter_message_recorded"]
    (ticket,) = desk.tickets
    assert (ticket.queue, ticket.kind) == ("billing", "message")
    assert ticket.fields == {"留言": "10 月 3 日多扣了 99 元，什么时候能退给我？", "电话": "13800005678"}


async def test_a_message_may_be_left_without_a_phone_number(desk: FakeDesk, chat: Chat) -> None:
    await chat.open("leave_message_form", "/affirm", "affirm")
    await chat.say("希望耳机多一个颜色", "suggestion")
    assert await chat.say("/deny", "deny", 1.0) == ["utter_message_recorded"]
    assert "电话" not in desk.tickets[0].fields


async def test_what_a_message_asks_to_be_changed_is_no_change_of_mind(desk: FakeDesk, chat: Chat) -> None:
    await chat.open("leave_message_form", "/affirm", "affirm")
    await chat.say("请把发票抬头改成杭州晨光科技有限公司", "request_invoice")
    assert chat.asked == "phone"
    assert chat.slots["message"] == "请把发票抬头改成杭州晨光科技有限公司"


async def test_nothing_of_a_form_is_left_for_the_next(chat: Chat) -> None:
    await _proven(chat, "refund_form", ORDERS["delivered"].number)
    await chat.say("质量问题")
    await chat.say("确认", "affirm")
    assert chat.slots["reason"] is None
    assert chat.slots["confirmed"] is None
    assert chat.slots["order_number"] is None
