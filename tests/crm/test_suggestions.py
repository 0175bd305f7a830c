"""What the record gives to learn from: canned replies, and answers of agents in solved conversations with what was asked."""

from typing import Any

import pytest

from bot.crm import annotations, ownership, store, suggestions, tables
from bot.crm.database import Database
from bot.learning.suggest import LONGEST, Answer
from tests.crm.making import change, conversation, finish, hand_off, order, owned, run_queue, say, turn_of, user, visit

ANSWER = "请先断电五分钟再开机试试"


def answers(database: Database, **options: Any) -> list[Answer]:
    return database.transaction(suggestions.answers, **options)


def pairs(database: Database, **options: Any) -> list[tuple[str, str]]:
    return [(answer.question, answer.text) for answer in answers(database, **options)]


def talk(database: Database, agent: int, *said: str, conversation_id: str | None = None, queue: str = "technical") -> str:
    """A conversation that a person owns, in which the customer and (after `>`) the agent say these things."""
    conversation_id = conversation_id or owned(database, agent, queue)
    for number, text in enumerate(said):
        if text.startswith(">"):
            database.transaction(ownership.reply, conversation_id, agent, text[1:], client_id=f"{number}-{text[:9]}")
        else:
            finish(database, turn_of(say(database, conversation_id, text)), mode="observe")
    return conversation_id


def end(database: Database, agent: int, conversation_id: str, result: str = "solved") -> None:
    database.transaction(ownership.resolve, conversation_id, agent, summary="好了", result=result)


def solved(database: Database, agent: int, *said: str, **options: Any) -> str:
    conversation_id = talk(database, agent, *said, **options)
    end(database, agent, conversation_id)
    return conversation_id


def test_an_empty_record_teaches_nothing(database: Database) -> None:
    assert answers(database) == []


def test_canned_replies_with_their_shortcuts(database: Database) -> None:
    li = user(database)
    database.transaction(annotations.save_canned, li, shortcut="发票", text="请告诉我抬头和税号", queue="billing")
    database.transaction(annotations.save_canned, li, shortcut="您好", text="您好，我来帮您")
    assert answers(database) == [Answer("发票", "请告诉我抬头和税号", "canned", "billing"), Answer("您好", "您好，我来帮您", "canned")]


def test_an_answer_with_what_was_asked_just_before(database: Database) -> None:
    li = user(database)
    solved(database, li, "台灯一直闪", "昨天还好好的", f">{ANSWER}", "亮了不闪了，怎么保养呢", ">用干布擦就可以，不要沾水")
    assert answers(database) == [
        Answer("亮了不闪了，怎么保养呢", "用干布擦就可以，不要沾水", "agent", "technical"),
        Answer("台灯一直闪\n昨天还好好的", ANSWER, "agent", "technical"),
    ]


def test_what_was_asked_before_a_person_was_called_counts_and_the_call_does_not(database: Database) -> None:
    li, conversation_id = user(database), visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id, "台灯一直闪怎么回事")))
    finish(database, turn_of(say(database, conversation_id, "转人工")), hand_off=hand_off("technical"))
    database.transaction(ownership.claim, conversation_id, li)
    solved(database, li, f">{ANSWER}", conversation_id=conversation_id)
    assert pairs(database) == [("台灯一直闪怎么回事", ANSWER)]


def test_what_the_assistant_was_asked_before_a_supervisor_took_over_counts(database: Database) -> None:
    wang, conversation_id = user(database, role="supervisor"), visit(database).conversation_id
    finish(database, turn_of(say(database, conversation_id, "台灯一直闪怎么回事")))
    database.transaction(ownership.take_over, conversation_id, wang)
    solved(database, wang, f">{ANSWER}", conversation_id=conversation_id)
    assert pairs(database) == [("台灯一直闪怎么回事", ANSWER)]


def test_a_short_word_in_between_is_not_all_that_was_asked(database: Database) -> None:
    li = user(database)
    solved(database, li, "台灯一直闪怎么回事", ">您好，我看一下，请稍等", "好的", f">{ANSWER}")
    assert pairs(database)[0] == ("台灯一直闪怎么回事\n好的", ANSWER)


def test_at_most_three_messages_make_a_question(database: Database) -> None:
    solved(database, user(database), "一", "二", "三", "四", "五", f">{ANSWER}")
    assert pairs(database) == [("三\n四\n五", ANSWER)]


