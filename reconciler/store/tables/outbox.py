"""What has to be told outside: a message a channel, written in the transaction of the event."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

from reconciler.store.tables.columns import Big, Instant, count_column, metadata, state_check, text_column

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("notification_id", Big, ForeignKey("notification.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    count_column("attempts"),
    # When it may be tried next; of one that is being sent, when its sender is given up.
    Column("due_at", Instant, nullable=False),
    text_column("owner"),
    count_column("fence"),
    text_column("error"),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    state_check("pending", "sending", "delivered", "dead"),
    UniqueConstraint("notification_id", "channel"),
    Index("ix_outbox_due", "channel", "state", "due_at"),
)
