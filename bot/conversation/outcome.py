"""What one customer message causes. The assistant collects it; the CRM store writes it in one transaction."""

from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["bot", "queued", "agent", "closed"]
Sender = Literal["customer", "bot", "agent", "system"]
Sentiment = Literal["negative", "neutral", "positive"]
Priority = Literal["urgent", "high", "normal", "low"]


@dataclass(frozen=True, slots=True)
class Button:
    """A choice offered below a message. `payload` is what choosing it says to the assistant, such as `/affirm`."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of the assistant."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word (or character n-gram) and the weight with which it spoke for the predicted label."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person is needed, in words; `evidence` quotes what in the message (or the record) says so."""

    code: Literal["request", "threat", "fraud", "safety", "anger", "promise", "wording", "trend", "failure"]
    zh: str
    en: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """What was understood of one customer message; one row per customer message.

    Confidences and scores are probabilities 0…1; `sentiment_score` is −1…1 (P(positive) − P(negative)); `milliseconds` is the
    time from taking the message up to its outcome.
    """

    intent: str
    intent_confidence: float
    fallback: bool
    queue: str
    queue_confidence: float
    queue_scores: dict[str, float]
    queue_evidence: tuple[Evidence, ...]
    sentiment: Sentiment
    sentiment_score: float
    sentiment_evidence: tuple[Evidence, ...]
    escalate: bool
    reasons: tuple[Reason, ...]
    model_versions: dict[str, str]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class OrderChange:
    """A change of an order that the customer asked for and confirmed. `fields` are columns of the order and their new values."""

    number: str
    fields: dict[str, Any]
    note: str


@dataclass(frozen=True, slots=True)
class NewTicket:
    """Work for a team. `kind` is the form or event that made it, such as `refund` or `hand_off`; `fields` is what the form asked for."""

    queue: str
    kind: str
    subject: str
    summary: str
    priority: Priority = "normal"
    order_number: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandOff:
    """The conversation leaves the assistant for the queue. `summary` is one paragraph of facts from the record, for the agent."""

    queue: str
    priority: Priority
    reasons: tuple[Reason, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """All that one turn writes.

    `mode` is `reply` (the assistant answered) or `observe` (a person owns the conversation; it is only understood and remembered).
    `error` names what failed when the assistant could not answer as it should; the turn still ends, with an apology among `replies`.
    `tracker_events` are the assistant's events of this turn as JSON objects, `slots` the slots after it, `active_loop` its open form.
    """

    turn_id: int
    conversation_id: str
    mode: Literal["reply", "observe"]
    interaction: Interaction
    replies: tuple[Reply, ...] = ()
    tickets: tuple[NewTicket, ...] = ()
    order_changes: tuple[OrderChange, ...] = ()
    hand_off: HandOff | None = None
    tracker_events: tuple[dict[str, Any], ...] = ()
    slots: dict[str, Any] = field(default_factory=dict)
    active_loop: str | None = None
    error: str | None = None
