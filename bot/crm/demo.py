"""Sample data: what a shop's record looks like after some weeks, to try the desk on. Goods, people and words are made up."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from bot.crm import demo_goods as goods
from bot.crm import queries, tables
from bot.crm.demo_replies import CANNED_REPLIES
from bot.crm.demo_talk import TALKS, Talk
from bot.crm.demo_writing import Writing
from bot.crm.records import OrderStatus, OrderView
from bot.crm.store import hash_of

CUSTOMERS = 60
ORDERS: dict[OrderStatus, int] = {
    "delivered": 70, "shipped": 35, "paid": 25, "cancelled": 14, "unpaid": 12, "refunding": 12, "refunded": 12,
}  # fmt: skip
PHONES = "154"
"""No operator has been given mobile numbers that begin so: they reach nobody."""
SHOP_TIME = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class _Customer:
    id: int
    name: str
    phone: str


def fill(c: Connection, *, seed: int = 1, now: datetime | None = None) -> dict[str, int]:
    """Products, prepared answers, customers, orders and conversations as they might stand at the time `now`.

    Returns how many rows were written. The same seed again writes nothing. Signed in to the shop as `demo-<seed>-1` …
    `demo-<seed>-60`, a visitor is one of the customers. Nothing is put into the outbox: nobody outside is told of hand-offs that never
    were. There are no users among it.
    """
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    rng = random.Random(seed)  # noqa: S311 - sample data, no secrets
    counts = {"products": _fill_products(c), "canned_replies": _fill_canned_replies(c, at)}
    counts |= dict.fromkeys(("customers", "orders", "conversations", "messages", "tickets"), 0)
    identities = [hash_of(f"demo-{seed}-{number}") for number in range(1, CUSTOMERS + 1)]
    identity = tables.identities
    if c.execute(select(identity.c.id).where(identity.c.kind == "shop", identity.c.value_hash.in_(identities)).limit(1)).scalar():
        return counts
    customers = _fill_customers(c, rng, identities, at)
    orders = _fill_orders(c, rng, customers, at)
    counts |= {"customers": len(customers), "orders": len(orders), "conversations": len(TALKS)}
    free = sorted(orders, key=lambda order: order.ordered_at, reverse=True)
    for talk in TALKS:
        started = at - timedelta(hours=talk.hours)
        order = _order_for(talk, started, free)
        customer_id = order.customer_id if order else rng.choice(customers).id
        written = Writing(c, rng, talk, customer_id, order, started).write()
        counts["messages"] += written.messages
        counts["tickets"] += written.tickets
    return counts


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


def _fill_canned_replies(c: Connection, at: datetime) -> int:
    known = set(c.execute(select(tables.canned_replies.c.shortcut)).scalars())
    rows = [
        {"shortcut": shortcut, "queue": queue, "text": text, "updated_at": at}
        for queue, replies in CANNED_REPLIES.items()
        for shortcut, text in replies.items()
        if shortcut not in known
    ]
    return len(_insert(c, tables.canned_replies, rows))


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


def _order_for(talk: Talk, started: datetime, free: list[OrderView]) -> OrderView | None:
    """The newest order of the talk's status to which everything had happened when it began, or else the oldest; no other talk gets it."""
    fitting = [order for order in free if order.status == talk.order]
    if not fitting:
        return None
    so_far = (order for order in fitting if max(filter(None, (order.ordered_at, order.shipped_at, order.delivered_at))) < started)
    chosen = next((order for order in so_far if talk.sku in {None, *(item.sku for item in order.items)}), fitting[-1])
    free.remove(chosen)
    return chosen
