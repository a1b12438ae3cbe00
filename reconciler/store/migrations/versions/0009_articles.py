"""What is known of an article beyond its text: checks, links, duplicates, imports."""

from __future__ import annotations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
