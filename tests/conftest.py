"""Fixtures that several folders of tests share."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete
from sqlalchemy.exc import OperationalError

from bot.crm.database import Database
from bot.crm.tables import metadata

POSTGRES = os.environ.get("ZHIKE_TEST_POSTGRES", "postgresql+psycopg://127.0.0.1:5432/test")
REDIS = os.environ.get("ZHIKE_TEST_REDIS", "redis://127.0.0.1:6379")


def missing(what: str) -> None:
    """Skip a test for want of a server; with REQUIRE_ALL=1, fail it."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def _schema() -> Iterator[str]:
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 20})
    name = f"zhike_{uuid.uuid4().hex[:12]}"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    except OperationalError as error:
        engine.dispose()
        missing(f"no PostgreSQL at {POSTGRES}: {str(error.orig).partition(chr(10))[0]}")
    yield f"{POSTGRES}?options=-csearch_path%3D{name}%20-csynchronous_commit%3Doff%20-clock_timeout%3D20s"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


@contextmanager
def _folder() -> Iterator[Path]:
    """In memory where that can be had: a disk that is busy makes every commit wait."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where an empty database without tables is, once for each kind; it is gone afterwards."""
    if request.param == "sqlite":
        with _folder() as folder:
            yield f"sqlite:///{folder / 'zhike.db'}"
    else:
        with _schema() as url:
            yield url


@pytest.fixture(scope="session")
def _sqlite_template() -> Iterator[Path]:
    with _folder() as folder:
        Database(f"sqlite:///{folder / 'zhike.db'}").open().close()
        yield folder / "zhike.db"


@pytest.fixture(scope="session")
def _postgres_url() -> Iterator[str]:
    with _schema() as url:
        Database(url).open().close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A CRM store with all tables and no rows, once for each kind of database."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        with _folder() as folder:
            shutil.copy(template, folder / "zhike.db")
            store = Database(f"sqlite:///{folder / 'zhike.db'}")
            yield store
            store.close()
    else:
        store = Database(request.getfixturevalue("_postgres_url"))
        yield store
        with store._write_engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
        store.close()
