"""Sample data: what a shop's record looks like after some weeks, to try the desk on. Goods, people and words are made up."""

import random
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from bot.conversation import escalation
from bot.conversation.outcome import Priority, Reason, Sentiment, State
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.crm import demo_goods as goods
from bot.crm import queries, tables
from bot.crm.demo_talk import TALKS, Said, Talk
from bot.crm.records import OrderStatus, OrderView
from bot.crm.store import URGENCIES, hash_of

CUSTOMERS = 60
ORDERS: dict[OrderStatus, int] = {
    "delivered": 70, "shipped": 35, "paid": 25, "cancelled": 14, "unpaid": 12, "refunding": 12, "refunded": 12,
}  # fmt: skip
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
    """Orders to try the assistant with: the newest that is on its way, that waits to be sent, and that has arrived."""
    order = tables.orders
    numbers = (
        c.execute(select(order.c.number).where(order.c.status == status).order_by(order.c.ordered_at.desc(), order.c.id).limit(1)).scalar()
        for status in ("shipped", "paid", "delivered")
    )
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
    # No operator has been given numbers that begin with 154, so these reach nobody.
    phones = [f"154{digits:08}" for digits in rng.sample(range(10**8), CUSTOMERS)]
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
    shelf = list(c.execute(select(product.c.id, product.c.price_cents).order_by(product.c.id)).tuples())
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
    views = (queries.find_order(c, row["number"]) for row in rows)
    return [view for view in views if view]


def _place(rng: random.Random) -> tuple[str, str, str]:
    """City, district and whole address."""
    province, city, district = rng.choice(goods.PLACES)
    house = f"{rng.choice(goods.ROADS)}{rng.randint(1, 399)}号{rng.choice(goods.ESTATES)}{rng.randint(1, 28)}栋{rng.randint(1, 30)}0{rng.randint(1, 4)}室"
    return city, district, province + city + district + house


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
