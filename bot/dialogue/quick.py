"""What Rasa works out anew at every prediction, kept or worked out once: same results, a fraction of the time.

`serve_quickly` puts these in Rasa's place. `tests/dialogue/test_quick.py` compares them with Rasa's own on random conversations.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from itertools import islice
from types import SimpleNamespace
from typing import Any, TypeVar

import rasa.core.actions.action
import structlog
from rasa.core.actions.action import ActionExtractSlots
from rasa.core.policies.rule_policy import RulePolicy
from rasa.shared.core.constants import ACTION_VALIDATE_SLOT_MAPPINGS, PREVIOUS_ACTION, SHOULD_NOT_BE_SET, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import (
    ActionExecuted,
    ActionReverted,
    ActiveLoop,
    DefinePrevUserUtteredFeaturization,
    Event,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT

_LOGGERS = ("rasa.core.processor", "rasa.core.policies.memoization", "rasa.core.policies.rule_policy", "rasa.core.actions.forms")
"""Modules that use structured logs, and deep copies, for debugging only; what customers say is not logged here."""


@cache
def serve_quickly() -> None:
    """Put the functions of this module in Rasa's place, for good."""
    for name in _LOGGERS:
        module: Any = import_module(name)
        module.copy = SimpleNamespace(deepcopy=lambda value: value)
        module.structlogger = structlog.wrap_logger(None, [], structlog.make_filtering_bound_logger(logging.CRITICAL)).bind()
    RulePolicy.format_tracker_states = staticmethod(lambda states: states)  # for a line of the debug log, too
    RulePolicy._get_possible_keys = possible_keys
    Domain.get_active_state = _active_state
    ActionExtractSlots.run = _extract_slots
    ActionExtractSlots._execute_validation_action = _validate_slots
    rasa.core.actions.action.default_actions = latest_only(rasa.core.actions.action.default_actions)


T = TypeVar("T")
R = TypeVar("R")


def latest_only(function: Callable[[T], R]) -> Callable[[T], R]:
    """Keep what a function makes of an object that does not change, until it is called with another one."""
    known: tuple[T, R] | None = None

    def kept(argument: T) -> R:
        nonlocal known
        if known is None or known[0] is not argument:
            known = argument, function(argument)
        return known[1]

    return kept


# Trackers


