"""The one door from the actions to the services of the house, and what all actions know about the conversation."""

import re
from typing import TYPE_CHECKING, Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet

from actions.reading import SKIPPED
from bot.dialogue.turn import HAN, current_turn, language_of

if TYPE_CHECKING:
    from bot.dialogue.desk import Desk

FALLBACK = "nlu_fallback"
ANSWERS_AS_WRITTEN = frozenset({"delivery", "invoice_title", "tax_number", "email", "phone", "title_type"})
"""Slots of forms whose answer tells nothing about the customer's language: an address in China is Chinese in any conversation."""
FORM_SLOTS = (
    "order_number", "phone_tail", "reason", "wish", "confirmed", "delivery", "title_type", "invoice_title", "tax_number", "email",
    "fault", "message", "topic", "phone", "misses",
)  # fmt: skip
"""What forms ask for; emptied whenever a form ends."""
KNOWN = {
    "order_number": "订单号", "product": "商品", "reason": "原因", "wish": "换成", "fault": "故障描述", "message": "留言", "phone": "电话",
    "delivery": "新收货信息", "address": "地址", "recipient": "收件人", "invoice_title": "抬头", "tax_number": "税号", "email": "邮箱",
}  # fmt: skip
"""What agents see of the answers, with their labels; `address` and `recipient` are parts of `delivery`."""

_WORD = re.compile(r"(?<![\w@.])[A-Za-z][a-z']+(?![\w@.])")


def desk() -> "Desk":
    """The services of the house; built at the first call, so that importing the actions needs no database and no models."""
    from bot.service import desk as of_the_process

    return of_the_process()


def intent_of(tracker: Tracker) -> tuple[str, float]:
    """The intent of the latest message, `nlu_fallback` included, and its confidence 0…1."""
    intent = (tracker.latest_message or {}).get("intent") or {}
    return intent.get("name") or FALLBACK, float(intent.get("confidence") or 0.0)


def text_of(tracker: Tracker) -> str:
    """What the customer wrote, or chose by its title; empty when the title of a choice is not known."""
    if (turn := current_turn.get()) is not None:
        return turn.text
    text = (tracker.latest_message or {}).get("text") or ""
    return "" if text.startswith("/") else text


def chosen(tracker: Tracker) -> bool:
    """Whether the latest message is a button whose payload names an intent, such as `/affirm`."""
    turn = current_turn.get()
    said = turn.payload if turn else (tracker.latest_message or {}).get("text")
    return str(said or "").startswith("/")


def locale_of(tracker: Tracker) -> str:
    """The language of the conversation, `zh` or `en`."""
    return "en" if tracker.get_slot("locale") == "en" else "zh"


def next_locale(text: str, before: str, asked: str | None, *, first: bool) -> str:
    """The language to answer in after this message.

    A single Latin word (a product, OK, a name) among Chinese messages does not change the language, nor does an answer to a
    question in a form whose language tells nothing.
    """
    if asked in ANSWERS_AS_WRITTEN:
        return before
    if not first and before == "zh" and not HAN.search(text) and len(_WORD.findall(text)) < 2:
        return before
    return language_of(text, before)


def slots(**values: Any) -> list[EventType]:
    """Events that set slots."""
    return [SlotSet(name, value) for name, value in values.items()]


def said(tracker: Tracker, slot: str) -> str:
    """What a form was told, in words; a dash where it was left out."""
    value = tracker.get_slot(slot)
    return "—" if value in (None, SKIPPED) else str(value)
