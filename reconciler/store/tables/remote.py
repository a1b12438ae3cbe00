"""What sites have of ours besides articles, and what was seen there."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

from reconciler.store.tables.columns import (
    Big,
    Instant,
    count_column,
    item_table,
    metadata,
    publication_columns,
    row_id,
    text_column,
)

# A copy of a public article at a further place, in the words of `publication`: it goes out once `due_at` has come.
publication_copy = item_table(
    "publication_copy",
    Column("content_id", Big, ForeignKey("content.id"), nullable=False),
    Column("target_name", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    *publication_columns(),
    UniqueConstraint("content_id", "target_name"),
)

# An image at a site, by the bytes that we sent. `target` tells apart where a site published before and publishes now.
remote_media = Table(
    "remote_media",
    metadata,
    Column("site", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("remote_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("kept_at", Instant, nullable=False),
)
# How a site was found last, and each further place of it by name. A stopped one is left alone until `next_attempt_at`.
site_sync = Table(
    "site_sync",
    metadata,
    Column("site", Text, primary_key=True),
    Column("target_name", Text, primary_key=True, server_default=""),
    Column("sync_status", Text, nullable=False),
    Column("last_sync_at", Instant),
    text_column("reason"),
    text_column("hint"),
    count_column("failures"),
    Column("next_attempt_at", Instant),
    sa.CheckConstraint("sync_status IN ('ok', 'differs', 'stopped')", name="sync_status"),
)
# What happened at a site, by us or by a person there.
sync_event = Table(
    "sync_event",
    metadata,
    row_id(),
    Column("site", Text, nullable=False),
    Column("content_id", Big),
    Column("event", Text, nullable=False),
    text_column("remote_id"),
    text_column("detail"),
    Column("at", Instant, nullable=False),
    text_column("target_name"),
    Index("ix_sync_event_site", "site", "id"),
)
