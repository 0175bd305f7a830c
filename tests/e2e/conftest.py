import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright

from tests.servers import ROOT, Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if CHROMIUM is None:
        reason = "no Chromium found; on Debian: apt-get install chromium fonts-noto-cjk"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    server = Server(tmp_path_factory.mktemp("shop"))
    subprocess.run([sys.executable, "-m", "bot", "demo"], cwd=ROOT, env=server.environment, check=True, capture_output=True)
    with server:
        yield server


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Widget:
    """The widget on a shop page, as a customer uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frame = page.frame_locator("[data-testid=zhike-frame]")

    async def open(self, *, agree: bool = True) -> None:
        await self.page.get_by_test_id("zhike-launcher").click()
        if agree:
            await self.frame.get_by_test_id("consent-accept").click()

    async def say(self, text: str) -> None:
        composer = self.frame.get_by_test_id("composer")
        await composer.fill(text)
        await composer.press("Enter")

    def bubbles(self, sender: str) -> Locator:
        return self.frame.locator(f"[data-from={sender}]")


@pytest.fixture(params=[(1280, 800), (375, 760)], ids=["desk", "phone"])
async def widget(browser: Browser, server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Widget]:
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    await page.goto(server.url)
    yield Widget(page)
    assert not [problem for problem in problems if "WebSocket" not in problem]
    await context.close()
