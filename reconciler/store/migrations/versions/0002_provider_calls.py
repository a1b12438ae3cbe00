"""Calls to real providers: more about each attempt and its usage, and what all processes know of a provider."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    def count(name: str) -> sa.Column[int]:
        return sa.Column(name, BIG, server_default="0", nullable=False)

    def text(name: str) -> sa.Column[str]:
        return sa.Column(name, sa.Text(), server_default="", nullable=False)

    details = ("cache_write_tokens", "reasoning_tokens", "image_input_tokens", "image_output_tokens")
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("number", sa.Integer(), server_default="1", nullable=False),
        count("estimated_tokens"),
        *(count(name) for name in details),
        text("provider_task"),
        text("notes"),
        sa.Column("prompt", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("payload_until", INSTANT),
    )
    for column in columns:
        op.add_column("attempt", column)
    op.create_index("ix_attempt_provider", "attempt", ["provider", "started_at"], unique=False)
    for name in details:
        op.add_column("usage", count(name))
    op.create_table(
        "provider_gate",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        count("failures"),
        count("opened"),
        sa.Column("open_until", INSTANT, nullable=True),
        sa.Column("probe_until", INSTANT, nullable=True),
        text("reason"),
        sa.Column("requests_left", BIG, nullable=True),
        sa.Column("requests_reset_at", INSTANT, nullable=True),
        sa.Column("tokens_left", BIG, nullable=True),
        sa.Column("tokens_reset_at", INSTANT, nullable=True),
        sa.Column("seen_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("provider", "model", name=op.f("pk_provider_gate")),
    )
