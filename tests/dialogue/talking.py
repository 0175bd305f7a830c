"""A customer who talks to a service, and what the record has of it."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from bot.crm import queries, store, tables
from bot.crm.records import Finished, MessageView, PendingTurn
from bot.service import Service
from tests.crm import making


@dataclass
class Talk:
    """One conversation. Nobody else may write in it meanwhile."""

    service: Service
    id: str = ""
    turn_ids: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = self.id or making.visit(self.service.database).conversation_id

    async def say(self, text: str, payload: str | None = None) -> list[MessageView]:
        """What the assistant replies; by the way that messages take: accepted, worked on, committed."""
        accepted = await self.service.accept(self.id, uuid.uuid4().hex, text, payload=payload)
        self.turn_ids.append(accepted.turn_id)
        return await self.service.replies(accepted.turn_id)

    async def says(self, *texts: str) -> list[MessageView]:
        """The replies to the last of several messages."""
        replies: list[MessageView] = []
        for text in texts:
            replies = await self.say(text)
        return replies

    def accept(self, text: str, payload: str | None = None, *, owner: str | None = "somebody") -> PendingTurn:
        """A message is in the record and somebody holds its turn; nobody works on it yet."""
        accepted = making.say(self.service.database, self.id, text, owner=owner, payload=payload)
        self.turn_ids.append(accepted.turn_id)
        turn: PendingTurn = making.turn_of(accepted)
        return turn

    def finish(self, outcome: Any, *, owner: str = "somebody") -> Finished:
        return self.service.database.transaction(store.finish_turn, outcome, owner=owner)

    def rows(self, table: Any) -> list[Any]:
        column = table.c.id if table is tables.conversations else table.c.conversation_id
        return making.rows(self.service.database, table, column == self.id)

    @property
    def row(self) -> Any:
        """The conversation's own row."""
        return self.rows(tables.conversations)[0]

    @property
    def state(self) -> str:
        return str(self.row.state)

    @property
    def turn(self) -> Any:
        """The row of the last turn."""
        return next(row for row in self.rows(tables.turns) if row.id == self.turn_ids[-1])

    @property
    def seen(self) -> Any:
        """What was understood of the last message: its interaction row."""
        return next(row for row in self.rows(tables.interactions) if row.turn_id == self.turn_ids[-1])

    def messages(self) -> list[MessageView]:
        return self.service.database.transaction(queries.messages_after, self.id, 0)

    def events(self, turn_id: int) -> list[dict[str, Any]]:
        """The assistant's events of one turn, as they were written."""
        table = tables.tracker_turns
        found = self.service.database.transaction(lambda c: c.execute(select(table.c.events).where(table.c.turn_id == turn_id)).scalar())
        return list(found or [])


def payloads(replies: list[MessageView]) -> list[str]:
    return [button["payload"] for reply in replies for button in reply.buttons]


def said(replies: list[MessageView]) -> str:
    return "\n".join(reply.text for reply in replies)
