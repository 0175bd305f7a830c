"""Parts that the writes of the record share. None of them is a transaction of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy
from sqlalchemy import Connection, Row, Table, bindparam, select, true, update

from bot.conversation.access import Viewer, may_see
from bot.conversation.outcome import NewTicket, Priority, Sender
from bot.conversation.priority import ticket_promise
from bot.crm import tables
from bot.crm.records import EventKind, MessageView, Result, TicketStatus
from bot.errors import BadInput, Forbidden, NotFound

URGENCIES = get_args(Priority)
"""Priorities by their number in the record, 0 for the most urgent."""

# Statements of every turn are made once: SQLAlchemy takes longer to make one than SQLite to run it.
LOCKED_CONVERSATION = select(tables.conversations).where(tables.conversations.c.id == bindparam("id")).with_for_update()
_LOCK = select(tables.conversations.c.id).where(tables.conversations.c.id == bindparam("id")).with_for_update()
_INSERTS = {table: sqlalchemy.insert(table) for table in tables.metadata.sorted_tables}
CHANGED = update(tables.conversations).where(tables.conversations.c.id == bindparam("conversation"))

NOBODY_WAITS: dict[str, Any] = {
    "agent_id": None, "urgency": None, "queued_at": None, "due_at": None, "unanswered_since": None, "promised_at": None,
}  # fmt: skip
"""What changes in a conversation that no person is responsible for any more. Its queue stays: it says who may see it."""


def now() -> datetime:
    """The time that rows are written with, in UTC."""
    return datetime.now(UTC)


def lock(c: Connection, conversation_id: str) -> None:
    """Nobody else changes the conversation until this transaction ends. SQLite lets one writer in at a time anyway."""
    # A statement that waits for a lock reads other rows as they were before; so lock first, read with the next statement.
    if c.dialect.name == "postgresql":
        c.execute(_LOCK, {"id": conversation_id})


def inserted(c: Connection, table: Table, **values: Any) -> int:
    """Insert a row; returns its key when that is a number the database gave."""
    # Values go as parameters: statements with values in them are taken apart and put together at every call.
    key = c.execute(_INSERTS[table], values).inserted_primary_key
    return key[0] if key else 0


def insert(c: Connection, table: Table, **values: Any) -> None:
    """Insert a row whose key nobody needs."""
    c.execute(_INSERTS[table], [values])


class Appended(NamedTuple):
    """A new message with the key of its row."""

    id: int
    message: MessageView


def append(
    c: Connection,
    conversation_id: str,
    seq: int,
    sender: Sender,
    text: str,
    *,
    at: datetime,
    buttons: list[dict[str, str]] | None = None,
    client_id: str | None = None,
    turn_id: int | None = None,
    name: str | None = None,
    user_id: int | None = None,
    attachments: Sequence[dict[str, Any]] = (),
) -> Appended:
    """Put a message into the log; the caller sets the conversation's `last_seq`."""
    message_id = inserted(
        c, tables.messages, conversation_id=conversation_id, seq=seq, sender=sender, text=text, buttons=buttons or [],
        client_id=client_id, turn_id=turn_id, name=name, user_id=user_id, attachments=list(attachments), at=at,
    )  # fmt: skip
    if attachments:
        file = tables.attachments
        c.execute(update(file).where(file.c.id.in_([attached["id"] for attached in attachments])).values(message_id=message_id))
    return Appended(message_id, MessageView(seq, sender, name, text, tuple(buttons or ()), client_id, at, tuple(attachments), user_id))


def attachments_to_send(c: Connection, conversation_id: str, ids: Sequence[str], user_id: int | None) -> list[dict[str, Any]]:
    """The files that somebody (None: the customer) put into a conversation, as they stand in a message.

    Raises:
        BadInput: one of them is not there, somebody else's, or sent already.
    """
    if not ids:
        return []
    file = tables.attachments
    mine = file.c.user_id == user_id if user_id is not None else file.c.user_id.is_(None)
    columns = (file.c.id, file.c.name, file.c.media_type, file.c.size)
    unsent = select(*columns).where(file.c.id.in_(ids), file.c.conversation_id == conversation_id, file.c.message_id.is_(None), mine)
    found = {row.id: dict(row._mapping) for row in c.execute(unsent)}
    if set(found) != set(ids):
        raise BadInput("附件不存在或已经发送，请重新上传")
    return [found[one] for one in dict.fromkeys(ids)]


def happened(c: Connection, conversation_id: str, kind: EventKind, at: datetime, user_id: int | None = None, **fields: Any) -> None:
    """Note what became of a conversation; without `user_id`, the system or the customer did it."""
    inserted(c, tables.conversation_events, conversation_id=conversation_id, user_id=user_id, kind=kind, fields=fields, at=at)


def ticket_happened(c: Connection, ticket_id: int, kind: str, at: datetime, user_id: int | None = None, **fields: Any) -> None:
    """Note what became of a ticket."""
    inserted(c, tables.ticket_events, ticket_id=ticket_id, user_id=user_id, kind=kind, fields=fields, at=at)


