"""Tells the outside what the record put into its outbox: at least once, in order of due time, with a key that tells repetitions."""

import asyncio
import hashlib
import hmac
import json

import aiohttp
import structlog

from bot.crm import store
from bot.crm.database import Database
from bot.crm.records import OutboxItem
from bot.errors import ZhikeError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
ANSWER_SECONDS = 10.0


async def tell_outside(database: Database, url: str, secret: str | None, *, look_seconds: float = LOOK_SECONDS) -> None:
    """Send what is due, again and again, until cancelled.

    Each item is a JSON object `{"kind","key",…}` by POST with the header `Idempotency-Key`. Any 2xx answer is an acknowledgement;
    otherwise the item comes again after a minute, then two, four, up to a day.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as client:
        while True:
            try:
                for item in await database.run(store.claim_outbox):
                    if await _told(client, url, secret, item):
                        await database.run(store.outbox_sent, item.id)
            except ZhikeError as error:
                log.error("cannot look into the outbox", error=str(error))
            await asyncio.sleep(look_seconds)


async def _told(client: aiohttp.ClientSession, url: str, secret: str | None, item: OutboxItem) -> bool:
    body = json.dumps({"kind": item.kind, "key": item.key, **item.payload}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": item.key}
    if secret:
        headers["X-Zhike-Signature"] = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    try:
        async with client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            if 200 <= answer.status < 300:
                return True
            problem = f"status {answer.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        problem = type(error).__name__
    log.warning("the webhook did not take an item", kind=item.kind, key=item.key, attempt=item.attempts, problem=problem)
    return False
