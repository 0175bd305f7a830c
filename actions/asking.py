"""Questions of forms that depend on what is known."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions import facts, house
from actions.delivery import delivery_in
from actions.reading import SKIPPED
from bot.crm.records import OrderView

TOLD = ("reason", "wish", "fault", "product", "invoice_title", "tax_number", "email")
"""Answers that a summary may repeat."""
OFFERED = 3
"""How many orders are offered as buttons."""


class AskOrderNumber(Action):
    """Which order? Those that the customer may know about are offered as buttons."""

    def name(self) -> str:
        """Rasa asks for slot `order_number` with it."""
        return "action_ask_order_number"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Ask, with a button for each recent order and, where the number may be left out, one for that."""
        locale = house.locale_of(tracker)
        orders = {order.number: order for order in await house.desk().recent_orders(OFFERED)}
        proven = tracker.get_slot("proven_order")
        if proven and proven not in orders and (order := await house.desk().order(proven)):
            orders[proven] = order
        buttons = [_button(order, locale) for order in orders.values()]
        optional = (tracker.active_loop or {}).get("name") == "fault_form"
        if optional:
            buttons.append({"title": "No order number" if locale == "en" else "没有订单号", "payload": "/deny"})
        response = "utter_ask_optional_order" if optional else "utter_ask_which_order" if orders else "utter_ask_order"
        dispatcher.utter_message(response=response, buttons=buttons)
        return []


class AskConfirmed(Action):
    """Is this right? Says what will be done before it is done."""

    def name(self) -> str:
        """Rasa asks for slot `confirmed` with it."""
        return "action_ask_confirmed"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Sum up what the open form knows."""
        form = (tracker.active_loop or {}).get("name") or ""
        number = tracker.get_slot("order_number")
        order = await house.desk().order(number) if number and number != SKIPPED and form != "fault_form" else None
        values = {name: house.said(tracker, name) for name in TOLD} | {"number": house.said(tracker, "order_number")}
        if order:
            values |= facts.order_values(order, house.locale_of(tracker))
        response = f"utter_confirm_{form}"
        if form == "cancel_order_form" and order and order.status == "shipped":
            response = "utter_confirm_intercept"
        if form == "change_address_form":
            values["changes"] = _changes(tracker)
            if order and order.status == "shipped":
                response = "utter_confirm_redirect"
        dispatcher.utter_message(response=response, **values)
        return []


def _button(order: OrderView, locale: str) -> dict[str, str]:
    return {"title": f"{order.number} {facts.goods(order, locale)}"[:60], "payload": f'/inform{{"order_number": "{order.number}"}}'}


def _changes(tracker: Tracker) -> str:
    labels = {"address": ("地址", "address"), "recipient": ("收件人", "recipient"), "phone": ("电话", "phone")}
    english = house.locale_of(tracker) == "en"
    found = delivery_in(tracker.get_slot("delivery") or "")
    told = [f"{labels[name][english]}{': ' if english else '：'}{value}" for name, value in found.items()]
    return ("; " if english else "；").join(told)
