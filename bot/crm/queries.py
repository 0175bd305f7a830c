"""Reads of the record, to be run by `Database.read` or within a transaction of `store`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from bot.conversation.mood import Mood
from bot.conversation.priority import PROMISES
from bot.crm import tables
from bot.crm.records import (
    ConversationView,
    InteractionView,
    MessageView,
    OrderItem,
    OrderView,
    PendingTurn,
    ProductView,
    QueuedView,
    SeenMessage,
    Session,
    TicketView,
    TrackerRecord,
    Transcript,
    User,
)

MOST_OVERHEARD = 20
"""Messages of people that the assistant looks back on, when it has not been its turn for long."""

_HAD_BY_PEOPLE = ("claimed", "taken_over", "assigned", "transferred", "reopened", "returned", "resolved")

# What every turn reads is made once, as in `store`.
_CONVERSATION = select(tables.conversations).where(tables.conversations.c.id == bindparam("conversation"))
_MESSAGES_AFTER = (
    select(tables.messages)
    .where(tables.messages.c.conversation_id == bindparam("conversation"), tables.messages.c.seq > bindparam("seq"))
    .order_by(tables.messages.c.seq)
    .limit(bindparam("limit"))
)
_SESSION = (
    select(*(tables.users.c[name] for name in ("id", "name", "role", "password_hash")), tables.sessions.c.csrf_token)
    .join(tables.users, tables.users.c.id == tables.sessions.c.user_id)
    .where(tables.sessions.c.token_hash == bindparam("hash"), tables.sessions.c.expires_at > bindparam("at"), tables.users.c.active)
)


def conversation(c: Connection, conversation_id: str) -> ConversationView | None:
    """Where a conversation stands."""
    row = c.execute(_CONVERSATION, {"conversation": conversation_id}).one_or_none()
    if row is None:
        return None
    reasons: Sequence[dict[str, Any]] = ()
    if row.state == "queued":
        hand_off = tables.hand_offs
        reasons = (
            c.execute(
                select(hand_off.c.reasons)
                .where(hand_off.c.conversation_id == row.id, hand_off.c.ended_at.is_(None))
                .order_by(hand_off.c.id.desc())
            ).scalar()
            or ()
        )
    return ConversationView(
        row.id,
        row.customer_id,
        row.state,
        row.last_seq,
        row.locale,
        row.queue if row.state in {"queued", "agent"} else None,
        position(c, row.id) if row.state == "queued" else None,
        tuple(reasons),
        row.agent_read_seq,
    )


def conversation_of(c: Connection, token_hash: str, channel: str) -> str | None:
    """The id of the conversation of a channel that a token opens."""
    table = tables.conversations
    return c.execute(select(table.c.id).where(table.c.token_hash == token_hash, table.c.channel == channel)).scalar()


def position(c: Connection, conversation_id: str) -> int | None:
    """The place of a waiting conversation in its queue, 1 for the next (see `bot.conversation.priority`). None when it does not wait."""
    table = tables.conversations
    mine = c.execute(select(table.c.queue, table.c.due_at).where(table.c.id == conversation_id, table.c.state == "queued")).one_or_none()
    if mine is None:
        return None
    before = or_(table.c.due_at < mine.due_at, and_(table.c.due_at == mine.due_at, table.c.id < conversation_id))
    return 1 + c.execute(select(func.count()).where(table.c.state == "queued", table.c.queue == mine.queue, before)).scalar_one()


def messages_after(c: Connection, conversation_id: str, seq: int, limit: int = 200) -> list[MessageView]:
    """The messages after `seq`, in order, at most `limit` of them."""
    rows = c.execute(_MESSAGES_AFTER, {"conversation": conversation_id, "seq": seq, "limit": limit})
    return [message_view(row) for row in rows]


def since(c: Connection, conversation_id: str, seq: int, limit: int) -> tuple[list[MessageView], ConversationView]:
    """What a socket that has shown the messages up to `seq` needs: the next ones, and where the conversation stands."""
    now = conversation(c, conversation_id)
    assert now is not None, "conversations are not deleted while they are shown"
    return messages_after(c, conversation_id, seq, limit), now


def latest_messages(c: Connection, conversation_id: str, limit: int) -> list[MessageView]:
    """The last messages, in order."""
    table = tables.messages
    rows = c.execute(select(table).where(table.c.conversation_id == conversation_id).order_by(table.c.seq.desc()).limit(limit))
    return [message_view(row) for row in rows][::-1]


def message_view(row: Row[Any]) -> MessageView:
    """A row of `messages`."""
    return MessageView(
        row.seq, row.sender, row.name, row.text, tuple(row.buttons), row.client_id, row.at, tuple(row.attachments), row.user_id
    )


def news(c: Connection, conversation_ids: Sequence[str]) -> dict[str, tuple[int, str, int]]:
    """The last `seq`, the owner, and what a person has read of each conversation: what changes when something happened."""
    table = tables.conversations
    wanted = select(table.c.id, table.c.last_seq, table.c.state, table.c.agent_read_seq).where(table.c.id.in_(conversation_ids))
    return {row.id: (row.last_seq, row.state, row.agent_read_seq) for row in c.execute(wanted)}


def offered_choices(c: Connection, conversation_id: str, *, again: str | None = None) -> dict[str, str]:
    """Payload and title of the buttons that were offered last, also when the customer wrote something else since.

    With `again`, the client id of a choice that may be a repetition, the choice made under that id counts as offered too.
    """
    table, turn = tables.messages, tables.turns
    rows = c.execute(
        select(table.c.sender, table.c.buttons).where(table.c.conversation_id == conversation_id).order_by(table.c.seq.desc()).limit(30)
    )
    offered: dict[str, str] = {}
    for row in rows:
        if row.sender == "customer" and offered:
            break
        for button in row.buttons:
            offered.setdefault(button["payload"], button["title"])
    if again is not None:
        made = c.execute(
            select(turn.c.payload, table.c.text)
            .join(turn, turn.c.message_id == table.c.id)
            .where(table.c.conversation_id == conversation_id, table.c.client_id == again, turn.c.payload.is_not(None))
        ).one_or_none()
        if made is not None:
            offered[made.payload] = made.text
    return offered


def choice(c: Connection, conversation_id: str, said: str, *, again: str | None = None) -> tuple[str, str] | None:
    """Payload and title of the offered button that somebody without buttons names, by either of them; None when it is none."""
    offered = offered_choices(c, conversation_id, again=again)
    return next((button for button in offered.items() if said in button), None)


def next_turn(c: Connection, conversation_id: str) -> PendingTurn | None:
    """The oldest pending turn of a conversation."""
    turn, message, table = tables.turns, tables.messages, tables.conversations
    row = c.execute(
        select(turn.c.id.label("turn_id"), turn.c.payload, message.c.text, table)
        .join(message, message.c.id == turn.c.message_id)
        .join(table, table.c.id == turn.c.conversation_id)
        .where(turn.c.conversation_id == conversation_id, turn.c.status == "pending")
        .order_by(turn.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return PendingTurn(
        row.turn_id,
        conversation_id,
        row.customer_id,
        row.text,
        row.payload,
        row.state,
        row.locale,
        row.verified,
        row.tracker_turn_id,
        Mood.from_record(row.mood),
        row.agent_read_seq > 0,
    )


def replies(c: Connection, turn_id: int) -> list[MessageView] | None:
    """What the assistant said in a turn; None while the turn is not done."""
    table, turn = tables.messages, tables.turns
    if c.execute(select(turn.c.status).where(turn.c.id == turn_id)).scalar() != "done":
        return None
    conversation_id = select(turn.c.conversation_id).where(turn.c.id == turn_id).scalar_subquery()
    rows = c.execute(
        select(table)
        .where(table.c.conversation_id == conversation_id, table.c.turn_id == turn_id, table.c.sender == "bot")
        .order_by(table.c.seq)
    )
    return [message_view(row) for row in rows]


def interaction(c: Connection, turn_id: int) -> InteractionView | None:
    """What was understood of the message of a turn; None while the turn is not done."""
    table, message = tables.interactions, tables.messages
    row = c.execute(
        select(table.c.intent, table.c.queue, table.c.sentiment, table.c.sentiment_score, message.c.text)
        .join(message, message.c.id == table.c.message_id)
        .where(table.c.turn_id == turn_id)
    ).one_or_none()
    return InteractionView(*row) if row else None


def recent_interactions(c: Connection, conversation_id: str, limit: int) -> list[InteractionView]:
    """What was understood of a conversation's last messages, oldest first."""
    table, message = tables.interactions, tables.messages
    rows = c.execute(
        select(table.c.intent, table.c.queue, table.c.sentiment, table.c.sentiment_score, message.c.text)
        .join(message, message.c.id == table.c.message_id)
        .where(table.c.conversation_id == conversation_id)
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    return [InteractionView(*row) for row in rows][::-1]


def load_tracker(c: Connection, conversation_id: str, turns: int) -> TrackerRecord | None:
    """The assistant's memory with the events of the last `turns` turns; None before the first."""
    table, events = tables.conversations, tables.tracker_turns
    row = c.execute(select(table.c.slots, table.c.active_loop, table.c.tracker_turn_id).where(table.c.id == conversation_id)).one_or_none()
    if row is None or row.tracker_turn_id is None:
        return None
    stored = c.execute(
        select(events.c.events).where(events.c.conversation_id == conversation_id).order_by(events.c.turn_id.desc()).limit(turns)
    ).scalars()
    return TrackerRecord(row.slots, row.active_loop, tuple(event for turn in reversed(list(stored)) for event in turn))


def meanwhile(c: Connection, conversation_id: str, known_turn_id: int | None, turn_id: int) -> tuple[bool, tuple[str, ...]]:
    """What people did in a conversation between two turns, the first of which may be none: whether they had it, and what they said."""
    message, turn, event = tables.messages, tables.turns, tables.conversation_events
    seqs = select(turn.c.id, message.c.seq, turn.c.done_at).join(message, message.c.id == turn.c.message_id)
    found = {row.id: row for row in c.execute(seqs.where(turn.c.id.in_((known_turn_id, turn_id))))}
    known = found.get(known_turn_id) if known_turn_id is not None else None
    said = (
        select(message.c.text)
        .where(message.c.conversation_id == conversation_id, message.c.sender == "agent", message.c.seq < found[turn_id].seq)
        .where(message.c.seq > (known.seq if known else 0))
        .order_by(message.c.seq.desc())
        .limit(MOST_OVERHEARD)
    )
    texts = tuple(c.execute(said).scalars().all()[::-1])
    had = select(event.c.id).where(event.c.conversation_id == conversation_id, event.c.kind.in_(_HAD_BY_PEOPLE)).limit(1)
    if known is not None:
        had = had.where(event.c.at >= known.done_at)
    return bool(texts) or c.execute(had).scalar() is not None, texts


# Orders


def find_order(c: Connection, number: str) -> OrderView | None:
    """The order with that number."""
    found = _orders(c, tables.orders.c.number == number, 1)
    return found[0] if found else None


def orders_of_customer(c: Connection, customer_id: int, limit: int) -> list[OrderView]:
    """A customer's last orders, newest first."""
    return _orders(c, tables.orders.c.customer_id == customer_id, limit)


def _orders(c: Connection, condition: Any, limit: int) -> list[OrderView]:
    order, item, product = tables.orders, tables.order_items, tables.products
    rows = c.execute(select(order).where(condition).order_by(order.c.ordered_at.desc(), order.c.id.desc()).limit(limit)).all()
    lines = c.execute(
        select(item.c.order_id, product.c.sku, product.c.name, item.c.quantity, item.c.price_cents)
        .join(product, product.c.id == item.c.product_id)
        .where(item.c.order_id.in_([row.id for row in rows]))
        .order_by(item.c.id)
    ).all()
    return [
        OrderView(
            number=row.number, customer_id=row.customer_id, status=row.status, total_cents=row.total_cents, paid_cents=row.paid_cents,
            items=tuple(OrderItem(line.sku, line.name, line.quantity, line.price_cents) for line in lines if line.order_id == row.id),
            courier=row.courier, tracking_number=row.tracking_number, tracking_note=row.tracking_note, ordered_at=row.ordered_at,
            shipped_at=row.shipped_at, expected_at=row.expected_at, delivered_at=row.delivered_at, recipient=row.recipient,
            phone=row.phone, address=row.address, invoice_title=row.invoice_title,
        )
        for row in rows
    ]  # fmt: skip


def products(c: Connection, limit: int = 100) -> list[ProductView]:
    """The shop's products, in the order in which they came."""
    table = tables.products
    rows = c.execute(select(table).order_by(table.c.id).limit(limit))
    return [ProductView(row.sku, row.name, row.category, row.price_cents, row.stock, row.note) for row in rows]


# For agents


def queue(c: Connection, limit: int = 200) -> list[QueuedView]:
    """The conversations that wait for a person, in the order in which they are to be taken."""
    table, hand_off, customer = tables.conversations, tables.hand_offs, tables.customers
    rows = c.execute(
        select(table, hand_off.c.reasons, hand_off.c.summary, hand_off.c.priority, hand_off.c.ticket_id, customer.c.name)
        .join(hand_off, and_(hand_off.c.conversation_id == table.c.id, hand_off.c.ended_at.is_(None)))
        .join(customer, customer.c.id == table.c.customer_id)
        .where(table.c.state == "queued")
        .order_by(table.c.due_at, table.c.id)
        .limit(limit)
    ).all()
    places: dict[str, int] = {}
    waiting = []
    for row in rows:
        places[row.queue] = places.get(row.queue, 0) + 1
        waiting.append(
            QueuedView(
                row.id,
                row.queue,
                row.priority,
                places[row.queue],
                tuple(row.reasons),
                row.summary,
                row.queued_at,
                row.name,
                row.channel,
                row.ticket_id,
            )
        )
    return waiting


def transcript(c: Connection, conversation_id: str) -> Transcript | None:
    """A whole conversation with what was understood of each message, and its tickets."""
    now = conversation(c, conversation_id)
    if now is None:
        return None
    table, seen, ticket, customer = tables.messages, tables.interactions, tables.tickets, tables.customers
    rows = c.execute(
        select(
            table,
            seen.c.intent,
            seen.c.intent_confidence,
            seen.c.queue,
            seen.c.sentiment,
            seen.c.sentiment_score,
            seen.c.escalate,
            seen.c.reasons,
        )
        .outerjoin(seen, seen.c.message_id == table.c.id)
        .where(table.c.conversation_id == conversation_id)
        .order_by(table.c.seq)
    )
    names = ("intent", "intent_confidence", "queue", "sentiment", "sentiment_score", "escalate", "reasons")
    messages = tuple(
        SeenMessage(message_view(row), {name: getattr(row, name) for name in names} if row.intent is not None else None) for row in rows
    )
    tickets = c.execute(
        select(
            ticket.c.id, ticket.c.queue, ticket.c.kind, ticket.c.subject, ticket.c.summary, ticket.c.priority, ticket.c.status,
            ticket.c.order_number, ticket.c.fields, ticket.c.created_at, ticket.c.promised_at, ticket.c.updated_at, ticket.c.closed_at,
            ticket.c.owner_id,
        ).where(ticket.c.conversation_id == conversation_id).order_by(ticket.c.id)
    )  # fmt: skip
    name, channel = c.execute(
        select(customer.c.name, tables.conversations.c.channel)
        .join(tables.conversations, tables.conversations.c.customer_id == customer.c.id)
        .where(tables.conversations.c.id == conversation_id)
    ).one()
    return Transcript(now, name, channel, messages, tuple(TicketView(**row._mapping) for row in tickets))


def promise(c: Connection, queue: str | None) -> timedelta:
    """Within which time a person answers in a queue."""
    table = tables.queue_settings
    minutes = c.execute(select(table.c.promise_minutes).where(table.c.queue == queue)).scalar() if queue else None
    return timedelta(minutes=minutes or PROMISES.get(queue or "general", PROMISES["general"]))


def has_admin(c: Connection) -> bool:
    """Whether anybody may sign in as admin."""
    return c.execute(select(tables.users.c.id).where(tables.users.c.role == "admin").limit(1)).scalar() is not None


def user_by_name(c: Connection, name: str) -> User | None:
    """The user of that name."""
    table = tables.users
    columns = (table.c.id, table.c.name, table.c.role, table.c.password_hash, table.c.active)
    row = c.execute(select(*columns).where(table.c.name == name)).one_or_none()
    return User(*row) if row else None


def session(c: Connection, token_hash: str, at: datetime) -> Session | None:
    """Who is signed in with a token, unless the session is over at the time `at` or the user may not sign in any more."""
    row = c.execute(_SESSION, {"hash": token_hash, "at": at}).one_or_none()
    return Session(User(*row[:4]), row.csrf_token) if row else None
