"""The systems that are measured, each as real server processes driven over the network."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from bench import projects, workload
from tests.servers import ROOT, Client, Server, connected, free_port

START_SECONDS = 180.0
REPLY_SECONDS = 60.0
UNLIMITED = "1000000/1000000"
_RATES = dict.fromkeys(("ZHIKE_VISITOR_RATE", "ZHIKE_ADDRESS_RATE", "ZHIKE_VISIT_RATE"), UNLIMITED)


class NotMeasured(Exception):
    """A system did not train, start or answer; the message says which and how."""


class Chat(Protocol):
    """One customer's conversation."""

    async def turn(self, text: str) -> float:
        """Say something; seconds until the reply had come."""

    async def rapid(self, first: str, second: str) -> float:
        """Say two things at once; seconds until both had their replies."""


class System(Protocol):
    """One of the systems, trained and running once."""

    name: str

    def train(self) -> float:
        """Train from nothing; seconds."""

    async def start(self) -> float:
        """Start the servers; seconds until the first reply had come."""

    def chat(self) -> AbstractAsyncContextManager[Chat]:
        """A new conversation."""

    def stop(self) -> None:
        """End the servers, if they run."""

    @property
    def pids(self) -> list[int]:
        """The server processes."""


def environment() -> dict[str, str]:
    """For processes that are measured: no settings of ours, no telemetry, errors only."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")},
        "RASA_TELEMETRY_ENABLED": "false",
        "LOG_LEVEL": "ERROR",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }


def run_to_end(command: Sequence[str], *, cwd: Path, log: Path, **extra: str) -> float:
    """Run a command to its end, what it says going to a file; seconds that it took.

    Raises:
        NotMeasured: it failed.
    """
    started = time.perf_counter()
    with log.open("ab") as file:
        process = subprocess.Popen(command, cwd=cwd, env=environment() | extra, stdout=file, stderr=file, start_new_session=True)
        try:
            status = process.wait()
        finally:
            end([process])
    if status:
        raise NotMeasured(f"{' '.join(command[1:5])} ended with status {status}:\n{tail(log)}")
    return time.perf_counter() - started


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes that were started with sessions of their own, and what they started."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]) if log.exists() else ""


class Ours:
    """`python -m bot serve` with SQLite in a new folder each time, over the widget's WebSocket."""

    name = "ours"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._models = folder / "models"
        self._models.mkdir(parents=True)
        self._server: Server | None = None
        self._starts = 0
        self._first_replies = 0
        self._replies: dict[str, int] = {}

    def train(self) -> float:
        """All three models: assistant, tickets and sentiment."""
        shutil.rmtree(self._models)
        self._models.mkdir()
        command = [sys.executable, "-m", "bot", "train"]
        return run_to_end(command, cwd=ROOT, log=self._folder / "training.log", ZHIKE_MODELS=str(self._models))

    async def start(self) -> float:
        """Start; how many messages answer each of the workload is learned after the time was taken."""
        self._starts += 1
        started = time.perf_counter()
        self._server = Server(
            self._folder / f"run-{self._starts}", ZHIKE_MODELS=str(self._models), RASA_TELEMETRY_ENABLED="false", **_RATES
        )
        try:
            await asyncio.to_thread(self._server.start)
        except AssertionError as error:
            raise NotMeasured(f"ours: {error}") from None
        async with connected(self._server) as client:
            await client.hello()
            await client.say(workload.message(0))
            await client.until(START_SECONDS, type="message", sender="bot")
            took = time.perf_counter() - started
        await self._learn_replies()
        return took

    async def _learn_replies(self) -> None:
        """The first answer of a conversation comes with the assistant's introduction."""
        assert self._server is not None
        async with connected(self._server) as client:
            await client.hello()
            self._first_replies = await self._count_replies(client, workload.message(0))
            for text in workload.MESSAGES:
                self._replies[text] = await self._count_replies(client, text)
            if any(frame["type"] == "state" and frame["state"] != "bot" for frame in client.frames):
                raise NotMeasured("ours: a message of the workload was handed to a person")

    async def _count_replies(self, client: Client, text: str) -> int:
        assert self._server is not None
        try:
            return len(await client.ask(text))
        except (TimeoutError, ConnectionError):
            raise NotMeasured(f"ours: no reply to {text!r}; it came: {client.frames[-5:]}\n{self._server.said[-1500:]}") from None

    @asynccontextmanager
    async def chat(self) -> AsyncIterator["OurChat"]:
        """A new conversation on a socket of its own."""
        assert self._server is not None
        async with connected(self._server) as client:
            await client.hello()
            yield OurChat(client, self._first_replies, self._replies)

    def stop(self) -> None:
        """As an operator would; then by force."""
        if self._server and self._server.process and self._server.process.poll() is None:
            try:
                self._server.stop()
            except subprocess.TimeoutExpired:
                self._server.kill()

    @property
    def pids(self) -> list[int]:
        """One process."""
        assert self._server is not None
        assert self._server.process is not None
        return [self._server.process.pid]


