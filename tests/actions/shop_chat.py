"""A desk that holds a few orders and keeps what is put on it, and messages as Rasa hands them to actions."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.reading import order_number_in
from bot.conversation.outcome import HandOff, Interaction, NewTicket, OrderChange, Reason
from bot.crm.records import Availability, OrderItem, OrderView

DOMAIN = yaml.safe_load(Path("domain.yml").read_text(encoding="utf-8"))
MINE = 7


def an_order(number: str, status: str, **changes: Any) -> OrderView:
    now = datetime.now(UTC)
    order = OrderView(
        number=number,
        customer_id=MINE,
        status=status,
        total_cents=129900,
        paid_cents=0 if status == "unpaid" else 129900,
        items=(OrderItem("S1", "空气炸锅", 2, 64950),),
        courier="顺丰" if status in {"shipped", "delivered"} else None,
        tracking_number="SF1001" if status in {"shipped", "delivered"} else None,
        tracking_note="已到达杭州转运中心" if status == "shipped" else None,
        ordered_at=now - timedelta(hours=5),
        shipped_at=None,
        expected_at=now + timedelta(days=2) if status == "shipped" else None,
        delivered_at=now - timedelta(days=3) if status == "delivered" else None,
        recipient="王小明",
        phone="13800005678",
        address="杭州市西湖区文一路 1 号",
        invoice_title=None,
    )
    return replace(order, **changes)


ORDERS = {
    status: an_order(f"20261101000{index}", status)
    for index, status in enumerate(("unpaid", "paid", "shipped", "delivered", "cancelled", "refunding", "refunded"))
}
LATE = an_order("202611010010", "shipped", expected_at=datetime.now(UTC) - timedelta(days=1))
OLD = an_order("202611010011", "delivered", delivered_at=datetime.now(UTC) - timedelta(days=30))


@dataclass
class FakeDesk:
    verified: bool = False
    reasons: tuple[Reason, ...] = ()
    fallback: bool = False
    queue: str = "logistics"
    escalate: bool = False
    orders: dict[str, OrderView] = field(default_factory=lambda: {order.number: order for order in (*ORDERS.values(), LATE, OLD)})
    tickets: list[NewTicket] = field(default_factory=list)
    changes: list[OrderChange] = field(default_factory=list)
    known: dict[str, str] | None = None
    there: Availability = Availability(True, True, None)
    assessed: list[tuple[str, int]] = field(default_factory=list)

    async def assess(self, sender: str, text: str, parsed: dict[str, Any], failures: int, message_id: str | None) -> Interaction:
        self.assessed.append((text, failures))
        return Interaction(
            "track_order", 0.9, self.fallback, self.queue, 0.9, {}, (), "neutral", 0.0, (), self.escalate, self.reasons, {}, 1.0
        )

    async def order(self, number: str) -> OrderView | None:
        return self.orders.get(number)

    async def availability(self, queue: str) -> Availability:
        return self.there

    async def recent_orders(self, limit: int = 3) -> tuple[OrderView, ...]:
        return tuple(self.orders.values())[:limit] if self.verified else ()

    def owns(self, order: OrderView) -> bool:
        return self.verified and order.customer_id == MINE

    async def open_ticket(self, sender: str, ticket: NewTicket) -> None:
        self.tickets.append(ticket)

    async def change_order(self, sender: str, change: OrderChange) -> None:
        self.changes.append(change)

    async def hand_off(self, sender: str, known: dict[str, str]) -> HandOff | None:
        self.known = known
        return HandOff("logistics", "normal", self.reasons, "")


class Chat:
    """One conversation with one form after another, the way Rasa runs them: extract, validate, ask or act."""

    def __init__(self, desk: FakeDesk, actions: dict[str, Any], *, locale: str = "zh") -> None:
        self.desk = desk
        self._actions = actions
        self.form: str | None = None
        self.slots: dict[str, Any] = {"locale": locale, "failures": 0, "wrong_tails": 0, "queue": "logistics"}
        self.values: dict[str, dict[str, Any]] = {}
        """The values that the last message's responses were given, by response."""

    @property
    def asked(self) -> str | None:
        return self.slots.get("requested_slot")

    async def open(self, form: str, text: str = "/start", intent: str = "inform", **entities: str) -> list[str]:
        self.form = None
        return await self._turn(text, intent, 0.9, entities, opening=form)

    async def say(self, text: str, intent: str = "inform", confidence: float = 0.9, **entities: str) -> list[str]:
        return await self._turn(text, intent, confidence, entities)

    async def _turn(self, text: str, intent: str, confidence: float, entities: dict[str, str], opening: str | None = None) -> list[str]:
        if number := entities.get("order_number") or order_number_in(text):
            self.slots["order_number"] = number
        latest = {
            "text": text,
            "intent": {"name": intent, "confidence": confidence},
            "entities": [{"entity": name, "value": value} for name, value in entities.items()],
        }
        self.values = {}
        if opening:
            self.form = opening
        following = await self._validate(latest)
        while following not in {"action_listen", None}:
            self.form = following
            following = await self._validate(latest)
        return list(self.values)

    async def _validate(self, latest: dict[str, Any]) -> str | None:
        events = await self._run(f"validate_{self.form}", latest)
        assert any(event["event"] == "slot" and event["name"] != "requested_slot" for event in events), "Rasa would reject the form"
        following = next((event["name"] for event in events if event["event"] == "followup"), None)
        if self.asked is None:
            form, self.form = self.form, None
            if following is None:
                await self._run(SUBMITS[str(form)], latest)
        elif f"action_ask_{self.asked}" in self._actions:
            await self._run(f"action_ask_{self.asked}", latest)
        return following

    async def _run(self, action: str, latest: dict[str, Any]) -> list[dict[str, Any]]:
        dispatcher = CollectingDispatcher()
        loop = {"name": self.form} if self.form else {}
        tracker = Tracker("someone", dict(self.slots), latest, [], False, None, loop, "action_listen")
        events: list[dict[str, Any]] = await self._actions[action](dispatcher, tracker, DOMAIN)
        self.slots |= {event["name"]: event["value"] for event in events if event["event"] == "slot"}
        for message in dispatcher.messages:
            assert message["response"] in DOMAIN["responses"], message["response"]
            _fill(message, self.slots["locale"])
            self.values[message["response"]] = message
        return events


SUBMITS = {
    "track_order_form": "action_order_status", "cancel_order_form": "action_cancel_order", "refund_form": "action_request_refund",
    "return_form": "action_request_return", "exchange_form": "action_request_exchange", "change_address_form": "action_change_address",
    "invoice_form": "action_request_invoice", "fault_form": "action_report_fault", "leave_message_form": "action_leave_message",
}  # fmt: skip


def _fill(message: dict[str, Any], locale: str) -> None:
    """Every variation of a response finds the values that it names; the text in this language is put into the message."""
    for variation in DOMAIN["responses"][message["response"]]:
        text = variation["text"].format(**message)
        if ("condition" in variation) == (locale == "en"):
            message["said"] = text
