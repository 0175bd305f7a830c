"""What agents answer: canned replies, and what was said in conversations that people solved. Reads, as `queries`."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Connection, and_, func, select

from bot.conversation.messages import PERSON_WORDS
from bot.crm import tables
from bot.learning.suggest import LONGEST, Answer

NEWEST = 5000
"""Answers of agents that are read, at most."""
SHORTEST = 6
"""Characters below which an answer helps nobody else (好的)."""
_AT_ONCE = 200
"""Hand-offs whose messages are read at once."""
_BEFORE = 10
"""Messages before a hand-off in which the question may be."""
_QUESTION_MESSAGES = 3
_QUESTION_CHARACTERS = 10
_SOLVED = and_(tables.hand_offs.c.outcome == "resolved", tables.hand_offs.c.result == "solved")


def mark(c: Connection) -> tuple[Any, ...]:
    """Something that is another when `answers` may be others."""
    canned, hand_off = tables.canned_replies, tables.hand_offs
    return (
        *c.execute(select(func.count(), func.max(canned.c.updated_at)).select_from(canned)).one(),
        *c.execute(select(func.count(), func.max(hand_off.c.id), func.max(hand_off.c.ended_at)).where(_SOLVED)).one(),
        tuple(sorted(_restricted(c))),
    )


def answers(c: Connection, *, newest: int = NEWEST) -> list[Answer]:
    """All canned replies, and the newest answers of agents in solved conversations with what the customer had asked."""
    table = tables.canned_replies
    canned = [Answer(row.shortcut, row.text, "canned", row.queue) for row in c.execute(select(table).order_by(table.c.id))]
    return canned + list(islice(_of_agents(c), newest))


def _restricted(c: Connection) -> set[str]:
    table = tables.queue_settings
    return set(c.execute(select(table.c.queue).where(table.c.restricted)).scalars())


def _of_agents(c: Connection) -> Iterator[Answer]:
    hand_off, conversation = tables.hand_offs, tables.conversations
    wanted = (
        select(hand_off, conversation.c.customer_id, conversation.c.queue.label("queue_now"))
        .join(conversation, conversation.c.id == hand_off.c.conversation_id)
        .where(_SOLVED)
        .order_by(hand_off.c.id.desc())
        .limit(_AT_ONCE)
    )
    restricted = _restricted(c)
    below: int | None = None
    while True:
        solved = c.execute(wanted if below is None else wanted.where(hand_off.c.id < below)).all()
        if not solved:
            return
        below = solved[-1].id
        said, private = _said(c, [row.id for row in solved]), _private(c, {row.customer_id for row in solved})
        for row in solved:
            # Where a conversation went from one team to another, the stricter rule holds.
            queue = next((one for one in (row.queue, row.queue_now) if one in restricted), row.queue)
            for question, text in reversed(_pairs(said.get(row.id, ()), row.created_at)):
                yield Answer(question, text, "agent", queue, queue in restricted, private[row.customer_id])


def _said(c: Connection, hand_off_ids: Sequence[int]) -> dict[int, list[Any]]:
    """What customer and agents said in each hand-off, and a little before."""
    message, hand_off = tables.messages, tables.hand_offs
    before = and_(message.c.conversation_id == hand_off.c.conversation_id, message.c.at <= hand_off.c.created_at)
    first = (
        select(hand_off.c.id, (func.coalesce(func.max(message.c.seq), 0) - _BEFORE).label("seq"))
        .outerjoin(message, before)
        .where(hand_off.c.id.in_(hand_off_ids))
        .group_by(hand_off.c.id)
        .subquery()
    )
    rows = c.execute(
        select(hand_off.c.id, message.c.sender, message.c.text, message.c.at)
        .join(first, first.c.id == hand_off.c.id)
        .join(message, message.c.conversation_id == hand_off.c.conversation_id)
        .where(
            message.c.sender.in_(("customer", "agent")),
            message.c.seq > first.c.seq,
            message.c.at <= hand_off.c.ended_at,
        )
        .order_by(hand_off.c.id, message.c.seq)
    )
    return {key: list(found) for key, found in groupby(rows, key=lambda row: row.id)}


def _pairs(said: Sequence[Any], handed_off_at: Any) -> list[tuple[str, str]]:
    """Questions and answers, oldest first. An answer of which nobody knows what was asked is left out."""
    return [
        (question, message.text)
        for place, message in enumerate(said)
        if message.sender == "agent" and message.at >= handed_off_at and SHORTEST <= len(message.text) <= LONGEST
        if (question := _question(said[:place]))
    ]


def _question(before: Sequence[Any]) -> str:
    """The customer's messages since the agent's last; when they say little (好的), also earlier ones."""
    parts: list[str] = []
    for message in reversed(before):
        if len(parts) == _QUESTION_MESSAGES or (message.sender == "agent" and sum(map(len, parts)) >= _QUESTION_CHARACTERS):
            break
        if message.sender == "customer" and message.text not in PERSON_WORDS.values():
            parts.append(message.text)
    return "\n".join(reversed(parts))


def _private(c: Connection, customer_ids: set[int]) -> dict[int, tuple[str, ...]]:
    """What the record knows of customers that no other one may read: names, phones, addresses, numbers."""
    customer, order = tables.customers, tables.orders
    known: dict[int, set[str | None]] = {}
    for row in c.execute(select(customer.c.id, customer.c.name, customer.c.phone).where(customer.c.id.in_(customer_ids))):
        known[row.id] = {row.name, row.phone}
    columns = (order.c.number, order.c.recipient, order.c.phone, order.c.address, order.c.tracking_number, order.c.invoice_title)
    for customer_id, *values in c.execute(select(order.c.customer_id, *columns).where(order.c.customer_id.in_(customer_ids))):
        known[customer_id].update(values)
    return {key: tuple(sorted(value for value in values if value)) for key, values in known.items()}
