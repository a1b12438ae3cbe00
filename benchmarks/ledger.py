"""What the ledger costs beside two bare transactions that write the same rows: hold, then settle.

    python benchmarks/ledger.py [--calls N] [--postgres URL] [--json]

The bare transactions know beforehand what to write: nothing is looked up, nothing is checked. They run on the driver
alone, without SQLAlchemy. Rounds of both take turns on one database, and the median round counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reconciler.store import ledger
from reconciler.store.engine import Database, open_database
from reconciler.store.ledger import Hold, Origin, find_breaks
from reconciler.store.tables import run

SQLITE_PER_SECOND_MIN = 400
POSTGRES_SHARE_MIN = 0.90
ROUNDS = 7
NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
ORIGIN = Origin("benchmark", NOW, 1)
CREDITS = 10**12


def prepare(database: Database) -> int:
    """Give the account its credits and return a run that holds can belong to."""
    with database.write() as connection:
        for account in ("acme", "bare"):
            ledger.grant(connection, account, CREDITS, f"grant:{account}", "opening", ORIGIN)
        values = {"site": "blog", "account": "acme", "trigger": "now", "state": "completed", "generation": 1}
        statement = run.insert().values(**values, available_at_start=0, started_at=NOW).returning(run.c.id)
        run_id = int(connection.execute(statement).scalar_one())
        # The bare account's windows, as a first hold would leave them.
        ledger.place_hold(connection, Hold("first", "bare", "bare", "content", run_id, 1, NOW), ORIGIN)
        ledger.void(connection, "first", ORIGIN)
        return run_id


def ours(database: Database, run_id: int) -> Callable[[], None]:
    """Return a call that holds 9 credits and settles 5 of them."""

    def call() -> None:
        hold_id = str(uuid.uuid4())
        with database.write() as connection:
            held = Hold(hold_id, "acme", "blog", "content", run_id, 9, NOW + timedelta(minutes=15))
            ledger.place_hold(connection, held, ORIGIN)
        with database.write() as connection:
            ledger.settle(connection, hold_id, 5, ORIGIN, "wrote an article", credit_value_nano=10_000_000)

    return call


def bare(execute: Callable[..., Any], begin: str, mark: str, run_id: int) -> Callable[[], None]:
    """Return a call that writes the same rows on the driver: six statements and two to five rows a transaction."""
    stage = f"stage/{run_id}/content"
    windows = ("account/bare/2026-11", "site/bare/2026-11", stage)
    lot = execute("SELECT id FROM credit_lot WHERE account = 'bare'").fetchone()[0]
    at = NOW if mark == "%s" else NOW.replace(tzinfo=None).isoformat(" ")
    move = "UPDATE {} SET available = available + ?, held = held + ?, spent = spent + ? WHERE {} = ?"
    insert = (
        "INSERT INTO transfer (key, payload_digest, kind, account, site, run_id, hold_id, credits, value_nano,"
        " available_after, reason, actor, generation, at) VALUES (" + ", ".join("?" * 14) + ") RETURNING id"
    )
    post = "INSERT INTO posting (transfer_id, number, book, lot_id, credits) VALUES {}"

    def sql(text: str) -> str:
        return text.replace("?", mark)

    account_sql, lot_sql = sql(move.format("credit_account", "account")), sql(move.format("credit_lot", "id"))
    window_sql = sql("UPDATE budget_window SET reserved = reserved + ?, spent = spent + ? WHERE key IN (?, ?, ?)")
    hold_sql = sql(
        "INSERT INTO hold (id, account, site, stage, run_id, month, credits, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    resolution_sql = sql(
        "INSERT INTO hold_resolution (hold_id, kind, credits_held, credits_taken, at) VALUES (?, ?, ?, ?, ?)"
    )
    transfer_sql = sql(insert)
    two, three = (sql(post.format(", ".join(["(?, ?, ?, ?, ?)"] * rows))) for rows in (2, 3))

    def call() -> None:
        hold_id = str(uuid.uuid4())
        execute(begin)
        execute(account_sql, (-9, 9, 0, "bare"))
        execute(hold_sql, (hold_id, "bare", "bare", "content", run_id, "2026-11", 9, at, at))
        execute(window_sql, (9, 0, *windows))
        execute(lot_sql, (-9, 9, 0, lot))
        row = (f"hold:{hold_id}", "0" * 64, "hold", "bare", "bare", run_id, hold_id, 9, 0, 0, "", "benchmark", 1, at)
        transfer = execute(transfer_sql, row).fetchone()[0]
        execute(two, (transfer, 1, "available", lot, -9, transfer, 2, "held", lot, 9))
        execute("COMMIT")
        execute(begin)
        execute(account_sql, (4, -9, 5, "bare"))
        execute(resolution_sql, (hold_id, "settle", 9, 5, at))
        execute(window_sql, (-9, 5, *windows))
        execute(lot_sql, (4, -9, 5, lot))
        row = (
            f"settle:{hold_id}",
            "0" * 64,
            "settle",
            "bare",
            "bare",
            run_id,
            hold_id,
            5,
            0,
            0,
            "",
            "benchmark",
            1,
            at,
        )
        transfer = execute(transfer_sql, row).fetchone()[0]
        execute(three, (transfer, 1, "held", lot, -9, transfer, 2, "spent", lot, 5, transfer, 3, "available", lot, 4))
        execute("COMMIT")

    return call


def rate(call: Callable[[], None], calls: int) -> float:
    """Return how many calls a second are made."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return calls / (time.perf_counter() - started)


