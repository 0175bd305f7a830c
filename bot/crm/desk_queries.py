"""Reads for the console, to be run by `Database.read`. Nothing is returned that the viewer may not see."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from typing import Any, get_args

from sqlalchemy import Boolean, ColumnElement, Connection, Integer, Row, Select, and_, bindparam, exists, func, or_, select

from bot.conversation.access import Viewer, may_see
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
    Session,
    TicketView,
    User,
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


def _may_see(
    queue: ColumnElement[Any], owner_id: ColumnElement[Any], *, viewer_supervises: Any, viewer_queues: Any, viewer_id: Any
) -> ColumnElement[bool]:
    settings = tables.queue_settings
    open_to_all = queue.not_in(select(settings.c.queue).where(settings.c.restricted))
    return or_(viewer_supervises, queue.is_(None), queue.in_(viewer_queues), owner_id == viewer_id, open_to_all)


def _eyes(viewer: Viewer) -> dict[str, Any]:
    """What a viewer may see by, as values for statements that are made once."""
    return {"viewer_supervises": viewer.supervises, "viewer_queues": list(viewer.queues), "viewer_id": viewer.user_id}


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
_EYES: dict[str, Any] = {
    "viewer_supervises": bindparam("viewer_supervises", type_=Boolean), "viewer_queues": bindparam("viewer_queues", expanding=True),
    "viewer_id": bindparam("viewer_id", type_=Integer),
}  # fmt: skip
_VISIBLE = _may_see(tables.conversations.c.queue, tables.conversations.c.agent_id, **_EYES)
_ROWS = _all_there_is_to_a_row()
_SEEN_BY = select(tables.conversations.c.id).where(tables.conversations.c.id == bindparam("conversation"), _VISIBLE)
_ROLE = select(tables.users.c.role).where(tables.users.c.id == bindparam("user"), tables.users.c.active)
_SERVED = select(tables.user_queues.c.queue).where(tables.user_queues.c.user_id == bindparam("user"))
_SETTINGS = select(tables.queue_settings)
_SIGNED_IN = (
    select(tables.sessions.c.token_hash, tables.sessions.c.csrf_token, tables.user_queues.c.queue.label("serves"))
    .add_columns(*(tables.users.c[name] for name in ("id", "name", "role", "password_hash")))
    .select_from(tables.sessions)
    .join(tables.users, tables.users.c.id == tables.sessions.c.user_id)
    .outerjoin(tables.user_queues, tables.user_queues.c.user_id == tables.users.c.id)
    .where(tables.sessions.c.token_hash.in_(bindparam("hashes", expanding=True)))
    .where(tables.sessions.c.expires_at > bindparam("at"), tables.users.c.active)
)
_WATCHING = (
    _SIGNED_IN.add_columns(tables.conversations.c.queue, tables.conversations.c.agent_id, tables.queue_settings.c.restricted)
    .join(tables.conversations, tables.conversations.c.id == bindparam("conversation"))
    .outerjoin(tables.queue_settings, tables.queue_settings.c.queue == tables.conversations.c.queue)
)
_SAID = select(tables.messages).where(tables.messages.c.conversation_id == bindparam("conversation")).limit(bindparam("limit"))
_SAID_AFTER = _SAID.where(tables.messages.c.seq > bindparam("after")).order_by(tables.messages.c.seq)
_SAID_BEFORE = (
    _SAID.where(tables.messages.c.seq > bindparam("after"), tables.messages.c.seq < bindparam("before"))
    .order_by(tables.messages.c.seq.desc())
)  # fmt: skip
_TIMES = select(tables.messages.c.seq, tables.messages.c.at).where(
    tables.messages.c.conversation_id == bindparam("conversation"), tables.messages.c.seq.in_(bindparam("seqs", expanding=True))
)
_UNDERSTOOD = (
    select(tables.interactions.c.message_id)
    .add_columns(*(tables.interactions.c[name] for name in _SEEN))
    .where(tables.interactions.c.message_id.in_(bindparam("keys", expanding=True)))
)
_THUMBS = select(tables.feedback.c.message_id, tables.feedback.c.value).where(
    tables.feedback.c.message_id.in_(bindparam("keys", expanding=True))
)
_LABELS = select(tables.labels.c.message_id, tables.labels.c.kind, tables.labels.c.value).where(
    tables.labels.c.message_id.in_(bindparam("keys", expanding=True))
)
_NOTES_OF = (
    select(tables.notes.c.id, tables.notes.c.at, tables.notes.c.text, tables.users.c.name)
    .join(tables.users, tables.users.c.id == tables.notes.c.user_id)
    .where(tables.notes.c.conversation_id == bindparam("conversation"))
    .order_by(tables.notes.c.at, tables.notes.c.id)
)
_EVENTS_OF = (
    select(tables.conversation_events, tables.users.c.name)
    .outerjoin(tables.users, tables.users.c.id == tables.conversation_events.c.user_id)
    .where(tables.conversation_events.c.conversation_id == bindparam("conversation"))
    .order_by(tables.conversation_events.c.at, tables.conversation_events.c.id)
)


# What stands beside a conversation.
_CUSTOMER = (
    select(tables.customers, tables.conversations.c.verified.label("vouched"))
    .join(tables.conversations, tables.conversations.c.customer_id == tables.customers.c.id)
    .where(tables.conversations.c.id == bindparam("conversation"), _VISIBLE)
)
_CONSENTS = (
    select(tables.consents.c.purpose, tables.consents.c.notice_version, tables.consents.c.at)
    .where(tables.consents.c.customer_id == bindparam("customer"))
    .order_by(tables.consents.c.at)
)
_LAST_SCORE = (
    select(tables.ratings.c.score)
    .where(tables.ratings.c.conversation_id == tables.conversations.c.id)
    .order_by(tables.ratings.c.id.desc())
    .limit(1)
    .correlate(tables.conversations)
    .scalar_subquery()
)
_EARLIER = (
    select(*(tables.conversations.c[name] for name in ("id", "channel", "state", "queue", "created_at", "updated_at")))
    .add_columns(func.coalesce(func.substr(tables.messages.c.text, 1, SHOWN_TEXT), ""), _LAST_SCORE)
    .outerjoin(
        tables.messages,
        and_(tables.messages.c.conversation_id == tables.conversations.c.id, tables.messages.c.seq == tables.conversations.c.last_seq),
    )
    .where(tables.conversations.c.customer_id == bindparam("customer"), tables.conversations.c.id != bindparam("conversation"), _VISIBLE)
    .order_by(tables.conversations.c.updated_at.desc())
    .limit(EARLIER)
)
_TICKETS = (
    select(*(tables.tickets.c[name] for name in TicketView.__slots__ if name != "owner"), tables.users.c.name.label("owner"))
    .outerjoin(tables.users, tables.users.c.id == tables.tickets.c.owner_id)
    .where(tables.tickets.c.customer_id == bindparam("customer"), _may_see(tables.tickets.c.queue, tables.tickets.c.owner_id, **_EYES))
    .order_by(tables.tickets.c.id.desc())
)
_POINTS = (
    select(tables.interactions.c.at, tables.interactions.c.sentiment_score)
    .where(tables.interactions.c.conversation_id == bindparam("conversation"))
    .order_by(tables.interactions.c.id.desc())
    .limit(POINTS)
)
_NOTES = (
    select(tables.notes.c.id, tables.notes.c.conversation_id, tables.users.c.name, tables.notes.c.text, tables.notes.c.at)
    .join(tables.users, tables.users.c.id == tables.notes.c.user_id)
    .outerjoin(tables.conversations, tables.conversations.c.id == tables.notes.c.conversation_id)
    .where(tables.notes.c.customer_id == bindparam("customer"), or_(tables.notes.c.conversation_id.is_(None), _VISIBLE))
    .order_by(tables.notes.c.id.desc())
)
_RATINGS = (
    select(*(tables.ratings.c[name] for name in ("conversation_id", "score", "comment", "at")))
    .join(tables.conversations, tables.conversations.c.id == tables.ratings.c.conversation_id)
    .where(tables.conversations.c.customer_id == bindparam("customer"), _VISIBLE)
    .order_by(tables.ratings.c.id.desc())
)
_HAND_OFFS = (
    select(tables.hand_offs, tables.users.c.name.label("agent"))
    .outerjoin(tables.users, tables.users.c.id == tables.hand_offs.c.agent_id)
    .where(tables.hand_offs.c.conversation_id == bindparam("conversation"))
    .order_by(tables.hand_offs.c.id.desc())
)


def viewer(c: Connection, user_id: int) -> Viewer | None:
    """What somebody of the staff may see now; None when they may not sign in any more."""
    role = c.execute(_ROLE, {"user": user_id}).scalar()
    return None if role is None else Viewer(user_id, role, frozenset(c.execute(_SERVED, {"user": user_id}).scalars()))


def signed_in(c: Connection, token_hashes: Collection[str], at: datetime) -> dict[str, tuple[Session, Viewer]]:
    """Who is signed in with each of some tokens, and what they may see; tokens of nobody who may sign in now are left out."""
    return _sessions(c.execute(_SIGNED_IN, {"hashes": list(token_hashes), "at": at}).all())


def watching(
    c: Connection, token_hashes: Collection[str], conversation_id: str, at: datetime
) -> tuple[dict[str, tuple[Session, Viewer]], set[str]]:
    """As `signed_in`, and with which of the tokens a conversation may be seen; a single statement."""
    rows = c.execute(_WATCHING, {"hashes": list(token_hashes), "conversation": conversation_id, "at": at}).all()
    found = _sessions(rows)
    return found, {row.token_hash for row in rows if may_see(found[row.token_hash][1], row.queue, row.agent_id, bool(row.restricted))}


def _sessions(rows: Sequence[Row[Any]]) -> dict[str, tuple[Session, Viewer]]:
    """The sessions that are found with a row for each queue that their users serve."""
    sessions: dict[str, Session] = {}
    served: dict[str, set[str | None]] = {}
    for row in rows:
        if row.token_hash not in sessions:
            sessions[row.token_hash] = Session(User(row.id, row.name, row.role, row.password_hash), row.csrf_token)
        served.setdefault(row.token_hash, set()).add(row.serves)
    return {
        token_hash: (session, Viewer(session.user.id, session.user.role, frozenset(filter(None, served[token_hash]))))
        for token_hash, session in sessions.items()
    }


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The conversations that a viewer may see, as a condition; the same as `access.may_see`."""
    return _may_see(tables.conversations.c.queue, tables.conversations.c.agent_id, **_eyes(viewer))


