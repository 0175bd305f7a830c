"""Sample data: plausible, the same for the same seed, and as consistent as what the desk writes itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from actions.reading import order_number_in, phone_in
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.crm import desk_queries, queries, store, tables
from bot.crm.database import Database
from bot.crm.demo import fill, samples
from bot.crm.records import OrderView
from bot.crm.tables import ORDER_STATES
from tests.crm.making import count, finish, order, rows, say, turn_of, visit

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


@pytest.fixture
def filled(database: Database) -> Database:
    database.transaction(fill, now=NOW)
    return database


def orders(database: Database) -> list[OrderView]:
    customers = [row.id for row in rows(database, tables.customers)]
    return [view for customer in customers for view in database.transaction(queries.orders_of_customer, customer, 999)]


def talks(database: Database) -> list[Any]:
    return rows(database, tables.conversations)


def test_it_says_how_much_it_wrote_and_writes_it_once(database: Database) -> None:
    made = database.transaction(fill, now=NOW)
    named = {name: tables.metadata.tables[name] for name in made}
    assert {name: count(database, table) for name, table in named.items()} == made
    assert (made["products"], made["customers"], made["orders"]) == (40, 60, 180)
    assert made["conversations"] >= 15
    again = database.transaction(fill, now=NOW + timedelta(days=2))
    assert again == dict.fromkeys(made, 0)
    assert {name: count(database, table) for name, table in named.items()} == made


def test_the_same_seed_makes_the_same_shop(database: Database) -> None:
    class Undo(Exception):
        pass

    seen = []

    def once(c: Any, seed: int) -> None:
        fill(c, seed=seed, now=NOW)
        seen.append([
            c.execute(select(tables.orders.c.number).order_by(tables.orders.c.id)).scalars().all(),
            c.execute(select(tables.messages.c.text).order_by(tables.messages.c.id)).scalars().all(),
        ])  # fmt: skip
        raise Undo

    for seed in (5, 5, 6):
        with pytest.raises(Undo):
            database.transaction(once, seed)
    assert seen[0] == seen[1]
    assert seen[1][0] != seen[2][0]


def test_another_seed_adds_another_shop_s_worth(filled: Database) -> None:
    made = filled.transaction(fill, seed=2, now=NOW)
    assert (made["products"], made["canned_replies"], made["orders"]) == (0, 0, 180)
    assert count(filled, tables.orders) == 360


def test_products_can_be_shown(filled: Database) -> None:
    goods = filled.transaction(queries.products)
    assert len({product.sku for product in goods}) == len(goods) == 40
    assert len({product.category for product in goods[:12]}) >= 5, "the shop's first page shows a mixture"
    assert all(product.price_cents > 0 and product.note for product in goods)
    assert {product.stock == 0 for product in goods} == {True, False}


def test_orders_are_in_every_status_and_make_sense(filled: Database) -> None:
    found = orders(filled)
    assert len(found) == 180
    assert {view.status for view in found} == set(ORDER_STATES)
    for view in found:
        dates = [at for at in (view.ordered_at, view.shipped_at, view.delivered_at) if at]
        assert dates == sorted(dates), view.number
        assert dates[-1] <= NOW
        assert order_number_in(f"订单{view.number}到哪了") == view.number
        assert view.number.startswith(f"{view.ordered_at + timedelta(hours=8):%Y%m%d}")
        assert phone_in(view.phone) == view.phone
        assert 1 <= len(view.items) <= 3
        assert view.total_cents == sum(item.quantity * item.price_cents for item in view.items)
        assert 0 <= view.paid_cents <= view.total_cents
        sent = (view.courier, view.tracking_number, view.tracking_note)
        assert all(sent) if view.shipped_at else not any(sent), view.number
        if view.status in {"unpaid", "paid", "cancelled"}:
            assert view.shipped_at is None
        if view.status == "shipped":
            assert view.shipped_at
            assert view.expected_at
        if view.status in {"shipped", "unpaid", "paid", "cancelled"}:
            assert view.delivered_at is None
        if view.status == "delivered":
            assert view.delivered_at
        assert (view.paid_cents == 0) is (view.status == "unpaid") or view.status == "cancelled"
    assert any(view.status == "shipped" and view.expected_at and view.expected_at < NOW for view in found), "some are late"


def test_customers_of_the_shop_see_their_orders_when_they_sign_in(filled: Database) -> None:
    known = [visit(filled, shop_identity=f"demo-1-{number}").customer_id for number in range(1, 61)]
    assert len(set(known)) == 60
    assert count(filled, tables.customers) == 60, "nobody new was made"
    assert sum(len(filled.transaction(queries.orders_of_customer, customer, 99)) for customer in known) == 180


def test_conversations_hold_what_the_desk_would_have_written(filled: Database) -> None:
    for talk in talks(filled):
        said = rows(filled, tables.messages, tables.messages.c.conversation_id == talk.id)
        said.sort(key=lambda message: message.seq)
        assert [message.seq for message in said] == list(range(1, talk.last_seq + 1))
        assert [message.at for message in said] == sorted(message.at for message in said)
        assert said[-1].at <= NOW
        asked = {message.id for message in said if message.sender == "customer"}
        turns = rows(filled, tables.turns, tables.turns.c.conversation_id == talk.id)
        seen = rows(filled, tables.interactions, tables.interactions.c.conversation_id == talk.id)
        assert {turn.message_id for turn in turns} == {row.message_id for row in seen} == asked
        assert len(turns) == len(seen) == len(asked)
        assert {turn.status for turn in turns} == {"done"}
        assert {message.turn_id for message in said if message.sender == "bot"} <= {turn.id for turn in turns}
        assert {row.customer_id for row in seen} == {talk.customer_id}
        for row in seen:
            assert row.queue == INTENT_QUEUES[row.intent]
            assert set(row.queue_scores) == set(QUEUES)
            assert sum(row.queue_scores.values()) == pytest.approx(1, abs=0.01)
        for message in said:
            assert "{" not in message.text
    assert filled.transaction(store.claim_turns, "w") == [], "nothing waits to be answered"


def test_the_queue_of_the_agents_has_work(filled: Database) -> None:
    waiting = filled.transaction(queries.queue)
    assert 2 <= len(waiting) <= 4
    assert len({each.conversation_id for each in waiting}) == len(waiting)
    assert "urgent" in {each.priority for each in waiting}
    for each in waiting:
        assert each.reasons
        assert each.summary
        assert each.customer
        transcript = filled.transaction(queries.transcript, each.conversation_id)
        assert transcript is not None
        assert transcript.conversation.position == each.position
        assert each.ticket_id in {ticket.id for ticket in transcript.tickets if ticket.status == "open"}
    assert count(filled, tables.outbox) == 0, "nobody outside is told of what never was"


def test_some_conversations_are_closed_and_rated(filled: Database) -> None:
    closed = {talk.id for talk in talks(filled) if talk.state == "closed"}
    rated = {row.conversation_id for row in rows(filled, tables.ratings)}
    assert rated
    assert rated <= closed
    ended = [row for row in rows(filled, tables.hand_offs) if row.ended_at and row.outcome != "returned"]
    assert {row.conversation_id for row in ended} == closed & {row.conversation_id for row in rows(filled, tables.hand_offs)}


def test_some_conversations_were_resolved_by_people_whom_nobody_can_sign_in_as(filled: Database) -> None:
    served = [row for row in rows(filled, tables.hand_offs) if row.claimed_at]
    assert len(served) >= 10
    assert {row.outcome for row in served} == {"resolved", "returned"}
    assert {row.result for row in served} == {"solved", "unsolved", "follow_up", None}
    assert len({row.queue for row in served}) >= 5
    assert len({row.created_at.date() for row in served}) >= 10, "the pages of numbers have something to show"
    for row in served:
        assert row.created_at < row.claimed_at < row.first_reply_at < row.ended_at <= NOW
        assert (row.result is None) == (row.resolution is None)
        said = rows(filled, tables.messages, tables.messages.c.conversation_id == row.conversation_id)
        assert {message.sender for message in said} >= {"customer", "agent", "system"}
        assert all(message.name for message in said if message.sender == "agent")
        (ticket,) = rows(filled, tables.tickets, tables.tickets.c.id == row.ticket_id)
        assert ticket.status == {"solved": "solved", "unsolved": "closed", "follow_up": "open", None: "solved"}[row.result]
        assert (ticket.closed_at is None) == (ticket.status == "open")
    assert count(filled, tables.users) == 0
    for talk in talks(filled):
        assert (talk.due_at is None) == (talk.state != "queued")
        assert (talk.closed_at is None) == (talk.state != "closed")


def test_there_are_prepared_answers_for_every_queue(filled: Database) -> None:
    canned = filled.transaction(desk_queries.canned_replies)
    assert len(canned) >= 20
    assert {each.queue for each in canned} == {None, *QUEUES}
    for each in canned:
        assert 0 < len(each.shortcut) <= 10
        assert " " not in each.shortcut
        assert each.text[-1] in "。？！"


def test_a_sample_conversation_goes_on_like_any_other(filled: Database) -> None:
    talk = next(talk for talk in talks(filled) if talk.state == "bot")
    accepted = say(filled, talk.id, "还在吗")
    assert accepted.seq == talk.last_seq + 1
    assert not finish(filled, turn_of(accepted)).discarded
    for waiting in filled.transaction(queries.queue):
        assert filled.transaction(store.leave_queue, waiting.conversation_id) == "bot"
    assert filled.transaction(queries.queue) == []


def test_the_orders_to_try_are_sample_orders(filled: Database) -> None:
    order(filled, "202611239999", phone="13900001234", ordered_at=datetime.now(UTC))
    tried = filled.transaction(samples)
    assert [view.status for view in tried] == ["shipped", "paid", "delivered"]
    assert all(view.number != "202611239999" for view in tried), "a real customer's order is not printed"


def test_without_sample_data_there_is_nothing_to_try(database: Database) -> None:
    assert database.transaction(samples) == []
