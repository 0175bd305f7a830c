"""While a person owns a conversation the assistant says nothing in it, whenever that person came."""

import pytest

from bot.crm import store, tables
from bot.dialogue.assistant import Assistant
from bot.dialogue.worker import Worker
from bot.service import Service
from tests.crm import making
from tests.dialogue.talking import Talk


def is_taken(talk: Talk, state: str = "agent") -> None:
    at = store.now()
    waiting = {"queue": "general", "urgency": 2, "queued_at": at, "due_at": at, "promised_at": at} if state == "queued" else {}
    making.change(talk.service.database, tables.conversations, tables.conversations.c.id == talk.id, state=state, **waiting)


def assert_observed(talk: Talk) -> None:
    """The last message is understood, logged and remembered, and that is all that came of it."""
    assert talk.turn.status == "done"
    assert talk.turn.error is None
    assert talk.seen.mode == "observe"
    assert talk.seen.intent
    assert talk.seen.queue
    assert talk.messages()[-1].sender == "customer"
    events = talk.events(talk.turn_ids[-1])
    assert [event["text"] for event in events if event["event"] == "user"] == [talk.messages()[-1].text]
    assert {event["name"] for event in events if event["event"] == "action"} <= {"action_listen", "action_session_start"}
    assert talk.row.tracker_turn_id == talk.turn_ids[-1]


@pytest.mark.parametrize("state", ["queued", "agent"])
async def test_a_message_to_a_person_is_logged_and_not_answered(talk: Talk, state: str) -> None:
    await talk.says("你好", "我要退款")
    is_taken(talk, state)
    assert await talk.say("充电宝冒烟了，你们还不处理，我要投诉！！！") == []
    assert_observed(talk)
    assert talk.seen.escalate, "agents see that it is urgent"
    assert (talk.row.state, talk.row.active_loop) == (state, None), "a form that was open is not the assistant's business any more"
    assert talk.rows(tables.hand_offs) == talk.rows(tables.tickets) == []


async def test_after_the_hand_off_the_assistant_is_silent(talk: Talk) -> None:
    await talk.say("转人工")
    assert await talk.says("你好", "我的快递到哪了") == []
    assert_observed(talk)
    assert len(talk.rows(tables.hand_offs)) == 1


async def test_a_reply_does_not_land_after_a_person_took_over(talk: Talk, assistant: Assistant) -> None:
    await talk.say("你好")
    pending = talk.accept("我要退款")
    outcome = await assistant.answer(pending)
    assert outcome.replies
    before = talk.messages()
    is_taken(talk)
    finished = talk.finish(outcome)
    assert finished.discarded
    assert talk.messages() == before
    assert finished.next is not None
    assert (finished.next.turn_id, finished.next.state) == (pending.turn_id, "agent")
    assistant.forget(talk.id)
    again = await assistant.answer(finished.next)
    assert again.mode == "observe"
    assert not talk.finish(again).discarded
    assistant.written(talk.id, again.turn_id)
    assert_observed(talk)
    assert talk.row.active_loop is None


async def test_the_worker_sees_to_it_that_what_was_taken_is_observed(
    talk: Talk, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent claims the conversation just while the assistant works on an order to be written."""
    order = making.order(talk.service.database, "202611230501")
    await talk.says("取消订单", order, "1234")
    assert talk.row.slots["requested_slot"] == "confirmed"
    answer = Assistant.answer

    async def answers(self: Assistant, pending: object) -> object:
        outcome = await answer(self, pending)  # type: ignore[arg-type]
        if outcome.mode == "reply":
            assert outcome.order_changes
            is_taken(talk)
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(Assistant, "answer", answers)
        assert await talk.say("确认取消", payload="/affirm") == []
    assert_observed(talk)
    (row,) = making.rows(talk.service.database, tables.orders, tables.orders.c.number == order)
    assert row.status == "paid", "nor does what it would have done"
    assert talk.rows(tables.tickets) == []
    is_taken(talk, "bot")
    await talk.say("确认取消", payload="/affirm")
    (row,) = making.rows(talk.service.database, tables.orders, tables.orders.c.number == order)
    assert row.status == "paid", "given back, the assistant does not go on as if nobody had been there"
    assert talk.row.slots["order_number"] == order


async def test_a_person_who_hands_back_while_a_message_is_observed(talk: Talk, assistant: Assistant) -> None:
    """What was looked at for a person is answered when it is the assistant's after all."""
    await talk.say("你好")
    is_taken(talk)
    outcome = await assistant.answer(talk.accept("运费多少钱"))
    assert outcome.mode == "observe"
    is_taken(talk, "bot")
    finished = talk.finish(outcome)
    assert finished.discarded
    assert finished.next is not None
    again = await assistant.answer(finished.next)
    assert again.replies
    assert not talk.finish(again).discarded
    assistant.written(talk.id, again.turn_id)
    assert talk.messages()[-1].sender == "bot"


async def test_a_closed_conversation_opens_again_with_the_assistant(talk: Talk) -> None:
    await talk.says("你好", "转人工")
    await talk.service.database.run(store.close_conversation, talk.id)
    assert await talk.say("运费多少钱")
    assert talk.state == "bot"


async def test_what_is_told_to_listeners_is_in_the_record(talk: Talk, service: Service) -> None:
    """Typing begins, and news are told only after the commit; nothing is told of what was discarded."""
    told: list[str] = []
    service.on_started(lambda conversation_id: told.append(f"typing {len(talk.messages())}"))
    service.on_changed(lambda conversation_id, change: told.append(f"changed {len(talk.messages())}"))
    await talk.say("你好")
    after = len(talk.messages())
    assert after > 1
    assert sorted(one.split()[0] for one in told) == ["changed", "changed", "typing"]
    assert set(told) <= {"typing 1", "changed 1", f"changed {after}"}, "each only once it is in the record"
    assert told[-1] == f"changed {after}"
    assert isinstance(service.worker, Worker)
