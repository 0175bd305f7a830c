"""The nine forms: what each is about and what it asks."""

from typing import Any

from rasa_sdk import Tracker

from actions import house, reading
from actions.facts import order_values
from actions.forms import Answers, ShopForm
from bot.crm.records import OrderView

AFTER_SALES = {"refund_status": "utter_request_refund"}
TELLING = 6
"""From this length on, the message that reports a fault also describes it."""


class TrackOrderForm(ShopForm):
    """Where an order is, and how a refund stands."""

    form = "track_order_form"

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """Nothing but the order."""
        return []


class CancelOrderForm(ShopForm):
    """Cancel an order that has not arrived."""

    form = "cancel_order_form"
    explains = AFTER_SALES

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """Only whether it is really wanted."""
        return ["confirmed"]

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """What has arrived is returned, what is cancelled stays so."""
        if order.status == "delivered":
            return "utter_cancel_delivered", order_values(order)
        return _over(order)


class RefundForm(ShopForm):
    """Money back, without or before sending goods back."""

    form = "refund_form"
    explains = AFTER_SALES

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """Why, and whether it is really wanted."""
        return ["reason", "confirmed"]

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """Without a payment there is nothing to give back."""
        return ("utter_refund_unpaid", order_values(order)) if order.status == "unpaid" else _over(order)


class ReturnForm(ShopForm):
    """Send goods back."""

    form = "return_form"
    explains = AFTER_SALES

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """Why, and whether it is really wanted."""
        return ["reason", "confirmed"]

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """What has not been sent cannot be sent back."""
        return ("utter_return_unsent", order_values(order)) if order.status in {"unpaid", "paid"} else _over(order)


class ExchangeForm(ShopForm):
    """Another size, colour or unit."""

    form = "exchange_form"
    explains = AFTER_SALES

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """Why, for what, and whether it is really wanted."""
        return ["reason", "wish", "confirmed"]

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """An unpaid order is ordered anew; a finished one has nothing to exchange."""
        return ("utter_exchange_unpaid", order_values(order)) if order.status == "unpaid" else _over(order)


class ChangeAddressForm(ShopForm):
    """Another recipient, phone or address."""

    form = "change_address_form"

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """The new details, and whether they were read right."""
        return ["delivery", "confirmed"]

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """What has arrived goes nowhere else."""
        return ("utter_change_delivered", order_values(order)) if order.status == "delivered" else _over(order)


class InvoiceForm(ShopForm):
    """An electronic invoice."""

    form = "invoice_form"
    optional = frozenset({"email"})

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """For whom, the tax number of a company, and where to."""
        company = ["tax_number"] if answers["title_type"] == "company" else []
        return ["title_type", "invoice_title", *company, "email", "confirmed"]

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """There is no invoice without a payment that stands."""
        return ("utter_invoice_unpaid", order_values(order)) if order.status == "unpaid" else _over(order)


class FaultForm(ShopForm):
    """A product that does not work. It says nothing about an order, so it asks for no proof."""

    form = "fault_form"
    about_order = False
    optional = frozenset({"order_number"})

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """Which product, what is wrong, and where it was bought."""
        return ["product", "fault", "order_number", "confirmed"]

    def opening(self, answers: Answers, text: str, tracker: Tracker) -> None:
        """Who reports a fault in a sentence has described it; only a product of this very message is meant."""
        answers["product"] = next(tracker.get_latest_entity_values("product"), None)
        said = reading.words_in(text)
        if said and len(said) >= TELLING and not house.chosen(tracker):
            answers["fault"] = said


class LeaveMessageForm(ShopForm):
    """Something for a team to read and act on."""

    form = "leave_message_form"
    about_order = False
    optional = frozenset({"phone"})

    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """What, and how to reach the customer."""
        return ["message", "phone"]


def _over(order: OrderView) -> tuple[str, dict[str, Any]] | None:
    """An order that was cancelled or is being refunded needs nothing more."""
    if order.status == "cancelled":
        return "utter_order_cancelled", order_values(order)
    if order.status in {"refunding", "refunded"}:
        return f"utter_order_{order.status}", order_values(order)
    return None
