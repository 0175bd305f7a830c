"""Opening the record, its tables, and what becomes of errors."""

import asyncio
import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Connection, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from bot.crm import queries, store, tables
from bot.crm.database import Commit, Database
from bot.errors import Unavailable
from tests.crm.making import count, rows, say, visit


def test_migrations_make_exactly_the_tables(empty_url: str) -> None:
    database = Database(empty_url).open()

    def differs(context: Any, inspected: Any, column: Any, found: str | None, default: Any, wanted: str | None) -> bool | None:
        # PostgreSQL cannot compare JSON, which Alembic would have it do.
        same = (found or "").removesuffix("::json").strip("'") == (wanted or "").strip("'")
        return not same if isinstance(column.type, JSON) else None

    def differences(c: Connection) -> list[object]:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": differs})
        return list(compare_metadata(context, tables.metadata))

    def checks(c: Connection) -> dict[str, set[str]]:
        here = inspect(c)
        return {name: {str(check["name"]) for check in here.get_check_constraints(name)} for name in tables.metadata.tables}

    assert database.transaction(differences) == []
    wanted = {
        table.name: {str(each.name) for each in table.constraints if each.__visit_name__.endswith("check_constraint")}
        for table in tables.metadata.sorted_tables
    }
    assert database.transaction(checks) == wanted
    assert any(wanted.values())
    database.close()


def test_opening_again_keeps_what_is_there(empty_url: str) -> None:
    first = Database(empty_url).open()
    conversation_id = visit(first).conversation_id
    say(first, conversation_id, "还在吗")
    first.close()
    second = Database(empty_url).open()
    assert [message.text for message in second.transaction(queries.messages_after, conversation_id, 0)] == ["还在吗"]
    second.close()


def open_once(url: str, start: Any) -> None:
    start.wait(20)
    Database(url).open().close()


def test_processes_that_start_together_do_not_disturb_each_other(empty_url: str) -> None:
    forking = multiprocessing.get_context("fork")
    start = forking.Barrier(3)
    processes = [forking.Process(target=open_once, args=(empty_url, start), daemon=True) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    database = Database(empty_url)
    assert count(database, tables.conversations) == 0
    database.close()


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    def half(c: Connection) -> None:
        store.add_user(c, "小袁", "agent", "hash")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        database.transaction(half)
    assert not database.transaction(queries.has_admin)


def test_broken_references_are_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        database.transaction(store.record_rating, "no such conversation", 5, "")


async def test_errors_do_not_show_what_was_written(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        await database.run(store.record_rating, "no such conversation", 5, "我的电话 15400001234")
    assert "15400001234" not in str(caught.value)


async def test_many_writers_and_readers_at_once(database: Database) -> None:
    conversation_id = (await database.run(store.start_visit, channel="web", locale="zh-CN", notice_version="1")).conversation_id
    writes = [database.run(store.accept_message, conversation_id, f"{number}", "在吗") for number in range(30)]
    reads = [database.read(queries.messages_after, conversation_id, 0) for _ in range(30)]
    accepted, read = await asyncio.gather(asyncio.gather(*writes), asyncio.gather(*reads))
    assert sorted(found.seq for found in accepted) == list(range(1, 31))
    for found in read:
        assert [message.seq for message in found] == list(range(1, len(found) + 1)), "readers see whole transactions"


async def test_readers_and_the_event_loop_do_not_wait_for_a_writer(database: Database) -> None:
    conversation_id = visit(database).conversation_id
    inside, go_on = threading.Event(), threading.Event()

    def slow(c: Connection) -> None:
        store.mark_read(c, conversation_id, 0)
        c.execute(insert(tables.ratings).values(conversation_id=conversation_id, score=5, comment="", at=store.now()))
        inside.set()
        go_on.wait(10)

    writing = asyncio.create_task(database.run(slow))
    async with asyncio.timeout(8):
        while not inside.is_set():
            await asyncio.sleep(0.005)
        ratings = await database.read(lambda c: c.execute(select(func.count()).select_from(tables.ratings)).scalar_one())
    assert ratings == 0, "what is not committed is not seen"
    assert not writing.done()
    go_on.set()
    await writing
    assert len(rows(database, tables.ratings)) == 1


async def test_what_follows_a_commit_is_written_after_it_or_not_at_all(database: Database) -> None:
    conversation_id = visit(database).conversation_id

    def rate(c: Connection, score: int, *, fails: bool = False) -> int:
        c.execute(insert(tables.ratings).values(conversation_id=conversation_id, score=score, comment="", at=store.now()))
        if fails:
            raise Unavailable("the disk is full")
        return score

    score, commit = await database.run_ahead(rate, 4)
    assert score == 4
    assert await database.run_after(commit, lambda c: len(c.execute(select(tables.ratings)).all())) == 1
    await commit
    broken = Commit(database._writer.submit(database.transaction, rate, 5, fails=True))
    with pytest.raises(Unavailable, match="disk is full"):
        await database.run_after(broken, rate, 3)
    with pytest.raises(Unavailable, match="disk is full"):
        await broken
    assert [row.score for row in rows(database, tables.ratings)] == [4]


# What cannot be used


def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    database = Database("postgresql+psycopg://zhike:secret@127.0.0.1:1/shop")
    with pytest.raises(Unavailable, match=r"zhike:\*\*\*@127\.0\.0\.1:1/shop cannot be used: .*refused") as caught:
        database.open()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(Unavailable, match="does not answer"):
        database.transaction(queries.has_admin)
    database.close()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "zhike.db"
    path.write_text("这是一封信。" * 500, encoding="utf-8")
    with pytest.raises(Unavailable, match="not a database"):
        Database(f"sqlite:///{path}").open()
    assert path.read_text(encoding="utf-8") == "这是一封信。" * 500


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"file/zhike\.db cannot be used"):
        Database(f"sqlite:///{tmp_path}/file/zhike.db").open()


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/one/two/zhike.db").open()
    assert not database.transaction(queries.has_admin)
    database.close()


def test_tables_of_a_later_version_are_not_touched(empty_url: str) -> None:
    database = Database(empty_url).open()
    database.transaction(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    database.close()
    waiting = [Database(empty_url) for _ in range(2)]
    for again in waiting:  # the first failure must not lock out the next process
        with pytest.raises(Unavailable, match=r"cannot be used: .*9999"):
            again.open()
    for again in waiting:
        again.close()
