"""What actions may do: look into the record, and put work for people and changes of orders into the turn under way."""

import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from bot.conversation.escalation import most_urgent
from bot.conversation.mood import Mood
from bot.conversation.outcome import HandOff, Interaction, NewTicket, OrderChange, TurnOutcome
from bot.crm import desk_queries, queries, store
from bot.crm.database import Database
from bot.crm.parts import now
from bot.crm.records import Availability, OrderView
from bot.dialogue.summary import summarise, team
from bot.dialogue.triage import Triage, Understanding
from bot.dialogue.turn import Turn, current_turn

REMEMBERED_SENDERS = 1000
SUMMARISED = 20
"""Earlier messages that the summary of a hand-off is made from."""


class Desk:
    """The services of the house, as actions use them.

    Inside the embedded assistant everything is collected in the current turn and written with it. In a process that only serves
    actions to a separate Rasa server (`rasa run actions`) there is no such turn: there, each call is written at once, into a
    conversation of the channel `rasa` that belongs to Rasa's sender.
    """

    def __init__(self, database: Database, triage: Triage, zone: tzinfo) -> None:
        self._database = database
        self._triage = triage
        self._zone = zone
        self._foreign: OrderedDict[str, Turn] = OrderedDict()

    async def assess(self, sender: str, text: str, parsed: dict[str, Any], failures: int, message_id: str | None) -> Interaction:
        """Triage of the customer message under way; asked again within the same turn, the same answer.

        `failures` counts the messages in a row before this one that were not understood.
        """
        understood = Understanding.of(parsed)
        failures = failures + 1 if understood.fallback else 0
        turn = current_turn.get() or await self._foreign_turn(sender, text, message_id or str(uuid.uuid4()))
        if turn.interaction is None:
            turn.interaction = self._triage.assess(text, understood, mood=turn.mood, failures=failures, milliseconds=turn.milliseconds)
            if current_turn.get() is None:
                outcome = TurnOutcome(turn.turn_id, turn.conversation_id, "observe", turn.interaction)
                await self._database.run(store.finish_turn, outcome, owner=None)
        return turn.interaction

    async def order(self, number: str) -> OrderView | None:
        """The order with that number."""
        return await self._database.read(queries.find_order, number)

    async def recent_orders(self, limit: int = 3) -> Sequence[OrderView]:
        """The last orders of the customer when the shop vouches for who that is; otherwise none."""
        turn = current_turn.get()
        if turn is None or not turn.verified:
            return ()
        return await self._database.read(queries.orders_of_customer, turn.customer_id, limit)

    async def availability(self, queue: str) -> Availability:
        """Whether somebody is there now for the customers of a queue, and when the shop opens next, in its own time."""
        found = await self._database.read(desk_queries.availability, queue, now(), self._zone)
        return replace(found, opens_at=found.opens_at and found.opens_at.astimezone(self._zone))

    def owns(self, order: OrderView) -> bool:
        """Whether the shop vouches that the customer in this conversation placed the order."""
        turn = current_turn.get()
        return turn is not None and turn.verified and order.customer_id == turn.customer_id

    async def open_ticket(self, sender: str, ticket: NewTicket) -> None:
        """Work for a team, written with the turn."""
        async with self._collecting(sender) as turn:
            turn.tickets.append(ticket)

    async def change_order(self, sender: str, change: OrderChange) -> None:
        """A change of an order, written with the turn."""
        async with self._collecting(sender) as turn:
            turn.order_changes.append(change)

    async def hand_off(self, sender: str, known: dict[str, str]) -> HandOff | None:
        """The conversation goes to a person: queue, priority and reasons from this message's triage, and a summary of facts.

        `known` holds what forms were told so far (order number, what happened), by label. None when nothing was triaged yet.
        """
        async with self._collecting(sender) as turn:
            if turn.interaction is None:
                return None
            earlier = await self._database.read(queries.recent_interactions, turn.conversation_id, SUMMARISED)
            turn.hand_off = HandOff(
                queue=team(turn.interaction, earlier),
                priority=most_urgent(turn.interaction.reasons),
                reasons=turn.interaction.reasons,
                summary=summarise(turn.text, turn.interaction, earlier, known, more=len(earlier) == SUMMARISED),
            )
            return turn.hand_off

    @asynccontextmanager
    async def _collecting(self, sender: str) -> AsyncIterator[Turn]:
        if turn := current_turn.get():
            yield turn
            return
        turn = self._foreign.get(sender) or await self._foreign_turn(sender, "", str(uuid.uuid4()))
        yield turn
        tickets, changes, hand_off = tuple(turn.tickets), tuple(turn.order_changes), turn.hand_off
        turn.tickets, turn.order_changes, turn.hand_off = [], [], None
        await self._database.run(store.apply_effects, turn.conversation_id, tickets=tickets, order_changes=changes, hand_off=hand_off)

    async def _foreign_turn(self, sender: str, text: str, message_id: str) -> Turn:
        """The message of a separate Rasa server's sender; the same message again is the same turn."""
        known = self._foreign.get(sender)
        if known is not None and known.payload == message_id:
            return known
        visit = await self._database.run(store.visit_of_sender, "rasa", sender)
        accepted = await self._database.run(store.accept_message, visit.conversation_id, message_id, text or "/")
        pending = await self._database.read(queries.next_turn, visit.conversation_id)
        turn = Turn(
            turn_id=accepted.turn_id, conversation_id=visit.conversation_id, customer_id=visit.customer_id, text=text, locale="zh",
            verified=False, tracker_turn_id=None, mood=pending.mood if pending else Mood(), payload=message_id,
        )  # fmt: skip
        self._foreign[sender] = turn
        while len(self._foreign) > REMEMBERED_SENDERS:
            self._foreign.popitem(last=False)
        return turn
