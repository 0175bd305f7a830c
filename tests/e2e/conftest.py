"""One real server and one browser for all tests; customers and agents who use both."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, WebSocket, async_playwright, expect
from sqlalchemy import Connection, Row, select, update

from bot.conversation.access import Role
from bot.crm import store, tables
from bot.crm.database import Database
from bot.crm.demo import fill
from bot.crm.parts import now
from bot.passwords import hashed
from bot.web.auth import COOKIE
from tests.servers import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "a long enough password"
DESK, PHONE = (1280, 800), (375, 760)
NUMBERS = count(1)
HARMLESS = ("WebSocket", "Failed to load resource")
"""What a browser logs when a connection is cut or a server says no, which tests do on purpose."""

expect.set_options(timeout=20_000)


@contextmanager
def beside(server: Server) -> Iterator[Database]:
    """The record of a server, opened by the test."""
    database = Database(server.environment["ZHIKE_DATABASE_URL"]).open()
    yield database
    database.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if CHROMIUM is None:
        reason = "no Chromium found; on Debian: apt-get install chromium fonts-noto-cjk"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    server = Server(tmp_path_factory.mktemp("shop"))
    with beside(server) as database:
        database.transaction(fill)
    with server:
        yield server


@pytest.fixture(scope="session")
def record(server: Server) -> Iterator["Record"]:
    with beside(server) as database:
        yield Record(database)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(server: Server) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Record:
    """What tests look up and arrange in the record, beside the server."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.password_hash = hashed(PASSWORD)
        self.began = now()

    async def rows(self, statement: Any) -> list[Row[Any]]:
        return await self.database.read(lambda c: list(c.execute(statement)))

    async def conversation(self, conversation_id: str) -> Row[Any]:
        return (await self.rows(select(tables.conversations).where(tables.conversations.c.id == conversation_id)))[0]

    async def senders(self, conversation_id: str) -> list[str]:
        message = tables.messages
        statement = select(message.c.sender).where(message.c.conversation_id == conversation_id).order_by(message.c.seq)
        return [row.sender for row in await self.rows(statement)]

    async def hire(self, name: str, role: Role, queues: list[str] | None) -> tuple[int, str]:
        """A new user who is signed in; returns the number and the session's token."""

        def write(c: Connection) -> tuple[int, str]:
            user = store.add_user(c, name, role, self.password_hash, queues=queues)
            return user.id, store.create_session(c, user.id, lifetime=timedelta(hours=1))[0]

        return await self.database.run(write)

    async def change_users(self, *user_ids: int, **values: Any) -> None:
        """Set columns of some users; of all, unless any are named."""
        statement = update(tables.users).values(**values)
        await self.database.run(lambda c: c.execute(statement.where(tables.users.c.id.in_(user_ids)) if user_ids else statement))

    async def go_home(self) -> None:
        """Nobody is there any more, and no conversation of a test is open."""
        conversation = tables.conversations
        open_ones = select(conversation.c.id).where(conversation.c.created_at > self.began, conversation.c.state != "closed")
        for row in await self.rows(open_ones):
            await self.database.run(store.close_conversation, row.id)
        await self.change_users(presence="away")

    async def lose(self, user_id: int) -> None:
        """As if the last console of a user had been closed some minutes ago."""
        await self.change_users(user_id, seen_at=now() - timedelta(minutes=5))


class Socket:
    """What a page and the server say to each other, over one connection after the other."""

    def __init__(self, page: Page) -> None:
        self.received: list[str] = []
        self._sent: list[str] = []
        self._news = asyncio.Event()
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda data: self._note(self._sent, data))
        socket.on("framereceived", lambda data: self._note(self.received, data))

    def _note(self, frames: list[str], data: str | bytes) -> None:
        frames.append(str(data))
        self._news.set()

    @asynccontextmanager
    async def sending(self, kind: str) -> AsyncIterator[None]:
        """Leave once the page has sent a frame of this type."""
        before = len(self._sent)
        yield
        async with asyncio.timeout(20):
            while not any(f'"type":"{kind}"' in frame for frame in self._sent[before:]):
                self._news.clear()
                await self._news.wait()


class Widget:
    """The widget on a shop page, as a customer uses it."""

    def __init__(self, page: Page, record: Record) -> None:
        self.page = page
        self.socket = Socket(page)
        self._record = record
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

    async def ask_for_a_person(self) -> str:
        """Open the widget and join the queue; returns the conversation."""
        await self.open()
        await self.frame.get_by_test_id("human").click()
        await expect(self.frame.get_by_test_id("queue-position")).to_be_visible()
        return await self.conversation()

    async def conversation(self) -> str:
        """The number of the conversation; to be asked once it has begun."""
        token = await self.page.evaluate("localStorage['zhike.token']")
        found = await self._record.rows(select(tables.conversations.c.id).where(tables.conversations.c.token_hash == store.hash_of(token)))
        return str(found[0].id)

    async def leave(self) -> None:
        """Go to another page, as if the shop had been closed."""
        await self.page.goto("about:blank")

    async def come_back(self, url: str) -> None:
        """Open the shop's page again."""
        await self.page.goto(url)