def set_ticket_status(
    c: Connection, ticket_id: int, status: TicketStatus, at: datetime, user_id: int | None = None, **changes: Any
) -> None:
    """Give a ticket another status, with other `changes` of its columns."""
    ticket = tables.tickets
    before = c.execute(select(ticket.c.status).where(ticket.c.id == ticket_id)).scalar_one()
    over = status in {"solved", "closed"}
    c.execute(
        update(ticket).where(ticket.c.id == ticket_id).values(status=status, updated_at=at, closed_at=at if over else None, **changes)
    )
    if before != status:
        ticket_happened(c, ticket_id, "status", at, user_id, **{"from": before, "to": status})


def end_hand_off(
    c: Connection,
    conversation_id: str,
    outcome: Literal["left", "closed", "returned", "resolved"],
    at: datetime,
    *,
    ticket: TicketStatus,
    user_id: int | None = None,
    owner_id: int | None = None,
    result: Result | None = None,
    resolution: str | None = None,
) -> None:
    """A person is not needed any more: end the open hand-off of a conversation, and give its ticket a status and, if named, an owner.

    A ticket that somebody has brought to an end stays so, unless there is more to do.
    """
    hand_off, work = tables.hand_offs, tables.tickets
    ended = c.execute(
        update(hand_off)
        .where(hand_off.c.conversation_id == conversation_id, hand_off.c.ended_at.is_(None))
        .values(ended_at=at, outcome=outcome, result=result, resolution=resolution)
        .returning(hand_off.c.ticket_id)
    )
    ids = ended.scalars().all()
    unfinished = true() if ticket == "open" else work.c.closed_at.is_(None)
    for ticket_id in c.execute(select(work.c.id).where(work.c.id.in_(ids), unfinished)).scalars().all():
        set_ticket_status(c, ticket_id, ticket, at, user_id, **({} if owner_id is None else {"owner_id": owner_id}))


def open_ticket(c: Connection, row: Row[Any], turn_id: int | None, ticket: NewTicket, at: datetime) -> int:
    """Write a ticket of the conversation `row`; returns its key."""
    ticket_id = inserted(
        c, tables.tickets,
        conversation_id=row.id, customer_id=row.customer_id, turn_id=turn_id, queue=ticket.queue, kind=ticket.kind,
        subject=ticket.subject, summary=ticket.summary, priority=ticket.priority, status="open", order_number=ticket.order_number,
        fields=ticket.fields, promised_at=at + ticket_promise(ticket.priority), created_at=at, updated_at=at,
    )  # fmt: skip
    ticket_happened(c, ticket_id, "created", at)
    told = {"ticket": ticket_id, "queue": ticket.queue, "kind": ticket.kind, "priority": ticket.priority}
    tell(c, f"ticket-{ticket_id}", "ticket", told, at)
    return ticket_id


def tell(c: Connection, key: str, kind: str, payload: dict[str, Any], at: datetime) -> None:
    """Put something into the outbox."""
    inserted(c, tables.outbox, key=key, kind=kind, payload=payload, attempts=0, due_at=at, created_at=at)


# The staff


class Actor(NamedTuple):
    """Who of the staff does something, as the record has it now."""

    viewer: Viewer
    name: str


def actor(c: Connection, user_id: int) -> Actor:
    """Who acts; roles and queues are read anew with every write.

    Raises:
        Forbidden: there is no such user, or they may not sign in any more.
    """
    user, served = tables.users, tables.user_queues
    row = c.execute(select(user.c.name, user.c.role).where(user.c.id == user_id, user.c.active)).one_or_none()
    if row is None:
        raise Forbidden("此账号已停用")
    queues = c.execute(select(served.c.queue).where(served.c.user_id == user_id)).scalars()
    return Actor(Viewer(user_id, row.role, frozenset(queues)), row.name)


def supervisor(c: Connection, user_id: int) -> Actor:
    """Who acts, where only supervisors and admins may.

    Raises:
        Forbidden: they may not.
    """
    found = actor(c, user_id)
    if not found.viewer.supervises:
        raise Forbidden("只有主管可以这样做")
    return found


def conversation_for(c: Connection, viewer: Viewer, conversation_id: str) -> Row[Any]:
    """The row of a conversation that the viewer may see, locked until the transaction ends.

    Raises:
        NotFound: there is none, as far as the viewer is concerned.
    """
    row = c.execute(LOCKED_CONVERSATION, {"id": conversation_id}).one_or_none()
    if row is None or not may_see(viewer, row.queue, row.agent_id, is_restricted(c, row.queue)):
        raise NotFound("没有这个对话")
    return row


def is_restricted(c: Connection, queue: str | None) -> bool:
    """Whether only a queue's own agents and supervisors see its conversations."""
    table = tables.queue_settings
    return queue is not None and bool(c.execute(select(table.c.restricted).where(table.c.queue == queue)).scalar())
