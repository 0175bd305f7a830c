"""The life of tickets: who sees them, how they are found, what is done with them, and what two people at once may not do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from bot.conversation.outcome import NewTicket, Priority
from bot.conversation.priority import ticket_promise
from bot.crm import desk_queries, ownership, staff, store, tables, tickets
from bot.crm.database import Database
from bot.crm.tickets import NOBODY, Ticket, TicketFilter
from bot.errors import BadInput, Conflict, Forbidden, NotFound, TooLong
from tests.crm.making import change, finish, queued, rows, say, state, texts, turn_of, visit

NOW = datetime.now(UTC)


def person(database: Database, name: str = "小李", role: Any = "agent", queues: Any = ("billing",)) -> int:
    return database.transaction(store.add_user, name, role, "hash", queues=queues).id


def ticket(database: Database, queue: str = "billing", priority: Priority = "normal", **options: Any) -> Ticket:
    """A ticket as one of the assistant's forms opens it."""
    conversation_id = visit(database).conversation_id
    values = {
        "kind": "invoice",
        "subject": "订单 202611230456 开个人发票",
        "summary": "顾客要开发票；抬头：满月烘焙",
        "fields": {"抬头": "满月烘焙"},
    }
    new = NewTicket(queue, priority=priority, **(values | options))
    finish(database, turn_of(say(database, conversation_id, "开发票")), tickets=(new,))
    (row,) = rows(database, tables.tickets, tables.tickets.c.conversation_id == conversation_id)
    return look(database, row.id)


def look(database: Database, ticket_id: int) -> Ticket:
    reader = rows(database, tables.users, tables.users.c.name == "reader")
    user_id = reader[0].id if reader else person(database, "reader", "supervisor")
    found = database.transaction(tickets.page, user_id, ticket_id)
    assert found is not None
    return found.ticket


def history(database: Database, ticket_id: int) -> list[tuple[str, dict[str, Any]]]:
    return [(row.kind, row.fields) for row in rows(database, tables.ticket_events, tables.ticket_events.c.ticket_id == ticket_id)]


def restrict(database: Database, queue: str) -> None:
    values = {"queue": queue, "promise_minutes": 5, "auto_assign": False, "restricted": True}
    database.transaction(lambda c: c.execute(insert(tables.queue_settings), values) and None)


def found(database: Database, user_id: int, at: datetime = NOW, **wanted: Any) -> list[int]:
    listed, total = database.transaction(tickets.find, user_id, TicketFilter(**wanted), at, limit=50)
    one_by_one = database.transaction(tickets.after, user_id, TicketFilter(**wanted), at, 0, limit=50)
    assert sorted(one.id for one in listed) == [one.id for one in one_by_one]
    assert total == len(listed)
    return [one.id for one in listed]


def set_to(database: Database, one: Ticket, user_id: int, **wanted: Any) -> Ticket:
    values = {"status": one.status, "priority": one.priority, "queue": one.queue, "owner_id": one.owner_id} | wanted
    database.transaction(tickets.change, one.id, user_id, one.updated_at, **values)
    return look(database, one.id)


# Who sees which


def test_tickets_of_a_restricted_queue_are_for_its_agents_their_owner_and_supervisors(database: Database) -> None:
    one = ticket(database, "complaint")
    own, other = person(database, "own", queues=["complaint"]), person(database, "other")
    assert found(database, other) == [one.id]
    restrict(database, "complaint")
    supervisor, admin = person(database, "s", "supervisor"), person(database, "a", "admin")
    assert [found(database, user_id) for user_id in (own, other, supervisor, admin)] == [[one.id], [], [one.id], [one.id]]
    assert database.transaction(tickets.page, other, one.id) is None
    change(database, tables.tickets, tables.tickets.c.id == one.id, owner_id=other)
    assert found(database, other) == [one.id]
    assert database.transaction(tickets.page, other, one.id) is not None


