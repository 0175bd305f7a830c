"""Tickets: finding them, and what people do with them. Each write is one whole transaction, as in `store`.

Who writes names the `version` that was read, the ticket's `updated_at`: of two people who change a ticket at the same time one is told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, update

from bot.conversation.access import Viewer, may_see
from bot.conversation.messages import LONGEST, clean
from bot.conversation.outcome import Priority, State
from bot.conversation.priority import ticket_promise
from bot.conversation.taxonomy import QUEUES
from bot.crm import ownership, queries, tables
from bot.crm.desk_queries import visible_tickets
from bot.crm.parts import CHANGED, LOCKED_CONVERSATION, actor, append, is_restricted, now, ticket_happened
from bot.crm.records import MessageView, TicketStatus
from bot.errors import BadInput, Conflict, NotFound

UNFINISHED: tuple[TicketStatus, ...] = ("open", "waiting")
NOBODY = 0
"""The key of no user, where tickets without an owner are wanted."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Work for a team, with who it is about and who works on it."""

    id: int
    conversation_id: str
    customer_id: int
    customer: str | None
    queue: str
    kind: str
    subject: str
    summary: str
    priority: Priority
    status: TicketStatus
    order_number: str | None
    fields: dict[str, str]
    owner_id: int | None
    owner: str | None
    promised_at: datetime | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None

    def overdue(self, at: datetime) -> bool:
        """Whether the promised time is over and the ticket still waits for the shop."""
        return self.status == "open" and self.promised_at is not None and self.promised_at < at


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """What was done with a ticket: `created`, `status`, `priority`, `queue` or `owner` (fields `from` and `to`), `comment` or `reply`
    (field `text`). Without a user the desk itself did it."""

    kind: str
    fields: dict[str, Any]
    user: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class TicketPage:
    """A ticket with its history, oldest first. The conversation's owner and last messages are there for who may see the conversation."""

    ticket: Ticket
    events: tuple[TicketEvent, ...]
    phone: str | None
    level: str | None
    state: State | None
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets are wanted: `owner` is a user's key or `NOBODY`, `search` a ticket's number or a part of what is written."""

    queue: str | None = None
    statuses: tuple[TicketStatus, ...] = ()
    priority: Priority | None = None
    owner: int | None = None
    overdue: bool = False
    search: str = ""


# Reads


def find(c: Connection, user_id: int, wanted: TicketFilter, at: datetime, *, limit: int, offset: int = 0) -> tuple[list[Ticket], int]:
    """The tickets wanted that a user may see, the first promised first; and how many there are in all."""
    table, customer = tables.tickets, tables.customers
    conditions = _wanted(actor(c, user_id).viewer, wanted, at)
    counted = select(func.count()).select_from(table).join(customer, customer.c.id == table.c.customer_id).where(conditions)
    ordered = _tickets().where(conditions).order_by(table.c.promised_at.is_(None), table.c.promised_at, table.c.id)
    return [_ticket(row) for row in c.execute(ordered.limit(limit).offset(offset))], c.execute(counted).scalar_one()


def after(c: Connection, user_id: int, wanted: TicketFilter, at: datetime, ticket_id: int, *, limit: int) -> list[Ticket]:
    """The tickets wanted that a user may see and that come after one, by their number."""
    table = tables.tickets
    found = _tickets().where(_wanted(actor(c, user_id).viewer, wanted, at), table.c.id > ticket_id)
    return [_ticket(row) for row in c.execute(found.order_by(table.c.id).limit(limit))]


def page(c: Connection, user_id: int, ticket_id: int, *, messages: int = 8) -> TicketPage | None:
    """A ticket with what happened to it, and the last `messages` of its conversation; None when it is not for the user's eyes."""
    event, user, customer = tables.ticket_events, tables.users, tables.customers
    viewer = actor(c, user_id).viewer
    row = c.execute(_tickets().where(tables.tickets.c.id == ticket_id, visible_tickets(viewer))).one_or_none()
    if row is None:
        return None
    events = c.execute(
        select(event.c.kind, event.c.fields, user.c.name, event.c.at)
        .outerjoin(user, user.c.id == event.c.user_id)
        .where(event.c.ticket_id == ticket_id)
        .order_by(event.c.id)
    )
    phone, level = c.execute(select(customer.c.phone, customer.c.level).where(customer.c.id == row.customer_id)).one()
    talk = c.execute(select(tables.conversations).where(tables.conversations.c.id == row.conversation_id)).one()
    open_to = may_see(viewer, talk.queue, talk.agent_id, is_restricted(c, talk.queue))
    return TicketPage(
        _ticket(row),
        tuple(TicketEvent(*one) for one in events),
        phone,
        level,
        talk.state if open_to else None,
        tuple(queries.latest_messages(c, talk.id, messages)) if open_to else (),
    )


