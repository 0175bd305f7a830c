"""Fixtures that several folders of tests share."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from bot.crm.database import Database

POSTGRES = os.environ.get("ZHIKE_TEST_POSTGRES", "postgresql+psycopg://127.0.0.1:5432/test")
REDIS = os.environ.get("ZHIKE_TEST_REDIS", "redis://127.0.0.1:6379")


def missing(what: str) -> None:
    """Skip a test for want of a server; with REQUIRE_ALL=1, fail it."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A PostgreSQL schema of its own for one test, dropped afterwards."""
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    schema = f"zhike_{uuid.uuid4().hex[:12]}"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    except OperationalError as error:
        engine.dispose()
        missing(f"no PostgreSQL at {POSTGRES}: {str(error.orig).partition(chr(10))[0]}")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}%20-csynchronous_commit%3Doff"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'zhike.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open, empty CRM store, once for each kind of database."""
    opened = Database(database_url).open()
    yield opened
    opened.close()
