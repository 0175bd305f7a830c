"""The team, the queues' settings and the opening hours."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.conversation.taxonomy import QUEUES
from bot.crm import desk_queries, queries, staff, store, tables
from bot.crm.database import Database
from bot.crm.records import Availability, Holiday, Member, QueueSettings
from bot.errors import BadInput, Conflict, Forbidden, NotFound
from tests.crm.making import change, count, owned, queued, rows, user

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROLES = ("agent", "supervisor", "admin")


def member(database: Database, user_id: int) -> Member:
    return next(each for each in database.transaction(desk_queries.team, store.now()) if each.id == user_id)


# Users


def test_somebody_new_serves_all_queues_unless_told(database: Database) -> None:
    all_of_them, some = user(database), user(database, "小王", queues=["billing", "account", "billing"], capacity=3)
    assert (member(database, all_of_them).queues, member(database, all_of_them).capacity) == (tuple(QUEUES), 5)
    assert (member(database, some).queues, member(database, some).capacity) == (("billing", "account"), 3)


@pytest.mark.parametrize("options", [{"queues": ["rumours"]}, {"capacity": 0}, {"capacity": 101}])
def test_what_cannot_be_makes_no_user(database: Database, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        database.transaction(store.add_user, "小李", "agent", "hash", **options)
    assert count(database, tables.users) == 0


def test_presence_is_what_was_chosen_while_connected(database: Database) -> None:
    li = user(database, online=False)
    database.transaction(staff.set_presence, li, "online")
    assert (member(database, li).choice, member(database, li).presence) == ("online", "offline"), "no console was ever connected"
    at = store.now()
    database.transaction(staff.seen, li, at)
    database.transaction(staff.seen, li, at - timedelta(hours=1))
    assert (member(database, li).presence, member(database, li).seen_at) == ("online", at)
    database.transaction(staff.set_presence, li, "away")
    assert member(database, li).presence == "away"
    with pytest.raises(BadInput):
        database.transaction(staff.set_presence, li, "asleep")


def test_the_load_is_what_somebody_owns_now(database: Database) -> None:
    li = user(database)
    owned(database, li)
    key = owned(database, li)
    queued(database)
    assert member(database, li).load == 2
    database.transaction(store.close_conversation, key)
    assert member(database, li).load == 1


@pytest.mark.parametrize(
    ("by", "whom", "changes", "allowed"),
    [
        *(("admin", whom, {"role": role}, True) for whom in ROLES for role in ROLES),
        ("admin", "supervisor", {"active": False}, True),
        ("supervisor", "agent", {"capacity": 9, "queues": ["billing"], "active": False, "password_hash": "new"}, True),
        ("supervisor", "agent", {"role": "agent"}, True),
        ("supervisor", "agent", {"role": "supervisor"}, False),
        ("supervisor", "agent", {"role": "admin"}, False),
        ("supervisor", "supervisor", {"capacity": 9}, False),
        ("supervisor", "admin", {"password_hash": "new"}, False),
        ("agent", "agent", {"capacity": 9}, False),
        ("agent", "agent", {"active": False}, False),
        ("agent", "agent", {"password_hash": "new"}, False),
        ("agent", "admin", {"queues": []}, False),
        ("agent", "self", {"password_hash": "new"}, True),
        ("agent", "self", {"capacity": 100}, False),
        ("agent", "self", {"queues": ["complaint"]}, False),
        ("agent", "self", {"role": "admin"}, False),
        ("agent", "self", {"active": False}, False),
        ("supervisor", "self", {"capacity": 7, "queues": ["complaint"]}, True),
        ("supervisor", "self", {"role": "admin"}, False),
        ("admin", "self", {"capacity": 7}, True),
    ],
)
def test_who_changes_what_of_whom(database: Database, by: Any, whom: Any, changes: dict[str, Any], allowed: bool) -> None:
    user(database, "另一位管理员", "admin")
    who = user(database, "动手的人", by)
    target = who if whom == "self" else user(database, "被改的人", whom)
    before = (rows(database, tables.users, tables.users.c.id == target), member(database, target).queues)
    if not allowed:
        with pytest.raises(Forbidden):
            database.transaction(staff.update_user, who, target, **changes)
        assert (rows(database, tables.users, tables.users.c.id == target), member(database, target).queues) == before
        return
    database.transaction(staff.update_user, who, target, **changes)
    (row,) = rows(database, tables.users, tables.users.c.id == target)
    for column, value in changes.items():
        found = list(member(database, target).queues) if column == "queues" else getattr(row, column)
        assert found == value


@pytest.mark.parametrize("changes", [{"role": "boss"}, {"capacity": 0}, {"capacity": 101}, {"queues": ["rumours"]}])
def test_values_that_cannot_be_change_nobody(database: Database, changes: dict[str, Any]) -> None:
    chief, li = user(database, "主管", "admin"), user(database)
    with pytest.raises((BadInput, Forbidden)):
        database.transaction(staff.update_user, chief, li, **changes)
    with pytest.raises(NotFound):
        database.transaction(staff.update_user, chief, 999_999, capacity=3)


def test_the_last_admin_stays(database: Database) -> None:
    chief, other = user(database, "甲", "admin"), user(database, "乙", "admin")
    database.transaction(staff.update_user, chief, other, active=False)
    for changes in ({"active": False}, {"role": "agent"}):
        with pytest.raises(Conflict, match="管理员"):
            database.transaction(staff.update_user, chief, chief, **changes)
    assert member(database, chief).active


def test_two_admins_cannot_dismiss_each_other(database: Database) -> None:
    for _ in range(5):
        one, two = user(database, "甲", "admin"), user(database, "乙", "admin")
        start = Barrier(2)

        def dismiss(by: int, whom: int, start: Barrier = start) -> bool:
            start.wait(20)
            try:
                database.transaction(staff.update_user, by, whom, active=False)
            except (Conflict, Forbidden):
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(dismiss, (one, two), (two, one))) == [False, True]
        for table in (tables.user_queues, tables.users):
            database.transaction(lambda c, table=table: c.execute(table.delete()) and None)


def test_who_may_not_sign_in_any_more_is_signed_out(database: Database) -> None:
    chief, li = user(database, "主管", "admin"), user(database)
    token, _ = database.transaction(store.create_session, li, lifetime=timedelta(hours=1))
    key, at = store.hash_of(token), datetime.now(UTC)
    assert database.transaction(queries.session, key, at) is not None
    database.transaction(staff.update_user, chief, li, role="supervisor")
    found = database.transaction(queries.session, key, at)
    assert found is not None
    assert found.user.role == "supervisor", "a session has the role of now"
    database.transaction(staff.update_user, chief, li, active=False)
    assert database.transaction(queries.session, key, at) is None
    assert database.transaction(desk_queries.viewer, li) is None
    known = database.transaction(queries.user_by_name, "小李")
    assert known is not None
    assert not known.active
    database.transaction(staff.update_user, chief, li, active=True)
    assert database.transaction(queries.session, key, at) is not None, "nothing was deleted"


# Queues and hours


def test_settings_of_queues_are_as_they_come_until_somebody_sets_them(database: Database) -> None:
    chief = user(database, "主管", "supervisor")
    before = database.transaction(desk_queries.queue_settings)
    assert list(before) == list(QUEUES)
    assert before["complaint"] == QueueSettings("complaint", 5, auto_assign=False, restricted=False)
    for minutes in (3, 4):
        database.transaction(staff.save_queue_settings, chief, "complaint", promise_minutes=minutes, auto_assign=True, restricted=True)
    after = database.transaction(desk_queries.queue_settings)
    assert after["complaint"] == QueueSettings("complaint", 4, auto_assign=True, restricted=True)
    assert {**after, "complaint": None} == {**before, "complaint": None}
    assert database.transaction(queries.promise, "complaint") == timedelta(minutes=4)


@pytest.mark.parametrize(("queue", "minutes"), [("rumours", 5), ("billing", 0), ("billing", 10_081)])
def test_settings_that_cannot_be(database: Database, queue: str, minutes: int) -> None:
    chief = user(database, "主管", "supervisor")
    with pytest.raises(BadInput):
        database.transaction(staff.save_queue_settings, chief, queue, promise_minutes=minutes, auto_assign=False, restricted=False)


def test_agents_set_nothing(database: Database) -> None:
    li = user(database)
    for function, arguments, options in (
        (staff.save_queue_settings, ("billing",), {"promise_minutes": 5, "auto_assign": True, "restricted": False}),
        (staff.save_hours, ({0: [(540, 1080)]},), {}),
        (staff.save_holiday, (date(2027, 1, 1), "元旦"), {}),
        (staff.delete_holiday, (date(2027, 1, 1),), {}),
    ):
        with pytest.raises(Forbidden):
            database.transaction(function, li, *arguments, **options)
    assert count(database, tables.queue_settings) == count(database, tables.opening_hours) == count(database, tables.holidays) == 0


def test_hours_and_holidays(database: Database) -> None:
    chief = user(database, "主管", "supervisor")
    database.transaction(staff.save_hours, chief, {0: [(0, 60)]})
    database.transaction(staff.save_hours, chief, {0: [(540, 720), (780, 1080)], 4: [(1320, 120)]})
    database.transaction(staff.save_holiday, chief, date(2026, 11, 24), "店庆")
    database.transaction(staff.save_holiday, chief, date(2026, 11, 23), "盘点", 600, 660)
    database.transaction(staff.save_holiday, chief, date(2026, 11, 23), "盘点日", 600, 720)
    hours = database.transaction(desk_queries.hours, SHANGHAI)
    assert hours.weekly == {0: [(540, 720), (780, 1080)], 4: [(1320, 1560)]}
    assert hours.holidays == {date(2026, 11, 24): None, date(2026, 11, 23): (600, 720)}
    assert database.transaction(desk_queries.holidays)[0] == Holiday(date(2026, 11, 23), "盘点日", 600, 720)
    database.transaction(staff.delete_holiday, chief, date(2026, 11, 24))
    database.transaction(staff.save_hours, chief, {})
    hours = database.transaction(desk_queries.hours, SHANGHAI)
    assert (hours.weekly, list(hours.holidays)) == ({}, [date(2026, 11, 23)])


@pytest.mark.parametrize("weekly", [{7: [(0, 60)]}, {0: [(-1, 60)]}, {0: [(0, 1441)]}, {0: [(1440, 60)]}])
def test_hours_that_cannot_be_leave_those_before(database: Database, weekly: Any) -> None:
    chief = user(database, "主管", "supervisor")
    database.transaction(staff.save_hours, chief, {1: [(0, 60)]})
    with pytest.raises(BadInput):
        database.transaction(staff.save_hours, chief, weekly)
    assert database.transaction(desk_queries.hours, SHANGHAI).weekly == {1: [(0, 60)]}


@pytest.mark.parametrize(("name", "opens", "closes"), [("", None, None), ("长" * 61, None, None), ("半天", 540, None), ("半天", 540, 1500)])
def test_holidays_that_cannot_be(database: Database, name: str, opens: int | None, closes: int | None) -> None:
    chief = user(database, "主管", "supervisor")
    with pytest.raises(BadInput):
        database.transaction(staff.save_holiday, chief, date(2027, 1, 1), name, opens, closes)
    assert database.transaction(desk_queries.holidays) == []


# Whether anybody is there


def test_without_any_agent_nobody_is_there(database: Database) -> None:
    found = database.transaction(desk_queries.availability, "billing", store.now(), SHANGHAI)
    assert found == Availability(open=True, anyone_online=False, opens_at=None)


def test_somebody_is_there_who_serves_the_queue_and_is_online(database: Database) -> None:
    at = store.now()

    def there(queue: str | None = "billing") -> bool:
        return database.transaction(desk_queries.availability, queue, at, SHANGHAI).anyone_online

    li = user(database, queues=["billing"])
    assert there()
    assert there(None)
    assert not there("complaint")
    for gone in ({"presence": "away"}, {"seen_at": at - timedelta(seconds=31)}, {"active": False}):
        before = {column: getattr(rows(database, tables.users)[0], column) for column in gone}
        change(database, tables.users, tables.users.c.id == li, **gone)
        assert not there(), gone
        assert not there(None), gone
        change(database, tables.users, tables.users.c.id == li, **before)
        assert there()


def test_outside_the_hours_it_is_said_when_they_begin(database: Database) -> None:
    chief = user(database, "主管", "supervisor")
    database.transaction(staff.save_hours, chief, {0: [(540, 1080)]})
    evening = datetime(2026, 11, 23, 18, 0, tzinfo=SHANGHAI)
    found = database.transaction(desk_queries.availability, "billing", evening, SHANGHAI)
    assert (found.open, found.opens_at) == (False, datetime(2026, 11, 30, 9, 0, tzinfo=SHANGHAI))
    assert database.transaction(desk_queries.availability, "billing", evening - timedelta(hours=1), SHANGHAI).opens_at is None
