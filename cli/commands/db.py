"""igny8 db"""

from __future__ import annotations

import click

from cli.options import format_option
from cli.session import Session


@click.group()
def db() -> None:
    """Look after the database's schema."""


@db.command()
@click.pass_obj
def upgrade(session: Session) -> None:
    """Bring the schema to the newest revision. A new SQLite file does this by itself."""
    from reconciler.store.engine import SCHEMA_REVISION, open_database

    open_database(session.installation().database_url, upgrade=True).close()
    session.output.data(f"The schema is at revision {SCHEMA_REVISION}.")


@db.command()
@format_option("text", "json")
@click.pass_obj
def status(session: Session, format_: str) -> None:
    """Show the schema's revision and what this igny8 needs."""
    from reconciler.store.engine import SCHEMA_REVISION, connect, schema_revision

    database = connect(session.installation().database_url)
    try:
        revision = schema_revision(database)
    finally:
        database.close()
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"revision": revision, "needed": SCHEMA_REVISION}})
        return
    session.output.data(f"schema {revision or 'none'}, this igny8 needs {SCHEMA_REVISION}")
