"""The tables of the CRM store. Times are UTC; money is in cents; a `*_hash` is a SHA-256 in hexadecimal."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    true,
)

from bot.conversation.taxonomy import QUEUES

ORDER_STATES = ("unpaid", "paid", "shipped", "delivered", "cancelled", "refunding", "refunded")
TICKET_STATES = ("open", "waiting", "solved", "closed")
HAND_OFF_OUTCOMES = ("left", "closed", "returned", "resolved")
RESULTS = ("solved", "unsolved", "follow_up")
ROLES = ("admin", "supervisor", "agent")
PRESENCES = ("online", "away", "offline")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC, also on SQLite, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite gets it without a zone."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Key = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", Key, primary_key=True, autoincrement=True)


def _to(target: str, *, name: str | None = None, **options: Any) -> Column[Any]:
    table = target.partition(".")[0]
    return Column(name or f"{table.removesuffix('s')}_id", ForeignKey(target), **options)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


customers = Table(
    "customers",
    metadata,
    _id(),
    Column("name", String(100)),
    Column("phone", String(20)),
    Column("level", String(20)),
    Column("verified", Boolean, nullable=False, default=False),  # the shop vouches for who this is
    Column("created_at", Moment, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    _id(),
    _to("customers.id", nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("value_hash", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("kind", "value_hash"),
    _one_of("kind", ("visitor", "shop")),
)

products = Table(
    "products",
    metadata,
    _id(),
    Column("sku", String(40), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("category", String(40), nullable=False),
    Column("price_cents", Integer, nullable=False),
    Column("stock", Integer, nullable=False),
    Column("note", String(200), nullable=False),
)

orders = Table(
    "orders",
    metadata,
    _id(),
    Column("number", String(12), nullable=False, unique=True),
    _to("customers.id", nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("total_cents", Integer, nullable=False),
    Column("paid_cents", Integer, nullable=False),
    Column("courier", String(20)),
    Column("tracking_number", String(40)),
    Column("tracking_note", String(200)),
    Column("ordered_at", Moment, nullable=False),
    Column("shipped_at", Moment),
    Column("expected_at", Moment),
    Column("delivered_at", Moment),
    Column("recipient", String(100), nullable=False),
    Column("phone", String(20), nullable=False),
    Column("address", String(300), nullable=False),
    Column("invoice_title", String(200)),
    _one_of("status", ORDER_STATES),
)

order_items = Table(
    "order_items",
    metadata,
    _id(),
    _to("orders.id", nullable=False, index=True),
    _to("products.id", nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_cents", Integer, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    _to("customers.id", nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("channel", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("verified", Boolean, nullable=False),  # at the last greeting the shop vouched for the customer
    Column("locale", String(10), nullable=False),
    Column("page", String(500)),
    Column("last_seq", Integer, nullable=False),
    Column("read_seq", Integer, nullable=False),
    Column("mood", JSON),  # how the customer feels, as `bot.conversation.mood` stores it
    Column("queue", String(20)),
    Column("urgency", Integer),  # 0 urgent … 3 low
    Column("queued_at", Moment),
    Column("lease_owner", String(100)),
    Column("lease_until", Moment),
    Column("tracker_turn_id", Key),  # the last turn whose events the assistant's tracker holds
    Column("slots", JSON, nullable=False),
    Column("active_loop", String(100)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    _to("users.id", name="agent_id", index=True),  # the person who owns the conversation
    Column("due_at", Moment),  # the place in the queue: the earlier, the sooner (bot.conversation.priority)
    Column("unanswered_since", Moment),  # the first customer message that no person has answered
    Column("promised_at", Moment),  # when a person is to have answered
    Column("agent_read_seq", Integer, nullable=False, server_default="0"),
    Column("closed_at", Moment),
    _one_of("state", ("bot", "queued", "agent", "closed")),
    Index(None, "state", "queue", "due_at"),
    Index(None, "updated_at"),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _to("conversations.id", nullable=False),
    Column("seq", Integer, nullable=False),
    Column("sender", String(10), nullable=False),
    Column("name", String(100)),
    Column("text", Text, nullable=False),
    Column("buttons", JSON, nullable=False),
    Column("client_id", String(64)),
    Column("turn_id", Key),  # for the assistant's messages: the turn that made them
    _to("users.id"),  # for a person's messages: whose
    Column("attachments", JSON, nullable=False, server_default="[]"),
    Column("at", Moment, nullable=False),
    UniqueConstraint("conversation_id", "seq"),
    UniqueConstraint("conversation_id", "client_id"),
    _one_of("sender", ("customer", "bot", "agent", "system")),
)

turns = Table(
    "turns",
    metadata,
    _id(),
    _to("conversations.id", nullable=False),
    _to("messages.id", nullable=False, unique=True),
    Column("status", String(10), nullable=False),
    Column("payload", String(200)),
    Column("error", String(200)),
    Column("created_at", Moment, nullable=False),
    Column("done_at", Moment),
    _one_of("status", ("pending", "done")),
    Index(None, "conversation_id", "status"),
)
Index("ix_turns_pending", turns.c.id, sqlite_where=turns.c.status == "pending", postgresql_where=turns.c.status == "pending")

tracker_turns = Table(
    "tracker_turns",
    metadata,
    Column("turn_id", ForeignKey("turns.id"), primary_key=True, autoincrement=False),
    _to("conversations.id", nullable=False, index=True),
    Column("events", JSON, nullable=False),
)

interactions = Table(
    "interactions",
    metadata,
    _id(),
    _to("turns.id", nullable=False, unique=True),
    _to("messages.id", nullable=False, unique=True),
    _to("conversations.id", nullable=False, index=True),
    _to("customers.id", nullable=False, index=True),
    Column("mode", String(10), nullable=False),
    Column("intent", String(60), nullable=False),
    Column("intent_confidence", Float, nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("queue", String(20), nullable=False),
    Column("queue_confidence", Float, nullable=False),
    Column("queue_scores", JSON, nullable=False),
    Column("queue_evidence", JSON, nullable=False),
    Column("sentiment", String(10), nullable=False),
    Column("sentiment_score", Float, nullable=False),
    Column("sentiment_evidence", JSON, nullable=False),
    Column("escalate", Boolean, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("model_versions", JSON, nullable=False),
    Column("milliseconds", Float, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

tickets = Table(
    "tickets",
    metadata,
    _id(),
    _to("conversations.id", nullable=False, index=True),
    _to("customers.id", nullable=False, index=True),
    _to("turns.id", index=True),
    Column("queue", String(20), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("summary", Text, nullable=False),
    Column("priority", String(10), nullable=False),
    Column("status", String(10), nullable=False),
    Column("order_number", String(12)),
    Column("fields", JSON, nullable=False),
    _to("users.id", name="owner_id", index=True),
    Column("promised_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("closed_at", Moment),
    _one_of("queue", tuple(QUEUES)),
    _one_of("priority", ("urgent", "high", "normal", "low")),
    _one_of("status", TICKET_STATES),
    Index(None, "queue", "status"),
)

ticket_events = Table(
    "ticket_events",
    metadata,
    _id(),
    _to("tickets.id", nullable=False, index=True),
    _to("users.id"),
    Column("kind", String(20), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("at", Moment, nullable=False),
)

hand_offs = Table(
    "hand_offs",
    metadata,
    _id(),
    _to("conversations.id", nullable=False, index=True),
    _to("tickets.id", nullable=False),
    _to("turns.id"),
    Column("queue", String(20), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("summary", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    _to("users.id", name="agent_id", index=True),  # who took it last
    Column("claimed_at", Moment),  # when a person took it first
    Column("first_reply_at", Moment),
    Column("ended_at", Moment),
    Column("outcome", String(10)),
    Column("result", String(10)),
    Column("resolution", Text),
    _one_of("outcome", HAND_OFF_OUTCOMES),
    _one_of("result", RESULTS),
)

conversation_events = Table(
    "conversation_events",
    metadata,
    _id(),
    _to("conversations.id", nullable=False, index=True),
    _to("users.id"),  # nobody: the system
    Column("kind", String(20), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("at", Moment, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    _id(),
    _to("customers.id", nullable=False, index=True),
    _to("conversations.id", index=True),  # none: about the customer as such
    _to("users.id", nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(32), primary_key=True),
    _to("conversations.id", nullable=False, index=True),
    _to("users.id"),  # nobody: the customer
    _to("messages.id", index=True),  # the message that it was sent with
    Column("name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("at", Moment, nullable=False),
)

canned_replies = Table(
    "canned_replies",
    metadata,
    _id(),
    Column("shortcut", String(40), nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("queue", String(20)),
    _to("users.id", name="updated_by"),
    Column("updated_at", Moment, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    _id(),
    _to("messages.id", nullable=False),
    _to("conversations.id", nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("value", String(60), nullable=False),
    Column("predicted", String(60), nullable=False),
    _to("users.id", nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("message_id", "kind"),
    _one_of("kind", ("queue", "intent", "sentiment")),
)

order_changes = Table(
    "order_changes",
    metadata,
    _id(),
    _to("orders.id", nullable=False, index=True),
    _to("conversations.id", nullable=False),
    Column("fields", JSON, nullable=False),
    Column("note", String(300), nullable=False),
    Column("at", Moment, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    _id(),
    _to("conversations.id", nullable=False, index=True),
    Column("score", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
)

feedback = Table(
    "feedback",
    metadata,
    _id(),
    _to("messages.id", nullable=False, unique=True),
    Column("value", String(4), nullable=False),
    Column("at", Moment, nullable=False),
    _one_of("value", ("up", "down")),
)

consents = Table(
    "consents",
    metadata,
    _id(),
    _to("customers.id", nullable=False, index=True),
    Column("purpose", String(20), nullable=False),
    Column("notice_version", String(20), nullable=False),
    Column("at", Moment, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("key", String(80), nullable=False, unique=True),  # sent along, so that the receiver can tell a repetition
    Column("kind", String(40), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("created_at", Moment, nullable=False),
)
Index("ix_outbox_due", outbox.c.due_at, sqlite_where=outbox.c.sent_at.is_(None), postgresql_where=outbox.c.sent_at.is_(None))

users = Table(
    "users",
    metadata,
    _id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),  # whether this user may sign in
    Column("capacity", Integer, nullable=False, server_default="5"),
    Column("presence", String(10), nullable=False, server_default="offline"),  # what the user chose; see `seen_at`
    Column("seen_at", Moment),  # when a console of this user was last connected
    Column("created_at", Moment, nullable=False),
    _one_of("role", ROLES),
    _one_of("presence", PRESENCES),
)

user_queues = Table(
    "user_queues",
    metadata,
    _to("users.id", primary_key=True),
    Column("queue", String(20), primary_key=True),
)

queue_settings = Table(
    "queue_settings",
    metadata,
    Column("queue", String(20), primary_key=True),
    Column("promise_minutes", Integer, nullable=False),
    Column("auto_assign", Boolean, nullable=False),
    Column("restricted", Boolean, nullable=False),  # only its own agents and supervisors see its conversations
)

opening_hours = Table(
    "opening_hours",
    metadata,
    _id(),
    Column("weekday", Integer, nullable=False),  # 0 Monday … 6 Sunday
    Column("opens", Integer, nullable=False),  # minutes after midnight, local time
    Column("closes", Integer, nullable=False),
)

holidays = Table(
    "holidays",
    metadata,
    Column("day", Date, primary_key=True),
    Column("name", String(60), nullable=False),
    Column("opens", Integer),  # none: closed all day
    Column("closes", Integer),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    _to("users.id", nullable=False, index=True),
    Column("csrf_token", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
