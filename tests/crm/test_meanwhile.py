"""What people did between two turns of the assistant, and messages that customers leave instead of waiting."""

from typing import Any

import pytest

from bot.conversation.outcome import NewTicket
from bot.crm import ownership, queries, staff, store, tables
from bot.crm.database import Database
from tests.crm import making

EVENTS = {"tracker_events": ({"event": "user", "text": "x"},), "slots": {}}


def person(database: Database, name: str = "小李") -> int:
    agent = database.transaction(store.add_user, name, "supervisor", "-").id
    database.transaction(staff.set_presence, agent, "online")
    database.transaction(staff.seen, agent, store.now())
    return agent


def answered(database: Database, conversation_id: str, text: str = "在吗", **options: Any) -> int:
    """A turn that the assistant remembers."""
    turn = making.turn_of(making.say(database, conversation_id, text))
    assert not making.finish(database, turn, **EVENTS, **options).discarded
    return int(turn.turn_id)


def meanwhile(database: Database, conversation_id: str, known: int | None) -> tuple[bool, tuple[str, ...]]:
    turn = making.turn_of(making.say(database, conversation_id, "然后呢"))
    found = database.transaction(queries.meanwhile, conversation_id, known, turn.turn_id)
    assert turn.attended or not found[0], "what is not looked for is not there"
    return found


def test_without_people_there_is_nothing_to_know(database: Database) -> None:
    conversation = making.visit(database).conversation_id
    known = answered(database, conversation)
    assert meanwhile(database, conversation, known) == (False, ())


def test_what_people_said_since_the_known_turn_is_told_in_order(database: Database) -> None:
    conversation = making.visit(database).conversation_id
    known = answered(database, conversation)
    agent = person(database)
    database.transaction(ownership.take_over, conversation, agent)
    for number in range(queries.MOST_OVERHEARD + 2):
        database.transaction(ownership.reply, conversation, agent, str(number), client_id=f"r{number}")
    database.transaction(ownership.hand_back, conversation, agent)
    had_it, said = meanwhile(database, conversation, known)
    assert had_it
    assert said == tuple(str(number) for number in range(2, queries.MOST_OVERHEARD + 2))
    assert database.transaction(queries.meanwhile, conversation, None, known) == (True, ()), "not what was said after the turn"


def test_what_was_known_before_is_not_told_again(database: Database) -> None:
    conversation = making.visit(database).conversation_id
    agent = person(database)
    database.transaction(ownership.take_over, conversation, agent)
    database.transaction(ownership.reply, conversation, agent, "您好", client_id="r1")
    observed = answered(database, conversation, "我的订单", mode="observe")
    database.transaction(ownership.reply, conversation, agent, "查到了", client_id="r2")
    database.transaction(ownership.hand_back, conversation, agent)
    assert meanwhile(database, conversation, observed) == (True, ("查到了",))


def test_a_person_who_had_it_without_a_word_is_known(database: Database) -> None:
    conversation = making.visit(database).conversation_id
    known = answered(database, conversation)
    agent = person(database)
    database.transaction(ownership.take_over, conversation, agent)
    database.transaction(ownership.hand_back, conversation, agent)
    assert meanwhile(database, conversation, known) == (True, ())


def test_once_the_assistant_has_had_its_turn_again_the_past_is_past(database: Database) -> None:
    conversation = making.visit(database).conversation_id
    agent = person(database)
    database.transaction(ownership.take_over, conversation, agent)
    database.transaction(ownership.reply, conversation, agent, "您好", client_id="r1")
    database.transaction(ownership.hand_back, conversation, agent)
    known = answered(database, conversation)
    assert meanwhile(database, conversation, known) == (False, ())


@pytest.mark.parametrize(
    ("waited", "message", "expected"),
    [
        (("general", "normal"), ("billing", "normal"), ("billing", "normal")),
        (("logistics", "urgent"), ("billing", "normal"), ("logistics", "urgent")),
        (("logistics", "low"), ("general", "high"), ("logistics", "high")),
    ],
)
def test_a_message_takes_the_place_of_the_request(database: Database, waited: Any, message: Any, expected: tuple[str, str]) -> None:
    conversation = making.queued(database, *waited)
    turn = making.turn_of(making.say(database, conversation, "留言", leaves_queue=True))
    (request,) = making.rows(database, tables.tickets)
    assert request.status == "open", "until the message is there, it is all that anybody has"
    queue, priority = message
    making.finish(database, turn, tickets=(NewTicket(queue, "message", "顾客留言", "", priority),))
    closed, left = sorted(making.rows(database, tables.tickets), key=lambda row: row.id)
    assert (closed.kind, closed.status) == ("hand_off", "closed")
    assert (left.kind, left.status, left.queue, left.priority) == ("message", "open", *expected)
    (hand_off,) = making.rows(database, tables.hand_offs)
    assert hand_off.outcome == "left"


def test_a_message_leaves_tickets_alone_that_somebody_follows_up(database: Database) -> None:
    conversation = making.queued(database)
    agent = person(database)
    database.transaction(ownership.claim, conversation, agent)
    database.transaction(ownership.resolve, conversation, agent, summary="等供应商回复", result="follow_up")
    turn = making.turn_of(making.say(database, conversation, "还有件事"))
    making.finish(database, turn, tickets=(NewTicket("billing", "message", "顾客留言", ""),))
    assert {(row.kind, row.status) for row in making.rows(database, tables.tickets)} == {("hand_off", "open"), ("message", "open")}
