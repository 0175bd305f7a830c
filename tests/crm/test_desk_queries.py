"""What the console shows, and to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from bot.conversation.access import Viewer, may_see
from bot.conversation.outcome import NewTicket, Reply
from bot.crm import annotations, desk_queries, ownership, queries, store, tables
from bot.crm.database import Database
from bot.crm.records import ConversationRow, Line
from tests.crm.making import (
    change,
    conversation,
    finish,
    hand_off,
    order,
    owned,
    queued,
    run_queue,
    say,
    seen,
    turn_of,
    user,
    visit,
)

MANY = 50


def viewer(database: Database, user_id: int) -> Viewer:
    found = database.transaction(desk_queries.viewer, user_id)
    assert found is not None
    return found


def row(database: Database, user_id: int, key: str, at: datetime | None = None) -> ConversationRow:
    found = database.transaction(desk_queries.row, viewer(database, user_id), key, at or store.now())
    assert found is not None
    return found


def read(database: Database, function: Any, user_id: int, *arguments: Any, **options: Any) -> list[str]:
    return [found.id for found in database.transaction(function, viewer(database, user_id), store.now(), MANY, *arguments, **options)]


def everything(database: Database, user_id: int, **options: Any) -> list[str]:
    return read(database, desk_queries.all_rows, user_id, **options)


# Rows


def test_a_row_tells_all_there_is_to_know(database: Database) -> None:
    li, key = user(database), queued(database, "billing", "high")
    customer = conversation(database, key).customer_id
    change(database, tables.customers, tables.customers.c.id == customer, name="袁若溪")
    finish(
        database,
        turn_of(say(database, key, "还要等多久")),
        mode="observe",
        score=-0.4,
        interaction=seen(sentiment="negative", sentiment_score=-0.4),
    )
    waiting = conversation(database, key)
    found = row(database, li, key, waiting.queued_at + timedelta(minutes=4))
    assert (found.customer, found.channel, found.state, found.queue, found.priority) == ("袁若溪", "web", "queued", "billing", "high")
    assert (found.text, found.sender, found.last_seq, found.unread) == ("还要等多久", "customer", 2, 2)
    assert (found.sentiment, found.score, found.reasons[0]["code"]) == ("negative", -0.4, "request")
    assert (found.position, found.agent_id, found.agent_name) == (1, None, None)
    assert (found.queued_at, found.due_at, found.promised_at) == (waiting.queued_at, waiting.due_at, waiting.promised_at)
    assert found.explanation == "优先：顾客要求人工服务；情绪 -0.40；已等 4 分钟；承诺 10 分钟内（还剩 6 分钟）"


def test_the_row_of_who_has_it(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    database.transaction(ownership.reply, key, li, "您好", client_id="1")
    answered = row(database, li, key)
    assert (answered.agent_name, answered.position, answered.due_at) == ("小李", None, None)
    assert "承诺" not in answered.explanation, "nobody waits for an answer"
    database.transaction(ownership.mark_read_by_agent, key, li, answered.last_seq)
    assert row(database, li, key).unread == 0
    say(database, key, "还有一个问题")
    asked = row(database, li, key)
    assert (asked.unread, asked.text) == (1, "还有一个问题")
    assert "承诺 10 分钟内" in asked.explanation


def test_a_conversation_without_messages_is_a_row_too(database: Database) -> None:
    li, key = user(database), visit(database).conversation_id
    found = row(database, li, key)
    assert (found.text, found.sender, found.sentiment, found.priority, found.explanation, found.unread) == ("", None, None, None, "", 0)


def test_a_message_of_files_shows_their_names(database: Database) -> None:
    li, key = user(database), visit(database).conversation_id
    database.transaction(annotations.add_attachment, key, None, id="f" * 32, name="发票.pdf", media_type="x", size=1, sha256="")
    say(database, key, "", attachments=["f" * 32])
    assert row(database, li, key).text == "发票.pdf"


def test_places_are_the_same_for_agents_and_customers(database: Database) -> None:
    li = user(database)
    keys = [queued(database, queue, priority) for queue in ("billing", "logistics") for priority in ("low", "urgent", "normal")]  # type: ignore[arg-type]
    found = database.transaction(desk_queries.queue_rows, viewer(database, li), store.now(), MANY)
    assert {each.id: each.position for each in found} == {key: database.transaction(queries.position, key) for key in keys}
    dues = [each.due_at for each in found]
    assert dues == sorted(dues)
    assert read(database, desk_queries.queue_rows, li, "billing") == [keys[1], keys[2], keys[0]]
    assert read(database, desk_queries.queue_rows, li, "billing", offset=2) == [keys[0]]
    limited = database.transaction(desk_queries.queue_rows, viewer(database, li), store.now(), 2)
    assert [each.id for each in limited] == [each.id for each in found][:2]


def test_mine_are_those_i_own_the_most_pressing_first(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    calm, pressing, theirs = owned(database, li), owned(database, li), owned(database, wang)
    database.transaction(ownership.reply, calm, li, "您好", client_id="1")
    queued(database)
    assert read(database, desk_queries.my_rows, li) == [pressing, calm]
    assert read(database, desk_queries.my_rows, wang) == [theirs]


def test_everything_can_be_narrowed_and_read_in_pages(database: Database) -> None:
    li = user(database)
    with_bot, waiting, mine = visit(database).conversation_id, queued(database, "billing"), owned(database, li)
    done = owned(database, li, "billing")
    database.transaction(ownership.resolve, done, li, summary="好了", result="solved")
    assert everything(database, li) == [done, mine, waiting, with_bot], "the latest first"
    assert everything(database, li, state="agent") == [mine]
    assert everything(database, li, queue="billing") == [done, waiting]
    assert everything(database, li, queue="billing", state="closed") == [done]
    first = database.transaction(desk_queries.all_rows, viewer(database, li), store.now(), 2)
    after = (first[-1].updated_at, first[-1].id)
    assert everything(database, li, before=after) == [waiting, with_bot]


@pytest.mark.parametrize(
    ("search", "finds"),
    [
        ("包裹没到", True),
        ("没到", True),
        ("包裹到没", False),
        ("100%", True),
        ("10%0", False),
        ("_00", False),
        ("SIM", True),
        ("若溪", True),
    ],
)
def test_searching_in_chinese_and_in_signs(database: Database, search: str, finds: bool) -> None:
    li, key = user(database), visit(database).conversation_id
    say(database, key, "我的包裹没到")
    say(database, key, "说好的100%到货，sim卡也没有")
    change(database, tables.customers, tables.customers.c.id == conversation(database, key).customer_id, name="袁若溪")
    visit(database)
    assert everything(database, li, search=search) == ([key] if finds else [])


# Who sees what


def test_nothing_of_a_restricted_queue_is_shown_to_others(database: Database) -> None:
    run_queue(database, "complaint", restricted=True)
    inside, outside = user(database, queues=["complaint"]), user(database, "外人", queues=["billing"])
    chief = user(database, "主管", "supervisor", queues=[])
    secret, plain = queued(database, "complaint"), queued(database, "billing")
    at = store.now()
    for who, sees in ((inside, True), (chief, True), (outside, False)):
        eyes = viewer(database, who)
        assert set(everything(database, who)) == ({secret, plain} if sees else {plain})
        assert (secret in read(database, desk_queries.queue_rows, who)) is sees
        assert everything(database, who, search="转人工", queue="complaint") == ([secret] if sees else [])
        assert (database.transaction(desk_queries.row, eyes, secret, at) is not None) is sees
        assert bool(database.transaction(desk_queries.lines, eyes, secret, 0, MANY)) is sees
        assert (database.transaction(desk_queries.customer_side, eyes, secret) is not None) is sees
        assert database.transaction(desk_queries.counts, eyes, at).queued == (2 if sees else 1)


def test_who_was_given_one_of_another_queue_sees_it_while_they_have_it(database: Database) -> None:
    run_queue(database, "complaint", restricted=True)
    inside, outside = user(database), user(database, "外人", queues=["billing"])
    key = owned(database, inside, "complaint")
    assert everything(database, outside) == []
    database.transaction(ownership.transfer, key, inside, to_user=outside)
    assert everything(database, outside) == [key]
    database.transaction(ownership.hand_back, key, outside)
    assert everything(database, outside) == [], "what was handed back is still of that queue"
    assert everything(database, inside) == [key]


def test_the_condition_is_the_same_as_the_rule(database: Database) -> None:
    run_queue(database, "complaint", restricted=True)
    li, wang = user(database, queues=["billing"]), user(database, "小王")
    keys = [visit(database).conversation_id, *(queued(database, queue) for queue in ("complaint", "billing", "general"))]
    keys += [owned(database, wang, "complaint"), owned(database, wang, "billing")]
    database.transaction(ownership.transfer, keys[4], wang, to_user=li)
    table = tables.conversations
    for role in ("agent", "supervisor", "admin"):
        for queues in (frozenset(), frozenset({"complaint"}), frozenset({"billing", "general"})):
            eyes = Viewer(li, role, queues)  # type: ignore[arg-type]
            found = database.transaction(
                lambda c, eyes=eyes: set(c.execute(select(table.c.id).where(desk_queries.visible(eyes))).scalars())
            )
            rows = (conversation(database, key) for key in keys)
            assert found == {each.id for each in rows if may_see(eyes, each.queue, each.agent_id, each.queue == "complaint")}, (
                role,
                queues,
            )


def test_what_a_customer_said_elsewhere_is_shown_only_to_those_who_may_see_it(database: Database) -> None:
    run_queue(database, "complaint", restricted=True)
    li, other = user(database), user(database, "外人", queues=["billing"])
    secret, here = queued(database, "complaint"), queued(database, "billing")
    customer = conversation(database, here).customer_id
    change(database, tables.conversations, tables.conversations.c.id == secret, customer_id=customer)
    change(database, tables.tickets, tables.tickets.c.conversation_id == secret, customer_id=customer)
    database.transaction(annotations.add_note, li, secret, customer, "在那边说的")
    database.transaction(annotations.add_note, li, None, customer, "常客")
    database.transaction(store.record_rating, secret, 1, "太差")
    for who, sees in ((li, True), (other, False)):
        side = database.transaction(desk_queries.customer_side, viewer(database, who), here)
        assert side is not None
        assert [each.id for each in side.earlier] == ([secret] if sees else [])
        assert len(side.tickets) == (2 if sees else 1)
        assert [note.text for note in side.notes] == (["常客", "在那边说的"] if sees else ["常客"])
        assert [rating.score for rating in side.ratings] == ([1] if sees else [])


def test_counts(database: Database) -> None:
    li, wang, at = user(database, queues=["logistics"]), user(database, "小王"), store.now()
    key = owned(database, li)
    owned(database, wang)
    say(database, key, "在吗")
    queued(database), queued(database, "billing")
    mine = viewer(database, li)
    found = database.transaction(desk_queries.counts, mine, at)
    assert (found.queued, found.mine, found.unread, found.at_risk) == (2, 1, 2, 0)
    late = at + timedelta(minutes=9, seconds=30)
    assert database.transaction(desk_queries.counts, mine, late).at_risk == 2, "own ones, and those that wait in own queues"
    database.transaction(ownership.reply, key, li, "在的", client_id="1")
    database.transaction(ownership.mark_read_by_agent, key, li, conversation(database, key).last_seq)
    found = database.transaction(desk_queries.counts, mine, late)
    assert (found.unread, found.at_risk) == (0, 1)


# News


def test_whatever_a_console_shows_counts_as_a_change(database: Database) -> None:
    li = user(database)
    key = queued(database)
    customer = conversation(database, key).customer_id

    def changes(function: Any, *arguments: Any, **options: Any) -> bool:
        before = conversation(database, key).updated_at
        database.transaction(function, *arguments, **options)
        changed = database.transaction(desk_queries.changed_since, before + timedelta(microseconds=1))
        return [found[0] for found in changed] == [key]

    assert changes(ownership.claim, key, li)
    assert changes(ownership.reply, key, li, "您好", client_id="1")
    assert changes(store.mark_read, key, 3)
    assert changes(store.accept_message, key, "c1", "还有")
    assert changes(ownership.mark_read_by_agent, key, li, 4)
    assert changes(annotations.add_note, li, key, customer, "记")
    assert changes(annotations.add_note, li, None, customer, "记")
    assert changes(annotations.save_label, li, key, 1, "queue", "billing")
    assert changes(annotations.add_attachment, key, li, id="f", name="a", media_type="x", size=1, sha256="")
    assert changes(store.record_rating, key, 5, "")
    assert changes(ownership.resolve, key, li, summary="好", result="solved")
    assert changes(ownership.reopen, key, li)
    assert changes(store.close_conversation, key)
    found = conversation(database, key)
    assert database.transaction(desk_queries.changed_since, found.updated_at) == [(key, found.updated_at, found.last_seq, "closed")]
    assert database.transaction(desk_queries.changed_since, found.updated_at + timedelta(seconds=1)) == []


# Transcripts


def keys_of(lines: list[Line]) -> list[str]:
    return [line.message.text if line.message else line.text or str(line.kind) for line in lines]


@pytest.fixture
def talk(database: Database) -> tuple[int, str]:
    """A conversation with everything in it, and who owns it."""
    li = user(database)
    key = visit(database).conversation_id
    customer = conversation(database, key).customer_id
    finish(database, turn_of(say(database, key, "一")), replies=(Reply("二"),), hand_off=hand_off())
    database.transaction(annotations.add_note, li, key, customer, "注一")
    database.transaction(ownership.claim, key, li)
    database.transaction(ownership.reply, key, li, "四", client_id="1")
    database.transaction(annotations.add_note, li, key, customer, "注二")
    return li, key


def test_a_transcript_is_in_order_with_notes_and_events_among_the_messages(database: Database, talk: tuple[int, str]) -> None:
    li, key = talk
    found = database.transaction(desk_queries.lines, viewer(database, li), key, 0, MANY)
    assert keys_of(found) == ["一", "二", "queued", "注一", "人工客服 小李 为您服务。", "claimed", "四", "注二"]
    assert len({line.key for line in found}) == len(found)
    assert [line.type for line in found] == ["message", "message", "event", "note", "message", "event", "message", "note"]
    assert (found[3].user, found[5].user, found[2].user) == ("小李", "小李", None)
    assert found[5].fields["agent"] == "小李"


def test_customer_messages_carry_what_was_understood_and_corrected(database: Database, talk: tuple[int, str]) -> None:
    li, key = talk
    database.transaction(annotations.save_label, li, key, 1, "queue", "billing")
    database.transaction(store.record_feedback, key, 2, "down")
    first, second, *_ = database.transaction(desk_queries.lines, viewer(database, li), key, 0, MANY)
    assert first.seen is not None
    assert (first.seen["intent"], first.seen["queue"], first.seen["sentiment_score"]) == ("greet", "general", 0.0)
    assert first.seen["queue_evidence"] == [{"term": "在吗", "weight": 1.5}]
    assert first.labels == {"queue": "billing"}
    assert (second.seen, second.labels, second.feedback) == (None, {}, "down")


def test_pages_put_together_are_the_whole(database: Database, talk: tuple[int, str]) -> None:
    li, key = talk
    eyes = viewer(database, li)
    whole = database.transaction(desk_queries.lines, eyes, key, 0, MANY)
    for size in (1, 2, 3):
        pages: list[Line] = []
        before = conversation(database, key).last_seq + 1
        while before > 1:
            page = database.transaction(desk_queries.lines, eyes, key, 0, size, before)
            assert sum(line.type == "message" for line in page) <= size
            pages = page + pages
            before = min(line.message.seq for line in page if line.message)
        assert pages == whole, size


def test_asking_again_from_the_last_message_brings_what_came_since(database: Database, talk: tuple[int, str]) -> None:
    li, key = talk
    eyes = viewer(database, li)
    assert keys_of(database.transaction(desk_queries.lines, eyes, key, 4, MANY)) == ["注二"]
    say(database, key, "五")
    database.transaction(annotations.add_note, li, key, conversation(database, key).customer_id, "注三")
    assert keys_of(database.transaction(desk_queries.lines, eyes, key, 4, MANY)) == ["注二", "五", "注三"]
    assert keys_of(database.transaction(desk_queries.lines, eyes, key, 3, 1)) == ["claimed", "四", "注二"]


def test_messages_stay_in_their_order_whatever_the_clocks_say(database: Database, talk: tuple[int, str]) -> None:
    li, key = talk
    early = conversation(database, key).created_at - timedelta(seconds=5)
    change(database, tables.messages, (tables.messages.c.conversation_id == key) & (tables.messages.c.seq == 4), at=early)
    found = database.transaction(desk_queries.lines, viewer(database, li), key, 0, MANY)
    assert [line.message.seq for line in found if line.message] == [1, 2, 3, 4]
    assert len(found) == 8


# The customer


def test_what_there_is_to_know_about_the_customer(database: Database) -> None:
    li = user(database)
    before = visit(database, shop_identity="s-1")
    say(database, before.conversation_id, "上次的事")
    database.transaction(store.record_rating, before.conversation_id, 2, "慢")
    here = visit(database, shop_identity="s-1")
    order(database, customer_id=here.customer_id)
    for score, text in ((0.2, "你好"), (-0.7, "太慢了")):
        extra = {"tickets": (NewTicket("billing", "invoice", "开票", "要发票"),), "hand_off": hand_off("billing")} if score < 0 else {}
        finish(database, turn_of(say(database, here.conversation_id, text)), score=score, **extra)
    database.transaction(ownership.claim, here.conversation_id, li)
    database.transaction(annotations.add_note, li, here.conversation_id, here.customer_id, "要发票")
    side = database.transaction(desk_queries.customer_side, viewer(database, li), here.conversation_id)
    assert side is not None
    assert (side.customer.id, side.customer.verified, side.verified) == (here.customer_id, True, True)
    assert [each.number for each in side.orders] == ["202611230456"]
    assert [(each.id, each.text, each.score) for each in side.earlier] == [(before.conversation_id, "上次的事", 2)]
    assert [(each.kind, each.status, each.owner) for each in side.tickets] == [("hand_off", "open", None), ("invoice", "open", None)]
    assert [score for _, score in side.sentiment] == [0.2, -0.7]
    assert [at for at, _ in side.sentiment] == sorted(at for at, _ in side.sentiment)
    assert [consent.purpose for consent in side.consents] == ["chat", "chat"]
    assert [(note.text, note.user) for note in side.notes] == [("要发票", "小李")]
    assert [(rating.score, rating.comment) for rating in side.ratings] == [(2, "慢")]
    (reason,) = side.hand_offs
    assert (reason.queue, reason.agent, reason.reasons[0]["evidence"], reason.outcome) == ("billing", "小李", ["转人工"], None)
    assert reason.summary


def test_long_histories_are_cut(database: Database) -> None:
    li = user(database)
    keys = [visit(database, shop_identity="s-1").conversation_id for _ in range(12)]
    finish(database, turn_of(say(database, keys[0])))

    def many(c: Any) -> None:
        (row,) = c.execute(select(tables.interactions)).mappings().all()
        for number in range(70):
            message = c.execute(
                insert(tables.messages).values(
                    conversation_id=keys[0], seq=number + 2, sender="customer", text="喂", buttons=[], at=datetime.now(UTC)
                )
            ).inserted_primary_key[0]
            turn = c.execute(
                insert(tables.turns).values(conversation_id=keys[0], message_id=message, status="done", created_at=datetime.now(UTC))
            ).inserted_primary_key[0]
            values = {name: value for name, value in row.items() if name != "id"}
            c.execute(
                insert(tables.interactions).values(**values | {"message_id": message, "turn_id": turn, "sentiment_score": number / 100})
            )

    database.transaction(many)
    side = database.transaction(desk_queries.customer_side, viewer(database, li), keys[0])
    assert side is not None
    assert len(side.earlier) == 10
    assert len(side.sentiment) == 60
    assert side.sentiment[-1][1] == 0.69, "the last ones, in order"
