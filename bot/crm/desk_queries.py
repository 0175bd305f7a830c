"""Reads for the console, to be run by `Database.read`. Nothing is returned that the viewer may not see."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, exists, func, or_, select, true

from bot.conversation.access import Viewer
from bot.conversation.hours import Hours
from bot.conversation.outcome import Priority, State
from bot.conversation.presence import OFFLINE_AFTER, effective
from bot.conversation.priority import PROMISES, explain
from bot.conversation.taxonomy import QUEUES
from bot.crm import queries, tables
from bot.crm.records import (
    Attachment,
    Availability,
    CannedReply,
    ConsentView,
    ConversationRow,
    Counts,
    CustomerSide,
    CustomerView,
    EarlierConversation,
    HandOffView,
    Holiday,
    Line,
    Member,
    NoteView,
    QueueSettings,
    RatingView,
    TicketView,
)

AT_RISK = timedelta(seconds=60)
"""So long before its time, a promise is about to be missed."""
EARLIER = 10
ORDERS = 10
POINTS = 60
"""Scores of which the course of feeling is drawn."""
SHOWN_TEXT = 200
"""Characters of the last message in a list."""

_PRIORITIES = get_args(Priority)
_SEEN = (
    "mode", "intent", "intent_confidence", "fallback", "queue", "queue_confidence", "queue_scores", "queue_evidence", "sentiment",
    "sentiment_score", "sentiment_evidence", "escalate", "reasons",
)  # fmt: skip


def _all_there_is_to_a_row() -> Select[Any]:
    table, customer, user, message = tables.conversations, tables.customers, tables.users, tables.messages
    seen, hand_off, other = tables.interactions, tables.hand_offs, tables.conversations.alias("other")
    last_seen = select(func.max(seen.c.id)).where(seen.c.conversation_id == table.c.id).correlate(table).scalar_subquery()
    last_hand_off = (
        select(func.max(hand_off.c.id))
        .where(hand_off.c.conversation_id == table.c.id, hand_off.c.ended_at.is_(None))
        .correlate(table)
        .scalar_subquery()
    )
    unread = select(func.count()).where(
        message.c.conversation_id == table.c.id, message.c.sender == "customer", message.c.seq > table.c.agent_read_seq
    )
    sooner = or_(other.c.due_at < table.c.due_at, and_(other.c.due_at == table.c.due_at, other.c.id < table.c.id))
    ahead = select(func.count()).where(other.c.state == "queued", other.c.queue == table.c.queue, table.c.state == "queued", sooner)
    last = message.alias("last")
    return (
        select(
            table, customer.c.name.label("customer"), user.c.name.label("agent_name"), last.c.text, last.c.sender, last.c.attachments,
            last.c.at.label("last_at"), seen.c.sentiment, seen.c.sentiment_score, hand_off.c.reasons,
            unread.correlate(table).scalar_subquery().label("unread"), ahead.correlate(table).scalar_subquery().label("ahead"),
        )
        .join(customer, customer.c.id == table.c.customer_id)
        .outerjoin(user, user.c.id == table.c.agent_id)
        .outerjoin(last, and_(last.c.conversation_id == table.c.id, last.c.seq == table.c.last_seq))
        .outerjoin(seen, seen.c.id == last_seen)
        .outerjoin(hand_off, hand_off.c.id == last_hand_off)
        .where(table.c.id.in_(bindparam("keys", expanding=True)))
    )  # fmt: skip


# Made once: making them takes longer than running them.
_ROWS = _all_there_is_to_a_row()
_WHOSE = (
    select(tables.conversations.c.queue, tables.conversations.c.agent_id, tables.queue_settings.c.restricted)
    .outerjoin(tables.queue_settings, tables.queue_settings.c.queue == tables.conversations.c.queue)
    .where(tables.conversations.c.id == bindparam("conversation"))
)
_ROLE = select(tables.users.c.role).where(tables.users.c.id == bindparam("user"), tables.users.c.active)
_SERVED = select(tables.user_queues).where(tables.user_queues.c.user_id.in_(bindparam("users", expanding=True)))


def viewer(c: Connection, user_id: int) -> Viewer | None:
    """What somebody of the staff may see now; None when they may not sign in any more."""
    role = c.execute(_ROLE, {"user": user_id}).scalar()
    return None if role is None else Viewer(user_id, role, served_queues(c, (user_id,))[user_id])


def served_queues(c: Connection, user_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """The queues that each of some users serves."""
    served: dict[int, set[str]] = {user_id: set() for user_id in user_ids}
    for user_id, queue in c.execute(_SERVED, {"users": list(served)}):
        served[user_id].add(queue)
    return {user_id: frozenset(queues) for user_id, queues in served.items()}


def whose(c: Connection, conversation_id: str) -> tuple[str | None, int | None, bool]:
    """The queue and the owner of a conversation, and whether the queue is restricted."""
    row = c.execute(_WHOSE, {"conversation": conversation_id}).one()
    return row.queue, row.agent_id, bool(row.restricted)


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The conversations that a viewer may see, as a condition; the same as `access.may_see`."""
    return _may_see(viewer, tables.conversations.c.queue, tables.conversations.c.agent_id)


