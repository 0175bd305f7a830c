"""Writes one sample conversation with all that belongs to it, as the desk itself would have written it at that time."""

import random
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from bot.conversation import escalation
from bot.conversation.mood import Mood
from bot.conversation.outcome import Evidence, NewTicket, Sentiment
from bot.conversation.priority import PROMISES, place, ticket_promise
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.crm import tables
from bot.crm.demo_talk import Answer, Person, Said, Talk
from bot.crm.ownership import TOLD
from bot.crm.parts import NOBODY_WAITS, URGENCIES, end_hand_off, happened, inserted, ticket_happened
from bot.crm.records import EventKind, OrderView, TicketStatus
from bot.crm.store import hash_of

MOODS: dict[Sentiment, str] = {"negative": "不满", "neutral": "平静", "positive": "满意"}


class Writing:
    """A conversation while it is written: what was said so far, and who owns it."""

    def __init__(self, c: Connection, rng: random.Random, talk: Talk, customer_id: int, order: OrderView | None, started: datetime) -> None:
        self._c = c
        self._rng = rng
        self._talk = talk
        self._order = order
        self._words = _words(order)
        self._at = started
        self._mood = Mood()
        self._topics: list[str] = []
        self._hand_off: dict[str, Any] = {}
        self._heard = 0
        self._answered = 0
        self.messages = 0
        self.tickets = 0
        token_hash = hash_of(secrets.token_urlsafe(32))  # nobody has the token, whatever the seed: these conversations stay shut
        self._row: dict[str, Any] = {
            "id": uuid.UUID(int=rng.getrandbits(128)).hex, "customer_id": customer_id, "token_hash": token_hash, "channel": "web",
            "state": "bot", "verified": True, "locale": talk.locale, "page": None, "last_seq": 0, "read_seq": 0, "slots": {},
            "created_at": started, "updated_at": started,
        }  # fmt: skip
        inserted(c, tables.identities, customer_id=customer_id, kind="visitor", value_hash=token_hash, created_at=started)
        inserted(c, tables.consents, customer_id=customer_id, purpose="chat", notice_version="demo", at=started)
        inserted(c, tables.conversations, **self._row)

    def write(self) -> "Writing":
        """All of it, to the end."""
        changes: dict[str, Any] = {}
        for line in self._talk.lines:
            if isinstance(line, Answer):
                self._person_says(line)
            else:
                self._customer_says(line)
        if self._talk.ticket:
            named = {name: getattr(self._talk.ticket, name).format(**self._words) for name in ("subject", "summary")}
            self._ticket(replace(self._talk.ticket, **named, order_number=self._order.number if self._order else None), self._answered)
        if self._order and self._order.status == "cancelled":
            self._cancelled(self._order)
        if self._talk.person:
            changes = self._person_ends(self._talk.person)
        elif self._talk.closed:
            changes = self._customer_ends()
        if self._talk.rating:
            score, comment = self._talk.rating
            inserted(self._c, tables.ratings, conversation_id=self._row["id"], score=score, comment=comment, at=self._at)
        changes = (
            self._hand_off
            | changes
            | {"mood": self._mood.as_record(), "last_seq": self.messages, "read_seq": self.messages, "updated_at": self._at}
        )
        self._c.execute(update(tables.conversations).where(tables.conversations.c.id == self._row["id"]).values(**changes))
        return self

    # What is said

    def _customer_says(self, said: Said) -> None:
        text = said.text.format(**self._words)
        self._heard += 1
        self._at += timedelta(seconds=self._rng.randint(15, 70))
        message_id = self._message("customer", text, client_id=str(uuid.UUID(int=self._rng.getrandbits(128))))
        done_at = self._at + timedelta(milliseconds=self._rng.randint(8, 60))
        turn = {"conversation_id": self._row["id"], "message_id": message_id, "status": "done", "created_at": self._at, "done_at": done_at}
        turn_id = inserted(self._c, tables.turns, **turn)
        situation = escalation.Situation(text, said.intent, 0.9, _sentiment(said.mood), said.mood, self._mood)
        decision = escalation.decide(situation)
        self._interaction(said, turn_id, message_id, decision, done_at)
        self._mood = self._mood.after(said.mood)
        if INTENT_QUEUES[said.intent] != "general":
            self._topics.append(INTENT_QUEUES[said.intent])
        self._at = done_at
        if said.reply:
            self._answered = turn_id
            reply_id = self._message("bot", said.reply.format(**self._words), turn_id=turn_id)
            if said.thumb:
                inserted(self._c, tables.feedback, message_id=reply_id, value=said.thumb, at=done_at + timedelta(seconds=9))
        if decision.escalate and not self._hand_off:
            self._hands_off(turn_id, decision, _summary(self._heard, self._topics, said, text, decision), said.mood)

    def _person_says(self, answer: Answer) -> None:
        person, hand_off = self._talk.person, tables.hand_offs
        assert person is not None, "an answer has somebody who gives it"
        mine = hand_off.c.conversation_id == self._row["id"]
        if self._hand_off["state"] == "queued":
            self._at = self._hand_off["queued_at"] + timedelta(minutes=person.waited, seconds=self._rng.randint(0, 40))
            self._moves("claimed", agent=person.name)
            self._c.execute(update(hand_off).where(mine).values(claimed_at=self._at))
            self._hand_off |= {"state": "agent", "due_at": None}
            self._at += timedelta(seconds=self._rng.randint(15, 60))
            self._c.execute(update(hand_off).where(mine).values(first_reply_at=self._at))
        else:
            self._at += timedelta(seconds=self._rng.randint(20, 90))
        self._message("agent", answer.text.format(**self._words), name=person.name)
        self._hand_off |= {"agent_read_seq": self.messages, "unanswered_since": None, "promised_at": None}

    def _message(self, sender: str, text: str, **more: Any) -> int:
        self.messages += 1
        values = {"conversation_id": self._row["id"], "seq": self.messages, "sender": sender, "text": text, "buttons": [], "at": self._at}
        return inserted(self._c, tables.messages, **values | {"attachments": []} | more)

    def _interaction(self, said: Said, turn_id: int, message_id: int, decision: escalation.Decision, at: datetime) -> None:
        queue = INTENT_QUEUES[said.intent]
        sure = round(self._rng.uniform(0.72, 0.98), 3)
        others = round((1 - sure) / (len(QUEUES) - 1), 4)
        inserted(
            self._c, tables.interactions,
            turn_id=turn_id, message_id=message_id, conversation_id=self._row["id"], customer_id=self._row["customer_id"],
            mode="observe" if self._hand_off else "reply", intent=said.intent, intent_confidence=round(self._rng.uniform(0.75, 0.99), 3),
            fallback=False, queue=queue, queue_confidence=sure, queue_scores={name: sure if name == queue else others for name in QUEUES},
            queue_evidence=[asdict(Evidence(term, round(self._rng.uniform(0.4, 1.9), 2))) for term in said.terms],
            sentiment=_sentiment(said.mood), sentiment_score=said.mood, sentiment_evidence=[], escalate=decision.escalate,
            reasons=[asdict(reason) for reason in decision.reasons],
            model_versions={"assistant": "demo", "tickets": "demo", "sentiment": "demo"}, milliseconds=self._rng.uniform(6, 45), at=at,
        )  # fmt: skip

    # Who owns it

    def _hands_off(self, turn_id: int, decision: escalation.Decision, summary: str, mood: float) -> None:
        queue = self._topics[-1] if self._topics else "general"
        subject = "；".join(reason.zh for reason in decision.reasons)
        ticket_id = self._ticket(NewTicket(queue, "hand_off", subject, summary, decision.priority), turn_id)
        inserted(
            self._c, tables.hand_offs,
            conversation_id=self._row["id"], ticket_id=ticket_id, turn_id=turn_id, queue=queue, priority=decision.priority,
            reasons=[asdict(reason) for reason in decision.reasons], summary=summary, created_at=self._at,
        )  # fmt: skip
        happened(self._c, self._row["id"], "queued", self._at, queue=queue)
        placed = place(self._at, timedelta(minutes=PROMISES[queue]), decision.priority, score=mood)
        self._mood = self._mood.settled()
        self._hand_off = {
            "state": "queued", "queue": queue, "urgency": URGENCIES.index(decision.priority), "queued_at": self._at,
            "due_at": placed.due_at, "promised_at": placed.promised_at, "unanswered_since": self._at,
        }  # fmt: skip

    def _person_ends(self, person: Person) -> dict[str, Any]:
        self._at += timedelta(seconds=self._rng.randint(20, 60))
        if person.result is None:
            end_hand_off(self._c, self._row["id"], "returned", self._at, ticket="solved")
            self._moves("returned")
            return NOBODY_WAITS | {"state": "bot"}
        status: TicketStatus = "open" if person.result == "follow_up" else "solved" if person.result == "solved" else "closed"
        end_hand_off(self._c, self._row["id"], "resolved", self._at, ticket=status, result=person.result, resolution=person.summary)
        self._moves("resolved", result=person.result, summary=person.summary)
        return NOBODY_WAITS | {"state": "closed", "closed_at": self._at}

    def _customer_ends(self) -> dict[str, Any]:
        end_hand_off(self._c, self._row["id"], "closed", self._at, ticket="closed")
        happened(self._c, self._row["id"], "closed", self._at)
        return NOBODY_WAITS | {"state": "closed", "closed_at": self._at}

    def _moves(self, kind: EventKind, **fields: Any) -> None:
        """The customer is told, and it is noted."""
        self._message("system", TOLD[kind][self._talk.locale.startswith("en")].format(**fields))
        happened(self._c, self._row["id"], kind, self._at, **fields)

    # What comes of it

    def _ticket(self, ticket: NewTicket, turn_id: int) -> int:
        self.tickets += 1
        values = asdict(ticket) | {"conversation_id": self._row["id"], "customer_id": self._row["customer_id"], "turn_id": turn_id}
        times = {"created_at": self._at, "updated_at": self._at, "promised_at": self._at + ticket_promise(ticket.priority)}
        ticket_id = inserted(self._c, tables.tickets, **values, **times, status="open")
        ticket_happened(self._c, ticket_id, "created", self._at)
        return ticket_id

    def _cancelled(self, order: OrderView) -> None:
        order_id = self._c.execute(select(tables.orders.c.id).where(tables.orders.c.number == order.number)).scalar_one()
        change = {"fields": {"status": "cancelled"}, "note": "顾客在对话中确认取消订单", "at": self._at}
        inserted(self._c, tables.order_changes, order_id=order_id, conversation_id=self._row["id"], **change)