def visible_tickets(viewer: Viewer) -> ColumnElement[bool]:
    """The tickets that a viewer may see, by their own queue and owner."""
    return _may_see(tables.tickets.c.queue, tables.tickets.c.owner_id, **_eyes(viewer))


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
    if not sees(c, viewer, conversation_id):
        return None
    return rows_of(c, (conversation_id,), at)[conversation_id]


def sees(c: Connection, viewer: Viewer, conversation_id: str) -> bool:
    """Whether there is such a conversation, and the viewer may see it."""
    return c.execute(_SEEN_BY, {"conversation": conversation_id} | _eyes(viewer)).scalar() is not None


def rows_of(c: Connection, conversation_ids: Collection[str], at: datetime) -> dict[str, ConversationRow]:
    """Conversations as they stand in lists, whoever may see them."""
    if not conversation_ids:
        return {}
    return {row.id: _view(row, at) for row in c.execute(_ROWS, {"keys": list(conversation_ids)})}


def _rows(c: Connection, wanted: Select[Any], at: datetime) -> list[ConversationRow]:
    """The rows of the conversations whose keys are wanted, in the same order."""
    keys = c.execute(wanted).scalars().all()
    found = rows_of(c, keys, at)
    return [found[key] for key in keys]


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
    return lines_of(c, conversation_id, after_seq, limit, before) if sees(c, viewer, conversation_id) else []


