"""An older ledger keeps every figure when it is upgraded: what was given becomes one lot, and every law holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import reconciler.store.engine as engine
from reconciler.store.budgets import read_windows
from reconciler.store.engine import connect, upgrade_schema
from reconciler.store.ledger import Origin, balance_of, is_known, settle
from reconciler.store.ledger_laws import find_breaks
from reconciler.store.lots import lots_of

AT = "2026-11-18 10:30:00.000000"
RUN = (
    "INSERT INTO run (id, site, account, trigger, state, generation, available_at_start, started_at)"
    f" VALUES (1, 'blog', 'acme', 'now', 'running', 1, 0, '{AT}')"
)
OLDER = (
    RUN,
    "INSERT INTO stage_run (id, run_id, stage, number, state) VALUES (1, 1, 'content', 4, 'running')",
    "INSERT INTO credit_account (account, available, held, spent, granted) VALUES ('acme', 86, 9, 5, -100)",
    *(
        "INSERT INTO transfer (id, key, payload_digest, kind, account, site, run_id, hold_id, credits, available_after,"
        f" actor, generation, at) VALUES ({number}, '{key}', 'x', '{kind}', 'acme', {site}, {run}, {hold}, {credits},"
        f" {after}, 'run 1', 1, '{AT}')"
        for number, key, kind, site, run, hold, credits, after in (
            (1, "tier:acme:2026-11", "grant", "NULL", "NULL", "NULL", 100, 100),
            (2, "hold:h1", "hold", "'blog'", 1, "'h1'", 8, 92),
            (3, "settle:h1", "settle", "'blog'", 1, "'h1'", 5, 95),
            (4, "hold:h2", "hold", "'blog'", 1, "'h2'", 9, 86),
        )
    ),
    *(
        f"INSERT INTO posting (transfer_id, book, credits) VALUES ({number}, '{book}', {credits})"
        for number, book, credits in (
            (1, "granted", -100), (1, "available", 100), (2, "available", -8), (2, "held", 8), (3, "held", -8),
            (3, "spent", 5), (3, "available", 3), (4, "available", -9), (4, "held", 9),
        )
    ),
    *(
        "INSERT INTO hold (id, account, site, stage, run_id, credits, created_at, expires_at)"
        f" VALUES ('{hold}', 'acme', 'blog', 'content', 1, {credits}, '{AT}', '{AT}')"
        for hold, credits in (("h1", 8), ("h2", 9))
    ),
    f"INSERT INTO hold_resolution (hold_id, kind, credits_taken, at) VALUES ('h1', 'settle', 5, '{AT}')",
    "INSERT INTO attempt (id, run_id, stage_run_id, account, site, stage, function, operation, provider, model, item_kind,"
    " item_ids, hold_id, phase, status, estimated_cost_nano, started_at) VALUES ('a1', 1, 1, 'acme', 'blog', 'content',"
    f" 'f', 'o', 'p', 'm', 'task', '[1]', 'h1', 'DONE', 'success', 0, '{AT}')",
    "INSERT INTO usage (attempt_id, account, site, run_id, stage, operation, provider, model, item_kind, item_ids,"
    " cost_basis, credits, absorbed_credits, credit_value_nano, revenue_nano, rates, generation, at, day)"
    f" VALUES ('a1', 'acme', 'blog', 1, 'content', 'o', 'p', 'm', 'task', '[1]', 'computed', 5, 2, 10, 50, '{{}}', 1,"
    f" '{AT}', '2026-11-18')",
)  # fmt: skip


def test_an_older_ledger_keeps_every_figure_and_every_law_when_it_is_upgraded(database_url):
    database = connect(database_url)
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        for statement in OLDER:
            connection.execute(sa.text(statement.replace(":", r"\:")))
    upgrade_schema(database)
    with database.read() as connection:
        balance = balance_of(connection, "acme")
        assert (balance.available, balance.held, balance.spent, balance.granted) == (86, 9, 5, 100)
        assert (balance.absorbed, balance.revenue_nano) == (2, 50)
        assert [
            (lot.source, lot.credits, lot.available, lot.held, lot.spent) for lot in lots_of(connection, "acme")
        ] == [("earlier", 100, 86, 9, 5)]
        assert is_known(connection, "monthly:acme:2026-11"), "the month's credits do not come twice"
        windows = read_windows(connection, "account/acme/2026-11", "site/blog/2026-11", "stage/1/content")
        assert {(window.reserved, window.spent) for window in windows.values()} == {(9, 5)}
        assert len(windows) == 3
        assert find_breaks(connection) == ()
    with database.write() as connection:
        settle(connection, "h2", 0, Origin("tester", datetime(2026, 11, 18, 11, tzinfo=UTC), 1))
        assert balance_of(connection, "acme").available == 95
    database.close()
