"""Short ways to put things into a record, by the store's own functions."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from bot.conversation.outcome import Evidence, HandOff, Interaction, Priority, Reason, TurnOutcome
from bot.conversation.taxonomy import QUEUES
from bot.crm import ownership, queries, staff, store, tables
from bot.crm.database import Database
from bot.crm.records import Accepted, Finished, Role, Visit

REASON = Reason("request", "顾客要求人工服务", "the customer asks for a person", ("转人工",))


def visit(database: Database, **options: Any) -> Visit:
    values: dict[str, Any] = {"channel": "web", "locale": "zh-CN", "notice_version": "1"} | options
    return database.transaction(store.start_visit, **values)


def say(database: Database, conversation_id: str, text: str = "在吗", *, owner: str | None = "w", **options: Any) -> Accepted:
    client_id = options.pop("client_id", None) or str(uuid.uuid4())
    return database.transaction(store.accept_message, conversation_id, client_id, text, owner=owner, **options)


def seen(**options: Any) -> Interaction:
    values: dict[str, Any] = {
        "intent": "greet", "intent_confidence": 0.9, "fallback": False, "queue": "general", "queue_confidence": 0.8,
        "queue_scores": dict.fromkeys(QUEUES, 0.125), "queue_evidence": (Evidence("在吗", 1.5),), "sentiment": "neutral",
        "sentiment_score": 0.0, "sentiment_evidence": (), "escalate": False, "reasons": (), "model_versions": {"assistant": "a1"},
        "milliseconds": 5.0,
    }  # fmt: skip
    return Interaction(**values | options)


def outcome(turn: Any, *, score: float = 0.0, **options: Any) -> TurnOutcome:
    """What a turn made; `turn` is anything with `turn_id` and `conversation_id`."""
    values: dict[str, Any] = {"mode": "reply", "interaction": seen(sentiment_score=score)} | options
    return TurnOutcome(turn.turn_id, turn.conversation_id, **values)


def finish(database: Database, turn: Any, *, owner: str | None = "w", **options: Any) -> Finished:
    return database.transaction(store.finish_turn, outcome(turn, **options), owner=owner)


def turn_of(accepted: Accepted) -> Any:
    assert accepted.turn is not None, "the caller should have got the turn"
    return accepted.turn


def hand_off(queue: str = "logistics", priority: Priority = "normal", reasons: Sequence[Reason] = (REASON,)) -> HandOff:
    return HandOff(queue, priority, tuple(reasons), "顾客共发来 1 条消息。")


def queued(database: Database, queue: str = "logistics", priority: Priority = "normal") -> str:
    """A conversation that waits for a person."""
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id, "转人工"))
    assert finish(database, turn, hand_off=hand_off(queue, priority)).state == "queued"
    return conversation_id


def user(database: Database, name: str = "小李", role: Role = "agent", *, online: bool = True, **options: Any) -> int:
    """One of the staff, who is there unless told otherwise."""
    user_id = database.transaction(store.add_user, name, role, "hash", **options).id
    if online:
        database.transaction(staff.set_presence, user_id, "online")
        database.transaction(staff.seen, user_id, store.now())
    return user_id


def owned(database: Database, user_id: int, queue: str = "logistics", priority: Priority = "normal") -> str:
    """A conversation that somebody has taken from the queue."""
    conversation_id = queued(database, queue, priority)
    database.transaction(ownership.claim, conversation_id, user_id)
    return conversation_id


def conversation(database: Database, conversation_id: str) -> Any:
    """The row of a conversation."""
    (row,) = rows(database, tables.conversations, tables.conversations.c.id == conversation_id)
    return row


def events(database: Database, conversation_id: str) -> list[str]:
    """What happened to a conversation, in order."""
    found = rows(database, tables.conversation_events, tables.conversation_events.c.conversation_id == conversation_id)
    return [row.kind for row in sorted(found, key=lambda row: row.id)]


def run_queue(database: Database, queue: str, *, minutes: int = 10, auto_assign: bool = False, restricted: bool = False) -> None:
    """Settings of a queue, made by nobody."""
    values = {"queue": queue, "promise_minutes": minutes, "auto_assign": auto_assign, "restricted": restricted}
    database.transaction(lambda c: c.execute(insert(tables.queue_settings).values(**values)) and None)


def order(database: Database, number: str = "202611230456", *, customer_id: int | None = None, **options: Any) -> str:
    """An order of one kettle, paid an hour ago unless told otherwise."""

    def put(c: Connection) -> None:
        at = datetime.now(UTC) - timedelta(hours=1)
        owner = customer_id or _insert(c, tables.customers, name="袁若溪", phone="15400001234", verified=True, created_at=at)
        product = c.execute(select(tables.products.c.id).limit(1)).scalar() or _insert(
            c, tables.products, sku="KC-KT17", name="恒温电热水壶", category="厨房电器", price_cents=15900, stock=3, note="不等凉"
        )
        values = {
            "number": number, "customer_id": owner, "status": "paid", "total_cents": 31800, "paid_cents": 31300, "ordered_at": at,
            "recipient": "袁若溪", "phone": "15400001234", "address": "杭州市西湖区桂雨巷 8 号",
        }  # fmt: skip
        key = _insert(c, tables.orders, **values | options)
        _insert(c, tables.order_items, order_id=key, product_id=product, quantity=2, price_cents=15900)

    database.transaction(put)
    return number


def _insert(c: Connection, table: Table, **values: Any) -> int:
    return int(c.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def count(database: Database, table: Table, *conditions: Any) -> int:
    return int(database.transaction(lambda c: c.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()))


def rows(database: Database, table: Table, *conditions: Any) -> list[Any]:
    return list(database.transaction(lambda c: c.execute(select(table).where(*conditions)).all()))


def change(database: Database, table: Table, condition: Any, **values: Any) -> None:
    database.transaction(lambda c: c.execute(update(table).where(condition).values(**values)) and None)


def lease_is_over(database: Database, conversation_id: str) -> None:
    """As if the worker had been silent for longer than its lease."""
    gone = datetime.now(UTC) - timedelta(seconds=1)
    change(database, tables.conversations, tables.conversations.c.id == conversation_id, lease_until=gone)


def state(database: Database, conversation_id: str) -> str:
    found = database.transaction(queries.conversation, conversation_id)
    assert found is not None
    return found.state


def texts(database: Database, conversation_id: str) -> list[str]:
    return [message.text for message in database.transaction(queries.messages_after, conversation_id, 0)]


def lease_has_passed(database: Database, conversation_id: str) -> bool:
    (row,) = rows(database, tables.conversations, tables.conversations.c.id == conversation_id)
    return bool(row.lease_until < datetime.now(UTC))
