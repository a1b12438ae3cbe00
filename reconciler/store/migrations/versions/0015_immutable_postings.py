"""Postings, transfers and resolutions are written once: the database itself refuses to change or delete them.

What a rename writes stays possible: the name of an account or a site, and the keys that hold a name.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Of each table, what never changes again. Of a resolution, refunds add up.
_FIXED = {
    "posting": ("transfer_id", "number", "book", "lot_id", "credits"),
    "transfer": (
        "id", "kind", "run_id", "hold_id", "credits", "value_nano", "available_after", "reason", "actor", "generation", "at",
    ),
    "hold_resolution": ("hold_id", "kind", "credits_held", "credits_taken", "at"),
}  # fmt: skip


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(
            "CREATE FUNCTION igny8_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', "
            "MESSAGE = TG_TABLE_NAME || ' is immutable'; END $$"
        )
    for table, columns in _FIXED.items():
        body = (
            f"BEGIN SELECT RAISE(ABORT, '{table} is immutable'); END"
            if is_sqlite
            else "FOR EACH ROW EXECUTE FUNCTION igny8_refuse_change()"
        )
        op.execute(f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE OF {', '.join(columns)} ON {table} {body}")
        op.execute(f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} {body}")
