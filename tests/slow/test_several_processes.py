"""Two processes that serve pages and one that works on turns, over one PostgreSQL, with Redis, without, and with one that dies."""

import asyncio
import re
import statistics
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from yarl import URL

from bot.conversation.taxonomy import QUEUES
from bot.crm import staff, store, tables
from bot.crm.database import Database
from bot.crm.parts import now
from bot.web import hub
from bot.web.console import board
from tests.conftest import REDIS, _schema, missing
from tests.crm.making import change, rows, user
from tests.servers import Client, Server, connected, free_port
from tests.web.consoles import Console, console_at

pytestmark = pytest.mark.slow

POLL_SECONDS = max(hub.POLL_SECONDS, board.POLL_SECONDS)
ROUNDS = 6
BURST = 5
CLAIMS = 8
SLOWEST = 60.0
"""Seconds that somebody waits who waits for queues to be kept: nobody counts as gone soon after a start."""


@dataclass
class Cluster:
    """`here` and `there` serve; a third process works on turns."""

    database: Database
    here: Server
    there: Server

    @asynccontextmanager
    async def console(self, server: Server, user_id: int, conversation: str | None = None, **more: Any) -> AsyncIterator[Console]:
        async with console_at(URL(server.url), self.database, user_id, conversation, **more) as one:
            yield one


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Cluster]:
    with _schema() as url:
        database = Database(url).open()
        roles = ("web", "web", "worker")
        servers = [Server(folder / str(n), role=role, ZHIKE_DATABASE_URL=url, **environment) for n, role in enumerate(roles)]
        try:
            for server in servers:
                server.start(wait=False)
            for server in servers:
                server.wait()
            yield Cluster(database, servers[0], servers[1])
        finally:
            for server in servers:
                server.__exit__()
            database.close()


@pytest.fixture(scope="module")
def without_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("without-redis")) as cluster:
        yield cluster


class Way:
    """The way to Redis, which can be cut."""

    def __init__(self) -> None:
        self.port = free_port()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)

    async def cut(self) -> None:
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = URL(REDIS)
        far_reader, far_writer = await asyncio.open_connection(address.host, address.port or 6379)
        self._writers |= {writer, far_writer}
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer), return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def talk(customer: Client, agent: Console, words: str) -> list[float]:
    """Both sides say something in turn, then the customer several things at once; how long each took to the other side."""
    took = []
    for number in range(ROUNDS):
        begun = perf_counter()
        await customer.say(f"{words}问{number}。")
        await agent.until(f"{words}问{number}。", type="place", target="log")
        took.append(perf_counter() - begun)
        begun = perf_counter()
        assert await agent.ask("reply", conversation=customer.conversation, text=f"{words}答{number}。", attachments=[]) is None
        await customer.until(type="message", text=f"{words}答{number}。")
        took.append(perf_counter() - begun)
    for number in range(BURST):
        await customer.say(f"{words}又问{number}。")
    await agent.until(f"{words}又问{BURST - 1}。", type="place", target="log")
    await customer.until(type="message", text=f"{words}又问{BURST - 1}。")
    return took


def said(words: Sequence[str]) -> list[str]:
    """All that `talk` says with these words, in order."""
    found = []
    for word in words:
        found += [f"{word}{side}{number}。" for number in range(ROUNDS) for side in "问答"]
        found += [f"{word}又问{number}。" for number in range(BURST)]
    return found


def check(cluster: Cluster, customer: Client, agent: Console, words: Sequence[str]) -> None:
    """Nothing was lost, nothing doubled, and everybody read all of it in order."""
    talks = tables.messages.c.conversation_id == customer.conversation
    log = sorted(rows(cluster.database, tables.messages, talks), key=lambda row: row.seq)
    assert [row.seq for row in log] == list(range(1, len(log) + 1))
    assert [row.text for row in log if row.sender in {"customer", "agent"} and row.text.startswith(tuple(words))] == said(words)
    seen = [frame["seq"] for frame in customer.frames if frame["type"] == "message"]
    assert seen == list(range(1, len(log) + 1))
    placed = [re.findall(r'<li id="m(\d+)"', frame.get("html", "")) for frame in agent.frames if frame.get("target") == "log"]
    shown = list(dict.fromkeys(int(seq) for found in placed for seq in found))
    assert shown == list(range(1, len(log) + 1))


@asynccontextmanager
async def in_talk(cluster: Cluster) -> AsyncIterator[tuple[Client, Console]]:
    """A customer here and an agent there, who has taken the conversation."""
    agent_id = cluster.database.transaction(store.add_user, f"小李{free_port()}", "agent", "hash").id
    async with connected(cluster.here) as customer:
        await customer.hello()
        await customer.send(type="human", id="human")
        await customer.until(type="state", state="queued")
        async with cluster.console(cluster.there, agent_id, customer.conversation) as agent:
            assert await agent.ask("claim", conversation=customer.conversation) is None
            await customer.until(type="state", state="agent")
            yield customer, agent


async def test_with_redis_news_come_at_once_and_without_it_within_a_poll(tmp_path: Path) -> None:
    client = Redis.from_url(REDIS, socket_connect_timeout=3)
    try:
        await client.ping()
    except RedisError as error:
        missing(f"no Redis at {REDIS}: {error}")
    finally:
        await client.aclose()
    way = Way()
    await way.open()
    starting = running(tmp_path, ZHIKE_REDIS_URL=f"redis://127.0.0.1:{way.port}")
    cluster = await asyncio.to_thread(starting.__enter__)
    try:
        async with in_talk(cluster) as (customer, agent):
            hinted = await talk(customer, agent, "甲")
            await way.cut()
            polled = await talk(customer, agent, "乙")
            check(cluster, customer, agent, "甲乙")
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)
    print(f"\nwith Redis {statistics.median(hinted):.3f} s, without {statistics.median(polled):.3f} s, at most {max(polled):.3f} s")
    assert statistics.median(hinted) < POLL_SECONDS / 5, "nobody waits for the next poll"
    assert statistics.median(polled) < 2 * POLL_SECONDS


