"""Writes: each function is one whole transaction of the record, to be run by `Database.run` or `Database.transaction`."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.conversation import escalation
from bot.conversation.mood import Mood
from bot.conversation.outcome import Evidence, HandOff, Interaction, NewTicket, OrderChange, Priority, State, TurnOutcome
from bot.conversation.priority import place, ticket_promise
from bot.conversation.taxonomy import QUEUES
from bot.crm import queries, tables
from bot.crm.parts import CHANGED as _CHANGED
from bot.crm.parts import LOCKED_CONVERSATION as _CONVERSATION
from bot.crm.parts import (
    NOBODY_WAITS,
    URGENCIES,
    attachments_to_send,
    end_hand_off,
    happened,
    now,
    open_ticket,
    set_ticket_status,
    tell,
    ticket_happened,
)
from bot.crm.parts import append as _append
from bot.crm.parts import insert as _insert
from bot.crm.parts import inserted as _inserted
from bot.crm.parts import lock as _lock
from bot.crm.records import Accepted, Finished, OutboxItem, PendingTurn, Role, User, Visit
from bot.errors import BadInput, Conflict, NotFound

CAPACITY = 5
"""Conversations that an agent takes at a time, unless told otherwise."""
MOST_AT_ONCE = 100


# The statements of every turn are made once, as in `parts`.
_KNOWN_MESSAGE = (
    select(tables.messages, tables.turns.c.id.label("own_turn"))
    .join(tables.turns, tables.turns.c.message_id == tables.messages.c.id)
    .where(tables.messages.c.conversation_id == bindparam("conversation"), tables.messages.c.client_id == bindparam("client"))
)
_OTHER = tables.turns.alias()
_PENDING = select(func.min(_OTHER.c.id)).where(_OTHER.c.conversation_id == tables.conversations.c.id, _OTHER.c.status == "pending")
_ACCEPTING = select(
    *(tables.conversations.c[name] for name in ("id", "customer_id", "state", "last_seq", "lease_owner", "lease_until")),
    *(tables.conversations.c[name] for name in ("locale", "verified", "tracker_turn_id", "mood")),
    *(tables.conversations.c[name] for name in ("queue", "unanswered_since", "agent_read_seq")),
    _PENDING.correlate(tables.conversations).scalar_subquery().label("waiting"),
    select(tables.messages.c.id)
    .where(tables.messages.c.conversation_id == tables.conversations.c.id, tables.messages.c.client_id == bindparam("client"))
    .correlate(tables.conversations)
    .scalar_subquery()
    .label("known"),
    exists()
    .where(tables.tickets.c.conversation_id == tables.conversations.c.id, tables.tickets.c.status == "waiting")
    .correlate(tables.conversations)
    .label("ticket_waits"),
).where(tables.conversations.c.id == bindparam("id"))
_FINISHING = (
    select(
        *(tables.conversations.c[name] for name in ("id", "customer_id", "state", "last_seq", "lease_owner", "mood")),
        *(tables.conversations.c[name] for name in ("queue", "urgency", "queued_at", "due_at")),
        tables.turns.c.status.label("turn_status"),
        tables.turns.c.message_id,
        _PENDING.where(_OTHER.c.id != tables.turns.c.id).correlate(tables.conversations, tables.turns).scalar_subquery().label("next"),
    )
    .join(tables.turns, tables.turns.c.conversation_id == tables.conversations.c.id)
    .where(tables.turns.c.id == bindparam("turn"))
)
_DONE = update(tables.turns).where(tables.turns.c.id == bindparam("turn"))


def hash_of(secret: str) -> str:
    """What is kept of a secret: its SHA-256 in hexadecimal. (The secrets are random and long; they need no salt.)"""
    return hashlib.sha256(secret.encode()).hexdigest()


# Visits


def start_visit(
    c: Connection,
    *,
    channel: str,
    locale: str,
    notice_version: str,
    shop_identity: str | None = None,
    page: str | None = None,
    token: str | None = None,
) -> Visit:
    """A customer who agreed to the notice begins a conversation; with `shop_identity`, one for whom the shop vouches.

    `token` is for channels whose senders name themselves; otherwise a random one is made and returned, once.
    """
    customer_id = _shop_customer(c, shop_identity) if shop_identity else _new_customer(c, verified=False)
    token = token or secrets.token_urlsafe(32)
    conversation_id = uuid.uuid4().hex
    at = now()
    _inserted(c, tables.identities, customer_id=customer_id, kind="visitor", value_hash=hash_of(token), created_at=at)
    _inserted(c, tables.consents, customer_id=customer_id, purpose="chat", notice_version=notice_version, at=at)
    _inserted(
        c, tables.conversations,
        id=conversation_id, customer_id=customer_id, token_hash=hash_of(token), channel=channel, state="bot",
        verified=shop_identity is not None, locale=locale, page=page, last_seq=0, read_seq=0, slots={}, created_at=at, updated_at=at,
    )  # fmt: skip
    return Visit(conversation_id, customer_id, "bot", 0, token)


def resume_visit(
    c: Connection, token: str, *, channel: str, shop_identity: str | None = None, locale: str | None = None, page: str | None = None
) -> Visit | None:
    """The conversation of a channel that a token opens; None when it opens none, or one of another customer of the shop.

    A visitor who has signed in to the shop since takes the conversation along.
    """
    conversation = tables.conversations
    wanted_one = select(conversation).where(conversation.c.token_hash == hash_of(token), conversation.c.channel == channel)
    row = c.execute(wanted_one.with_for_update()).one_or_none()
    if row is None:
        return None
    customer_id = row.customer_id
    if shop_identity:
        wanted = _shop_customer(c, shop_identity)
        was_verified = c.execute(select(tables.customers.c.verified).where(tables.customers.c.id == customer_id)).scalar_one()
        if was_verified and wanted != customer_id:
            return None
        if wanted != customer_id:
            customer_id = _take_over(c, row.id, customer_id, wanted)
    changes: dict[str, Any] = {"verified": shop_identity is not None, "customer_id": customer_id}
    if locale:
        changes["locale"] = locale
    if page:
        changes["page"] = page
    c.execute(update(conversation).where(conversation.c.id == row.id).values(**changes))
    return Visit(row.id, customer_id, row.state, row.last_seq)


def visit_of_sender(c: Connection, channel: str, sender: str, *, locale: str = "zh-CN") -> Visit:
    """The conversation of a sender of another channel (`rest`, `rasa`, `jsonl`), begun when there is none.

    The name is not a token of the website: it opens conversations of its own channel only.
    """
    token = f"{channel}:{sender}"
    visit = resume_visit(c, token, channel=channel)
    if visit is not None:
        return visit
    try:
        with c.begin_nested():
            return start_visit(c, channel=channel, locale=locale, notice_version="by-channel", token=token)
    except IntegrityError:  # another message of this sender began it just now
        visit = resume_visit(c, token, channel=channel)
        if visit is None:
            raise
        return visit


def _new_customer(c: Connection, *, verified: bool) -> int:
    return _inserted(c, tables.customers, verified=verified, created_at=now())


def _shop_customer(c: Connection, shop_identity: str) -> int:
    identity = tables.identities
    value_hash = hash_of(shop_identity)
    known = c.execute(select(identity.c.customer_id).where(identity.c.kind == "shop", identity.c.value_hash == value_hash)).scalar()
    if known is not None:
        return int(known)
    try:
        with c.begin_nested():
            customer_id = _new_customer(c, verified=True)
            _inserted(c, identity, customer_id=customer_id, kind="shop", value_hash=value_hash, created_at=now())
        return customer_id
    except IntegrityError:  # somebody else greeted with the same identity just now
        return int(
            c.execute(select(identity.c.customer_id).where(identity.c.kind == "shop", identity.c.value_hash == value_hash)).scalar_one()
        )


def _take_over(c: Connection, conversation_id: str, visitor: int, customer: int) -> int:
    for table in (tables.conversations, tables.identities, tables.consents, tables.interactions, tables.tickets, tables.notes):
        c.execute(update(table).where(table.c.customer_id == visitor).values(customer_id=customer))
    c.execute(delete(tables.customers).where(tables.customers.c.id == visitor))
    return customer


# Messages and turns


def accept_message(
    c: Connection,
    conversation_id: str,
    client_id: str,
    text: str,
    *,
    payload: str | None = None,
    attachments: Sequence[str] = (),
    leaves_queue: bool = False,
    owner: str | None = None,
    lease_seconds: float = 30.0,
) -> Accepted:
    """Put a customer message into the record, with the turn that it needs; the same `client_id` again changes nothing.

    A closed conversation is open again, with the assistant; with `leaves_queue`, so is one that waits for a person. Tickets that waited
    for the customer wait for the shop. `attachments` are ids of files that the customer put into the conversation. With `owner`, the
    caller takes the conversation's lease when it is free and gets the turn, unless an earlier one is still under way (`finish_turn` then
    hands over this one).

    Raises:
        NotFound: there is no such conversation.
        BadInput: an attachment is not there, or was sent already.
    """
    _lock(c, conversation_id)
    row: Row[Any] | None = c.execute(_ACCEPTING, {"id": conversation_id, "client": client_id}).one_or_none()  # type: ignore[assignment]
    if row is None:
        raise NotFound("there is no such conversation")
    if row.known is not None:
        known = c.execute(_KNOWN_MESSAGE, {"conversation": conversation_id, "client": client_id}).one()
        return Accepted(known.seq, known.own_turn, row.state, True, queries.message_view(known))
    at = now()
    state, changes = _when_written_to(c, row, leaves_queue, at)
    if row.ticket_waits:
        waiting = select(tables.tickets.c.id).where(tables.tickets.c.conversation_id == row.id, tables.tickets.c.status == "waiting")
        for ticket_id in c.execute(waiting.order_by(tables.tickets.c.id)).scalars().all():
            set_ticket_status(c, ticket_id, "open", at)
    files = attachments_to_send(c, row.id, attachments, None)
    view = _append(c, row.id, row.last_seq + 1, "customer", text, at=at, client_id=client_id, attachments=files)
    turn_id = _inserted(c, tables.turns, conversation_id=row.id, message_id=view.id, status="pending", payload=payload, created_at=at)
    changes |= {"last_seq": row.last_seq + 1, "state": state, "updated_at": at}
    free = row.lease_owner in {None, owner} or row.lease_until is None or row.lease_until < at
    takes = owner is not None and free and row.waiting is None
    if takes:
        changes |= {"lease_owner": owner, "lease_until": at + timedelta(seconds=lease_seconds)}
    c.execute(_CHANGED, {"conversation": row.id, **changes})
    turn = None
    if takes:
        turn = PendingTurn(
            turn_id, row.id, row.customer_id, text, payload, state, row.locale, row.verified, row.tracker_turn_id,
            Mood.from_record(row.mood), row.agent_read_seq > 0,
    )  # fmt: skip
    return Accepted(view.message.seq, turn_id, state, False, view.message, turn)


def _when_written_to(c: Connection, row: Row[Any], leaves_queue: bool, at: datetime) -> tuple[State, dict[str, Any]]:
    """Who owns a conversation once its customer writes, and what else changes in its row."""
    if row.state == "closed":
        happened(c, row.id, "resumed", at)
        return "bot", {"closed_at": None}
    if row.state == "queued" and leaves_queue:
        end_hand_off(c, row.id, "left", at, ticket="open")  # until the message is there, the request is all that anybody has
        happened(c, row.id, "left", at)
        return "bot", dict(NOBODY_WAITS)
    if row.state == "agent" and row.unanswered_since is None:
        return "agent", {"unanswered_since": at, "promised_at": at + queries.promise(c, row.queue)}
    return row.state, {}


def claim_turns(c: Connection, owner: str, *, lease_seconds: float = 30.0, limit: int = 20) -> list[PendingTurn]:
    """Take the leases of conversations that have a pending turn and no worker, and return the oldest turn of each."""
    conversation, turn = tables.conversations, tables.turns
    at = now()
    waiting = (
        select(conversation.c.id)
        .where(
            conversation.c.id.in_(select(turn.c.conversation_id).where(turn.c.status == "pending")),
            or_(conversation.c.lease_owner.is_(None), conversation.c.lease_until.is_(None), conversation.c.lease_until < at),
        )
        .limit(limit)
    )
    found = c.execute(waiting.with_for_update(skip_locked=True)).scalars().all()
    if not found:
        return []
    # One that was free when it was looked for may have been worked off before it was locked.
    turns = [pending for pending in (queries.next_turn(c, key) for key in found) if pending is not None]
    c.execute(
        update(conversation)
        .where(conversation.c.id.in_([pending.conversation_id for pending in turns]))
        .values(lease_owner=owner, lease_until=at + timedelta(seconds=lease_seconds))
    )
    return turns


def extend_leases(c: Connection, owner: str, conversation_ids: Sequence[str], *, lease_seconds: float = 30.0) -> None:
    """Keep the leases of turns that are still under way."""
    conversation = tables.conversations
    c.execute(
        update(conversation)
        .where(conversation.c.lease_owner == owner, conversation.c.id.in_(conversation_ids))
        .values(lease_until=now() + timedelta(seconds=lease_seconds))
    )


def release_leases(c: Connection, owner: str) -> None:
    """Free all conversations of a worker that is gone or that starts anew."""
    conversation = tables.conversations
    c.execute(update(conversation).where(conversation.c.lease_owner == owner).values(lease_owner=None, lease_until=None))


def finish_turn(c: Connection, outcome: TurnOutcome, *, owner: str | None, lease_seconds: float = 30.0) -> Finished:
    """Write all that a turn made, mark it done, and hand over the conversation's next turn or its lease.

    Nothing is written when the turn was done by somebody else, when `owner` lost the lease, or when the conversation changed hands while
    the assistant worked: a reply never lands after a person took over.

    Raises:
        Conflict: an order changed meanwhile, so that what was confirmed is not possible any more.
    """
    _lock(c, outcome.conversation_id)
    row: Row[Any] = c.execute(_FINISHING, {"turn": outcome.turn_id}).one()  # type: ignore[assignment]
    if row.turn_status == "done" or (owner is not None and row.lease_owner != owner):
        return Finished(outcome.turn_id, row.id, row.state, None, discarded=True)
    if owner is not None and (outcome.mode == "reply") != (row.state == "bot"):
        return Finished(outcome.turn_id, row.id, row.state, None, next=queries.next_turn(c, row.id), discarded=True)
    at = now()
    _write_interaction(c, outcome, row, at)
    written = []
    for seq, reply in enumerate(outcome.replies, row.last_seq + 1):
        buttons = [asdict(button) for button in reply.buttons]
        written.append(_append(c, row.id, seq, "bot", reply.text, at=at, buttons=buttons, turn_id=outcome.turn_id).message)
    score = outcome.interaction.sentiment_score
    mood = Mood.from_record(row.mood).after(score)
    mood = mood.settled() if outcome.hand_off else mood
    changes: dict[str, Any] = {"last_seq": row.last_seq + len(written), "mood": mood.as_record(), "updated_at": at}
    changes |= _write_effects(c, row, outcome.turn_id, outcome.tickets, outcome.order_changes, outcome.hand_off, score, at)
    if row.state == "queued":
        changes |= _moved_up(c, row, outcome.interaction, at)
    # An observed turn brings no events unless the assistant is to know what was said.
    if outcome.error is None and (outcome.mode == "reply" or outcome.tracker_events):
        changes |= {"tracker_turn_id": outcome.turn_id, "slots": outcome.slots, "active_loop": outcome.active_loop}
        _insert(c, tables.tracker_turns, turn_id=outcome.turn_id, conversation_id=row.id, events=list(outcome.tracker_events))
    c.execute(_DONE, {"turn": outcome.turn_id, "status": "done", "done_at": at, "error": outcome.error})
    if owner is not None:
        changes |= (
            {"lease_owner": owner, "lease_until": at + timedelta(seconds=lease_seconds)}
            if row.next
            else {"lease_owner": None, "lease_until": None}
        )
    c.execute(_CHANGED, {"conversation": row.id, **changes})
    state: State = changes.get("state", row.state)
    return Finished(
        outcome.turn_id,
        row.id,
        state,
        queries.position(c, row.id) if state == "queued" else None,
        tuple(written),
        queries.next_turn(c, row.id) if row.next and owner is not None else None,
    )


def apply_effects(
    c: Connection,
    conversation_id: str,
    *,
    tickets: Sequence[NewTicket] = (),
    order_changes: Sequence[OrderChange] = (),
    hand_off: HandOff | None = None,
) -> None:
    """Write what an action made outside a turn of ours (a separate Rasa server's)."""
    conversation = tables.conversations
    row = c.execute(_CONVERSATION, {"id": conversation_id}).one()
    changes = _write_effects(c, row, None, tickets, order_changes, hand_off, None, now())
    if changes:
        c.execute(update(conversation).where(conversation.c.id == conversation_id).values(**changes))


def _write_interaction(c: Connection, outcome: TurnOutcome, row: Row[Any], at: datetime) -> None:
    seen = outcome.interaction
    _insert(
        c, tables.interactions,
        turn_id=outcome.turn_id, message_id=row.message_id, conversation_id=row.id, customer_id=row.customer_id, mode=outcome.mode,
        intent=seen.intent, intent_confidence=seen.intent_confidence, fallback=seen.fallback, queue=seen.queue,
        queue_confidence=seen.queue_confidence, queue_scores={name: round(score, 4) for name, score in seen.queue_scores.items()},
        queue_evidence=_spoken(seen.queue_evidence), sentiment=seen.sentiment,
        sentiment_score=seen.sentiment_score, sentiment_evidence=_spoken(seen.sentiment_evidence),
        escalate=seen.escalate, reasons=[asdict(reason) for reason in seen.reasons], model_versions=seen.model_versions,
        milliseconds=seen.milliseconds, at=at,
    )  # fmt: skip


def _spoken(evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
    return [{"term": one.term, "weight": one.weight} for one in evidence]


def _write_effects(
    c: Connection,
    row: Row[Any],
    turn_id: int | None,
    tickets: Sequence[NewTicket],
    order_changes: Sequence[OrderChange],
    hand_off: HandOff | None,
    score: float | None,
    at: datetime,
) -> dict[str, Any]:
    """Tickets, changes of orders, and the hand-off; returns what changes in the conversation's row."""
    for ticket in tickets:
        open_ticket(c, row, turn_id, _instead_of_waiting(c, row, ticket, at) if ticket.kind == "message" else ticket, at)
    for change in order_changes:
        _change_order(c, row.id, change, at)
    if hand_off is None or row.state not in {"bot", "closed"}:
        return {}
    subject = "；".join(reason.zh for reason in hand_off.reasons) or "转人工"
    ticket_id = open_ticket(c, row, turn_id, NewTicket(hand_off.queue, "hand_off", subject[:200], hand_off.summary, hand_off.priority), at)
    hand_off_id = _inserted(
        c, tables.hand_offs,
        conversation_id=row.id, ticket_id=ticket_id, turn_id=turn_id, queue=hand_off.queue, priority=hand_off.priority,
        reasons=[asdict(reason) for reason in hand_off.reasons], summary=hand_off.summary, created_at=at,
    )  # fmt: skip
    tell(
        c,
        f"hand_off-{hand_off_id}",
        "hand_off",
        {
            "conversation": row.id,
            "ticket": ticket_id,
            "queue": hand_off.queue,
            "priority": hand_off.priority,
            "reasons": [reason.code for reason in hand_off.reasons],
        },
        at,
    )
    happened(c, row.id, "queued", at, queue=hand_off.queue)
    placed = place(at, queries.promise(c, hand_off.queue), hand_off.priority, score=score)
    return {
        "state": "queued", "queue": hand_off.queue, "urgency": URGENCIES.index(hand_off.priority), "queued_at": at, "agent_id": None,
        "due_at": placed.due_at, "promised_at": placed.promised_at, "unanswered_since": at, "closed_at": None,
    }  # fmt: skip


def _instead_of_waiting(c: Connection, row: Row[Any], message: NewTicket, at: datetime) -> NewTicket:
    """A message that was left instead of waiting takes the place of the request for a person, with its urgency and, when it had one,
    its team."""
    ticket = tables.tickets
    request = and_(ticket.c.conversation_id == row.id, ticket.c.kind == "hand_off", ticket.c.status == "open", ticket.c.owner_id.is_(None))
    for waiting in c.execute(select(ticket.c.id, ticket.c.queue, ticket.c.priority).where(request).order_by(ticket.c.id)).all():
        set_ticket_status(c, waiting.id, "closed", at)
        message = replace(
            message,
            queue=message.queue if waiting.queue == "general" else waiting.queue,
            priority=min(message.priority, waiting.priority, key=URGENCIES.index),
        )
    return message


def _moved_up(c: Connection, row: Row[Any], seen: Interaction, at: datetime) -> dict[str, Any]:
    """What a message of somebody who waits changes: with a graver reason or a worse mood it is their turn earlier, never later."""
    hand_off, urgency = tables.hand_offs, row.urgency
    if seen.reasons:
        urgency = min(urgency, URGENCIES.index(escalation.most_urgent(seen.reasons)))
        found = c.execute(
            select(hand_off.c.id, hand_off.c.reasons, hand_off.c.ticket_id)
            .where(hand_off.c.conversation_id == row.id, hand_off.c.ended_at.is_(None))
            .order_by(hand_off.c.id.desc())
            .limit(1)
        ).one_or_none()
        if found is not None:
            known = {reason["code"] for reason in found.reasons}
            reasons = [*found.reasons, *(asdict(reason) for reason in seen.reasons if reason.code not in known)]
            c.execute(update(hand_off).where(hand_off.c.id == found.id).values(reasons=reasons, priority=URGENCIES[urgency]))
            if urgency < row.urgency:
                _raise_priority(c, found.ticket_id, URGENCIES[urgency], at)
    placed = place(row.queued_at, queries.promise(c, row.queue), URGENCIES[urgency], score=seen.sentiment_score)
    return {"urgency": urgency, "due_at": min(row.due_at, placed.due_at)}


def _raise_priority(c: Connection, ticket_id: int, priority: Priority, at: datetime) -> None:
    """Make a ticket more urgent, and its promised time with it; one that somebody made more urgent already stays so."""
    ticket = tables.tickets
    row = c.execute(select(ticket.c.priority, ticket.c.created_at).where(ticket.c.id == ticket_id)).one()
    if URGENCIES.index(row.priority) <= URGENCIES.index(priority):
        return
    promised_at = row.created_at + ticket_promise(priority)
    c.execute(update(ticket).where(ticket.c.id == ticket_id).values(priority=priority, promised_at=promised_at, updated_at=at))
    ticket_happened(c, ticket_id, "priority", at, **{"from": row.priority, "to": priority})


def _change_order(c: Connection, conversation_id: str, change: OrderChange, at: datetime) -> None:
    order = tables.orders
    # Both changes that customers may make, cancelling and another address, are possible only before the parcel leaves.
    order_id = c.execute(
        update(order)
        .where(order.c.number == change.number, order.c.status.in_(("unpaid", "paid")))
        .values(**change.fields)
        .returning(order.c.id)
    ).scalar()
    if order_id is None:
        raise Conflict("the order has moved on meanwhile and cannot be changed any more")
    _inserted(c, tables.order_changes, order_id=order_id, conversation_id=conversation_id, fields=change.fields, note=change.note, at=at)


# What customers do beside messages


def leave_queue(c: Connection, conversation_id: str) -> State:
    """A waiting customer goes back to the assistant; returns who owns the conversation now."""
    return _leave(c, conversation_id, ("queued",), "bot", "left")


def close_conversation(c: Connection, conversation_id: str) -> State:
    """The customer ends the conversation."""
    return _leave(c, conversation_id, ("bot", "queued", "agent"), "closed", "closed")


def _leave(c: Connection, conversation_id: str, owned_by: tuple[State, ...], to: State, outcome: Literal["left", "closed"]) -> State:
    conversation = tables.conversations
    at = now()
    changed = c.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.state.in_(owned_by))
        .values(state=to, updated_at=at, closed_at=at if to == "closed" else None, **NOBODY_WAITS)
    ).rowcount
    if changed:
        end_hand_off(c, conversation_id, outcome, at, ticket="closed")
        happened(c, conversation_id, outcome, at)
        return to
    state: State = c.execute(select(conversation.c.state).where(conversation.c.id == conversation_id)).scalar_one()
    return state


