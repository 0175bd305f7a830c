"""Agents, customers, the assistant and the keeper all at once: whatever they do, the record makes sense."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.crm import ownership, store, tables
from bot.crm.database import Database
from bot.errors import BadInput, Conflict
from tests.crm.making import change, finish, hand_off, queued, rows, run_queue, say, user

PEOPLE = 3
CONVERSATIONS = 4
ACTORS = 8
DEEDS = 25


def deeds(database: Database, staff: list[int], rng: random.Random, number: int) -> list[Callable[[str], Any]]:
    def run(function: Any, *arguments: Any, **options: Any) -> Callable[[str], Any]:
        return lambda key: database.transaction(function, key, *arguments, **options)

    def customer_asks_for_a_person(key: str) -> None:
        accepted = say(database, key, "转人工", owner=f"w{number}")
        if accepted.turn is not None:
            mode = "reply" if accepted.turn.state == "bot" else "observe"
            options = {"hand_off": hand_off(rng.choice(("billing", "logistics")))} if mode == "reply" else {}
            finish(database, accepted.turn, owner=f"w{number}", mode=mode, **options)

    me, other = rng.sample(staff, 2)
    return [
        run(ownership.claim, me),
        run(ownership.take_over, me),
        run(ownership.assign, other, me),
        run(ownership.transfer, me, to_user=other),
        run(ownership.transfer, me, to_queue=rng.choice(("billing", "logistics"))),
        run(ownership.hand_back, me, "交回"),
        run(ownership.resolve, me, summary="好了", result=rng.choice(("solved", "follow_up"))),
        run(ownership.reopen, me),
        run(ownership.reply, me, "您好", client_id=str(rng.random())),
        run(store.leave_queue),
        run(store.close_conversation),
        customer_asks_for_a_person,
        customer_asks_for_a_person,
        lambda key: database.transaction(ownership.auto_assign, store.now()),
        lambda key: database.transaction(ownership.release_lost, store.now()),
    ]


def test_whatever_happens_at_once_the_record_makes_sense(database: Database) -> None:
    run_queue(database, "billing", auto_assign=True)
    staff = [user(database, f"主管{number}", "supervisor") for number in range(PEOPLE)]
    keys = [queued(database) for _ in range(CONVERSATIONS)]
    refused = []

    def act(number: int) -> int:
        rng, done = random.Random(number), 0
        for _ in range(DEEDS):
            key = rng.choice(keys)
            try:
                rng.choice(deeds(database, staff, rng, number))(key)
                done += 1
            except (Conflict, BadInput) as error:
                refused.append(error)
        if number == 0:
            change(database, tables.users, tables.users.c.id == staff[0], seen_at=None)
        return done

    with ThreadPoolExecutor(ACTORS) as pool:
        done = list(pool.map(act, range(ACTORS)))
    assert sum(done) > ACTORS, "something happened"
    assert refused, "and not everything may happen"
    for row in rows(database, tables.conversations):
        assert (row.agent_id is None) == (row.state != "agent")
        assert (row.due_at is None) == (row.state != "queued")
        assert (row.closed_at is None) == (row.state != "closed")
        assert (row.queued_at is None) == (row.urgency is None) == (row.state in {"bot", "closed"})
        assert (row.promised_at is None) == (row.unanswered_since is None)
        open_ones = rows(database, tables.hand_offs, tables.hand_offs.c.conversation_id == row.id, tables.hand_offs.c.ended_at.is_(None))
        assert len(open_ones) == (row.state in {"queued", "agent"})
        for each in open_ones:
            assert each.queue == row.queue
            assert row.state == "queued" or each.agent_id == row.agent_id
        said = rows(database, tables.messages, tables.messages.c.conversation_id == row.id)
        assert sorted(message.seq for message in said) == list(range(1, row.last_seq + 1))
    for each in rows(database, tables.hand_offs):
        assert (each.ended_at is None) == (each.outcome is None)
    assert {row.status for row in rows(database, tables.tickets)} <= {"open", "solved", "closed"}
    for row in rows(database, tables.tickets):
        assert (row.closed_at is None) == (row.status == "open")
