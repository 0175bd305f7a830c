"""Custom actions run in this process, by function call, where Rasa would send a request to an action server."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from itertools import islice
from typing import Any

import rasa.core.actions.action
import rasa.core.actions.forms
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.shared.core.constants import ACTION_VALIDATE_SLOT_MAPPINGS
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk import Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection as Rejected

from bot.dialogue.quick import latest_only
from bot.dialogue.turn import current_turn

RECENT_EVENTS = 24
"""How many of the tracker's last events an action sees; more than any one turn makes."""

Run = Callable[[CollectingDispatcher, Tracker, dict[str, Any]], Any]


@cache
def custom_actions(package: str = "actions") -> dict[str, Run]:
    """The `run` functions of all actions in a package, by action name, found as Rasa's action server finds them."""
    executor = ActionExecutor()
    logging.getLogger("rasa_sdk.executor").setLevel(logging.WARNING)
    executor.register_package(package)
    return dict(executor.actions)


class InProcessAction(RemoteAction):
    """A custom action of Rasa's whose server is this process.

    An action that raises is noted among the turn's failures: Rasa itself would go on as if nothing had happened.
    """

    async def run(
        self, output_channel: OutputChannel, nlg: NaturalLanguageGenerator, tracker: DialogueStateTracker, domain: Domain
    ) -> list[Event]:
        """Call the action and return its messages and events.

        Raises:
            ActionExecutionRejection: the action rejected to run, so that another one is predicted.
        """
        dispatcher = CollectingDispatcher()
        try:
            answer = custom_actions()[self.name()](dispatcher, _as_sdk(tracker), _domain_of(domain))
            events = await answer if isinstance(answer, Awaitable) else answer
        except Rejected as rejection:
            raise ActionExecutionRejection(self.name(), rejection.message) from rejection
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if turn := current_turn.get():
                turn.failures.append(f"{self.name()}: {type(error).__name__}")
            raise
        if self.name() == ACTION_VALIDATE_SLOT_MAPPINGS:
            events = _changes(events or [], tracker)
        said = await self._utter_responses(dispatcher.messages, output_channel, nlg, tracker)
        return [*said, *(_event(parameters) for parameters in events or [])]


def actions_in_process() -> EndpointConfig:
    """Put `InProcessAction` where Rasa calls action servers, for good; returns the endpoint to load the agent with."""
    rasa.core.actions.action.RemoteAction = InProcessAction
    rasa.core.actions.forms.RemoteAction = InProcessAction
    return EndpointConfig("in-process")


def _changes(events: Iterable[dict[str, Any]], tracker: DialogueStateTracker) -> list[dict[str, Any]]:
    """Triage sets the same slots at every message; those that stay as they are need no event, and every event costs in all later turns."""
    return [event for event in events if event["event"] != "slot" or tracker.get_slot(event["name"]) != event["value"]]


def _as_sdk(tracker: DialogueStateTracker) -> Tracker:
    recent = islice(reversed(tracker.events), RECENT_EVENTS)
    loop = tracker.active_loop
    return Tracker(
        tracker.sender_id,
        tracker.current_slot_values(),
        tracker._latest_message_data() or {},
        [event.as_dict() for event in recent][::-1],
        tracker.is_paused(),
        tracker.followup_action,
        {"name": loop.name, "rejected": loop.rejected, "is_interrupted": loop.is_interrupted} if loop else {},
        tracker.latest_action_name,
    )


_domain_of: Callable[[Domain], dict[str, Any]] = latest_only(Domain.as_dict)
"""The domain as actions get it."""

_event_class = cache(Event.resolve_by_type)
"""Rasa walks all event classes for every event that it reads; which class a name means does not change."""


def _event(parameters: dict[str, Any]) -> Event:
    event_class = _event_class(parameters["event"])
    return event_class._from_parameters(parameters)
