"""A busy desk: five hundred open conversations and twenty agents at their consoles, on a real server process."""

import asyncio
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import aiohttp
import pytest
from sqlalchemy import Connection
from yarl import URL

from bot.crm import ownership, store
from bot.crm.database import Database
from bot.crm.records import Visit
from tests.crm.making import hand_off, outcome, turn_of
from tests.servers import Client, Server
from tests.web.consoles import Console, console_at

pytestmark = pytest.mark.slow

CONVERSATIONS = 500
AGENTS = 20
ROUNDS = 300
MOST = 10
"""A message takes at most so many times as long as a bare round trip."""
LARGEST = 300_000
"""Bytes of the console's page with all that belongs to it."""
RATES = {"ZHIKE_VISITOR_RATE": "100000/1000", "ZHIKE_ADDRESS_RATE": "100000/1000", "ZHIKE_VISIT_RATE": "100000/1000"}


@dataclass
class Busy:
    """A server under whose record lie so many conversations, each with its owner; the rest waits."""

    server: Server
    database: Database
    agents: Sequence[int]
    owned: Sequence[tuple[int, Visit]]

    @property
    def url(self) -> URL:
        return URL(self.server.url)


@pytest.fixture
async def busy(database: Database, tmp_path: Path) -> AsyncIterator[Busy]:
    agents = [database.transaction(store.add_user, f"客服{number}", "agent", "hash").id for number in range(AGENTS)]
    owned = [database.transaction(_talk, agents[number // 2 % AGENTS], number) for number in range(CONVERSATIONS)]
    url = database.url.render_as_string(hide_password=False)
    with Server(tmp_path, ZHIKE_DATABASE_URL=url, **RATES) as server:
        yield Busy(server, database, agents, [each for each in owned if each])


def _talk(c: Connection, agent: int, number: int) -> tuple[int, Visit] | None:
    visit = store.start_visit(c, channel="web", locale="zh-CN", notice_version="1")
    for part in range(3):
        accepted = store.accept_message(
            c, visit.conversation_id, f"m{part}", f"第 {number} 位顾客的第 {part} 句话，包裹还没有到", owner="w"
        )
        store.finish_turn(c, outcome(turn_of(accepted), hand_off=hand_off() if part == 2 else None), owner="w")
    if number % 2:
        return None
    ownership.claim(c, visit.conversation_id, agent)
    return agent, visit


@asynccontextmanager
async def _customer(server: Server, token: str | None) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/chat/ws") as socket:
        one = Client(socket)
        await one.hello(token, cursor=100)
        yield one


async def _bare(customer: Client) -> float:
    """How long a frame takes there and back when nothing has to be done."""
    begun = perf_counter()
    await customer.send(type="nothing")
    await customer.until(type="error")
    return perf_counter() - begun


async def _to_the_owner(customer: Client, owner: Console, text: str) -> float:
    begun = perf_counter()
    await customer.say(text)
    await owner.until(text, type="place", target="log")
    return perf_counter() - begun


async def test_a_customers_message_is_with_its_owner_in_the_order_of_a_round_trip(busy: Busy) -> None:
    async with AsyncExitStack() as stack:
        pairs = []
        for agent in busy.agents:
            visit = next(visit for owner, visit in busy.owned if owner == agent)
            which = ("mine", "queue", "all")[agent % 3]
            console = await stack.enter_async_context(console_at(busy.url, busy.database, agent, visit.conversation_id, which=which))
            pairs.append((await stack.enter_async_context(_customer(busy.server, visit.token)), console))
        reading = [asyncio.create_task(_drain(console)) for _, console in pairs]
        bare, told = [], []
        for number in range(ROUNDS):
            customer, owner = pairs[number % AGENTS]
            bare.append(await _bare(customer))
            told.append(await _to_the_owner(customer, owner, f"包裹还没有到呢 {number}"))
            await asyncio.sleep(0.02)
    print(
        f"bare {statistics.median(bare) * 1e3:.2f} told {statistics.median(told) * 1e3:.2f} p90 {sorted(told)[int(0.9 * ROUNDS)] * 1e3:.2f} ratio {statistics.median(told) / statistics.median(bare):.1f}"
    )
    for i in range(0, ROUNDS, 50):
        print([round(x * 1e3, 2) for x in told[i : i + 10]], [round(x * 1e3, 2) for x in bare[i : i + 10]])


async def _drain(c):
    pass
