"""Visits, messages and turns: what customers and workers rely on, on both databases."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from bot.conversation.outcome import Button, NewTicket, OrderChange, Reply
from bot.crm import queries, store, tables
from bot.crm.database import Database
from bot.errors import BadInput, Conflict, NotFound
from tests.crm import making
from tests.crm.making import count, finish, hand_off, lease_is_over, order, queued, rows, say, turn_of, visit


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


# What a turn writes


def test_a_turn_writes_all_that_it_made(database: Database) -> None:
    begun = visit(database)
    number = order(database, customer_id=begun.customer_id)
    turn = turn_of(say(database, begun.conversation_id, "取消吧"))
    done = finish(
        database,
        turn,
        score=-0.4,
        replies=(Reply("已取消。", (Button("谢谢", "/thank"),)), Reply("还有别的吗？")),
        tickets=(NewTicket("after_sales", "refund", "退款", "已付 ¥313.00", "high", number, {"原因": "不要了"}),),
        order_changes=(OrderChange(number, {"status": "cancelled"}, "顾客确认取消"),),
        tracker_events=({"event": "user", "text": "取消吧"},),
        slots={"order_number": number},
        active_loop="refund_form",
    )
    assert (done.state, done.discarded, done.next, done.position) == ("bot", False, None, None)
    assert [(message.seq, message.text) for message in done.messages] == [(2, "已取消。"), (3, "还有别的吗？")]
    assert database.transaction(queries.messages_after, begun.conversation_id, 1) == list(done.messages)
    assert database.transaction(queries.replies, turn.turn_id) == list(done.messages)
    found = database.transaction(queries.find_order, number)
    assert found is not None
    assert found.status == "cancelled"
    (changed,) = rows(database, tables.order_changes)
    assert (changed.conversation_id, changed.fields, changed.note) == (begun.conversation_id, {"status": "cancelled"}, "顾客确认取消")
    transcript = database.transaction(queries.transcript, begun.conversation_id)
    assert transcript is not None
    (ticket,) = transcript.tickets
    assert (ticket.queue, ticket.priority, ticket.status, ticket.fields) == ("after_sales", "high", "open", {"原因": "不要了"})
    assert ticket.order_number == number
    understood = database.transaction(queries.interaction, turn.turn_id)
    assert understood is not None
    assert (understood.text, understood.sentiment_score) == ("取消吧", -0.4)
    tracker = database.transaction(queries.load_tracker, begun.conversation_id, 5)
    assert tracker is not None
    assert (tracker.active_loop, tracker.slots) == ("refund_form", {"order_number": number})
    assert [item.kind for item in database.transaction(store.claim_outbox)] == ["ticket"]


@pytest.mark.parametrize("status", ["shipped", "delivered", "cancelled", "refunding", "refunded"])
def test_a_turn_that_comes_too_late_for_an_order_writes_nothing(database: Database, status: str) -> None:
    begun = visit(database)
    number = order(database, customer_id=begun.customer_id)
    turn = turn_of(say(database, begun.conversation_id, "取消吧"))
    making.change(database, tables.orders, tables.orders.c.number == number, status=status)  # while the assistant worked
    with pytest.raises(Conflict):
        finish(
            database,
            turn,
            replies=(Reply("已取消。"),),
            tickets=(NewTicket("after_sales", "refund", "退款", "…"),),
            order_changes=(OrderChange(number, {"status": "cancelled"}, "顾客确认取消"),),
            hand_off=hand_off(),
            tracker_events=({"event": "user"},),
        )
    assert making.texts(database, begun.conversation_id) == ["取消吧"]
    for table in (tables.tickets, tables.hand_offs, tables.interactions, tables.tracker_turns, tables.order_changes, tables.outbox):
        assert count(database, table) == 0, table.name
    assert making.state(database, begun.conversation_id) == "bot"
    assert database.transaction(queries.find_order, number).status == status  # type: ignore[union-attr]
    assert not finish(database, turn, replies=(Reply("订单已发出。"),)).discarded, "the turn can still end in another way"


def test_an_order_that_does_not_exist_cannot_be_changed(database: Database) -> None:
    turn = turn_of(say(database, visit(database).conversation_id))
    with pytest.raises(Conflict):
        finish(database, turn, order_changes=(OrderChange("000000000000", {"status": "cancelled"}, ""),))


def test_a_turn_is_done_once(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id))
    assert database.transaction(queries.replies, turn.turn_id) is None
    finish(database, turn, replies=(Reply("在的"),), hand_off=hand_off())
    again = finish(database, turn, replies=(Reply("在的"),), hand_off=hand_off())
    assert (again.discarded, again.messages) == (True, ())
    assert making.texts(database, conversation_id) == ["在吗", "在的"]
    assert count(database, tables.interactions) == count(database, tables.hand_offs) == count(database, tables.tickets) == 1


def test_a_turn_is_done_once_also_while_its_worker_has_the_next(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id, "一"))
    say(database, conversation_id, "二")
    assert finish(database, turn, replies=(Reply("在的"),)).next is not None
    assert finish(database, turn, replies=(Reply("在的"),)).discarded
    assert making.texts(database, conversation_id) == ["一", "二", "在的"]


def test_a_reply_never_lands_after_the_conversation_changed_hands(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id))
    database.transaction(store.apply_effects, conversation_id, hand_off=hand_off())  # while the assistant worked
    late = finish(database, turn, replies=(Reply("来晚了"),))
    assert (late.discarded, late.state) == (True, "queued")
    assert late.next is not None, "the message still waits for being looked at, now for the person"
    assert (late.next.turn_id, late.next.state) == (turn.turn_id, "queued")
    looked_at = finish(database, late.next, mode="observe")
    assert (looked_at.discarded, looked_at.position) == (False, 1)
    assert making.texts(database, conversation_id) == ["在吗"]
    assert count(database, tables.interactions) == 1


def test_what_was_only_looked_at_is_answered_when_the_customer_is_back_with_the_assistant(database: Database) -> None:
    conversation_id = queued(database)
    turn = turn_of(say(database, conversation_id, "那我的订单呢"))
    database.transaction(store.leave_queue, conversation_id)
    late = finish(database, turn, mode="observe")
    assert late.discarded
    assert late.next is not None
    assert (late.next.turn_id, late.next.state) == (turn.turn_id, "bot")


def test_a_conversation_that_the_customer_closed_gets_no_reply(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id))
    database.transaction(store.close_conversation, conversation_id)
    late = finish(database, turn, replies=(Reply("来晚了"),))
    assert (late.discarded, late.state) == (True, "closed")
    assert making.texts(database, conversation_id) == ["在吗"]


def test_a_failed_turn_leaves_the_memory_of_the_assistant_as_it_was(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    good = turn_of(say(database, conversation_id, "一"))
    finish(database, good, slots={"a": 1}, tracker_events=({"n": 1},))
    bad = turn_of(say(database, conversation_id, "二"))
    assert bad.tracker_turn_id == good.turn_id
    finish(database, bad, error="boom", replies=(Reply("抱歉"),), slots={"a": 2}, tracker_events=({"n": 2},))
    tracker = database.transaction(queries.load_tracker, conversation_id, 5)
    assert tracker is not None
    assert (tracker.slots, tracker.events) == ({"a": 1}, ({"n": 1},))
    assert turn_of(say(database, conversation_id, "三")).tracker_turn_id == good.turn_id
    assert [row.error for row in rows(database, tables.turns, tables.turns.c.id == bad.turn_id)] == ["boom"]


def test_what_the_record_cannot_hold_is_not_written_in_half(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id))
    wrong = replace(hand_off(), queue="no such team")
    with pytest.raises(Exception, match="queue"):
        finish(database, turn, replies=(Reply("在的"),), hand_off=wrong)
    assert making.texts(database, conversation_id) == ["在吗"]
    assert not finish(database, turn).discarded


def test_effects_from_outside_a_turn_are_written_too(database: Database) -> None:
    begun = visit(database)
    number = order(database, customer_id=begun.customer_id, status="unpaid")
    database.transaction(
        store.apply_effects,
        begun.conversation_id,
        tickets=(NewTicket("billing", "invoice", "发票", "…"),),
        order_changes=(OrderChange(number, {"address": "宁波市鄞州区听松路 9 号"}, "改地址"),),
        hand_off=hand_off("billing"),
    )
    assert making.state(database, begun.conversation_id) == "queued"
    assert database.transaction(queries.find_order, number).address == "宁波市鄞州区听松路 9 号"  # type: ignore[union-attr]
    assert {row.kind for row in rows(database, tables.tickets)} == {"invoice", "hand_off"}


# The queue for people


def test_a_hand_off_puts_the_conversation_into_the_queue_with_a_ticket_and_tells_the_outside(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    done = finish(database, turn_of(say(database, conversation_id, "转人工")), hand_off=hand_off("billing", "high"))
    assert (done.state, done.position) == ("queued", 1)
    standing = database.transaction(queries.conversation, conversation_id)
    assert standing is not None
    assert (standing.state, standing.queue, standing.position) == ("queued", "billing", 1)
    assert standing.reasons[0]["code"] == "request"
    (waiting,) = database.transaction(queries.queue)
    assert (waiting.conversation_id, waiting.priority, waiting.summary) == (conversation_id, "high", "顾客共发来 1 条消息。")
    (ticket,) = rows(database, tables.tickets)
    assert (ticket.id, ticket.kind, ticket.queue, ticket.status) == (waiting.ticket_id, "hand_off", "billing", "open")
    told = {item.kind: item.payload for item in database.transaction(store.claim_outbox)}
    assert told["hand_off"]["conversation"] == conversation_id
    assert told["hand_off"]["reasons"] == ["request"]
    assert "转人工" not in str(told), "what customers write stays here"


def test_who_waits_already_is_not_handed_over_again(database: Database) -> None:
    conversation_id = queued(database)
    database.transaction(store.apply_effects, conversation_id, hand_off=hand_off())
    assert count(database, tables.hand_offs) == 1
    assert len(database.transaction(queries.queue)) == 1


def test_the_queue_goes_by_urgency_and_then_by_time_in_each_team(database: Database) -> None:
    first, second = queued(database, priority="normal"), queued(database, priority="normal")
    other = queued(database, "billing", "low")
    urgent, high = queued(database, priority="urgent"), queued(database, priority="high")
    places = {key: database.transaction(queries.position, key) for key in (urgent, high, first, second, other)}
    assert list(places.values()) == [1, 2, 3, 4, 1]
    shown = database.transaction(queries.queue)
    assert [waiting.conversation_id for waiting in shown] == [urgent, high, first, second, other]
    assert {waiting.conversation_id: waiting.position for waiting in shown} == places
    database.transaction(store.leave_queue, high)
    assert [database.transaction(queries.position, key) for key in (urgent, high, first, second)] == [1, None, 2, 3]


@pytest.mark.parametrize(("leave", "outcome_of", "state"), [("leave_queue", "left", "bot"), ("close_conversation", "closed", "closed")])
def test_leaving_the_queue_ends_the_hand_off_and_its_ticket(database: Database, leave: str, outcome_of: str, state: str) -> None:
    gone, stays = queued(database), queued(database)
    assert database.transaction(getattr(store, leave), gone) == state
    standing = database.transaction(queries.conversation, gone)
    assert standing is not None
    assert (standing.state, standing.position, standing.queue, standing.reasons) == (state, None, None, ())
    ended = {row.conversation_id: row.outcome for row in rows(database, tables.hand_offs)}
    assert ended == {gone: outcome_of, stays: None}
    assert {row.conversation_id: row.status for row in rows(database, tables.tickets)} == {gone: "closed", stays: "open"}
    assert [waiting.conversation_id for waiting in database.transaction(queries.queue)] == [stays]


def test_leaving_a_queue_that_one_is_not_in_changes_nothing(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    assert database.transaction(store.leave_queue, conversation_id) == "bot"
    assert database.transaction(store.close_conversation, conversation_id) == "closed"
    assert database.transaction(store.leave_queue, conversation_id) == "closed"


def test_who_left_can_be_handed_over_again(database: Database) -> None:
    conversation_id = queued(database)
    database.transaction(store.leave_queue, conversation_id)
    turn = turn_of(say(database, conversation_id, "还是转人工吧"))
    assert finish(database, turn, hand_off=hand_off("complaint", "high")).position == 1
    (waiting,) = database.transaction(queries.queue)
    assert (waiting.queue, waiting.priority) == ("complaint", "high")


def test_one_of_two_workers_finishes_a_turn(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    turn = turn_of(say(database, conversation_id))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: finish(database, turn, replies=(Reply(f"{number}"),)), range(8)))
    assert sum(not found.discarded for found in done) == 1
    assert len(making.texts(database, conversation_id)) == 2


def test_replies_and_messages_at_the_same_time_are_numbered_without_gaps(database: Database) -> None:
    conversation_id = visit(database).conversation_id

    def worker(first: Any) -> None:
        turn = first
        while turn is not None:
            turn = finish(database, turn, replies=(Reply("一"), Reply("二"))).next

    def customer(number: int) -> None:
        turn = say(database, conversation_id, f"第{number}条").turn
        if turn is not None:
            worker(turn)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(customer, range(15)))
    for turn in database.transaction(store.claim_turns, "late"):
        finish(database, turn, owner="late", replies=(Reply("一"), Reply("二")))
    kept = database.transaction(queries.messages_after, conversation_id, 0)
    assert [message.seq for message in kept] == list(range(1, 46))
    assert count(database, tables.interactions) == 15


# What customers do beside messages


def test_reading_goes_forward_and_no_further_than_there_is(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    for _ in range(3):
        say(database, conversation_id)

    def read(seq: int) -> int:
        database.transaction(store.mark_read, conversation_id, seq)
        return int(rows(database, tables.conversations)[0].read_seq)

    assert [read(seq) for seq in (2, 1, 99, 3)] == [2, 2, 2, 3]


def test_the_last_thumb_counts(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id)), replies=(Reply("在的"),))
    database.transaction(store.record_feedback, conversation_id, 2, "up")
    database.transaction(store.record_feedback, conversation_id, 2, "down")
    assert [row.value for row in rows(database, tables.feedback)] == ["down"]


def test_thumbs_from_many_threads_are_one(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id)), replies=(Reply("在的"),))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: database.transaction(store.record_feedback, conversation_id, 2, "up"), range(8)))
    assert count(database, tables.feedback) == 1


def test_thumbs_are_for_the_assistant_and_for_one_s_own_conversation(database: Database) -> None:
    mine, theirs = visit(database).conversation_id, visit(database).conversation_id
    for conversation_id in (mine, theirs):
        say(database, conversation_id)
    finish(database, database.transaction(queries.next_turn, theirs), replies=(Reply("在的"),))
    for seq in (1, 2, 0):  # the customer's own message, another conversation's, none
        with pytest.raises(BadInput):
            database.transaction(store.record_feedback, mine, seq, "up")
    assert count(database, tables.feedback) == 0


def test_ratings_are_kept_with_their_words(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    database.transaction(store.record_rating, conversation_id, 5, "很快👍")
    assert [(row.conversation_id, row.score, row.comment) for row in rows(database, tables.ratings)] == [(conversation_id, 5, "很快👍")]
    with pytest.raises(IntegrityError):
        database.transaction(store.record_rating, conversation_id, 6, "")