class OurChat:
    """A conversation over the WebSocket; a turn is over when the acknowledgement and all replies have come."""

    def __init__(self, client: Client, first_replies: int, replies: dict[str, int]) -> None:
        self._client = client
        self._first_replies = first_replies
        self._replies = replies
        self._begun = False

    async def turn(self, text: str) -> float:
        """Say something; seconds until the last reply had come."""
        return await self._say([text])

    async def rapid(self, first: str, second: str) -> float:
        """Both at once; seconds until the last reply to the second had come."""
        return await self._say([first, second])

    async def _say(self, texts: list[str]) -> float:
        waiting = sum(self._replies[text] for text in texts)
        if not self._begun:
            waiting += self._first_replies - self._replies[texts[0]]
            self._begun = True
        ids = {str(uuid.uuid4()) for _ in texts}
        started = time.perf_counter()
        for id, text in zip(ids, texts, strict=True):
            await self._client.say(text, id=id)
        try:
            while waiting or ids:
                frame = await self._client.receive(REPLY_SECONDS)
                if frame["type"] == "error":
                    raise NotMeasured(f"ours: {frame['message']}")
                if frame["type"] == "ack":
                    ids.discard(frame["id"])
                elif frame["type"] == "message" and frame["from"] == "bot":
                    waiting -= 1
        except TimeoutError:
            raise NotMeasured(f"ours: no reply within {REPLY_SECONDS:.0f} seconds") from None
        took = time.perf_counter() - started
        self._client.frames.clear()
        return took


class PlainRasa:
    """`rasa run --enable-api` beside `rasa run actions`, over the REST channel."""

    def __init__(self, name: str, folder: Path, *, epochs: int) -> None:
        self.name = name
        self._folder = folder
        self._port, self._action_port = free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        projects.write(folder, name, ROOT, epochs=epochs, action_port=self._action_port)

    def train(self) -> float:
        """`rasa train`, without its cache of earlier trainings."""
        for made in ("models", ".rasa"):
            shutil.rmtree(self._folder / made, ignore_errors=True)
        command = [sys.executable, "-m", "rasa", "train", "--force", "--fixed-model-name", "model"]
        return run_to_end(command, cwd=self._folder, log=self._folder / "training.log")

    async def start(self) -> float:
        """Start both servers at once."""
        started = time.perf_counter()
        self._spawn("run", "actions", "--port", str(self._action_port))
        self._spawn(
            "run", "--enable-api", "--interface", "127.0.0.1", "--port", str(self._port), "--model", "models/model.tar.gz",
            "--endpoints", "endpoints.yml", "--credentials", "credentials.yml",
        )  # fmt: skip
        async with aiohttp.ClientSession() as session:
            await self._wait_for(lambda: session.get(f"http://127.0.0.1:{self._action_port}/health"))
            await self._wait_for(lambda: session.get(f"http://127.0.0.1:{self._port}/"))
        async with self.chat() as chat:
            await chat.turn(workload.message(0))
        return time.perf_counter() - started

    def _spawn(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rasa", *arguments]
        with self._log.open("ab") as file:
            process = subprocess.Popen(command, cwd=self._folder, env=environment(), stdout=file, stderr=file, start_new_session=True)
        self._processes.append(process)

    async def _wait_for(self, ask: Callable[[], Any]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._processes):
                raise NotMeasured(f"{self.name}: a server ended:\n{tail(self._log)}")
            try:
                async with ask() as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
        raise NotMeasured(f"{self.name}: not there within {START_SECONDS:.0f} seconds:\n{tail(self._log)}")

    @asynccontextmanager
    async def chat(self) -> AsyncIterator["RestChat"]:
        """A new sender, on a connection that is kept."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(REPLY_SECONDS)) as session:
            yield RestChat(self.name, session, f"http://127.0.0.1:{self._port}/webhooks/rest/webhook")

    def stop(self) -> None:
        """End both servers."""
        end(self._processes)
        self._processes = []

    @property
    def pids(self) -> list[int]:
        """The Rasa server and the action server."""
        return [process.pid for process in self._processes]

    @property
    def _log(self) -> Path:
        return self._folder / "servers.log"


class RestChat:
    """A conversation over the REST channel; a turn is over when its response has come."""

    def __init__(self, system: str, session: aiohttp.ClientSession, url: str) -> None:
        self._system = system
        self._session = session
        self._url = url
        self._sender = uuid.uuid4().hex

    async def turn(self, text: str) -> float:
        """Say something; seconds until the response had come."""
        started = time.perf_counter()
        await self._post(text)
        return time.perf_counter() - started

    async def rapid(self, first: str, second: str) -> float:
        """Two requests at once; seconds until both responses had come."""
        started = time.perf_counter()
        await asyncio.gather(self._post(first), self._post(second))
        return time.perf_counter() - started

    async def _post(self, text: str) -> None:
        try:
            async with self._session.post(self._url, json={"sender": self._sender, "message": text}) as response:
                replies = await response.json() if response.status == 200 else []
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotMeasured(f"{self._system}: {type(error).__name__} instead of a reply") from None
        if not replies:
            raise NotMeasured(f"{self._system}: no reply (status {response.status})")


def build(name: str, folder: Path, *, epochs: int) -> System:
    """One system by its name (`ours`, `L`, `S`), with what it makes kept in a new folder."""
    if name == "ours":
        return Ours(folder)
    return PlainRasa(name, folder, epochs=epochs)
