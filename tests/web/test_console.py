"""The console's socket, spoken to a real server over real sockets."""

import asyncio
import shutil
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bot.crm import annotations, ownership, staff, tables
from bot.crm.parts import now
from bot.crm.records import Change
from bot.keeper import keep
from bot.web.console import reads
from bot.web.console.socket import AgentSocket
from bot.web.keys import BOARD
from tests.crm.making import change, finish, hand_off, queued, rows, say, seen, state, texts, turn_of, visit
from tests.servers import Client
from tests.web.consoles import Console, console, restrict
from tests.web.desks import Desk, serving

ODD = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
async def desk(_sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    shutil.copy(_sqlite_template, tmp_path / "zhike.db")
    async with serving(tmp_path / "zhike.db", tmp_path) as running:
        yield running


@asynccontextmanager
async def customer(desk: Desk, token: str | None = None) -> AsyncIterator[Client]:
    """A customer at the widget's socket; no assistant answers here."""
    async with aiohttp.ClientSession() as session, session.ws_connect(desk.server.make_url("/chat/ws")) as socket:
        one = Client(socket)
        await one.hello(token)
        yield one


@asynccontextmanager
async def waiting_customer(desk: Desk, queue: str = "logistics") -> AsyncIterator[Client]:
    """A customer who waits for a person."""
    async with customer(desk) as one:
        turn = turn_of(say(desk.database, str(one.conversation), "转人工"))
        finish(desk.database, turn, hand_off=hand_off(queue))
        yield one


def owned_by(desk: Desk, user_id: int, queue: str = "logistics") -> str:
    conversation_id = queued(desk.database, queue)
    desk.database.transaction(ownership.claim, conversation_id, user_id)
    return conversation_id


def line(desk: Desk, conversation_id: str, seq: int = 1) -> Any:
    (row,) = rows(desk.database, tables.messages, tables.messages.c.conversation_id == conversation_id, tables.messages.c.seq == seq)
    return row


# Who is let in


async def test_nobody_is_let_in_without_a_session(desk: Desk) -> None:
    queued(desk.database)
    async with desk.browser() as browser, browser.session.ws_connect("/agent/ws") as socket:
        stranger = Console(socket, browser, 0)
        await stranger.send(type="hello", csrf="guessed", which="queue")
        assert await stranger.closed() == 4401
        assert stranger.frames == []


async def test_nobody_is_let_in_without_the_token_of_the_page(desk: Desk) -> None:
    queued(desk.database)
    async with console(desk, desk.user("小李"), greets=False) as agent:
        await agent.send(type="hello", csrf="guessed", which="queue")
        assert await agent.closed() == 4403
        assert agent.frames == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example"])
async def test_pages_of_other_origins_get_no_socket(desk: Desk, origin: str) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.session.ws_connect("/agent/ws", headers={"Origin": origin})
    assert refused.value.status == 403


async def test_before_the_greeting_nothing_is_done(desk: Desk) -> None:
    conversation_id = queued(desk.database)
    async with console(desk, desk.user("小李"), greets=False) as agent:
        for type in AgentSocket._handlers:
            if type != "hello":
                await agent.send(type=type, id="1", conversation=conversation_id, which="queue", text="x", seq=1, on=True)
                assert (await agent.receive())["type"] == "problem"
    assert state(desk.database, conversation_id) == "queued"


@pytest.mark.parametrize("path", ["/agent/ws", "/chat/ws"])
async def test_a_browser_that_leaves_during_the_handshake_is_no_error(desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(self: web.WebSocketResponse, request: web.Request) -> None:
        request.transport.close()  # type: ignore[union-attr]
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.WebSocketResponse, "prepare", gone)
    with capture_logs() as told:
        async with desk.browser(desk.user("小李")) as browser:
            with pytest.raises(aiohttp.ClientConnectionError):
                await browser.session.ws_connect(path)
    assert told == []


@pytest.mark.parametrize(
    "raw",
    [
        "{", "[]", '{"type":"dance"}', '{"type":"claim"}', '{"type":"claim","conversation":7}', '{"type":"claim","conversation":"../x"}',
        '{"type":"list","which":"theirs"}', '{"type":"list","which":"all","state":"lost"}', '{"type":"list","which":"all","queue":"x"}',
        '{"type":"list","which":"all","more":"yesterday"}', '{"type":"list","which":"all","search":7}', '{"type":"read","seq":0}',
        '{"type":"presence","choice":"offline"}', '{"type":"reply","attachments":"x"}',
        '{"type":"label","kind":"mood"}', '{"type":"resolve","result":"perhaps"}', '{"type":"note","text":"  "}', "x" * 70_000,
    ],
    ids=lambda raw: raw[:40],
)  # fmt: skip
async def test_bad_frames_get_an_answer_and_harm_nothing(desk: Desk, raw: str) -> None:
    conversation_id = queued(desk.database)
    async with console(desk, desk.user("小李")) as agent:
        if "conversation" not in raw and raw.startswith('{"type"'):
            raw = raw[:-1] + f',"conversation":"{conversation_id}"}}' if "claim" not in raw else raw
        await agent.socket.send_str(raw)
        problem = await agent.until(type="problem")
        assert problem["message"]
        assert await agent.ask("claim", conversation=conversation_id) is None


async def test_who_sends_too_much_is_slowed_down(desk: Desk) -> None:
    async with console(desk, desk.user("小李")) as agent, console(desk, desk.user("小王")) as other:
        for _ in range(400):
            await agent.send(type="open", conversation=None)
        assert "太快" in (await agent.until(type="problem"))["message"]
        assert await other.ask("open", conversation=None) is None


# Lists and transcripts


async def test_the_queue_is_in_the_order_in_which_it_is_to_be_taken(desk: Desk) -> None:
    calm, urgent = queued(desk.database), queued(desk.database, priority="urgent")
    async with console(desk, desk.user("小李")) as agent:
        (listed,) = [frame for frame in agent.frames if frame.get("target") == "rows"]
        assert listed["html"].index(f"row-{urgent}") < listed["html"].index(f"row-{calm}")
        assert "紧急：顾客要求人工服务" in listed["html"]
        later = queued(desk.database, priority="urgent")
        desk.service.changed(later)
        placed = await agent.until(f"row-{later}", type="place", target="rows")
        assert "第 2 位" in placed["html"]


async def test_lists_come_in_parts(desk: Desk) -> None:
    waiting = [queued(desk.database) for _ in range(55)]
    agent_id = desk.user("小李")
    for which in ("queue", "all"):
        async with console(desk, agent_id, which=which) as agent:
            found = [frame["html"] for frame in agent.frames if frame.get("target") in {"rows", "more"}]
            assert found[0].count("<li") == 50
            more = found[1].split('data-more="')[1].split('"')[0].replace("&#43;", "+")
            await agent.send(type="list", which=which, more=more)
            rest = (await agent.until(type="append", target="rows"))["html"]
            assert rest.count("<li") == 5
            assert (await agent.until(type="swap", target="more"))["html"] == ""
            assert all(f"row-{one}" in found[0] + rest for one in waiting)


async def test_everything_is_found_by_words_queue_and_state(desk: Desk) -> None:
    invoice, parcel = queued(desk.database, "billing"), queued(desk.database, "logistics")
    say(desk.database, invoice, "发票抬头写成了100%棉_布")
    async with console(desk, desk.user("小李"), which="all") as agent:
        for wanted, found in (
            ({"search": "抬头写成"}, [invoice]), ({"search": "%棉_"}, [invoice]), ({"search": "%"}, [invoice]),
            ({"queue": "logistics"}, [parcel]), ({"state": "closed"}, []), ({"state": "queued"}, [invoice, parcel]),
        ):  # fmt: skip
            await agent.send(type="list", which="all", **wanted)
            listed = (await agent.until(type="swap", target="rows"))["html"]
            assert {one for one in (invoice, parcel) if f"row-{one}" in listed} == set(found), wanted


async def test_a_search_is_not_filled_with_what_happens_meanwhile(desk: Desk) -> None:
    found, other = queued(desk.database), queued(desk.database)
    say(desk.database, found, "芝麻开门")
    async with console(desk, desk.user("小李"), which="all", search="芝麻") as agent:
        for conversation_id in (other, found):
            say(desk.database, conversation_id, "还在吗")
            desk.service.changed(conversation_id)
        await agent.until(f"row-{found}", type="place")
        assert f"row-{other}" not in agent.said


async def test_a_transcript_says_who_said_what_and_what_was_understood(desk: Desk) -> None:
    conversation_id = visit(desk.database).conversation_id
    interaction = {"intent": "request_invoice", "queue": "billing", "sentiment": "negative", "sentiment_score": -0.71}
    turn = turn_of(say(desk.database, conversation_id, "发票呢"))
    finish(desk.database, turn, interaction=seen(**interaction), hand_off=hand_off("billing", "high"))
    agent_id = desk.user("小李")
    customer_id = rows(desk.database, tables.conversations)[0].customer_id
    desk.database.transaction(annotations.add_note, agent_id, conversation_id, customer_id, "老顾客")
    async with console(desk, agent_id, conversation_id) as agent:
        parts = {frame["target"]: frame["html"] for frame in agent.frames if frame["type"] == "swap"}
    assert all(
        words in parts["log"]
        for words in ("发票呢", "听起来不满（−0.71", "开发票", "支付发票", "小李 的内部备注", "老顾客", "进入支付发票队列")
    )
    assert "接手" in parts["head"]
    assert all(words in parts["facts"] for words in ("为什么转人工", "顾客要求人工服务", "转人工", "没有订单"))


async def test_a_long_transcript_comes_from_its_end_and_goes_back(desk: Desk) -> None:
    conversation_id = queued(desk.database)
    for number in range(2, 90):
        say(desk.database, conversation_id, f"第 {number} 句")
    async with console(desk, desk.user("小李"), conversation_id) as agent:
        log = next(frame["html"] for frame in agent.frames if frame.get("target") == "log")
        assert "第 89 句" in log
        assert "第 29 句" not in log
        before = int(
            next(frame["html"] for frame in agent.frames if frame.get("target") == "earlier").split('data-earlier="')[1].split('"')[0]
        )
        await agent.send(type="earlier", conversation=conversation_id, before=before)
        earlier = (await agent.until(type="prepend", target="log"))["html"]
        assert "第 29 句" in earlier
        assert "第 30 句" not in earlier
        assert (await agent.until(type="swap", target="earlier"))["html"] == ""


async def test_what_people_type_is_text_wherever_it_is_shown(desk: Desk) -> None:
    agent_id, other_id = desk.user(ODD), desk.user("小李")
    conversation_id = queued(desk.database)
    customer_id = rows(desk.database, tables.conversations)[0].customer_id
    change(desk.database, tables.customers, tables.customers.c.id == customer_id, name=ODD)
    say(desk.database, conversation_id, ODD)
    desk.database.transaction(annotations.save_canned, agent_id, shortcut="x<b>", text=ODD)
    async with console(desk, agent_id, conversation_id) as agent, console(desk, other_id, which="all") as other:
        await other.send(type="open", conversation=conversation_id)
        await agent.ask("claim", conversation=conversation_id)
        await agent.ask("reply", conversation=conversation_id, text=ODD, attachments=[])
        for about in ("conversation", "customer"):
            await agent.ask("note", conversation=conversation_id, text=ODD, about=about)
        await agent.ask("canned", conversation=conversation_id, search="")
        await agent.ask("people", conversation=conversation_id)
        await other.ask("people", conversation=conversation_id)
        await agent.ask("resolve", conversation=conversation_id, summary=ODD, result="solved")
        await agent.quiet(1.2)
        await other.quiet()
        for frame in agent.frames + other.frames:
            html = frame.get("html", "")
            assert "<script" not in html
            assert "<img" not in html
            assert '<b>"' not in html
        assert "&lt;script&gt;" in agent.said


# Ownership


async def test_of_two_who_claim_one_wins_and_the_other_is_told_who(desk: Desk) -> None:
    conversation_id = queued(desk.database)
    async with console(desk, desk.user("小李"), conversation_id) as one, console(desk, desk.user("小王"), conversation_id) as other:
        answers = await asyncio.gather(one.ask("claim", conversation=conversation_id), other.ask("claim", conversation=conversation_id))
        assert sorted(answers, key=str) in ([None, "小李 已接手"], [None, "小王 已接手"])
        winner, loser = (one, other) if answers[0] is None else (other, one)
        await winner.until("我负责", type="swap", target="head")
        await loser.until("负责", type="swap", target="head")
        assert "我负责" not in loser.said
        for agent in (one, other):
            assert any(frame == {"type": "remove", "target": f"row-{conversation_id}"} for frame in agent.frames)


async def test_a_customers_message_reaches_the_owner_and_the_answer_the_customer(desk: Desk) -> None:
    agent_id, other_id = desk.user("小李"), desk.user("小王")
    async with waiting_customer(desk) as one, console(desk, agent_id, one.conversation) as agent, console(desk, other_id) as other:
        await agent.ask("claim", conversation=one.conversation)
        await one.until(type="message", sender="system", text="人工客服 小李 为您服务。")
        await one.acked(await one.say("订单还没到"))
        placed = await agent.until("订单还没到", type="place", target="log")
        assert placed["conversation"] == one.conversation
        assert await agent.ask("reply", conversation=one.conversation, text="马上查", attachments=[]) is None
        answer = await one.until(type="message", sender="agent")
        assert (answer["text"], answer["name"]) == ("马上查", "小李")
        assert "订单还没到" not in "".join(frame.get("html", "") for frame in other.frames if frame.get("target") == "log")


async def test_a_reply_that_is_sent_again_is_one_message(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    async with console(desk, agent_id, conversation_id) as agent:
        own_id = uuid.uuid4().hex
        for _ in range(2):
            assert await agent.ask("reply", id=own_id, conversation=conversation_id, text="马上查", attachments=[]) is None
        placed = await agent.until("马上查", type="place", target="log")
        assert f'data-client="{own_id}"' in placed["html"]
    assert texts(desk.database, conversation_id).count("马上查") == 1


async def test_only_the_owner_answers(desk: Desk) -> None:
    owner, other = desk.user("小李"), desk.user("小王")
    conversation_id = owned_by(desk, owner)
    async with console(desk, other, conversation_id) as agent:
        assert await agent.ask("reply", conversation=conversation_id, text="抢答", attachments=[]) == "小李 已接手"
        for type, fields in {
            "hand_back": {},
            "resolve": {"summary": "好", "result": "solved"},
            "transfer": {"to_queue": "billing"},
        }.items():
            assert await agent.ask(type, conversation=conversation_id, **fields), type
        for type, fields in {"take_over": {}, "assign": {"to_user": other}}.items():
            assert "主管" in str(await agent.ask(type, conversation=conversation_id, **fields))
        await agent.send(type="typing", conversation=conversation_id, on=True)
        await agent.until("不由你负责", type="problem")
    assert "抢答" not in texts(desk.database, conversation_id)
    (row,) = rows(desk.database, tables.conversations)
    assert (row.state, row.agent_id) == ("agent", owner)


async def test_a_transfer_takes_the_note_along_and_keeps_it_from_the_customer(desk: Desk) -> None:
    one_id, other_id = desk.user("小李"), desk.user("小王")
    async with (
        waiting_customer(desk) as someone,
        console(desk, one_id, someone.conversation) as one,
        console(desk, other_id, which="mine") as other,
    ):
        await one.ask("claim", conversation=someone.conversation)
        await one.ask("people", conversation=someone.conversation)
        assert "小王" in (await one.until(type="swap", target="people"))["html"]
        note = "顾客很急，密语芝麻开门"
        assert await one.ask("transfer", conversation=someone.conversation, to_user=other_id, note=note) is None
        await one.until("小王 负责", type="swap", target="head")
        await other.until(str(someone.conversation), type="place", target="rows")
        await other.send(type="open", conversation=someone.conversation)
        await other.until("芝麻开门", type="swap", target="log")
        await someone.until(type="message", sender="system", text="已为您转接，人工客服 小王 为您服务。")
        await someone.acked(await someone.say("好"))
        assert not any("芝麻开门" in str(frame) for frame in someone.frames)


async def test_nobody_who_is_away_is_given_a_conversation(desk: Desk) -> None:
    one_id, away_id, gone_id = desk.user("小李"), desk.user("小王"), desk.user("小赵")
    conversation_id = owned_by(desk, one_id)
    async with console(desk, one_id, conversation_id) as one, console(desk, away_id) as away:
        await away.ask("presence", choice="away")
        await one.ask("people", conversation=conversation_id)
        offered = (await one.until(type="swap", target="people"))["html"]
        assert "小王" not in offered
        assert "小赵" not in offered
        for user_id in (away_id, gone_id):
            assert "不在线" in str(await one.ask("transfer", conversation=conversation_id, to_user=user_id))


async def test_a_conversation_goes_back_to_the_assistant_is_resolved_and_opened_again(desk: Desk) -> None:
    agent_id = desk.user("小李")
    async with waiting_customer(desk) as someone, console(desk, agent_id, someone.conversation) as agent:
        conversation = {"conversation": someone.conversation}
        await agent.ask("claim", **conversation)
        assert await agent.ask("hand_back", **conversation, note="已说明") is None
        await someone.until(type="state", state="bot")
        await agent.until("机器人接待", type="swap", target="head")
        finish(desk.database, turn_of(say(desk.database, str(someone.conversation), "转人工", owner="w")), hand_off=hand_off())
        desk.service.changed(str(someone.conversation))
        await agent.ask("claim", **conversation)
        assert await agent.ask("resolve", **conversation, summary="  ", result="solved")
        assert await agent.ask("resolve", **conversation, summary="已补发", result="follow_up") is None
        await someone.until(type="state", state="closed")
        await agent.until("已补发", type="place", target="log")
        await agent.until("重新打开", type="swap", target="head")
        assert await agent.ask("reopen", **conversation) is None
        await someone.until(type="state", state="agent")
        await agent.until("我负责", type="swap", target="head")


async def test_supervisors_take_over_and_assign(desk: Desk) -> None:
    chief_id, agent_id = desk.user("主管", "supervisor"), desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    waiting = queued(desk.database)
    async with console(desk, chief_id, conversation_id) as chief, console(desk, agent_id, conversation_id) as agent:
        assert await chief.ask("take_over", conversation=conversation_id) is None
        await agent.until("主管 负责", type="swap", target="head")
        assert await agent.ask("reply", conversation=conversation_id, text="还是我", attachments=[]) == "主管 已接手"
        await chief.ask("people", conversation=waiting)
        assert "小李" in (await chief.until(type="swap", target="people"))["html"]
        assert await chief.ask("assign", conversation=waiting, to_user=agent_id) is None
    assert state(desk.database, waiting) == "agent"


# Signs of life


async def test_both_sides_see_the_other_typing_and_nobody_else_does(desk: Desk) -> None:
    agent_id, other_id = desk.user("小李"), desk.user("小王")
    async with (
        waiting_customer(desk) as someone,
        customer(desk) as neighbour,
        console(desk, agent_id, someone.conversation) as agent,
        console(desk, other_id) as other,
    ):
        await agent.ask("claim", conversation=someone.conversation)
        await someone.send(type="typing", on=True)
        assert (await agent.until(type="typing"))["on"] is True
        await agent.send(type="typing", conversation=someone.conversation, on=True)
        assert (await someone.until(type="typing", sender="agent"))["on"] is True
        await neighbour.send(type="typing", on=True)
        assert not [frame for frame in await agent.quiet() if frame["type"] == "typing"]
        assert not [frame for frame in other.frames if frame["type"] == "typing"]
        with pytest.raises(TimeoutError):
            await neighbour.until(0.3, type="typing", sender="agent")


async def test_read_marks_go_both_ways(desk: Desk) -> None:
    agent_id = desk.user("小李")
    async with waiting_customer(desk) as someone, console(desk, agent_id, someone.conversation, which="all") as agent:
        await agent.ask("claim", conversation=someone.conversation)
        await someone.acked(await someone.say("在吗"))
        placed = await agent.until("在吗", type="place", target="rows")
        assert "未读" in placed["html"]
        seq = max(message.seq for message in rows(desk.database, tables.messages))
        await agent.send(type="read", conversation=someone.conversation, seq=seq)
        placed = await agent.until(type="place", target="rows")
        assert "未读" not in placed["html"]
        await agent.ask("reply", conversation=someone.conversation, text="在", attachments=[])
        answer = await someone.until(type="message", sender="agent")
        await someone.send(type="read", seq=answer["seq"])
        await agent.until(f'data-read=\\"{answer["seq"]}\\"', type="swap", target="head")


async def test_counts_and_notices_are_for_those_whom_they_concern(desk: Desk) -> None:
    agent_id, other_id = desk.user("小李"), desk.user("小王", queues=["billing"])
    async with console(desk, agent_id) as agent, console(desk, other_id) as other, waiting_customer(desk, "logistics") as someone:
        desk.service.changed(str(someone.conversation))
        notice = await agent.until(type="notice")
        assert (notice["kind"], notice["conversation"]) == ("escalation", someone.conversation)
        assert "顾客要求人工服务" in notice["title"]
        await agent.until(type="counts", queued=1, mine=0)
        await agent.ask("claim", conversation=someone.conversation)
        await agent.until(type="counts", queued=0, mine=1)
        await someone.acked(await someone.say("在吗"))
        assert (await agent.until(type="notice"))["kind"] == "reply"
        assert (await agent.until(type="counts", mine=1))["unread"] >= 1
        await other.quiet()
        assert not [frame for frame in other.frames if frame["type"] == "notice"], "the other does not serve this queue"


async def test_a_promise_that_is_nearly_missed_is_told_once(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    change(desk.database, tables.conversations, tables.conversations.c.id == conversation_id, promised_at=now() + timedelta(seconds=50))
    async with console(desk, agent_id) as agent:
        notice = await agent.until(type="notice")
        assert (notice["kind"], notice["conversation"]) == ("promise", conversation_id)
        assert not [frame for frame in await agent.quiet(2.0) if frame["type"] == "notice"]


async def test_who_opens_a_console_is_there_unless_they_chose_to_be_away(desk: Desk) -> None:
    agent_id = desk.user("小李")
    async with console(desk, agent_id) as agent:
        assert agent.frames[0] == {"type": "welcome", "presence": "online"}
        await agent.ask("presence", choice="away")
    async with console(desk, agent_id) as again:
        assert again.frames[0] == {"type": "welcome", "presence": "away"}
    (row,) = rows(desk.database, tables.users)
    assert row.presence == "away"
    assert now() - row.seen_at < timedelta(seconds=30)


# What agents add


async def test_a_correction_is_kept_with_who_made_it(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = queued(desk.database, "logistics")
    async with console(desk, agent_id, conversation_id) as agent:
        assert await agent.ask("label", conversation=conversation_id, seq=1, kind="queue", value="billing") is None
        shown = await agent.until("已更正", type="place", target="log")
        assert 'data-queue="billing"' in shown["html"]
        assert await agent.ask("label", conversation=conversation_id, seq=1, kind="queue", value="kitchen")
        assert await agent.ask("label", conversation=conversation_id, seq=99, kind="queue", value="billing")
    (label,) = rows(desk.database, tables.labels)
    assert (label.kind, label.value, label.predicted, label.user_id) == ("queue", "billing", "general", agent_id)


async def test_canned_replies_are_found_by_shortcut_first(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id, "logistics")
    for shortcut, text, queue in (("运费", "满 99 元包邮", None), ("退货", "退货运费我们出", None), ("发票", "运费不开票", "billing")):
        desk.database.transaction(annotations.save_canned, agent_id, shortcut=shortcut, text=text, queue=queue)
    async with console(desk, agent_id, conversation_id) as agent:
        await agent.ask("canned", conversation=conversation_id, search="运费")
        found = (await agent.until(type="swap", target="canned"))["html"]
        assert found.index("满 99 元包邮") < found.index("退货运费我们出")
        assert "运费不开票" not in found, "it is for another queue"


async def test_the_owner_is_offered_replies_and_others_are_not(desk: Desk) -> None:
    agent_id, other_id = desk.user("小李"), desk.user("小王")
    conversation_id = owned_by(desk, agent_id)
    desk.database.transaction(annotations.save_canned, agent_id, shortcut="偏远地区运费", text="偏远地区运费另计，下单时会显示。")
    say(desk.database, conversation_id, "偏远地区运费怎么算")
    async with console(desk, agent_id, conversation_id) as agent, console(desk, other_id, conversation_id) as other:
        await agent.until("偏远地区运费另计", type="swap", target="suggestions")
        assert await agent.ask("reply", conversation=conversation_id, text="要看地区", attachments=[]) is None
        assert (await agent.until(type="swap", target="suggestions"))["html"] == "", "nothing waits for an answer any more"
        await other.quiet()
        assert not [frame for frame in other.frames if frame.get("target") == "suggestions" and frame["html"]]


# Who may not


@pytest.fixture
async def shut_out(desk: Desk) -> AsyncIterator[tuple[Console, str]]:
    """An agent of another queue, and a conversation of a restricted one that 小李 owns."""
    restrict(desk, "complaint")
    owner = desk.user("小李", queues=["complaint"])
    conversation_id = owned_by(desk, owner, "complaint")
    say(desk.database, conversation_id, "密语芝麻开门")
    async with console(desk, desk.user("小王", queues=["billing"]), which="all") as agent:
        yield agent, conversation_id


FRAMES: dict[str, dict[str, Any]] = {
    "open": {}, "earlier": {"before": 2}, "claim": {}, "take_over": {}, "assign": {"to_user": 1}, "transfer": {"to_queue": "billing"},
    "hand_back": {}, "resolve": {"summary": "好", "result": "solved"}, "reopen": {}, "reply": {"text": "好", "attachments": []},
    "note": {"text": "好", "about": "conversation"}, "label": {"seq": 1, "kind": "queue", "value": "billing"}, "read": {"seq": 1},
    "typing": {"on": True}, "people": {}, "canned": {"search": ""},
}  # fmt: skip


def test_every_frame_about_a_conversation_is_tried() -> None:
    assert set(AgentSocket._handlers) == set(FRAMES) | {"hello", "list", "presence"}


@pytest.mark.parametrize("type", FRAMES)
async def test_a_restricted_conversation_is_not_there_for_others(desk: Desk, shut_out: tuple[Console, str], type: str) -> None:
    agent, conversation_id = shut_out
    before = rows(desk.database, tables.conversations), rows(desk.database, tables.messages)
    problem = await agent.ask(type, conversation=conversation_id, **FRAMES[type])
    desk.service.changed(conversation_id)
    await agent.quiet(0.5)
    assert problem is not None or type in {"open", "earlier", "read"}
    assert "芝麻开门" not in agent.said
    assert f"row-{conversation_id}" not in agent.said
    assert (rows(desk.database, tables.conversations), rows(desk.database, tables.messages)) == before


async def test_a_note_about_the_customer_wants_a_conversation_that_one_may_see(desk: Desk, shut_out: tuple[Console, str]) -> None:
    agent, conversation_id = shut_out
    assert await agent.ask("note", conversation=conversation_id, text="好", about="customer")
    assert rows(desk.database, tables.notes) == []


async def test_lists_and_searches_do_not_show_what_is_restricted(desk: Desk, shut_out: tuple[Console, str]) -> None:
    agent, conversation_id = shut_out
    for fields in ({"which": "all"}, {"which": "all", "search": "芝麻"}, {"which": "all", "queue": "complaint"}, {"which": "queue"}):
        assert await agent.ask("list", **fields) is None
    assert conversation_id not in agent.said


@pytest.mark.parametrize("how", ["signed out", "deactivated"])
async def test_who_may_not_be_here_any_more_is_cut_off(desk: Desk, how: str) -> None:
    agent_id, chief_id = desk.user("小李"), desk.user("主管", "supervisor")
    conversation_id = owned_by(desk, agent_id)
    async with console(desk, agent_id, conversation_id) as idle, console(desk, agent_id, conversation_id) as busy:
        if how == "signed out":
            for row in rows(desk.database, tables.sessions):
                change(desk.database, tables.sessions, tables.sessions.c.token_hash == row.token_hash, expires_at=now())
        else:
            desk.database.transaction(staff.update_user, chief_id, agent_id, active=False)
        await busy.send(type="reply", id="late", conversation=conversation_id, text="晚了", attachments=[])
        assert await busy.closed() == 4401
        assert await idle.closed(5.0) == 4401
    assert "晚了" not in texts(desk.database, conversation_id)


async def test_who_comes_while_it_is_looked_up_who_is_signed_in_may_stay(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looking, look, again, looked_up = threading.Event(), threading.Event(), threading.Event(), reads.standings

    def slowly(c: Any, tokens: Any, at: Any) -> Any:
        if not looking.is_set():
            looking.set()
            look.wait(10)
        elif len(tokens) > 1:
            again.set()
        return looked_up(c, tokens, at)

    async with console(desk, desk.user("小李")):
        monkeypatch.setattr(reads, "standings", slowly)
        assert await asyncio.to_thread(looking.wait, 10)
        async with console(desk, desk.user("小王")) as late:
            look.set()
            assert await asyncio.to_thread(again.wait, 10)  # what was found first was made use of before it is looked up again
            assert await late.ask("presence", choice="away") is None


async def test_another_role_changes_what_an_open_console_shows(desk: Desk) -> None:
    restrict(desk, "complaint")
    chief_id = desk.user("主管", "supervisor", queues=["billing"])
    admin_id = desk.user("管理员", "admin")
    conversation_id = queued(desk.database, "complaint")
    async with console(desk, chief_id, conversation_id) as chief:
        desk.database.transaction(staff.update_user, admin_id, chief_id, role="agent")
        closed = await chief.until(type="closed", timeout=5.0)
        assert closed["conversation"] == conversation_id
        assert await chief.ask("claim", conversation=conversation_id) == "没有这个对话"
        listed = [frame for frame in chief.frames if frame.get("target") == "rows" and frame["type"] == "swap"]
        assert conversation_id not in listed[-1]["html"]
        desk.database.transaction(staff.update_user, admin_id, chief_id, queues=["complaint"])
        await chief.until(conversation_id, type="swap", target="rows", timeout=5.0)


@pytest.mark.parametrize("type", ["open", "earlier", "claim", "take_over", "people", "canned", "note"])
async def test_another_role_counts_from_the_next_frame_on(desk: Desk, type: str) -> None:
    restrict(desk, "complaint")
    chief_id = desk.user("主管", "supervisor", queues=["billing"])
    conversation_id = queued(desk.database, "complaint")
    say(desk.database, conversation_id, "密语芝麻开门")
    async with console(desk, chief_id) as chief:
        desk.database.transaction(staff.update_user, desk.user("管理员", "admin"), chief_id, role="agent")
        problem = await chief.ask(type, conversation=conversation_id, **FRAMES[type])
        assert problem is not None or type in {"open", "earlier"}
        assert "芝麻开门" not in "".join(frame.get("html", "") for frame in chief.frames if frame.get("target") != "rows")
    assert state(desk.database, conversation_id) == "queued"
    assert rows(desk.database, tables.notes) == []


async def test_who_loses_a_conversation_to_a_restricted_queue_sees_no_more_of_it(desk: Desk) -> None:
    restrict(desk, "complaint")
    agent_id = desk.user("小李", queues=["billing"])
    async with waiting_customer(desk, "billing") as someone, console(desk, agent_id, someone.conversation) as agent:
        await agent.ask("claim", conversation=someone.conversation)
        assert await agent.ask("transfer", conversation=someone.conversation, to_queue="complaint") is None
        await someone.acked(await someone.say("密语芝麻开门"))
        await agent.until(type="closed")
        await agent.quiet()
        assert "芝麻开门" not in agent.said


# Several processes, and what keeps itself


async def test_what_another_process_did_is_noticed_by_looking(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    async with console(desk, agent_id, conversation_id) as agent:
        say(desk.database, conversation_id, "别的进程收到的")
        await agent.until("别的进程收到的", type="place", target="log", timeout=2.5)


async def test_messages_in_memory_are_shown_at_once_and_once(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    async with console(desk, agent_id, conversation_id) as agent:
        await agent.quiet()
        accepted = say(desk.database, conversation_id, "内存里的")
        board = desk.server.app[BOARD]
        board.changed(conversation_id, Change(conversation_id, accepted.state, (accepted.message,)))
        board.changed(conversation_id, Change(conversation_id, accepted.state, (accepted.message,)))
        await agent.quiet(2.0)
        shown = [frame for frame in agent.frames if frame.get("target") == "log" and "内存里的" in frame["html"]]
        assert len([frame for frame in shown if frame["type"] == "place"]) == 1


async def test_a_gap_in_memory_is_filled_from_the_record(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    async with console(desk, agent_id, conversation_id) as agent:
        say(desk.database, conversation_id, "第一句")
        accepted = say(desk.database, conversation_id, "第二句")
        desk.server.app[BOARD].changed(conversation_id, Change(conversation_id, accepted.state, (accepted.message,)))
        await agent.until("第一句", type="place", target="log")
        await agent.until("第二句", type="place", target="log")


async def test_the_queues_are_kept(desk: Desk) -> None:
    gone, there, chief = desk.user("小李"), desk.user("小王"), desk.user("主管", "supervisor")
    lost = owned_by(desk, gone, "billing")
    change(desk.database, tables.users, tables.users.c.id == gone, seen_at=now() - timedelta(minutes=5))
    desk.database.transaction(staff.save_queue_settings, chief, "logistics", promise_minutes=5, auto_assign=True, restricted=False)
    assigned = queued(desk.database, "logistics")
    changed: list[str] = []
    async with console(desk, there, which="mine") as agent:
        keeping = asyncio.create_task(keep(desk.database, lambda one: (changed.append(one), desk.service.changed(one)), grace=timedelta(0)))
        await agent.until(f"row-{assigned}", type="place", target="rows")
        keeping.cancel()
    assert lost in changed, "the server keeps the queues, too, but gives agents more time"
    assert (state(desk.database, lost), state(desk.database, assigned)) == ("queued", "agent")


async def test_after_a_restart_nobody_counts_as_gone_before_they_could_come_back(desk: Desk) -> None:
    gone = desk.user("小李")
    conversation_id = owned_by(desk, gone)
    change(desk.database, tables.users, tables.users.c.id == gone, seen_at=now() - timedelta(minutes=5))
    keeping = asyncio.create_task(keep(desk.database, lambda one: None, look_seconds=0.05))
    await asyncio.sleep(0.5)
    keeping.cancel()
    assert state(desk.database, conversation_id) == "agent"


async def test_twenty_consoles_cost_one_look_and_one_drawing_for_each_message(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    drawn: list[str] = []
    fragments = type(desk.server.app[BOARD]._fragments)
    draw = fragments.row

    def counted(self: Any, row: Any, key: str) -> str:
        drawn.append(row.id)
        return draw(self, row, key)

    async with _many(desk, 20) as consoles:
        for each in consoles:
            await each.quiet(0.05)
        monkeypatch.setattr(fragments, "row", counted)
        say(desk.database, conversation_id, "一句话")
        desk.service.changed(conversation_id)
        for each in consoles:
            await each.until("一句话", type="place", target="rows")
    assert drawn == [conversation_id]


@asynccontextmanager
async def _many(desk: Desk, count: int) -> AsyncIterator[list[Console]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(console(desk, desk.user(f"坐席{number}"), which="all")) for number in range(count)]
