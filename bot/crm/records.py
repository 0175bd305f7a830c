"""What the store and the queries give back: plain values, no rows, no connections."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from bot.conversation.access import Role as Role
from bot.conversation.mood import Mood
from bot.conversation.outcome import Priority, Sender, Sentiment, State
from bot.conversation.presence import Presence

OrderStatus = Literal["unpaid", "paid", "shipped", "delivered", "cancelled", "refunding", "refunded"]
TicketStatus = Literal["open", "waiting", "solved", "closed"]
Result = Literal["solved", "unsolved", "follow_up"]
LabelKind = Literal["queue", "intent", "sentiment"]
EventKind = Literal[
    "queued", "claimed", "taken_over", "assigned", "transferred", "requeued", "lost", "returned", "resolved", "reopened", "left", "closed",
    "resumed",
]  # fmt: skip
"""What happens to a conversation: `requeued` is a transfer to a queue, `resumed` a customer who writes after the end."""


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
    """A message of a conversation; `client_id` is the id that the sender's device gave it.

    `name` is the name of the person who wrote as agent. Attachments have `id`, `name`, `media_type` and `size` in bytes.
    """

    seq: int
    sender: Sender
    name: str | None
    text: str
    buttons: tuple[dict[str, str], ...]
    client_id: str | None
    at: datetime
    attachments: tuple[dict[str, Any], ...] = ()
    user_id: int | None = None


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
    """Where a conversation stands. `position` is 1 for the next in its queue, None when not queued; `agent_read_seq` is the last message
    that a person has seen."""

    id: str
    customer_id: int
    state: State
    last_seq: int
    locale: str
    queue: str | None
    position: int | None
    reasons: tuple[dict[str, Any], ...] = ()
    agent_read_seq: int = 0


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A customer message that waits for its turn, with what the assistant needs to know.

    `mood` is what the earlier messages have left; `state` is who owns the conversation; `tracker_turn_id` is the
    last turn in the stored tracker; `attended`: a person has been in the conversation.
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
    mood: Mood
    attended: bool = False


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
    status: TicketStatus
    order_number: str | None
    fields: dict[str, str]
    created_at: datetime
    promised_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    owner_id: int | None = None
    owner: str | None = None


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
    """One of the staff; only who is `active` may sign in."""

    id: int
    name: str
    role: Role
    password_hash: str = field(repr=False)
    active: bool = True


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


# For the console


@dataclass(frozen=True, slots=True)
class Owned:
    """Who owns a conversation after a change, with the messages that told the customer."""

    conversation_id: str
    state: State
    queue: str | None
    agent_id: int | None
    agent_name: str | None
    messages: tuple[MessageView, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How a queue is run: the promised minutes until a person answers, whether waiting conversations are assigned by themselves, and
    whether only its own agents and supervisors see them."""

    queue: str
    promise_minutes: int
    auto_assign: bool = False
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a customer who needs a person can hope for one now. `opens_at` is set outside opening hours, if they ever open."""

    open: bool
    anyone_online: bool
    opens_at: datetime | None

    @property
    def somebody(self) -> bool:
        """Whether they can."""
        return self.open and self.anyone_online


@dataclass(frozen=True, slots=True)
class Member:
    """One of the staff at work. `presence` counts a lost connection as offline, `choice` is what was chosen; `load` is how many
    conversations they own."""

    id: int
    name: str
    role: Role
    active: bool
    presence: Presence
    choice: Presence
    seen_at: datetime | None
    load: int
    capacity: int
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day with other hours: `opens` and `closes` in minutes after midnight, or closed all day."""

    day: date
    name: str
    opens: int | None
    closes: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is to do for a viewer: conversations that wait, own conversations, customer messages in these that were not read,
    and conversations whose promised time is over or nearly."""

    queued: int
    mine: int
    unread: int
    at_risk: int


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation in a list. `text`, `sender` and `last_at` are the last message's; `unread` counts customer messages that the owner
    has not seen; `sentiment` and `score` are the last customer message's; `explanation` says why it stands where it stands."""

    id: str
    customer_id: int
    customer: str | None
    channel: str
    locale: str
    state: State
    queue: str | None
    priority: Priority | None
    agent_id: int | None
    agent_name: str | None
    text: str
    sender: Sender | None
    last_at: datetime
    last_seq: int
    read_seq: int
    agent_read_seq: int
    unread: int
    position: int | None
    queued_at: datetime | None
    due_at: datetime | None
    promised_at: datetime | None
    unanswered_since: datetime | None
    updated_at: datetime
    sentiment: Sentiment | None
    score: float | None
    reasons: tuple[dict[str, Any], ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something in a transcript: a message, an internal note, or an event. `key` is unique in the conversation and stays the same.

    For customer messages, `seen` is what was understood (intent, intent_confidence, queue, queue_confidence, queue_scores,
    queue_evidence, sentiment, sentiment_score, sentiment_evidence, escalate, reasons, mode) and `labels` are corrections by kind.
    For notes and events, `user` is who made it (None: nobody, the system did), and `kind` and `fields` say what happened.
    """

    key: str
    type: Literal["message", "note", "event"]
    at: datetime
    message: MessageView | None = None
    seen: dict[str, Any] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    feedback: Literal["up", "down"] | None = None
    user: str | None = None
    text: str = ""
    kind: EventKind | None = None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CustomerView:
    """A customer; `verified`: the shop vouches for who this is."""

    id: int
    name: str | None
    phone: str | None
    level: str | None
    verified: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierConversation:
    """Another conversation of a customer, with its last message and rating."""

    id: str
    channel: str
    state: State
    queue: str | None
    created_at: datetime
    updated_at: datetime
    text: str
    score: int | None


@dataclass(frozen=True, slots=True)
class NoteView:
    """An internal note."""

    id: int
    conversation_id: str | None
    user: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RatingView:
    """How a customer found a conversation, 1…5."""

    conversation_id: str
    score: int
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What a customer agreed to."""

    purpose: str
    notice_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HandOffView:
    """Why and when a conversation went to a person, and what came of it; `agent` is who took it last."""

    id: int
    ticket_id: int
    queue: str
    priority: Priority
    reasons: tuple[dict[str, Any], ...]
    summary: str
    created_at: datetime
    agent: str | None
    claimed_at: datetime | None
    first_reply_at: datetime | None
    ended_at: datetime | None
    outcome: Literal["left", "closed", "returned", "resolved"] | None
    result: Result | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class CustomerSide:
    """What there is to know about the customer of a conversation; `sentiment` are times and scores (−1…1), oldest first."""

    customer: CustomerView
    verified: bool
    orders: tuple[OrderView, ...]
    earlier: tuple[EarlierConversation, ...]
    tickets: tuple[TicketView, ...]
    sentiment: tuple[tuple[datetime, float], ...]
    consents: tuple[ConsentView, ...]
    notes: tuple[NoteView, ...]
    ratings: tuple[RatingView, ...]
    hand_offs: tuple[HandOffView, ...]


@dataclass(frozen=True, slots=True)
class CannedReply:
    """A prepared answer that agents choose by its shortcut; without a queue it is for all."""

    id: int
    shortcut: str
    text: str
    queue: str | None
    updated_by: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a conversation; `user_id` is None when the customer sent it. `sent`: it stands in a message."""

    id: str
    conversation_id: str
    user_id: int | None
    name: str
    media_type: str
    size: int
    sha256: str
    at: datetime
    sent: bool
