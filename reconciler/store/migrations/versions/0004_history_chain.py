"""The chain of applies: snapshots, digests, quarantined revisions."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def upgrade() -> None:
    for column in (_text("options", "{}"), _text("changes_digest"), _text("previous_digest"), _text("digest")):
        op.add_column("history", column)
    changes = op.create_table(
        "history_change",
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        _text("fields", "[]"),
        _text("causes", "[]"),
        sa.PrimaryKeyConstraint("generation", "position", name=op.f("pk_history_change")),
    )
    op.create_index("ix_history_change_resource", "history_change", ["kind", "name", "generation"], unique=False)
    op.create_table(
        "resource_version",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_resource_version")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("config_digest", sa.Text(), nullable=False),
        _text("revision"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT, nullable=True),
        _text("lifted_by"),
        _text("lifted_reason"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_config", "quarantine", ["config_digest"], unique=False)
    _carry_over(changes)


def _carry_over(changes: sa.Table) -> None:
    """Give the changes of past applies rows of their own, and keep the specs that are known: those in force."""
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "INSERT INTO resource_version (digest, spec) "
            "SELECT applied_digest, min(applied_spec) FROM resource GROUP BY applied_digest"
        )
    )
    known = {
        (row.kind, row.name, row.generation): row.applied_digest
        for row in connection.execute(sa.text("SELECT kind, name, generation, applied_digest FROM resource"))
    }
    for generation, text in connection.execute(sa.text("SELECT generation, plan FROM history")).all():
        plan: dict[str, Any] = json.loads(text)
        rows = [
            {
                "generation": generation, "position": position, "kind": item["kind"], "name": item["name"],
                "action": item["action"], "version": known.get((item["kind"], item["name"], generation)),
                "fields": json.dumps([{"path": [field.pop("field")], **field} for field in item["fields"]]),
                "causes": json.dumps(item.get("causes", [])),
            }
            for position, item in enumerate(plan.pop("changes", []))
        ]  # fmt: skip
        if rows:
            connection.execute(changes.insert(), rows)
        for forecast in plan.get("forecast", {}).values():
            forecast.pop("sites", None)
        connection.execute(
            sa.text("UPDATE history SET plan = :plan WHERE generation = :generation"),
            {
                "plan": json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
                "generation": generation,
            },
        )
