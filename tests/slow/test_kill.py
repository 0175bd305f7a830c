"""The server is killed, again and again, while customers write; what was acknowledged is there, once, with its answer."""

import asyncio
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.servers import Client, Server, connected, until_no_turn_waits

pytestmark = pytest.mark.slow

KILLS = 50
CUSTOMERS = 6
TEXTS = (
    "你好", "我的快递到哪了", "运费多少钱", "算了", "积分怎么用", "有优惠券吗", "转人工", "耳机左边没声音", "发票怎么开", "谢谢",
    "where is my order", "充电宝什么时候有货", "你是机器人吗", "我要退货", "不退了", "好的",
)  # fmt: skip


class Customer:
    """Writes without end, one message at a time, and resends what was not acknowledged."""

    def __init__(self, server: Server, number: int) -> None:
        self._server = server
        self._texts = random.Random(number)
        self._number = number
        self._sent = 0
        self.token: str | None = None
        self.cursor = 0
        self.acknowledged: dict[str, int] = {}
        self.seen: dict[int, str] = {}
        self.stopping = False

    async def run(self) -> None:
        open_message: tuple[str, str] | None = None
        while not (self.stopping and open_message is None):
            try:
                async with connected(self._server) as client:
                    welcome = await client.hello(self.token, cursor=self.cursor)
                    self.token = welcome["token"]
                    for message in welcome["messages"]:
                        self._see(message)
                    while not (self.stopping and open_message is None):
                        if open_message is None:
                            self._sent += 1
                            open_message = f"c{self._number}-{self._sent}", self._texts.choice(TEXTS)
                        await client.say(open_message[1], id=open_message[0])
                        await self._until_acknowledged(client, open_message[0])
                        open_message = None
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                await asyncio.sleep(0.05)

    async def _until_acknowledged(self, client: Client, message_id: str) -> None:
        while True:
            frame = await client.receive()
            if frame["type"] == "message":
                self._see(frame)
            elif frame["type"] == "ack" and frame["id"] == message_id:
                before = self.acknowledged.setdefault(message_id, frame["seq"])
                assert before == frame["seq"]
                return
            elif frame["type"] == "error":
                assert frame["code"] in {"rate_limited", "unavailable"}, frame
                await asyncio.sleep(0.2)
                raise ConnectionError("again")

    def _see(self, message: dict[str, object]) -> None:
        seq, text = message["seq"], str(message["text"])
        assert isinstance(seq, int)
        assert seq == self.cursor + 1, "messages come in order, without gaps or repetitions"
        self.seen[seq] = text
        self.cursor = seq


async def test_killed_at_random_points_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    server = Server(tmp_path, ZHIKE_VISITOR_RATE="100000/1000", ZHIKE_ADDRESS_RATE="100000/1000")
    with server:
        customers = [Customer(server, number) for number in range(CUSTOMERS)]
        writing = [asyncio.create_task(customer.run()) for customer in customers]
        for _ in range(KILLS):
            acknowledged = sum(len(customer.acknowledged) for customer in customers)
            while sum(len(customer.acknowledged) for customer in customers) == acknowledged:
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            server.kill()
            await asyncio.to_thread(server.start)
        for customer in customers:
            customer.stopping = True
        await asyncio.gather(*writing)
        await until_no_turn_waits(tmp_path / "zhike.db")
        for customer in customers:
            await catch_up(server, customer)
    assert sum(len(customer.acknowledged) for customer in customers) > KILLS
    check_record(tmp_path / "zhike.db", customers)


async def catch_up(server: Server, customer: Customer) -> None:
    async with connected(server) as client:
        welcome = await client.hello(customer.token, cursor=customer.cursor)
        for message in welcome["messages"]:
            customer._see(message)
        while True:
            try:
                frame = await client.receive(0.5)
            except TimeoutError:
                return
            if frame["type"] == "message":
                customer._see(frame)


def check_record(path: Path, customers: list[Customer]) -> None:
    with closing(sqlite3.connect(path)) as record:
        stored = dict(record.execute("SELECT client_id, seq FROM messages WHERE sender = 'customer'"))
        acknowledged = {message_id: seq for customer in customers for message_id, seq in customer.acknowledged.items()}
        assert {message_id: stored.get(message_id) for message_id in acknowledged} == acknowledged, "no acknowledged message is lost"
        for conversation, last_seq in record.execute("SELECT id, last_seq FROM conversations"):
            seqs = [seq for (seq,) in record.execute("SELECT seq FROM messages WHERE conversation_id = ? ORDER BY seq", (conversation,))]
            assert seqs == list(range(1, last_seq + 1)), "the sequence has no gaps"
        one = record.execute
        assert one("SELECT count(*) FROM turns WHERE status != 'done'").fetchone() == (0,)
        assert one("SELECT count(*) FROM turns").fetchone() == one("SELECT count(*) FROM messages WHERE sender = 'customer'").fetchone()
        assert one("SELECT count(*) FROM interactions").fetchone() == one("SELECT count(*) FROM turns").fetchone(), (
            "one row for each message"
        )
        assert one(
            "SELECT count(*) FROM messages WHERE sender = 'bot' AND turn_id NOT IN (SELECT turn_id FROM interactions)"
        ).fetchone() == (0,)
        unanswered = one(
            "SELECT count(*) FROM interactions WHERE mode = 'reply' AND turn_id NOT IN (SELECT turn_id FROM messages WHERE sender = 'bot')"
        ).fetchone()
        assert unanswered == (0,), "every message to the assistant is answered"
        for customer in customers:
            (conversation,) = {
                c for (c,) in record.execute("SELECT conversation_id FROM messages WHERE client_id = ?", (f"c{customer._number}-1",))
            }
            log = dict(record.execute("SELECT seq, text FROM messages WHERE conversation_id = ?", (conversation,)))
            assert customer.seen == log, "what the customer saw is the log"
        answers = [json.loads(reasons) for (reasons,) in record.execute("SELECT reasons FROM interactions WHERE escalate")]
        assert all(answers), "every escalation has its reason"
