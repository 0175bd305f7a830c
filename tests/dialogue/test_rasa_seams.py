"""What the project takes from inside Rasa. When one of these fails after an update, look at the module that it names first."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from rasa.core.actions import action as rasa_actions
from rasa.core.actions import forms as rasa_forms
from rasa.core.actions.action import ActionExtractSlots, action_for_name_or_text
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, OutputChannel, UserMessage
from rasa.core.lock_store import LockStore
from rasa.core.policies.policy import Policy
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import FailSafeTrackerStore, TrackerStore
from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.shared.core import constants
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.slots import TextSlot
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk import Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from bot.dialogue.actions import InProcessAction, actions_in_process
from bot.dialogue.assistant import Assistant
from bot.dialogue.channel import TurnChannel
from bot.dialogue.locks import FifoLockStore
from bot.dialogue.policies import EscalationPolicy
from bot.dialogue.runner import SequentialGraphRunner
from bot.dialogue.trackers import LiveTrackerStore

DOMAIN = Domain.from_dict(
    {
        "version": "3.1", "intents": ["greet"], "actions": ["action_mine", "action_validate_slot_mappings"],
        "forms": {"a_form": {"required_slots": ["x"]}}, "slots": {"x": {"type": "text", "mappings": [{"type": "custom"}]}},
    }
)  # fmt: skip


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.fixture(autouse=True)
def _patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the class in Rasa's place, also where no assistant was loaded before; as before afterwards."""
    for module in (rasa_actions, rasa_forms):
        monkeypatch.setattr(module, "RemoteAction", module.RemoteAction)
    actions_in_process()


# bot/dialogue/actions.py


def test_the_remote_action_is_made_and_run_as_ours_is() -> None:
    rasas = InProcessAction.__mro__[1]
    assert (rasas.__module__, rasas.__name__) == ("rasa.core.actions.action", "RemoteAction")
    assert parameters(rasas.__init__) == ["name", "action_endpoint"]
    assert parameters(rasas.run) == parameters(InProcessAction.run) == ["output_channel", "nlg", "tracker", "domain"]
    assert inspect.iscoroutinefunction(rasas.run)
    assert parameters(rasas._utter_responses) == ["responses", "output_channel", "nlg", "tracker"]
    assert inspect.iscoroutinefunction(rasas._utter_responses)


def test_rasa_makes_custom_actions_of_our_class() -> None:
    made = action_for_name_or_text("action_mine", DOMAIN, EndpointConfig("in-process"))
    assert type(made) is InProcessAction
    assert made.name() == "action_mine"


