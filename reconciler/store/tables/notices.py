"""What people are told."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from reconciler.store.tables.columns import Big, Instant, metadata, row_id

notification = Table(
    "notification",
    metadata,
    row_id(),
    Column("event", Text, nullable=False),
    Column("account", Text),
    Column("site", Text),
    Column("run_id", Big),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
