"""What the store and the queries give back: plain values, no rows, no connections."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.conversation.outcome import Priority, Sender, Sentiment, State

OrderStatus = Literal["unpaid", "paid", "shipped", "delivered", "cancelled", "refunding", "refunded"]
Role = Literal["admin", "agent"]


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A line of an order; `price_cents` is for one piece."""

    sku: str
    name: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order. `tracking_note` is the courier's last scan in words; times are UTC."""

    number: str
    customer_id: int
    status: OrderStatus
    total_cents: int
    paid_cents: int
    items: tuple[OrderItem, ...]
    courier: str | None
    tracking_number: str | None
    tracking_note: str | None
    ordered_at: datetime
    shipped_at: datetime | None
    expected_at: datetime | None
    delivered_at: datetime | None
    recipient: str
    phone: str
    address: str
    invoice_title: str | None


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product of the shop."""

    sku: str
    name: str
    category: str
    price_cents: int
    stock: int
    note: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message of a conversation; `client_id` is the id that the customer's device gave it."""

    seq: int
    sender: Sender
    name: str | None
    text: str
    buttons: tuple[dict[str, str], ...]
    client_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A customer at the door. `token` is set only when it is new: it is not kept and cannot be shown again."""

    conversation_id: str
    customer_id: int
    state: State
    last_seq: int
    token: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationView:
    """Where a conversation stands. `position` is 1 for the next in its queue, None when not queued."""

    id: str
    customer_id: int
    state: State
    last_seq: int
    locale: str
    queue: str | None
    position: int | None
    reasons: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A customer message that waits for its turn, with what the assistant needs to know.

    `history` are the sentiment scores of earlier messages, oldest first; `state` is who owns the conversation; `tracker_turn_id` is the
    last turn in the stored tracker.
    """

    turn_id: int
    conversation_id: str
    customer_id: int
    text: str
    payload: str | None
    state: State
    locale: str
    verified: bool
    tracker_turn_id: int | None
    history: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A customer message is in the record. `turn` is given when the caller is the one to work on it now."""

    seq: int
    turn_id: int
    state: State
    duplicate: bool
    message: MessageView
    turn: PendingTurn | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn is over. `discarded`: nothing was written, because the conversation changed hands or somebody else did the turn.

    `next` is the turn to work on now, if any: with `discarded` it may be the same one under its new owner.
    """

    turn_id: int
    conversation_id: str
    state: State
    position: int | None
    messages: tuple[MessageView, ...] = ()
    next: PendingTurn | None = None
    discarded: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What was committed just now in a conversation: its new messages, without a gap, and who owns it since."""

    conversation_id: str
    state: State
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True)
class TrackerRecord:
    """The assistant's memory of a conversation: its slots and open form now, and the events of its last turns."""

    slots: dict[str, Any]
    active_loop: str | None
    events: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class InteractionView:
    """What was understood of an earlier message."""

    intent: str
    queue: str
    sentiment: Sentiment
    sentiment_score: float
    text: str


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message with what was understood of it; `seen` is None for all but customer messages."""

    message: MessageView
    seen: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class TicketView:
    """Work for a team."""

    id: int
    queue: str
    kind: str
    subject: str
    summary: str
    priority: Priority
    status: Literal["open", "closed"]
    order_number: str | None
    fields: dict[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation as agents read it."""

    conversation: ConversationView
    customer: str | None
    channel: str
    messages: tuple[SeenMessage, ...]
    tickets: tuple[TicketView, ...]


@dataclass(frozen=True, slots=True)
class QueuedView:
    """A conversation that waits for a person."""

    conversation_id: str
    queue: str
    priority: Priority
    position: int
    reasons: tuple[dict[str, Any], ...]
    summary: str
    waiting_since: datetime
    customer: str | None
    channel: str
    ticket_id: int


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A user who is signed in."""

    user: User
    csrf_token: str


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """Something to tell the outside; `key` is the same at every attempt."""

    id: int
    key: str
    kind: str
    payload: dict[str, Any]
    attempts: int