async def test_forms_validate_by_our_class(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    async def run(self: InProcessAction, *args: Any) -> list[Event]:
        ran.append(self.name())
        return []

    monkeypatch.setattr(InProcessAction, "run", run)
    domain = DOMAIN.merge(Domain.from_dict({"version": "3.1", "actions": ["validate_a_form"]}))
    tracker = DialogueStateTracker.from_events("me", [ActiveLoop("a_form")], domain.slots, domain=domain)
    form = action_for_name_or_text("a_form", domain, EndpointConfig("in-process"))
    await form.validate_slots({"x": "1"}, tracker, domain, CollectingOutputChannel(), Any)
    assert ran == ["validate_a_form"]


async def test_triage_runs_after_every_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """`action_validate_slot_mappings` is run also when no slot was found in the message, and may say something."""
    ran = []

    async def run(self: InProcessAction, *args: Any) -> list[Event]:
        ran.append(self.name())
        return [SlotSet("x", "from triage")]

    monkeypatch.setattr(InProcessAction, "run", run)
    tracker = DialogueStateTracker.from_events("me", [UserUttered("hi", {"name": "greet"})], DOMAIN.slots, domain=DOMAIN)
    events = await ActionExtractSlots(EndpointConfig("in-process")).run(CollectingOutputChannel(), Any, tracker, DOMAIN)
    assert ran == [constants.ACTION_VALIDATE_SLOT_MAPPINGS] == ["action_validate_slot_mappings"]
    assert events == [SlotSet("x", "from triage")]


def test_only_two_modules_of_rasa_hold_the_remote_action() -> None:
    package = Path(inspect.getfile(rasa_actions)).parents[2]
    holding = {path.stem for path in package.rglob("*.py") if "RemoteAction(" in path.read_text(encoding="utf-8")}
    assert holding == {"action", "forms"}


def test_actions_of_the_sdk_are_found_and_called_as_ever() -> None:
    assert parameters(ActionExecutor.register_package) == ["package"]
    assert ActionExecutor().actions == {}
    assert parameters(Tracker.__init__) == [
        "sender_id", "slots", "latest_message", "events", "paused", "followup_action", "active_loop", "latest_action_name",
    ]  # fmt: skip
    assert CollectingDispatcher().messages == []


def test_a_tracker_tells_actions_what_they_need() -> None:
    said = UserUttered("hi", {"name": "greet", "confidence": 1.0})
    tracker = DialogueStateTracker.from_events("me", [ActiveLoop("a_form"), said, SlotSet("x", "1")], DOMAIN.slots, domain=DOMAIN)
    assert tracker.active_loop is not None
    assert (tracker.active_loop.name, tracker.active_loop.rejected, tracker.active_loop.is_interrupted) == ("a_form", False, False)
    assert tracker.active_loop_name == "a_form"
    assert tracker._latest_message_data()["intent"]["name"] == "greet"
    assert tracker.current_slot_values()["x"] == "1"
    assert tracker.latest_action_name is None
    assert not tracker.is_paused()
    assert tracker.followup_action in {None, constants.ACTION_LISTEN_NAME}


@pytest.mark.parametrize(
    "parameters",
    [
        {"event": "slot", "name": "x", "value": "1", "timestamp": None},
        {"event": "followup", "name": "action_listen", "timestamp": None},
        {"event": "active_loop", "name": None, "timestamp": None},
        {"event": "session_started", "timestamp": None},
        {"event": "action", "name": "action_listen", "policy": None, "confidence": None, "timestamp": None},
    ],
)
def test_events_of_the_sdk_are_read(parameters: dict[str, Any]) -> None:
    event_class = Event.resolve_by_type(parameters["event"])
    assert event_class is not None
    read = event_class._from_parameters(parameters)
    assert read is not None
    assert read.type_name == parameters["event"]
    assert getattr(read, "name", getattr(read, "action_name", getattr(read, "key", None))) in {*parameters.values(), None}


# bot/dialogue/trackers.py and assistant.py


def test_the_agent_takes_what_it_is_given_and_wraps_the_tracker_store() -> None:
    assert {"model_path", "tracker_store", "lock_store", "action_endpoint"} <= set(parameters(Agent.load))
    store = LiveTrackerStore(Any)
    wrapped = Agent._create_tracker_store(store, DOMAIN)
    assert isinstance(wrapped, FailSafeTrackerStore)
    assert store.domain is DOMAIN, "the store learns of the domain before it is unwrapped"
    assert Agent._create_lock_store(locks := FifoLockStore()) is locks


def test_the_loaded_assistant_reads_without_the_wrapper(assistant: Assistant) -> None:
    agent = assistant._agent
    assert isinstance(agent.processor, MessageProcessor)
    assert isinstance(agent.tracker_store, LiveTrackerStore)
    assert agent.processor.tracker_store is agent.tracker_store
    assert isinstance(agent.lock_store, FifoLockStore)
    assert isinstance(agent.tracker_store.domain, Domain)
    assert agent.tracker_store.domain.slots


def test_the_tracker_store_has_the_methods_that_rasa_calls() -> None:
    for name in ("retrieve", "save", "keys"):
        assert parameters(getattr(TrackerStore, name)) == parameters(getattr(LiveTrackerStore, name))
        assert inspect.iscoroutinefunction(getattr(TrackerStore, name))
    assert parameters(DialogueStateTracker.from_events)[:3] == ["sender_id", "evts", "slots"]
    assert "domain" in parameters(DialogueStateTracker.from_events)
    read = Event.from_parameters({"event": "user", "text": "hi", "parse_data": {"intent": {"name": "greet"}, "entities": [], "text": "hi"}})
    assert isinstance(read, UserUttered)
    assert read.intent_name == "greet"
    tracker = DialogueStateTracker.from_events("me", [SlotSet("x", "1"), ActionExecuted("action_listen")], [TextSlot("x", [{}])])
    assert tracker.get_slot("x") == "1"
    assert len(tracker.events) == 2


def test_texts_are_parsed_by_the_graph_in_one_batch(assistant: Assistant) -> None:
    assert parameters(GraphRunner.run) == ["inputs", "targets"]
    processor = assistant._agent.processor
    target = processor.model_metadata.nlu_target
    inputs = {PLACEHOLDER_MESSAGE: [UserMessage("转人工"), UserMessage("你好")], PLACEHOLDER_TRACKER: None}
    first, second = processor.graph_runner.run(inputs=inputs, targets=[target])[target]
    assert first.as_dict(only_output_properties=True)["intent"]["name"] == "request_human"
    assert second.as_dict(only_output_properties=True)["intent"]["name"] == "greet"


async def test_our_runner_of_the_graph_comes_to_what_rasas_does(assistant: Assistant, archive: Path) -> None:
    """Nodes are called in an order of ours, with what Rasa's own runner would hand them."""
    ours = assistant._agent.processor.graph_runner
    assert isinstance(ours, SequentialGraphRunner)
    _, _, rasas = MessageProcessor._load_model(archive)
    assert isinstance(rasas, DaskGraphRunner)
    target = assistant._agent.processor.model_metadata.nlu_target
    for text in ("订单 202611230456 到哪了", "转人工", "　", "where is my order?"):
        found = [
            runner.run(inputs={PLACEHOLDER_MESSAGE: [UserMessage(text)], PLACEHOLDER_TRACKER: None}, targets=[target])[target][0].as_dict(
                only_output_properties=True
            )
            for runner in (ours, rasas)
        ]
        assert found[0] == found[1]


def test_a_message_that_is_parsed_already_is_not_parsed_again() -> None:
    assert {"text", "output_channel", "sender_id", "parse_data", "input_channel", "message_id"} <= set(parameters(UserMessage.__init__))
    assert "message.parse_data" in inspect.getsource(MessageProcessor._handle_message_with_tracker)


# bot/dialogue/channel.py, locks.py, policies.py


def test_replies_go_through_send_response() -> None:
    assert parameters(OutputChannel.send_response) == parameters(TurnChannel.send_response) == ["recipient_id", "message"]
    assert inspect.iscoroutinefunction(OutputChannel.send_response)


def test_locks_are_taken_with_the_arguments_that_ours_takes() -> None:
    assert parameters(LockStore.lock) == parameters(FifoLockStore.lock) == ["conversation_id", "lock_lifetime", "wait_time_in_seconds"]


def test_policies_are_made_and_asked_as_ours_is() -> None:
    assert parameters(Policy.__init__) == parameters(EscalationPolicy.__init__)
    theirs, ours = parameters(Policy.predict_action_probabilities), parameters(EscalationPolicy.predict_action_probabilities)
    assert theirs == ours == ["tracker", "domain", "rule_only_data", "kwargs"]
    assert {"probabilities", "is_no_user_prediction"} <= set(parameters(Policy._prediction))


@pytest.mark.parametrize(
    ("constant", "name"),
    [
        ("ACTION_LISTEN_NAME", "action_listen"),
        ("ACTION_SESSION_START_NAME", "action_session_start"),
        ("ACTION_VALIDATE_SLOT_MAPPINGS", "action_validate_slot_mappings"),
        ("ACTION_EXTRACT_SLOTS", "action_extract_slots"),
        ("REQUESTED_SLOT", "requested_slot"),
        ("USER_INTENT_RESTART", "restart"),
    ],
)
def test_names_that_rasa_gives(constant: str, name: str) -> None:
    assert getattr(constants, constant) == name