class Console:
    """The console, as an agent uses it."""

    def __init__(self, page: Page, url: str, user_id: int, name: str) -> None:
        self.page = page
        self.socket = Socket(page)
        self.url = url
        self.user_id = user_id
        self.name = name

    async def go(self, conversation_id: str | None = None) -> None:
        """Open the console, at a conversation if one is named."""
        await self.page.goto(f"{self.url}/agent" + (f"/c/{conversation_id}" if conversation_id else ""))
        await expect(self.page.locator("[data-count=queue]")).not_to_be_empty()  # it comes once the socket has greeted

    def row(self, conversation_id: str) -> Locator:
        return self.page.locator(f"#row-{conversation_id}")

    async def choose(self, which: str) -> None:
        await self.page.locator(f"[data-list={which}]").click()

    async def open(self, conversation_id: str) -> None:
        await self.row(conversation_id).get_by_role("link").click()
        await expect(self.page.locator("#head h2")).to_be_visible()

    def button(self, name: str) -> Locator:
        """One of the buttons for what may be done with the open conversation."""
        return self.page.locator("#head .actions").get_by_role("button", name=name, exact=True)

    async def claim(self, conversation_id: str) -> None:
        """Open a conversation in the list and claim it."""
        await self.open(conversation_id)
        await self.take()

    async def take(self) -> None:
        """Claim the open conversation."""
        await self.button("接手").click()
        await expect(self.button("结束")).to_be_visible()

    async def say(self, text: str) -> None:
        await self.page.locator("#text").fill(text)
        await self.page.locator("#text").press("Enter")

    def lines(self, sender: str) -> Locator:
        return self.page.locator(f"#log .line.{sender} .text")

    def dialog(self, name: str) -> Locator:
        return self.page.get_by_role("dialog", name=name)

    async def pass_on(self, to: str | re.Pattern[str], note: str) -> None:
        """Pass the open conversation on, to the colleague or the queue of that name."""
        await self.button("转接").click()
        await self.dialog("转接").get_by_role("radio", name=to).check()
        await self.dialog("转接").get_by_label("留言").fill(note)
        await self.dialog("转接").get_by_role("button", name="转接").click()
        await expect(self.dialog("转接")).to_be_hidden()

    async def resolve(self, summary: str) -> None:
        await self.button("结束").click()
        await self.dialog("结束对话").get_by_label("一句话总结").fill(summary)
        await self.dialog("结束对话").get_by_role("button", name="结束对话").click()
        await expect(self.button("重新打开")).to_be_visible()


Contexts = Callable[..., Awaitable[BrowserContext]]
Visit = Callable[..., Awaitable[Widget]]
Hire = Callable[..., Awaitable[Console]]


@pytest_asyncio.fixture(loop_scope="session")
async def contexts(browser: Browser, record: Record) -> AsyncIterator[Contexts]:
    """Makes browser contexts of their own: people who share nothing. What goes wrong in their pages fails the test."""
    made: list[BrowserContext] = []
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    async def make(size: tuple[int, int] = DESK, **options: Any) -> BrowserContext:
        context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, **{"locale": "zh-CN", **options})
        context.on("page", watch)
        made.append(context)
        return context

    yield make
    for context in made:
        await context.close()
    await record.go_home()
    assert not [problem for problem in problems if not any(words in problem for words in HARMLESS)]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(contexts: Contexts, server: Server, record: Record) -> Visit:
    """Makes customers on the shop's page."""

    async def make(size: tuple[int, int] = DESK, **options: Any) -> Widget:
        widget = Widget(await (await contexts(size, **options)).new_page(), record)
        await widget.come_back(server.url)
        return widget

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def customer(visit: Visit) -> Widget:
    return await visit()


@pytest_asyncio.fixture(loop_scope="session", params=[DESK, PHONE], ids=["desk", "phone"])
async def widget(visit: Visit, request: pytest.FixtureRequest) -> Widget:
    """A customer at a desk, and one with a phone."""
    return await visit(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def hire(contexts: Contexts, server: Server, record: Record) -> Hire:
    """Makes agents who are signed in, each in a browser of their own."""

    async def make(
        name: str = "小李", role: Role = "agent", queues: list[str] | None = None, size: tuple[int, int] = DESK, **options: Any
    ) -> Console:
        name = f"{name}{next(NUMBERS)}"
        user_id, token = await record.hire(name, role, queues)
        context = await contexts(size, **options)
        await context.add_cookies([{"name": COOKIE, "value": token, "url": server.url}])
        return Console(await context.new_page(), server.url, user_id, name)

    return make
