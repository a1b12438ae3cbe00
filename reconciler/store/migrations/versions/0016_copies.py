"""Copies of articles at further places, and how each of these places was found.

SQLite cannot change the primary key of a table, so how sites were found is written anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
_FOUND = "site, sync_status, last_sync_at, reason, hint, failures, next_attempt_at"


def upgrade() -> None:
    _create_copies()
    op.execute("CREATE TABLE earlier_site_sync AS SELECT * FROM site_sync")
    op.drop_table("site_sync")
    _create_site_sync()
    op.execute(f"INSERT INTO site_sync ({_FOUND}) SELECT {_FOUND} FROM earlier_site_sync")
    op.drop_table("earlier_site_sync")
    op.add_column("sync_event", _text("target_name"))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _create_copies() -> None:
    op.create_table(
        "publication_copy",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content_id", BIG, nullable=False),
        sa.Column("target_name", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        _text("remote_id"),
        _text("url"),
        sa.Column("published_at", INSTANT, nullable=True),
        _text("target"),
        _text("remote_state"),
        _text("remote_version"),
        _text("remote_fingerprint"),
        _text("sent_digest"),
        _text("sync_finding"),
        sa.Column("next_attempt_at", INSTANT, nullable=True),
        sa.Column("attempts", BIG, server_default="0", nullable=False),
        _text("error"),
        sa.Column("set_aside_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "state IN ('scheduled', 'publishing', 'published', 'withdrawn', 'failed')",
            name=op.f("ck_publication_copy_state"),
        ),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_publication_copy_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication_copy")),
        sa.UniqueConstraint("content_id", "target_name", name=op.f("uq_publication_copy_content_id_target_name")),
        sa.UniqueConstraint("key", name=op.f("uq_publication_copy_key")),
    )
    op.create_index("ix_publication_copy_pending", "publication_copy", ["site", "state", "id"], unique=False)


def _create_site_sync() -> None:
    op.create_table(
        "site_sync",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("target_name", sa.Text(), server_default="", nullable=False),
        sa.Column("sync_status", sa.Text(), nullable=False),
        sa.Column("last_sync_at", INSTANT, nullable=True),
        _text("reason"),
        _text("hint"),
        sa.Column("failures", BIG, server_default="0", nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=True),
        sa.CheckConstraint("sync_status IN ('ok', 'differs', 'stopped')", name=op.f("ck_site_sync_sync_status")),
        sa.PrimaryKeyConstraint("site", "target_name", name=op.f("pk_site_sync")),
    )
