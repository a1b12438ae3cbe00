"""Writes one transfer: its record, its postings, and what they change, within the caller's transaction.

The account's row is locked first, always, so that whatever is read after it stands still until the commit. SQLite
writes row by row; PostgreSQL gets one statement, since what costs time there is the way to the server and back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects import postgresql

from reconciler.errors import ConflictError
from reconciler.ids import digest
from reconciler.ledger.transfers import BOOKS, LOT_BOOKS, Posting, TransferKind
from reconciler.store.statements import Result, insert_and_tell, insert_row, insert_rows, later_text, run, run_many
from reconciler.store.tables import (
    budget_window,
    credit_account,
    credit_lot,
    hold,
    hold_resolution,
    posting,
    transfer,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who moves credits, when, and under which generation of the config."""

    actor: str
    at: datetime
    generation: int


@dataclass(frozen=True, slots=True)
class Movement:
    """A transfer to be written, with the rows that come or change with it."""

    kind: TransferKind
    key: str
    account: str
    credits: int
    legs: Sequence[Posting]
    payload: str
    site: str | None = None
    run_id: int | None = None
    hold_id: str | None = None
    value_nano: int = 0
    reason: str = ""
    windows: Sequence[str] = ()
    reserved: int = 0
    spent: int = 0
    hold_row: Mapping[str, Any] | None = None
    resolution_row: Mapping[str, Any] | None = None
    has_new_lot: bool = False


_POSTGRES = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]


def payload_of(kind: str, account: str, *parts: object) -> str:
    """Return the digest of what a transfer is about: the same key with another digest is a conflict."""
    return digest([kind, account, *parts])


def known_payload(connection: Connection, key: str) -> str | None:
    """Return the payload of the transfer with this key, or None."""
    found: str | None = connection.execute(_KNOWN, {"key": key}).scalar_one_or_none()
    return found


def is_repeated(connection: Connection, key: str, payload: str) -> bool:
    """Tell whether this very transfer was made before; ConflictError when it was another one."""
    return is_same(key, known_payload(connection, key), payload)


def is_same(key: str, known: str | None, payload: str) -> bool:
    """Tell whether a transfer that was found by its key is this one; ConflictError when it is another."""
    if known is not None and known != payload:
        raise ConflictError(
            f"the transfer {key} was made before, with another content", hint="nothing was moved; use another key"
        )
    return known is not None


def write(connection: Connection, movement: Movement, origin: Origin) -> None:
    """Write a transfer."""
    if connection.dialect.name == "postgresql":
        _write_at_once(connection, movement, origin)
    else:
        _write_row_by_row(connection, movement, origin)


def _write_row_by_row(connection: Connection, movement: Movement, origin: Origin) -> None:
    changes = {f"d_{book}": 0 for book in BOOKS}
    for leg in movement.legs:
        changes[f"d_{leg.book}"] += leg.credits
    books = changes | {"d_revenue_nano": movement.value_nano, "of_account": movement.account}
    available = int(run(connection, _CHANGE_ACCOUNT, books).scalar_one())
    if movement.hold_row is not None:
        insert_row(connection, hold, movement.hold_row)
    if movement.resolution_row is not None:
        insert_row(connection, hold_resolution, movement.resolution_row)
    if movement.windows:
        account, site, stage = movement.windows
        run(
            connection,
            _CHANGE_WINDOWS,
            {"of_account": account, "of_site": site, "of_stage": stage, "d_reserved": movement.reserved,
             "d_spent": movement.spent},
        )  # fmt: skip
    lots = [] if movement.has_new_lot else _lot_changes(movement.legs)
    if lots:
        run_many(connection, _CHANGE_LOTS, lots)
    transfer_id = insert_and_tell(connection, transfer, _transfer_row(movement, origin, available))
    if movement.legs:
        insert_rows(
            connection,
            posting,
            [
                {"transfer_id": transfer_id, "number": number, "book": leg.book, "lot_id": leg.lot, "credits": leg.credits}
                for number, leg in enumerate(movement.legs, 1)
            ],
        )  # fmt: skip


def _lot_changes(legs: Sequence[Posting]) -> list[dict[str, int]]:
    changes: dict[int, dict[str, int]] = {}
    for leg in legs:
        if leg.lot is not None and leg.book in LOT_BOOKS:
            known = changes.setdefault(leg.lot, {f"d_{book}": 0 for book in LOT_BOOKS} | {"of_lot": leg.lot})
            known[f"d_{leg.book}"] += leg.credits
    return list(changes.values())


def _transfer_row(movement: Movement, origin: Origin, available: int) -> dict[str, Any]:
    return {
        "key": movement.key, "payload_digest": movement.payload, "kind": movement.kind, "account": movement.account,
        "site": movement.site, "run_id": movement.run_id, "hold_id": movement.hold_id, "credits": movement.credits,
        "value_nano": movement.value_nano, "available_after": available, "reason": movement.reason,
        "actor": origin.actor, "generation": origin.generation, "at": origin.at,
    }  # fmt: skip