def visible_tickets(viewer: Viewer) -> ColumnElement[bool]:
    """The tickets that a viewer may see, by their own queue and owner."""
    return _may_see(viewer, tables.tickets.c.queue, tables.tickets.c.owner_id)


def _may_see(viewer: Viewer, queue: ColumnElement[Any], owner_id: ColumnElement[Any]) -> ColumnElement[bool]:
    if viewer.supervises:
        return true()
    settings = tables.queue_settings
    return or_(
        queue.is_(None),
        queue.in_(viewer.queues),
        owner_id == viewer.user_id,
        queue.not_in(select(settings.c.queue).where(settings.c.restricted)),
    )


# Lists


def queue_rows(
    c: Connection, viewer: Viewer, at: datetime, limit: int, queue: str | None = None, *, offset: int = 0
) -> list[ConversationRow]:
    """Who waits, in the order in which they are to be taken."""
    table = tables.conversations
    wanted = select(table.c.id).where(table.c.state == "queued", visible(viewer)).order_by(table.c.due_at, table.c.id)
    if queue is not None:
        wanted = wanted.where(table.c.queue == queue)
    return _rows(c, wanted.limit(limit).offset(offset), at)


def my_rows(c: Connection, viewer: Viewer, at: datetime, limit: int, *, offset: int = 0) -> list[ConversationRow]:
    """The viewer's own conversations: those that wait for an answer first, by the promised time, then the latest."""
    table = tables.conversations
    order = (table.c.promised_at.is_(None), table.c.promised_at, table.c.updated_at.desc(), table.c.id)
    mine = select(table.c.id).where(table.c.state == "agent", table.c.agent_id == viewer.user_id)
    return _rows(c, mine.order_by(*order).limit(limit).offset(offset), at)


