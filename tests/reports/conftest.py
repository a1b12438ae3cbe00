"""Empty books on SQLite and, where a server answers, on PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from report_books import Books

from reconciler.store.engine import open_database
from reconciler.store.tables import metadata

POSTGRES = "postgresql://postgres@127.0.0.1"


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """Give a test module a PostgreSQL database of its own; skip where no server answers."""
    try:
        server = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL: {error}")
    name = f"igny8_reports_{uuid.uuid4().hex[:12]}"
    with server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{POSTGRES}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """Give a test empty books, on each database in turn."""
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{tmp_path / 'state.db'}"
    database = open_database(url, upgrade=is_postgres)
    try:
        with database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        yield Books(database)
    finally:
        database.close()
