"""What happens when a form is complete: orders are looked up or changed, work for people is written down.

Everything is checked again here: an order may have moved on since the customer was asked to confirm.
"""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions import facts, house
from actions.forms import opened
from actions.reading import SKIPPED
from bot.conversation.outcome import NewTicket, OrderChange, Priority
from bot.crm.records import OrderView

SHIPS_WITHIN = timedelta(hours=48)
"""A paid order that has not left after this time is late: 24 hours are promised, orders after 16:00 count from the next day."""
RETURN_DAYS = 7
EXCHANGE_DAYS = 15


class Effect(Action, ABC):
    """The end of a form."""

    about_order: ClassVar[bool] = True

    @abstractmethod
    async def do(self, case: "Case", order: OrderView | None) -> None:
        """Say and write what follows; `order` is given when the form is about one."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Do it, then empty the form's slots. An order that this conversation may not know about stays closed."""
        case = Case(dispatcher, tracker)
        if not self.about_order:
            await self.do(case, None)
        else:
            order = await house.desk().order(tracker.get_slot("order_number") or "")
            if order is None or not opened(order, tracker):
                dispatcher.utter_message(response="utter_order_closed")
            else:
                await self.do(case, order)
        return house.slots(**dict.fromkeys(house.FORM_SLOTS), **case.remembered)


class Case:
    """One complete form: its answers, and where replies and work go."""

    def __init__(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
        self.say = dispatcher.utter_message
        self.tracker = tracker
        self.locale = house.locale_of(tracker)
        self.remembered: dict[str, Any] = {}

    def answer(self, slot: str) -> str:
        """What was answered; empty when it was left out."""
        value = self.tracker.get_slot(slot)
        return "" if value in (None, SKIPPED) else str(value)

    def values(self, order: OrderView) -> dict[str, Any]:
        """What responses may say of the order, in the customer's language."""
        return facts.order_values(order, self.locale)

    def told(self, *slots: str) -> dict[str, str]:
        """Answers by the label that agents see."""
        return {house.KNOWN[slot]: self.answer(slot) for slot in slots}

    async def ticket(
        self, queue: str, kind: str, subject: str, fields: dict[str, str], order: OrderView | None = None, priority: Priority = "normal"
    ) -> None:
        """Write work for a team: the subject, then every field that was filled, by its label."""
        filled = {label: value for label, value in fields.items() if value}
        summary = subject + "".join(f"；{label}：{value}" for label, value in filled.items())
        await house.desk().open_ticket(
            self.tracker.sender_id, NewTicket(queue, kind, subject[:200], summary, priority, order.number if order else None, filled)
        )

    async def change(self, order: OrderView, fields: dict[str, Any], note: str) -> None:
        """Change columns of an order."""
        await house.desk().change_order(self.tracker.sender_id, OrderChange(order.number, fields, note))


def days_since(moment: datetime | None) -> int | None:
    """Whole days since then."""
    return (datetime.now(UTC) - moment).days if moment else None