def compare(database: Database, execute: Callable[..., Any], begin: str, mark: str, calls: int) -> dict[str, float]:
    """Return the median rates of both, measured in turns."""
    run_id = prepare(database)
    both = {"ledger": ours(database, run_id), "bare": bare(execute, begin, mark, run_id)}
    for call in both.values():
        rate(call, 20)
    rates: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(ROUNDS):
        for name, call in both.items():
            rates[name].append(rate(call, calls))
    with database.read() as connection:
        broken = [line for line in find_breaks(connection) if "acme" in line and "usage" not in line]
    assert broken == [], broken
    shares = [one / other for one, other in zip(rates["ledger"], rates["bare"], strict=True)]
    return {name: statistics.median(found) for name, found in rates.items()} | {"share": statistics.median(shares)}


def on_sqlite(calls: int) -> dict[str, float]:
    """Measure on a new SQLite file, with the write-ahead log and full synchronisation of this program."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        database = open_database(f"sqlite:///{path}")
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        try:
            return compare(database, connection.execute, "BEGIN IMMEDIATE", "?", calls)
        finally:
            connection.close()
            database.close()


def on_postgres(server: str, calls: int) -> dict[str, float]:
    """Measure on a new database of a server."""
    import psycopg

    name = f"igny8_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        try:
            database = open_database(url, upgrade=True)
            with psycopg.connect(url, autocommit=True) as connection:
                found = compare(database, connection.execute, "BEGIN", "%s", calls)
            database.close()
            return found
        finally:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=200, help="holds and settlements a round")
    parser.add_argument(
        "--postgres", default=os.environ.get("IGNY8_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {"SQLite": on_sqlite(options.calls)}
    try:
        found["PostgreSQL"] = on_postgres(options.postgres, options.calls)
    except OSError as error:
        print(f"no PostgreSQL: {error}", file=sys.stderr)
    except Exception as error:
        if type(error).__module__.split(".")[0] != "psycopg":
            raise
        print(f"no PostgreSQL: {error}", file=sys.stderr)
    ok = found["SQLite"]["ledger"] >= SQLITE_PER_SECOND_MIN
    ok &= "PostgreSQL" not in found or found["PostgreSQL"]["share"] >= POSTGRES_SHARE_MIN
    if options.json:
        print(json.dumps({"version": 1, "summary": {"ok": ok}, "databases": found}, indent=2))
    else:
        print(f"{'hold + settle':14}{'ledger/s':>10}{'bare/s':>10}{'share':>8}")
        for name, rates in found.items():
            print(f"{name:14}{rates['ledger']:>10,.0f}{rates['bare']:>10,.0f}{rates['share']:>8.0%}")
        print(
            f"wanted: SQLite >= {SQLITE_PER_SECOND_MIN}/s, PostgreSQL >= {POSTGRES_SHARE_MIN:.0%} of bare: {'met' if ok else 'MISSED'}"
        )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
