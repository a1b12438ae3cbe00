"""How what is declared came to be: applies in a chain of digests, their changes, the specs that they wrote."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from reconciler.store.tables.columns import Instant, metadata, row_id, text_column

history = Table(
    "history",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    text_column("revision"),
    Column("config_digest", Text, nullable=False),
    text_column("reason"),
    Column("plan", Text, nullable=False),
    Column("options", Text, nullable=False, server_default="{}"),
    text_column("changes_digest"),
    text_column("previous_digest"),
    text_column("digest"),
)

history_change = Table(
    "history_change",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("action", Text, nullable=False),
    # The spec that a create or update wrote, or that a delete took away; none for applies of older schemas.
    Column("version", Text),
    Column("fields", Text, nullable=False, server_default="[]"),
    Column("causes", Text, nullable=False, server_default="[]"),
    Index("ix_history_change_resource", "kind", "name", "generation"),
)

resource_version = Table(
    "resource_version",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("spec", Text, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    row_id(),
    Column("config_digest", Text, nullable=False),
    text_column("revision"),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("lifted_at", Instant),
    text_column("lifted_by"),
    text_column("lifted_reason"),
    Index("ix_quarantine_config", "config_digest"),
)
