"""Lots of credits with expiry, refunds, budgets by window, alerts.

What an account was given so far becomes one lot without expiry, whose credits all earlier postings moved. SQLite cannot
change a table that others point to, so the tables of the ledger are made anew and filled again, children after parents.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
_CHILDREN_FIRST = ("posting", "hold_resolution", "hold", "transfer", "credit_account")


def upgrade() -> None:
    for name in _CHILDREN_FIRST:
        op.execute(f"CREATE TABLE earlier_{name} AS SELECT * FROM {name}")
        op.drop_table(name)
    _create_accounts_and_lots()
    _create_transfers()
    _create_holds()
    _create_budgets()
    _fill()
    for name in _CHILDREN_FIRST:
        op.drop_table(f"earlier_{name}")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, BIG, server_default="0", nullable=False)


def _create_accounts_and_lots() -> None:
    op.create_table(
        "credit_account",
        sa.Column("account", sa.Text(), nullable=False),
        *(_count(book) for book in ("available", "held", "spent", "granted", "upcoming", "expired", "absorbed")),
        _count("revenue_nano"),
        sa.Column("suspended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("next_change_at", INSTANT),
        *(
            sa.CheckConstraint(f"{book} >= 0", name=op.f(f"ck_credit_account_{book}"))
            for book in ("available", "held", "spent", "upcoming", "expired", "absorbed")
        ),
        sa.CheckConstraint(
            "available + held + spent + upcoming + expired + absorbed + granted = 0",
            name=op.f("ck_credit_account_balanced"),
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_credit_account")),
    )
    op.create_table(
        "credit_lot",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("credits", BIG, nullable=False),
        *(_count(book) for book in ("upcoming", "available", "held", "spent", "expired")),
        sa.Column("effective_at", INSTANT),
        sa.Column("expires_at", INSTANT),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "source IN ('config', 'monthly', 'package', 'manual', 'earlier')", name=op.f("ck_credit_lot_source")
        ),
        sa.CheckConstraint(
            "upcoming >= 0 AND available >= 0 AND held >= 0 AND spent >= 0 AND expired >= 0",
            name=op.f("ck_credit_lot_books"),
        ),
        sa.CheckConstraint("upcoming + available + held + spent + expired = credits", name=op.f("ck_credit_lot_whole")),
        sa.ForeignKeyConstraint(["account"], ["credit_account.account"], name=op.f("fk_credit_lot_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_lot")),
        sa.UniqueConstraint("key", name=op.f("uq_credit_lot_key")),
    )
    op.create_index("ix_credit_lot_account", "credit_lot", ["account"])


def _create_transfers() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload_digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("site", sa.Text()),
        sa.Column("run_id", BIG),
        sa.Column("hold_id", sa.Text()),
        sa.Column("credits", BIG, nullable=False),
        _count("value_nano"),
        sa.Column("available_after", BIG, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('grant', 'activate', 'hold', 'settle', 'void', 'expire', 'lapse', 'refund')",
            name=op.f("ck_transfer_kind"),
        ),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_transfer_credits")),
        sa.ForeignKeyConstraint(["account"], ["credit_account.account"], name=op.f("fk_transfer_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("key", name=op.f("uq_transfer_key")),
    )
    op.create_index("ix_transfer_account", "transfer", ["account", "id"])
    op.create_index("ix_transfer_hold", "transfer", ["hold_id"])
    op.create_table(
        "posting",
        sa.Column("transfer_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("lot_id", BIG),
        sa.Column("credits", BIG, nullable=False),
        sa.CheckConstraint(
            "book IN ('available', 'held', 'spent', 'granted', 'upcoming', 'expired', 'absorbed')",
            name=op.f("ck_posting_book"),
        ),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_posting_transfer_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["credit_lot.id"], name=op.f("fk_posting_lot_id")),
        sa.PrimaryKeyConstraint("transfer_id", "number", name=op.f("pk_posting")),
    )


def _create_holds() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("month", sa.Text(), server_default="", nullable=False),
        sa.Column("credits", BIG, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["credit_account.account"], name=op.f("fk_hold_account")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_hold_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index("ix_hold_account", "hold", ["account"])
    op.create_index("ix_hold_run", "hold", ["run_id"])
    op.create_table(
        "hold_resolution",
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("credits_held", BIG, nullable=False),
        sa.Column("credits_taken", BIG, nullable=False),
        _count("credits_refunded"),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("kind IN ('settle', 'void', 'expire')", name=op.f("ck_hold_resolution_kind")),
        sa.CheckConstraint(
            "credits_taken >= 0 AND credits_taken <= credits_held", name=op.f("ck_hold_resolution_taken")
        ),
        sa.CheckConstraint(
            "credits_refunded >= 0 AND credits_refunded <= credits_taken", name=op.f("ck_hold_resolution_refunded")
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_resolution_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold_resolution")),
    )


def _create_budgets() -> None:
    op.create_table(
        "budget_window",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("limit_credits", BIG),
        _count("reserved"),
        _count("spent"),
        sa.CheckConstraint("scope IN ('account', 'site', 'stage')", name=op.f("ck_budget_window_scope")),
        sa.CheckConstraint("reserved >= 0 AND spent >= 0", name=op.f("ck_budget_window_books")),
        sa.CheckConstraint(
            "limit_credits IS NULL OR reserved + spent <= limit_credits", name=op.f("ck_budget_window_limit")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_budget_window")),
    )
    op.create_table(
        "budget_alert",
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("threshold_pct", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["window_key"], ["budget_window.key"], name=op.f("fk_budget_alert_window_key")),
        sa.PrimaryKeyConstraint("window_key", "threshold_pct", name=op.f("pk_budget_alert")),
    )


def _fill() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    month = "substr(created_at, 1, 7)" if is_sqlite else "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM')"
    revenue = "SELECT u.revenue_nano FROM usage u JOIN attempt a ON a.id = u.attempt_id WHERE a.hold_id = t.hold_id"
    absorbed = (
        "FROM usage u JOIN attempt a ON a.id = u.attempt_id JOIN earlier_transfer t ON t.hold_id = a.hold_id"
        " WHERE t.kind = 'settle' AND u.absorbed_credits > 0"
    )
    in_window = (
        "sum(CASE WHEN r.hold_id IS NULL THEN h.credits ELSE 0 END), sum(coalesce(r.credits_taken, 0))"
        " FROM hold h LEFT JOIN hold_resolution r ON r.hold_id = h.id"
    )
    absorbed_of = "(SELECT coalesce(sum(absorbed_credits), 0) FROM usage u WHERE u.account = e.account)"
    revenue_of = "(SELECT coalesce(sum(revenue_nano), 0) FROM usage u WHERE u.account = e.account)"
    for statement in (
        "INSERT INTO credit_account (account, available, held, spent, granted, absorbed, revenue_nano)"
        f" SELECT account, available, held, spent, granted - {absorbed_of}, {absorbed_of}, {revenue_of}"
        " FROM earlier_credit_account e",
        "INSERT INTO credit_lot (account, key, source, priority, credits, available, held, spent, granted_at)"
        " SELECT e.account, 'earlier:' || e.account, 'earlier', 50, -e.granted, e.available, e.held, e.spent, min(t.at)"
        " FROM earlier_credit_account e JOIN earlier_transfer t ON t.account = e.account"
        " GROUP BY e.account, e.granted, e.available, e.held, e.spent",
        # The key of a month's credits is named after what it is for.
        "INSERT INTO transfer (id, key, payload_digest, kind, account, site, run_id, hold_id, credits, value_nano,"
        " available_after, reason, actor, generation, at)"
        " SELECT id, CASE WHEN key LIKE 'tier:%' THEN 'monthly:' || substr(key, 6) ELSE key END, payload_digest, kind,"
        " account, site, run_id, hold_id, credits,"
        f" CASE WHEN kind = 'settle' THEN coalesce(({revenue}), 0) ELSE 0 END,"
        " available_after, reason, actor, generation, at FROM earlier_transfer t",
        "INSERT INTO posting (transfer_id, number, book, lot_id, credits)"
        " SELECT p.transfer_id, row_number() OVER (PARTITION BY p.transfer_id ORDER BY p.book), p.book, l.id, p.credits"
        " FROM earlier_posting p JOIN transfer t ON t.id = p.transfer_id JOIN credit_lot l ON l.account = t.account",
        "INSERT INTO posting (transfer_id, number, book, credits)"
        f" SELECT t.id, 11, 'granted', -u.absorbed_credits {absorbed}",
        f"INSERT INTO posting (transfer_id, number, book, credits) SELECT t.id, 12, 'absorbed', u.absorbed_credits {absorbed}",
        "INSERT INTO hold (id, account, site, stage, run_id, month, credits, created_at, expires_at)"
        f" SELECT id, account, site, stage, run_id, {month}, credits, created_at, expires_at FROM earlier_hold",
        "INSERT INTO hold_resolution (hold_id, kind, credits_held, credits_taken, at)"
        " SELECT r.hold_id, r.kind, h.credits, r.credits_taken, r.at FROM earlier_hold_resolution r"
        " JOIN hold h ON h.id = r.hold_id",
        "INSERT INTO budget_window (key, scope, account, name, period, reserved, spent)"
        f" SELECT 'account/' || h.account || '/' || h.month, 'account', h.account, h.account, h.month, {in_window}"
        " GROUP BY h.account, h.month",
        "INSERT INTO budget_window (key, scope, account, name, period, reserved, spent)"
        f" SELECT 'site/' || h.site || '/' || h.month, 'site', min(h.account), h.site, h.month, {in_window}"
        " GROUP BY h.site, h.month",
        "INSERT INTO budget_window (key, scope, account, name, period, reserved, spent)"
        " SELECT 'stage/' || CAST(h.run_id AS text) || '/' || h.stage, 'stage', h.account, h.stage,"
        f" CAST(h.run_id AS text), {in_window} GROUP BY h.account, h.run_id, h.stage",
    ):
        op.execute(statement)
    if not is_sqlite:
        op.execute(
            "SELECT setval(pg_get_serial_sequence('transfer', 'id'), coalesce(max(id), 0) + 1, false) FROM transfer"
        )
