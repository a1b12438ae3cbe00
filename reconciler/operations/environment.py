"""Keeps environments apart: a database that was applied in one is not touched from another."""

from __future__ import annotations

from reconciler.errors import BlockedError
from reconciler.operations.app import Installation
from reconciler.store.engine import Database
from reconciler.store.history import applied_environment


def check_environment(database: Database, installation: Installation) -> None:
    """Raise BlockedError when the last apply to the database was made in another environment, or in none."""
    with database.read() as connection:
        applied = applied_environment(connection)
    if applied is None or applied == installation.environment:
        return
    asked = f"not {installation.environment!r}" if installation.environment else "and none was chosen"
    holds = f"belongs to the environment {applied!r}" if applied else "belongs to no environment"
    hint = f"add --env {applied}" if applied else "leave --env out"
    raise BlockedError(
        f"this database {holds}, {asked}", hint=f"{hint}, or choose another database with --db or IGNY8_DB"
    )