_KNOWN = sa.select(transfer.c.payload_digest).where(transfer.c.key == bindparam("key"))
_CHANGE_ACCOUNT = (
    credit_account.update()
    .where(credit_account.c.account == bindparam("of_account"))
    .values({name: credit_account.c[name] + bindparam(f"d_{name}") for name in (*BOOKS, "revenue_nano")})
    .returning(credit_account.c.available)
)
_CHANGE_LOTS = (
    credit_lot.update()
    .where(credit_lot.c.id == bindparam("of_lot"))
    .values({book: credit_lot.c[book] + bindparam(f"d_{book}") for book in LOT_BOOKS})
)
_CHANGE_WINDOWS = (
    budget_window.update()
    .where(budget_window.c.key.in_([bindparam("of_account"), bindparam("of_site"), bindparam("of_stage")]))
    .values(
        reserved=budget_window.c.reserved + bindparam("d_reserved"), spent=budget_window.c.spent + bindparam("d_spent")
    )
)


def _write_at_once(connection: Connection, movement: Movement, origin: Origin) -> None:
    """Write all rows with one statement of several parts; PostgreSQL checks constraints at its end."""
    changes = {f"d_{book}": 0 for book in BOOKS}
    for leg in movement.legs:
        changes[f"d_{leg.book}"] += leg.credits
    lots = [] if movement.has_new_lot else _lot_changes(movement.legs)
    values = _transfer_row(movement, origin, 0) | changes
    values |= {"d_reserved": movement.reserved, "d_window_spent": movement.spent}
    values.update((f"window_{number}", key) for number, key in enumerate(movement.windows))
    for number, lot in enumerate(lots):
        values |= {f"lot_{number}_{name}": change for name, change in lot.items()}
    for number, leg in enumerate(movement.legs):
        values |= {f"leg_{number}_book": leg.book, f"leg_{number}_lot": leg.lot, f"leg_{number}_credits": leg.credits}
    also = "hold" if movement.hold_row is not None else "resolution" if movement.resolution_row is not None else ""
    for name, value in (movement.hold_row or movement.resolution_row or {}).items():
        values[f"{also}_{name}"] = value
    text = _at_once(also, len(movement.windows), len(lots), len(movement.legs))
    later_text(connection, text, values, check=_is_written)


def _is_written(result: Result) -> None:
    assert result.rowcount == 1, "the account of a transfer is there"


@cache
def _at_once(also: str, windows: int, lots: int, legs: int) -> str:
    """Return the statement for so many rows, in the driver's own form: SQLAlchemy would work its parameters over each time."""
    books = ", ".join(f"{book} = {book} + :d_{book}" for book in BOOKS)
    columns = [column.name for column in transfer.c if column.name != "id"]
    values = ["a.available" if name == "available_after" else f"CAST(:{name} AS {_type(name)})" for name in columns]
    parts = [
        f"a AS (UPDATE credit_account SET {books}, revenue_nano = revenue_nano + :value_nano"
        " WHERE account = :account RETURNING available)"
    ]
    if windows:
        keys = ", ".join(f":window_{number}" for number in range(windows))
        parts.append(
            "w AS (UPDATE budget_window SET reserved = reserved + :d_reserved, spent = spent + :d_window_spent"
            f" WHERE key IN ({keys}))"
        )
    if lots:
        names = ["of_lot", *(f"d_{book}" for book in LOT_BOOKS)]
        rows = _rows(lots, lambda number: [f"CAST(:lot_{number}_{name} AS bigint)" for name in names])
        changed = ", ".join(f"{book} = l.{book} + d.d_{book}" for book in LOT_BOOKS)
        parts.append(
            f"l AS (UPDATE credit_lot l SET {changed} FROM (VALUES {rows}) AS d({', '.join(names)})"
            " WHERE l.id = d.of_lot)"
        )
    if also:
        parts.append(_INSERTS[also])
    parts.append(f"t AS (INSERT INTO transfer ({', '.join(columns)}) SELECT {', '.join(values)} FROM a RETURNING id)")
    if legs:
        rows = _rows(
            legs,
            lambda number: [
                str(number + 1), f"CAST(:leg_{number}_book AS text)", f"CAST(:leg_{number}_lot AS bigint)",
                f"CAST(:leg_{number}_credits AS bigint)",
            ],
        )  # fmt: skip
        parts.append(
            "p AS (INSERT INTO posting (transfer_id, number, book, lot_id, credits)"
            f" SELECT t.id, d.* FROM t, (VALUES {rows}) AS d)"
        )
    return re.sub(r":(\w+)", r"%(\1)s", f"WITH {', '.join(parts)} SELECT available FROM a")


def _rows(count: int, values: Callable[[int], Sequence[str]]) -> str:
    return ", ".join(f"({', '.join(values(number))})" for number in range(count))


def _type(column: str) -> str:
    return str(transfer.c[column].type.compile(dialect=_POSTGRES))


def _insert(table: sa.Table, prefix: str, *, without: Sequence[str] = ()) -> str:
    columns = [column.name for column in table.c if column.name not in without]
    return (
        f"{prefix} AS (INSERT INTO {table.name} ({', '.join(columns)})"
        f" VALUES ({', '.join(f':{prefix}_{name}' for name in columns)}))"
    )


_INSERTS = {
    "hold": _insert(hold, "hold"),
    "resolution": _insert(hold_resolution, "resolution", without=("credits_refunded",)),
}