@pytest.mark.parametrize("result", ["unsolved", "follow_up"])
def test_only_what_solved_something_is_learnt(database: Database, result: str) -> None:
    li = user(database)
    end(database, li, talk(database, li, "台灯闪", f">{ANSWER}"), result)
    database.transaction(ownership.hand_back, talk(database, li, "台灯闪", f">{ANSWER}"), li)
    database.transaction(store.close_conversation, talk(database, li, "台灯闪", f">{ANSWER}"))
    talk(database, li, "台灯闪", f">{ANSWER}")
    assert answers(database) == []


def test_answers_too_short_or_too_long_or_to_no_question_are_left_out(database: Database) -> None:
    solved(database, user(database), ">您好，有什么可以帮您", "台灯闪", ">好的", f">{'长' * (LONGEST + 1)}")
    assert answers(database) == []


def test_each_solved_hand_off_gives_its_own_answers(database: Database) -> None:
    li = user(database)
    first = solved(database, li, "台灯闪", ">请换一个插座再试试看")
    finish(database, turn_of(say(database, first, "又闪了，转人工")), hand_off=hand_off("technical"))
    database.transaction(ownership.claim, first, li)
    solved(database, li, f">{ANSWER}", conversation_id=first)
    assert [text for _, text in pairs(database)] == [ANSWER, "请换一个插座再试试看"]


def test_the_newest_are_read_and_no_more_than_wanted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    li = user(database)
    for number in range(5):
        solved(database, li, f"问题{number}", f">第 {number} 个问题的回答", f"另外{number}", f">第 {number} 个另外的回答")
    newest = ["第 4 个另外的回答", "第 4 个问题的回答", "第 3 个另外的回答"]
    assert [text for _, text in pairs(database, newest=3)] == newest
    everything = pairs(database)
    assert len(everything) == 10
    monkeypatch.setattr(suggestions, "_AT_ONCE", 2)
    assert pairs(database) == everything, "also in several steps"


def test_what_the_record_knows_of_the_customer_goes_along(database: Database) -> None:
    li = user(database)
    conversation_id = talk(database, li, "台灯闪", f">袁若溪您好，{ANSWER}")
    customer_id = conversation(database, conversation_id).customer_id
    change(database, tables.customers, tables.customers.c.id == customer_id, name="袁若溪")
    order(database, customer_id=customer_id, recipient="桂小雨", invoice_title="满月烘焙", tracking_number="SF1234567890123")
    end(database, li, conversation_id)
    solved(database, li, "灯不亮", ">请换一个插座再试试看")
    theirs, other = answers(database)[::-1]
    known = {"袁若溪", "桂小雨", "15400001234", "杭州市西湖区桂雨巷 8 号", "满月烘焙", "SF1234567890123", "202611230456"}
    assert set(theirs.private) == known
    assert other.private == ()


def test_answers_of_restricted_queues_are_marked(database: Database) -> None:
    li = user(database, role="supervisor")
    run_queue(database, "complaint", restricted=True)
    solved(database, li, "我要投诉", ">已经为您升级处理了", queue="complaint")
    solved(database, li, "灯不亮", f">{ANSWER}", queue="technical")
    assert {answer.text: (answer.queue, answer.restricted) for answer in answers(database)} == {
        "已经为您升级处理了": ("complaint", True),
        ANSWER: ("technical", False),
    }


def test_what_moved_into_a_restricted_queue_is_restricted(database: Database) -> None:
    li = user(database, role="supervisor")
    run_queue(database, "complaint", restricted=True)
    conversation_id = solved(database, li, "灯不亮", f">{ANSWER}")
    change(database, tables.conversations, tables.conversations.c.id == conversation_id, queue="complaint")
    assert [(answer.queue, answer.restricted) for answer in answers(database)] == [("complaint", True)]


def test_the_mark_changes_with_what_there_is_to_learn(database: Database) -> None:
    li = user(database)
    marks = [database.transaction(suggestions.mark)]

    def moved() -> bool:
        marks.append(database.transaction(suggestions.mark))
        return marks[-1] != marks[-2]

    canned = database.transaction(annotations.save_canned, li, shortcut="您好", text="您好，我来帮您")
    assert moved()
    database.transaction(annotations.save_canned, li, shortcut="您好", text="您好呀，我来帮您", canned_id=canned)
    assert moved()
    conversation_id = talk(database, li, "灯不亮", f">{ANSWER}")
    assert not moved(), "not solved yet"
    end(database, li, conversation_id)
    assert moved()
    run_queue(database, "complaint", restricted=True)
    assert moved()
    database.transaction(annotations.delete_canned, li, canned)
    assert moved()
    assert not moved()