async def test_without_redis_nothing_is_lost_or_doubled_and_all_stays_in_order(without_redis: Cluster) -> None:
    async with in_talk(without_redis) as (customer, agent):
        took = await talk(customer, agent, "丙")
        check(without_redis, customer, agent, "丙")
    assert statistics.median(took) < 2 * POLL_SECONDS


async def test_the_assistant_of_another_process_answers(without_redis: Cluster) -> None:
    async with connected(without_redis.here) as customer, connected(without_redis.there) as other:
        for each in (customer, other):
            await each.hello()
        for answers in await asyncio.gather(customer.ask("运费多少钱"), other.ask("积分怎么用")):
            assert answers[0]["from"] == "bot"


async def test_of_two_who_claim_in_two_processes_one_wins(without_redis: Cluster) -> None:
    names = ["小李", "小王"]
    ids = [user(without_redis.database, name) for name in names]
    async with AsyncExitStack() as stack:
        consoles = [
            await stack.enter_async_context(without_redis.console(server, user_id))
            for server, user_id in zip((without_redis.here, without_redis.there), ids, strict=True)
        ]
        customer = await stack.enter_async_context(connected(without_redis.here))
        await customer.hello()
        winners = []
        for number in range(CLAIMS):
            await customer.send(type="human", id=f"human-{number}")
            await customer.until(type="state", state="queued")
            problems = await asyncio.gather(*(one.ask("claim", conversation=customer.conversation) for one in consoles))
            (winner,) = [place for place, problem in enumerate(problems) if problem is None]
            assert problems[1 - winner] == f"{names[winner]} 已接手"
            winners.append(winner)
            state = await customer.until(type="message", sender="system")
            assert names[winner] in state["text"]
            assert await consoles[winner].ask("hand_back", conversation=customer.conversation) is None
            await customer.until(type="state", state="bot")
    claims = [row for row in rows(without_redis.database, tables.conversation_events) if row.kind == "claimed" and row.user_id in ids]
    assert [row.user_id for row in sorted(claims, key=lambda row: row.id)] == [ids[winner] for winner in winners]


# Who is given what


@pytest.fixture
def automatic(without_redis: Cluster) -> Cluster:
    """Nobody is there, nothing waits, and every queue assigns by itself."""
    database = without_redis.database
    nobodys = {"state": "closed", "agent_id": None, "queued_at": None, "due_at": None, "promised_at": None, "unanswered_since": None}
    change(database, tables.conversations, tables.conversations.c.id != "", **nobodys)
    change(database, tables.users, tables.users.c.id > 0, presence="away")
    admin = user(database, f"管理员{free_port()}", "admin", online=False)
    for queue in QUEUES:
        database.transaction(staff.save_queue_settings, admin, queue, promise_minutes=5, auto_assign=True, restricted=False)
    return without_redis


async def wants_a_person(customer: Client) -> None:
    await customer.hello()
    await customer.send(type="human", id="human")


async def owner_of(cluster: Cluster, customer: Client) -> int:
    """Who is given the customer's conversation."""
    await customer.until(SLOWEST, type="state", state="agent")
    (row,) = rows(cluster.database, tables.conversations, tables.conversations.c.id == customer.conversation)
    return int(row.agent_id)


async def test_who_waits_goes_to_the_least_loaded_who_has_room_and_back_when_they_are_gone(automatic: Cluster) -> None:
    database = automatic.database
    large, small, late = (user(database, name, capacity=room, online=False) for name, room in (("大", 3), ("小", 1), ("后来", 5)))
    stranger = user(database, "别队", queues=["account"], online=False)
    async with AsyncExitStack() as stack:

        async def console(server: Server, user_id: int) -> Console:
            return await stack.enter_async_context(automatic.console(server, user_id, which="mine"))

        customers = [await stack.enter_async_context(connected(server)) for server in (automatic.here, automatic.there) for _ in range(3)]
        await console(automatic.here, stranger)
        first = await console(automatic.here, large)
        await console(automatic.there, small)
        owners = []
        for customer in customers[:4]:
            await wants_a_person(customer)
            owners.append(await owner_of(automatic, customer))
        assert sorted(owners[:2]) == sorted((large, small)), "who has nothing to do comes first"
        assert sorted(owners) == sorted((large, large, large, small)), "as many as each has room for"
        last = customers[4]
        await wants_a_person(last)
        await last.until(type="state", state="queued")
        freed = customers[owners.index(large)]
        assert await first.ask("resolve", conversation=freed.conversation, summary="好了", result="solved") is None
        assert await owner_of(automatic, last) == large, "there is room again"
        await first.until(f"row-{last.conversation}", type="place", target="rows")
        theirs = [customer for customer, owner in zip(customers, owners, strict=False) if owner == large and customer is not freed] + [last]
        await first.socket.close()
        change(database, tables.users, tables.users.c.id == large, seen_at=now() - timedelta(minutes=5))
        for customer in theirs:
            await customer.until(SLOWEST, type="state", state="queued")
        taker = await console(automatic.there, late)
        assert {await owner_of(automatic, customer) for customer in theirs} == {late}
        for customer in theirs:
            await customer.say("还在吗")
            assert await taker.ask("reply", conversation=customer.conversation, text="我在", attachments=[]) is None
            assert (await customer.until(type="message", sender="agent"))["text"] == "我在"
