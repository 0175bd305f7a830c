"""Hints between processes, over a real Redis."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.crm import hints
from bot.crm.hints import Hints
from tests.conftest import REDIS, missing


@pytest_asyncio.fixture
async def redis(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Redis]:
    """A Redis that answers; hints of this test go over a channel of its own."""
    client = Redis.from_url(REDIS, socket_connect_timeout=3)
    try:
        await client.ping()
    except RedisError as error:
        await client.aclose()
        missing(f"no Redis at {REDIS}: {error}")
    monkeypatch.setattr(hints, "CHANNEL", f"zhike:test:{uuid.uuid4().hex}")
    monkeypatch.setattr(hints, "RECONNECT_SECONDS", 0.05)
    yield client
    await client.aclose()


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


async def listening(redis: Redis, listeners: int) -> None:
    async def enough() -> bool:
        ((_, number),) = await redis.pubsub_numsub(hints.CHANNEL)
        return bool(number == listeners)

    await until(enough)


async def test_what_one_process_does_the_others_hear(redis: Redis) -> None:
    heard: list[list[str]] = [[], []]
    here, there, elsewhere = Hints(REDIS), Hints(REDIS), Hints(REDIS)
    there.listen(heard[0].append)
    elsewhere.listen(heard[1].append)
    await listening(redis, 2)
    for conversation_id in ("a" * 32, "b" * 32):
        here.tell(conversation_id)
    await until(lambda: all(len(found) == 2 for found in heard))
    assert [sorted(found) for found in heard] == [["a" * 32, "b" * 32]] * 2
    for each in (here, there, elsewhere):
        await each.close()
    await listening(redis, 0)


async def test_a_listener_whose_connection_broke_hears_again(redis: Redis) -> None:
    name = f"zhike-test-{uuid.uuid4().hex}"
    heard: list[str] = []
    here, there = Hints(REDIS), Hints(f"{REDIS}?client_name={name}")
    there.listen(heard.append)
    await listening(redis, 1)
    here.tell("before")
    await until(lambda: heard == ["before"])
    (connection,) = [client["id"] for client in await redis.client_list() if client["name"] == name]
    assert await redis.client_kill_filter(_id=connection) == 1

    async def back() -> bool:
        return any(client["name"] == name and client["id"] != connection for client in await redis.client_list(_type="pubsub"))

    await until(back)
    here.tell("after")
    await until(lambda: heard == ["before", "after"])
    await here.close()
    await there.close()


async def test_without_redis_nothing_is_said_and_nothing_breaks() -> None:
    quiet = Hints(None)
    quiet.listen(lambda _: pytest.fail("nobody spoke"))
    quiet.tell("a" * 32)
    await quiet.close()


async def test_a_redis_that_is_not_there_costs_nothing_but_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "RECONNECT_SECONDS", 0.01)
    lost = Hints("redis://127.0.0.1:1")
    lost.listen(lambda _: pytest.fail("nobody spoke"))
    for _ in range(3):
        lost.tell("a" * 32)
    await asyncio.sleep(0.1)
    async with asyncio.timeout(2):
        await lost.close()