def lines_of(c: Connection, conversation_id: str, after_seq: int, limit: int, before: int | None = None) -> list[Line]:
    """As `lines`, whoever may see the conversation."""
    values = {"conversation": conversation_id, "after": after_seq, "limit": limit}
    said = c.execute(_SAID_AFTER, values) if before is None else c.execute(_SAID_BEFORE, values | {"before": before})
    found = said.all() if before is None else said.all()[::-1]
    first, last = (found[0].seq, found[-1].seq) if found else (after_seq + 1, after_seq)
    start = after_seq if first == after_seq + 1 else first
    times = {row.seq: row.at for row in c.execute(_TIMES, {"conversation": conversation_id, "seqs": [start, last + 1]})}
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
    keys = {"keys": [row.id for row in found]}
    understood = {row.message_id: row for row in c.execute(_UNDERSTOOD, keys)}
    thumbs = {row.message_id: row.value for row in c.execute(_THUMBS, keys)}
    labels: dict[int, dict[str, str]] = {}
    for row in c.execute(_LABELS, keys):
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
    rows = c.execute(_NOTES_OF, {"conversation": conversation_id})
    return [Line(key=f"n{row.id}", type="note", at=row.at, user=row.name, text=row.text) for row in rows]


def _events_of(c: Connection, conversation_id: str) -> list[Line]:
    rows = c.execute(_EVENTS_OF, {"conversation": conversation_id})
    return [Line(key=f"e{row.id}", type="event", at=row.at, user=row.name, kind=row.kind, fields=row.fields) for row in rows]


