"""Notes, corrections, files and prepared answers."""

from datetime import timedelta
from typing import Any

import pytest

from bot.conversation.outcome import Reply
from bot.crm import annotations, desk_queries, ownership, store, tables
from bot.crm.database import Database
from bot.errors import BadInput, Conflict, NotFound, TooLong
from tests.crm.making import conversation, count, finish, owned, queued, rows, run_queue, say, turn_of, user, visit


def talk(database: Database, text: str = "在吗", **options: Any) -> str:
    key = visit(database).conversation_id
    finish(database, turn_of(say(database, key, text)), **options)
    return key


def attach(database: Database, key: str, user_id: int | None, file: str = "f" * 32, **options: Any) -> Any:
    values = {"id": file, "name": "截图.png", "media_type": "image/png", "size": 2048, "sha256": "0" * 64} | options
    return database.transaction(annotations.add_attachment, key, user_id, **values)


# Notes


def test_a_note_stays_inside_and_is_noticed(database: Database) -> None:
    li, key = user(database), talk(database)
    before = conversation(database, key)
    note = database.transaction(annotations.add_note, li, key, before.customer_id, " 老顾客\x00 ")
    (row,) = rows(database, tables.notes)
    assert (row.id, row.text, row.user_id, row.customer_id, row.conversation_id) == (note, "老顾客", li, before.customer_id, key)
    after = conversation(database, key)
    assert (after.last_seq, after.state) == (before.last_seq, before.state)
    assert after.updated_at > before.updated_at


def test_a_note_about_the_customer_as_such(database: Database) -> None:
    run_queue(database, "complaint", restricted=True)
    li, other, key = user(database), user(database, "外人", queues=["billing"]), queued(database, "complaint")
    customer = conversation(database, key).customer_id
    database.transaction(annotations.add_note, li, None, customer, "常客")
    with pytest.raises(NotFound):
        database.transaction(annotations.add_note, other, None, customer, "我也写")
    with pytest.raises(NotFound):
        database.transaction(annotations.add_note, li, None, 999_999, "没有这个人")
    assert [row.text for row in rows(database, tables.notes)] == ["常客"]


def test_a_note_belongs_to_the_customer_of_the_conversation(database: Database) -> None:
    li, key, other = user(database), talk(database), talk(database)
    with pytest.raises(NotFound):
        database.transaction(annotations.add_note, li, key, conversation(database, other).customer_id, "张冠李戴")


def test_notes_that_cannot_be(database: Database) -> None:
    li, key = user(database), talk(database)
    customer = conversation(database, key).customer_id
    with pytest.raises(BadInput):
        database.transaction(annotations.add_note, li, key, customer, " \n ")
    with pytest.raises(TooLong):
        database.transaction(annotations.add_note, li, key, customer, "长" * 2001)


def test_notes_go_along_when_a_visitor_turns_out_to_be_a_customer(database: Database) -> None:
    li = user(database)
    known = visit(database, shop_identity="s-1").customer_id
    visitor = visit(database)
    database.transaction(annotations.add_note, li, visitor.conversation_id, visitor.customer_id, "想退货")
    database.transaction(store.resume_visit, visitor.token, channel="web", shop_identity="s-1")
    assert [row.customer_id for row in rows(database, tables.notes)] == [known]


# Corrections


@pytest.mark.parametrize(
    ("kind", "value", "predicted"),
    [("queue", "billing", "general"), ("intent", "request_invoice", "greet"), ("sentiment", "negative", "neutral")],
)
def test_a_correction_says_who_what_and_instead_of_what(database: Database, kind: Any, value: str, predicted: str) -> None:
    li, wang, key = user(database), user(database, "小王"), talk(database)
    before = conversation(database, key)
    database.transaction(annotations.save_label, li, key, 1, kind, predicted)
    database.transaction(annotations.save_label, wang, key, 1, kind, value)
    (label,) = rows(database, tables.labels)
    assert (label.kind, label.value, label.predicted, label.user_id) == (kind, value, predicted, wang), "the last one counts"
    assert conversation(database, key).updated_at > before.updated_at


@pytest.mark.parametrize(
    ("seq", "kind", "value"), [(1, "queue", "rumours"), (1, "mood", "negative"), (2, "queue", "billing"), (9, "queue", "billing")]
)
def test_corrections_that_cannot_be(database: Database, seq: int, kind: Any, value: str) -> None:
    li, key = user(database), talk(database, replies=(Reply("您好"),))
    with pytest.raises(BadInput):
        database.transaction(annotations.save_label, li, key, seq, kind, value)
    assert count(database, tables.labels) == 0


# Files


def test_a_file_of_the_customer_goes_with_a_message(database: Database) -> None:
    key = talk(database)
    attach(database, key, None)
    accepted = say(database, key, "看图", attachments=["f" * 32])
    assert accepted.message.attachments == ({"id": "f" * 32, "name": "截图.png", "media_type": "image/png", "size": 2048},)
    again = say(database, key, "看图", attachments=["f" * 32], client_id=accepted.message.client_id)
    assert again.duplicate
    assert again.message == accepted.message
    assert database.transaction(desk_queries.attachment_for_customer, key, "f" * 32).sent


