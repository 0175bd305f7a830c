"""Customers in a real browser, at a desk and on a phone."""

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import Visit, Widget
from tests.servers import Server

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def stored(server: Server) -> int:
    with closing(sqlite3.connect(server.folder / "zhike.db")) as record:
        return int(record.execute("SELECT count(*) FROM conversations WHERE channel = 'web'").fetchone()[0])


async def test_a_customer_chats_and_finds_the_conversation_again(widget: Widget) -> None:
    await widget.open()
    await widget.say("你好")
    await expect(widget.bubbles("bot").first).to_contain_text("机器人")
    await widget.say("运费多少钱")
    await expect(widget.bubbles("bot").last).to_contain_text("99 元")
    await expect(widget.bubbles("customer").first).to_have_attribute("data-state", "sent")
    await widget.page.reload()
    await widget.open(agree=False)
    await expect(widget.bubbles("customer")).to_have_text([re.compile("你好"), re.compile("运费多少钱")])
    await expect(widget.bubbles("bot").last).to_contain_text("99 元")


async def test_nothing_is_stored_before_the_customer_agrees(widget: Widget, server: Server) -> None:
    before = stored(server)
    await widget.open(agree=False)
    await widget.frame.get_by_test_id("consent-decline").click()
    await expect(widget.frame.get_by_test_id("composer")).to_be_disabled()
    assert stored(server) == before
    assert await widget.page.evaluate("localStorage.length") == 0


async def test_an_order_is_tracked_with_questions_in_between(widget: Widget, server: Server) -> None:
    with closing(sqlite3.connect(server.folder / "zhike.db")) as record:
        number, phone, tracking = record.execute(
            "SELECT number, phone, tracking_number FROM orders WHERE status = 'shipped' LIMIT 1"
        ).fetchone()
    await widget.open()
    await widget.say("我的快递到哪了")
    await expect(widget.bubbles("bot").last).to_contain_text("订单号")
    await widget.say("运费多少钱")
    await expect(widget.bubbles("bot").nth(-2)).to_contain_text("99 元")
    await expect(widget.bubbles("bot").last).to_contain_text("订单号")
    await widget.say(number)
    await expect(widget.bubbles("bot").last).to_contain_text("后四位")
    await widget.say(phone[-4:])
    await expect(widget.bubbles("bot").last).to_contain_text(tracking)


async def test_a_choice_is_made_with_a_button(widget: Widget) -> None:
    await widget.open()
    await widget.say("你好")
    choice = widget.frame.get_by_test_id("choice").first
    title = await choice.inner_text()
    await choice.click()
    await expect(widget.bubbles("customer").last).to_contain_text(title)
    await expect(widget.bubbles("bot")).not_to_have_count(2)


async def test_markup_is_shown_as_it_was_typed(widget: Widget) -> None:
    await widget.open()
    await widget.say("<img src=x onerror=\"document.title='pwned'\"><b>粗</b>")
    await expect(widget.bubbles("customer").first).to_contain_text("<b>粗</b>")
    await expect(widget.bubbles("bot").first).to_be_visible()
    assert await widget.frame.locator("#log img").count() == 0


async def test_enter_while_an_input_method_composes_does_not_send(widget: Widget) -> None:
    await widget.open()
    composer = widget.frame.get_by_test_id("composer")
    await composer.fill("nihao")
    await composer.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "keyCode": 229, "bubbles": True})
    await widget.page.wait_for_timeout(200)
    await expect(widget.bubbles("customer")).to_have_count(0)
    await composer.press("Shift+Enter")
    await expect(composer).to_have_value("nihao\n")


async def test_a_customer_asks_for_a_person_waits_leaves_ends_and_rates(widget: Widget) -> None:
    await widget.open()
    await widget.say("发票抬头开错了")
    await expect(widget.bubbles("bot").first).to_be_visible()
    await widget.frame.get_by_test_id("human").click()
    await expect(widget.frame.get_by_test_id("queue-position")).to_be_visible()
    await widget.frame.get_by_test_id("leave-queue").click()
    await expect(widget.frame.get_by_test_id("queue-position")).to_be_hidden()
    await widget.frame.get_by_test_id("close").click()
    await expect(widget.frame.get_by_test_id("rating-4")).to_be_visible()
    await widget.frame.get_by_test_id("rating-4").press("Space")
    await widget.frame.get_by_test_id("rating-send").click()
    await expect(widget.frame.get_by_test_id("rating-send")).to_be_hidden()


async def test_the_page_does_not_scroll_sideways(widget: Widget) -> None:
    await widget.open()
    await widget.say("很长的一个网址 https://example.com/" + "a" * 300)
    await expect(widget.bubbles("bot").first).to_be_visible()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await widget.page.evaluate(wide)
    assert not await widget.frame.locator("body").evaluate(f"() => {wide}")


async def test_the_keyboard_is_enough(widget: Widget) -> None:
    await widget.page.get_by_test_id("zhike-launcher").focus()
    await widget.page.keyboard.press("Enter")
    await expect(widget.frame.get_by_test_id("consent-accept")).to_be_visible()
    await widget.frame.get_by_test_id("consent-accept").press("Enter")
    composer = widget.frame.get_by_test_id("composer")
    await expect(composer).to_be_focused()
    await widget.page.keyboard.type("hello")
    await widget.page.keyboard.press("Enter")
    await expect(widget.bubbles("bot").first).to_be_visible()
    await widget.page.keyboard.press("Escape")
    await expect(widget.page.get_by_test_id("zhike-frame")).to_be_hidden()


async def test_an_english_browser_gets_english(visit: Visit) -> None:
    widget = await visit(locale="en-US")
    await widget.open()
    await expect(widget.frame.get_by_test_id("human")).to_have_text(re.compile("person|human", re.IGNORECASE))
    await widget.say("hello")
    await expect(widget.bubbles("bot").first).to_contain_text("robot")


async def test_a_message_survives_a_server_that_goes_away(customer: Widget, server: Server) -> None:
    await customer.open()
    await customer.say("你好")
    await expect(customer.bubbles("bot").first).to_be_visible()
    server.kill()
    await customer.say("运费多少钱")
    await expect(customer.bubbles("customer").last).not_to_have_attribute("data-state", "sent")
    await asyncio.to_thread(server.start)
    await expect(customer.bubbles("customer").last).to_have_attribute("data-state", "sent", timeout=60_000)
    await expect(customer.bubbles("bot").last).to_contain_text("99 元")
    await expect(customer.bubbles("customer")).to_have_count(2)
