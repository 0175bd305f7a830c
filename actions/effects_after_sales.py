"""The ends of the forms about goods that came, or should not have; and of those that only write something down."""

from actions import facts
from actions.effects import EXCHANGE_DAYS, RETURN_DAYS, Case, Effect, days_since
from bot.crm.records import OrderView


class RequestRefund(Effect):
    """Have a refund looked at."""

    def name(self) -> str:
        """The end of refund_form."""
        return "action_request_refund"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Write it down; after the days in which no reason is needed, say that it will be looked at."""
        assert order
        await _record(case, order, "refund", "申请退款", {"金额": facts.money(order.paid_cents)})
        case.say(response="utter_refund_recorded", **case.values(order))
        _hint(case, order, RETURN_DAYS, "utter_late_for_return")


class RequestReturn(Effect):
    """Have goods sent back."""

    def name(self) -> str:
        """The end of return_form."""
        return "action_request_return"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Write it down; after the days in which no reason is needed, say that it will be looked at."""
        assert order
        await _record(case, order, "return", "申请退货", {"金额": facts.money(order.paid_cents)})
        case.say(response="utter_return_recorded", **case.values(order))
        _hint(case, order, RETURN_DAYS, "utter_late_for_return")


class RequestExchange(Effect):
    """Have goods exchanged."""

    def name(self) -> str:
        """The end of exchange_form."""
        return "action_request_exchange"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Write it down; after the days for exchanges, say that warranty may be the way."""
        assert order
        await _record(case, order, "exchange", "申请换货", case.told("wish"))
        case.say(response="utter_exchange_recorded", **case.values(order))
        _hint(case, order, EXCHANGE_DAYS, "utter_late_for_exchange")


class RequestInvoice(Effect):
    """Have an invoice issued."""

    def name(self) -> str:
        """The end of invoice_form."""
        return "action_request_invoice"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Write it down for billing."""
        assert order
        company = case.answer("title_type") == "company"
        told = case.told("invoice_title", "email", *(["tax_number"] if company else []))
        fields = told | {"金额": facts.money(order.paid_cents), "原抬头": order.invoice_title or ""}
        await case.ticket("billing", "invoice", f"订单 {order.number} 开{'企业' if company else '个人'}发票", fields, order)
        case.say(response="utter_invoice_recorded", **case.values(order))


class ReportFault(Effect):
    """Have a technician look at a fault."""

    about_order = False

    def name(self) -> str:
        """The end of fault_form."""
        return "action_report_fault"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Write it down for the technicians; an order number is the customer's word, nobody checked it."""
        fields = case.told("product", "fault") | {"顾客提供的订单号": case.answer("order_number")}
        await case.ticket("technical", "fault", f"产品故障：{case.answer('product')}"[:80], fields)
        case.remembered["product"] = None
        case.say(response="utter_fault_recorded")


class LeaveMessage(Effect):
    """Pass words on to a team."""

    about_order = False

    def name(self) -> str:
        """The end of leave_message_form."""
        return "action_leave_message"

    async def do(self, case: Case, order: OrderView | None) -> None:
        """Write it down for the team that the message was about."""
        queue = case.answer("topic") or "general"
        await case.ticket(queue, "message", f"顾客留言：{case.answer('message')}"[:80], case.told("message", "phone"))
        case.say(response="utter_message_recorded")


async def _record(case: Case, order: OrderView, kind: str, what: str, fields: dict[str, str]) -> None:
    days = days_since(order.delivered_at)
    state = {"订单状态": facts.STATUS[order.status], "签收天数": "" if days is None else str(days)}
    told = {"商品": facts.goods(order)} | case.told("reason") | state | fields
    await case.ticket("after_sales", kind, f"订单 {order.number} {what}", told, order)


def _hint(case: Case, order: OrderView, within: int, response: str) -> None:
    days = days_since(order.delivered_at)
    if days is not None and days > within:
        case.say(response=response)
