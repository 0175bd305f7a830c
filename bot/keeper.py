"""Keeps the queues: takes conversations back from agents who are gone, and gives waiting ones to those who are there."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.crm import ownership
from bot.crm.database import Database
from bot.crm.parts import now
from bot.errors import in_short

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
GRACE = timedelta(seconds=30)
"""Consoles that a restart cut off come back in that time: until then nobody counts as gone."""


async def keep(
    database: Database, changed: Callable[[str], object], *, look_seconds: float = LOOK_SECONDS, grace: timedelta = GRACE
) -> None:
    """Look again and again until cancelled; `changed(conversation_id)` is called for each conversation that moved.

    Any number of processes may do this at the same time.
    """
    begun = now()
    while True:
        try:
            at = now()
            lost = await database.run(ownership.release_lost, at) if at - begun >= grace else []
            given = await database.run(ownership.auto_assign, at)
            for conversation_id in (*lost, *(conversation_id for conversation_id, _ in given)):
                changed(conversation_id)
            if lost or given:
                log.info("kept the queues", lost=len(lost), assigned=len(given))
        except Exception as error:
            log.error("cannot keep the queues", error=in_short(error))
        await asyncio.sleep(look_seconds)
