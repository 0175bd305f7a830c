"""What axe finds on the pages, in light and in dark."""

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Frame, expect

from tests.e2e.conftest import DESK, PHONE, Contexts, Hire, Record, Visit
from tests.servers import Server

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

in_both = pytest.mark.parametrize("scheme", ["light", "dark"])

AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN = "() => axe.run(document, {iframes: false, resultTypes: ['violations']})"
GRAVE = {"serious", "critical"}


async def faults(where: Frame) -> list[str]:
    """What axe finds in a document that keeps people out."""
    if not await where.evaluate("() => 'axe' in window"):
        await where.evaluate(AXE)
    found: list[dict[str, Any]] = (await where.evaluate(RUN))["violations"]
    return [
        f"{rule['id']} ({rule['help']}): {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


@in_both
async def test_shop_and_widget(visit: Visit, hire: Hire, scheme: str) -> None:
    agent = await hire()
    await agent.go()
    customer = await visit(color_scheme=scheme)
    assert await faults(customer.page.main_frame) == []
    await customer.open(agree=False)
    await expect(customer.frame.get_by_test_id("consent-accept")).to_be_visible()
    (widget,) = customer.page.main_frame.child_frames
    assert await faults(widget) == []
    assert await faults(customer.page.main_frame) == []
    await customer.frame.get_by_test_id("consent-accept").click()
    await expect(customer.frame.locator("#ideas button").first).to_be_visible()
    assert await faults(widget) == []
    await customer.say("你好")
    await expect(customer.frame.get_by_test_id("choice").first).to_be_visible()
    assert await faults(widget) == []
    await customer.frame.get_by_test_id("human").click()
    await expect(customer.frame.get_by_test_id("queue-position")).to_be_visible()
    assert await faults(widget) == []
    await agent.claim(await customer.conversation())
    await agent.say("您好，马上为您处理")
    await expect(customer.bubbles("agent")).to_be_visible()
    assert await faults(widget) == []
    await agent.resolve("已处理")
    await expect(customer.frame.get_by_test_id("rating-4")).to_be_visible()
    await customer.frame.get_by_test_id("rating-4").press("Space")
    assert await faults(widget) == []


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light")], ids=["desk", "dark", "phone"])
async def test_console(visit: Visit, hire: Hire, size: tuple[int, int], scheme: str) -> None:
    agent = await hire("小李", size=size, color_scheme=scheme, reduced_motion="reduce")  # what fades in is hard to read for a moment
    page = agent.page
    await agent.go()
    await agent.choose("mine")
    await expect(page.locator(".none .mine")).to_be_visible()
    assert await faults(page.main_frame) == []
    customer = await visit()
    conversation = await customer.ask_for_a_person()
    await agent.choose("queue")
    await expect(agent.row(conversation)).to_be_visible()
    assert await faults(page.main_frame) == []
    await agent.claim(conversation)
    await customer.say("你们再不退款，我就去 12315 投诉！")
    await agent.say("我马上查")
    await page.locator(".modes").get_by_text("内部备注").click()
    await agent.say("语气要缓和")
    await expect(agent.lines("note")).to_be_visible()
    await page.locator("#log .seen summary").last.click()
    await expect(page.locator("#log .correct button").first).to_be_visible()
    assert await faults(page.main_frame) == []
    await page.locator(".modes").get_by_text("回复顾客").click()
    await page.locator("#text").press_sequentially("/")
    await expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    assert await faults(page.main_frame) == []
    await page.locator("#text").fill("")
    await page.keyboard.press("Escape")
    for key, name in (("t", "转接"), ("b", "交回机器人"), ("e", "结束对话"), ("?", "键盘快捷键")):
        await page.keyboard.press(key)
        await expect(agent.dialog(name)).to_be_visible()
        assert await faults(page.main_frame) == []
        await page.keyboard.press("Escape")
    await page.keyboard.press("i")
    await expect(page.locator("#side h2").first).to_be_visible()
    assert await faults(page.main_frame) == []


@in_both
async def test_pages_of_the_desk(hire: Hire, record: Record, server: Server, scheme: str) -> None:
    chief = await hire("周主管", "supervisor", color_scheme=scheme)
    for path in ("tickets", "tickets?q=没有这样的工单", "tickets/1", "numbers", "team", "settings"):
        await chief.page.goto(f"{server.url}/agent/{path}")
        await expect(chief.page.get_by_role("heading", level=1)).to_be_visible()
        assert await faults(chief.page.main_frame) == [], path


@in_both
async def test_sign_in_and_privacy(contexts: Contexts, server: Server, scheme: str) -> None:
    page = await (await contexts(color_scheme=scheme)).new_page()
    await page.goto(f"{server.url}/login")
    assert await faults(page.main_frame) == []
    await page.get_by_label("用户名").fill("小李")
    await page.get_by_label("密码").fill("wrong")
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await faults(page.main_frame) == []
    await page.goto(f"{server.url}/privacy")
    assert await faults(page.main_frame) == []
