"""What is worked out once (`bot.dialogue.quick`) is what Rasa works out every time."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from rasa.core.policies.rule_policy import RulePolicy
from rasa.shared.core.constants import USER
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    Event,
    FollowupAction,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.dialogue.quick import QuickTracker, latest_only, possible_keys, rasas_possible_keys, serve_quickly
from bot.service import Service

DOMAIN = Domain.from_dict(
    {
        "version": "3.1",
        "intents": ["greet", "refund", "deny"],
        "entities": ["order"],
        "actions": ["utter_greet", "action_look"],
        "forms": {"refund_form": {"required_slots": ["reason"]}, "other_form": {"required_slots": ["reason"]}},
        "slots": {
            "reason": {"type": "text", "mappings": [{"type": "custom"}]},
            "mood": {"type": "categorical", "values": ["good", "bad"], "influence_conversation": True, "mappings": [{"type": "custom"}]},
            "note": {"type": "any", "initial_value": 0, "mappings": [{"type": "custom"}]},
        },
        "responses": {"utter_greet": [{"text": "你好"}]},
    }
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"ignore_rule_only_turns": True, "rule_only_data": {"rule_only_slots": ["mood"], "rule_only_loops": ["other_form"]}},
    {"omit_unset_slots": True},
)


@pytest.fixture(autouse=True)
def _quickly() -> None:
    serve_quickly()


def random_event(dice: random.Random) -> list[Event]:
    user = UserUttered(
        "退款吧", {"name": dice.choice(("greet", "refund", "deny")), "confidence": 0.9},
        [{"entity": "order", "value": "1"}] if dice.random() < 0.4 else [],
    )  # fmt: skip
    choices: list[list[Event]] = [
        [user],
        [user, DefinePrevUserUtteredFeaturization(dice.random() < 0.2)],
        [ActionExecuted("action_listen")],
        [ActionExecuted(dice.choice(("utter_greet", "action_look", "refund_form")), hide_rule_turn=dice.random() < 0.3)],
        [ActionExecuted("refund_form"), ActiveLoop("refund_form"), SlotSet("requested_slot", "reason")],
        [ActiveLoop(dice.choice((None, "other_form")))],
        [SlotSet(dice.choice(("reason", "mood", "note")), dice.choice(("good", "bad", None)))],
        [BotUttered("好的")],
        [FollowupAction("utter_greet")],
        [LoopInterrupted(True)],
        [ActionExecutionRejected("refund_form")],
    ]
    if dice.random() < 0.1:
        choices = [[UserUtteranceReverted()], [ActionReverted()], [Restarted()], [SessionStarted()]]
    return dice.choice(choices)


def both(dice: random.Random, events: int) -> Iterator[tuple[QuickTracker, DialogueStateTracker]]:
    """A tracker of ours and one of Rasa's that hear the same, after each event."""
    ours, rasas = QuickTracker("c", DOMAIN.slots), DialogueStateTracker("c", DOMAIN.slots)
    for _ in range(events):
        for event in random_event(dice):
            ours.update(event, DOMAIN)
            rasas.update(event, DOMAIN)
        yield ours, rasas


def without_hidden_text(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As policies read states: where an intent is known, the text does not count."""
    for state in states:
        if state.get(USER, {}).get("intent"):
            state[USER].pop("text", None)
    return states


@pytest.mark.parametrize("seed", range(30))
def test_states_are_rasas(seed: int) -> None:
    dice = random.Random(seed)
    for ours, rasas in both(dice, 40):
        if dice.random() < 0.4:
            continue  # what comes in between is looked at later, together
        options = dice.choice(OPTIONS)
        assert ours.applied_events() == rasas.applied_events()
        assert without_hidden_text(ours.past_states(DOMAIN, **options)) == without_hidden_text(rasas.past_states(DOMAIN, **options))
        assert ours.current_slot_values() == rasas.current_slot_values()


def test_states_may_be_changed_by_those_who_get_them() -> None:
    tracker = QuickTracker.from_events("c", [ActionExecuted("action_listen"), UserUttered("你好", {"name": "greet"})], DOMAIN.slots)
    tracker.past_states(DOMAIN)[-1][USER]["intent"] = "changed"
    assert tracker.past_states(DOMAIN)[-1][USER]["intent"] == "greet"


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_goes_its_own_way(seed: int) -> None:
    dice = random.Random(seed)
    for ours, rasas in both(dice, 15):
        twin = ours.copy()
        assert (twin.current_slot_values(), twin.active_loop_name) == (rasas.current_slot_values(), rasas.active_loop_name)
        twin.update_with_events([SlotSet("mood", "bad"), SlotSet("note", 7), ActiveLoop("other_form"), LoopInterrupted(True)], DOMAIN)
        assert ours.current_slot_values() == rasas.current_slot_values()
        assert (ours.active_loop, list(ours.events)) == (rasas.active_loop, list(rasas.events))
        twin.update(Restarted(), DOMAIN)
        assert ours.current_slot_values() == rasas.current_slot_values()


def test_rules_that_fit_are_rasas(service: Service) -> None:
    """On the project's own rules, with the states of random conversations over its own intents and actions."""
    assert service.assistant is not None
    nodes = service.assistant._agent.processor.graph_runner._nodes.values()
    policy = next(node._component for node in nodes if isinstance(node._component, RulePolicy))
    domain = service.assistant._agent.domain
    dice = random.Random(1)
    fitting = 0
    for _ in range(150):
        tracker = QuickTracker("c", domain.slots)
        for _ in range(dice.randint(1, 4)):
            form = dice.choice((None, None, *domain.form_names))
            tracker.update_with_events(
                [
                    ActionExecuted("action_listen"),
                    UserUttered("说", {"name": dice.choice(domain.intents)}),
                    *([ActionExecuted(form), ActiveLoop(form)] if form else [ActionExecuted(dice.choice(domain.action_names_or_texts))]),
                ],
                domain,
            )
        states = tracker.past_states(domain)[: dice.choice((None, -1))]
        for lookup in (policy.lookup["rules"], policy.lookup["rules_for_loop_unhappy_path"]):
            found = possible_keys(policy, lookup, states)
            assert found == rasas_possible_keys(policy, lookup, states)
            fitting += bool(found)
    assert fitting > 50, "else nothing was compared"


def test_the_latest_is_kept_and_only_the_latest() -> None:
    made = []

    def make(of: object) -> object:
        made.append(of)
        return object()

    kept = latest_only(make)
    first, second = object(), object()
    assert kept(first) is kept(first)
    assert kept(second) is not kept(first)
    assert made == [first, second, first]
