"""What the sites answered: copies, their state, and the events of a sync."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "site_sync",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("sync_status", sa.Text(), nullable=False),
        sa.Column("last_sync_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("hint", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", BIG, server_default="0", nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=True),
        sa.CheckConstraint("sync_status IN ('ok', 'differs', 'stopped')", name=op.f("ck_site_sync_sync_status")),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_sync")),
    )
    op.create_table(
        "sync_event",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("content_id", BIG, nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_event")),
    )
    op.create_index("ix_sync_event_site", "sync_event", ["site", "id"], unique=False)
    op.add_column("publication", sa.Column("sync_finding", sa.Text(), server_default="", nullable=False))
