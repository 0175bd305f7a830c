"""The staff, the queues and the opening hours: each function is one whole transaction, as in `store`; `by` is who does it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from bot.conversation.access import Role, may_manage
from bot.conversation.hours import DAY_MINUTES, Span
from bot.conversation.presence import Presence
from bot.conversation.taxonomy import QUEUES
from bot.crm import tables
from bot.crm.parts import actor, inserted, supervisor
from bot.crm.store import MOST_AT_ONCE
from bot.crm.tables import PRESENCES, ROLES
from bot.errors import BadInput, Conflict, Forbidden, NotFound

LONGEST_PROMISE = 7 * DAY_MINUTES
"""Minutes."""


def set_presence(c: Connection, user_id: int, choice: Presence) -> None:
    """Whether an agent wants to be given conversations.

    Raises:
        BadInput: there is no such presence.
    """
    if choice not in PRESENCES:
        raise BadInput("状态只能是在线、离开或离线")
    c.execute(update(tables.users).where(tables.users.c.id == user_id).values(presence=choice))


def seen(c: Connection, user_id: int, at: datetime) -> None:
    """A console of this user is connected."""
    user = tables.users
    c.execute(update(user).where(user.c.id == user_id, or_(user.c.seen_at.is_(None), user.c.seen_at < at)).values(seen_at=at))


def update_user(
    c: Connection,
    by: int,
    user_id: int,
    *,
    role: Role | None = None,
    capacity: int | None = None,
    queues: Sequence[str] | None = None,
    active: bool | None = None,
    password_hash: str | None = None,
) -> None:
    """Change what is given of a user. Admins change everybody, supervisors agents and their own capacity and queues, everybody their
    own password.

    Raises:
        Forbidden: `by` may not.
        NotFound: there is no such user.
        BadInput: a value cannot be.
        Conflict: nobody would be left who may sign in as admin.
    """
    who, user = actor(c, by), tables.users
    if c.dialect.name == "postgresql" and (role is not None or active is not None):
        # Two admins who dismiss each other at the same time must not both succeed.
        c.exec_driver_sql("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
    found = c.execute(select(user.c.role, user.c.active).where(user.c.id == user_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound("没有这位同事")
    own_things = by == user_id and role is None and active is None
    may = may_manage(who.viewer.role, found.role) and (role is None or may_manage(who.viewer.role, role))
    if not (may or (own_things and (who.viewer.supervises or (capacity is None and queues is None)))):
        raise Forbidden("没有权限修改这位同事")
    if role is not None and role not in ROLES:
        raise BadInput("没有这个角色")
    if capacity is not None and not 1 <= capacity <= MOST_AT_ONCE:
        raise BadInput(f"同时接待数是 1 到 {MOST_AT_ONCE} 的整数")
    if queues is not None and not set(queues) <= set(QUEUES):
        raise BadInput("没有这个队列")
    changes = {"role": role, "capacity": capacity, "active": active, "password_hash": password_hash}
    values = {column: value for column, value in changes.items() if value is not None}
    if values:
        c.execute(update(user).where(user.c.id == user_id).values(**values))
    if queues is not None:
        served = tables.user_queues
        c.execute(delete(served).where(served.c.user_id == user_id))
        if queues:
            c.execute(insert(served), [{"user_id": user_id, "queue": queue} for queue in dict.fromkeys(queues)])
    if found.role == "admin" and found.active and not _admins(c):
        raise Conflict("至少要留一位可以登录的管理员")


def _admins(c: Connection) -> int:
    user = tables.users
    return c.execute(select(func.count()).select_from(user).where(user.c.role == "admin", user.c.active)).scalar_one()


def save_queue_settings(c: Connection, by: int, queue: str, *, promise_minutes: int, auto_assign: bool, restricted: bool) -> None:
    """How a queue is run.

    Raises:
        Forbidden: `by` is no supervisor.
        BadInput: there is no such queue, or the promise cannot be.
    """
    supervisor(c, by)
    if queue not in QUEUES:
        raise BadInput("没有这个队列")
    if not 1 <= promise_minutes <= LONGEST_PROMISE:
        raise BadInput(f"承诺时间是 1 到 {LONGEST_PROMISE:,} 分钟")
    table = tables.queue_settings
    c.execute(delete(table).where(table.c.queue == queue))
    inserted(c, table, queue=queue, promise_minutes=promise_minutes, auto_assign=auto_assign, restricted=restricted)


def save_hours(c: Connection, by: int, weekly: Mapping[int, Sequence[Span]]) -> None:
    """Opening hours by weekday (0 Monday … 6 Sunday), instead of those before; none at all: always open.

    A span that closes at or before its opening ends on the next day.

    Raises:
        Forbidden: `by` is no supervisor.
        BadInput: hours that cannot be.
    """
    supervisor(c, by)
    rows = []
    for weekday, spans in weekly.items():
        if weekday not in range(7):
            raise BadInput("没有这一天")
        rows += [{"weekday": weekday, "opens": opens, "closes": closes} for opens, closes in map(_span, spans)]
    c.execute(delete(tables.opening_hours))
    if rows:
        c.execute(insert(tables.opening_hours), rows)


def save_holiday(c: Connection, by: int, day: date, name: str, opens: int | None = None, closes: int | None = None) -> None:
    """A day with hours of its own; without any, it is closed all day.

    Raises:
        Forbidden: `by` is no supervisor.
        BadInput: hours that cannot be, or no name.
    """
    supervisor(c, by)
    name = name.strip()
    if not 1 <= len(name) <= 60:
        raise BadInput("节假日名称要 1 到 60 个字")
    if (opens is None) != (closes is None):
        raise BadInput("请同时填写开始和结束时间，或者都留空")
    if opens is not None and closes is not None:
        opens, closes = _span((opens, closes))
    c.execute(delete(tables.holidays).where(tables.holidays.c.day == day))
    c.execute(insert(tables.holidays).values(day=day, name=name, opens=opens, closes=closes))


def delete_holiday(c: Connection, by: int, day: date) -> None:
    """The day is like any other.

    Raises:
        Forbidden: `by` is no supervisor.
    """
    supervisor(c, by)
    c.execute(delete(tables.holidays).where(tables.holidays.c.day == day))


def _span(span: Span) -> Span:
    opens, closes = span
    if not (0 <= opens < DAY_MINUTES and 0 <= closes <= DAY_MINUTES):
        raise BadInput("时间要在 00:00 到 24:00 之间")
    return opens, closes if closes > opens else closes + DAY_MINUTES
