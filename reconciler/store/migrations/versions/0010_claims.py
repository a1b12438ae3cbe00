"""Claims of items, and orders to runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("stage_run_id", BIG, autoincrement=False, nullable=False),
        sa.Column("unit", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("item_ids", sa.JSON(), nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_claim_run_id")),
        sa.ForeignKeyConstraint(["stage_run_id"], ["stage_run.id"], name=op.f("fk_claim_stage_run_id")),
        sa.PrimaryKeyConstraint("stage_run_id", "unit", name=op.f("pk_claim")),
    )
    op.create_index(op.f("ix_claim_run_id"), "claim", ["run_id"], unique=False)
    op.add_column("run", sa.Column("asked", sa.Text(), server_default="", nullable=False))
    op.add_column("run", sa.Column("only_stage", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("only_items", sa.JSON(), nullable=True))
    op.add_column("run", sa.Column("credits_max", BIG, nullable=True))
    is_pending = sa.text("status = 'pending'")
    op.create_index(
        "ix_attempt_pending",
        "attempt",
        ["provider", "started_at"],
        unique=False,
        sqlite_where=is_pending,
        postgresql_where=is_pending,
    )