def test_an_agent_s_file_is_the_customer_s_only_once_it_is_sent(database: Database) -> None:
    li = user(database)
    key, elsewhere = owned(database, li), talk(database)
    attach(database, key, li)
    assert database.transaction(desk_queries.attachment_for_customer, key, "f" * 32) is None
    said = database.transaction(ownership.reply, key, li, "", client_id="a", attachments=["f" * 32])
    assert (said.text, said.attachments[0]["name"]) == ("", "截图.png")
    found = database.transaction(desk_queries.attachment_for_customer, key, "f" * 32)
    assert (found.name, found.size, found.user_id, found.sent) == ("截图.png", 2048, li, True)
    assert database.transaction(desk_queries.attachment_for_customer, elsewhere, "f" * 32) is None, "of another conversation"
    assert database.transaction(desk_queries.attachment_for_customer, key, "0" * 32) is None


def test_nobody_sends_what_is_somebody_else_s(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key, other = owned(database, li), owned(database, li)
    attach(database, key, None, "c" * 32)
    attach(database, key, wang, "d" * 32)
    attach(database, other, li, "e" * 32)
    for file in ("c", "d", "e"):
        with pytest.raises(BadInput):
            database.transaction(ownership.reply, key, li, "看", client_id=file, attachments=[file * 32])
    for file in ("d", "e", "0"):
        with pytest.raises(BadInput):
            say(database, key, "看", attachments=[file * 32])
    say(database, key, "看", attachments=["c" * 32])
    with pytest.raises(BadInput):
        say(database, key, "再看", attachments=["c" * 32])


def test_files_of_a_restricted_queue_are_closed_to_others(database: Database) -> None:
    run_queue(database, "complaint", restricted=True)
    li, other, key = user(database), user(database, "外人", queues=["billing"]), queued(database, "complaint")
    attach(database, key, None)
    for user_id, sees in ((li, True), (other, False)):
        viewer = database.transaction(desk_queries.viewer, user_id)
        assert (database.transaction(desk_queries.attachment, viewer, "f" * 32) is not None) is sees


def test_names_of_files_fit(database: Database) -> None:
    key = talk(database)
    assert len(attach(database, key, None, name="长" * 250 + ".png").name) == 200
    assert attach(database, key, None, "a" * 32, name="长" * 250 + ".png").name.endswith("长.png")
    assert attach(database, key, None, "b" * 32, name="\x00").name == "file"


# Prepared answers


def test_prepared_answers_are_written_changed_and_deleted(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key = database.transaction(annotations.save_canned, li, shortcut="/您好", text="您好，请问有什么可以帮您？")
    database.transaction(annotations.save_canned, li, shortcut="发票", text="发票会在一天内开出。", queue="billing")
    assert database.transaction(annotations.save_canned, wang, shortcut="你好", text="您好！", canned_id=key) == key
    found = {each.shortcut: each for each in database.transaction(desk_queries.canned_replies)}
    assert {name: (each.text, each.queue, each.updated_by) for name, each in found.items()} == {
        "你好": ("您好！", None, "小王"),
        "发票": ("发票会在一天内开出。", "billing", "小李"),
    }
    assert [each.shortcut for each in database.transaction(desk_queries.canned_replies, "technical")] == ["你好"]
    assert len(database.transaction(desk_queries.canned_replies, "billing")) == 2
    for _ in range(2):
        database.transaction(annotations.delete_canned, wang, key)
    assert [each.shortcut for each in database.transaction(desk_queries.canned_replies)] == ["发票"]


@pytest.mark.parametrize(
    "options",
    [
        {"shortcut": " / "},
        {"shortcut": "两 词"},
        {"text": "\n"},
        {"queue": "rumours"},
        {"shortcut": "长" * 41},
        {"text": "长" * 2001},
    ],
)
def test_prepared_answers_that_cannot_be(database: Database, options: dict[str, Any]) -> None:
    li = user(database)
    with pytest.raises(BadInput):
        database.transaction(annotations.save_canned, li, **{"shortcut": "好", "text": "好的"} | options)
    assert count(database, tables.canned_replies) == 0


def test_a_shortcut_is_taken_once(database: Database) -> None:
    li = user(database)
    one, _ = (database.transaction(annotations.save_canned, li, shortcut=name, text=name) for name in ("一", "二"))
    with pytest.raises(Conflict, match="二"):
        database.transaction(annotations.save_canned, li, shortcut="二", text="又一个")
    with pytest.raises(Conflict, match="二"):
        database.transaction(annotations.save_canned, li, shortcut="二", text="改成二", canned_id=one)
    with pytest.raises(NotFound):
        database.transaction(annotations.save_canned, li, shortcut="三", text="三", canned_id=one + 999)


def test_the_time_of_a_change_is_kept(database: Database) -> None:
    li = user(database)
    database.transaction(annotations.save_canned, li, shortcut="一", text="一")
    (each,) = database.transaction(desk_queries.canned_replies)
    assert store.now() - each.updated_at < timedelta(minutes=1)
