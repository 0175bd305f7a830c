"""Rasa's lock store polls in whole seconds; this one is a first-in-first-out lock in the process.

Across processes the lease on a conversation keeps turns apart (see `bot.crm.store.claim_turns`).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rasa.core.lock_store import LockStore


class FifoLockStore(LockStore):
    """One `asyncio.Lock` per conversation, kept only while somebody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def lock(self, conversation_id: str, lock_lifetime: float = 0, wait_time_in_seconds: float = 0) -> AsyncGenerator[None, None]:
        """Hold the conversation; waiters get it in the order in which they came. The two times are Rasa's and unused."""
        lock, users = self._locks.get(conversation_id, (asyncio.Lock(), 0))
        self._locks[conversation_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[conversation_id]
            if users == 1:
                del self._locks[conversation_id]
            else:
                self._locks[conversation_id] = lock, users - 1