def customer_side(c: Connection, viewer: Viewer, conversation_id: str) -> CustomerSide | None:
    """What there is to know about the customer of a conversation, as far as the viewer may see it."""
    row = c.execute(_CUSTOMER, {"conversation": conversation_id} | _eyes(viewer)).one_or_none()
    if row is None:
        return None
    whose = {"customer": row.id} | _eyes(viewer)
    earlier = c.execute(_EARLIER, whose | {"conversation": conversation_id})
    return CustomerSide(
        customer=CustomerView(row.id, row.name, row.phone, row.level, row.verified, row.created_at),
        verified=row.vouched,
        orders=tuple(queries.orders_of_customer(c, row.id, ORDERS)),
        earlier=tuple(EarlierConversation(*each) for each in earlier),
        tickets=tuple(TicketView(**each._mapping) for each in c.execute(_TICKETS, whose)),
        sentiment=tuple((each.at, each.sentiment_score) for each in c.execute(_POINTS, {"conversation": conversation_id}).all()[::-1]),
        consents=tuple(ConsentView(*each) for each in c.execute(_CONSENTS, {"customer": row.id})),
        notes=tuple(NoteView(*each) for each in c.execute(_NOTES, whose)),
        ratings=tuple(RatingView(*each) for each in c.execute(_RATINGS, whose)),
        hand_offs=tuple(
            HandOffView(
                each.id, each.ticket_id, each.queue, each.priority, tuple(each.reasons), each.summary, each.created_at, each.agent,
                each.claimed_at, each.first_reply_at, each.ended_at, each.outcome, each.result, each.resolution,
            )
            for each in c.execute(_HAND_OFFS, {"conversation": conversation_id})
        ),
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
    stored = {row.queue: QueueSettings(row.queue, row.promise_minutes, row.auto_assign, row.restricted) for row in c.execute(_SETTINGS)}
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
