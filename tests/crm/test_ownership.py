"""One owner at a time: taking, passing on, answering, ending, and what happens by itself."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from bot.conversation.outcome import NewTicket, Reply
from bot.conversation.priority import ticket_promise
from bot.crm import annotations, ownership, queries, staff, store, tables
from bot.crm.database import Database
from bot.crm.records import Owned
from bot.errors import BadInput, Conflict, Forbidden, NotFound, TooLong
from tests.crm.making import (
    REASON,
    change,
    conversation,
    count,
    events,
    finish,
    hand_off,
    owned,
    queued,
    rows,
    run_queue,
    say,
    seen,
    state,
    texts,
    turn_of,
    user,
    visit,
)

LONG_AGO = timedelta(minutes=3)


def last_hand_off(database: Database, conversation_id: str) -> Any:
    return rows(database, tables.hand_offs, tables.hand_offs.c.conversation_id == conversation_id)[-1]


def ticket_of(database: Database, conversation_id: str) -> Any:
    (row,) = rows(database, tables.tickets, tables.tickets.c.id == last_hand_off(database, conversation_id).ticket_id)
    return row


def reply(database: Database, conversation_id: str, user_id: int, text: str = "您好", **options: Any) -> Any:
    return database.transaction(ownership.reply, conversation_id, user_id, text, **{"client_id": "a1"} | options)


# Taking


def test_who_claims_owns_and_the_customer_is_told(database: Database) -> None:
    li, key = user(database), queued(database)
    waiting = conversation(database, key)
    got = database.transaction(ownership.claim, key, li)
    row = conversation(database, key)
    assert (row.state, row.agent_id, row.queue, row.due_at) == ("agent", li, "logistics", None)
    assert (got.state, got.agent_id, got.agent_name, got.queue) == ("agent", li, "小李", "logistics")
    assert texts(database, key)[-1] == got.messages[0].text == "人工客服 小李 为您服务。"
    assert row.last_seq == waiting.last_seq + 1
    assert row.updated_at > waiting.updated_at
    assert row.promised_at == waiting.promised_at, "taking is not answering"
    assert (last_hand_off(database, key).agent_id, last_hand_off(database, key).claimed_at) == (li, row.updated_at)
    assert events(database, key) == ["queued", "claimed"]


def test_an_english_customer_is_told_in_english(database: Database) -> None:
    key = visit(database, locale="en-GB").conversation_id
    finish(database, turn_of(say(database, key)), hand_off=hand_off())
    database.transaction(ownership.claim, key, user(database))
    assert texts(database, key)[-1] == "A colleague, 小李, is with you now."


def test_the_second_is_told_who_has_it(database: Database) -> None:
    li, wang, key = user(database), user(database, "小王"), queued(database)
    database.transaction(ownership.claim, key, li)
    for loser in (wang, li):
        with pytest.raises(Conflict, match=r"^小李 已接手$"):
            database.transaction(ownership.claim, key, loser)
    assert conversation(database, key).agent_id == li
    assert texts(database, key).count("人工客服 小李 为您服务。") == 1


def test_only_what_waits_can_be_claimed(database: Database) -> None:
    li, with_bot, closed = user(database), visit(database).conversation_id, queued(database)
    database.transaction(store.close_conversation, closed)
    with pytest.raises(Conflict, match="智能助手"):
        database.transaction(ownership.claim, with_bot, li)
    with pytest.raises(Conflict, match="已结束"):
        database.transaction(ownership.claim, closed, li)
    with pytest.raises(NotFound):
        database.transaction(ownership.claim, "0" * 32, li)


def test_twenty_who_claim_at_once_have_one_winner(database: Database) -> None:
    people = [user(database, f"客服{number}") for number in range(20)]
    for _ in range(5):
        key, start = queued(database), Barrier(20)

        def one(user_id: int, key: str = key, start: Barrier = start) -> Owned | Conflict:
            start.wait(20)
            try:
                return database.transaction(ownership.claim, key, user_id)
            except Conflict as told:
                return told

        with ThreadPoolExecutor(20) as pool:
            results = list(pool.map(one, people))
        (winner,) = [result for result in results if isinstance(result, Owned)]
        assert conversation(database, key).agent_id == winner.agent_id
        assert {str(result) for result in results if result is not winner} == {f"{winner.agent_name} 已接手"}
        assert events(database, key) == ["queued", "claimed"]


def test_a_reply_of_the_assistant_never_lands_after_the_claim(database: Database) -> None:
    li, key = user(database, role="supervisor"), visit(database).conversation_id
    turn = turn_of(say(database, key, "你好"))
    database.transaction(ownership.take_over, key, li)
    done = finish(database, turn, replies=(Reply("我是助手"),))
    assert done.discarded
    assert done.next is not None
    assert done.next.state == "agent"
    assert "我是助手" not in texts(database, key)
    finish(database, done.next, mode="observe")
    assert count(database, tables.interactions) == 1


# Who may not


@pytest.fixture
def restricted(database: Database) -> tuple[int, str]:
    """An agent of another queue, and a conversation that waits in a restricted one."""
    run_queue(database, "complaint", restricted=True)
    return user(database, "外人", queues=["billing"]), queued(database, "complaint")


def test_a_restricted_queue_is_closed_to_others(database: Database, restricted: tuple[int, str]) -> None:
    other, key = restricted
    attempts = [
        (ownership.claim, (key, other), {}),
        (ownership.take_over, (key, other), {}),
        (ownership.assign, (key, other, other), {}),
        (ownership.transfer, (key, other), {"to_queue": "billing"}),
        (ownership.hand_back, (key, other), {}),
        (ownership.resolve, (key, other), {"summary": "好", "result": "solved"}),
        (ownership.reopen, (key, other), {}),
        (ownership.reply, (key, other, "你好"), {"client_id": "1"}),
        (annotations.add_note, (other, key, conversation(database, key).customer_id, "记"), {}),
        (annotations.save_label, (other, key, 1, "queue", "billing"), {}),
        (annotations.add_attachment, (key, other), {"id": "f", "name": "a", "media_type": "x", "size": 1, "sha256": ""}),
    ]
    before = conversation(database, key)
    for function, arguments, options in attempts:
        with pytest.raises((NotFound, Forbidden)):
            database.transaction(function, *arguments, **options)
    assert conversation(database, key) == before


def test_it_stays_closed_to_others_after_it_was_ended(database: Database, restricted: tuple[int, str]) -> None:
    other, key = restricted
    chief = user(database, "主管", "supervisor", queues=["billing"])
    database.transaction(ownership.claim, key, chief)
    database.transaction(ownership.resolve, key, chief, summary="已赔付", result="solved")
    with pytest.raises(NotFound):
        database.transaction(ownership.reopen, key, other)


def test_who_is_not_active_can_do_nothing(database: Database) -> None:
    li, key = user(database), queued(database)
    mine = owned(database, li)
    change(database, tables.users, tables.users.c.id == li, active=False)
    for function, arguments, options in (
        (ownership.claim, (key, li), {}),
        (ownership.reply, (mine, li, "你好"), {"client_id": "1"}),
        (ownership.hand_back, (mine, li), {}),
    ):
        with pytest.raises(Forbidden):
            database.transaction(function, *arguments, **options)


def test_only_supervisors_take_over_and_assign(database: Database) -> None:
    li, wang, key = user(database), user(database, "小王"), queued(database)
    with pytest.raises(Forbidden):
        database.transaction(ownership.take_over, key, li)
    with pytest.raises(Forbidden):
        database.transaction(ownership.assign, key, wang, li)
    change(database, tables.users, tables.users.c.id == li, role="supervisor")
    assert database.transaction(ownership.assign, key, wang, li).agent_id == wang, "the role counts as it is now"


@pytest.mark.parametrize("role", ["agent", "supervisor", "admin"])
def test_only_the_owner_answers_and_ends(database: Database, role: Any) -> None:
    li, other = user(database), user(database, "小王", role)
    key = owned(database, li)
    for function, arguments, options in (
        (ownership.reply, (key, other, "你好"), {"client_id": "1"}),
        (ownership.hand_back, (key, other), {}),
        (ownership.resolve, (key, other), {"summary": "好", "result": "solved"}),
    ):
        with pytest.raises(Conflict, match="小李 已接手"):
            database.transaction(function, *arguments, **options)
    assert conversation(database, key).agent_id == li


# Supervisors


def test_a_supervisor_takes_over_from_anybody(database: Database) -> None:
    li, chief = user(database), user(database, "主管", "supervisor")
    from_agent, from_queue, from_bot = owned(database, li), queued(database), visit(database).conversation_id
    finish(database, turn_of(say(database, from_bot, "充值失败")), score=-0.4)
    for key in (from_agent, from_queue, from_bot):
        assert database.transaction(ownership.take_over, key, chief).agent_id == chief
        assert (state(database, key), conversation(database, key).agent_id) == ("agent", chief)
        assert last_hand_off(database, key).agent_id == chief
    taken = last_hand_off(database, from_bot)
    assert (taken.queue, taken.reasons[0]["code"], taken.turn_id) == ("general", "taken_over", None)
    assert count(database, tables.hand_offs, tables.hand_offs.c.conversation_id == from_agent) == 1
    with pytest.raises(Conflict):
        database.transaction(ownership.take_over, from_bot, chief)
    with pytest.raises(Conflict):
        reply(database, from_agent, li)


def test_assigning_wants_somebody_who_fits_and_is_there(database: Database) -> None:
    chief, key = user(database, "主管", "supervisor"), queued(database)
    away, gone, other = user(database, "小王"), user(database, "小赵", online=False), user(database, "小钱", queues=["billing"])
    database.transaction(staff.set_presence, away, "away")
    for to in (away, gone):
        with pytest.raises(Conflict, match="不在线"):
            database.transaction(ownership.assign, key, to, chief)
    with pytest.raises(Conflict, match="小钱 不负责“物流配送”"):
        database.transaction(ownership.assign, key, other, chief)
    with pytest.raises(BadInput):
        database.transaction(ownership.assign, key, 999_999, chief)
    li = user(database)
    assert database.transaction(ownership.assign, key, li, chief).agent_name == "小李"
    (event,) = rows(database, tables.conversation_events, tables.conversation_events.c.kind == "assigned")
    assert (event.user_id, event.fields["agent"]) == (chief, "小李")


# Passing on


def test_transfer_to_a_colleague_with_a_note(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key = owned(database, li)
    got = database.transaction(ownership.transfer, key, li, to_user=wang, note="要看发票")
    assert (got.agent_id, got.agent_name) == (wang, "小王")
    assert texts(database, key)[-1] == "已为您转接，人工客服 小王 为您服务。"
    assert "要看发票" not in "".join(texts(database, key)), "notes are for colleagues"
    (note,) = rows(database, tables.notes)
    assert (note.text, note.user_id, note.conversation_id) == ("要看发票", li, key)
    with pytest.raises(Conflict, match="小王 已接手"):
        reply(database, key, li)
    assert reply(database, key, wang).name == "小王"


def test_nobody_who_is_not_there_gets_a_conversation(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    stale, away, offline, inactive = (user(database, name) for name in ("断线", "离开", "没来", "停用"))
    change(database, tables.users, tables.users.c.id == stale, seen_at=store.now() - timedelta(seconds=31))
    database.transaction(staff.set_presence, away, "away")
    change(database, tables.users, tables.users.c.id == offline, seen_at=None)
    change(database, tables.users, tables.users.c.id == inactive, active=False)
    for colleague in (stale, away, offline, inactive):
        with pytest.raises(Conflict, match="不在线"):
            database.transaction(ownership.transfer, key, li, to_user=colleague, note="请接一下")
    assert conversation(database, key).agent_id == li
    assert count(database, tables.notes) == 0, "nothing of it is kept"


def test_transfer_to_a_queue(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    run_queue(database, "billing", minutes=20)
    got = database.transaction(ownership.transfer, key, li, to_queue="billing", note="")
    row = conversation(database, key)
    assert (got.state, row.state, row.queue, row.agent_id) == ("queued", "queued", "billing", None)
    assert row.due_at - row.queued_at == timedelta(minutes=20)
    assert database.transaction(queries.position, key) == 1
    assert texts(database, key)[-1] == "已为您转到“支付发票”，正在排队，请稍候。"
    assert (last_hand_off(database, key).queue, last_hand_off(database, key).ended_at) == ("billing", None)
    ticket = ticket_of(database, key)
    assert (ticket.queue, ticket.status) == ("billing", "open")
    moved = rows(database, tables.ticket_events, tables.ticket_events.c.kind == "queue")
    assert [(event.fields, event.user_id) for event in moved] == [({"from": "logistics", "to": "billing"}, li)]
    assert count(database, tables.notes) == 0
    assert events(database, key)[-1] == "requeued"


def test_a_supervisor_moves_those_who_wait_without_making_them_wait_anew(database: Database) -> None:
    chief, key = user(database, "主管", "supervisor"), queued(database)
    before = conversation(database, key)
    database.transaction(ownership.transfer, key, chief, to_queue="technical")
    after = conversation(database, key)
    assert after.queued_at == before.queued_at
    assert after.due_at == before.queued_at + timedelta(minutes=15)


def test_transfer_refuses_what_makes_no_sense(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key, waiting, with_bot = owned(database, li), queued(database), visit(database).conversation_id
    for options in ({}, {"to_user": wang, "to_queue": "billing"}, {"to_queue": "no such"}, {"to_user": li}):
        with pytest.raises(BadInput):
            database.transaction(ownership.transfer, key, li, **options)
    with pytest.raises(TooLong):
        database.transaction(ownership.transfer, key, li, to_user=wang, note="长" * 2001)
    with pytest.raises(Conflict):
        database.transaction(ownership.transfer, waiting, li, to_user=wang)
    chief = user(database, "主管", "supervisor")
    with pytest.raises(Conflict, match="智能助手"):
        database.transaction(ownership.transfer, with_bot, chief, to_queue="billing")


def test_back_to_the_assistant(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    got = database.transaction(ownership.hand_back, key, li, "已查到包裹")
    row = conversation(database, key)
    assert (got.state, row.state, row.agent_id, row.urgency, row.promised_at) == ("bot", "bot", None, None, None)
    assert texts(database, key)[-1] == "人工服务已结束，智能助手继续为您服务。"
    ended = last_hand_off(database, key)
    assert (ended.outcome, ended.ended_at, ended.agent_id) == ("returned", row.updated_at, li)
    assert (ticket_of(database, key).status, ticket_of(database, key).closed_at) == ("solved", row.updated_at)
    assert [note.text for note in rows(database, tables.notes)] == ["已查到包裹"]
    turn = turn_of(say(database, key, "谢谢"))
    assert turn.state == "bot"
    assert not finish(database, turn, replies=(Reply("不客气"),)).discarded
    assert texts(database, key)[-1] == "不客气"


# Ending


@pytest.mark.parametrize(("result", "status"), [("solved", "solved"), ("unsolved", "closed"), ("follow_up", "open")])
def test_resolving(database: Database, result: Any, status: str) -> None:
    li = user(database)
    key = owned(database, li)
    database.transaction(ownership.resolve, key, li, summary=" 已补发\x00 ", result=result)
    row, ended, ticket = conversation(database, key), last_hand_off(database, key), ticket_of(database, key)
    assert (row.state, row.agent_id, row.closed_at) == ("closed", None, row.updated_at)
    assert (ended.outcome, ended.result, ended.resolution) == ("resolved", result, "已补发")
    assert (ticket.status, ticket.owner_id) == (status, li if result == "follow_up" else None)
    assert (ticket.closed_at is None) is (status == "open")
    assert events(database, key) == ["queued", "claimed", "resolved"]
    assert "已补发" not in "".join(texts(database, key)), "the summary is for colleagues"


def test_resolving_wants_a_summary_and_a_result(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    for summary, result in ((" \n", "solved"), ("好了", "done")):
        with pytest.raises(BadInput):
            database.transaction(ownership.resolve, key, li, summary=summary, result=result)
    assert state(database, key) == "agent"


def test_a_ticket_that_is_solved_already_stays_solved(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    ticket = ticket_of(database, key)
    before = store.now() - timedelta(hours=1)
    change(database, tables.tickets, tables.tickets.c.id == ticket.id, status="solved", closed_at=before)
    database.transaction(store.close_conversation, key)
    assert (ticket_of(database, key).status, ticket_of(database, key).closed_at) == ("solved", before)


def test_other_tickets_of_the_conversation_go_on(database: Database) -> None:
    li, key = user(database), visit(database).conversation_id
    refund = NewTicket("after_sales", "refund", "退款", "顾客要退款")
    finish(database, turn_of(say(database, key)), tickets=(refund,), hand_off=hand_off())
    database.transaction(ownership.claim, key, li)
    database.transaction(ownership.resolve, key, li, summary="好了", result="solved")
    assert {row.kind: row.status for row in rows(database, tables.tickets)} == {"refund": "open", "hand_off": "solved"}


def test_who_writes_after_the_end_gets_the_assistant_and_is_routed_anew(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    database.transaction(ownership.resolve, key, li, summary="好了", result="solved")
    change(database, tables.users, tables.users.c.id == li, seen_at=None)
    turn = turn_of(say(database, key, "又坏了"))
    row = conversation(database, key)
    assert (turn.state, row.state, row.agent_id, row.closed_at) == ("bot", "bot", None, None)
    finish(database, turn, hand_off=hand_off("technical"))
    row = conversation(database, key)
    assert (row.state, row.queue, row.agent_id) == ("queued", "technical", None)
    assert count(database, tables.hand_offs, tables.hand_offs.c.conversation_id == key) == 2
    assert events(database, key) == ["queued", "claimed", "resolved", "resumed", "queued"]


def test_reopening_goes_on_with_the_same_ticket(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key = owned(database, li)
    database.transaction(ownership.resolve, key, li, summary="好了", result="solved")
    first = last_hand_off(database, key)
    assert database.transaction(ownership.reopen, key, wang).agent_id == wang
    row, again = conversation(database, key), last_hand_off(database, key)
    assert (row.state, row.agent_id, row.closed_at) == ("agent", wang, None)
    assert again.id != first.id
    assert (again.ticket_id, again.agent_id, again.ended_at) == (first.ticket_id, wang, None)
    assert (ticket_of(database, key).status, ticket_of(database, key).closed_at) == ("open", None)
    assert texts(database, key)[-1] == "人工客服 小王 继续为您服务。"
    with pytest.raises(Conflict, match="小王 已接手"):
        database.transaction(ownership.reopen, key, li)


def test_a_conversation_that_never_was_handed_off_can_be_reopened(database: Database) -> None:
    li, key = user(database), visit(database).conversation_id
    finish(database, turn_of(say(database, key)))
    database.transaction(store.close_conversation, key)
    database.transaction(ownership.reopen, key, li)
    assert (ticket_of(database, key).kind, last_hand_off(database, key).agent_id) == ("hand_off", li)


def test_a_customer_who_goes_ends_it_for_the_agent(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    assert database.transaction(store.leave_queue, key) == "agent", "who is served does not wait"
    database.transaction(store.close_conversation, key)
    row = conversation(database, key)
    assert (row.state, row.agent_id) == ("closed", None)
    assert row.closed_at == row.updated_at
    with pytest.raises(Conflict, match="已结束"):
        reply(database, key, li)
    assert last_hand_off(database, key).outcome == "closed"


# Answering


def test_an_answer_is_one_message_however_often_it_is_sent(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    said = reply(database, key, li, " 您好，我看一下 ")
    assert (said.text, said.sender, said.name, said.user_id) == ("您好，我看一下", "agent", "小李", li)
    assert reply(database, key, li, "别的字") == said
    assert texts(database, key).count("您好，我看一下") == 1
    assert reply(database, key, li, "还有", client_id="a2").seq == said.seq + 1


def test_a_repetition_is_known_also_after_the_conversation_went_on(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    said = reply(database, key, li)
    database.transaction(ownership.hand_back, key, li)
    assert reply(database, key, li) == said


def test_ids_of_agents_and_customers_do_not_meet(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key = owned(database, li)
    reply(database, key, li, "一", client_id="same")
    assert not say(database, key, "二", client_id="same").duplicate
    database.transaction(ownership.transfer, key, li, to_user=wang)
    reply(database, key, wang, "三", client_id="same")
    assert [text for text in texts(database, key) if text in "一二三"] == ["一", "二", "三"]


def test_an_answer_keeps_the_promise(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    waiting = conversation(database, key)
    assert waiting.unanswered_since == waiting.queued_at
    said = reply(database, key, li)
    row = conversation(database, key)
    assert (row.unanswered_since, row.promised_at, row.last_seq) == (None, None, said.seq)
    assert last_hand_off(database, key).first_reply_at == said.at
    first = say(database, key, "还有一个问题")
    row = conversation(database, key)
    assert (row.unanswered_since, row.promised_at) == (first.message.at, first.message.at + timedelta(minutes=10))
    say(database, key, "在吗")
    assert conversation(database, key).unanswered_since == first.message.at, "the first one counts"
    reply(database, key, li, "在的", client_id="a2")
    assert conversation(database, key).promised_at is None
    assert last_hand_off(database, key).first_reply_at == said.at, "the first answer is the first answer"


def test_what_cannot_be_sent(database: Database) -> None:
    li = user(database)
    key = owned(database, li)
    with pytest.raises(BadInput):
        reply(database, key, li, " \x00 ")
    with pytest.raises(TooLong):
        reply(database, key, li, "长" * 4001)
    for client_id in ("", "x" * 41):
        with pytest.raises(BadInput):
            reply(database, key, li, client_id=client_id)
    with pytest.raises(BadInput):
        reply(database, key, li, attachments=["no such"])
    assert "agent" not in {row.sender for row in rows(database, tables.messages)}


@pytest.mark.parametrize("moved", ["hand_back", "close", "transfer"])
def test_an_answer_never_lands_after_the_conversation_has_gone(database: Database, moved: str) -> None:
    li, key = user(database), ""
    key = owned(database, li)
    if moved == "hand_back":
        database.transaction(ownership.hand_back, key, li)
    elif moved == "close":
        database.transaction(store.close_conversation, key)
    else:
        database.transaction(ownership.transfer, key, li, to_queue="billing")
    before = texts(database, key)
    with pytest.raises(Conflict):
        reply(database, key, li)
    assert texts(database, key) == before


def test_reading_goes_forward_only_and_is_the_owner_s(database: Database) -> None:
    li, wang = user(database), user(database, "小王")
    key = owned(database, li)
    seq = conversation(database, key).last_seq
    database.transaction(ownership.mark_read_by_agent, key, wang, seq)
    assert conversation(database, key).agent_read_seq == 0
    for said, read in ((1, 1), (seq, seq), (1, seq), (seq + 1, seq)):
        database.transaction(ownership.mark_read_by_agent, key, li, said)
        assert conversation(database, key).agent_read_seq == read


# By itself


def test_conversations_of_agents_who_are_gone_wait_again_at_the_front(database: Database) -> None:
    gone, here = user(database), user(database, "小王")
    lost, kept = owned(database, gone), owned(database, here)
    waiting = queued(database)
    at = store.now()
    change(database, tables.users, tables.users.c.id == gone, seen_at=at - timedelta(seconds=149))
    assert database.transaction(ownership.release_lost, at) == []
    assert database.transaction(ownership.release_lost, at + timedelta(seconds=2)) == [lost]
    row = conversation(database, lost)
    assert (row.state, row.agent_id, row.queue) == ("queued", None, "logistics")
    assert [database.transaction(queries.position, key) for key in (lost, waiting)] == [1, 2], "who was there before is first"
    assert texts(database, lost)[-1].startswith("与客服的连接中断了")
    assert events(database, lost)[-1] == "lost"
    assert conversation(database, kept).agent_id == here
    assert database.transaction(ownership.release_lost, at + timedelta(seconds=2)) == []
    assert database.transaction(ownership.claim, lost, here).agent_id == here


def test_conversations_of_agents_who_may_not_sign_in_any_more_wait_again(database: Database) -> None:
    li, chief = user(database), user(database, "主管", "admin")
    key = owned(database, li)
    database.transaction(staff.update_user, chief, li, active=False)
    assert database.transaction(ownership.release_lost, store.now()) == [key]


def test_by_itself_to_the_least_loaded_who_fits(database: Database) -> None:
    run_queue(database, "logistics", auto_assign=True)
    busy, free = user(database, "忙", capacity=4), user(database, "闲", capacity=2)
    user(database, "外行", queues=["billing"])
    absent, away = user(database, "没来", online=False), user(database, "离开")
    database.transaction(staff.set_presence, away, "away")
    assert absent
    owned(database, busy, "billing")
    by_hand, first, second, third = queued(database, "billing"), queued(database), queued(database), queued(database)
    given = database.transaction(ownership.auto_assign, store.now())
    # Loads 1/4 and 0/2: to the free one, then 1/4 and 1/2, then 2/4 and 1/2, of which the busy one was served longer ago.
    assert given[0] == (first, free)
    assert given[1] == (second, busy)
    assert {key for key, _ in given} == {first, second, third}
    assert state(database, by_hand) == "queued", "it is off unless it was switched on"
    assert texts(database, first)[-1] == "人工客服 闲 为您服务。"
    assert rows(database, tables.conversation_events, tables.conversation_events.c.conversation_id == first)[-1].user_id is None


def test_nobody_is_given_more_than_their_capacity(database: Database) -> None:
    run_queue(database, "logistics", auto_assign=True)
    li = user(database, capacity=2)
    keys = [queued(database, priority="low"), queued(database, priority="urgent"), queued(database)]
    assert database.transaction(ownership.auto_assign, store.now()) == [(keys[1], li), (keys[2], li)], "the most urgent first"
    assert database.transaction(ownership.auto_assign, store.now()) == []
    assert database.transaction(queries.position, keys[0]) == 1


def test_a_queue_nobody_serves_does_not_hold_up_others(database: Database) -> None:
    run_queue(database, "complaint", auto_assign=True)
    run_queue(database, "logistics", auto_assign=True)
    li = user(database, queues=["logistics"])
    queued(database, "complaint", "urgent")
    key = queued(database)
    assert database.transaction(ownership.auto_assign, store.now()) == [(key, li)]


def test_two_processes_that_assign_at_once_give_nothing_twice(database: Database) -> None:
    run_queue(database, "logistics", auto_assign=True)
    people = {user(database, f"客服{number}", capacity=3) for number in range(2)}
    keys = {queued(database) for _ in range(6)}
    start = Barrier(4)

    def keep(_: int) -> list[tuple[str, int]]:
        start.wait(20)
        return database.transaction(ownership.auto_assign, store.now())

    with ThreadPoolExecutor(4) as pool:
        given = [each for found in pool.map(keep, range(4)) for each in found]
    assert {key for key, _ in given} == keys
    assert len(given) == 6
    assert {who: [to for _, to in given].count(who) for who in people} == dict.fromkeys(people, 3)


# While somebody waits


def test_an_angrier_message_moves_forward_a_calmer_one_never_back(database: Database) -> None:
    first, second = queued(database), queued(database)
    finish(database, turn_of(say(database, second, "太慢了", owner="w")), mode="observe", score=-1.0)
    assert [database.transaction(queries.position, key) for key in (first, second)] == [2, 1]
    due = conversation(database, second).due_at
    finish(database, turn_of(say(database, second, "好吧", owner="w")), mode="observe", score=0.9)
    assert conversation(database, second).due_at == due


def test_a_graver_reason_while_waiting_is_added(database: Database) -> None:

    key = queued(database)
    threat = replace(REASON, code="threat", zh="威胁投诉", en="threatens")
    heard = seen(sentiment_score=-0.5, escalate=True, reasons=(threat, REASON))
    finish(database, turn_of(say(database, key, "我要投诉到 12315")), mode="observe", interaction=heard)
    row, open_one = conversation(database, key), last_hand_off(database, key)
    assert [reason["code"] for reason in open_one.reasons] == ["request", "threat"]
    assert open_one.priority == ticket_of(database, key).priority == store.URGENCIES[row.urgency]
    assert row.urgency < store.URGENCIES.index("normal")
    assert row.due_at < row.queued_at + timedelta(minutes=10) * 0.4 + timedelta(seconds=1)
    assert count(database, tables.ticket_events, tables.ticket_events.c.kind == "priority") == 1
    ticket = ticket_of(database, key)
    assert ticket.promised_at - ticket.created_at == ticket_promise(ticket.priority), "what is more urgent is promised earlier"


def test_a_ticket_that_somebody_made_more_urgent_stays_so(database: Database) -> None:
    key = queued(database)
    change(database, tables.tickets, tables.tickets.c.id == ticket_of(database, key).id, priority="urgent")
    before = ticket_of(database, key)
    threat = replace(REASON, code="threat", zh="威胁投诉", en="threatens")
    finish(database, turn_of(say(database, key, "我要投诉")), mode="observe", interaction=seen(escalate=True, reasons=(threat,)))
    assert ticket_of(database, key) == before


def test_who_leaves_a_message_leaves_the_queue_with_it(database: Database) -> None:
    key = queued(database)
    turn = turn_of(say(database, key, "留言", payload="/leave_message", leaves_queue=True))
    row = conversation(database, key)
    assert (turn.state, row.state, row.urgency, row.due_at) == ("bot", "bot", None, None)
    assert last_hand_off(database, key).outcome == "left"
    assert events(database, key) == ["queued", "left"]
    li = user(database)
    mine = owned(database, li)
    assert turn_of(say(database, mine, "留言", leaves_queue=True)).state == "agent", "who is served stays served"


def test_the_promise_is_the_queue_s(database: Database) -> None:
    run_queue(database, "billing", minutes=3)
    spans = {}
    for queue in ("billing", "complaint", "technical"):
        row = conversation(database, queued(database, queue))
        spans[queue] = (row.promised_at - row.queued_at) / timedelta(minutes=1)
    assert spans == {"billing": 3, "complaint": 5, "technical": 15}
