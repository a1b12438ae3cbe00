"""Holds on resources by people, and finalizers of sites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("resource", sa.Column("managed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("resource", sa.Column("deleting_since", sa.Integer(), nullable=True))
    # What an apply wrote carries the generation of that apply.
    op.execute("UPDATE resource SET managed = true WHERE generation IN (SELECT generation FROM history)")
    op.create_table(
        "resource_hold",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), server_default="", nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_hold")),
    )
    op.create_index("ix_resource_hold_resource", "resource_hold", ["kind", "name"], unique=False)
