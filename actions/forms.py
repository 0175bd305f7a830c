"""What all forms of the shop have in common: how an answer is read, and what else a customer may say in the middle of one.

Rasa asks the questions (`utter_ask_…`, `action_ask_…`) and keeps the open form; a `ShopForm` decides on each message whether it
answers the question, asks something else, turns to another matter or leaves, and which question comes next.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import REQUESTED_SLOT, FormValidationAction

from actions import house, reading
from actions.delivery import delivery_in
from bot.crm.records import OrderView

OPENS = {
    "track_order": "track_order_form",
    "delivery_delay": "track_order_form",
    "refund_status": "track_order_form",
    "cancel_order": "cancel_order_form",
    "request_refund": "refund_form",
    "request_return": "return_form",
    "request_exchange": "exchange_form",
    "change_address": "change_address_form",
    "request_invoice": "invoice_form",
    "product_fault": "fault_form",
}
"""Which form an intent opens, as in data/rules/forms.yml."""
GROUNDS = frozenset({"product_fault", "damaged_item", "wrong_or_missing_item", "complain_product"})
"""What goes wrong with goods: where a form asks for a reason, these are reasons and not another matter."""
SMALL_TALK = frozenset({"greet", "thank", "bot_challenge", "ask_capabilities", "out_of_scope"})
ANSWERS = frozenset({"inform", "affirm", "deny", house.FALLBACK})
SURE = 0.6
"""From this confidence on, a message that does not answer the question is taken for what it seems to be."""
SURE_OF_A_QUESTION = 0.4
"""The same for a message that looks like a question: then it is hardly an answer."""
MOST_MISSES = 3
"""So many answers in a row that are of no use, and a person is offered instead."""
MOST_WRONG_TAILS = 3
"""So many wrong phone numbers in one conversation, and orders stay closed to it."""

Answers = dict[str, Any]

STRICT: dict[str, Callable[[str], str | None]] = {
    "order_number": reading.order_number_in,
    "phone_tail": reading.tail_in,
    "phone": reading.phone_in,
    "title_type": reading.title_type_in,
    "tax_number": reading.tax_number_in,
    "email": reading.email_in,
    "delivery": lambda text: reading.plain(text) if delivery_in(text) else None,
}
"""Questions whose answers have a shape. All others are answered in the customer's own words."""


class Closed(Exception):
    """The form ends here, without being complete. `then` is the next action."""

    def __init__(self, then: str = "action_listen", *, keep: tuple[str, ...] = ()) -> None:
        super().__init__(then)
        self.then = then
        self.keep = keep


def opened(order: OrderView, tracker: Tracker) -> bool:
    """Whether this conversation may know about the order: the shop vouches for the customer, or the phone number was known."""
    return house.desk().owns(order) or order.number == tracker.get_slot("proven_order")


class ShopForm(FormValidationAction, ABC):
    """A form of the shop; subclasses say what it is about and what it asks."""

    form: str
    about_order = True
    """Whether it needs an order that the customer has a right to."""
    optional: frozenset[str] = frozenset()
    """Questions that may be left out."""
    explains: Mapping[str, str] = MappingProxyType({})
    """Responses to questions, by intent, that belong to the form's own matter although the intent would open another form."""

    def name(self) -> str:
        """`validate_` and the form's name, as Rasa wants it."""
        return f"validate_{self.form}"

    @abstractmethod
    def questions(self, answers: Answers, order: OrderView | None) -> list[str]:
        """The slots to be filled after the order is known, in order, given the answers so far."""

    def obstacle(self, order: OrderView) -> tuple[str, dict[str, Any]] | None:
        """The response, and its values, that ends the form because this order is in no state for it."""
        return None

    def opening(self, answers: Answers, text: str, tracker: Tracker) -> None:
        """Take answers from the message that opened the form."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Read the message and say which question is next. `misses` is always set, so that Rasa never takes the form for rejected."""
        talk = _Talk(self, dispatcher, tracker, domain)
        try:
            if talk.asked:
                await talk.read_answer()
            else:
                talk.answers["misses"] = 0
                self.opening(talk.answers, house.text_of(tracker), tracker)
            requested = await talk.next_question()
        except Closed as closed:
            emptied = {name: None for name in house.FORM_SLOTS if name not in closed.keep}
            kept = {name: talk.answers[name] for name in ("proven_order", "wrong_tails")}
            return [*house.slots(**kept, **emptied), SlotSet(REQUESTED_SLOT, None), FollowupAction(closed.then)]
        return [*talk.changes(), SlotSet(REQUESTED_SLOT, requested)]


