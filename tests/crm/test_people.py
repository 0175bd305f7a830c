"""Who may sign in, and who is signed in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bot.crm import queries, store, tables
from bot.crm.database import Database
from bot.errors import Conflict
from tests.crm.making import count, rows

HOUR = timedelta(hours=1)


def test_a_user_is_found_by_name(database: Database) -> None:
    made = database.transaction(store.add_user, "小袁", "agent", "hash")
    assert database.transaction(queries.user_by_name, "小袁") == made
    assert database.transaction(queries.user_by_name, "小袁 ") is None
    assert "hash" not in repr(made), "hashes do not end up in logs"


def test_a_name_is_taken_once(database: Database) -> None:
    database.transaction(store.add_user, "小袁", "agent", "one")
    with pytest.raises(Conflict, match="小袁"):
        database.transaction(store.add_user, "小袁", "admin", "two")
    found = database.transaction(queries.user_by_name, "小袁")
    assert found is not None
    assert (found.role, found.password_hash) == ("agent", "one")


def test_there_is_one_first_admin(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: database.transaction(store.add_first_admin, f"admin{number}", "hash"), range(4)))
    assert [admin is None for admin in made].count(False) == 1
    assert [row.role for row in rows(database, tables.users)] == ["admin"]


def test_an_agent_who_came_first_does_not_keep_the_admin_away(database: Database) -> None:
    database.transaction(store.add_user, "admin", "agent", "hash")
    assert not database.transaction(queries.has_admin)
    made = database.transaction(store.add_first_admin, "admin", "hash")
    assert made is not None
    assert (made.name, made.role) == ("admin2", "admin")
    assert database.transaction(queries.has_admin)


def test_a_session_lasts_until_it_is_over(database: Database) -> None:
    user = database.transaction(store.add_user, "小袁", "admin", "hash")
    token, csrf_token = database.transaction(store.create_session, user.id, lifetime=HOUR)
    at = datetime.now(UTC)
    found = database.transaction(queries.session, store.hash_of(token), at)
    assert found is not None
    assert (found.user, found.csrf_token) == (user, csrf_token)
    assert database.transaction(queries.session, token, at) is None, "what is stored does not open the door"
    assert database.transaction(queries.session, store.hash_of(token), at + HOUR * 1.01) is None
    assert token not in str([tuple(row) for row in rows(database, tables.sessions)])


def test_signing_out_ends_one_session(database: Database) -> None:
    user = database.transaction(store.add_user, "小袁", "admin", "hash")
    here, _ = database.transaction(store.create_session, user.id, lifetime=HOUR)
    there, _ = database.transaction(store.create_session, user.id, lifetime=HOUR)
    database.transaction(store.delete_session, here)
    at = datetime.now(UTC)
    assert database.transaction(queries.session, store.hash_of(here), at) is None
    assert database.transaction(queries.session, store.hash_of(there), at) is not None


def test_sessions_that_are_over_go_away(database: Database) -> None:
    user = database.transaction(store.add_user, "小袁", "admin", "hash")
    database.transaction(store.create_session, user.id, lifetime=-HOUR)
    token, _ = database.transaction(store.create_session, user.id, lifetime=HOUR)
    assert count(database, tables.sessions) == 1
    assert rows(database, tables.sessions)[0].token_hash == store.hash_of(token)
