"""What the assistant remembers of a conversation: bounded in memory and in the record, and the same after a reload."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from bot.crm import tables
from bot.dialogue.assistant import Assistant
from bot.dialogue.trackers import KEPT_TURNS, MOST_TURNS, LiveTrackerStore
from bot.dialogue.turn import Turn, current_turn
from bot.service import Service
from tests.crm import making
from tests.dialogue.talking import Talk, said

NUMBER = "202611230456"
SMALL_TALK = ("运费多少钱", "你好", "有优惠券吗", "谢谢", "积分怎么用")


def live(assistant: Assistant, talk: Talk) -> Any:
    """The conversation's tracker in memory; None when there is none."""
    kept = assistant._agent.tracker_store._live.get(talk.id)
    return kept and kept.tracker


def users(tracker: Any) -> int:
    return sum(event.type_name == "user" for event in tracker.events)


async def elsewhere_says(talk: Talk, assistant: Assistant, text: str) -> list[str]:
    """A turn that another process works on."""
    outcome = await assistant.answer(talk.accept(text, owner="elsewhere"))
    assert outcome.error is None
    assert not talk.finish(outcome, owner="elsewhere").discarded
    assistant.written(talk.id, outcome.turn_id)
    return [reply.text for reply in outcome.replies]


async def test_a_turn_costs_the_same_after_sixty_turns(talk: Talk, assistant: Assistant) -> None:
    sizes, written = [], []
    for number in range(60):
        await talk.say(SMALL_TALK[number % len(SMALL_TALK)])
        tracker = live(assistant, talk)
        assert users(tracker) <= MOST_TURNS
        sizes.append(len(tracker.events))
        written.append(len(talk.events(talk.turn_ids[-1])))
    assert max(sizes[30:]) <= max(sizes[5:30]), "the window stops growing"
    assert max(written[5:]) <= max(written[:5]) <= 25, "only what is new is written"
    assert all(talk.events(turn)[-1]["name"] == "action_listen" for turn in talk.turn_ids)


async def test_each_event_is_written_once(talk: Talk) -> None:
    for text in ("你好", "我要退款", "不退了", "谢谢", "运费多少钱", "你好"):
        await talk.say(text)
    for turn, text in zip(talk.turn_ids, ("你好", "我要退款", "不退了", "谢谢", "运费多少钱", "你好"), strict=True):
        assert [event["text"] for event in talk.events(turn) if event["event"] == "user"] == [text]


async def test_slots_and_the_form_survive_the_cut_of_the_window(talk: Talk, assistant: Assistant) -> None:
    order = making.order(talk.service.database, "202611230901")
    await talk.says("我要退款", order, "1234", *["运费多少钱"] * (MOST_TURNS + 2))
    assert users(live(assistant, talk)) <= MOST_TURNS
    assert live(assistant, talk).get_slot("order_number") == order
    assert talk.row.active_loop == "refund_form"
    assert talk.row.slots["order_number"] == order
    assert talk.row.slots["requested_slot"] == "reason"
    await talk.say("不想要了")
    assert talk.row.slots["requested_slot"] == "confirmed", "the form goes on where it was"


async def test_a_form_goes_on_in_another_process(talk: Talk, assistant: Assistant, elsewhere: Assistant) -> None:
    order = making.order(talk.service.database, "202611230902")
    await talk.says("你好", "我要退款", order)
    assert talk.row.slots["requested_slot"] == "phone_tail"
    await elsewhere_says(talk, elsewhere, "1234")
    assert live(elsewhere, talk).get_slot("order_number") == order
    assert (talk.row.active_loop, talk.row.slots["requested_slot"]) == ("refund_form", "reason")
    await elsewhere_says(talk, elsewhere, "尺寸不合适，买错了")
    assert talk.row.slots["requested_slot"] == "confirmed"
    replies = await talk.say("确认", payload="/affirm")
    assert order in said(replies)
    assert [(ticket.kind, ticket.order_number) for ticket in talk.rows(tables.tickets)] == [("refund", order)]
    assert talk.row.active_loop is None


