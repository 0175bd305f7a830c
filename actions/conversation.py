"""Actions of every conversation: the greeting, the triage of each message, not understanding, and handing over to a person."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecuted, ActiveLoop, EventType, FollowupAction, SessionStarted
from rasa_sdk.executor import CollectingDispatcher

from actions import facts, house
from actions.reading import SKIPPED, order_number_in, phone_in
from actions.titles import TITLES
from bot.conversation.messages import LEAVE_A_MESSAGE, LEAVE_WORDS
from bot.crm.records import Availability
from bot.dialogue.turn import current_turn

GUESSES = 3
"""How many guesses a question back offers at most."""
GUESSABLE = 0.05
"""A guess less probable than this is not worth offering."""


class SessionStart(Action):
    """The first contact: the assistant says that it is one."""

    def name(self) -> str:
        """Rasa's own name, so that Rasa runs it before the first message."""
        return "action_session_start"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Introduce the assistant in the customer's language; responses cannot look at the slot yet, so each language has its own."""
        turn = current_turn.get()
        locale = turn.locale if turn else "zh"
        dispatcher.utter_message(response="utter_introduction_en" if locale == "en" else "utter_introduction")
        carried = [event for event in tracker.events if event["event"] == "slot" and event["name"] != "locale"]
        return [SessionStarted(), *carried, *house.slots(locale=locale), ActionExecuted("action_listen")]


class ValidateSlotMappings(Action):
    """Triage: Rasa runs this after every customer message, before it decides what to do."""

    def name(self) -> str:
        """Rasa's own name."""
        return "action_validate_slot_mappings"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Set `queue`, `sentiment`, `escalate`, `locale`, `failures`, and `order_number` where it was typed with spaces or dashes."""
        parsed = tracker.latest_message or {}
        text, asked = house.text_of(tracker), tracker.get_slot("requested_slot")
        before = int(tracker.get_slot("failures") or 0)
        seen = await house.desk().assess(tracker.sender_id, text, parsed, before, parsed.get("message_id"))
        # An answer to a question of a form need not be an intent; forms count themselves what they cannot use.
        failures = before + 1 if seen.fallback and not asked else 0
        kinds = [event["event"] for event in tracker.events]
        first = "session_started" in kinds and kinds.count("user") <= 1
        # What is dictated for a person to read later is a message, whatever it asks for: nobody is there now.
        dictated = asked == "message"
        events = house.slots(
            queue=seen.queue,
            sentiment=seen.sentiment,
            escalate=seen.escalate and not dictated,
            failures=float(failures),
            locale=house.next_locale(text, house.locale_of(tracker), asked, first=first),
        )
        named = any(entity.get("entity") == "order_number" for entity in parsed.get("entities") or [])
        if not named and (number := order_number_in(text)):
            events += house.slots(order_number=number)
        return events


class Fallback(Action):
    """The assistant did not understand, or knows no reply to what it understood."""

    def name(self) -> str:
        """Also the fallback of the dialogue policies, see config.yml."""
        return "action_fallback"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Ask back with the likeliest topics as buttons; the second time in a row, offer a person."""
        intent, _ = house.intent_of(tracker)
        if intent != house.FALLBACK and f"utter_{intent}" in domain.get("responses", {}):
            dispatcher.utter_message(response=f"utter_{intent}")
        elif float(tracker.get_slot("failures") or 0) >= 2:
            dispatcher.utter_message(response="utter_offer_human")
        else:
            locale = house.locale_of(tracker)
            buttons = [{"title": TITLES[name][locale], "payload": f"/{name}"} for name in guesses(tracker.latest_message or {})]
            dispatcher.utter_message(response="utter_which" if buttons else "utter_rephrase", buttons=buttons)
        # Where no rule led here, none leads on: Rasa would predict the fallback again.
        return [FollowupAction("action_listen")]


class HandOff(Action):
    """A person takes over."""

    def name(self) -> str:
        """What `bot.dialogue.policies.EscalationPolicy` predicts."""
        return "action_hand_off"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Put the conversation into a team's queue with what forms were told so far, and say so; leaves an open form."""
        known = {label: str(value) for slot, label in house.KNOWN.items() if (value := tracker.get_slot(slot)) not in (None, SKIPPED)}
        hand_off = await house.desk().hand_off(tracker.sender_id, known)
        codes = {reason.code for reason in hand_off.reasons} if hand_off else set()
        told = next((said for code, said in SAID if code in codes), "")
        there = await house.desk().availability(hand_off.queue) if hand_off else None
        if there is None or there.somebody:
            dispatcher.utter_message(response=f"utter_hand_off{told}")
        else:
            if told:
                dispatcher.utter_message(response=f"utter_away{told}")
            _say_that_nobody_is_there(dispatcher, there, house.locale_of(tracker))
        ended = house.slots(escalate=False, requested_slot=None, failures=0.0, **dict.fromkeys(house.FORM_SLOTS))
        return [*ended, ActiveLoop(None)]


class Overhear(Action):
    """A person has the conversation, or had it since the assistant's last turn."""

    def name(self) -> str:
        """Run by `bot.dialogue.overheard`; no rule and no story leads here."""
        return "action_overhear"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Leave an open form but for its order; keep the order, product and phone number that were named, the last of each."""
        turn = current_turn.get()
        if turn is None:
            return []
        said = [*turn.people_said, *([turn.text] if turn.observed else [])]
        numbers = [number for number in map(order_number_in, said) if number]
        known: dict[str, Any] = {"escalate": False, "failures": 0.0, "order_number": numbers[-1] if numbers else None}
        if turn.observed:
            known["phone"] = phone_in(turn.text)
            known["product"] = next(tracker.get_latest_entity_values("product"), None)
            known["locale"] = house.next_locale(turn.text, house.locale_of(tracker), None, first=False)
        events = house.slots(**{name: value for name, value in known.items() if value is not None and value != tracker.get_slot(name)})
        if not (tracker.active_loop or {}).get("name"):
            return events
        left = house.slots(requested_slot=None, **dict.fromkeys(name for name in house.FORM_SLOTS if name != "order_number"))
        return [*left, ActiveLoop(None), *events]


SAID = (
    ("safety", "_safety"),
    ("fraud", "_fraud"),
    ("threat", "_sorry"),
    ("anger", "_sorry"),
    ("promise", "_sorry"),
    ("wording", "_sorry"),
    ("trend", "_sorry"),
    ("failure", "_failure"),
)
"""Which variant of `utter_hand_off` and `utter_away` goes with which reason, gravest first; a plain request is answered plainly."""


def _say_that_nobody_is_there(dispatcher: CollectingDispatcher, there: Availability, locale: str) -> None:
    button = {"title": LEAVE_WORDS[locale], "payload": LEAVE_A_MESSAGE}
    if there.open or there.opens_at is None:
        dispatcher.utter_message(response="utter_nobody_online", buttons=[button])
    else:
        dispatcher.utter_message(response="utter_closed", opens=facts.opening(there.opens_at, locale), buttons=[button])


def guesses(parsed: dict[str, Any]) -> list[str]:
    """The likeliest intents that have a title, best first."""
    ranking = parsed.get("intent_ranking") or []
    likely = [item["name"] for item in ranking if item["name"] in TITLES and item["confidence"] >= GUESSABLE]
    return likely[:GUESSES]
