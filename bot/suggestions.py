"""Suggested replies for agents, from what the record holds; made anew, beside all else, when that has changed."""

import asyncio
from time import monotonic
from typing import Any

import structlog

from bot.crm import suggestions
from bot.crm.database import Database
from bot.errors import ZhikeError, in_short
from bot.learning.suggest import ReplySuggester, Suggestion

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0


class Suggestions:
    """Suggests replies that are at most a minute behind the record. They are offered to agents and never sent by themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._suggester = ReplySuggester(())
        self._mark: tuple[Any, ...] | None = None
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()

    async def suggest(self, text: str, queue: str | None = None, *, limit: int = 3) -> list[Suggestion]:
        """Replies that suit a customer's text, the best first; none when nothing suits, or while the record does not answer.

        `queue` is the conversation's: what was answered in a restricted queue is suggested there only.
        """
        if self._is_due() or self._mark is None:  # otherwise nobody waits while the next suggester is made
            async with self._looking:
                if self._is_due():
                    self._looked_at = monotonic()
                    await self._look()
        return await asyncio.to_thread(self._suggester.suggest, text, queue, limit=limit)

    def _is_due(self) -> bool:
        return self._looked_at is None or monotonic() - self._looked_at >= LOOK_SECONDS

    async def _look(self) -> None:
        try:
            mark = await self._database.read(suggestions.mark)
            if mark != self._mark:
                answers = await self._database.read(suggestions.answers)
                self._suggester = await asyncio.to_thread(ReplySuggester, answers, before=self._suggester)
                self._mark = mark
        except ZhikeError as error:
            log.warning("cannot read what agents answered", error=in_short(error))