def mark_read(c: Connection, conversation_id: str, seq: int) -> None:
    """The customer has seen the messages up to `seq`; earlier news never takes that back."""
    conversation = tables.conversations
    c.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.read_seq < seq, conversation.c.last_seq >= seq)
        .values(read_seq=seq, updated_at=now())
    )


def record_feedback(c: Connection, conversation_id: str, seq: int, value: Literal["up", "down"]) -> None:
    """A thumb on one of the assistant's messages; the last one counts.

    Raises:
        BadInput: the message is not one of the assistant's.
    """
    message = tables.messages
    wanted = select(message.c.id).where(message.c.conversation_id == conversation_id, message.c.seq == seq, message.c.sender == "bot")
    message_id = c.execute(wanted.with_for_update()).scalar()
    if message_id is None:
        raise BadInput(f"message {seq} is not one of the assistant's")
    c.execute(delete(tables.feedback).where(tables.feedback.c.message_id == message_id))
    at = now()
    _inserted(c, tables.feedback, message_id=message_id, value=value, at=at)
    c.execute(_CHANGED, {"conversation": conversation_id, "updated_at": at})


def record_rating(c: Connection, conversation_id: str, score: int, comment: str) -> None:
    """How the customer found the conversation, 1…5."""
    at = now()
    _inserted(c, tables.ratings, conversation_id=conversation_id, score=score, comment=comment, at=at)
    c.execute(_CHANGED, {"conversation": conversation_id, "updated_at": at})


