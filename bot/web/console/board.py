"""Tells all consoles of this process what changed: one look into the record for each change, drawn once for all who may see it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from bot.conversation.outcome import State
from bot.crm import desk_queries, staff
from bot.crm.parts import now
from bot.crm.records import Change, ConversationRow, Line
from bot.errors import ZhikeError, in_short
from bot.service import Service
from bot.web.console import reads
from bot.web.console.reads import Standing
from bot.web.console.rendering import Fragments, frame
from bot.web.console.views import Look, View, line_frame
from bot.web.console.words import customer_name, last_words
from bot.web.hub import Hub

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.5
"""How long it takes at most to notice what another process did, when no hint tells, and that somebody may not be here any more."""
COUNT_SECONDS = 0.25
SEEN_SECONDS = 10.0
REST_SECONDS = 0.05
"""How long a message that was shown at once is ahead of all else that it changes; by then it is mostly understood, too."""
AT_ONCE = 50
REMEMBERED = 5000
OVERLAP = timedelta(seconds=10)
"""A change is visible some time after the moment that it carries."""
NEW = timedelta(seconds=10)


class Console(Protocol):
    """A socket of an agent."""

    token: str
    view: View

    def send(self, *frames: str) -> None:
        """Put frames into the line."""

    def lose(self) -> None:
        """The open conversation is not for this agent's eyes any more."""

    def beside_changed(self) -> None:
        """What stands beside the open conversation may have changed."""

    def stands(self, standing: Standing | None) -> None:
        """Who this is now; None: nobody who is signed in."""

    async def end(self) -> None:
        """The server stops."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was told of a conversation last."""

    updated_at: datetime
    state: State
    agent_id: int | None
    queue: str | None
    last_seq: int