class _Talk:
    """One message to an open form, or the one that opens it."""

    def __init__(self, form: ShopForm, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> None:
        self.form = form
        self.tracker = tracker
        self.say = dispatcher.utter_message
        self.responses: dict[str, Any] = domain.get("responses", {})
        self.asked: str | None = tracker.get_slot(REQUESTED_SLOT)
        self.text = house.text_of(tracker)
        self.intent, self.confidence = house.intent_of(tracker)
        self.chosen = house.chosen(tracker)
        names = (*house.FORM_SLOTS, "product", "proven_order", "wrong_tails")
        self.answers: Answers = {name: tracker.get_slot(name) for name in names}

    def changes(self) -> list[EventType]:
        """The slots that this message changed, and `misses`."""
        return house.slots(
            **{name: value for name, value in self.answers.items() if name == "misses" or value != self.tracker.get_slot(name)}
        )

    async def read_answer(self) -> None:
        """Take the message as the answer to the question asked, or as whatever else it is.

        Raises:
            Closed: the customer leaves, turns to another form, or was of no use too often.
        """
        assert self.asked
        if self.chosen and self.intent not in ANSWERS:
            self._something_else()
        elif self.asked == "confirmed":
            self._read_confirmation()
        elif self.asked in STRICT:
            await self._read_strictly(self.asked)
        else:
            self._read_freely(self.asked)

    async def next_question(self) -> str | None:
        """The slot to ask for next; None when all is known.

        Raises:
            Closed: the order is closed to this conversation, or in no state for the form.
        """
        order = None
        if self.form.about_order:
            number = self.answers["order_number"]
            if number is None:
                return "order_number"
            order = await house.desk().order(number)
            if order is None:
                self.answers["order_number"] = None
                self._miss("utter_order_unknown", number=number)
                return "order_number"
            if not self._open(order):
                if self.answers["wrong_tails"] >= MOST_WRONG_TAILS:
                    self.say(response="utter_order_closed")
                    raise Closed
                return "phone_tail"
            if obstacle := self.form.obstacle(order):
                response, values = obstacle
                self.say(response=response, **values)
                raise Closed
        return next((name for name in self.form.questions(self.answers, order) if self.answers[name] is None), None)

    def _open(self, order: OrderView) -> bool:
        return house.desk().owns(order) or order.number == self.answers["proven_order"]

    def _accept(self, slot: str, value: Any) -> None:
        self.answers[slot] = value
        self.answers["misses"] = 0
        if slot == "message":
            self.answers["topic"] = self.tracker.get_slot("queue")

    def _read_confirmation(self) -> None:
        agrees = reading.means_yes(self.text) or (
            self.intent == "affirm" and self._sure and not reading.asks(self.text) and len(self.text) <= 40
        )
        declines = reading.means_no(self.text) or (self.intent == "deny" and self._sure)
        if declines:
            self._leave()
        elif agrees:
            self._accept("confirmed", True)
        elif not self._named_order():
            self._something_else()

    async def _read_strictly(self, asked: str) -> None:
        value = self._named_order() if asked == "order_number" else STRICT[asked](self.text)
        if value is None and asked in self.form.optional and (reading.means_no(self.text) or (self.intent == "deny" and self._sure)):
            value = reading.SKIPPED
        if value is None and asked == "phone_tail" and self._named_order():
            return  # the order once more, or another one
        if value is None:
            self._something_else()
        elif asked == "phone_tail":
            await self._prove(value)
        else:
            self._accept(asked, value)

    def _read_freely(self, asked: str) -> None:
        if self.chosen and self.intent != "inform":
            self._leave()
        own = OPENS.get(self.intent) == self.form.form
        elsewhere = self._sure and self.intent not in ANSWERS | GROUNDS
        if reading.leaves(self.text):
            self._leave()
        elif elsewhere and (
            (self.intent in SMALL_TALK | {"goodbye"} and len(self.text) <= 20)
            or (asked != "message" and ((not own and reading.changes_mind(self.text)) or reading.asks(self.text)))
        ):
            self._something_else()
        elif asked not in {"message", "fault"} and reading.plain(self.text).endswith("?"):
            self._miss("utter_invalid_answer")  # a question that was not understood is no answer either
        elif (said := reading.words_in(self.text)) is not None:
            self._accept(asked, said)
        elif not self.chosen:
            self._miss("utter_invalid_answer")

    async def _prove(self, tail: str) -> None:
        """Compare the digits with the order's phone number; wrong ones are counted over the whole conversation."""
        order = await house.desk().order(self.answers["order_number"] or "")
        if order is None:
            return
        if order.phone[-4:] == tail:
            self.answers |= {"proven_order": order.number, "phone_tail": tail, "wrong_tails": 0, "misses": 0}
            return
        self.answers["wrong_tails"] = int(self.answers["wrong_tails"] or 0) + 1
        if self.answers["wrong_tails"] < MOST_WRONG_TAILS:
            self.say(response="utter_wrong_phone_tail")

    @property
    def _sure(self) -> bool:
        return self.confidence >= (SURE_OF_A_QUESTION if reading.asks(self.text) else SURE)

    def _named_order(self) -> str | None:
        """The order number in this very message."""
        return reading.order_number_in(self.text) or next(self.tracker.get_latest_entity_values("order_number"), None)

    def _leave(self) -> None:
        self.say(response="utter_left")
        raise Closed

    def _something_else(self) -> None:
        """The message does not answer the question: leaving, another matter, a question in between, or of no use."""
        # Where an order is to be cancelled, "cancel" alone may mean either; only a clear yes or no counts.
        cancelling = self.form.form == "cancel_order_form" and ("取消" in self.text or "cancel" in self.text.lower())
        other = OPENS.get(self.intent)
        turns = self._sure and other not in {None, self.form.form} and self.intent not in {*self.form.explains, *self._grounds}
        if not turns and ((self.intent == "deny" and self._sure) or (reading.leaves(self.text) and not cancelling)):
            self._leave()
        if not self._sure or self.intent in ANSWERS:
            self._miss(f"utter_invalid_{self.asked}")
            return
        if self.intent == "goodbye":
            self.say(response="utter_goodbye")
            raise Closed
        if self.intent in self._grounds:
            self.answers["reason"] = self.answers["reason"] or reading.words_in(self.text)
            return
        explanation = self.form.explains.get(self.intent, f"utter_{self.intent}")
        if turns:
            raise Closed(str(other), keep=("order_number",))
        if (other and not reading.asks(self.text)) or explanation not in self.responses:
            self._miss(f"utter_invalid_{self.asked}")
        else:
            self.say(response="utter_one_at_a_time" if self._offers(explanation) else explanation)

    @property
    def _grounds(self) -> frozenset[str]:
        return GROUNDS if "reason" in self.form.questions(self.answers, None) else frozenset()

    def _offers(self, response: str) -> bool:
        """Whether a response asks for yes or no, which would be taken for an answer to the form."""
        buttons = (button for variation in self.responses[response] for button in variation.get("buttons") or ())
        return any(button["payload"] in {"/affirm", "/deny"} for button in buttons)

    def _miss(self, response: str, **values: Any) -> None:
        self.answers["misses"] = int(self.answers["misses"] or 0) + 1
        if self.answers["misses"] >= MOST_MISSES:
            self.say(response="utter_gave_up")
            raise Closed
        self.say(response=response if response in self.responses else "utter_invalid_answer", **values)