class QuickTracker(DialogueStateTracker):
    """A tracker that Rasa's policies and actions look back on often.

    Copies share what does not differ: a slot is replaced, never changed in place. What was worked out about earlier events stands while
    events only follow one another, and is worked out anew after one that undoes others.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._forget_the_past()

    def _forget_the_past(self) -> None:
        self._applied: list[Event] = []
        self._applied_of = 0
        self._past: _Past | None = None
        self._moments: list[tuple[_Moment, bool]] = []
        self._moments_of = 0

    def copy(self) -> QuickTracker:
        """The same conversation, to go on with by itself."""
        return self.with_events(self.events)

    def with_events(self, events: Iterable[Event]) -> QuickTracker:
        """The same state, reached by these events."""
        twin = copy.copy(self)
        twin.events = twin._create_events(events)
        twin.slots = dict(self.slots)
        twin.active_loop = dataclasses.replace(self.active_loop) if self.active_loop else None
        twin._forget_the_past()
        return twin

    def applied_events(self) -> list[Event]:
        """The events without what was reverted or left behind."""
        new = list(islice(self.events, self._applied_of, None))
        if self._applied_of == 0 or any(self._undoes(event) for event in new):
            self._forget_the_past()
            self._applied = super().applied_events()
        else:
            self._applied += new
        self._applied_of = len(self.events)
        return list(self._applied)

    def _undoes(self, event: Event) -> bool:
        """Whether earlier events may count no more, or count differently, after this one."""
        if isinstance(event, ActionExecuted):  # a form that runs again counts once
            return any(isinstance(other, ActiveLoop) for other in self.events)
        if isinstance(event, DefinePrevUserUtteredFeaturization):  # policies drop the text themselves where an intent counts
            return bool(event.use_text_for_featurization)
        return isinstance(event, (ActiveLoop, ActionReverted, UserUtteranceReverted, Restarted, SessionStarted))

    def past_states(self, domain: Domain, omit_unset_slots: bool = False, **options: Any) -> list[State]:
        """The states before each action and the state now."""
        if omit_unset_slots:
            self._forget_the_past()
        else:
            self._look_back(domain)
            if not options.get("ignore_rule_only_turns"):
                return [_copied(moment.state) for moment, _ in self._moments]
        return domain.states_for_tracker_history(self, omit_unset_slots=omit_unset_slots, **options)

    def generate_all_prior_trackers(self) -> Iterator[tuple[Any, bool]]:
        """As trackers stood before each action, and whether that action is hidden from policies that learn from stories."""
        if self._past is None:
            yield from super().generate_all_prior_trackers()
        else:
            yield from self._moments

    def _look_back(self, domain: Domain) -> None:
        """Bring `_moments` up to date: one before each action, and the last for now."""
        applied = self.applied_events()
        if self._past is None:
            featured = [slot for slot in domain.slots if slot.has_features()]
            self._past, self._moments, self._moments_of = _Past(self.sender_id, featured, is_rule_tracker=self.is_rule_tracker), [], 0
        elif self._moments_of < len(applied):
            self._moments.pop()
        else:
            return
        for event in applied[self._moments_of :]:
            if isinstance(event, ActionExecuted):
                self._moments.append((_Moment.of(self._past, domain), event.hide_rule_turn))
            event.apply_to(self._past)
        self._moments.append((_Moment.of(self._past, domain), False))
        self._moments_of = len(applied)

    def _set_slot(self, key: str, value: Any) -> None:
        if key in self.slots:
            self.slots[key] = copy.copy(self.slots[key])
        super()._set_slot(key, value)

    def _reset_slots(self) -> None:
        for name in list(self.slots):
            self.slots[name] = copy.copy(self.slots[name])
        super()._reset_slots()


class _Past(DialogueStateTracker):
    """A tracker with those slots only that can be part of a state."""

    def _set_slot(self, key: str, value: Any) -> None:
        if key in self.slots:
            super()._set_slot(key, value)


@dataclasses.dataclass(frozen=True, slots=True)
class _Moment:
    """What `Domain.states_for_tracker_history` asks of an earlier tracker."""

    state: State
    latest_action: dict[str, str] | None
    latest_action_name: str | None
    active_loop_name: str | None
    followup_action: str | None

    @classmethod
    def of(cls, past: _Past, domain: Domain) -> _Moment:
        return cls(domain.get_active_state(past), past.latest_action, past.latest_action_name, past.active_loop_name, past.followup_action)


_rasas_active_state = Domain.get_active_state


def _active_state(domain: Domain, tracker: DialogueStateTracker | _Moment, omit_unset_slots: bool = False) -> State:
    if isinstance(tracker, _Moment):
        return _copied(tracker.state)
    return _rasas_active_state(domain, tracker, omit_unset_slots)


def _copied(state: State) -> State:
    """A state of their own for policies, which change the states that they get."""
    return {kind: dict(part) for kind, part in state.items()}


# Rules


rasas_possible_keys = RulePolicy._get_possible_keys


def possible_keys(policy: RulePolicy, lookup: dict[str, str], states: list[State]) -> set[str]:
    """The rules that fit the states, as `RulePolicy._get_possible_keys`, which tries every rule on every state."""
    if not states:
        return set(lookup)
    keys = set(_index(policy, lookup).candidates(states[-1]))
    for back, state in enumerate(reversed(states)):
        keys = {key for key in keys if policy._is_rule_applicable(key, back, state)}
        if not keys:
            break
    return keys


class _Index:
    """Rules by the action and the intent in their last state."""

    def __init__(self, lookup: dict[str, str]) -> None:
        self.lookup = lookup
        self._groups: defaultdict[tuple[str | None, str | None], list[str]] = defaultdict(list)
        for key in lookup:
            last = RulePolicy._rule_key_to_state(key)[-1]
            self._groups[_wanted(last, PREVIOUS_ACTION, "action_name"), _wanted(last, USER, INTENT)].append(key)

    def candidates(self, state: State) -> list[str]:
        """The rules that may fit a last state: all whose action and intent are these, or which do not say."""
        if not state.get(PREVIOUS_ACTION):  # the start of a conversation, where rules compare less
            return list(self.lookup)
        actions = {None, state[PREVIOUS_ACTION].get("action_name")}
        intents = {None, state.get(USER, {}).get(INTENT)}
        return [key for action in actions for intent in intents for key in self._groups.get((action, intent), ())]


def _wanted(state: Mapping[str, Mapping[str, Any]], part: str, name: str) -> str | None:
    value = state.get(part, {}).get(name)
    return value if isinstance(value, str) and value != SHOULD_NOT_BE_SET else None


def _index(policy: RulePolicy, lookup: dict[str, str]) -> _Index:
    indexes: dict[int, _Index] = policy.__dict__.setdefault("_indexes", {})
    known = indexes.get(id(lookup))
    if known is None or known.lookup is not lookup:
        known = indexes[id(lookup)] = _Index(lookup)
    return known


# Slots


class _Extractable:
    """A domain with those slots only that something in a message or an action of their own can fill."""

    def __init__(self, domain: Domain) -> None:
        self.whole = domain
        self.slots = [slot for slot in domain.slots if any(m.get("type") != "custom" or m.get("action") for m in slot.mappings)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)


_extractable = latest_only(_Extractable)
_rasas_extract_slots = ActionExtractSlots.run


async def _extract_slots(
    action: ActionExtractSlots, output_channel: Any, nlg: Any, tracker: DialogueStateTracker, domain: Domain
) -> list[Event]:
    extracted: list[Event] = await _rasas_extract_slots(action, output_channel, nlg, tracker, _extractable(domain))
    return extracted


async def _validate_slots(
    action: ActionExtractSlots,
    extraction_events: list[Event],
    output_channel: Any,
    nlg: Any,
    tracker: DialogueStateTracker,
    domain: Domain | _Extractable,
) -> list[Event]:
    """As `ActionExtractSlots._execute_validation_action`, which plays the whole conversation again for the action's sake."""
    domain = domain.whole if isinstance(domain, _Extractable) else domain
    extracted = [event for event in extraction_events if isinstance(event, SlotSet)]
    if ACTION_VALIDATE_SLOT_MAPPINGS not in domain.user_actions:
        return list(extracted)
    seen = tracker.copy()
    seen.update_with_events(extracted, domain)
    validated = await action._run_custom_action(ACTION_VALIDATE_SLOT_MAPPINGS, output_channel, nlg, seen, domain)
    named = {event.key for event in validated if isinstance(event, SlotSet)}
    return [*validated, *(event for event in extracted if event.key not in named)]