# Users


def add_user(
    c: Connection, name: str, role: Role, password_hash: str, *, queues: Sequence[str] | None = None, capacity: int = CAPACITY
) -> User:
    """Somebody new who may sign in, serves the queues named (all, unless any are) and takes `capacity` conversations at a time.

    Raises:
        Conflict: the name is taken.
        BadInput: there is no such queue, or the capacity is none.
    """
    wanted = tuple(dict.fromkeys(queues or QUEUES))
    if unknown := set(wanted) - set(QUEUES):
        raise BadInput(f"there is no queue {min(unknown)!r}; queues are {', '.join(QUEUES)}")
    if not 1 <= capacity <= MOST_AT_ONCE:
        raise BadInput(f"the capacity is a number from 1 to {MOST_AT_ONCE}")
    try:
        with c.begin_nested():
            user_id = _inserted(c, tables.users, name=name, role=role, password_hash=password_hash, capacity=capacity, created_at=now())
    except IntegrityError:
        raise Conflict(f"there is a user {name!r} already") from None
    c.execute(insert(tables.user_queues), [{"user_id": user_id, "queue": queue} for queue in wanted])
    return User(user_id, name, role, password_hash)


def add_first_admin(c: Connection, name: str, password_hash: str) -> User | None:
    """The first admin, unless there is one; returns who was made. A name that is taken gets a number."""
    if c.dialect.name == "postgresql":
        c.exec_driver_sql("LOCK TABLE users IN EXCLUSIVE MODE")
    if queries.has_admin(c):
        return None
    names = (f"{name}{number or ''}" for number in (0, *range(2, 1000)))
    free = next(one for one in names if queries.user_by_name(c, one) is None)
    return add_user(c, free, "admin", password_hash)