def all_rows(
    c: Connection,
    viewer: Viewer,
    at: datetime,
    limit: int,
    *,
    state: State | None = None,
    queue: str | None = None,
    search: str | None = None,
    before: tuple[datetime, str] | None = None,
) -> list[ConversationRow]:
    """All conversations, the latest first; `before` goes on after the row with that `updated_at` and `id`.

    `search` finds a part of what was said or of the customer's name.
    """
    table, message, customer = tables.conversations, tables.messages, tables.customers
    wanted = select(table.c.id).where(visible(viewer)).order_by(table.c.updated_at.desc(), table.c.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(table.c.state == state)
    if queue is not None:
        wanted = wanted.where(table.c.queue == queue)
    if search:
        said = exists().where(message.c.conversation_id == table.c.id, message.c.text.icontains(search, autoescape=True))
        named = exists().where(customer.c.id == table.c.customer_id, customer.c.name.icontains(search, autoescape=True))
        wanted = wanted.where(or_(said, named))
    if before is not None:
        time, key = before
        wanted = wanted.where(or_(table.c.updated_at < time, and_(table.c.updated_at == time, table.c.id < key)))
    return _rows(c, wanted, at)


def row(c: Connection, viewer: Viewer, conversation_id: str, at: datetime) -> ConversationRow | None:
    """One conversation, as it stands in lists; None when it is not for the viewer's eyes."""
    table = tables.conversations
    return next(iter(_rows(c, select(table.c.id).where(table.c.id == conversation_id, visible(viewer)), at)), None)


def _rows(c: Connection, wanted: Select[Any], at: datetime) -> list[ConversationRow]:
    """The rows of the conversations whose keys are wanted, in the same order."""
    keys = c.execute(wanted).scalars().all()
    found = {row.id: row for row in c.execute(_ROWS, {"keys": keys})} if keys else {}
    return [_view(found[key], at) for key in keys]


def _view(row: Row[Any], at: datetime) -> ConversationRow:
    priority = None if row.urgency is None else _PRIORITIES[row.urgency]
    reasons = tuple(row.reasons or ())
    explanation = ""
    if priority is not None and row.queued_at is not None:
        since = row.queued_at if row.state == "queued" else row.unanswered_since
        words = {"priority": priority, "reasons": reasons, "score": row.sentiment_score, "promised_at": row.promised_at, "now": at}
        explanation = explain(waiting_since=since, **words)
    return ConversationRow(
        id=row.id, customer_id=row.customer_id, customer=row.customer, channel=row.channel, locale=row.locale, state=row.state,
        queue=row.queue, priority=priority, agent_id=row.agent_id, agent_name=row.agent_name,
        text=(row.text or "、".join(file["name"] for file in row.attachments or ()))[:SHOWN_TEXT], sender=row.sender,
        last_at=row.last_at or row.created_at, last_seq=row.last_seq, read_seq=row.read_seq, agent_read_seq=row.agent_read_seq,
        unread=row.unread, position=row.ahead + 1 if row.state == "queued" else None, queued_at=row.queued_at, due_at=row.due_at,
        promised_at=row.promised_at, unanswered_since=row.unanswered_since, updated_at=row.updated_at, sentiment=row.sentiment,
        score=row.sentiment_score, reasons=reasons, explanation=explanation,
    )  # fmt: skip


def counts(c: Connection, viewer: Viewer, at: datetime) -> Counts:
    """How much there is to do for the viewer. Promises count for own conversations and those that wait in own queues."""
    table, message = tables.conversations, tables.messages
    mine = and_(table.c.state == "agent", table.c.agent_id == viewer.user_id)
    waits = and_(table.c.state == "queued", visible(viewer))
    at_risk = and_(table.c.promised_at <= at + AT_RISK, or_(mine, and_(waits, table.c.queue.in_(viewer.queues))))
    unread = (
        select(func.count())
        .select_from(table.join(message, message.c.conversation_id == table.c.id))
        .where(mine, message.c.sender == "customer", message.c.seq > table.c.agent_read_seq)
    )
    numbers = [select(func.count()).select_from(table).where(condition) for condition in (waits, mine)]
    wanted = (*numbers, unread, select(func.count()).select_from(table).where(at_risk))
    return Counts(*c.execute(select(*(each.scalar_subquery() for each in wanted))).one())


def changed_since(c: Connection, at: datetime) -> list[tuple[str, datetime, int, State]]:
    """Id, `updated_at`, `last_seq` and state of the conversations that changed at `at` or later, the oldest change first.

    A change carries the time at which its transaction began to write; ask again for some seconds before the last one that was seen.
    """
    table = tables.conversations
    changed = select(table.c.id, table.c.updated_at, table.c.last_seq, table.c.state).where(table.c.updated_at >= at)
    return [(row.id, row.updated_at, row.last_seq, row.state) for row in c.execute(changed.order_by(table.c.updated_at, table.c.id))]


def nearly_missed(c: Connection, at: datetime) -> list[tuple[str, datetime]]:
    """Conversations whose promised time is about to be over, with that time."""
    table = tables.conversations
    near = select(table.c.id, table.c.promised_at).where(
        table.c.state.in_(("queued", "agent")), table.c.promised_at > at, table.c.promised_at <= at + AT_RISK
    )
    return [(row.id, row.promised_at) for row in c.execute(near)]


# A conversation


def lines(c: Connection, viewer: Viewer, conversation_id: str, after_seq: int, limit: int, before: int | None = None) -> list[Line]:
    """A part of a transcript, in order: at most `limit` messages, with the notes and events among them.

    The messages are those after `after_seq`, the first ones first; with `before`, the last ones before that number. Notes and events
    since the message `after_seq` are among them, so that asking again from there brings what was added meanwhile.
    """
    table, message = tables.conversations, tables.messages
    if c.execute(select(table.c.id).where(table.c.id == conversation_id, visible(viewer))).scalar() is None:
        return []
    said = select(message).where(message.c.conversation_id == conversation_id, message.c.seq > after_seq).limit(limit)
    if before is None:
        found = c.execute(said.order_by(message.c.seq)).all()
    else:
        found = c.execute(said.where(message.c.seq < before).order_by(message.c.seq.desc())).all()[::-1]
    first, last = (found[0].seq, found[-1].seq) if found else (after_seq + 1, after_seq)
    start = after_seq if first == after_seq + 1 else first
    bounds = select(message.c.seq, message.c.at).where(message.c.conversation_id == conversation_id, message.c.seq.in_((start, last + 1)))
    times = {row.seq: row.at for row in c.execute(bounds)}
    beside = [
        line
        for line in chain(_notes_of(c, conversation_id), _events_of(c, conversation_id))
        if (start not in times or line.at >= times[start]) and (last + 1 not in times or line.at < times[last + 1])
    ]
    return _merged(_message_lines(c, found), sorted(beside, key=lambda line: line.at))


def _merged(messages: Iterable[Line], beside: Sequence[Line]) -> list[Line]:
    """Messages stay in their order, whatever the clocks of several processes say; the rest goes before the first that is later."""
    merged: list[Line] = []
    rest = list(beside)
    for line in messages:
        while rest and rest[0].at < line.at:
            merged.append(rest.pop(0))
        merged.append(line)
    return merged + rest


def _message_lines(c: Connection, found: Sequence[Row[Any]]) -> list[Line]:
    keys = [row.id for row in found]
    seen, label, thumb = tables.interactions, tables.labels, tables.feedback
    understood = {row.message_id: row for row in c.execute(select(seen).where(seen.c.message_id.in_(keys)))}
    thumbs = {row.message_id: row.value for row in c.execute(select(thumb.c.message_id, thumb.c.value).where(thumb.c.message_id.in_(keys)))}
    labels: dict[int, dict[str, str]] = {}
    for row in c.execute(select(label.c.message_id, label.c.kind, label.c.value).where(label.c.message_id.in_(keys))):
        labels.setdefault(row.message_id, {})[row.kind] = row.value
    return [
        Line(
            key=f"m{row.seq}", type="message", at=row.at, message=queries.message_view(row), labels=labels.get(row.id, {}),
            seen={name: getattr(understood[row.id], name) for name in _SEEN} if row.id in understood else None,
            feedback=thumbs.get(row.id),
        )
        for row in found
    ]  # fmt: skip


def _notes_of(c: Connection, conversation_id: str) -> list[Line]:
    note, user = tables.notes, tables.users
    rows = c.execute(
        select(note.c.id, note.c.at, note.c.text, user.c.name)
        .join(user, user.c.id == note.c.user_id)
        .where(note.c.conversation_id == conversation_id)
        .order_by(note.c.at, note.c.id)
    )
    return [Line(key=f"n{row.id}", type="note", at=row.at, user=row.name, text=row.text) for row in rows]


def _events_of(c: Connection, conversation_id: str) -> list[Line]:
    event, user = tables.conversation_events, tables.users
    rows = c.execute(
        select(event, user.c.name)
        .outerjoin(user, user.c.id == event.c.user_id)
        .where(event.c.conversation_id == conversation_id)
        .order_by(event.c.at, event.c.id)
    )
    return [Line(key=f"e{row.id}", type="event", at=row.at, user=row.name, kind=row.kind, fields=row.fields) for row in rows]


def customer_side(c: Connection, viewer: Viewer, conversation_id: str) -> CustomerSide | None:
    """What there is to know about the customer of a conversation, as far as the viewer may see it."""
    table, customer, consent = tables.conversations, tables.customers, tables.consents
    row = c.execute(
        select(customer, table.c.verified.label("vouched"))
        .join(table, table.c.customer_id == customer.c.id)
        .where(table.c.id == conversation_id, visible(viewer))
    ).one_or_none()
    if row is None:
        return None
    agreed = c.execute(
        select(consent.c.purpose, consent.c.notice_version, consent.c.at).where(consent.c.customer_id == row.id).order_by(consent.c.at)
    )
    return CustomerSide(
        customer=CustomerView(row.id, row.name, row.phone, row.level, row.verified, row.created_at),
        verified=row.vouched,
        orders=tuple(queries.orders_of_customer(c, row.id, ORDERS)),
        earlier=_earlier(c, viewer, row.id, conversation_id),
        tickets=_tickets(c, viewer, row.id),
        sentiment=_points(c, conversation_id),
        consents=tuple(ConsentView(*each) for each in agreed),
        notes=_notes(c, viewer, row.id),
        ratings=_ratings(c, viewer, row.id),
        hand_offs=_hand_offs(c, conversation_id),
    )


def _earlier(c: Connection, viewer: Viewer, customer_id: int, but: str) -> tuple[EarlierConversation, ...]:
    table, last, rating = tables.conversations, tables.messages, tables.ratings
    score = (
        select(rating.c.score).where(rating.c.conversation_id == table.c.id).order_by(rating.c.id.desc()).limit(1).correlate(table)
    ).scalar_subquery()
    columns = (table.c.id, table.c.channel, table.c.state, table.c.queue, table.c.created_at, table.c.updated_at)
    rows = c.execute(
        select(*columns, func.coalesce(func.substr(last.c.text, 1, SHOWN_TEXT), ""), score)
        .outerjoin(last, and_(last.c.conversation_id == table.c.id, last.c.seq == table.c.last_seq))
        .where(table.c.customer_id == customer_id, table.c.id != but, visible(viewer))
        .order_by(table.c.updated_at.desc())
        .limit(EARLIER)
    )
    return tuple(EarlierConversation(*row) for row in rows)


def _tickets(c: Connection, viewer: Viewer, customer_id: int) -> tuple[TicketView, ...]:
    ticket, user = tables.tickets, tables.users
    names = [name for name in TicketView.__slots__ if name != "owner"]
    rows = c.execute(
        select(*(ticket.c[name] for name in names), user.c.name.label("owner"))
        .outerjoin(user, user.c.id == ticket.c.owner_id)
        .where(ticket.c.customer_id == customer_id, visible_tickets(viewer))
        .order_by(ticket.c.id.desc())
    )
    return tuple(TicketView(**row._mapping) for row in rows)


def _points(c: Connection, conversation_id: str) -> tuple[tuple[datetime, float], ...]:
    seen = tables.interactions
    last = select(seen.c.at, seen.c.sentiment_score).where(seen.c.conversation_id == conversation_id).order_by(seen.c.id.desc())
    return tuple((row.at, row.sentiment_score) for row in c.execute(last.limit(POINTS)).all()[::-1])


def _notes(c: Connection, viewer: Viewer, customer_id: int) -> tuple[NoteView, ...]:
    note, user, table = tables.notes, tables.users, tables.conversations
    rows = c.execute(
        select(note.c.id, note.c.conversation_id, user.c.name, note.c.text, note.c.at)
        .join(user, user.c.id == note.c.user_id)
        .outerjoin(table, table.c.id == note.c.conversation_id)
        .where(note.c.customer_id == customer_id, or_(note.c.conversation_id.is_(None), visible(viewer)))
        .order_by(note.c.id.desc())
    )
    return tuple(NoteView(*row) for row in rows)


def _ratings(c: Connection, viewer: Viewer, customer_id: int) -> tuple[RatingView, ...]:
    rating, table = tables.ratings, tables.conversations
    rows = c.execute(
        select(rating.c.conversation_id, rating.c.score, rating.c.comment, rating.c.at)
        .join(table, table.c.id == rating.c.conversation_id)
        .where(table.c.customer_id == customer_id, visible(viewer))
        .order_by(rating.c.id.desc())
    )
    return tuple(RatingView(*row) for row in rows)


def _hand_offs(c: Connection, conversation_id: str) -> tuple[HandOffView, ...]:
    hand_off, user = tables.hand_offs, tables.users
    rows = c.execute(
        select(hand_off, user.c.name.label("agent"))
        .outerjoin(user, user.c.id == hand_off.c.agent_id)
        .where(hand_off.c.conversation_id == conversation_id)
        .order_by(hand_off.c.id.desc())
    )
    return tuple(
        HandOffView(
            row.id, row.ticket_id, row.queue, row.priority, tuple(row.reasons), row.summary, row.created_at, row.agent, row.claimed_at,
            row.first_reply_at, row.ended_at, row.outcome, row.result, row.resolution,
        )
        for row in rows
    )  # fmt: skip


def attachment(c: Connection, viewer: Viewer, attachment_id: str) -> Attachment | None:
    """A file of a conversation that the viewer may see."""
    return _attachment(c, attachment_id, visible(viewer))


def attachment_for_customer(c: Connection, conversation_id: str, attachment_id: str) -> Attachment | None:
    """A file of a conversation that its customer may see: their own, and those that were sent to them."""
    file = tables.attachments
    return _attachment(c, attachment_id, file.c.conversation_id == conversation_id, or_(file.c.user_id.is_(None), file.c.message_id > 0))


def _attachment(c: Connection, attachment_id: str, *conditions: ColumnElement[bool]) -> Attachment | None:
    file, table = tables.attachments, tables.conversations
    row = c.execute(
        select(file).join(table, table.c.id == file.c.conversation_id).where(file.c.id == attachment_id, *conditions)
    ).one_or_none()
    if row is None:
        return None
    return Attachment(
        row.id, row.conversation_id, row.user_id, row.name, row.media_type, row.size, row.sha256, row.at, sent=row.message_id is not None
    )


# The desk


def team(c: Connection, at: datetime) -> list[Member]:
    """The staff with who is there and how much they have to do, those who may sign in first."""
    user, served, table = tables.users, tables.user_queues, tables.conversations
    queues: dict[int, list[str]] = {}
    for user_id, queue in c.execute(select(served.c.user_id, served.c.queue)):
        queues.setdefault(user_id, []).append(queue)
    owned = select(table.c.agent_id, func.count().label("load")).where(table.c.state == "agent").group_by(table.c.agent_id)
    loads = {row.agent_id: row.load for row in c.execute(owned)}
    return [
        Member(
            row.id, row.name, row.role, row.active, effective(row.presence, row.seen_at, at), row.presence, row.seen_at,
            loads.get(row.id, 0), row.capacity, tuple(queue for queue in QUEUES if queue in queues.get(row.id, ())),
        )
        for row in c.execute(select(user).order_by(user.c.active.desc(), user.c.name))
    ]  # fmt: skip


def queue_settings(c: Connection) -> dict[str, QueueSettings]:
    """How each queue is run; what nobody has set is as it comes."""
    table = tables.queue_settings
    stored = {row.queue: QueueSettings(row.queue, row.promise_minutes, row.auto_assign, row.restricted) for row in c.execute(select(table))}
    return {queue: stored.get(queue, QueueSettings(queue, PROMISES[queue])) for queue in QUEUES}


def canned_replies(c: Connection, queue: str | None = None) -> list[CannedReply]:
    """The prepared answers by shortcut; with a queue, those for it and those for all."""
    canned, user = tables.canned_replies, tables.users
    wanted = (
        select(canned.c.id, canned.c.shortcut, canned.c.text, canned.c.queue, user.c.name, canned.c.updated_at)
        .outerjoin(user, user.c.id == canned.c.updated_by)
        .order_by(canned.c.shortcut)
    )
    if queue is not None:
        wanted = wanted.where(or_(canned.c.queue.is_(None), canned.c.queue == queue))
    return [CannedReply(*row) for row in c.execute(wanted)]


def holidays(c: Connection) -> list[Holiday]:
    """The days with hours of their own, in order."""
    table = tables.holidays
    return [Holiday(row.day, row.name, row.opens, row.closes) for row in c.execute(select(table).order_by(table.c.day))]


def hours(c: Connection, zone: tzinfo) -> Hours:
    """When people are there."""
    weekly: dict[int, list[tuple[int, int]]] = {}
    for row in c.execute(select(tables.opening_hours)):
        weekly.setdefault(row.weekday, []).append((row.opens, row.closes))
    days = {
        holiday.day: None if holiday.opens is None or holiday.closes is None else (holiday.opens, holiday.closes) for holiday in holidays(c)
    }
    return Hours(zone, weekly, days)


def availability(c: Connection, queue: str | None, at: datetime, zone: tzinfo) -> Availability:
    """Whether somebody who serves a queue (without one: anybody) is there now, and if the desk is closed, until when."""
    user, served = tables.users, tables.user_queues
    there = select(user.c.id).where(user.c.active, user.c.presence == "online", user.c.seen_at >= at - OFFLINE_AFTER)
    if queue is not None:
        there = there.join(served, served.c.user_id == user.c.id).where(served.c.queue == queue)
    opening = hours(c, zone)
    is_open = opening.is_open(at)
    return Availability(is_open, c.execute(there.limit(1)).first() is not None, None if is_open else opening.next_opening(at))
