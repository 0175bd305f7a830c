"""What is told to the outside, after the transaction that it belongs to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bot.conversation.outcome import NewTicket
from bot.crm import store, tables
from bot.crm.database import Database
from tests.crm.making import change, count, rows, visit


def tell(database: Database, times: int = 1) -> None:
    conversation_id = visit(database).conversation_id
    ticket = NewTicket("billing", "invoice", "发票抬头：满月烘焙", "电话 15400001234")
    for _ in range(times):
        database.transaction(store.apply_effects, conversation_id, tickets=(ticket,))


def make_due(database: Database) -> None:
    change(database, tables.outbox, tables.outbox.c.id > 0, due_at=datetime.now(UTC) - timedelta(seconds=1))


def test_an_item_is_told_once_when_it_arrives(database: Database) -> None:
    tell(database)
    (item,) = database.transaction(store.claim_outbox)
    assert (item.kind, item.attempts) == ("ticket", 1)
    assert set(item.payload) == {"ticket", "queue", "kind", "priority"}, "nothing that the customer wrote"
    database.transaction(store.outbox_sent, item.id)
    make_due(database)
    assert database.transaction(store.claim_outbox) == []


def test_an_item_comes_again_under_the_same_key_and_later_each_time(database: Database) -> None:
    tell(database)
    keys, waits = [], []
    for attempt in range(1, 5):
        before = datetime.now(UTC)
        (item,) = database.transaction(store.claim_outbox, retry_seconds=100)
        assert item.attempts == attempt
        keys.append(item.key)
        waits.append((rows(database, tables.outbox)[0].due_at - before).total_seconds())
        assert database.transaction(store.claim_outbox) == [], "it is not due yet"
        make_due(database)
    assert len(set(keys)) == 1
    assert waits == pytest.approx([100, 200, 400, 800], abs=20)


def test_an_item_is_tried_at_least_daily(database: Database) -> None:
    tell(database)
    change(database, tables.outbox, tables.outbox.c.id > 0, attempts=60)
    before = datetime.now(UTC)
    assert len(database.transaction(store.claim_outbox)) == 1
    assert rows(database, tables.outbox)[0].due_at - before < timedelta(hours=24, minutes=1)


def test_items_are_claimed_oldest_first_and_a_few_at_a_time(database: Database) -> None:
    tell(database, 5)
    first = database.transaction(store.claim_outbox, limit=2)
    second = database.transaction(store.claim_outbox, limit=9)
    keys = [item.key for item in first + second]
    assert (len(first), len(second)) == (2, 3)
    assert keys == [row.key for row in sorted(rows(database, tables.outbox), key=lambda row: row.id)]


def test_two_senders_never_claim_the_same_item(database: Database) -> None:
    tell(database, 12)
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: database.transaction(store.claim_outbox, limit=2), range(10)))
    keys = [item.key for claim in claims for item in claim]
    assert len(keys) == len(set(keys))
    keys += [item.key for item in database.transaction(store.claim_outbox)]
    assert len(keys) == count(database, tables.outbox) == 12
