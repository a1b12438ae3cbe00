"""Which content an approval is of, when it may still be vetoed, and what people decided about articles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("content", sa.Column("approved_hash", sa.Text(), nullable=True))
    for name in ("veto_until", "unscheduled_at", "archived_at"):
        op.add_column("content", sa.Column(name, INSTANT, nullable=True))
    op.create_table(
        "content_decision",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("content_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("content_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('approved', 'rejected', 'edited', 'scheduled', 'unscheduled', 'published', 'archived', 'voided',"
            " 'redrawn', 'image_chosen')",
            name=op.f("ck_content_decision_kind"),
        ),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_content_decision_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_decision")),
    )
    op.create_index("ix_content_decision_content_id", "content_decision", ["content_id", "id"])
