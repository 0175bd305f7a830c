"""A record of the first version is brought up to date with all that is in it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from bot.conversation.mood import course
from bot.conversation.taxonomy import QUEUES
from bot.crm import desk_queries, ownership, queries, staff, store, tables
from bot.crm.database import MIGRATIONS, Database
from tests.crm.making import change, conversation, rows, say, state

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
WAITS, TALKS = "a" * 32, "b" * 32

# As the first version wrote them: no column that came later is named.
ROWS: dict[str, list[dict[str, Any]]] = {
    "customers": [{"id": 1, "name": "袁若溪", "verified": True, "created_at": AT}],
    "identities": [{"id": 1, "customer_id": 1, "kind": "visitor", "value_hash": "0" * 64, "created_at": AT}],
    "users": [
        {"id": 1, "name": "admin", "role": "admin", "password_hash": "x", "created_at": AT},
        {"id": 2, "name": "小李", "role": "agent", "password_hash": "y", "created_at": AT},
    ],
    "sessions": [{"token_hash": "0" * 64, "user_id": 2, "csrf_token": "t", "created_at": AT, "expires_at": AT + timedelta(days=9999)}],
    "conversations": [
        {
            "id": key, "customer_id": 1, "token_hash": key * 2, "channel": "web", "state": state_, "verified": False, "locale": "zh-CN",
            "last_seq": 1, "read_seq": 0, "queue": queue, "urgency": urgency, "queued_at": queued_at, "slots": "{}", "created_at": AT,
            "updated_at": AT,
        }
        for key, state_, queue, urgency, queued_at in ((WAITS, "queued", "complaint", 0, AT), (TALKS, "bot", None, None, None))
    ],
    "messages": [
        {
            "id": number, "conversation_id": key, "seq": 1, "sender": "customer", "text": "我要投诉", "buttons": "[]", "client_id": "1",
            "at": AT,
        }
        for number, key in enumerate((WAITS, TALKS), 1)
    ],
    "turns": [
        {"id": number, "conversation_id": key, "message_id": number, "status": "done", "created_at": AT}
        for number, key in enumerate((WAITS, TALKS), 1)
    ],
    "tracker_turns": [{"turn_id": 1, "conversation_id": WAITS, "events": "[]"}],
    "interactions": [
        {
            "id": 1, "turn_id": 1, "message_id": 1, "conversation_id": WAITS, "customer_id": 1, "mode": "reply",
            "intent": "complain_service", "intent_confidence": 0.9, "fallback": False, "queue": "complaint", "queue_confidence": 0.8,
            "queue_scores": "{}", "queue_evidence": "[]", "sentiment": "negative", "sentiment_score": -0.8,
            "sentiment_evidence": "[]", "escalate": True,
            "reasons": "[]", "model_versions": "{}", "milliseconds": 5.0, "at": AT,
        }
    ],
    "tickets": [
        {
            "id": number, "conversation_id": WAITS, "customer_id": 1, "turn_id": 1, "queue": "complaint", "kind": "hand_off",
            "subject": "投诉", "summary": "顾客投诉", "priority": "urgent", "status": status, "fields": "{}", "created_at": AT,
        }
        for number, status in ((1, "open"), (2, "closed"))
    ],
    "hand_offs": [
        {
            "id": number, "conversation_id": WAITS, "ticket_id": number, "turn_id": 1, "queue": "complaint", "priority": "urgent",
            "reasons": "[]", "summary": "顾客投诉", "created_at": AT, "ended_at": ended_at, "outcome": outcome,
        }
        for number, ended_at, outcome in ((1, None, None), (2, AT, "left"))
    ],
}  # fmt: skip


SCORES = [0.4, -0.2, -0.9]


@pytest.fixture
def old_url(empty_url: str) -> str:
    """A database that the first version made and wrote into."""
    database = Database(empty_url)
    with database._write_engine.connect() as connection:
        migrations = Config()
        migrations.set_main_option("script_location", str(MIGRATIONS))
        migrations.attributes["connection"] = connection
        command.upgrade(migrations, "0001")
        for table, found in ROWS.items():
            for values in found:
                _insert(connection, table, values)
        command.upgrade(migrations, "0002")
        connection.execute(text(f"UPDATE conversations SET recent_scores = '{json.dumps(SCORES)}' WHERE id = '{WAITS}'"))
        if connection.dialect.name == "postgresql":
            for table in ("customers", "identities", "users", "messages", "turns", "interactions", "tickets", "hand_offs"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)"))
        connection.commit()
    database.close()
    return empty_url


def _insert(connection: Connection, table: str, values: dict[str, Any]) -> None:
    known = {
        name: value.replace(tzinfo=None) if isinstance(value, datetime) and connection.dialect.name == "sqlite" else value
        for name, value in values.items()
    }
    statement = text(f"INSERT INTO {table} ({', '.join(known)}) VALUES ({', '.join(f':{name}' for name in known)})")
    connection.execute(statement, known)


def test_everything_is_still_there(old_url: str) -> None:
    database = Database(old_url).open()
    for name, wanted in ROWS.items():
        table = tables.metadata.tables[name]
        found = [row._mapping for row in rows(database, table)]
        assert len(found) == len(wanted), name
        key = table.primary_key.columns.keys()[0]
        by_key = {row[key]: row for row in found}
        for values in wanted:
            for column, value in values.items():
                stored = by_key[values[key]][column]
                assert (json.dumps(stored) if isinstance(table.c[column].type, tables.JSON) else stored) == value, (name, column)
    database.close()


def test_what_came_later_is_filled_in(old_url: str) -> None:
    database = Database(old_url).open()
    waiting = conversation(database, WAITS)
    assert (waiting.due_at, waiting.promised_at, waiting.unanswered_since) == (
        AT + timedelta(minutes=1),
        AT + timedelta(minutes=10),
        AT,
    )
    talking = conversation(database, TALKS)
    assert (talking.due_at, talking.agent_id, talking.agent_read_seq, talking.closed_at) == (None, None, 0, None)
    assert database.transaction(queries.position, WAITS) == 1
    assert [row.attachments for row in rows(database, tables.messages)] == [[], []]
    assert {row.id: (row.updated_at, row.closed_at) for row in rows(database, tables.tickets)} == {1: (AT, None), 2: (AT, AT)}
    team = database.transaction(desk_queries.team, store.now())
    assert {each.name: (each.active, each.capacity, each.presence, each.queues) for each in team} == {
        "admin": (True, 5, "offline", tuple(QUEUES)),
        "小李": (True, 5, "offline", tuple(QUEUES)),
    }
    assert database.transaction(queries.session, "0" * 64, store.now()) is not None
    database.close()


def test_the_mood_is_what_the_last_scores_lead_to(old_url: str) -> None:
    database = Database(old_url).open()
    *_, mood = course(SCORES)
    assert conversation(database, WAITS).mood == mood.as_record()
    assert conversation(database, TALKS).mood is None
    database.close()


def test_the_last_scores_are_there_again_after_going_back(old_url: str) -> None:
    database = Database(old_url).open()
    with database._write_engine.connect() as connection:
        migrations = Config()
        migrations.set_main_option("script_location", str(MIGRATIONS))
        migrations.attributes["connection"] = connection
        command.downgrade(migrations, "0003")
        found = {row.id: row.recent_scores for row in connection.execute(text("SELECT id, recent_scores FROM conversations"))}
        connection.rollback()
    database.close()
    assert {key: json.loads(stored) if isinstance(stored, str) else stored for key, stored in found.items()} == {
        WAITS: SCORES,
        TALKS: None,
    }


def test_the_record_goes_on_as_if_it_had_always_been_so(old_url: str) -> None:
    database = Database(old_url).open()
    database.transaction(staff.update_user, 1, 2, role="supervisor")
    assert database.transaction(ownership.claim, WAITS, 2).agent_name == "小李"
    database.transaction(ownership.reply, WAITS, 2, "您好", client_id="1")
    say(database, WAITS, "终于来了")
    database.transaction(ownership.resolve, WAITS, 2, summary="已道歉", result="solved")
    assert state(database, WAITS) == "closed"
    assert [row.status for row in rows(database, tables.tickets, tables.tickets.c.id == 1)] == ["solved"]
    database.close()


def test_references_and_checks_hold_afterwards(old_url: str) -> None:
    database = Database(old_url).open()
    wrong = (
        (tables.conversations, {"agent_id": 999}),
        (tables.messages, {"user_id": 999}),
        (tables.tickets, {"owner_id": 999}),
        (tables.hand_offs, {"ticket_id": 999}),
        (tables.sessions, {"user_id": 999}),
        (tables.users, {"role": "boss"}),
        (tables.users, {"presence": "asleep"}),
        (tables.tickets, {"status": "lost"}),
        (tables.tickets, {"updated_at": None}),
        (tables.hand_offs, {"outcome": "won"}),
        (tables.hand_offs, {"result": "great"}),
    )
    for table, values in wrong:
        with pytest.raises(IntegrityError):
            change(database, table, tables.true(), **values)
    database.close()


def test_opening_twice_changes_nothing_more(old_url: str) -> None:
    Database(old_url).open().close()
    database = Database(old_url).open()
    assert len(rows(database, tables.user_queues)) == 2 * len(QUEUES)
    database.close()
