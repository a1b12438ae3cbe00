"""Empty books on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from report_books import Books

from reconciler.store.engine import Database


@pytest.fixture
def books(database: Database) -> Books:
    """Give a test empty books, on each database in turn."""
    return Books(database)
