"""Rasa's tracker store, live: trackers stay in memory, only new events are collected, and the window is bounded.

A turn therefore costs the same at turn 10 and at turn 10,000.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.crm.records import TrackerRecord
from bot.dialogue.quick import QuickTracker
from bot.dialogue.turn import current_turn

KEPT_TURNS = 2
"""Customer messages in a fresh window: what forms and memoized stories look back on."""
MOST_TURNS = 3
"""A live window that has grown to more is cut back to KEPT_TURNS."""


@dataclass(slots=True)
class _Live:
    tracker: QuickTracker
    turn_id: int | None
    collected: int
    """How many events of the tracker are already written."""


class LiveTrackerStore(TrackerStore):
    """Keeps the trackers of the conversations used last; everything else is reloaded through `load`.

    A tracker in memory counts only while it stands at the turn that the database names: another process may have worked since.
    """

    def __init__(self, load: Callable[[str, int], Awaitable[TrackerRecord | None]], *, capacity: int = 2000) -> None:
        super().__init__(Domain.empty())
        self._load = load
        self._capacity = capacity
        self._live: OrderedDict[str, _Live] = OrderedDict()

    @property
    def domain(self) -> Domain:
        """The model's domain; Rasa sets it when a model is loaded."""
        return self._domain

    @domain.setter
    def domain(self, domain: Domain | None) -> None:
        self._domain = domain or Domain.empty()
        self._live.clear()

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker as after the last written turn, or None for a new conversation."""
        turn = current_turn.get()
        expected = turn.tracker_turn_id if turn else None
        live = self._live.get(sender_id)
        if live and live.turn_id == expected:
            self._live.move_to_end(sender_id)
            return live.tracker
        record = await self._load(sender_id, KEPT_TURNS) if expected is not None else None
        if record is None:
            self._live.pop(sender_id, None)
            return None
        events = _window(record.slots, record.active_loop, _events(record.events))
        tracker = QuickTracker.from_events(sender_id, events, self._domain.slots, domain=self._domain)
        self._keep(sender_id, _Live(tracker, expected, len(tracker.events)))
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Collect the events since the last written turn for the current turn's transaction."""
        turn = current_turn.get()
        if turn is None:
            return
        live = self._live.get(tracker.sender_id)
        if live is None or live.tracker is not tracker:
            live = _Live(tracker, None, 0)
            self._keep(tracker.sender_id, live)
        turn.tracker_events = [_compact(event.as_dict()) for event in islice(tracker.events, live.collected, None)]
        turn.slots = {name: value for name, value in tracker.current_slot_values().items() if value is not None}
        turn.active_loop = tracker.active_loop_name

    def written(self, conversation_id: str, turn_id: int) -> None:
        """The current turn is in the database: the live tracker stands at it; its window is cut back when it has grown."""
        live = self._live.get(conversation_id)
        if live is None:
            return
        if sum(isinstance(event, UserUttered) for event in live.tracker.events) > MOST_TURNS:
            tracker = live.tracker
            live.tracker = tracker.with_events(_window(tracker.current_slot_values(), tracker.active_loop_name, tracker.events))
        live.turn_id, live.collected = turn_id, len(live.tracker.events)

    def forget(self, conversation_id: str) -> None:
        """The current turn was not written: what it did to the live tracker is void."""
        self._live.pop(conversation_id, None)

    def init_tracker(self, sender_id: str) -> DialogueStateTracker:
        """An empty tracker."""
        return QuickTracker(sender_id, self.domain.slots)

    async def keys(self) -> Iterable[str]:
        """The conversations in memory."""
        return list(self._live)

    def _keep(self, conversation_id: str, live: _Live) -> None:
        self._live[conversation_id] = live
        self._live.move_to_end(conversation_id)
        while len(self._live) > self._capacity:
            self._live.popitem(last=False)


def _window(slots: dict[str, Any], active_loop: str | None, events: Iterable[Event]) -> list[Event]:
    """The events of the last turns, opened by the slots and the form as they are now."""
    recent = _last_turns(list(events), KEPT_TURNS)
    opening: list[Event] = [SlotSet(name, value) for name, value in slots.items() if value is not None]
    if active_loop and not any(isinstance(event, ActiveLoop) for event in recent):
        opening.append(ActiveLoop(active_loop))
    opening.append(ActionExecuted(ACTION_LISTEN_NAME))
    return opening + recent


def _last_turns(events: list[Event], turns: int) -> list[Event]:
    starts = [index for index, event in enumerate(events) if isinstance(event, UserUttered)]
    return events[starts[-turns] :] if len(starts) >= turns else events


def _events(dicts: Sequence[dict[str, Any]]) -> list[Event]:
    return [event for event in (Event.from_parameters(parameters) for parameters in dicts) if event is not None]


def _compact(event: dict[str, Any]) -> dict[str, Any]:
    """Without what Rasa can do without when the event is read back."""
    if event.get("event") == "user":
        parsed = event.get("parse_data") or {}
        event["parse_data"] = {key: parsed[key] for key in ("intent", "entities", "text") if key in parsed}
    return {key: value for key, value in event.items() if value is not None and key != "metadata"}