def _words(order: OrderView | None) -> dict[str, str]:
    """What may stand in braces in a sample message."""
    if order is None:
        return {}
    named = "、".join(f"{item.name} ×{item.quantity}" if item.quantity > 1 else item.name for item in order.items)
    return {
        "number": order.number, "tail": order.phone[-4:], "goods": named, "courier": order.courier or "快递",
        "scan": order.tracking_note or "暂无扫描记录", "paid": f"¥{order.paid_cents / 100:,.2f}",
    }  # fmt: skip


def _sentiment(mood: float) -> Sentiment:
    return "negative" if mood < -0.25 else "positive" if mood > 0.25 else "neutral"


def _summary(number: int, topics: Sequence[str], said: Said, text: str, decision: escalation.Decision) -> str:
    about = f"涉及{'、'.join(QUEUES[topic] for topic in dict.fromkeys(topics))}" if topics else "没有说明具体问题"
    reasons = "；".join(reason.zh + (f"（{'、'.join(reason.evidence)}）" if reason.evidence else "") for reason in decision.reasons)
    mood = f"最后一条情绪{MOODS[_sentiment(said.mood)]}（{said.mood:+.2f}）"
    return f"顾客共发来 {number} 条消息，{about}，{mood}。转人工原因：{reasons}。最后说：“{text}”"