def owners(c: Connection) -> dict[int, str]:
    """The names of all who may own a ticket."""
    user = tables.users
    return {row.id: row.name for row in c.execute(select(user.c.id, user.c.name).where(user.c.active).order_by(user.c.name))}


def _tickets() -> Any:
    table, user, customer = tables.tickets, tables.users, tables.customers
    return (
        select(table, customer.c.name.label("customer"), user.c.name.label("owner"))
        .join(customer, customer.c.id == table.c.customer_id)
        .outerjoin(user, user.c.id == table.c.owner_id)
    )


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(**{name: value for name, value in row._mapping.items() if name != "turn_id"})


def _wanted(viewer: Viewer, wanted: TicketFilter, at: datetime) -> ColumnElement[bool]:
    table = tables.tickets
    conditions = [visible_tickets(viewer)]
    if wanted.queue:
        conditions.append(table.c.queue == wanted.queue)
    if wanted.statuses:
        conditions.append(table.c.status.in_(wanted.statuses))
    if wanted.priority:
        conditions.append(table.c.priority == wanted.priority)
    if wanted.owner is not None:
        conditions.append(table.c.owner_id.is_(None) if wanted.owner == NOBODY else table.c.owner_id == wanted.owner)
    if wanted.overdue:
        conditions.append(and_(table.c.status == "open", table.c.promised_at < at))
    if search := clean(wanted.search):
        texts = (table.c.subject, table.c.summary, table.c.order_number, tables.customers.c.name)
        found = [text.icontains(search, autoescape=True) for text in texts]
        number = search.removeprefix("#")
        if number.isdecimal() and len(number) < 18:
            found.append(table.c.id == int(number))
        conditions.append(or_(*found))
    return and_(*conditions)


# Writes


def take(c: Connection, ticket_id: int, user_id: int, version: datetime) -> None:
    """Make a ticket that nobody owns one's own.

    Raises:
        NotFound: there is no such ticket for this user.
        Conflict: somebody owns it, or it has changed meanwhile.
    """
    row, _ = _locked(c, ticket_id, user_id)
    if row.owner_id not in {None, user_id}:
        raise Conflict(f"{_name(c, row.owner_id)} 已接手这张工单")
    _save(c, row, user_id, version, {"owner_id": user_id})


def change(
    c: Connection, ticket_id: int, user_id: int, version: datetime, *, status: str, priority: str, queue: str, owner_id: int | None
) -> None:
    """Give a ticket this status, priority, queue and owner. With the priority the promised time changes.

    Raises:
        NotFound: there is no such ticket for this user.
        Conflict: it has changed meanwhile, or the owner may not see its queue.
        BadInput: one of the values is not possible.
    """
    row, _ = _locked(c, ticket_id, user_id)
    if status not in get_args(TicketStatus) or priority not in get_args(Priority) or queue not in QUEUES:
        raise BadInput("没有这样的状态、优先级或队列")
    if owner_id is not None and (owner_id, queue) != (row.owner_id, row.queue):
        _check_owner(c, owner_id, queue)
    _save(c, row, user_id, version, {"status": status, "priority": priority, "queue": queue, "owner_id": owner_id})


def comment(c: Connection, ticket_id: int, user_id: int, version: datetime, text: str) -> None:
    """Add an internal comment to a ticket's history.

    Raises:
        NotFound: there is no such ticket for this user.
        Conflict: it has changed meanwhile.
        BadInput: there is no text.
        TooLong: the text is too long.
    """
    row, _ = _locked(c, ticket_id, user_id)
    _save(c, row, user_id, version, {}, ("comment", {"text": _checked(text)}))


