"""What is said while a person has the conversation: the assistant listens, so that it knows of it when it is its turn again.

Nothing is predicted and nothing is answered; `action_overhear` decides what is kept.
"""

from collections.abc import Sequence
from typing import Any

from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.events import ActionExecuted, BotUttered, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.dialogue.actions import InProcessAction
from bot.dialogue.channel import TurnChannel
from bot.dialogue.turn import Turn


async def observe(agent: Any, turn: Turn, parsed: dict[str, Any], said: Sequence[str]) -> None:
    """Take a customer message that is meant for a person into the assistant's memory, after what people `said` before it."""
    tracker = await agent.tracker_store.get_or_create_tracker(turn.conversation_id, append_action_listen=False)
    if not tracker.events:  # a person was there before the assistant said a word
        started = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted(), SlotSet("locale", turn.locale)]
        tracker.update_with_events([*started, ActionExecuted(ACTION_LISTEN_NAME)], agent.domain)
    turn.observed = True
    message = UserUttered(
        turn.text, parsed["intent"], parsed["entities"], parsed, input_channel=TurnChannel.name(), message_id=str(turn.turn_id)
    )
    await _hear(agent, turn, tracker, said, [message])
    tracker.update(ActionExecuted(ACTION_LISTEN_NAME), agent.domain)
    await agent.tracker_store.save(tracker)


async def catch_up(agent: Any, turn: Turn, said: Sequence[str]) -> None:
    """Take what people `said` since the assistant's last turn into its memory; it goes on from there in the same turn."""
    tracker = await agent.tracker_store.retrieve(turn.conversation_id)
    if tracker is not None:
        await _hear(agent, turn, tracker, said, [])


async def _hear(agent: Any, turn: Turn, tracker: DialogueStateTracker, said: Sequence[str], message: list[UserUttered]) -> None:
    turn.people_said = tuple(said)
    tracker.update_with_events([*(BotUttered(text) for text in said), *message], agent.domain)
    action = InProcessAction("action_overhear", agent.action_endpoint)
    tracker.update_with_events(await action.run(TurnChannel(turn), agent.nlg, tracker, agent.domain), agent.domain)
