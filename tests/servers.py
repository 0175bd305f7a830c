"""A real server process and a real client of the chat protocol, for tests and measurements."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).parent.parent
START_SECONDS = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`python -m bot serve` as a process of its own, with its record and its locks in `folder`."""

    def __init__(self, folder: Path, *, port: int | None = None, role: str = "all", **environment: str) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.role = role
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_") or name == "ZHIKE_MODELS"},
            "ZHIKE_DATABASE_URL": f"sqlite:///{folder / 'zhike.db'}",
            "ZHIKE_VAR": str(folder),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return (self.folder / f"server-{self.port}.log").read_text(encoding="utf-8")

    def start(self, *, wait: bool = True) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"server-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve", "--port", str(self.port), "--role", self.role],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            self.wait()
        return self

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with status {self.process.returncode}: {self.said[-2000:]}")
            if self.role == "worker":
                if "works on turns" in self.said:
                    return
            else:
                try:
                    with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                        return
                except (urllib.error.URLError, ConnectionError, TimeoutError):
                    pass
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.said[-2000:]}")

    def kill(self) -> None:
        """As a power cut would: nothing is finished, nothing is cleaned up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Client:
    """One customer's connection. Every frame that came is kept in `frames`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.token: str | None = None
        self.conversation: str | None = None

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def receive(self, timeout: float = 30.0) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(f"the connection ended: {message.type.name} {message.data}")
        frame: dict[str, Any] = json.loads(message.data)
        self.frames.append(frame)
        return frame

    async def until(self, timeout: float = 30.0, **expected: Any) -> dict[str, Any]:
        """The next frame with these fields; `sender` stands for `from`."""
        wanted = {("from" if name == "sender" else name): value for name, value in expected.items()}
        async with asyncio.timeout(timeout):
            while True:
                frame = await self.receive()
                if all(frame.get(name) == value for name, value in wanted.items()):
                    return frame

    async def hello(
        self, token: str | None = None, *, cursor: int = 0, consent: bool = True, locale: str = "zh-CN", identity: str | None = None
    ) -> dict[str, Any]:
        await self.send(type="hello", token=token, consent=consent, identity=identity, cursor=cursor, locale=locale, page="http://shop/")
        welcome = await self.until(type="welcome")
        self.token, self.conversation = welcome["token"], welcome["conversation"]
        return welcome

    async def say(self, text: str, *, id: str | None = None) -> str:
        id = id or str(uuid.uuid4())
        await self.send(type="message", id=id, text=text)
        return id

    async def ask(self, text: str) -> list[dict[str, Any]]:
        """Say something and wait until the assistant has answered and nothing more comes for a moment."""
        seq = (await self.acked(await self.say(text)))["seq"]
        return await self.answers(seq)

    async def choose(self, title: str, payload: str) -> list[dict[str, Any]]:
        id = str(uuid.uuid4())
        await self.send(type="choice", id=id, title=title, payload=payload)
        return await self.answers((await self.acked(id))["seq"])

    async def acked(self, id: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                frame = await self.receive()
                if frame["type"] in {"ack", "error"} and frame["id"] == id:
                    assert frame["type"] == "ack", frame
                    return frame

    async def answers(self, seq: int, *, quiet: float = 0.3) -> list[dict[str, Any]]:
        found = [frame for frame in self.frames if frame["type"] == "message" and frame["seq"] > seq and frame["from"] != "customer"]
        if not found:
            while True:
                frame = await self.receive()
                if frame["type"] == "message" and frame["seq"] > seq and frame["from"] != "customer":
                    found.append(frame)
                    break
        while True:
            try:
                frame = await self.receive(quiet)
            except TimeoutError:
                return found
            if frame["type"] == "message" and frame["from"] != "customer":
                found.append(frame)


@asynccontextmanager
async def connected(server: Server, **headers: str) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/chat/ws", headers=headers, max_msg_size=0) as socket:
        yield Client(socket)


async def until_no_turn_waits(path: Path) -> None:
    """Until every turn in an SQLite record is done."""
    async with asyncio.timeout(120):
        while True:
            with closing(sqlite3.connect(path)) as record:
                if record.execute("SELECT count(*) FROM turns WHERE status = 'pending'").fetchone() == (0,):
                    return
            await asyncio.sleep(0.1)
