"""What is told to the outside, to a real HTTP server."""

import asyncio
import hashlib
import hmac
import json
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.conversation.outcome import HandOff, Reason
from bot.crm import store
from bot.crm.database import Database
from bot.outbox import tell_outside

SECRET = "a secret of sixteen characters or more"


async def test_a_hand_off_is_told_until_it_is_taken(tmp_path: Path) -> None:
    heard: list[tuple[str, bytes, str]] = []

    async def hook(request: web.Request) -> web.Response:
        heard.append((request.headers["Idempotency-Key"], await request.read(), request.headers["X-Zhike-Signature"]))
        return web.Response(status=500 if len(heard) == 1 else 204)

    app = web.Application()
    app.router.add_post("/hook", hook)
    server = TestServer(app)
    await server.start_server()
    database = Database(f"sqlite:///{tmp_path / 'zhike.db'}").open()
    visit = database.transaction(store.visit_of_sender, "rest", "ann")
    hand_off = HandOff("billing", "high", (Reason("anger", "顾客非常不满", "the customer is very angry"),), "顾客共发来 1 条消息。")
    database.transaction(store.apply_effects, visit.conversation_id, hand_off=hand_off)
    telling = asyncio.create_task(tell_outside(database, str(server.make_url("/hook")), SECRET, look_seconds=0.05))
    async with asyncio.timeout(20):
        while len(heard) < 2:
            await asyncio.sleep(0.02)
    refused = heard[0][0]
    assert {key for key, _, _ in heard} == {"ticket-1", "hand_off-1"}
    for _, body, signature in heard:
        assert signature == hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert "顾客" not in body.decode(), "customers' words stay in the record"
    assert json.loads(heard[-1][1])["queue"] == "billing"
    await asyncio.sleep(0.3)
    assert len(heard) == 2, "an item that was refused comes again later, one that was taken never"
    due = database.transaction(lambda c: c.exec_driver_sql("SELECT key FROM outbox WHERE sent_at IS NULL").scalars().all())
    assert due == [refused]
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    await server.close()
    database.close()
