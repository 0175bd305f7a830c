"""Works on the pending turns of conversations: one at a time in each, several conversations side by side."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from bot.crm import store
from bot.crm.database import Commit, Database
from bot.crm.records import Finished, PendingTurn
from bot.dialogue.assistant import Assistant
from bot.errors import in_short

log = structlog.get_logger(__name__)

LEASE_SECONDS = 30.0
AT_ONCE = 4
"""Turns under way at the same time. They share one processor; more would only share their time limit too."""


class Worker:
    """Takes turns that were accepted here or that wait in the record, and tells what came of them.

    `on_started(conversation_id)` is called when work on a turn begins, `on_finished(finished)` once its outcome is committed.
    """

    def __init__(
        self,
        database: Database,
        assistant: Assistant,
        owner: str,
        *,
        on_started: Callable[[str], None] = lambda conversation_id: None,
        on_finished: Callable[[Finished], None] = lambda finished: None,
        poll_seconds: float = 1.0,
    ) -> None:
        self._database = database
        self._assistant = assistant
        self._owner = owner
        self.on_started = on_started
        self.on_finished = on_finished
        self._poll_seconds = poll_seconds
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._working: dict[str, asyncio.Task[None]] = {}
        self._hint = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Free what this worker held when it was last stopped or killed, and look for turns from then on."""
        await self._database.run(store.release_leases, self._owner)
        self._polling = asyncio.create_task(self._poll())

    def take(self, turn: PendingTurn, accepted: Commit | None = None) -> None:
        """Work on a turn whose conversation this worker has leased; it counts once `accepted`, if given, is done."""
        before = self._working.get(turn.conversation_id)
        task = asyncio.create_task(self._work(turn, before, accepted))
        self._working[turn.conversation_id] = task

    def hint(self) -> None:
        """There may be turns that wait: look now."""
        self._hint.set()

    async def stop(self) -> None:
        """Finish the turns under way and give back the leases of all others."""
        if self._polling:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await asyncio.gather(*self._working.values(), return_exceptions=True)
        await self._database.run(store.release_leases, self._owner)

    async def _work(self, turn: PendingTurn, before: "asyncio.Task[None] | None", accepted: Commit | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await self._until_none_waits(turn, accepted)
        except Exception as error:
            # The turn stays pending and its lease runs out: it is tried again then.
            self._assistant.forget(turn.conversation_id)
            log.error(
                "turn not finished",
                conversation=turn.conversation_id,
                turn=turn.turn_id,
                error=in_short(error),
            )
        finally:
            if self._working.get(turn.conversation_id) is asyncio.current_task():
                del self._working[turn.conversation_id]

    async def _until_none_waits(self, turn: PendingTurn | None, accepted: Commit | None) -> None:
        while turn is not None:
            async with self._slots:
                self.on_started(turn.conversation_id)
                if accepted is not None and turn.attended:
                    await accepted  # what was said meanwhile is read from the record, up to this message
                outcome = await self._assistant.answer(turn)
                finish = partial(store.finish_turn, outcome=outcome, owner=self._owner, lease_seconds=LEASE_SECONDS)
                finished = await (self._database.run(finish) if accepted is None else self._database.run_after(accepted, finish))
                if accepted is not None:
                    await accepted.heard.wait()
                    accepted = None
            if finished.discarded or outcome.error is not None:
                self._assistant.forget(turn.conversation_id)
            elif outcome.tracker_events:
                self._assistant.written(turn.conversation_id, turn.turn_id)
            if not finished.discarded:
                self.on_finished(finished)
            turn = finished.next

    async def _poll(self) -> None:
        while True:
            try:
                if self._working:
                    await self._database.run(store.extend_leases, self._owner, list(self._working), lease_seconds=LEASE_SECONDS)
                for turn in await self._database.run(store.claim_turns, self._owner, lease_seconds=LEASE_SECONDS):
                    self.take(turn)
            except Exception as error:  # whatever it is, turns that are left must still be found later
                log.error("cannot look for turns", error=in_short(error))
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._hint.wait()
            except TimeoutError:
                pass
            self._hint.clear()