def test_beside_a_conversation_stand_only_the_tickets_that_are_for_the_viewer(database: Database) -> None:
    one = ticket(database, "complaint")
    restrict(database, "complaint")
    for queues, seen in ((["complaint"], [one.id]), (["billing"], [])):
        viewer = database.transaction(desk_queries.viewer, person(database, queues[0], queues=queues))
        assert viewer is not None
        side = database.transaction(desk_queries.customer_side, viewer, one.conversation_id)
        assert side is not None
        assert [beside.id for beside in side.tickets] == seen


WRITES: dict[str, Callable[[Database, Ticket, int], Any]] = {
    "take": lambda database, one, user: database.transaction(tickets.take, one.id, user, one.updated_at),
    "change": lambda database, one, user: set_to(database, one, user, status="closed"),
    "comment": lambda database, one, user: database.transaction(tickets.comment, one.id, user, one.updated_at, "备注"),
    "reply": lambda database, one, user: database.transaction(
        tickets.reply_to_customer, one.id, user, one.updated_at, "您好", client_id="c1"
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_nobody_writes_what_they_may_not_see(database: Database, write: Callable[[Database, Ticket, int], Any]) -> None:
    one = ticket(database, "complaint")
    restrict(database, "complaint")
    with pytest.raises(NotFound):
        write(database, one, person(database))
    assert look(database, one.id) == one
    assert texts(database, one.conversation_id) == ["开发票"]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_who_was_switched_off_writes_nothing(database: Database, write: Callable[[Database, Ticket, int], Any]) -> None:
    one, user_id = ticket(database), person(database)
    change(database, tables.users, tables.users.c.id == user_id, active=False)
    with pytest.raises(Forbidden):
        write(database, one, user_id)
    assert look(database, one.id) == one


def test_a_page_shows_the_conversation_only_to_who_may_see_it(database: Database) -> None:
    one = ticket(database)
    user_id = person(database)
    page = database.transaction(tickets.page, user_id, one.id)
    assert page is not None
    assert (page.state, [message.text for message in page.messages]) == ("bot", ["开发票"])
    restrict(database, "complaint")
    change(database, tables.conversations, tables.conversations.c.id == one.conversation_id, queue="complaint")
    page = database.transaction(tickets.page, user_id, one.id)
    assert page is not None
    assert (page.state, page.messages) == (None, ())


# Finding


def test_the_first_promised_comes_first(database: Database) -> None:
    user_id = person(database)
    slow, urgent, normal = (ticket(database, priority=priority) for priority in ("low", "urgent", "normal"))
    without = ticket(database)
    change(database, tables.tickets, tables.tickets.c.id == without.id, promised_at=None)
    assert found(database, user_id) == [urgent.id, normal.id, slow.id, without.id]


def test_a_page_of_the_list_and_the_number_of_all(database: Database) -> None:
    user_id = person(database)
    made = [ticket(database).id for _ in range(3)]
    listed, total = database.transaction(tickets.find, user_id, TicketFilter(), NOW, limit=2, offset=2)
    assert ([one.id for one in listed], total) == (made[2:], 3)
    assert [one.id for one in database.transaction(tickets.after, user_id, TicketFilter(), NOW, made[0], limit=1)] == [made[1]]


def test_each_filter_keeps_what_is_wanted(database: Database) -> None:
    user_id = person(database)
    first, second = ticket(database), ticket(database, "logistics", "urgent")
    second = set_to(database, second, user_id, owner_id=user_id)
    third = set_to(database, ticket(database, "account"), user_id, status="closed")
    assert found(database, user_id, queue="billing") == [first.id]
    assert found(database, user_id, priority="urgent") == [second.id]
    assert found(database, user_id, owner=user_id) == [second.id]
    assert found(database, user_id, owner=NOBODY) == [first.id, third.id]
    assert found(database, user_id, statuses=("closed",)) == [third.id]
    assert found(database, user_id, statuses=("open", "waiting")) == [second.id, first.id]


def test_overdue_is_what_the_shop_owes_and_not_what_the_customer_owes(database: Database) -> None:
    user_id = person(database)
    one, waiting = ticket(database), ticket(database)
    set_to(database, waiting, user_id, status="waiting")
    later = one.created_at + ticket_promise("normal") + timedelta(minutes=1)
    assert found(database, user_id, later - timedelta(minutes=2), overdue=True) == []
    assert found(database, user_id, later, overdue=True) == [one.id]
    assert (one.overdue(later), look(database, waiting.id).overdue(later)) == (True, False)


@pytest.mark.parametrize(
    ("search", "fits"),
    [
        ("发票", True),
        ("满月", True),
        ("0456", True),
        ("FAPIAO", False),
        ("%", False),
        ("_", False),
        ("若溪", True),
        ("Lamp", True),
        ("lamp", True),
    ],
)
def test_searching_finds_parts_of_what_is_written(database: Database, search: str, fits: bool) -> None:
    one = ticket(database, order_number="202611230456", summary="LAMP；抬头：满月烘焙")
    change(database, tables.customers, tables.customers.c.id == one.customer_id, name="袁若溪")
    assert found(database, person(database), search=search) == ([one.id] if fits else [])


def test_a_ticket_is_found_by_its_number(database: Database) -> None:
    one, other = (ticket(database, subject="开发票", summary="要发票", fields={}) for _ in range(2))
    user_id = person(database)
    assert found(database, user_id, search=str(one.id)) == [one.id]
    assert found(database, user_id, search=f" #{other.id} ") == [other.id]
    assert found(database, user_id, search="9" * 40) == []


# What is done


def test_taking_a_ticket_makes_one_its_owner(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    database.transaction(tickets.take, one.id, user_id, one.updated_at)
    taken = look(database, one.id)
    assert (taken.owner_id, taken.owner) == (user_id, "小李")
    assert taken.updated_at > one.updated_at
    assert history(database, one.id) == [("created", {}), ("owner", {"from": None, "to": "小李"})]
    with pytest.raises(Conflict, match="小李"):
        database.transaction(tickets.take, one.id, person(database, "小王"), taken.updated_at)


def test_every_change_is_in_the_history(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    set_to(database, one, user_id, status="solved", priority="high", queue="logistics", owner_id=user_id)
    assert sorted(history(database, one.id)) == [
        ("created", {}),
        ("owner", {"from": None, "to": "小李"}),
        ("priority", {"from": "normal", "to": "high"}),
        ("queue", {"from": "billing", "to": "logistics"}),
        ("status", {"from": "open", "to": "solved"}),
    ]


def test_saving_what_is_already_so_changes_nothing(database: Database) -> None:
    one = ticket(database)
    assert set_to(database, one, person(database)) == one
    assert history(database, one.id) == [("created", {})]


def test_the_promise_goes_with_the_priority(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    for priority in ("urgent", "low"):
        one = set_to(database, one, user_id, priority=priority)
        assert one.promised_at == one.created_at + ticket_promise(priority)


def test_a_ticket_that_is_opened_again_is_not_over(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    one = set_to(database, one, user_id, status="solved")
    solved_at = one.closed_at
    assert solved_at is not None
    one = set_to(database, one, user_id, status="closed")
    assert one.closed_at == solved_at
    assert set_to(database, one, user_id, status="open").closed_at is None


@pytest.mark.parametrize("wanted", [{"status": "lost"}, {"priority": ""}, {"queue": "kitchen"}, {"owner_id": 99_999}])
def test_what_is_not_possible_is_refused(database: Database, wanted: dict[str, Any]) -> None:
    one = ticket(database)
    with pytest.raises(BadInput):
        set_to(database, one, person(database), **wanted)
    assert look(database, one.id) == one


def test_only_who_may_see_the_queue_can_own_its_tickets(database: Database) -> None:
    restrict(database, "complaint")
    one = ticket(database, "complaint")
    supervisor, outside, inside = (
        person(database, "s", "supervisor"),
        person(database, "外人"),
        person(database, "自己人", queues=["complaint"]),
    )
    with pytest.raises(Conflict, match="外人"):
        set_to(database, one, supervisor, owner_id=outside)
    assert set_to(database, one, supervisor, owner_id=inside).owner_id == inside


def test_nobody_who_was_switched_off_gets_a_ticket(database: Database) -> None:
    one, gone = ticket(database), person(database, "gone")
    change(database, tables.users, tables.users.c.id == gone, active=False)
    with pytest.raises(BadInput):
        set_to(database, one, person(database), owner_id=gone)
    assert gone not in database.transaction(tickets.owners)


def test_a_comment_is_in_the_history_and_not_in_the_conversation(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    database.transaction(tickets.comment, one.id, user_id, one.updated_at, " 已联系仓库\x00 ")
    page = database.transaction(tickets.page, user_id, one.id)
    assert page is not None
    assert [(event.kind, event.fields.get("text"), event.user) for event in page.events] == [
        ("created", None, None), ("comment", "已联系仓库", "小李"),
    ]  # fmt: skip
    assert texts(database, one.conversation_id) == ["开发票"]


@pytest.mark.parametrize(
    ("text", "error"), [("", BadInput), (" \x00\n", BadInput), ("长" * 4001, TooLong)], ids=["none", "blank", "endless"]
)
@pytest.mark.parametrize("function", [tickets.comment, tickets.reply_to_customer])
def test_empty_and_endless_texts_are_refused(database: Database, function: Any, text: str, error: type[Exception]) -> None:
    one, user_id = ticket(database), person(database)
    more = {"client_id": "c"} if function is tickets.reply_to_customer else {}
    with pytest.raises(error):
        database.transaction(function, one.id, user_id, one.updated_at, text, **more)
    assert look(database, one.id) == one


def test_a_console_notices_every_write(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    before = None
    for write in WRITES.values():
        write(database, look(database, one.id), user_id)
        (talk,) = rows(database, tables.conversations, tables.conversations.c.id == one.conversation_id)
        assert before is None or talk.updated_at > before
        before = talk.updated_at


# Answers


def answer(database: Database, one: Ticket, user_id: int, text: str = "发票已寄出", client_id: str = "c1") -> Any:
    return database.transaction(tickets.reply_to_customer, one.id, user_id, one.updated_at, text, client_id=client_id)


@pytest.mark.parametrize("owned_by", ["bot", "queued", "closed"])
def test_an_answer_reaches_the_customer_and_the_conversation_stays_whose_it_is(database: Database, owned_by: str) -> None:
    one, user_id = ticket(database), person(database)
    change(database, tables.conversations, tables.conversations.c.id == one.conversation_id, state=owned_by, due_at=NOW)
    message = answer(database, one, user_id)
    assert (message.sender, message.name, message.text, message.user_id) == ("agent", "小李", "发票已寄出", user_id)
    assert texts(database, one.conversation_id) == ["开发票", "发票已寄出"]
    assert state(database, one.conversation_id) == owned_by
    assert look(database, one.id).status == "waiting"
    assert ("reply", {"text": "发票已寄出"}) in history(database, one.id)


def test_the_same_answer_sent_twice_is_one_message(database: Database) -> None:
    one, user_id = ticket(database), person(database)
    first = answer(database, one, user_id)
    assert answer(database, one, user_id) == first
    assert texts(database, one.conversation_id) == ["开发票", "发票已寄出"]
    assert answer(database, look(database, one.id), user_id, "还有问题吗", "c2").seq == first.seq + 1


def test_the_assistant_hears_of_an_answer(database: Database) -> None:
    one = ticket(database)
    answer(database, one, person(database))
    assert turn_of(say(database, one.conversation_id, "收到")).attended


@pytest.mark.parametrize("owned_by", ["bot", "queued", "agent", "closed"])
def test_a_ticket_that_waits_for_the_customer_is_open_when_they_write(database: Database, owned_by: str) -> None:
    one, other, user_id = ticket(database), ticket(database), person(database)
    for each in (one, other):
        answer(database, each, user_id)
    change(database, tables.conversations, tables.conversations.c.id == one.conversation_id, state=owned_by)
    said = say(database, one.conversation_id, "还没收到", client_id="again", owner=None)
    back = look(database, one.id)
    assert (back.status, back.closed_at, back.updated_at > one.updated_at) == ("open", None, True)
    assert look(database, other.id).status == "waiting", "that is another conversation"
    assert history(database, one.id)[-1] == ("status", {"from": "waiting", "to": "open"})
    set_to(database, back, user_id, status="waiting")
    assert say(database, one.conversation_id, "还没收到", client_id="again", owner=None).seq == said.seq
    assert look(database, one.id).status == "waiting", "the same message again changes nothing"


@pytest.mark.parametrize("status", ["solved", "closed"])
def test_a_ticket_that_is_done_stays_done_when_the_customer_writes(database: Database, status: str) -> None:
    one = set_to(database, ticket(database), person(database), status=status)
    say(database, one.conversation_id, "谢谢")
    assert look(database, one.id) == one


def test_an_answer_by_the_owner_of_the_conversation_counts_as_theirs(database: Database) -> None:
    user_id = person(database, queues=["logistics"])
    conversation_id = queued(database)
    database.transaction(staff.seen, user_id, datetime.now(UTC))
    database.transaction(staff.set_presence, user_id, "online")
    database.transaction(ownership.claim, conversation_id, user_id)
    say(database, conversation_id, "人呢")
    (row,) = rows(database, tables.tickets)
    answer(database, look(database, row.id), user_id)
    (talk,) = rows(database, tables.conversations)
    (hand_off,) = rows(database, tables.hand_offs)
    assert (talk.state, talk.agent_id, talk.unanswered_since) == ("agent", user_id, None)
    assert hand_off.first_reply_at is not None


def test_an_answer_leaves_somebody_elses_conversation_alone(database: Database) -> None:
    owner, user_id = person(database, "小王", queues=["logistics"]), person(database)
    conversation_id = queued(database)
    database.transaction(ownership.claim, conversation_id, owner)
    say(database, conversation_id, "人呢")
    (before,) = rows(database, tables.conversations)
    (row,) = rows(database, tables.tickets)
    answer(database, look(database, row.id), user_id)
    (talk,) = rows(database, tables.conversations)
    assert (talk.state, talk.agent_id, talk.unanswered_since) == ("agent", owner, before.unanswered_since)
    assert talk.agent_read_seq == before.agent_read_seq
    assert texts(database, conversation_id)[-1] == "发票已寄出"


# Two at once


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_who_read_an_older_version_is_told_who_was_faster(database: Database, write: Callable[[Database, Ticket, int], Any]) -> None:
    one, fast, slow = ticket(database), person(database, "小快"), person(database, "小慢")
    set_to(database, one, fast, priority="high")
    before = look(database, one.id)
    with pytest.raises(Conflict, match="小快"):
        write(database, one, slow)
    assert look(database, one.id) == before
    assert texts(database, one.conversation_id) == ["开发票"]


def test_a_version_is_never_the_one_before(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the clock stands still."""
    one, user_id = ticket(database), person(database)
    monkeypatch.setattr(tickets, "now", lambda: one.updated_at)
    versions = [one.updated_at]
    for priority in ("high", "low", "high"):
        one = set_to(database, one, user_id, priority=priority)
        versions.append(one.updated_at)
    assert sorted(set(versions)) == versions
