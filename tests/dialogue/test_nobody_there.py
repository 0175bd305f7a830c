"""Nobody is there: the customer is told so, may wait all the same, and may leave a message, which becomes a ticket."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.conversation.messages import ASK_FOR_A_PERSON, LEAVE_A_MESSAGE
from bot.crm import queries, staff, store, tables
from bot.dialogue.assistant import APOLOGIES, NOBODY
from bot.service import Service
from tests.crm import making
from tests.dialogue.talking import Talk, payloads, said
from tests.dialogue.test_actions import failing


@pytest.fixture(autouse=True)
def _nobody(built: Service) -> Iterator[None]:
    """Whoever was there in other tests is away; the hours are taken back afterwards."""
    run = built.database.transaction
    run(lambda c: c.execute(update(tables.users).values(seen_at=None)) and None)
    yield
    run(lambda c: c.execute(delete(tables.opening_hours)) and None)


def somebody(service: Service, queues: list[str]) -> int:
    run = service.database.transaction
    user = run(store.add_user, f"小张{run(lambda c: len(c.execute(tables.users.select()).all()))}", "admin", "-", queues=queues)
    run(staff.set_presence, user.id, "online")
    run(staff.seen, user.id, store.now())
    return user.id


def shut(service: Service) -> None:
    """Open for a minute a day, and that was two hours ago."""
    local = (store.now() - timedelta(hours=2)).astimezone(service.settings.timezone)
    minute = local.hour * 60 + local.minute
    who = somebody(service, ["general"])
    service.database.transaction(staff.save_hours, who, {day: [(minute, minute + 1)] for day in range(7)})


def tickets(talk: Talk) -> list[tuple[Any, ...]]:
    return [(row.kind, row.queue, row.priority, row.status) for row in talk.rows(tables.tickets)]


async def leaves(talk: Talk, title: str = "留言") -> Any:
    offered = talk.service.database.transaction(queries.offered_choices, talk.id)
    assert offered.get(LEAVE_A_MESSAGE) == title
    return await talk.say(title, payload=LEAVE_A_MESSAGE)


async def test_without_any_agent_nobody_is_promised_and_the_conversation_waits(talk: Talk) -> None:
    replies = await talk.says("你好", "转人工")
    assert "没有人工客服在线" in said(replies)
    assert "正在为您转接" not in said(replies)
    assert payloads(replies) == [LEAVE_A_MESSAGE]
    assert talk.state == "queued"
    assert tickets(talk) == [("hand_off", "general", "normal", "open")]


async def test_an_agent_of_the_queue_who_is_there_is_announced(service: Service, talk: Talk) -> None:
    somebody(service, ["general"])
    assert "正在为您转接" in said(await talk.says("你好", "转人工"))


async def test_an_agent_of_another_queue_is_nobody(service: Service, talk: Talk) -> None:
    somebody(service, ["general"])
    assert "没有人工客服在线" in said(await talk.say("发票的事我要找人工客服"))


async def test_out_of_hours_the_next_opening_is_named(service: Service, talk: Talk) -> None:
    shut(service)
    replies = await talk.says("你好", "转人工")
    assert "下班" in said(replies)
    assert any(day in said(replies) for day in ("今天", "明天"))
    assert talk.state == "queued"


async def test_out_of_hours_in_english(service: Service, talk: Talk) -> None:
    shut(service)
    replies = await talk.says("hello, good evening", "I want to talk to a human agent please")
    assert "off duty" in said(replies)
    assert [button["title"] for reply in replies for button in reply.buttons] == ["Leave a message"]


async def test_what_is_dangerous_is_said_first(talk: Talk) -> None:
    replies = await talk.says("充电宝冒烟了，手被烫伤了")
    assert "120" in replies[-2].text
    assert "没有人工客服在线" in replies[-1].text


async def test_a_message_left_becomes_a_ticket_of_its_team(talk: Talk) -> None:
    await talk.says("你好", "转人工")
    replies = await leaves(talk)
    assert talk.state == "bot"
    assert talk.row.active_loop == "leave_message_form"
    assert "转达" in said(replies)
    await talk.say("发票抬头开错了，应该是杭州晨光科技有限公司，请重开")
    await talk.say("在对话里回复", payload="/deny")
    assert tickets(talk) == [("hand_off", "general", "normal", "closed"), ("message", "billing", "normal", "open")]
    assert talk.row.active_loop is None
    (hand_off,) = talk.rows(tables.hand_offs)
    assert (hand_off.outcome, hand_off.ended_at is None) == ("left", False)


async def test_a_message_stays_with_the_team_that_was_asked_for(talk: Talk) -> None:
    await talk.say("发票的事我要找人工客服")
    await leaves(talk)
    await talk.say("请尽快给我回个电话")
    assert talk.seen.queue != "billing"
    await talk.say("13800000012")
    assert tickets(talk)[-1] == ("message", "billing", "normal", "open")


async def test_the_urgency_of_the_request_goes_along(talk: Talk) -> None:
    await talk.say("充电宝冒烟了，手被烫伤了")
    await leaves(talk)
    await talk.say("请尽快打电话给我，我想知道怎么赔偿")
    await talk.say("13800000012")
    assert [(kind, priority, status) for kind, _, priority, status in tickets(talk)] == [
        ("hand_off", "urgent", "closed"),
        ("message", "urgent", "open"),
    ]


async def test_who_begins_a_message_and_goes_leaves_the_request_behind(talk: Talk) -> None:
    await talk.says("你好", "转人工")
    await leaves(talk)
    assert tickets(talk) == [("hand_off", "general", "normal", "open")], "somebody will look at it in the morning"


async def test_a_message_can_be_left_after_writing_more(talk: Talk) -> None:
    await talk.says("你好", "转人工")
    assert await talk.says("有人吗", "我等了好久") == []
    assert "转达" in said(await leaves(talk))
    assert talk.state == "bot"


async def test_once_a_person_is_there_nobody_leaves_a_message(service: Service, talk: Talk) -> None:
    from bot.crm import ownership

    await talk.says("你好", "转人工")
    service.database.transaction(ownership.claim, talk.id, somebody(service, ["general"]))
    assert await leaves(talk) == []
    assert talk.state == "agent"


async def test_a_turn_that_fails_promises_nobody_either(talk: Talk) -> None:
    async with failing("action_hand_off", ValueError("broken")):
        replies = await talk.say("转人工")
    assert talk.state == "queued"
    assert said(replies) == f"{APOLOGIES['zh']}\n{NOBODY['zh']}"
    assert payloads(replies) == [LEAVE_A_MESSAGE]
    assert ASK_FOR_A_PERSON not in payloads(replies)
    assert "转达" in said(await leaves(talk))


def test_what_waits_is_not_changed_by_leaving(service: Service) -> None:
    """Values that many conversations share stay what they are."""
    from bot.crm.parts import NOBODY_WAITS

    before = dict(NOBODY_WAITS)
    conversation = making.queued(service.database)
    making.say(service.database, conversation, "留言", payload=LEAVE_A_MESSAGE, leaves_queue=True)
    assert before == NOBODY_WAITS
    assert making.state(service.database, conversation) == "bot"
