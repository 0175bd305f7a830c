"""Sample data: what a shop's record looks like after some weeks, to try the desk on. Goods, people and words are made up."""

import random
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from bot.conversation import escalation
from bot.conversation.outcome import Evidence, NewTicket, Sentiment
from bot.conversation.priority import PROMISES, place, ticket_promise
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.crm import demo_goods as goods
from bot.crm import queries, tables
from bot.crm.demo_talk import TALKS, Said, Talk
from bot.crm.parts import NOBODY_WAITS, URGENCIES
from bot.crm.records import OrderStatus, OrderView
from bot.crm.store import hash_of

CUSTOMERS = 60
ORDERS: dict[OrderStatus, int] = {
    "delivered": 70, "shipped": 35, "paid": 25, "cancelled": 14, "unpaid": 12, "refunding": 12, "refunded": 12,
}  # fmt: skip
PHONES = "154"
"""No operator has been given mobile numbers that begin so: they reach nobody."""
SHOP_TIME = timezone(timedelta(hours=8))
MOODS: dict[Sentiment, str] = {"negative": "不满", "neutral": "平静", "positive": "满意"}


@dataclass(frozen=True, slots=True)
class _Customer:
    id: int
    name: str
    phone: str


def fill(c: Connection, *, seed: int = 1, now: datetime | None = None) -> dict[str, int]:
    """Products, customers, orders and conversations as they might stand at the time `now`; returns how many rows were written.

    The same seed again writes nothing. Signed in to the shop as `demo-<seed>-1` … `demo-<seed>-60`, a visitor is one of the customers.
    Nothing is put into the outbox: nobody outside is told of hand-offs that never were.
    """
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    rng = random.Random(seed)  # noqa: S311 - sample data, no secrets
    counts = {"products": _fill_products(c), "customers": 0, "orders": 0, "conversations": 0, "messages": 0, "tickets": 0}
    identities = [hash_of(f"demo-{seed}-{number}") for number in range(1, CUSTOMERS + 1)]
    identity = tables.identities
    if c.execute(select(identity.c.id).where(identity.c.kind == "shop", identity.c.value_hash.in_(identities)).limit(1)).scalar():
        return counts
    customers = _fill_customers(c, rng, identities, at)
    orders = _fill_orders(c, rng, customers, at)
    talks = _Talks(c, rng, at, orders)
    for talk in TALKS:
        talks.write(talk, customers)
    return counts | {"customers": len(customers), "orders": len(orders)} | talks.counts


def samples(c: Connection) -> list[OrderView]:
    """Sample orders to try the assistant with: the newest that is on its way, that waits to be sent, and that has arrived."""
    order = tables.orders
    made_up = select(order.c.number).where(order.c.phone.startswith(PHONES)).order_by(order.c.ordered_at.desc(), order.c.id).limit(1)
    numbers = [c.execute(made_up.where(order.c.status == status)).scalar() for status in ("shipped", "paid", "delivered")]
    found = (queries.find_order(c, number) for number in numbers if number)
    return [view for view in found if view]