def create_session(c: Connection, user_id: int, *, lifetime: timedelta) -> tuple[str, str]:
    """Sign a user in; returns the session token, which is not kept, and the CSRF token. Sessions that are over go."""
    token, csrf_token, at = secrets.token_urlsafe(32), secrets.token_urlsafe(32), now()
    c.execute(delete(tables.sessions).where(tables.sessions.c.expires_at < at))
    _inserted(
        c, tables.sessions, token_hash=hash_of(token), user_id=user_id, csrf_token=csrf_token, created_at=at, expires_at=at + lifetime
    )
    return token, csrf_token


def delete_session(c: Connection, token: str) -> None:
    """Sign out."""
    c.execute(delete(tables.sessions).where(tables.sessions.c.token_hash == hash_of(token)))


# Outbox


def claim_outbox(c: Connection, *, limit: int = 20, retry_seconds: float = 60.0) -> list[OutboxItem]:
    """What is to be told now; each item comes again after `retry_seconds` times 2 to the attempts, unless `outbox_sent` is called."""
    box = tables.outbox
    at = now()
    due = select(box).where(box.c.sent_at.is_(None), box.c.due_at <= at).order_by(box.c.due_at).limit(limit)
    rows = c.execute(due.with_for_update(skip_locked=True)).all()
    items = [OutboxItem(row.id, row.key, row.kind, row.payload, row.attempts + 1) for row in rows]
    for item in items:
        later = at + timedelta(seconds=min(retry_seconds * 2 ** (item.attempts - 1), 86_400))
        c.execute(update(box).where(box.c.id == item.id).values(attempts=item.attempts, due_at=later))
    return items


def outbox_sent(c: Connection, item_id: int) -> None:
    """The receiver has it."""
    c.execute(update(tables.outbox).where(tables.outbox.c.id == item_id).values(sent_at=now()))
