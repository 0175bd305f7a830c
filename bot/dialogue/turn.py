"""What is known and collected while the assistant works on one customer message."""

import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from bot.conversation.mood import Mood
from bot.conversation.outcome import HandOff, Interaction, NewTicket, OrderChange, Reply

HAN = re.compile(r"[\u3400-\u9fff]")
LATIN_WORD = re.compile(r"[A-Za-z]{2,}")


def language_of(text: str, before: str) -> str:
    """The language to answer in: `zh` or `en`; what it was `before` when the text does not tell (a number, an emoji)."""
    if HAN.search(text):
        return "zh"
    return "en" if LATIN_WORD.search(text) else before


@dataclass(slots=True)
class Turn:
    """One customer message under way. Actions read it and add to it; nothing is written before the turn is over.

    `mood` is what the customer's earlier messages have left.
    `tracker_turn_id` is the last turn that the stored tracker knows. `people_said` is what people wrote since then, and `observed` that
    this message, too, is for a person.
    """

    turn_id: int
    conversation_id: str
    customer_id: int
    text: str
    locale: str
    verified: bool
    tracker_turn_id: int | None
    mood: Mood = Mood()
    payload: str | None = None
    observed: bool = False
    people_said: tuple[str, ...] = ()
    started: float = field(default_factory=time.perf_counter)
    interaction: Interaction | None = None
    replies: list[Reply] = field(default_factory=list)
    tickets: list[NewTicket] = field(default_factory=list)
    order_changes: list[OrderChange] = field(default_factory=list)
    hand_off: HandOff | None = None
    tracker_events: list[dict[str, Any]] = field(default_factory=list)
    slots: dict[str, Any] = field(default_factory=dict)
    active_loop: str | None = None
    failures: list[str] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        """Time since the turn was taken up."""
        return (time.perf_counter() - self.started) * 1e3


current_turn: ContextVar[Turn | None] = ContextVar("current_turn", default=None)
"""The turn that the running task works on; None in a process that only serves actions to a separate Rasa server."""
