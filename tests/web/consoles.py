"""Consoles of agents, spoken to over real sockets."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from yarl import URL

from bot.crm import staff
from bot.crm.database import Database
from tests.web.desks import Browser, Desk, browser_at

PATIENCE = 10.0


class Console:
    """One agent's socket. Every frame that came is kept in `frames`; fragments are in `html` of a frame."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, browser: Browser, user_id: int) -> None:
        self.socket = socket
        self.browser = browser
        self.user_id = user_id
        self.frames: list[dict[str, Any]] = []
        self._taken = 0

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def hello(self, conversation: str | None = None, **more: Any) -> Self:
        await self.send(type="hello", csrf=self.browser.csrf_token, **{"which": "queue", "conversation": conversation} | more)
        await self.until(type="swap", target="facts" if conversation else "more")
        return self

    async def receive(self, timeout: float = PATIENCE) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(f"the connection ended: {message.data} {self.socket.close_code}")
        frame: dict[str, Any] = json.loads(message.data)
        if frame["type"] != "beat":
            self.frames.append(frame)
        return frame

    async def until(self, text: str = "", timeout: float = PATIENCE, **expected: Any) -> dict[str, Any]:
        """The next frame with these fields that holds the text, of those that nobody has waited for yet."""
        async with asyncio.timeout(timeout):
            while True:
                while self._taken < len(self.frames):
                    frame = self.frames[self._taken]
                    self._taken += 1
                    if all(frame.get(name) == value for name, value in expected.items()) and text in json.dumps(frame, ensure_ascii=False):
                        return frame
                await self.receive(timeout)

    async def until_all(self, *wanted: tuple[str, dict[str, Any]]) -> None:
        """Until frames came that hold these texts and have these fields, in whatever order."""

        def came(text: str, fields: dict[str, Any]) -> bool:
            return any(
                all(frame.get(name) == value for name, value in fields.items()) and text in json.dumps(frame, ensure_ascii=False)
                for frame in self.frames
            )

        async with asyncio.timeout(PATIENCE):
            while not all(came(*one) for one in wanted):
                await self.receive()

    async def ask(self, type: str, **fields: Any) -> str | None:
        """Do something; what was wrong, or None."""
        own_id = fields.setdefault("id", uuid.uuid4().hex)
        await self.send(type=type, **fields)
        async with asyncio.timeout(PATIENCE):
            while True:
                for frame in self.frames:
                    if frame.get("id") == own_id:
                        self.frames.remove(frame)
                        self._taken = min(self._taken, len(self.frames))
                        return None if frame["type"] == "done" else frame["message"]
                await self.receive()

    async def quiet(self, seconds: float = 0.8) -> list[dict[str, Any]]:
        """What still comes within a moment."""
        before = len(self.frames)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.receive(seconds)
        except TimeoutError:
            return self.frames[before:]

    async def closed(self, timeout: float = PATIENCE) -> int | None:
        """The code with which the server ended the connection."""
        try:
            while True:
                await self.receive(timeout)
        except ConnectionError:
            return self.socket.close_code

    @property
    def said(self) -> str:
        """All that came, as one text."""
        return json.dumps(self.frames, ensure_ascii=False)


@asynccontextmanager
async def console(desk: Desk, user_id: int, conversation: str | None = None, *, greets: bool = True, **more: Any) -> AsyncIterator[Console]:
    """The console of a user who is signed in."""
    async with console_at(desk.server.make_url("/"), desk.database, user_id, conversation, greets=greets, **more) as one:
        yield one


@asynccontextmanager
async def console_at(
    url: URL, database: Database, user_id: int, conversation: str | None = None, *, greets: bool = True, **more: Any
) -> AsyncIterator[Console]:
    """As `console`, at the desk with that address."""
    async with browser_at(url, database, user_id) as browser, browser.session.ws_connect("/agent/ws") as socket:
        one = Console(socket, browser, user_id)
        if greets:
            await one.hello(conversation, **more)
        yield one


def restrict(desk: Desk, queue: str) -> None:
    """Only the queue's own agents see its conversations."""
    chief = desk.user(f"restricting {queue}", "supervisor")
    desk.database.transaction(staff.save_queue_settings, chief, queue, promise_minutes=5, auto_assign=False, restricted=True)
