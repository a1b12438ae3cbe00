"""What is declared, and what it was expected to use."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from reconciler.store.tables.columns import Big, Instant, flag_column, metadata, row_id, text_column

resource = Table(
    "resource",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("generation", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("applied_spec", Text, nullable=False),
    Column("applied_digest", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    flag_column("protected"),
    # What nobody but an apply sets: rows that were written by hand are never pruned.
    flag_column("managed"),
    # The generation that recorded the deletion of what still waits for work to end.
    Column("deleting_since", Integer),
)
resource_hold = Table(
    "resource_hold",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    text_column("field"),
    Column("until", Instant, nullable=False),
    Column("held_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("held_at", Instant, nullable=False),
    Column("released_at", Instant),
    text_column("released_by"),
    Index("ix_resource_hold_resource", "kind", "name"),
)
forecast = Table(
    "forecast",
    metadata,
    Column("site", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("articles", Big, nullable=False),
    Column("credits", Big, nullable=False),
    Column("cost_nano", Big, nullable=False),
)
