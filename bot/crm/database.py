"""The connection to the CRM store: SQLite or PostgreSQL, one function per transaction, each run as a whole in a thread."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError

from bot.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
POSTGRES_THREADS = 8
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MILLISECONDS = 10_000
IDLE_SECONDS = 5.0
"""Connections to PostgreSQL that were not used for so long are tried first."""


class Database:
    """The CRM store of one process.

    On SQLite all writes go through one thread and one connection, which is as many as SQLite allows; reads go beside them.
    On PostgreSQL reads and writes share a pool.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {
            "json_serializer": partial(json.dumps, ensure_ascii=False, separators=(",", ":")),
            "hide_parameters": True,  # errors reach the log; what customers typed must not
        }
        if self.is_sqlite:
            options["pool_reset_on_return"] = None  # every transaction ends with a commit or a rollback of its own
            self._write_engine = _sqlite(create_engine(url, pool_size=1, max_overflow=0, **options), "BEGIN IMMEDIATE")
            self._read_engine = _sqlite(create_engine(url, pool_size=READERS, **options), "BEGIN")
            self._writer = ThreadPoolExecutor(1, "crm-write")
            self._reader = ThreadPoolExecutor(READERS, "crm-read")
        else:
            options["pool_use_lifo"] = True  # the connection that was used last knows the statements best
            self._write_engine = self._read_engine = _checked(create_engine(url, pool_size=POSTGRES_THREADS, **options))
            self._writer = self._reader = ThreadPoolExecutor(POSTGRES_THREADS, "crm")
        self._glances = self._read_engine if self.is_sqlite else self._read_engine.execution_options(isolation_level="AUTOCOMMIT")

    def open(self) -> "Database":
        """Make the database file when there is none, and bring the tables up to date.

        Raises:
            Unavailable: the database cannot be reached or its tables cannot be brought up to date.
        """
        try:
            if self.is_sqlite and self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            with self._write_engine.connect() as connection:
                if not self.is_sqlite:
                    # Two processes that start together must not both migrate.
                    connection.exec_driver_sql("SELECT pg_advisory_lock(7212001)")
                else:
                    # Where a check changes, a migration makes a table anew; dropping the old one must not count as deleting its rows.
                    _foreign_keys(connection, "OFF")
                migrations = Config()
                migrations.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
                migrations.attributes["connection"] = connection
                command.upgrade(migrations, "head")
                connection.commit()
                if not self.is_sqlite:
                    connection.exec_driver_sql("SELECT pg_advisory_unlock(7212001)")
                    connection.commit()
                else:
                    _foreign_keys(connection, "ON")
        except (DBAPIError, CommandError, OSError) as error:
            self._write_engine.dispose()  # a connection may hold the lock still
            raise Unavailable(
                f"the database {self.url.render_as_string(hide_password=True)} cannot be used: {_first_line(error)}"
            ) from None
        return self

    def transaction(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(connection, …)` in one transaction, in this thread: all of it is written, or nothing.

        Raises:
            Unavailable: the database does not answer.
        """
        return _whole(self._write_engine, function, *args, **kwargs)

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `transaction`, without holding up the event loop."""
        return await self._in(self._writer, self._write_engine, function, *args, **kwargs)

    async def run_ahead(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, "Commit"]:
        """As `run`, but back before the commit: what the function returned, and the commit that is under way.

        For work that may begin while the disk writes, and counts for nothing when the commit fails.

        Raises:
            Unavailable: the database does not answer. Awaiting the commit raises it, too.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def whole(connection: Connection) -> None:
            value = function(connection, *args, **kwargs)
            loop.call_soon_threadsafe(result.set_result, value)

        commit = Commit(self._writer.submit(_whole, self._write_engine, whole))
        waited: set[asyncio.Future[Any]] = {result, commit.written}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            await commit  # it raises
        return result.result(), commit

    async def run_after(self, commit: "Commit", function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, as soon as the commit is written; the event loop need not hear of it first.

        Raises:
            Unavailable: the database does not answer, or did not write the commit.
        """

        def then(connection: Connection) -> T:
            commit.job.result()  # it was begun before this, on a thread of its own or on this one
            return function(connection, *args, **kwargs)

        return await self._in(self._writer, self._write_engine, then)

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(connection, …)`, which only reads, without holding up the event loop or waiting for writers.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self._in(self._reader, self._read_engine, function, *args, **kwargs)

    async def glance(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `read`, for a single statement: it needs no transaction, and PostgreSQL is asked once instead of three times.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self._in(self._reader, self._glances, function, *args, **kwargs)

    async def _in(
        self,
        executor: ThreadPoolExecutor,
        engine: Engine,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, partial(_whole, engine, function, *args, **kwargs))

    def close(self) -> None:
        """Wait for what is under way and let go of all connections."""
        self._writer.shutdown()
        self._reader.shutdown()
        self._write_engine.dispose()
        self._read_engine.dispose()


class Commit:
    """The end of a transaction: awaited, it returns once all is written, or raises why it is not.

    `heard` is set when who began it has told of it, so that nobody hears of what followed from it before.
    """

    def __init__(self, job: "Future[None]") -> None:
        self.job = job
        self.written = asyncio.wrap_future(job)
        self.heard = asyncio.Event()

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.shield(self.written).__await__()  # who gives up waiting must not take it from the others


def _whole(engine: Engine, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        with engine.begin() as connection:
            return function(connection, *args, **kwargs)
    except OperationalError as error:
        raise Unavailable(f"the database does not answer: {_first_line(error)}") from error


def _checked(engine: Engine) -> Engine:
    """Connections that were idle for a while are tried before they are used: the server may have been restarted."""

    def used(connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def try_it(connection: Any, record: Any, proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "checkin", used)
    event.listen(engine, "checkout", try_it)
    return engine


def _sqlite(engine: Engine, begin: str) -> Engine:
    def connect(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins and commits, not the driver
        for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", lambda connection: connection.connection.dbapi_connection.execute(begin))
    return engine


def _foreign_keys(connection: Connection, switch: str) -> None:
    # On the driver's connection: within a transaction, which SQLAlchemy would begin, SQLite ignores it.
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys={switch}")


def _use_wal(connection: sqlite3.Connection) -> None:
    # Where two processes turn a new file to WAL at the same time, SQLite gives up at once, whatever the busy timeout.
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _first_line(error: Exception) -> str:
    said = error.orig if isinstance(error, DBAPIError) else error
    return str(said).strip().partition("\n")[0]
