"""What can be read back, and by whom."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.conversation.mood import Mood, course
from bot.conversation.outcome import Button, Evidence, Reply
from bot.crm import queries, store, tables
from bot.crm.database import Database
from tests.crm.making import change, count, finish, hand_off, order, queued, say, seen, texts, turn_of, visit

GREETING = Reply("您好", (Button("查物流", "/track_order"), Button("退款", "/request_refund")))


def test_what_does_not_exist_is_none_or_empty(database: Database) -> None:
    assert database.transaction(queries.conversation, "nobody") is None
    assert database.transaction(queries.transcript, "nobody") is None
    assert database.transaction(queries.position, "nobody") is None
    assert database.transaction(queries.load_tracker, "nobody", 5) is None
    assert database.transaction(queries.find_order, "000000000000") is None
    assert database.transaction(queries.interaction, 0) is None
    assert database.transaction(queries.replies, 0) is None
    assert database.transaction(queries.messages_after, "nobody", 0) == []
    assert database.transaction(queries.products) == []
    assert database.transaction(queries.queue) == []


def test_a_token_reads_its_own_conversation_only(database: Database) -> None:
    mine, theirs = visit(database), visit(database)
    say(database, mine.conversation_id, "我的")
    say(database, theirs.conversation_id, "别人的")
    opened = database.transaction(store.resume_visit, mine.token or "", channel="web")
    assert opened is not None
    assert texts(database, opened.conversation_id) == ["我的"]
    for guess in (theirs.conversation_id, store.hash_of(theirs.token or ""), f"{theirs.customer_id}"):
        assert database.transaction(store.resume_visit, guess, channel="web") is None, "only the secret itself opens"
    assert database.transaction(store.resume_visit, mine.token or "", channel="rest") is None


def test_messages_are_paged_by_number(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    for number in range(1, 8):
        say(database, conversation_id, f"{number}")
    assert [m.text for m in database.transaction(queries.messages_after, conversation_id, 2, limit=3)] == ["3", "4", "5"]
    assert [m.text for m in database.transaction(queries.latest_messages, conversation_id, 3)] == ["5", "6", "7"]
    after, standing = database.transaction(queries.since, conversation_id, 5, 10)
    assert [m.seq for m in after] == [6, 7]
    assert standing.last_seq == 7


def test_news_shows_what_moved(database: Database) -> None:
    talks = [visit(database).conversation_id for _ in range(2)] + [queued(database)]
    say(database, talks[0])
    assert database.transaction(queries.news, [*talks, "nobody"]) == {
        talks[0]: (1, "bot", 0),
        talks[1]: (0, "bot", 0),
        talks[2]: (1, "queued", 0),
    }


def test_choices_are_those_that_were_offered_last(database: Database) -> None:
    conversation_id = visit(database).conversation_id

    def offered(**options: str) -> dict[str, str]:
        return database.transaction(queries.offered_choices, conversation_id, **options)

    assert offered() == {}
    finish(database, turn_of(say(database, conversation_id, "/deny")), replies=(GREETING, Reply("请选择")))
    assert offered() == {"/request_refund": "退款", "/track_order": "查物流"}
    finish(database, turn_of(say(database, conversation_id, "退款")), replies=(Reply("确认吗？", (Button("是", "/affirm"),)),))
    assert offered() == {"/affirm": "是"}


def test_a_choice_sent_again_counts_as_offered(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id)), replies=(GREETING,))
    chosen = say(database, conversation_id, "退款", payload="/request_refund", client_id="c1")
    finish(database, turn_of(chosen), replies=(Reply("确认吗？", (Button("是", "/affirm"),)),))
    assert turn_of(chosen).payload == "/request_refund"
    assert database.transaction(queries.offered_choices, conversation_id, again="c1") == {"/affirm": "是", "/request_refund": "退款"}
    assert database.transaction(queries.offered_choices, conversation_id, again="c2") == {"/affirm": "是"}
    other = visit(database).conversation_id
    assert database.transaction(queries.offered_choices, other, again="c1") == {}


# The assistant's memory


def test_the_tracker_is_read_back_by_its_last_turns(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    assert database.transaction(queries.load_tracker, conversation_id, 5) is None
    for number in range(1, 5):
        turn = turn_of(say(database, conversation_id))
        finish(database, turn, slots={"n": number}, active_loop=None, tracker_events=({"n": number}, {"n": number, "more": True}))
    window = database.transaction(queries.load_tracker, conversation_id, 2)
    assert window is not None
    assert window.slots == {"n": 4}, "slots are those of now, whatever the window"
    assert window.events == ({"n": 3}, {"n": 3, "more": True}, {"n": 4}, {"n": 4, "more": True})
    whole = database.transaction(queries.load_tracker, conversation_id, 99)
    assert whole is not None
    assert [event["n"] for event in whole.events] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_trackers_do_not_mix(database: Database) -> None:
    first, second = visit(database).conversation_id, visit(database).conversation_id
    for conversation_id in (first, second, first):
        finish(database, turn_of(say(database, conversation_id)), tracker_events=({"of": conversation_id},))
    tracker = database.transaction(queries.load_tracker, first, 9)
    assert tracker is not None
    assert [event["of"] for event in tracker.events] == [first, first]


def test_the_mood_of_earlier_messages_goes_with_a_turn(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    for score in (0.5, -0.1, -0.2, -0.3, -0.4, -0.5):
        finish(database, turn_of(say(database, conversation_id)), score=score)
    mood = turn_of(say(database, conversation_id)).mood
    assert mood.recent == (-0.1, -0.2, -0.3, -0.4, -0.5)
    assert mood.messages == 6
    *_, expected = course((0.5, -0.1, -0.2, -0.3, -0.4, -0.5))
    assert (mood.level, mood.fast) == pytest.approx((expected.level, expected.fast), abs=1e-5)
    other = visit(database).conversation_id
    assert turn_of(say(database, other)).mood == Mood()


def test_what_led_to_the_last_hand_off_is_settled_while_the_feeling_stays(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id)), score=-0.8)
    finish(database, turn_of(say(database, conversation_id)), score=-0.9, hand_off=hand_off())
    finish(database, turn_of(say(database, conversation_id)), score=-0.7, mode="observe")
    database.transaction(store.leave_queue, conversation_id)
    turn = turn_of(say(database, conversation_id))
    assert turn.mood.recent == (-0.7,)
    assert turn.mood.level < -0.7
    finish(database, turn, score=-0.6, hand_off=hand_off())
    mood = turn_of(say(database, conversation_id)).mood
    assert (mood.recent, mood.messages) == ((), 4)


def test_what_was_understood_is_listed_oldest_first(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    for text, intent in (("在吗", "greet"), ("查快递", "track_order"), ("谢谢", "thank")):
        finish(database, turn_of(say(database, conversation_id, text)), interaction=seen(intent=intent))
    found = database.transaction(queries.recent_interactions, conversation_id, 2)
    assert [(view.intent, view.text) for view in found] == [("track_order", "查快递"), ("thank", "谢谢")]


# Orders


def test_an_order_is_read_with_its_items(database: Database) -> None:
    number = order(database, invoice_title="满月烘焙有限公司")
    found = database.transaction(queries.find_order, number)
    assert found is not None
    assert (found.status, found.total_cents, found.paid_cents, found.invoice_title) == ("paid", 31800, 31300, "满月烘焙有限公司")
    assert [(item.sku, item.quantity, item.price_cents) for item in found.items] == [("KC-KT17", 2, 15900)]
    assert found.shipped_at is None
    assert found.ordered_at.tzinfo is not None


@pytest.mark.parametrize("number", ["20261123045", "2026112304567", "%", "202611230456' OR '1'='1"])
def test_only_the_whole_number_finds_an_order(database: Database, number: str) -> None:
    order(database, "202611230456")
    assert database.transaction(queries.find_order, number) is None


def test_the_orders_of_a_customer_are_theirs_newest_first(database: Database) -> None:
    me = visit(database, shop_identity="u-1").customer_id
    other = visit(database, shop_identity="u-2").customer_id
    at = datetime.now(UTC)
    for days, number in ((3, "202611200001"), (1, "202611220001"), (2, "202611210001")):
        order(database, number, customer_id=me, ordered_at=at - timedelta(days=days))
    order(database, "202611230009", customer_id=other)
    found = database.transaction(queries.orders_of_customer, me, 2)
    assert [view.number for view in found] == ["202611220001", "202611210001"]
    assert all(len(view.items) == 1 for view in found)


def test_a_time_comes_back_as_the_same_moment(database: Database) -> None:
    noon_in_china = datetime.fromisoformat("2026-11-11T12:00:00+08:00")
    number = order(database, ordered_at=noon_in_china)
    found = database.transaction(queries.find_order, number)
    assert found is not None
    assert found.ordered_at == noon_in_china
    assert found.ordered_at.utcoffset() == timedelta(0)


# For agents


def test_agents_see_what_was_understood_beside_each_customer_message(database: Database) -> None:
    begun = visit(database, shop_identity="u-1")
    change(database, tables.customers, tables.customers.c.id == begun.customer_id, name="袁若溪")
    understood = seen(intent="track_order", queue="logistics", sentiment="negative", sentiment_score=-0.6, escalate=True)
    turn = turn_of(say(database, begun.conversation_id, "到哪了"))
    finish(database, turn, interaction=understood, replies=(Reply("我查一下"),), hand_off=hand_off())
    say(database, begun.conversation_id, "快点")
    transcript = database.transaction(queries.transcript, begun.conversation_id)
    assert transcript is not None
    assert (transcript.customer, transcript.channel, transcript.conversation.state) == ("袁若溪", "web", "queued")
    first, reply, waiting = transcript.messages
    assert first.seen is not None
    assert (first.seen["intent"], first.seen["queue"], first.seen["sentiment"], first.seen["escalate"]) == (
        "track_order", "logistics", "negative", True,
    )  # fmt: skip
    assert (reply.seen, waiting.seen) == (None, None)
    assert [ticket.kind for ticket in transcript.tickets] == ["hand_off"]
    assert database.transaction(queries.queue)[0].customer == "袁若溪"


def test_the_words_that_spoke_for_a_team_are_kept_as_they_were(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    evidence = (Evidence("快递", 1.25), Evidence("到哪", 0.5))
    finish(database, turn_of(say(database, conversation_id)), interaction=seen(queue_evidence=evidence))
    kept = database.transaction(lambda c: c.execute(tables.interactions.select()).one())
    assert kept.queue_evidence == [{"term": "快递", "weight": 1.25}, {"term": "到哪", "weight": 0.5}]
    assert count(database, tables.interactions) == 1
