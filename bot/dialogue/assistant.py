"""Rasa's agent inside this process: one customer message in, one `TurnOutcome` out."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from bot.conversation.messages import ASK_FOR_A_PERSON, LEAVE_A_MESSAGE, LEAVE_WORDS, PERSON_WORDS
from bot.conversation.mood import Mood
from bot.conversation.outcome import Button, Interaction, Reply, TurnOutcome
from bot.crm import queries
from bot.crm.database import Database
from bot.crm.records import PendingTurn
from bot.dialogue.desk import Desk
from bot.dialogue.lean import needs_tensorflow, serve_without_tensorflow
from bot.dialogue.triage import Triage, Understanding
from bot.dialogue.turn import Turn, current_turn, language_of
from bot.errors import ModelError

os.environ["RASA_TELEMETRY_ENABLED"] = "false"  # Rasa would otherwise report to the outside
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

log = structlog.get_logger(__name__)

APOLOGIES = {
    "zh": "抱歉，我这边出了点问题，没能处理好您的消息。您可以稍后再试，或者让人工客服来帮您。",
    "en": "Sorry, something went wrong on my side and I could not handle your message. Please try again, or let a person help you.",
}
NOBODY = {
    "zh": "现在没有人工客服在线，您已经排上队，有同事上线就会看到；也可以现在留言。",
    "en": "None of our staff are online right now. You are in the queue and will be seen to; you can also leave a message now.",
}
NOT_UNDERSTOOD: dict[str, Any] = {"text": "", "intent": {"name": None, "confidence": 0.0}, "entities": []}
"""Rasa's parse data of a message of which nothing is known."""
WARM_UP = ("你好", "我的快递到哪了", "hello, where is my order?")