def _insert(c: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert the rows; returns their keys in the same order."""
    return list(c.execute(insert(table).returning(table.c.id, sort_by_parameter_order=True), rows).scalars()) if rows else []


# Goods, people, orders


def _fill_products(c: Connection) -> int:
    known = set(c.execute(select(tables.products.c.sku)).scalars())
    return len(_insert(c, tables.products, [asdict(product) for product in goods.PRODUCTS if product.sku not in known]))


def _fill_customers(c: Connection, rng: random.Random, identities: Sequence[str], at: datetime) -> list[_Customer]:
    names = rng.sample([surname + given for surname in goods.SURNAMES for given in goods.GIVEN], CUSTOMERS)
    phones = [f"{PHONES}{digits:08}" for digits in rng.sample(range(10**8), CUSTOMERS)]
    since = [at - timedelta(days=rng.randint(100, 900), minutes=rng.randint(0, 1440)) for _ in names]
    rows = [
        {"name": name, "phone": phone, "level": rng.choice(goods.LEVELS), "verified": True, "created_at": created}
        for name, phone, created in zip(names, phones, since, strict=True)
    ]
    keys = _insert(c, tables.customers, rows)
    _insert(
        c,
        tables.identities,
        [
            {"customer_id": key, "kind": "shop", "value_hash": value_hash, "created_at": created}
            for key, value_hash, created in zip(keys, identities, since, strict=True)
        ],
    )
    return [_Customer(*values) for values in zip(keys, names, phones, strict=True)]


def _fill_orders(c: Connection, rng: random.Random, customers: Sequence[_Customer], at: datetime) -> list[OrderView]:
    product, order = tables.products, tables.orders
    shelf = c.execute(select(product.c.id, product.c.price_cents).order_by(product.c.id)).all()
    taken = set(c.execute(select(order.c.number)).scalars())
    homes = {customer.id: _place(rng) for customer in customers}
    rows, baskets = [], []
    for status in (status for status, count in ORDERS.items() for _ in range(count)):
        customer = rng.choice(customers)
        basket = [(key, price, rng.choice((1, 1, 1, 2))) for key, price in rng.sample(shelf, rng.choice((1, 1, 2, 2, 3)))]
        total = sum(price * quantity for _, price, quantity in basket)
        rows.append(_order(rng, status, customer, homes[customer.id], total, at))
        rows[-1]["number"] = _number(rng, rows[-1]["ordered_at"], taken)
        baskets.append(basket)
    keys = _insert(c, order, rows)
    _insert(
        c,
        tables.order_items,
        [
            {"order_id": key, "product_id": product_id, "quantity": quantity, "price_cents": price}
            for key, basket in zip(keys, baskets, strict=True)
            for product_id, price, quantity in basket
        ],
    )
    return [view for customer in customers for view in queries.orders_of_customer(c, customer.id, len(rows))]


def _place(rng: random.Random) -> tuple[str, str, str]:
    """City, district and whole address."""
    province, city, district = rng.choice(goods.PLACES)
    street = f"{rng.choice(goods.ROADS)}{rng.randint(1, 399)}号{rng.choice(goods.ESTATES)}"
    return city, district, f"{province}{city}{district}{street}{rng.randint(1, 28)}栋{rng.randint(1, 30)}0{rng.randint(1, 4)}室"


def _number(rng: random.Random, ordered_at: datetime, taken: set[str]) -> str:
    day = f"{ordered_at.astimezone(SHOP_TIME):%Y%m%d}"
    number = next(number for number in iter(lambda: f"{day}{rng.randint(0, 9999):04}", None) if number not in taken)
    taken.add(number)
    return number


def _order(
    rng: random.Random, status: OrderStatus, customer: _Customer, home: tuple[str, str, str], total: int, at: datetime
) -> dict[str, Any]:
    city, district, address = home
    paid = status != "unpaid" and (status != "cancelled" or rng.random() < 0.5)
    reduction = rng.choice((0, 0, 0, 500, 2000)) if total > 10_000 else 0
    dates, notes = _progress(rng, status, at)
    parcel: dict[str, Any] = {"courier": None, "tracking_number": None, "tracking_note": None}
    if dates["shipped_at"]:
        courier = rng.choice(list(goods.COURIERS))
        note = rng.choice(notes).format(city=city, district=district)
        parcel = {"courier": courier, "tracking_number": f"{goods.COURIERS[courier]}{rng.randrange(10**12):012}", "tracking_note": note}
    invoice = rng.choice((None, None, None, "个人", rng.choice(goods.COMPANIES))) if paid else None
    return {
        "customer_id": customer.id, "status": status, "total_cents": total, "paid_cents": total - reduction if paid else 0,
        **parcel, **dates, "recipient": customer.name, "phone": customer.phone, "address": address, "invoice_title": invoice,
    }  # fmt: skip


def _progress(rng: random.Random, status: OrderStatus, at: datetime) -> tuple[dict[str, datetime | None], tuple[str, ...]]:
    """When an order in that status was made, sent, expected and delivered, and what the courier may have noted last."""

    def hours(least: float, most: float) -> timedelta:
        return timedelta(minutes=rng.randint(round(least * 60), round(most * 60)))

    late = rng.random() < 0.2
    shipped: datetime | None = None
    delivered: datetime | None = None
    notes: tuple[str, ...] = ()
    if status == "shipped":
        shipped = at - (hours(96, 140) if late else hours(6, 70))
        notes = goods.STUCK if late else goods.MOVING
    elif status == "delivered" or (status in {"refunding", "refunded"} and rng.random() < 0.5):
        oldest = {"delivered": 80 * 24, "refunding": 8 * 24, "refunded": 40 * 24}[status]
        delivered = at - hours(3 if status == "delivered" else 72, oldest)
        shipped = delivered - hours(24, 80)
        notes = {"delivered": goods.ARRIVED, "refunding": goods.RETURNING, "refunded": goods.RETURNED}[status]
    if shipped:
        ordered = shipped - hours(4, 40)
        expected: datetime | None = shipped + (timedelta(hours=72) if late or delivered else hours(72, 96))
    else:
        since = {"unpaid": (1, 22), "paid": (60, 96) if late else (1, 40), "cancelled": (30, 60 * 24)}.get(status, (24, 20 * 24))
        ordered = at - hours(*since)
        expected = ordered + hours(72, 120) if status == "paid" else None
    return {"ordered_at": ordered, "shipped_at": shipped, "expected_at": expected, "delivered_at": delivered}, notes


# Conversations


class _Talks:
    """Writes sample conversations, each about an order that no other is about."""

    def __init__(self, c: Connection, rng: random.Random, at: datetime, orders: Sequence[OrderView]) -> None:
        self.c = c
        self.rng = rng
        self.at = at
        self.free = sorted(orders, key=lambda order: order.ordered_at, reverse=True)
        self.counts = {"conversations": 0, "messages": 0, "tickets": 0}

    def write(self, talk: Talk, customers: Sequence[_Customer]) -> None:
        """One conversation with all that belongs to it."""
        started = self.at - timedelta(hours=talk.hours)
        order = self._order(talk, started)
        customer_id = order.customer_id if order else self.rng.choice(customers).id
        words = _words(order)
        conversation_id = uuid.UUID(int=self.rng.getrandbits(128)).hex
        token_hash = hash_of(secrets.token_urlsafe(32))  # nobody has the token, whatever the seed: these conversations stay shut
        self._one(tables.identities, customer_id=customer_id, kind="visitor", value_hash=token_hash, created_at=started)
        self._one(tables.consents, customer_id=customer_id, purpose="chat", notice_version="demo", at=started)
        row: dict[str, Any] = {
            "id": conversation_id, "customer_id": customer_id, "token_hash": token_hash, "channel": "web", "state": "bot", "verified": True,
            "locale": talk.locale, "page": None, "last_seq": 0, "read_seq": 0, "slots": {}, "created_at": started, "updated_at": started,
        }  # fmt: skip
        self.c.execute(insert(tables.conversations), row)
        changes, turn_id = self._lines(row, talk, words)
        over: datetime = changes["updated_at"]
        if talk.ticket:
            subject, summary = talk.ticket.subject.format(**words), talk.ticket.summary.format(**words)
            number = order.number if order else None
            self._ticket(row, turn_id, replace(talk.ticket, subject=subject, summary=summary, order_number=number), over)
        if order and order.status == "cancelled":
            self._cancelled(row, order, over)
        if talk.rating:
            score, comment = talk.rating
            self._one(tables.ratings, conversation_id=conversation_id, score=score, comment=comment, at=over)
        if talk.closed:
            changes |= NOBODY_WAITS | {"state": "closed", "closed_at": over}
        self.c.execute(update(tables.conversations).where(tables.conversations.c.id == conversation_id).values(**changes))
        self.counts["conversations"] += 1
        self.counts["messages"] += changes["last_seq"]

    def _order(self, talk: Talk, started: datetime) -> OrderView | None:
        """The newest order of the talk's status to which everything had happened when it began, or else the oldest."""
        fitting = [order for order in self.free if order.status == talk.order]
        if not fitting:
            return None
        so_far = (order for order in fitting if max(filter(None, (order.ordered_at, order.shipped_at, order.delivered_at))) < started)
        chosen = next((order for order in so_far if talk.sku in {None, *(item.sku for item in order.items)}), fitting[-1])
        self.free.remove(chosen)
        return chosen

    def _lines(self, row: dict[str, Any], talk: Talk, words: dict[str, str]) -> tuple[dict[str, Any], int]:
        """The messages with their turns and interactions; returns what changes in the conversation, and the last answered turn."""
        at, seq, answered = row["created_at"], 0, 0
        waiting: dict[str, Any] = {}
        scores: tuple[float, ...] = ()
        topics: list[str] = []
        for number, said in enumerate(talk.lines, 1):
            text, seq = said.text.format(**words), seq + 1
            at += timedelta(seconds=self.rng.randint(15, 70))
            message_id = self._message(row, seq, "customer", text, at, client_id=str(uuid.UUID(int=self.rng.getrandbits(128))))
            done_at = at + timedelta(milliseconds=self.rng.randint(8, 60))
            turn_id = self._one(
                tables.turns, conversation_id=row["id"], message_id=message_id, status="done", created_at=at, done_at=done_at
            )
            decision = escalation.decide(escalation.Situation(text, said.intent, 0.9, _sentiment(said.mood), said.mood, scores))
            self._interaction(row, said, turn_id, message_id, "observe" if waiting else "reply", decision, done_at)
            scores = (*scores, said.mood)
            if INTENT_QUEUES[said.intent] != "general":
                topics.append(INTENT_QUEUES[said.intent])
            if said.reply:
                seq, answered = seq + 1, turn_id
                reply_id = self._message(row, seq, "bot", said.reply.format(**words), done_at, turn_id=turn_id)
                if said.thumb:
                    self._one(tables.feedback, message_id=reply_id, value=said.thumb, at=done_at + timedelta(seconds=9))
            if decision.escalate and not waiting:
                waiting = self._hand_off(row, turn_id, decision, _summary(number, topics, said, text, decision), topics, said.mood, done_at)
                scores = ()
        if waiting and talk.closed:
            hand_off, ticket = tables.hand_offs, tables.tickets
            self.c.execute(update(hand_off).where(hand_off.c.conversation_id == row["id"]).values(ended_at=at, outcome="closed"))
            self.c.execute(update(ticket).where(ticket.c.conversation_id == row["id"]).values(status="closed", closed_at=at, updated_at=at))
        return waiting | {"last_seq": seq, "read_seq": seq, "updated_at": at}, answered

    def _message(self, row: dict[str, Any], seq: int, sender: str, text: str, at: datetime, **more: Any) -> int:
        return self._one(tables.messages, conversation_id=row["id"], seq=seq, sender=sender, text=text, buttons=[], at=at, **more)

    def _interaction(
        self, row: dict[str, Any], said: Said, turn_id: int, message_id: int, mode: str, decision: escalation.Decision, at: datetime
    ) -> None:
        queue = INTENT_QUEUES[said.intent]
        sure = round(self.rng.uniform(0.72, 0.98), 3)
        others = round((1 - sure) / (len(QUEUES) - 1), 4)
        self._one(
            tables.interactions,
            turn_id=turn_id, message_id=message_id, conversation_id=row["id"], customer_id=row["customer_id"], mode=mode,
            intent=said.intent, intent_confidence=round(self.rng.uniform(0.75, 0.99), 3), fallback=False,
            queue=queue, queue_confidence=sure, queue_scores={name: sure if name == queue else others for name in QUEUES},
            queue_evidence=[asdict(Evidence(term, round(self.rng.uniform(0.4, 1.9), 2))) for term in said.terms],
            sentiment=_sentiment(said.mood), sentiment_score=said.mood, sentiment_evidence=[], escalate=decision.escalate,
            reasons=[asdict(reason) for reason in decision.reasons],
            model_versions={"assistant": "demo", "tickets": "demo", "sentiment": "demo"}, milliseconds=self.rng.uniform(6, 45), at=at,
        )  # fmt: skip

    def _hand_off(
        self,
        row: dict[str, Any],
        turn_id: int,
        decision: escalation.Decision,
        summary: str,
        topics: Sequence[str],
        mood: float,
        at: datetime,
    ) -> dict[str, Any]:
        """The hand-off with its ticket; returns what changes in the conversation."""
        queue = topics[-1] if topics else "general"
        subject = "；".join(reason.zh for reason in decision.reasons)
        ticket_id = self._ticket(row, turn_id, NewTicket(queue, "hand_off", subject, summary, decision.priority), at)
        self._one(
            tables.hand_offs,
            conversation_id=row["id"], ticket_id=ticket_id, turn_id=turn_id, queue=queue, priority=decision.priority,
            reasons=[asdict(reason) for reason in decision.reasons], summary=summary, created_at=at,
        )  # fmt: skip
        placed = place(at, timedelta(minutes=PROMISES[queue]), decision.priority, score=mood)
        return {
            "state": "queued", "queue": queue, "urgency": URGENCIES.index(decision.priority), "queued_at": at, "due_at": placed.due_at,
            "promised_at": placed.promised_at, "unanswered_since": at,
        }  # fmt: skip

    def _ticket(self, row: dict[str, Any], turn_id: int, ticket: NewTicket, at: datetime) -> int:
        self.counts["tickets"] += 1
        values = asdict(ticket) | {"conversation_id": row["id"], "customer_id": row["customer_id"], "turn_id": turn_id}
        promised_at = at + ticket_promise(ticket.priority)
        return self._one(tables.tickets, **values, status="open", created_at=at, updated_at=at, promised_at=promised_at)

    def _cancelled(self, row: dict[str, Any], order: OrderView, at: datetime) -> None:
        order_id = self.c.execute(select(tables.orders.c.id).where(tables.orders.c.number == order.number)).scalar_one()
        fields, note = {"status": "cancelled"}, "顾客在对话中确认取消订单"
        self._one(tables.order_changes, order_id=order_id, conversation_id=row["id"], fields=fields, note=note, at=at)

    def _one(self, table: Table, **values: Any) -> int:
        return _insert(self.c, table, [values])[0]


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
