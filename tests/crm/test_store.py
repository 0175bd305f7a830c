"""Visits, messages and turns: what customers and workers rely on, on both databases."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bot.conversation.outcome import Button, NewTicket, OrderChange, Reply
from bot.crm import queries, store, tables
from bot.crm.database import Database
from bot.errors import BadInput, Conflict, NotFound
from tests.crm import making
from tests.crm.making import count, finish, hand_off, lease_is_over, order, outcome, queued, rows, say, turn_of, visit


def resume(database: Database, token: str, **options: Any) -> Any:
    return database.transaction(store.resume_visit, token, **{"channel": "web"} | options)


# Visits


def test_a_visit_starts_with_consent_and_a_secret_that_is_not_kept(database: Database) -> None:
    begun = visit(database)
    assert begun.state == "bot"
    assert begun.token
    assert count(database, tables.consents, tables.consents.c.customer_id == begun.customer_id) == 1
    stored = "".join(str(tuple(row)) for table in (tables.conversations, tables.identities) for row in rows(database, table))
    assert begun.token not in stored


def test_a_token_opens_its_conversation_and_is_never_shown_again(database: Database) -> None:
    begun = visit(database)
    say(database, begun.conversation_id)
    again = resume(database, begun.token or "")
    assert (again.conversation_id, again.customer_id, again.last_seq, again.token) == (begun.conversation_id, begun.customer_id, 1, None)


@pytest.mark.parametrize("token", ["", "nobody", "' OR '1'='1", "知客" * 100])
def test_an_unknown_token_opens_nothing(database: Database, token: str) -> None:
    visit(database)
    assert resume(database, token) is None


def test_every_visitor_is_somebody_else(database: Database) -> None:
    first, second = visit(database), visit(database)
    assert first.customer_id != second.customer_id
    assert first.conversation_id != second.conversation_id
    assert resume(database, first.token or "").conversation_id == first.conversation_id


def test_the_shop_vouches_for_one_customer_in_many_conversations(database: Database) -> None:
    first, second = visit(database, shop_identity="u-7"), visit(database, shop_identity="u-7")
    assert first.customer_id == second.customer_id
    assert first.conversation_id != second.conversation_id


def test_a_token_does_not_open_the_conversation_of_another_customer_of_the_shop(database: Database) -> None:
    begun = visit(database, shop_identity="u-7")
    assert resume(database, begun.token or "", shop_identity="u-8") is None
    assert resume(database, begun.token or "", shop_identity="u-7").customer_id == begun.customer_id


def test_signing_in_takes_the_anonymous_conversation_along(database: Database) -> None:
    known = visit(database, shop_identity="u-7")
    begun = visit(database)
    turn = turn_of(say(database, begun.conversation_id, "帮我开发票"))
    finish(database, turn, tickets=(NewTicket("billing", "invoice", "开发票", "顾客要发票"),))
    signed_in = resume(database, begun.token or "", shop_identity="u-7")
    assert signed_in.conversation_id == begun.conversation_id
    assert signed_in.customer_id == known.customer_id
    for table in (tables.conversations, tables.tickets, tables.interactions):
        owners = {row.customer_id for row in rows(database, table)}
        assert owners == {known.customer_id}
    assert count(database, tables.customers, tables.customers.c.id == begun.customer_id) == 0
    assert count(database, tables.consents, tables.consents.c.customer_id == known.customer_id) == 2


def test_a_turn_knows_whether_the_shop_vouched_at_the_last_greeting(database: Database) -> None:
    begun = visit(database, shop_identity="u-7")
    assert turn_of(say(database, begun.conversation_id)).verified
    other = visit(database, shop_identity="u-7")
    resume(database, other.token or "")  # signed out since
    assert not turn_of(say(database, other.conversation_id)).verified


def test_a_sender_of_another_channel_has_one_conversation_that_the_website_cannot_open(database: Database) -> None:
    first = database.transaction(store.visit_of_sender, "rest", "alice")
    assert database.transaction(store.visit_of_sender, "rest", "alice").conversation_id == first.conversation_id
    assert database.transaction(store.visit_of_sender, "rasa", "alice").conversation_id != first.conversation_id
    assert resume(database, "rest:alice") is None


def test_many_first_messages_of_one_sender_begin_one_conversation(database: Database) -> None:
    with ThreadPoolExecutor(6) as pool:
        begun = list(pool.map(lambda _: database.transaction(store.visit_of_sender, "rest", "alice"), range(12)))
    assert len({found.conversation_id for found in begun}) == 1
    assert count(database, tables.conversations) == 1
    assert count(database, tables.customers) == 1


def test_many_first_greetings_of_one_customer_make_one_customer(database: Database) -> None:
    with ThreadPoolExecutor(6) as pool:
        begun = list(pool.map(lambda _: visit(database, shop_identity="u-7"), range(12)))
    assert len({found.customer_id for found in begun}) == 1
    assert count(database, tables.customers) == 1


# Messages


def test_a_message_repeated_changes_nothing(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    client_id = str(uuid.uuid4())
    first = say(database, conversation_id, "在吗", client_id=client_id)
    again = say(database, conversation_id, "在吗", client_id=client_id)
    assert (again.duplicate, again.seq, again.turn_id, again.turn) == (True, first.seq, first.turn_id, None)
    assert again.message == first.message
    assert count(database, tables.messages) == count(database, tables.turns) == 1


def test_the_same_client_id_in_two_conversations_is_two_messages(database: Database) -> None:
    first, second = visit(database).conversation_id, visit(database).conversation_id
    assert not say(database, first, client_id="1").duplicate
    assert not say(database, second, client_id="1").duplicate


def test_messages_are_numbered_without_gaps_in_the_order_of_arrival(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    said = [say(database, conversation_id, f"第{number}条", owner=None).seq for number in range(1, 6)]
    assert said == [1, 2, 3, 4, 5]
    kept = database.transaction(queries.messages_after, conversation_id, 2)
    assert [(message.seq, message.text) for message in kept] == [(3, "第3条"), (4, "第4条"), (5, "第5条")]


def test_a_message_needs_a_conversation(database: Database) -> None:
    with pytest.raises(NotFound):
        say(database, uuid.uuid4().hex)
    assert count(database, tables.messages) == 0


def test_messages_from_many_threads_are_numbered_without_gaps(database: Database) -> None:
    talks = [visit(database).conversation_id for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(lambda number: say(database, talks[number % 2], f"{number}", owner=f"w{number % 3}"), range(40)))
    for conversation_id in talks:
        kept = database.transaction(queries.messages_after, conversation_id, 0)
        assert [message.seq for message in kept] == list(range(1, 21))
    assert sum(1 for found in accepted if found.turn is not None) == len(talks), "each conversation is worked on by one"


def test_repetitions_from_many_threads_are_one_message(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(lambda _: say(database, conversation_id, client_id="1"), range(16)))
    assert sum(not found.duplicate for found in accepted) == 1
    assert {found.seq for found in accepted} == {1}
    assert count(database, tables.turns) == 1


STRANGE = [
    "'; DROP TABLE messages; --",
    'Robert"); DELETE FROM customers WHERE ("1"="1',
    "100%_\\ \\x41 %s :name {0} $1",
    "👩‍👩‍👧‍👦🏳️‍🌈 好评⭐️",
    "\u202eהחבילה שלי לא הגיעה\u202c أين طلبي؟",
    "𠮷野家 𝒜 Z͑ͫa̴l̷g̸o",
    "第一行\n\t第二行\r\n",
    "<script>alert(1)</script>&amp;",
    "长" * 4000,
]


@pytest.mark.parametrize("text", STRANGE)
def test_any_text_comes_back_as_it_was_written(database: Database, text: str) -> None:
    conversation_id = visit(database, page=f"https://shop.example/?q={text[:60]}").conversation_id
    turn = turn_of(say(database, conversation_id, text))
    finish(database, turn, replies=(Reply(text, (Button(text, "/affirm"),)),), slots={"reason": text}, tracker_events=({"text": text},))
    said, answered = database.transaction(queries.messages_after, conversation_id, 0)
    assert (said.text, answered.text, answered.buttons[0]["title"]) == (text, text, text)
    tracker = database.transaction(queries.load_tracker, conversation_id, 5)
    assert tracker is not None
    assert (tracker.slots, tracker.events) == ({"reason": text}, ({"text": text},))


def test_a_message_opens_a_closed_conversation_again_with_the_assistant(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    assert database.transaction(store.close_conversation, conversation_id) == "closed"
    accepted = say(database, conversation_id, "还有个问题")
    assert (accepted.state, turn_of(accepted).state) == ("bot", "bot")
    assert making.state(database, conversation_id) == "bot"


def test_a_message_to_a_person_leaves_the_conversation_with_the_person(database: Database) -> None:
    conversation_id = queued(database)
    assert turn_of(say(database, conversation_id, "人呢")).state == "queued"
    assert making.state(database, conversation_id) == "queued"


# Leases


def test_only_one_worker_gets_a_conversation(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    first = turn_of(say(database, conversation_id, "一", owner="a"))
    assert say(database, conversation_id, "二", owner="b").turn is None
    assert database.transaction(store.claim_turns, "b") == []
    done = finish(database, first, owner="a")
    assert done.next is not None, "whoever works on a conversation gets its next turn"
    assert done.next.text == "二"
    assert finish(database, done.next, owner="a").next is None


def test_a_conversation_is_free_again_when_all_its_turns_are_done(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id, owner="a")), owner="a")
    assert say(database, conversation_id, owner="b").turn is not None


def test_turns_are_worked_on_in_order_even_by_the_same_worker(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    first = turn_of(say(database, conversation_id, "一"))
    assert say(database, conversation_id, "二").turn is None
    assert say(database, conversation_id, "三").turn is None
    order_of_work = [first.text]
    following = finish(database, first).next
    while following:
        order_of_work.append(following.text)
        following = finish(database, following).next
    assert order_of_work == ["一", "二", "三"]


def test_a_silent_worker_loses_its_conversation(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id, owner="a"))
    lease_is_over(database, conversation_id)
    (taken,) = database.transaction(store.claim_turns, "b")
    assert taken == turn
    late = finish(database, turn, owner="a", replies=(Reply("来晚了"),))
    assert late.discarded
    assert finish(database, taken, owner="b", replies=(Reply("在的"),)).state == "bot"
    assert making.texts(database, conversation_id) == ["在吗", "在的"]


def test_a_lease_that_is_kept_up_is_not_lost(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id, owner="a"))
    lease_is_over(database, conversation_id)
    database.transaction(store.extend_leases, "b", [conversation_id])  # not theirs to keep
    assert making.lease_has_passed(database, conversation_id)
    database.transaction(store.extend_leases, "a", [conversation_id])
    assert database.transaction(store.claim_turns, "b") == []
    assert not finish(database, turn, owner="a").discarded


def test_a_worker_that_starts_anew_leaves_nothing_behind(database: Database) -> None:
    mine, theirs = visit(database).conversation_id, visit(database).conversation_id
    say(database, mine, owner="a")
    say(database, theirs, owner="b")
    database.transaction(store.release_leases, "a")
    assert [turn.conversation_id for turn in database.transaction(store.claim_turns, "c")] == [mine]


def test_turns_without_a_worker_are_claimed_oldest_first_one_for_each_conversation(database: Database) -> None:
    talks = [visit(database).conversation_id for _ in range(3)]
    for text in ("一", "二"):
        for conversation_id in talks:
            say(database, conversation_id, text, owner=None)
    claimed = database.transaction(store.claim_turns, "a", limit=2) + database.transaction(store.claim_turns, "a", limit=2)
    assert sorted(turn.conversation_id for turn in claimed) == sorted(talks)
    assert {turn.text for turn in claimed} == {"一"}


def test_two_workers_never_claim_the_same_conversation(database: Database) -> None:
    talks = {visit(database).conversation_id for _ in range(12)}
    for conversation_id in talks:
        say(database, conversation_id, owner=None)
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda number: database.transaction(store.claim_turns, f"w{number}", limit=3), range(12)))
    taken = [turn.conversation_id for claim in claims for turn in claim]
    assert len(taken) == len(set(taken))
    taken += [turn.conversation_id for turn in database.transaction(store.claim_turns, "last")]
    assert set(taken) == talks, "those that nobody got are there for the next to ask"