class Assistant:
    """The assistant that answers customers. It writes nothing: what a turn makes is in its outcome.

    `written` or `forget` must follow every `answer`, once the outcome is in the record or is not.
    """

    def __init__(self, agent: Any, desk: Desk, triage: Triage, database: Database, *, timeout: float) -> None:
        self._agent = agent
        self._desk = desk
        self._triage = triage
        self._database = database
        self._timeout = timeout

    @classmethod
    def load(cls, model: Path, desk: Desk, triage: Triage, database: Database, *, timeout: float) -> "Assistant":
        """Read a trained Rasa model. TensorFlow is imported only when the model needs it.

        Raises:
            ModelError: Rasa cannot load the model.
        """
        if not needs_tensorflow(model):
            serve_without_tensorflow()
        from rasa.core.agent import Agent

        from bot.dialogue.actions import actions_in_process, custom_actions
        from bot.dialogue.locks import FifoLockStore
        from bot.dialogue.quick import serve_quickly
        from bot.dialogue.runner import SequentialGraphRunner
        from bot.dialogue.trackers import LiveTrackerStore

        async def load_tracker(conversation_id: str, turns: int) -> Any:
            return await database.read(queries.load_tracker, conversation_id, turns)

        trackers = LiveTrackerStore(load_tracker)
        agent = Agent.load(model, tracker_store=trackers, lock_store=FifoLockStore(), action_endpoint=actions_in_process())
        serve_quickly()
        if not agent.is_ready():
            raise ModelError(f"Rasa cannot load {model.name}; run: make train")
        # Rasa wraps the store in one that goes on in memory, silently, when reading fails.
        agent.tracker_store = agent.processor.tracker_store = trackers
        agent.processor.graph_runner = SequentialGraphRunner(agent.processor.graph_runner)
        missing = sorted(set(agent.domain.user_actions) - set(agent.domain.responses) - set(custom_actions()) - set(agent.domain.forms))
        missing = [name for name in missing if not name.startswith("utter_")]
        if missing:
            raise ModelError(f"{model.name} uses actions that the folder actions/ does not have: {', '.join(missing)}")
        return cls(agent, desk, triage, database, timeout=timeout)

    async def warm_up(self) -> None:
        """Run a few turns that nobody sees, so that the first customer does not wait for what is loaded at first use."""
        for number, text in enumerate(WARM_UP):
            await self.answer(PendingTurn(0, f"warm-up-{number}", 0, text, None, "bot", "zh-CN", False, None, Mood()))
            self.forget(f"warm-up-{number}")

    async def answer(self, pending: PendingTurn) -> TurnOutcome:
        """Work on one customer message. When the assistant fails or takes too long, the outcome is an apology that offers a person.

        While a person owns the conversation nothing is answered: the outcome holds what was understood and what is to be remembered.
        """
        turn = Turn(
            turn_id=pending.turn_id, conversation_id=pending.conversation_id, customer_id=pending.customer_id, text=pending.text,
            locale=language_of(pending.text, "en" if pending.locale.lower().startswith("en") else "zh"), verified=pending.verified,
            tracker_turn_id=pending.tracker_turn_id, mood=pending.mood, payload=pending.payload,
        )  # fmt: skip
        error = None
        parsed = dict(NOT_UNDERSTOOD)
        try:
            parsed = self._parse([pending.payload or _as_text(pending.text)])[0]
        except Exception as raised:  # or the turn would be tried forever, and all later messages would wait for it
            log.exception("message not understood", turn=pending.turn_id)
            error = f"understanding: {type(raised).__name__}"
        if pending.state != "bot":
            return await self._observe(turn, parsed, attended=pending.attended)
        if error is not None:
            return await self._apology(turn, parsed, error)
        token = current_turn.set(turn)
        try:
            async with asyncio.timeout(self._timeout):
                if pending.attended:
                    await self._catch_up(turn)
                await self._handle(turn, {**parsed, "text": pending.text})
            if turn.failures:
                error = "; ".join(turn.failures)
        except TimeoutError:
            error = f"no answer within {self._timeout:g} s"
        except Exception as raised:
            log.exception("turn failed", turn=pending.turn_id)
            error = "; ".join(turn.failures) or type(raised).__name__
        finally:
            current_turn.reset(token)
        if error is None and turn.interaction is None:
            error = "the model's domain does not run triage"
        if error is not None:
            return await self._apology(turn, parsed, error)
        assert turn.interaction is not None
        return TurnOutcome(
            turn_id=turn.turn_id, conversation_id=turn.conversation_id, mode="reply", interaction=turn.interaction,
            replies=tuple(turn.replies), tickets=tuple(turn.tickets), order_changes=tuple(turn.order_changes), hand_off=turn.hand_off,
            tracker_events=tuple(turn.tracker_events), slots=turn.slots, active_loop=turn.active_loop,
        )  # fmt: skip

    def written(self, conversation_id: str, turn_id: int) -> None:
        """The outcome of that turn is in the record."""
        self._agent.tracker_store.written(conversation_id, turn_id)

    def forget(self, conversation_id: str) -> None:
        """The last outcome of that conversation is not in the record: what the assistant remembers of it is void."""
        self._agent.tracker_store.forget(conversation_id)

    def assess(self, text: str) -> Interaction:
        """Intent, queue, sentiment and escalation of an unconnected message, with the words that decided."""
        (parsed,) = self._parse([_as_text(text)])
        return self._triage.assess(text, Understanding.of(parsed), mood=Mood())

    def assess_all(self, texts: Sequence[str]) -> list[Interaction]:
        """Intent, queue, sentiment and escalation of many unconnected messages, in one batch."""
        return self._triage.assess_all(texts, self.understand_all(texts))

    def understand_all(self, texts: Sequence[str]) -> list[Understanding]:
        """What language understanding makes of many unconnected messages, in one batch."""
        return [Understanding.of(parsed) for parsed in self._parse([_as_text(text) for text in texts])]

    async def _handle(self, turn: Turn, parsed: dict[str, Any]) -> None:
        from rasa.core.channels.channel import UserMessage

        from bot.dialogue.channel import TurnChannel

        message = UserMessage(
            turn.text,
            TurnChannel(turn),
            turn.conversation_id,
            parse_data=parsed,
            input_channel=TurnChannel.name(),
            message_id=str(turn.turn_id),
        )
        await self._agent.handle_message(message)

    async def _catch_up(self, turn: Turn) -> None:
        from bot.dialogue.overheard import catch_up

        had_it, said = await self._meanwhile(turn)
        if had_it:
            await catch_up(self._agent, turn, said)

    async def _observe(self, turn: Turn, parsed: dict[str, Any], *, attended: bool) -> TurnOutcome:
        """What was understood counts also when the assistant cannot remember it."""
        from bot.dialogue.overheard import observe

        interaction = self._assess(turn, parsed)
        token = current_turn.set(turn)
        try:
            async with asyncio.timeout(self._timeout):
                _, said = await self._meanwhile(turn) if attended else (False, ())
                await observe(self._agent, turn, {**parsed, "text": turn.text}, said)
        except Exception:
            log.exception("message to a person not remembered", turn=turn.turn_id)
            self.forget(turn.conversation_id)
            return TurnOutcome(turn.turn_id, turn.conversation_id, "observe", interaction)
        finally:
            current_turn.reset(token)
        return TurnOutcome(
            turn.turn_id, turn.conversation_id, "observe", interaction,
            tracker_events=tuple(turn.tracker_events), slots=turn.slots, active_loop=turn.active_loop,
        )  # fmt: skip

    async def _meanwhile(self, turn: Turn) -> tuple[bool, tuple[str, ...]]:
        return await self._database.read(queries.meanwhile, turn.conversation_id, turn.tracker_turn_id, turn.turn_id)

    def _parse(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        from rasa.core.channels.channel import UserMessage
        from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER

        if not texts:
            return []
        processor = self._agent.processor
        target = processor.model_metadata.nlu_target
        found = processor.graph_runner.run(
            inputs={PLACEHOLDER_MESSAGE: [UserMessage(text) for text in texts], PLACEHOLDER_TRACKER: None}, targets=[target]
        )[target]
        return [NOT_UNDERSTOOD | message.as_dict(only_output_properties=True) for message in found]

    def _assess(self, turn: Turn, parsed: dict[str, Any]) -> Interaction:
        return self._triage.assess(turn.text, Understanding.of(parsed), mood=turn.mood, milliseconds=turn.milliseconds)

    async def _apology(self, turn: Turn, parsed: dict[str, Any], error: str) -> TurnOutcome:
        """Nothing that the failed turn collected counts, except that a customer who needs a person still gets one."""
        log.error("turn answered with an apology", conversation=turn.conversation_id, turn=turn.turn_id, error=error)
        interaction = turn.interaction or self._assess(turn, parsed)
        hand_off = None
        if interaction.escalate:
            turn.interaction = interaction
            token = current_turn.set(turn)
            try:
                hand_off = await self._desk.hand_off(turn.conversation_id, {})
            finally:
                current_turn.reset(token)
        buttons = () if hand_off else (Button(PERSON_WORDS[turn.locale], ASK_FOR_A_PERSON),)
        replies = [Reply(APOLOGIES[turn.locale], buttons)]
        if hand_off and not (await self._desk.availability(hand_off.queue)).somebody:
            replies.append(Reply(NOBODY[turn.locale], (Button(LEAVE_WORDS[turn.locale], LEAVE_A_MESSAGE),)))
        return TurnOutcome(
            turn.turn_id,
            turn.conversation_id,
            "reply",
            interaction,
            replies=tuple(replies),
            hand_off=hand_off,
            error=error[:200],
        )


def _as_text(text: str) -> str:
    """What customers type is never one of Rasa's commands, which begin with a slash; those come from offered buttons only."""
    return f"／{text.lstrip()[1:]}" if text.lstrip().startswith("/") else text