async def test_a_reloaded_tracker_is_the_live_one(talk: Talk, assistant: Assistant, elsewhere: Assistant) -> None:
    for text in ("你好", "我要退款", NUMBER, "运费多少钱", "我要开发票", "公司"):
        await talk.say(text)
        fresh = Turn(0, talk.id, 0, "", "zh", False, talk.row.tracker_turn_id)
        token = current_turn.set(fresh)
        try:
            elsewhere.forget(talk.id)
            reloaded = await elsewhere._agent.tracker_store.retrieve(talk.id)
        finally:
            current_turn.reset(token)
        tracker = live(assistant, talk)
        assert reloaded.current_slot_values() == tracker.current_slot_values()
        assert reloaded.active_loop_name == tracker.active_loop_name == talk.row.active_loop
        assert reloaded.latest_action_name == tracker.latest_action_name == "action_listen"
        assert reloaded.latest_message.text == tracker.latest_message.text == text
        assert users(reloaded) <= KEPT_TURNS


async def test_a_tracker_that_another_process_has_left_behind_is_not_used(talk: Talk, assistant: Assistant, elsewhere: Assistant) -> None:
    await talk.says("你好", "我要退款")
    assert live(assistant, talk).active_loop_name == "refund_form"
    await elsewhere_says(talk, elsewhere, "不退了")
    assert talk.row.active_loop is None
    assert live(assistant, talk).active_loop_name == "refund_form", "this process has not heard of it yet"
    await talk.say("运费多少钱")
    assert live(assistant, talk).active_loop_name is None
    assert talk.row.active_loop is None


async def test_what_was_not_written_is_forgotten(talk: Talk, assistant: Assistant) -> None:
    await talk.say("你好")
    outcome = await assistant.answer(talk.accept("我要退款"))
    assert outcome.active_loop == "refund_form"
    assert live(assistant, talk).active_loop_name == "refund_form"
    assistant.forget(talk.id)
    assert live(assistant, talk) is None
    again = await assistant.answer(replace(_pending(talk), text="我要退款"))
    assert again.tracker_events[0]["event"] in {"user", "action"}
    assert [event["text"] for event in again.tracker_events if event["event"] == "user"] == ["我要退款"]
    assert again.active_loop == "refund_form"
    talk.finish(again)
    assistant.written(talk.id, again.turn_id)
    assert [event["text"] for turn in talk.turn_ids for event in talk.events(turn) if event["event"] == "user"] == ["你好", "我要退款"]


def _pending(talk: Talk) -> Any:
    from bot.crm import queries

    turn = talk.service.database.transaction(queries.next_turn, talk.id)
    assert turn is not None
    return turn


async def test_only_the_conversations_used_last_are_kept(assistant: Assistant, monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    store: LiveTrackerStore = assistant._agent.tracker_store
    monkeypatch.setattr(store, "_capacity", 3)
    monkeypatch.setattr(store, "_live", type(store._live)())
    talks = [Talk(service) for _ in range(4)]
    for talk in talks[:3]:
        await talk.say("我要退款")
    await talks[0].say("运费多少钱")
    await talks[3].say("你好")
    assert list(await store.keys()) == [talks[2].id, talks[0].id, talks[3].id]
    await talks[1].say(making.order(service.database, "202611230903"))
    assert talks[1].row.slots["requested_slot"] == "phone_tail", "one that is not kept is read from the record"
    assert list(await store.keys()) == [talks[0].id, talks[3].id, talks[1].id]


async def test_a_record_without_a_memory_begins_anew(talk: Talk, assistant: Assistant) -> None:
    await talk.says("你好", "我要退款")
    conversation = tables.conversations
    values = {"tracker_turn_id": None, "slots": {}, "active_loop": None}
    talk.service.database.transaction(
        lambda c: c.execute(update(conversation).where(conversation.c.id == talk.id).values(**values)) and None
    )
    await talk.say("运费多少钱")
    assert talk.row.active_loop is None
    assert users(live(assistant, talk)) == 1
