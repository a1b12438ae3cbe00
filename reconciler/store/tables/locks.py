"""Who may do what only one may, which installation this database is, and which saved plans were used."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from reconciler.store.tables.columns import Big, Instant, metadata, text_column

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Instant, nullable=False),
    Column("fence", Big, nullable=False),
    text_column("purpose"),
    Column("acquired_at", Instant),
    Column("heartbeat_at", Instant),
)
installation = Table(
    "installation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
)
used_plan = Table(
    "used_plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)
