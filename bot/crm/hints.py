"""Hints between processes that share the record: where to look, never what is there. Losing one costs a poll's delay, nothing else."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CHANNEL = "zhike:hints"
RECONNECT_SECONDS = 2.0


class Hints:
    """Redis publish/subscribe on one channel; without Redis, nothing is said and nothing heard.

    `on_hint(conversation_id)` is called for every conversation in which another process did something.
    """

    def __init__(self, url: str | None) -> None:
        self._redis = Redis.from_url(url, decode_responses=True) if url else None
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, conversation_id: str) -> None:
        """Something happened in a conversation; said in the background."""
        if self._redis is not None:
            self._in_background(self._publish(self._redis, conversation_id))

    def listen(self, on_hint: Callable[[str], None]) -> None:
        """Call `on_hint` for every hint from now on, until `close`."""
        if self._redis is not None:
            self._in_background(self._subscribe(self._redis, on_hint))

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()

    def _in_background(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, redis: Redis, conversation_id: str) -> None:
        try:
            await redis.publish(CHANNEL, conversation_id)
        except RedisError as error:
            log.warning("a hint was lost", error=type(error).__name__)

    async def _subscribe(self, redis: Redis, on_hint: Callable[[str], None]) -> None:
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                try:
                    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
                        await channel.subscribe(CHANNEL)
                        async for message in channel.listen():
                            on_hint(message["data"])
                except RedisError as error:
                    log.warning("no hints from Redis; polling goes on", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)
