"""Who owns a conversation: each function is one whole transaction, as in `store`.

All of them lock the conversation's row first, so that of those who act at the same time one wins and the others find what it made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from bot.conversation.messages import LONGEST, clean, too_long
from bot.conversation.mood import Mood
from bot.conversation.outcome import NewTicket, State
from bot.conversation.presence import LOST_AFTER, OFFLINE_AFTER, effective
from bot.conversation.priority import place
from bot.conversation.taxonomy import QUEUES
from bot.crm import queries, tables
from bot.crm.parts import (
    CHANGED,
    NOBODY_WAITS,
    URGENCIES,
    actor,
    append,
    attachments_to_send,
    conversation_for,
    end_hand_off,
    happened,
    inserted,
    now,
    open_ticket,
    set_ticket_status,
    supervisor,
    ticket_happened,
)
from bot.crm.records import EventKind, MessageView, Owned, Result
from bot.crm.tables import RESULTS
from bot.errors import BadInput, Conflict, Forbidden, TooLong

LONGEST_NOTE = 2000
"""Characters of an internal note or a summary."""
LONGEST_ID = 40
ASSIGNED_AT_ONCE = 50
KEEPER_LOCK = 7212002

_NORMAL = URGENCIES.index("normal")
TOLD = {
    "claimed": ("人工客服 {agent} 为您服务。", "A colleague, {agent}, is with you now."),
    "taken_over": ("人工客服 {agent} 为您服务。", "A colleague, {agent}, is with you now."),
    "assigned": ("人工客服 {agent} 为您服务。", "A colleague, {agent}, is with you now."),
    "transferred": ("已为您转接，人工客服 {agent} 为您服务。", "You have been passed on to {agent}, who is with you now."),
    "reopened": ("人工客服 {agent} 继续为您服务。", "{agent} is with you again."),
    "requeued": ("已为您转到“{queue}”，正在排队，请稍候。", "You have been passed on to another team; somebody will be with you soon."),
    "lost": ("与客服的连接中断了，已为您重新排队，请稍候。", "We lost the connection to our colleague. You are waiting for the next one."),
    "returned": ("人工服务已结束，智能助手继续为您服务。", "You are back with the assistant."),
    "resolved": ("本次人工服务已结束。如还有问题，直接在这里留言即可。", "This conversation is closed. Just write here if there is more."),
}  # fmt: skip
"""What customers read when another takes over, in Chinese and English."""


# Taking


def claim(c: Connection, conversation_id: str, user_id: int) -> Owned:
    """An agent takes a conversation that waits.

    Raises:
        Conflict: it does not wait any more; the text names who has it.
        NotFound: it is not for this agent's eyes.
    """
    who = actor(c, user_id)
    row = conversation_for(c, who.viewer, conversation_id)
    if row.state != "queued":
        raise _not_so(c, row)
    at = now()
    _is_here(c, user_id, at)
    return _give(c, row, user_id, who.name, "claimed", at, by=user_id)


def take_over(c: Connection, conversation_id: str, user_id: int) -> Owned:
    """A supervisor takes a conversation, whoever owns it.

    Raises:
        Forbidden: this is no supervisor.
        Conflict: it is closed, or theirs already.
    """
    who = supervisor(c, user_id)
    row = conversation_for(c, who.viewer, conversation_id)
    if row.state == "closed" or row.agent_id == user_id:
        raise _not_so(c, row)
    at = now()
    _is_here(c, user_id, at)
    return _give(c, row, user_id, who.name, "taken_over", at, by=user_id)


def assign(c: Connection, conversation_id: str, to_user_id: int, by_user_id: int) -> Owned:
    """A supervisor gives a conversation to an agent who serves its queue and is there.

    Raises:
        Forbidden: this is no supervisor.
        Conflict: the agent does not fit, is not there, or has it already; or it is closed.
    """
    who = supervisor(c, by_user_id)
    row = conversation_for(c, who.viewer, conversation_id)
    if row.state == "closed" or row.agent_id == to_user_id:
        raise _not_so(c, row)
    at = now()
    to = _somebody_there(c, to_user_id, at)
    queue = _queue_of(c, row)
    served = tables.user_queues
    if not c.execute(select(served.c.queue).where(served.c.user_id == to_user_id, served.c.queue == queue)).scalar():
        raise Conflict(f"{to} 不负责“{QUEUES[queue]}”")
    return _give(c, row, to_user_id, to, "assigned", at, by=by_user_id)


def reopen(c: Connection, conversation_id: str, user_id: int) -> Owned:
    """An agent takes a conversation that is closed, with its ticket.

    Raises:
        Conflict: it is not closed.
        NotFound: it is not for this agent's eyes.
    """
    who = actor(c, user_id)
    row = conversation_for(c, who.viewer, conversation_id)
    if row.state != "closed":
        raise _not_so(c, row)
    at = now()
    _is_here(c, user_id, at)
    return _give(c, row, user_id, who.name, "reopened", at, by=user_id)


# Passing on


def transfer(
    c: Connection, conversation_id: str, user_id: int, *, to_user: int | None = None, to_queue: str | None = None, note: str = ""
) -> Owned:
    """The owner, or a supervisor, passes a conversation on to a colleague who is there, or to a queue; `note` is for colleagues only.

    Raises:
        Forbidden: somebody else owns it.
        Conflict: the colleague is not there; or no person is responsible for the conversation.
        BadInput: neither, both or no such target.
    """
    if (to_user is None) == (to_queue is None) or (to_queue is not None and to_queue not in QUEUES):
        raise BadInput("请选择一位同事或一个队列")
    who = actor(c, user_id)
    row = conversation_for(c, who.viewer, conversation_id)
    if row.agent_id != user_id and not (who.viewer.supervises and row.state in {"queued", "agent"}):
        raise _not_so(c, row)
    note, at = short_text(note, LONGEST_NOTE), now()
    if to_queue is not None:
        owned = _queue_again(c, row, to_queue, row.queued_at if row.state == "queued" else at, "requeued", at, by=user_id)
    elif to_user == row.agent_id:
        raise BadInput("对话已经在这位同事手里")
    else:
        assert to_user is not None
        owned = _give(c, row, to_user, _somebody_there(c, to_user, at), "transferred", at, by=user_id)
    if note:
        inserted(c, tables.notes, customer_id=row.customer_id, conversation_id=row.id, user_id=user_id, text=note, at=at)
    return owned


def hand_back(c: Connection, conversation_id: str, user_id: int, note: str = "") -> Owned:
    """The owner gives a conversation back to the assistant; its ticket counts as solved.

    Raises:
        Conflict: somebody else, or nobody, owns it.
    """
    row = _own(c, conversation_id, user_id)
    note, at = short_text(note, LONGEST_NOTE), now()
    if note:
        inserted(c, tables.notes, customer_id=row.customer_id, conversation_id=row.id, user_id=user_id, text=note, at=at)
    end_hand_off(c, row.id, "returned", at, ticket="solved", user_id=user_id)
    return _let_go(c, row, "bot", "returned", at, by=user_id)


def resolve(c: Connection, conversation_id: str, user_id: int, *, summary: str, result: Result) -> Owned:
    """The owner ends a conversation with a short summary; with the result `follow_up`, its ticket stays open and is theirs.

    Raises:
        Conflict: somebody else, or nobody, owns it.
        BadInput: there is no summary, or no such result.
    """
    summary = short_text(summary, LONGEST_NOTE)
    if not summary:
        raise BadInput("请写一句处理结果")
    if result not in RESULTS:
        raise BadInput("请选择处理结果：已解决、未解决或需要跟进")
    row = _own(c, conversation_id, user_id)
    at = now()
    stays = result == "follow_up"
    end_hand_off(
        c, row.id, "resolved", at, user_id=user_id, result=result, resolution=summary,
        ticket="open" if stays else "solved" if result == "solved" else "closed", owner_id=user_id if stays else None,
    )  # fmt: skip
    return _let_go(c, row, "closed", "resolved", at, by=user_id, result=result, summary=summary)


# Answering


def reply(c: Connection, conversation_id: str, user_id: int, text: str, *, client_id: str, attachments: Sequence[str] = ()) -> MessageView:
    """The owner answers; the same `client_id` again changes nothing. `attachments` are ids of files that the owner put in.

    Raises:
        Conflict: somebody else, or nobody, owns the conversation; the text names who has it.
        BadInput: there is nothing to send, or an attachment is not there.
        TooLong: the text is too long.
    """
    if not 1 <= len(client_id) <= LONGEST_ID:
        raise BadInput("消息编号不对")
    who = actor(c, user_id)
    row = conversation_for(c, who.viewer, conversation_id)
    message = tables.messages
    # With the user's number before it, an id never meets one that a customer's device made.
    own_id = f"{user_id}:{client_id}"
    known = c.execute(select(message).where(message.c.conversation_id == row.id, message.c.client_id == own_id)).one_or_none()
    if known is not None:
        return queries.message_view(known)
    if row.agent_id != user_id:
        raise _not_so(c, row)
    text = short_text(text, LONGEST)
    files = attachments_to_send(c, row.id, attachments, user_id)
    if not text and not files:
        raise BadInput("没有可以发送的内容")
    at = now()
    said = append(
        c, row.id, row.last_seq + 1, "agent", text, at=at, client_id=own_id, name=who.name, user_id=user_id, attachments=files
    ).message
    hand_off = tables.hand_offs
    c.execute(
        update(hand_off)
        .where(hand_off.c.conversation_id == row.id, hand_off.c.ended_at.is_(None), hand_off.c.first_reply_at.is_(None))
        .values(first_reply_at=at)
    )
    # Who answers has read; that a person has read at all is also what makes the assistant catch up (`queries.meanwhile`).
    answered = {"last_seq": said.seq, "agent_read_seq": said.seq, "unanswered_since": None, "promised_at": None, "updated_at": at}
    c.execute(CHANGED, {"conversation": row.id, **answered})
    return said


def mark_read_by_agent(c: Connection, conversation_id: str, user_id: int, seq: int) -> None:
    """The owner has seen the messages up to `seq`; earlier news, and news of others, change nothing."""
    conversation = tables.conversations
    c.execute(
        update(conversation)
        .where(
            conversation.c.id == conversation_id,
            conversation.c.agent_id == user_id,
            conversation.c.agent_read_seq < seq,
            conversation.c.last_seq >= seq,
        )
        .values(agent_read_seq=seq, updated_at=now())
    )


# By itself


def release_lost(c: Connection, at: datetime) -> list[str]:
    """Put the conversations of agents who are gone back into their queues, to the front; returns which."""
    conversation, user = tables.conversations, tables.users
    gone = or_(user.c.seen_at.is_(None), user.c.seen_at < at - OFFLINE_AFTER - LOST_AFTER, user.c.active.is_(False))
    found = c.execute(
        select(conversation)
        .where(conversation.c.state == "agent", conversation.c.agent_id.in_(select(user.c.id).where(gone)))
        .with_for_update(skip_locked=True)
    ).all()
    for row in found:
        _queue_again(c, row, _queue_of(c, row), row.queued_at or at, "lost", at)
    return [row.id for row in found]


@dataclass(slots=True)
class _Candidate:
    id: int
    name: str
    capacity: int
    load: int
    queues: frozenset[str]
    served_at: datetime | None


def auto_assign(c: Connection, at: datetime) -> list[tuple[str, int]]:
    """Give waiting conversations of queues that assign by themselves to the least loaded fitting agents who are there and have room.

    Returns which went to whom. One process does it at a time.
    """
    settings, conversation = tables.queue_settings, tables.conversations
    if c.dialect.name == "postgresql" and not c.execute(select(func.pg_try_advisory_xact_lock(KEEPER_LOCK))).scalar():
        return []
    automatic = select(settings.c.queue).where(settings.c.auto_assign)
    waiting = c.execute(
        select(conversation)
        .where(conversation.c.state == "queued", conversation.c.queue.in_(automatic))
        .order_by(conversation.c.due_at, conversation.c.id)
        .limit(ASSIGNED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    candidates = _candidates(c, at) if waiting else []
    given = []
    for row in waiting:
        fitting = [each for each in candidates if row.queue in each.queues and each.load < each.capacity]
        if not fitting:
            continue
        # Of the equally loaded, the one who was given nothing for the longest time.
        to = min(fitting, key=lambda each: (each.load / each.capacity, each.served_at is not None, each.served_at or at, each.id))
        _give(c, row, to.id, to.name, "assigned", at)
        to.load, to.served_at = to.load + 1, at
        given.append((row.id, to.id))
    return given


def _candidates(c: Connection, at: datetime) -> list[_Candidate]:
    user, served, conversation, hand_off = tables.users, tables.user_queues, tables.conversations, tables.hand_offs
    there = and_(user.c.active, user.c.presence == "online", user.c.seen_at >= at - OFFLINE_AFTER)
    load = select(func.count()).where(conversation.c.agent_id == user.c.id, conversation.c.state == "agent").scalar_subquery()
    last = select(func.max(hand_off.c.claimed_at)).where(hand_off.c.agent_id == user.c.id).scalar_subquery()
    people = c.execute(select(user.c.id, user.c.name, user.c.capacity, load.label("load"), last.label("last")).where(there)).all()
    queues: dict[int, set[str]] = {row.id: set() for row in people}
    for user_id, queue in c.execute(select(served.c.user_id, served.c.queue).where(served.c.user_id.in_(queues))):
        queues[user_id].add(queue)
    return [_Candidate(row.id, row.name, row.capacity, row.load, frozenset(queues[row.id]), row.last) for row in people]


# Parts


def short_text(text: str, longest: int) -> str:
    """A text that one of the staff wrote, without what cannot be stored.

    Raises:
        TooLong: it is longer than `longest` characters.
    """
    text = clean(text)
    if len(text) > longest or too_long(text):
        raise TooLong(f"最多 {longest:,} 个字")
    return text


def _own(c: Connection, conversation_id: str, user_id: int) -> Row[Any]:
    row = conversation_for(c, actor(c, user_id).viewer, conversation_id)
    if row.agent_id != user_id:
        raise _not_so(c, row)
    return row


def _not_so(c: Connection, row: Row[Any]) -> Conflict | Forbidden:
    """Why somebody cannot do something with a conversation: who has it."""
    if row.state == "agent":
        name = c.execute(select(tables.users.c.name).where(tables.users.c.id == row.agent_id)).scalar_one()
        return Conflict(f"{name} 已接手")
    words = {"bot": "对话由智能助手接待，没有在排队", "queued": "对话在排队，还没有人接手", "closed": "对话已结束"}
    return Conflict(words[row.state])


def _somebody_there(c: Connection, user_id: int, at: datetime) -> str:
    """The name of a colleague who can be given a conversation.

    Raises:
        Conflict: they are not there.
        BadInput: there is no such colleague.
    """
    user = tables.users
    row = c.execute(select(user.c.name, user.c.active, user.c.presence, user.c.seen_at).where(user.c.id == user_id)).one_or_none()
    if row is None:
        raise BadInput("没有这位同事")
    if not row.active or effective(row.presence, row.seen_at, at) != "online":
        raise Conflict(f"{row.name} 现在不在线")
    return str(row.name)


def _is_here(c: Connection, user_id: int, at: datetime) -> None:
    """Who takes a conversation is there, also when no console has said so yet."""
    user = tables.users
    c.execute(update(user).where(user.c.id == user_id, or_(user.c.seen_at.is_(None), user.c.seen_at < at)).values(seen_at=at))


def _queue_of(c: Connection, row: Row[Any]) -> str:
    """The queue that a conversation belongs to: where it waited last, or else what its last message was about."""
    seen = tables.interactions
    last = select(seen.c.queue).where(seen.c.conversation_id == row.id).order_by(seen.c.id.desc()).limit(1)
    return str(row.queue or c.execute(last).scalar() or "general")


def _last_score(row: Row[Any]) -> float | None:
    recent = Mood.from_record(row.mood).recent
    return recent[-1] if recent else None


def _give(c: Connection, row: Row[Any], agent_id: int, agent: str, kind: EventKind, at: datetime, *, by: int | None = None) -> Owned:
    """Make an agent the owner, and tell the customer."""
    queue, urgency = _queue_of(c, row), _NORMAL if row.urgency is None else row.urgency
    hand_off = tables.hand_offs
    taken = c.execute(
        update(hand_off)
        .where(hand_off.c.conversation_id == row.id, hand_off.c.ended_at.is_(None))
        .values(agent_id=agent_id, claimed_at=func.coalesce(hand_off.c.claimed_at, at))
    ).rowcount
    if not taken:
        _hand_off_by_staff(c, row, queue, agent_id, kind, at)
    told = _say(c, row, kind, at, agent=agent)
    happened(c, row.id, kind, at, by, agent=agent, agent_id=agent_id)
    changes = {
        "state": "agent", "agent_id": agent_id, "queue": queue, "urgency": urgency, "queued_at": row.queued_at or at, "due_at": None,
        "closed_at": None, "last_seq": told.seq, "updated_at": at,
    }  # fmt: skip
    c.execute(CHANGED, {"conversation": row.id, **changes})
    return Owned(row.id, "agent", queue, agent_id, agent, (told,))


def _hand_off_by_staff(c: Connection, row: Row[Any], queue: str, agent_id: int, kind: EventKind, at: datetime) -> None:
    """A hand-off that no turn of the assistant made; a conversation that is reopened keeps the ticket that it had."""
    hand_off = tables.hand_offs
    zh, en = ("客服重新打开对话", "reopened by staff") if kind == "reopened" else ("主管接手", "taken over by staff")
    before = c.execute(
        select(hand_off.c.ticket_id, hand_off.c.summary).where(hand_off.c.conversation_id == row.id).order_by(hand_off.c.id.desc()).limit(1)
    ).one_or_none()
    if kind == "reopened" and before is not None:
        ticket_id, summary = before
        set_ticket_status(c, ticket_id, "open", at, agent_id)
    else:
        summary = f"{zh}，此前由智能助手接待。"
        ticket_id = open_ticket(c, row, None, NewTicket(queue, "hand_off", zh, summary), at)
    reason: dict[str, Any] = {"code": "reopened" if kind == "reopened" else "taken_over", "zh": zh, "en": en, "evidence": []}
    inserted(
        c, hand_off,
        conversation_id=row.id, ticket_id=ticket_id, queue=queue, priority="normal", reasons=[reason], summary=summary, created_at=at,
        agent_id=agent_id, claimed_at=at,
    )  # fmt: skip


def _queue_again(
    c: Connection, row: Row[Any], queue: str, since: datetime, kind: EventKind, at: datetime, *, by: int | None = None
) -> Owned:
    """Put a conversation into a queue, as one that waits since `since`, and tell the customer."""
    urgency = _NORMAL if row.urgency is None else row.urgency
    promise = queries.promise(c, queue)
    placed = place(since, promise, URGENCIES[urgency], score=_last_score(row))
    waits_since = row.unanswered_since or at
    _to_queue(c, row, queue, at, by)
    told = _say(c, row, kind, at, queue=QUEUES[queue])
    before = c.execute(select(tables.users.c.name).where(tables.users.c.id == row.agent_id)).scalar() if row.agent_id else None
    happened(c, row.id, kind, at, by, queue=queue, before=before)
    changes = {
        "state": "queued", "agent_id": None, "queue": queue, "urgency": urgency, "queued_at": since, "due_at": placed.due_at,
        "unanswered_since": waits_since, "promised_at": waits_since + promise, "last_seq": told.seq, "updated_at": at,
    }  # fmt: skip
    c.execute(CHANGED, {"conversation": row.id, **changes})
    return Owned(row.id, "queued", queue, None, None, (told,))


def _to_queue(c: Connection, row: Row[Any], queue: str, at: datetime, by: int | None) -> None:
    """The open hand-off and its ticket go along to another queue."""
    if queue == row.queue:
        return
    hand_off, ticket = tables.hand_offs, tables.tickets
    moved = c.execute(
        update(hand_off)
        .where(hand_off.c.conversation_id == row.id, hand_off.c.ended_at.is_(None))
        .values(queue=queue)
        .returning(hand_off.c.ticket_id)
    ).scalars()
    for ticket_id in moved.all():
        before = c.execute(select(ticket.c.queue).where(ticket.c.id == ticket_id)).scalar_one()
        c.execute(update(ticket).where(ticket.c.id == ticket_id).values(queue=queue, updated_at=at))
        ticket_happened(c, ticket_id, "queue", at, by, **{"from": before, "to": queue})


def _let_go(c: Connection, row: Row[Any], to: State, kind: EventKind, at: datetime, *, by: int, **fields: Any) -> Owned:
    """No person is responsible any more; tell the customer."""
    told = _say(c, row, kind, at)
    happened(c, row.id, kind, at, by, **fields)
    over = {"state": to, "closed_at": at if to == "closed" else None, "last_seq": told.seq, "agent_read_seq": told.seq, "updated_at": at}
    c.execute(CHANGED, {"conversation": row.id, **NOBODY_WAITS, **over})
    return Owned(row.id, to, row.queue, None, None, (told,))


def _say(c: Connection, row: Row[Any], kind: EventKind, at: datetime, **words: str) -> MessageView:
    zh, en = TOLD[kind]
    text = (en if row.locale.lower().startswith("en") else zh).format(**words)
    return append(c, row.id, row.last_seq + 1, "system", text, at=at).message