def reply_to_customer(c: Connection, ticket_id: int, user_id: int, version: datetime, text: str, *, client_id: str) -> MessageView:
    """Answer the customer in the ticket's conversation, whoever owns that; the ticket waits for the customer then.

    The same `client_id` again changes nothing.

    Raises:
        NotFound: there is no such ticket for this user.
        Conflict: it has changed meanwhile.
        BadInput: there is no text.
        TooLong: the text is too long.
    """
    row, talk = _locked(c, ticket_id, user_id)
    message, own_id = tables.messages, f"{user_id}:{client_id}"[:64]
    known = c.execute(select(message).where(message.c.conversation_id == talk.id, message.c.client_id == own_id)).one_or_none()
    if known is not None:
        return queries.message_view(known)
    text = _checked(text)
    at = _save(c, row, user_id, version, {"status": "waiting"}, ("reply", {"text": text}))
    if talk.agent_id == user_id:
        return ownership.reply(c, talk.id, user_id, text, client_id=client_id)
    changes = {"last_seq": talk.last_seq + 1, "updated_at": at}
    if talk.agent_id is None:
        # Nobody is to read what came before; and that a person was there is what the assistant looks for (`queries.meanwhile`).
        changes["agent_read_seq"] = talk.last_seq + 1
    c.execute(CHANGED, {"conversation": talk.id, **changes})
    name = actor(c, user_id).name
    return append(c, talk.id, talk.last_seq + 1, "agent", text, at=at, client_id=own_id, name=name, user_id=user_id).message


def _locked(c: Connection, ticket_id: int, user_id: int) -> tuple[Row[Any], Row[Any]]:
    """A ticket's row and its conversation's, locked in the order in which turns lock them."""
    table = tables.tickets
    conversation_id = c.execute(select(table.c.conversation_id).where(table.c.id == ticket_id)).scalar()
    talk = c.execute(LOCKED_CONVERSATION, {"id": conversation_id}).one_or_none()
    visible = visible_tickets(actor(c, user_id).viewer)
    row = c.execute(select(table).where(table.c.id == ticket_id, visible).with_for_update()).one_or_none()
    if row is None or talk is None:
        raise NotFound("没有这张工单")
    return row, talk


def _save(
    c: Connection, row: Row[Any], user_id: int, version: datetime, wanted: dict[str, Any], event: tuple[str, dict[str, Any]] | None = None
) -> datetime:
    """Write what is wanted and differs, with an event for each, then `event`; returns the ticket's next version."""
    if row.updated_at != version:
        raise Conflict(f"{_last_editor(c, row.id)}刚刚更新了这张工单，请看过最新内容再操作")
    changes = {name: value for name, value in wanted.items() if row._mapping[name] != value}
    if not changes and event is None:
        return version
    at = max(now(), version + timedelta(microseconds=1))
    values = changes | {"updated_at": at}
    if "priority" in changes:
        values["promised_at"] = row.created_at + ticket_promise(changes["priority"])
    if "status" in changes:
        values["closed_at"] = None if changes["status"] in UNFINISHED else row.closed_at or at
    c.execute(update(tables.tickets).where(tables.tickets.c.id == row.id).values(**values))
    for name, value in changes.items():
        before = row._mapping[name]
        told = (before, value) if name != "owner_id" else (_name(c, before), _name(c, value))
        ticket_happened(c, row.id, name.removesuffix("_id"), at, user_id, **dict(zip(("from", "to"), told, strict=True)))
    if event is not None:
        kind, fields = event
        ticket_happened(c, row.id, kind, at, user_id, **fields)
    c.execute(CHANGED, {"conversation": row.conversation_id, "updated_at": at})
    return at


def _checked(text: str) -> str:
    text = ownership.short_text(text, LONGEST)
    if not text:
        raise BadInput("请先写下内容")
    return text


def _check_owner(c: Connection, owner_id: int, queue: str) -> None:
    name = owners(c).get(owner_id)
    if name is None:
        raise BadInput("没有这个坐席，或者已经停用")
    if not may_see(actor(c, owner_id).viewer, queue, None, is_restricted(c, queue)):
        raise Conflict(f"{name} 不在“{QUEUES[queue]}”队列，不能负责这张工单")


def _name(c: Connection, user_id: int | None) -> str | None:
    return c.execute(select(tables.users.c.name).where(tables.users.c.id == user_id)).scalar()


def _last_editor(c: Connection, ticket_id: int) -> str:
    event, user = tables.ticket_events, tables.users
    last = select(user.c.name).select_from(event).outerjoin(user, user.c.id == event.c.user_id).where(event.c.ticket_id == ticket_id)
    name = c.execute(last.order_by(event.c.id.desc()).limit(1)).scalar()
    return f"{name} " if name else ""
