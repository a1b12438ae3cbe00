"""What a site has of an article: its version and fingerprint there, its images, and when to try again.

SQLite cannot change a check of a table, so publications are made anew and filled again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
_EARLIER = (
    "id, site, state, content_id, slot_at, key, remote_id, url, published_at, simulated, attempts, error, set_aside_at, "
    "created_at"
)


def upgrade() -> None:
    op.execute("CREATE TABLE earlier_publication AS SELECT * FROM publication")
    op.drop_table("publication")
    _create_publications()
    op.execute(f"INSERT INTO publication ({_EARLIER}) SELECT {_EARLIER} FROM earlier_publication")
    op.execute("UPDATE publication SET remote_state = 'public' WHERE state = 'published'")
    op.drop_table("earlier_publication")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('publication', 'id'), coalesce(max(id), 0) + 1, false)"
            " FROM publication"
        )
    op.create_table(
        "remote_media",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kept_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "target", "sha256", name=op.f("pk_remote_media")),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _create_publications() -> None:
    op.create_table(
        "publication",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content_id", BIG, nullable=False),
        sa.Column("slot_at", INSTANT, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        _text("remote_id"),
        _text("url"),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.Column("simulated", sa.Boolean(), server_default=sa.false(), nullable=False),
        _text("target"),
        _text("remote_state"),
        _text("remote_version"),
        _text("remote_fingerprint"),
        _text("sent_digest"),
        sa.Column("next_attempt_at", INSTANT, nullable=True),
        sa.Column("attempts", BIG, server_default="0", nullable=False),
        _text("error"),
        sa.Column("set_aside_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "state IN ('scheduled', 'publishing', 'published', 'withdrawn', 'failed')",
            name=op.f("ck_publication_state"),
        ),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_publication_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sa.UniqueConstraint("content_id", name=op.f("uq_publication_content_id")),
        sa.UniqueConstraint("key", name=op.f("uq_publication_key")),
        sa.UniqueConstraint("site", "slot_at", name=op.f("uq_publication_site_slot_at")),
    )
    op.create_index("ix_publication_pending", "publication", ["site", "state", "id"], unique=False)
