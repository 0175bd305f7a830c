"""The ends of the forms about an order before it is in the customer's hands."""

from datetime import UTC, datetime

from actions import facts, house
from actions.delivery import delivery_in
from actions.effects import SHIPS_WITHIN, Case, Effect
from bot.crm.records import OrderView


class OrderStatus(Effect):
    """Where the order is; a late one is chased, once in a conversation."""

    def name(self) -> str:
        """The end of track_order_form."""
        return "action_order_status"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Say what the record says."""
        assert order
        values = case.values(order) | {
            "scan": order.tracking_note or ("no scan yet" if case.locale == "en" else "暂无扫描记录"),
            "expected": facts.day(order.expected_at, case.locale),
            "delivered": facts.day(order.delivered_at, case.locale),
        }
        undated = (order.status == "shipped" and not order.expected_at) or (order.status == "delivered" and not order.delivered_at)
        case.say(response=f"utter_status_{order.status}{'_undated' if undated else ''}", **values)
        if not late(order):
            return
        if case.tracker.get_slot("chased_order") == order.number:
            case.say(response="utter_already_chased")
            return
        stage = "未按时发货" if order.status == "paid" else "超过预计送达时间"
        await case.ticket(
            "logistics",
            "delay",
            f"催办订单 {order.number}：{stage}",
            {"商品": facts.goods(order), "物流": order.tracking_note or ""},
            order,
        )
        case.remembered["chased_order"] = order.number
        case.say(response="utter_chased")


class CancelOrder(Effect):
    """Cancel what has not left; have the courier stop what has."""

    def name(self) -> str:
        """The end of cancel_order_form."""
        return "action_cancel_order"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """By the order's state as it is now."""
        assert order
        values, goods = case.values(order), facts.goods(order)
        if order.status in {"unpaid", "paid"}:
            await case.change(order, {"status": "cancelled"}, "顾客在对话中确认取消订单")
            if order.paid_cents:
                amount = facts.money(order.paid_cents)
                subject = f"已取消订单 {order.number}，待退款 {amount}"
                await case.ticket("after_sales", "refund", subject, {"商品": goods, "金额": amount}, order)
            case.say(response="utter_cancelled_paid" if order.paid_cents else "utter_cancelled_unpaid", **values)
        elif order.status == "shipped":
            parcel = " ".join(filter(None, (order.courier, order.tracking_number)))
            await case.ticket("logistics", "intercept", f"拦截订单 {order.number} 的包裹", {"商品": goods, "快递": parcel}, order, "high")
            case.say(response="utter_intercept_recorded", **values)
        elif order.status == "delivered":
            case.say(response="utter_cancel_delivered", **values)
        else:
            case.say(response=f"utter_order_{order.status}", **values)


class ChangeAddress(Effect):
    """Change where an order goes, or have the courier redirect it."""

    def name(self) -> str:
        """The end of change_address_form."""
        return "action_change_address"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """At once before it leaves, by the courier while it is on its way."""
        assert order
        fields, values = delivery_in(case.answer("delivery")), case.values(order)
        if order.status in {"unpaid", "paid"}:
            await case.change(order, dict(fields), "顾客在对话中确认修改收货信息")
            case.say(response="utter_address_changed", **values)
        elif order.status == "shipped":
            wanted = {house.KNOWN[name]: value for name, value in fields.items()}
            await case.ticket("logistics", "redirect", f"订单 {order.number} 申请改派", wanted, order, "high")
            case.say(response="utter_redirect_recorded", **values)
        else:
            case.say(response="utter_change_delivered" if order.status == "delivered" else f"utter_order_{order.status}", **values)


def late(order: OrderView) -> bool:
    """Whether it should have left, or arrived, by now."""
    now = datetime.now(UTC)
    if order.status == "paid":
        return now - order.ordered_at > SHIPS_WITHIN
    return order.status == "shipped" and order.expected_at is not None and order.expected_at < now
