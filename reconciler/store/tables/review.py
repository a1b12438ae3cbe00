"""What people decided about articles, line by line."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from reconciler.store.tables.columns import Big, Instant, metadata, row_id, text_column

content_decision = Table(
    "content_decision",
    metadata,
    row_id(),
    Column("site", Text, nullable=False),
    Column("content_id", Big, ForeignKey("content.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    text_column("reason"),
    text_column("content_hash"),
    Column("at", Instant, nullable=False),
    CheckConstraint(
        "kind IN ('approved', 'rejected', 'edited', 'scheduled', 'unscheduled', 'published', 'archived', 'voided',"
        " 'redrawn', 'image_chosen')",
        name="kind",
    ),
    Index("ix_content_decision_content_id", "content_id", "id"),
)