class Board:
    """Knows the consoles of this process and what they show."""

    def __init__(self, service: Service, hub: Hub, fragments: Fragments) -> None:
        self._service = service
        self._fragments = fragments
        self._consoles: set[Console] = set()
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._uncounted: set[Console] = set()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._warned: OrderedDict[tuple[str, datetime], None] = OrderedDict()
        self._polled = now()
        self._tasks: list[asyncio.Task[None]] = []
        self._showing: set[asyncio.Task[None]] = set()
        service.on_changed(self.changed)
        hub.on_customer_types(self._customer_types)

    def start(self) -> None:
        """Begin to tell."""
        self._tasks = [
            asyncio.create_task(self._tell()),
            asyncio.create_task(self._again_and_again(self._count, COUNT_SECONDS)),
            asyncio.create_task(self._again_and_again(self._look_round, POLL_SECONDS)),
            asyncio.create_task(self._again_and_again(self._seen, SEEN_SECONDS)),
        ]

    async def stop(self) -> None:
        """Stop telling."""
        tasks = [*self._tasks, *self._showing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def hang_up(self) -> None:
        """End all sockets."""
        await asyncio.gather(*(console.end() for console in list(self._consoles)))

    def add(self, console: Console) -> None:
        """From now on the console hears of what changes."""
        if not self._consoles:
            self._known.clear()
            self._polled = now()
        self._consoles.add(console)
        self._uncounted.add(console)

    def remove(self, console: Console) -> None:
        """It has gone."""
        self._consoles.discard(console)
        self._uncounted.discard(console)

    def recount(self, console: Console) -> None:
        """What the console's viewer may see has changed."""
        self._uncounted.add(console)

    def changed(self, conversation_id: str, change: Change | None = None) -> "asyncio.Task[None] | None":
        """There is something new in a conversation. Messages that are given are shown at once, all else once it was read.

        Returns what shows those messages, if anybody looks.
        """
        if not self._consoles:
            return None
        showing = None
        if change is not None and change.messages and any(console.view.conversation_id == conversation_id for console in self._consoles):
            showing = asyncio.get_running_loop().create_task(self._show_messages(change))
            self._showing.add(showing)
            showing.add_done_callback(self._showing.discard)
        self._changed.add(conversation_id)
        if showing is None:
            self._news.set()
        elif self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(REST_SECONDS, self._look_now)
        return showing

    def _look_now(self) -> None:
        self._soon = None
        self._news.set()

    async def _show_messages(self, change: Change) -> None:
        tokens = {console.token for console in self._consoles if console.view.conversation_id == change.conversation_id}
        try:
            found, seeing = await self._service.database.glance(reads.eyes, change.conversation_id, tokens, now())
        except ZhikeError:
            return  # it is shown with all else that changed
        lines = [Line(key=f"m{message.seq}", type="message", at=message.at, message=message) for message in change.messages]
        frames: dict[str, str] = {}
        self._take_up(tokens, found)
        for console in list(self._consoles):
            if console.token in seeing and console.view.conversation_id == change.conversation_id:
                for line in console.view.following(lines):
                    if line.key not in frames:
                        frames[line.key] = line_frame(self._fragments, change.conversation_id, line, None)
                    console.send(frames[line.key])

    def _customer_types(self, conversation_id: str, on: bool) -> None:
        for console in self._consoles:
            if console.view.conversation_id == conversation_id:
                console.send(frame("typing", conversation=conversation_id, on=on))

    # What changed

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = list(self._changed), set()
            try:
                for start in range(0, len(changed), AT_ONCE):
                    await self._tell_of(changed[start : start + AT_ONCE])
            except Exception as error:
                log.error("cannot tell consoles what changed", error=in_short(error))
                await asyncio.sleep(COUNT_SECONDS)
                self._changed.update(changed)
                self._news.set()

    async def _tell_of(self, conversation_ids: Collection[str]) -> None:
        at = now()
        open_ones = {console.view.conversation_id for console in self._consoles}
        for row, restricted, lines in await self._look(conversation_ids, open_ones, at):
            look = Look(self._fragments, row, restricted, lines)
            before = self._remember(row)
            for console in list(self._consoles):
                self._show(console, look)
            self._to_count(row, before)
            self._notify(look, before, at)

    async def _look(
        self, conversation_ids: Collection[str], open_ones: Collection[str], at: datetime
    ) -> Sequence[tuple[ConversationRow, bool, Sequence[Line]]]:
        """What the record says of conversations; from then on every console is who it is in the same moment of the record."""
        tokens = self._tokens()
        looks = await self._service.database.read(reads.looks, conversation_ids, open_ones, tokens, at)
        self._take_up(tokens, looks.standings)
        return looks.found

    def _tokens(self) -> set[str]:
        return {console.token for console in self._consoles}

    def _take_up(self, tokens: Collection[str], standings: Mapping[str, Standing]) -> None:
        for console in list(self._consoles):
            if console.token in tokens:  # who has come since then was looked up at the greeting
                console.stands(standings.get(console.token))

    def _show(self, console: Console, look: Look) -> None:
        view = console.view
        console.send(*view.list_frames(look))
        if view.conversation_id != look.row.id:
            return
        if view.may_see(look):
            console.send(*view.talk_frames(look))
            console.beside_changed()
        else:
            console.lose()

    def _remember(self, row: ConversationRow) -> _Known | None:
        before = self._known.pop(row.id, None)
        self._known[row.id] = _Known(row.updated_at, row.state, row.agent_id, row.queue, row.last_seq)
        _forget(self._known)
        return before

    def _to_count(self, row: ConversationRow, before: _Known | None) -> None:
        moved = before is None or (before.state, before.agent_id, before.queue) != (row.state, row.agent_id, row.queue)
        self._uncounted |= {console for console in self._consoles if moved or console.view.viewer.user_id == row.agent_id}

    def _notify(self, look: Look, before: _Known | None, at: datetime) -> None:
        row = look.row
        if row.state == "queued" and (before.state != "queued" if before else row.queued_at and at - row.queued_at < NEW):
            words = "；".join(str(reason["zh"]) for reason in row.reasons)
            self._notice("escalation", row, words, [each for each in self._consoles if _serves(each.view, look)])
        elif row.state == "agent" and row.sender == "customer" and (row.last_seq > before.last_seq if before else at - row.last_at < NEW):
            self._notice("reply", row, last_words(row), self._owners(row))

    def _notice(self, kind: str, row: ConversationRow, words: str, consoles: Collection[Console]) -> None:
        title = f"{customer_name(row.customer, row.id)}：{words}"[:120]
        for console in consoles:
            console.send(frame("notice", kind=kind, conversation=row.id, title=title))

    def _owners(self, row: ConversationRow) -> list[Console]:
        return [console for console in self._consoles if console.view.viewer.user_id == row.agent_id]

    # What is looked for again and again

    async def _again_and_again(self, look: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            if not self._consoles:
                continue
            try:
                await look()
            except Exception as error:
                log.error("cannot look after consoles", look=look.__name__, error=in_short(error))

    async def _count(self) -> None:
        consoles, self._uncounted = self._uncounted, set()
        if not consoles:
            return
        counts = await self._service.database.read(reads.counts, {console.view.viewer for console in consoles}, now())
        for console in consoles & self._consoles:
            console.send(*console.view.counts_frames(counts.get(console.view.viewer)))

    async def _look_round(self) -> None:
        at = now()
        tokens = self._tokens()
        self._take_up(tokens, await self._service.database.read(reads.standings, tokens, at))
        changed = await self._service.database.read(desk_queries.changed_since, self._polled - OVERLAP)
        self._polled = at
        for conversation_id, updated_at, _, _ in changed:
            known = self._known.get(conversation_id)
            if known is None or known.updated_at != updated_at:
                self.changed(conversation_id)
        await self._warn(at)

    async def _warn(self, at: datetime) -> None:
        """Of promises that are about to be missed, once each."""
        near = [each for each in await self._service.database.read(desk_queries.nearly_missed, at) if each not in self._warned]
        if not near:
            return
        self._warned |= dict.fromkeys(near)
        _forget(self._warned)
        for row, restricted, _ in await self._look([conversation_id for conversation_id, _ in near], (), at):
            waits = row.state == "queued"
            look = Look(self._fragments, row, restricted)
            to = [each for each in self._consoles if _serves(each.view, look)] if waits else self._owners(row)
            self._notice("promise", row, last_words(row), to)

    async def _seen(self) -> None:
        at = now()
        for user_id in {console.view.viewer.user_id for console in self._consoles}:
            await self._service.database.run(staff.seen, user_id, at)
        for console in self._consoles:
            console.send(frame("beat"))
        self._uncounted |= self._consoles  # promises run out


def _serves(view: View, look: Look) -> bool:
    return look.row.queue in view.viewer.queues and view.may_see(look)


def _forget(known: OrderedDict[Any, Any]) -> None:
    while len(known) > REMEMBERED:
        known.popitem(last=False)
