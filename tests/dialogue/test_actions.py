"""Custom actions inside the process: what they say and change comes back; one that fails costs the customer an apology, not the chat."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from rasa_sdk.interfaces import ActionExecutionRejection
from structlog.testing import capture_logs

from bot.conversation.messages import ASK_FOR_A_PERSON, PERSON_WORDS
from bot.crm import queries, tables
from bot.crm.database import Database
from bot.dialogue.actions import RECENT_EVENTS, custom_actions
from bot.dialogue.assistant import APOLOGIES, Assistant
from bot.errors import Unavailable
from tests.crm import making
from tests.dialogue.talking import Talk, payloads, said

APOLOGY = APOLOGIES["zh"]


@asynccontextmanager
async def failing(action: str, error: Exception) -> AsyncIterator[None]:
    async def fails(*args: Any) -> list[Any]:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(custom_actions(), action, fails)
        yield


def assert_apology(talk: Talk, replies: list[Any], error: str) -> None:
    """The customer reads an apology and may choose a person; the record holds what was understood, and what went wrong."""
    assert said(replies) == APOLOGY
    assert payloads(replies) == [ASK_FOR_A_PERSON]
    assert talk.turn.status == "done"
    assert error in talk.turn.error
    assert talk.seen.mode == "reply"
    assert talk.seen.intent
    assert talk.state == "bot"


@pytest.mark.parametrize("action", ["action_validate_slot_mappings", "validate_refund_form", "action_ask_order_number"])
async def test_an_action_that_fails_costs_an_apology(talk: Talk, action: str) -> None:
    await talk.say("你好")
    async with failing(action, KeyError("nothing of this is told")):
        assert_apology(talk, await talk.say("我要退款"), f"{action}: KeyError")
    assert talk.events(talk.turn_ids[-1]) == [], "what the failed turn did to the memory is void"
    assert talk.row.active_loop is None
    replies = await talk.say("我要退款")
    assert talk.turn.error is None
    assert talk.row.active_loop == "refund_form"
    assert APOLOGY not in said(replies)


async def test_the_first_message_of_all_may_fail_too(talk: Talk) -> None:
    async with failing("action_session_start", ValueError("broken")):
        assert_apology(talk, await talk.say("你好"), "action_session_start: ValueError")
    assert "智能" in said(await talk.say("你好")) or len(talk.messages()) > 3, "the introduction is made up for"
    assert talk.turn.error is None


async def test_customers_who_write_english_get_an_english_apology(talk: Talk) -> None:
    async with failing("action_validate_slot_mappings", ValueError("broken")):
        replies = await talk.say("where is my order?")
    assert said(replies) == APOLOGIES["en"]
    assert replies[0].buttons[0]["title"] == PERSON_WORDS["en"]


async def test_an_action_that_takes_too_long_costs_an_apology(talk: Talk, assistant: Assistant) -> None:
    await talk.say("你好")
    finished = []

    async def sleeps(*args: Any) -> list[Any]:
        await asyncio.sleep(60)
        finished.append(True)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assistant, "_timeout", 0.3)
        patch.setitem(custom_actions(), "action_ask_order_number", sleeps)
        assert_apology(talk, await talk.say("我要退款"), "no answer within 0.3 s")
    assert finished == [], "the action is not left running"
    await talk.say("我要退款")
    assert talk.row.active_loop == "refund_form"


async def test_a_conversation_that_waits_does_not_hold_up_others(talk: Talk) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()
    asks = custom_actions()["action_ask_order_number"]

    async def waits(*args: Any) -> Any:
        under_way.set()
        await go_on.wait()
        return await asks(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(custom_actions(), "action_ask_order_number", waits)
        slow = asyncio.create_task(talk.say("我要退款"))
        await under_way.wait()
        assert await Talk(talk.service).say("你好")
        assert not slow.done()
        go_on.set()
        assert await slow


async def test_the_button_of_an_apology_reaches_a_person(talk: Talk) -> None:
    await talk.say("我要开发票")
    async with failing("validate_invoice_form", ValueError("broken")):
        (payload,) = payloads(await talk.say("1"))
    await talk.say("转人工", payload=payload)
    assert talk.state == "queued"


async def test_a_failure_does_not_keep_an_angry_customer_from_a_person(talk: Talk) -> None:
    await talk.say("你好")
    async with failing("action_hand_off", ValueError("broken")):
        replies = await talk.say("我要打12315投诉你们，太过分了！！！")
    assert replies[0].text == APOLOGY
    assert payloads(replies[:1]) == [], "a person is called already; there is nothing to ask for"
    assert talk.state == "queued"
    (ticket,) = talk.rows(tables.tickets)
    assert (ticket.kind, ticket.priority) == ("hand_off", "high")
    assert "action_hand_off: ValueError" in talk.turn.error


async def test_effects_of_a_failed_turn_do_not_land(talk: Talk) -> None:
    """The ticket was on the desk already when something later in the turn failed."""
    order = making.order(talk.service.database, "202611230801")
    await talk.says("我要退款", order, "1234", "尺寸不合适，买错了")
    assert talk.row.slots["requested_slot"] == "confirmed"
    submits = custom_actions()["action_request_refund"]

    async def submits_and_fails(*args: Any) -> Any:
        await submits(*args)
        raise ValueError("broken")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(custom_actions(), "action_request_refund", submits_and_fails)
        assert_apology(talk, await talk.say("确认", payload="/affirm"), "action_request_refund: ValueError")
    assert talk.rows(tables.tickets) == []
    await talk.say("确认", payload="/affirm")
    assert [ticket.kind for ticket in talk.rows(tables.tickets)] == ["refund"], "once it works, once"


async def test_a_database_that_is_down_during_an_action_costs_an_apology(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = making.order(talk.service.database, "202611230802")
    await talk.say("我要退款")
    read = Database.read

    async def down(self: Database, function: Any, *args: Any, **kwargs: Any) -> Any:
        if function is queries.find_order:
            raise Unavailable("the database does not answer: gone")
        return await read(self, function, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", down)
        assert_apology(talk, await talk.say(order), "validate_refund_form: Unavailable")
    assert talk.row.slots.get("order_number") is None
    await talk.say(order)
    assert talk.row.slots["requested_slot"] == "phone_tail"


async def test_logs_do_not_hold_what_the_customer_wrote(talk: Talk, capfd: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as logs:
        async with failing("action_validate_slot_mappings", ValueError("broken")):
            await talk.say("我叫欧阳长河，手机 13912344321，订单 202611230803")
    entry = next(line for line in logs if line["event"] == "turn answered with an apology")
    assert (entry["conversation"], entry["turn"]) == (talk.id, talk.turn_ids[-1])
    ours = str([line for line in logs if line["log_level"] != "debug"])
    written = "".join(capfd.readouterr())
    for private in ("欧阳", "13912344321", "202611230803"):
        assert private not in ours
        assert private not in written


async def test_a_rejection_lets_another_action_be_predicted(talk: Talk) -> None:
    async def rejects(*args: Any) -> list[Any]:
        raise ActionExecutionRejection("validate_refund_form", "not this")

    await talk.say("我要退款")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(custom_actions(), "validate_refund_form", rejects)
        replies = await talk.say("谢谢")
    assert talk.turn.error is None, "a rejection is no failure"
    assert said(replies)
    assert APOLOGY not in said(replies)
    assert "action_execution_rejected" in [event["event"] for event in talk.events(talk.turn_ids[-1])]


async def test_events_and_messages_of_an_action_come_back(talk: Talk) -> None:
    got: dict[str, Any] = {}

    async def speaks(dispatcher: Any, tracker: Any, domain: dict[str, Any]) -> list[dict[str, Any]]:
        got.update(slots=tracker.slots, events=tracker.events, sender=tracker.sender_id, text=tracker.latest_message["text"], domain=domain)
        dispatcher.utter_message(text="说好了", buttons=[{"title": "好", "payload": "/affirm"}])
        return [{"event": "slot", "name": "product", "value": "充电宝", "timestamp": None}]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(custom_actions(), "action_ask_order_number", speaks)
        replies = await talk.say("我要退款")
    assert said(replies).endswith("说好了")
    assert payloads(replies)[-1:] == ["/affirm"]
    assert talk.row.slots["product"] == "充电宝"
    assert (got["sender"], got["text"]) == (talk.id, "我要退款")
    assert got["slots"]["requested_slot"] == "order_number"
    assert got["slots"]["queue"] == talk.seen.queue, "triage comes before all other actions"
    assert 0 < len(got["events"]) <= RECENT_EVENTS
    assert "utter_greet" in got["domain"]["responses"]


async def test_what_triage_leaves_as_it_was_costs_no_event(talk: Talk) -> None:
    await talk.says("你好", "你好")
    first, second = ([event["name"] for event in talk.events(turn) if event["event"] == "slot"] for turn in talk.turn_ids)
    assert "queue" in first
    assert "queue" not in second
