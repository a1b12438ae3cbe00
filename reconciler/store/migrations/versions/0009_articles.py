"""What is known of an article beyond its text: its checklist and earlier versions; imported keywords; owners of clusters.

The oldest live idea of each cluster becomes its owner.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
_OWNS = sa.text("is_owner AND superseded_at IS NULL")


def upgrade() -> None:
    op.add_column("keyword", sa.Column("difficulty", sa.Integer()))
    op.add_column("keyword", sa.Column("imported_at", INSTANT))
    op.add_column("content", sa.Column("checklist", sa.JSON()))
    op.add_column("idea", sa.Column("is_owner", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "UPDATE idea SET is_owner = true WHERE id IN "
        "(SELECT min(id) FROM idea WHERE superseded_at IS NULL GROUP BY cluster_id)"
    )
    op.create_index("uq_idea_owner", "idea", ["cluster_id"], unique=True, sqlite_where=_OWNS, postgresql_where=_OWNS)
    op.create_table(
        "content_version",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("content_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), server_default="", nullable=False)
            for name in ("excerpt", "meta_title", "meta_description")
        ),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_content_version_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_version")),
        sa.UniqueConstraint("content_id", "number", name=op.f("uq_content_version_content_id_number")),
    )
