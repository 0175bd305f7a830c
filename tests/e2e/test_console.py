"""A customer and two agents at the same time, each in a browser of their own: what the hand-off must hold to."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import WebSocketRoute, expect
from sqlalchemy import select

from bot.crm import tables
from tests.e2e.conftest import PHONE, Console, Hire, Record, Visit, Widget
from tests.e2e.test_widget_people import picture
from tests.servers import Server

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LONG = 45_000
"""Milliseconds; for half a minute after its start the server takes nobody for gone."""


class Desk(NamedTuple):
    """A customer who waits for a person, and two agents with the queue before them."""

    customer: Widget
    conversation: str
    first: Console
    second: Console


@pytest_asyncio.fixture(loop_scope="session")
async def desk(customer: Widget, hire: Hire) -> Desk:
    first, second = await hire("小李"), await hire("小王")
    await asyncio.gather(first.go(), second.go())
    return Desk(customer, await customer.ask_for_a_person(), first, second)


class Talk(NamedTuple):
    """A customer and the agent who has the conversation."""

    customer: Widget
    conversation: str
    agent: Console


@pytest_asyncio.fixture(loop_scope="session")
async def talk(customer: Widget, hire: Hire) -> Talk:
    agent = await hire("小李")
    await agent.go()
    conversation = await customer.ask_for_a_person()
    await agent.claim(conversation)
    return Talk(customer, conversation, agent)


@contextmanager
def nobody_writes(server: Server) -> Iterator[None]:
    """The server can read its record but writes only afterwards, in the order in which it wanted to."""
    with closing(sqlite3.connect(server.folder / "zhike.db", isolation_level=None)) as record:
        record.execute("BEGIN IMMEDIATE")
        yield
        record.execute("ROLLBACK")


async def read_by(server: Server, console: Console) -> None:
    """Until the server has come to what this and other browsers have sent: it answers later questions that want the record, too."""
    for _ in range(5):
        assert (await console.page.request.get(f"{server.url}/health")).ok


# The assistant is silent


async def test_the_assistant_is_silent_while_a_person_has_the_conversation(desk: Desk, record: Record) -> None:
    customer, conversation, agent, _ = desk
    await agent.claim(conversation)
    before = await record.senders(conversation)
    for question in ("运费多少钱", "怎么开发票", "你是机器人吗"):
        await customer.say(question)
    understood = agent.page.locator("#log .line.customer .seen summary")
    await expect(understood).to_have_count(4)  # sorted they are, so their turns are over
    await expect(understood.nth(1)).to_contain_text("物流配送")
    await agent.say("满 99 元包邮")
    await expect(customer.bubbles("agent")).to_contain_text("满 99 元包邮")
    assert (await record.senders(conversation))[len(before) :] == ["customer"] * 3 + ["agent"]


async def test_an_answer_under_way_is_dropped_when_a_person_takes_over(
    customer: Widget, hire: Hire, record: Record, server: Server
) -> None:
    supervisor = await hire("周主管", "supervisor")
    await customer.open()
    await customer.say("你好")
    await expect(customer.bubbles("bot").first).to_be_visible()
    conversation = await customer.conversation()
    await supervisor.go(conversation)
    with nobody_writes(server):
        async with customer.socket.sending("message"):
            await customer.say("运费多少钱")
        await read_by(server, supervisor)
        async with supervisor.socket.sending("take_over"):
            await supervisor.button("接管").click()
        await read_by(server, supervisor)
    await expect(supervisor.button("结束")).to_be_visible()
    await expect(supervisor.page.locator("#log .line.customer .seen")).to_have_count(2)
    await expect(customer.bubbles("system").last).to_contain_text(supervisor.name)
    assert (await record.senders(conversation))[-2:] == ["customer", "system"]


async def test_questions_sent_right_after_asking_for_a_person_are_left_to_the_person(customer: Widget, hire: Hire, record: Record) -> None:
    agent = await hire()
    await agent.go()
    await customer.open()
    for words in ("转人工", "运费多少钱", "怎么退货", "怎么开发票"):
        await customer.say(words)
    await expect(customer.frame.get_by_test_id("queue-position")).to_be_visible()
    conversation = await customer.conversation()
    await agent.claim(conversation)
    await expect(agent.page.locator("#log .line.customer .seen")).to_have_count(4)
    await agent.say("都看到了，一样一样来")
    await expect(customer.bubbles("agent")).to_be_visible()
    message = tables.messages
    answered = select(message.c.turn_id).distinct().where(message.c.conversation_id == conversation, message.c.sender == "bot")
    assert len(await record.rows(answered)) == 1
    await expect(customer.bubbles("bot").last).to_contain_text("转接人工客服")


# Agents are told


async def test_agents_are_told_of_who_waits_and_owners_of_replies(customer: Widget, hire: Hire) -> None:
    first, second, other = await hire("小李"), await hire("小王"), await hire("小赵", queues=["billing"])
    agents = (first, second, other)
    for agent in agents:
        await agent.go()
    waiting = int(await first.page.locator("[data-count=queue]").inner_text())
    conversation = await customer.ask_for_a_person()
    for agent in agents:
        await expect(agent.page.locator("[data-count=queue]")).to_have_text(str(waiting + 1))
        await expect(agent.row(conversation).locator(".why")).to_contain_text("已等")
    for agent in (first, second):
        await expect(agent.page.locator(".toast.escalation")).to_contain_text("新的转接")
    await expect(other.page.locator(".toast")).to_have_count(0)

    await first.page.locator(".toast.escalation").click()
    await first.take()
    for agent in agents:
        await expect(agent.page.locator("[data-count=queue]")).to_have_text(str(waiting))
    await first.go()
    await first.choose("mine")
    await customer.say("还要多久")
    await expect(first.page).to_have_title("(1) 对话 · 知客")
    await expect(first.page.locator("[data-count=mine]")).to_have_text("1 · 1 新")
    await expect(first.page.locator(".toast.reply")).to_contain_text("还要多久")
    await expect(first.row(conversation).locator(".badge")).to_contain_text("1")
    await expect(second.page.locator(".toast.reply")).to_have_count(0)
    await first.open(conversation)
    await expect(first.page).to_have_title("对话 · 知客")
    await expect(first.page.locator("[data-count=mine]")).to_have_text("1")


async def test_a_notice_covers_no_button_on_a_phone(visit: Visit, hire: Hire) -> None:
    agent = await hire(size=PHONE)
    await agent.go()
    await agent.go(await (await visit()).ask_for_a_person())
    await (await visit()).ask_for_a_person()
    notice = await agent.page.locator(".toast.escalation").bounding_box()
    assert notice is not None
    buttons = await agent.page.locator("#talk button").all()
    boxes = [box for box in [await button.bounding_box() for button in buttons] if box]
    assert len(boxes) > 2
    covered = [box for box in boxes if box["y"] < notice["y"] + notice["height"] and box["y"] + box["height"] > notice["y"]]
    assert covered == []


# Back to the bot


async def test_a_conversation_goes_back_to_the_assistant_which_knows_what_was_said(desk: Desk, server: Server) -> None:
    customer, conversation, agent, _ = desk
    with closing(sqlite3.connect(server.folder / "zhike.db")) as record:
        number, phone, tracking = record.execute(
            "SELECT number, phone, tracking_number FROM orders WHERE status = 'shipped' LIMIT 1"
        ).fetchone()
    await agent.claim(conversation)
    await customer.say(f"我的订单号是 {number}")
    await expect(agent.lines("customer").last).to_contain_text(number)
    await agent.say("好的，物流可以直接问智能助手")
    await expect(customer.bubbles("agent")).to_be_visible()
    await agent.button("交回机器人").click()
    await agent.dialog("交回机器人").get_by_label("内部备注").fill("只是问物流")
    await agent.dialog("交回机器人").get_by_role("button", name="交回").click()
    await expect(agent.page.locator("#head .tag").first).to_have_text("机器人接待")
    await expect(customer.bubbles("system").last).to_contain_text("智能助手继续为您服务")
    await customer.say("我的快递到哪了")
    await expect(customer.bubbles("bot").last).to_contain_text("后四位")
    await customer.say(phone[-4:])
    await expect(customer.bubbles("bot").last).to_contain_text(tracking)
    await expect(agent.lines("bot").last).to_contain_text(tracking)


# One of two


async def test_of_two_who_claim_at_once_one_has_it_and_the_other_reads_who(desk: Desk, server: Server) -> None:
    customer, conversation, first, second = desk
    for agent in (first, second):
        await agent.open(conversation)
    with nobody_writes(server):
        for agent in (first, second):
            async with agent.socket.sending("claim"):
                await agent.button("接手").click()
    for agent in (first, second):
        await expect(agent.button("接手")).to_be_hidden()
    winner, loser = (first, second) if await first.button("结束").is_visible() else (second, first)
    await expect(loser.page.locator(".toast.problem")).to_contain_text(f"{winner.name} 已接手")
    await expect(loser.page.locator("#head .tag").first).to_have_text(f"{winner.name} 负责")
    await expect(loser.page.locator("#head .actions button")).to_have_count(0)
    await expect(loser.page.locator("#hint")).to_contain_text(winner.name)
    await expect(loser.page.get_by_role("radio", name="回复顾客")).to_be_disabled()
    await loser.say("我来我来")  # all that is left to write is a note
    await expect(loser.lines("note")).to_have_text("我来我来")
    await winner.say("您好，请讲")
    await expect(customer.bubbles("agent")).to_have_count(1)
    await expect(customer.bubbles("agent")).to_contain_text(winner.name)
    await expect(customer.bubbles("system")).to_contain_text(winner.name)


# Never to somebody who has gone


async def test_who_writes_after_the_end_gets_the_assistant_and_is_routed_anew(desk: Desk, record: Record) -> None:
    customer, conversation, first, second = desk
    await first.claim(conversation)
    await first.say("处理好了")
    await first.resolve("已告知处理结果")
    await first.page.context.close()
    await record.lose(first.user_id)
    await expect(customer.frame.locator("#status")).to_have_text("对话已结束")
    await customer.say("运费多少钱")
    await expect(customer.bubbles("bot").last).to_contain_text("99 元")
    assert (await record.conversation(conversation)).agent_id is None
    await customer.frame.get_by_test_id("human").click()
    await expect(customer.frame.get_by_test_id("queue-position")).to_be_visible()
    await expect(second.row(conversation)).to_be_visible()
    await second.open(conversation)
    await expect(second.page.locator("#log .line.event", has_text="已告知处理结果")).to_be_visible()
    await second.take()
    await expect(customer.bubbles("system").last).to_contain_text(second.name)
    await second.say("您好，我接着处理")
    await expect(customer.bubbles("agent").last).to_contain_text("我接着处理")


async def test_customers_of_an_agent_who_is_gone_wait_for_another(desk: Desk, record: Record) -> None:
    customer, conversation, first, second = desk
    await first.claim(conversation)
    await first.say("请稍等")
    await expect(customer.bubbles("agent")).to_be_visible()
    await first.page.context.close()
    await record.lose(first.user_id)
    await expect(customer.bubbles("system").last).to_contain_text("重新排队", timeout=LONG)
    await expect(customer.frame.get_by_test_id("queue-position")).to_be_visible()
    await customer.say("还在吗")
    await expect(second.row(conversation)).to_contain_text("还在吗")
    await second.open(conversation)
    await expect(second.page.locator("#log .line.event", has_text=f"{first.name} 断线")).to_be_visible()
    await second.take()
    await second.say("在的，我来继续")
    await expect(customer.bubbles("agent").last).to_contain_text("我来继续")
    await expect(customer.bubbles("agent").last).to_contain_text(second.name)


# Passing on


async def test_a_conversation_is_passed_to_a_colleague_and_to_a_queue_with_a_note(desk: Desk) -> None:
    customer, conversation, first, second = desk
    await first.claim(conversation)
    await first.pass_on(re.compile(rf"^{second.name} "), "顾客赶时间")
    await expect(customer.bubbles("system").last).to_contain_text(f"已为您转接，人工客服 {second.name}")
    await expect(first.page.get_by_role("radio", name="回复顾客")).to_be_disabled()
    await expect(second.page.locator("[data-count=mine]")).to_have_text(re.compile("^1"))
    await second.choose("mine")
    await second.open(conversation)
    await expect(second.lines("note")).to_have_text("顾客赶时间")
    await second.say("我来帮您")
    await expect(customer.bubbles("agent").last).to_contain_text("我来帮您")

    await second.pass_on("产品技术", "要看说明书")
    await expect(customer.bubbles("system").last).to_contain_text("产品技术")
    await expect(customer.frame.get_by_test_id("queue-position")).to_be_visible()
    await first.go()
    await expect(first.row(conversation)).to_contain_text("产品技术")
    await first.open(conversation)
    await expect(first.lines("note")).to_have_text(["顾客赶时间", "要看说明书"])
    await first.take()
    await first.say("我是产品专员")
    await expect(customer.bubbles("agent").last).to_contain_text("我是产品专员")
    await expect(customer.frame.get_by_text("顾客赶时间").or_(customer.frame.get_by_text("要看说明书"))).to_have_count(0)


# The end, and after


async def test_a_conversation_is_resolved_rated_and_reopened(desk: Desk, record: Record) -> None:
    customer, conversation, agent, other = desk
    await agent.claim(conversation)
    await agent.say("发票已经重开")
    await agent.button("结束").click()
    resolving = agent.dialog("结束对话")
    await resolving.get_by_role("radio", name="需要跟进").check()
    await resolving.get_by_role("button", name="结束对话").click()
    await expect(resolving).to_be_visible()  # without a summary it does not end
    await resolving.get_by_label("一句话总结").fill("等财务寄出发票")
    await resolving.get_by_role("button", name="结束对话").click()
    await expect(agent.button("重新打开")).to_be_visible()
    await expect(agent.page.locator("#log .line.event").last).to_contain_text("需要跟进")
    await expect(agent.page.locator("#log .line.event").last).to_contain_text("等财务寄出发票")
    ticket = tables.tickets
    found = await record.rows(select(ticket.c.status, ticket.c.owner_id).where(ticket.c.conversation_id == conversation))
    assert found == [("open", agent.user_id)]

    await expect(customer.bubbles("system").last).to_contain_text("本次人工服务已结束")
    await expect(customer.frame.get_by_test_id("rating-4")).to_be_visible()
    await customer.frame.get_by_test_id("rating-4").press("Space")
    await customer.frame.locator("#comment").fill("挺快的")
    await customer.frame.get_by_test_id("rating-send").click()
    await expect(customer.frame.locator("#rating")).to_be_hidden()
    await expect(agent.page.locator("#facts")).to_contain_text("评分 4 / 5")
    await expect(agent.page.locator("#facts")).to_contain_text("挺快的")

    await other.go(conversation)
    await other.button("重新打开").click()
    await expect(other.button("结束")).to_be_visible()
    await expect(customer.bubbles("system").last).to_contain_text(f"{other.name} 继续为您服务")
    await expect(customer.frame.locator("#status")).to_have_text("人工客服为您服务")
    await customer.say("谢谢，还有一件事")
    await expect(other.lines("customer").last).to_have_text("谢谢，还有一件事")
    await expect(agent.page.locator("#head .tag").first).to_have_text(f"{other.name} 负责")


async def test_a_message_left_when_nobody_was_there_is_answered_at_the_next_visit(customer: Widget, hire: Hire, server: Server) -> None:
    await customer.ask_for_a_person()
    await expect(customer.bubbles("bot").last).to_contain_text("没有人工客服在线")
    await customer.frame.get_by_test_id("choice").click()
    await expect(customer.bubbles("bot").last).to_contain_text("转达")
    await customer.say("请把发票抬头改成杭州晨光科技有限公司")
    await customer.frame.get_by_test_id("choice").last.click()
    await expect(customer.bubbles("bot").last).to_contain_text("已经记下")
    await customer.leave()

    agent = await hire("小陈")
    await agent.page.goto(f"{server.url}/agent/tickets")
    await agent.page.get_by_label("搜索").fill("杭州晨光科技有限公司")
    await agent.page.get_by_role("button", name="筛选").click()
    await agent.page.locator(".subject a").first.click()
    await agent.page.get_by_role("button", name="由我负责").click()
    await agent.page.get_by_label("回复顾客").fill("抬头已经改好，新发票发到您邮箱了。")
    await agent.page.get_by_role("button", name="发送给顾客").click()
    await expect(agent.page.locator(".lines .agent")).to_contain_text("抬头已经改好")

    await customer.come_back(server.url)
    await expect(customer.page.get_by_test_id("unread")).to_have_text("1")
    await customer.open(agree=False)
    await expect(customer.bubbles("agent")).to_contain_text("抬头已经改好")
    await expect(customer.bubbles("agent")).to_contain_text(agent.name)
    await expect(customer.page.get_by_test_id("unread")).to_be_hidden()


# Connections


async def test_an_agent_cut_off_in_the_middle_goes_on_without_loss_or_repetition(desk: Desk) -> None:
    customer, conversation, agent, _ = desk
    await agent.claim(conversation)
    await agent.say("第一句")
    await expect(customer.bubbles("agent")).to_have_count(1)
    await agent.page.context.set_offline(True)
    await expect(agent.page.locator("#line")).to_be_visible()
    await agent.say("第二句")
    await expect(agent.page.locator("#pending .pending")).to_contain_text("第二句")
    for words in ("甲", "乙", "丙"):
        await customer.say(words)
    await expect(customer.bubbles("customer").last).to_have_attribute("data-state", "sent")
    await agent.page.context.set_offline(False)
    await expect(agent.page.locator("#line")).to_be_hidden()
    await expect(agent.lines("customer")).to_have_text([re.compile("转人工"), "甲", "乙", "丙"])
    await expect(agent.lines("agent")).to_have_text(["第一句", "第二句"])
    assert await agent.page.locator("#pending li").count() == 0
    await customer.say("丁")
    await agent.say("第三句")
    await expect(agent.lines("customer").last).to_have_text("丁")
    await expect(agent.lines("agent")).to_have_text(["第一句", "第二句", "第三句"])
    await expect(customer.bubbles("agent")).to_have_text([re.compile(words) for words in ("第一句", "第二句", "第三句")])


async def test_a_reply_whose_receipt_was_lost_is_there_once(desk: Desk, hire: Hire) -> None:
    customer, conversation, _, _ = desk
    agent = await hire("小孙")
    cut = asyncio.Event()

    def lossy(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        async def told(frame: str | bytes) -> None:
            if '"type":"reply"' in str(frame) and not cut.is_set():
                server.on_message(lambda _: None)  # nothing that the server says comes through any more
                server.send(frame)
                await expect(customer.bubbles("agent")).to_have_count(1)
                cut.set()
                await socket.close()
            else:
                server.send(frame)

        socket.on_message(told)

    await agent.page.route_web_socket("**/agent/ws", lossy)
    await agent.go()
    await agent.claim(conversation)
    await agent.say("只说一遍")
    await cut.wait()
    await customer.say("收到")
    await expect(agent.lines("customer").last).to_have_text("收到")
    await expect(agent.lines("agent")).to_have_text(["只说一遍"])
    assert await agent.page.locator("#pending li").count() == 0
    await agent.say("再说一句")
    await expect(customer.bubbles("agent")).to_have_text([re.compile("只说一遍"), re.compile("再说一句")])


async def test_a_customer_who_reloads_stays_where_they_were(desk: Desk) -> None:
    customer, conversation, agent, _ = desk
    await customer.page.reload()
    await customer.open(agree=False)
    await expect(customer.frame.get_by_test_id("queue-position")).to_be_visible()
    await agent.claim(conversation)
    await customer.page.reload()
    await agent.say("您好")
    await customer.open(agree=False)
    await expect(customer.frame.locator("#status")).to_have_text("人工客服为您服务")
    await customer.say("我刚才刷新了")
    await expect(agent.lines("customer").last).to_have_text("我刚才刷新了")
    await customer.page.reload()
    await customer.open(agree=False)
    await agent.say("看到了")
    await expect(customer.bubbles("agent")).to_have_text([re.compile("您好"), re.compile("看到了")])
    await expect(customer.bubbles("customer").last).to_contain_text("我刚才刷新了")


# What is written


async def test_files_go_both_ways(talk: Talk) -> None:
    customer, _, agent = talk
    await customer.frame.locator("#file").set_input_files({"name": "破损.png", "mimeType": "image/png", "buffer": picture()})
    shown = agent.page.locator("#log .line.customer .files img")
    await expect(shown).to_be_visible()
    async with agent.page.expect_download() as downloading:
        await agent.page.locator("#log .files a", has_text="破损.png").click()
    assert (await (await downloading.value).path()).read_bytes() == picture()

    await agent.page.locator("#file").set_input_files({"name": "退货步骤.txt", "mimeType": "text/plain", "buffer": "先打包".encode()})
    await expect(agent.page.locator("#files li:not(.loading)")).to_contain_text("退货步骤.txt")
    await agent.say("请看附件")
    await expect(customer.bubbles("agent")).to_contain_text("请看附件")
    async with customer.page.expect_download() as downloading:
        await customer.bubbles("agent").get_by_test_id("attachment").click()
    download = await downloading.value
    assert download.suggested_filename == "退货步骤.txt"
    assert (await download.path()).read_text() == "先打包"


async def test_internal_notes_never_reach_the_customer(desk: Desk) -> None:
    customer, conversation, first, second = desk
    await second.open(conversation)
    await first.claim(conversation)
    await first.page.keyboard.press("n")
    await first.say("这位顾客上周投诉过")
    await expect(first.lines("note")).to_have_text("这位顾客上周投诉过")
    await expect(second.lines("note")).to_have_text("这位顾客上周投诉过")
    await first.page.get_by_label("关于这位顾客的备注").fill("喜欢电话联系")
    await first.page.get_by_role("button", name="保存备注").last.click()
    await expect(first.page.locator("#facts .memo").first).to_contain_text("喜欢电话联系")
    await first.page.keyboard.press("Escape")
    await first.page.keyboard.press("r")
    await first.say("您好")
    await expect(customer.bubbles("agent")).to_contain_text("您好")
    await customer.page.reload()
    await customer.open(agree=False)
    await expect(customer.bubbles("agent")).to_contain_text("您好")
    told = "".join(customer.socket.received)
    assert "您好" in told
    assert not re.search("投诉过|电话联系", told)


async def test_canned_replies_are_found_with_a_slash_and_sent_only_with_another_enter(talk: Talk) -> None:
    customer, _, agent = talk
    text, options = agent.page.locator("#text"), agent.page.get_by_role("listbox").get_by_role("option")
    await text.press_sequentially("/")
    await expect(options.nth(1)).to_be_visible()
    await text.press_sequentially("稍等")
    await expect(options).to_have_count(1)
    await expect(options).to_have_attribute("aria-selected", "true")
    await text.press("Enter")
    await expect(text).to_have_value(re.compile("^请稍等"))
    await expect(agent.page.get_by_role("listbox")).to_be_hidden()
    await expect(agent.lines("agent")).to_have_count(0)
    await text.press("Enter")
    await expect(customer.bubbles("agent")).to_contain_text("请稍等，我查一下")


async def test_enter_while_an_input_method_composes_does_not_send(talk: Talk) -> None:
    customer, _, agent = talk
    text = agent.page.locator("#text")
    await text.fill("nihao")
    for event in ({"isComposing": True}, {"keyCode": 229}):
        await text.dispatch_event("keydown", {"key": "Enter", "bubbles": True, "cancelable": True, **event})
    await expect(text).to_have_value("nihao")
    await text.press("Shift+Enter")
    await expect(text).to_have_value("nihao\n")
    await agent.say("你好")
    await expect(customer.bubbles("agent")).to_have_text([re.compile("你好")])


async def test_both_sides_see_that_the_other_types(talk: Talk) -> None:
    customer, _, agent = talk
    await customer.frame.get_by_test_id("composer").press_sequentially("我想")
    await expect(agent.page.locator("#typing")).to_be_visible()
    await agent.page.locator("#text").press_sequentially("您好")
    await expect(customer.frame.get_by_test_id("typing")).to_be_visible()
    await customer.frame.get_by_test_id("composer").press("Enter")
    await expect(agent.lines("customer").last).to_have_text("我想")
    await expect(agent.page.locator("#typing")).to_be_hidden()
    await agent.page.locator("#text").press("Enter")
    await expect(customer.bubbles("agent")).to_be_visible()
    await expect(customer.frame.get_by_test_id("typing")).to_be_hidden()


async def test_marks_say_what_was_delivered_and_read(talk: Talk) -> None:
    customer, _, agent = talk
    await customer.say("在吗")
    await expect(customer.bubbles("customer").last).to_have_attribute("data-state", "read")
    await customer.frame.get_by_test_id("hide").click()
    await agent.say("在的")
    line = agent.page.locator("#log .line.agent")
    await expect(customer.page.get_by_test_id("unread")).to_be_visible()
    await expect(line).not_to_have_class(re.compile("read"))
    await customer.open(agree=False)
    await expect(line).to_have_class(re.compile("read"))


async def test_the_newest_message_stays_in_view_when_the_composer_grows(talk: Talk) -> None:
    _, _, agent = talk
    for number in range(12):
        await agent.say(f"第 {number} 句")
    await expect(agent.lines("agent")).to_have_count(12)
    for mode in ("内部备注", "回复顾客"):
        await agent.page.locator(".modes").get_by_text(mode).click()
    await agent.page.locator("#text").fill("一\n二\n三\n四")
    await expect(agent.page.locator("#log .delivery").last).to_be_in_viewport(ratio=1)


async def test_what_an_agent_looks_at_stays_unfolded_and_in_focus_when_more_comes(talk: Talk) -> None:
    customer, _, agent = talk
    await customer.say("在吗")
    seen = agent.page.locator("#log details.seen")
    await expect(seen).to_have_count(2)
    await seen.nth(1).locator("summary").click()
    await agent.button("转接").focus()
    await agent.page.context.set_offline(True)
    await expect(agent.page.locator("#line")).to_be_visible()
    await agent.page.context.set_offline(False)
    await customer.say("还在吗")
    await expect(agent.lines("customer").last).to_have_text("还在吗")
    await expect(seen).to_have_count(3)
    assert [await each.get_attribute("open") for each in await seen.all()] == [None, "", None]
    await expect(seen.nth(1).locator(".correct button").first).to_be_visible()
    await expect(agent.button("转接")).to_be_focused()


async def test_the_keyboard_is_enough_to_claim_answer_and_resolve(desk: Desk) -> None:
    customer, conversation, agent, _ = desk
    keyboard = agent.page.keyboard
    await agent.page.locator("body").press("2")
    await expect(agent.row(conversation)).to_be_visible()
    row = agent.row(conversation).get_by_role("link")
    for _ in range(await agent.page.locator("#rows li").count()):
        await keyboard.press("j")
        if await row.evaluate("link => link === document.activeElement"):
            break
    await expect(row).to_be_focused()
    await keyboard.press("Enter")
    await expect(agent.button("接手")).to_be_visible()
    await keyboard.press("c")
    await expect(agent.button("结束")).to_be_visible()
    await keyboard.press("r")
    await keyboard.type("您好，已经为您处理")
    await keyboard.press("Enter")
    await expect(customer.bubbles("agent")).to_contain_text("已经为您处理")
    await keyboard.press("Escape")
    await keyboard.press("e")
    await expect(agent.dialog("结束对话")).to_be_visible()
    await keyboard.press("Tab")
    await keyboard.type("已处理")
    await keyboard.press("Tab")
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await expect(agent.button("重新打开")).to_be_visible()
    await expect(customer.frame.locator("#status")).to_have_text("对话已结束")
