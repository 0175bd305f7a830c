"""A busy desk: five hundred open conversations and twenty agents at their consoles, on a real server process."""

import asyncio
import json
import re
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import urljoin

import aiohttp
import pytest
from sqlalchemy import Connection
from yarl import URL

from bot.crm import ownership, store
from bot.crm.database import Database
from bot.crm.records import Visit
from tests.crm.making import hand_off, outcome, turn_of
from tests.servers import Client, Server
from tests.web.consoles import PATIENCE, Console, console_at

pytestmark = pytest.mark.slow

CONVERSATIONS = 500
AGENTS = 20
ROUNDS = 60
"""Messages of one part of the run. The quietest part counts: others use the machine, too."""
PACE = 0.1
"""Seconds from one message to the next: ten customers write every second."""
MOST = 10
"""A customer's message takes at most so many times as long as a bare round trip."""
LARGEST = 300_000
"""Bytes of the console's page with all that it loads."""
RATES = {"ZHIKE_VISITOR_RATE": "100000/1000", "ZHIKE_ADDRESS_RATE": "100000/1000", "ZHIKE_VISIT_RATE": "100000/1000"}


@dataclass
class Busy:
    """A server with many conversations: half of them wait, the others belong to the agents."""

    server: Server
    database: Database
    owned: dict[int, list[Visit]]

    @property
    def url(self) -> URL:
        return URL(self.server.url)


@pytest.fixture
async def busy(database: Database, tmp_path: Path) -> AsyncIterator[Busy]:
    owned = database.transaction(_fill)
    url = database.url.render_as_string(hide_password=False)
    with Server(tmp_path, ZHIKE_DATABASE_URL=url, **RATES) as server:
        yield Busy(server, database, owned)


def _fill(c: Connection) -> dict[int, list[Visit]]:
    agents = [store.add_user(c, f"客服{number}", "agent", "hash").id for number in range(AGENTS)]
    owned: dict[int, list[Visit]] = {agent: [] for agent in agents}
    for number in range(CONVERSATIONS):
        visit = store.start_visit(c, channel="web", locale="zh-CN", notice_version="1")
        for part in range(3):
            text = f"第 {number} 位顾客的第 {part} 句话，包裹还没有到"
            accepted = store.accept_message(c, visit.conversation_id, f"m{part}", text, owner="w")
            store.finish_turn(c, outcome(turn_of(accepted), hand_off=hand_off() if part == 2 else None), owner="w")
        if number % 2:
            agent = agents[number // 2 % AGENTS]
            ownership.claim(c, visit.conversation_id, agent)
            owned[agent].append(visit)
    return owned


class Screen:
    """What an agent sees. Everything that comes is read as it comes, as a browser does."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._console.socket:
            for wanted, found in self._waiting.items():
                if all(part in message.data for part in wanted) and not found.done():
                    found.set_result(perf_counter())

    async def shown(self, text: str, place: str) -> float:
        """When a text was put into an element of the page."""
        wanted = (text, f'"target":"{place}"')
        found = self._waiting[wanted] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PATIENCE):
                return await found
        finally:
            del self._waiting[wanted]

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def _screen(busy: Busy, agent: int, which: str) -> AsyncIterator[Screen]:
    async with console_at(busy.url, busy.database, agent, busy.owned[agent][0].conversation_id, which=which) as console:
        screen = Screen(console)
        yield screen
        await screen.close()


@asynccontextmanager
async def _customer(busy: Busy, agent: int) -> AsyncIterator[Client]:
    """The customer whose conversation an agent has open."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{busy.server.url}/chat/ws") as socket:
        one = Client(socket)
        await one.hello(busy.owned[agent][0].token, cursor=100)
        yield one


async def _bare(customer: Client) -> float:
    """How long a frame takes there and back when nothing has to be done."""
    begun = perf_counter()
    await customer.send(type="nothing")
    await customer.until(type="error")
    return perf_counter() - begun


async def _to_the_owner(customer: Client, owner: Screen, text: str) -> float:
    """How long it takes from what a customer sends to the owner's page; all else that follows from it is over afterwards."""
    in_the_talk, in_the_list = (asyncio.create_task(owner.shown(text, place)) for place in ("log", "rows"))
    await asyncio.sleep(0)
    begun = perf_counter()
    await customer.say(text)
    await customer.until(type="ack")
    shown = await in_the_talk
    await in_the_list
    return shown - begun


async def _part(pairs: Sequence[tuple[Client, Screen]], words: str) -> tuple[float, float, float]:
    """The ratio of a customer's message to a bare round trip, and both in seconds: medians of a part of the run."""
    bare, told = [], []
    for number in range(ROUNDS):
        customer, owner = pairs[number % AGENTS]
        bare.append(await _bare(customer))
        told.append(await _to_the_owner(customer, owner, f"{words}：包裹还没有到呢，第 {number} 次问"))
        await asyncio.sleep(PACE)
    return statistics.median(told) / statistics.median(bare), statistics.median(bare), statistics.median(told)


async def test_a_customers_message_is_with_its_owner_in_the_order_of_a_round_trip(busy: Busy) -> None:
    async with AsyncExitStack() as stack:
        pairs = []
        for number, agent in enumerate(busy.owned):
            screen = await stack.enter_async_context(_screen(busy, agent, ("mine", "all")[number % 2]))
            pairs.append((await stack.enter_async_context(_customer(busy, agent)), screen))
        parts = [await _part(pairs, words) for words in "甲乙丙丁"]
    ratio, bare, told = min(parts)
    print(f"\n{told * 1e3:.2f} ms, {ratio:.1f} times a round trip of {bare * 1e3:.2f} ms; all: {[round(part[0], 1) for part in parts]}")
    assert ratio <= MOST


async def test_the_consoles_page_with_all_that_it_loads_is_small(busy: Busy) -> None:
    agent = next(iter(busy.owned))
    conversation_id = busy.owned[agent][0].conversation_id
    async with console_at(busy.url, busy.database, agent, conversation_id, which="all") as console:
        loaded = {f"/agent/c/{conversation_id}": ""}
        while "" in loaded.values():
            path = next(path for path, text in loaded.items() if not text)
            async with console.browser.session.get(path) as response:
                assert response.status == 200
                loaded[path] = await response.text()
            for found in re.findall(r'(?:src|href|from|import)[= ]"([./][^"]*\.(?:js|css))"', loaded[path]):
                loaded.setdefault(urljoin(path, found), "")
        frames = sum(len(json.dumps(frame, ensure_ascii=False).encode()) for frame in console.frames)
    assert {path.rpartition(".")[2] for path in loaded} >= {"js", "css"}
    assert sum(len(text.encode()) for text in loaded.values()) + frames < LARGEST, "uncompressed"
