"""Tells the sockets that show a conversation what is new in it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import structlog

from bot.crm import queries
from bot.crm.records import Change
from bot.errors import ZhikeError
from bot.service import Service

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.5
"""How long it takes at most to notice what another process did, when no hint tells."""


class Listener(Protocol):
    """A socket that shows a conversation."""

    conversation_id: str
    cursor: int
    state: str
    agent_read: int

    def wake(self, change: Change | None = None) -> None:
        """There is something new: this change, or whatever the record has."""

    def working(self) -> None:
        """The assistant has begun to work on an answer."""

    def agent_types(self, on: bool) -> None:
        """The person who owns the conversation writes, or has stopped."""

    async def end(self) -> None:
        """The server stops."""


class Hub:
    """Knows which sockets show which conversation."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._typing_listeners: list[Callable[[str, bool], None]] = []
        self._polling: asyncio.Task[None] | None = None
        service.on_changed(self.changed)
        service.on_started(self._started)

    def start(self) -> None:
        """Look out for what other processes do."""
        self._polling = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Stop looking."""
        if self._polling:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def hang_up(self) -> None:
        """End all sockets."""
        await asyncio.gather(*(listener.end() for listeners in list(self._listeners.values()) for listener in list(listeners)))

    def add(self, listener: Listener) -> None:
        """From now on the listener hears of its conversation."""
        self._listeners[listener.conversation_id].add(listener)

    def remove(self, listener: Listener) -> None:
        """It has gone."""
        listeners = self._listeners.get(listener.conversation_id, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(listener.conversation_id, None)

    def changed(self, conversation_id: str, change: Change | None = None) -> None:
        """There is something new in a conversation."""
        for listener in self._listeners.get(conversation_id, ()):
            listener.wake(change)

    def queue_changed(self) -> None:
        """Somebody joined or left a queue: those who wait may have another place in it."""
        for listeners in self._listeners.values():
            for listener in listeners:
                if listener.state == "queued":
                    listener.wake()

    def on_customer_types(self, listener: Callable[[str, bool], None]) -> None:
        """Call `listener(conversation_id, on)` when a customer of this process writes, or has stopped."""
        self._typing_listeners.append(listener)

    def customer_types(self, conversation_id: str, on: bool) -> None:
        """A customer writes, or has stopped. Who types is not in the record: consoles of other processes do not hear of it."""
        for listener in self._typing_listeners:
            listener(conversation_id, on)

    def agent_types(self, conversation_id: str, on: bool) -> None:
        """The person who owns a conversation writes, or has stopped; told to the customer's sockets in this process."""
        for listener in self._listeners.get(conversation_id, ()):
            listener.agent_types(on)

    def _started(self, conversation_id: str) -> None:
        for listener in self._listeners.get(conversation_id, ()):
            listener.working()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                news = await self._service.database.read(queries.news, list(self._listeners))
            except ZhikeError as error:
                log.error("cannot look for news", error=str(error))
                continue
            for conversation_id, (last_seq, state, agent_read) in news.items():
                for listener in self._listeners.get(conversation_id, ()):
                    moved = listener.cursor < last_seq or listener.state != state or listener.agent_read < agent_read
                    if moved or state == "queued":
                        listener.wake()
