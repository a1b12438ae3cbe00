"""Revisions that items in flight stay on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table in ("cluster", "idea", "task", "content", "image_prompt"):
        op.add_column(table, sa.Column("pinned_generation", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("superseded_at", INSTANT, nullable=True))
    op.create_table(
        "pinned_part",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pinned_part")),
    )
    op.create_table(
        "pinned_revision",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "generation", name=op.f("pk_pinned_revision")),
    )
    op.create_table(
        "site_drain",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_drain")),
    )
