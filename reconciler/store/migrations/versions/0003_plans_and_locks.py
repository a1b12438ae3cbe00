"""Saved plans, locks with heartbeat and fence, and remembered forecasts."""

from __future__ import annotations

import secrets
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("lease", sa.Column("purpose", sa.Text(), server_default="", nullable=False))
    op.add_column("lease", sa.Column("acquired_at", INSTANT, nullable=True))
    op.add_column("lease", sa.Column("heartbeat_at", INSTANT, nullable=True))
    installation = op.create_table(
        "installation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    # Plans are signed with a key that only those have who can read this database.
    op.bulk_insert(installation, [{"id": str(uuid.uuid4()), "key": secrets.token_hex(32)}])
    op.create_table(
        "used_plan",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_plan")),
    )
    op.create_table(
        "forecast",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("site", "digest", "account", "strategy", "basis")),
        *(sa.Column(name, BIG, nullable=False) for name in ("articles", "credits", "cost_nano")),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_forecast")),
    )
