"""Renames a resource everywhere: what runs, is charged and is published refers to sites and accounts by name.

Every table with a column of the kind's name follows, also one that is added later. Amounts never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from reconciler.plan.change import Change
from reconciler.store.lots import Terms, grant_payload
from reconciler.store.tables import (
    OPEN_RUN_STATES,
    budget_alert,
    budget_window,
    credit_account,
    credit_lot,
    former_name,
    metadata,
    resource,
    resource_hold,
    run,
    transfer,
)

RENAMED_KINDS = ("site", "account")


def carry_names_over(connection: Connection, changes: Iterable[Change], *, generation: int, at: datetime) -> None:
    """Give all that belongs to renamed resources their new names, in the caller's transaction."""
    for change in changes:
        if not change.renamed_from:
            continue
        _remember(connection, change, generation, at)
        if change.kind == "site":
            _fence_runs(connection, change.renamed_from)
        if change.kind == "account":
            _rename_account(connection, change.renamed_from, change.name)
        elif change.kind in RENAMED_KINDS:
            _rename_rows(connection, change.kind, change.renamed_from, change.name)
        _rename_windows(connection, change.kind, change.renamed_from, change.name)
        held = sa.and_(resource_hold.c.kind == change.kind, resource_hold.c.name == change.renamed_from)
        connection.execute(resource_hold.update().where(held).values(name=change.name))


def remains(connection: Connection, kind: str, name: str) -> str:
    """Return what an earlier resource of a name left behind, "" when there is nothing."""
    for table in tables_with(kind):
        if connection.scalar(sa.select(sa.literal(1)).where(table.c[kind] == name).limit(1)):
            return left_in(table)
    return ""


def left_in(table: Table) -> str:
    """Return what a resource has in a table, as people read it."""
    return "its ledger" if table is credit_account else f"rows of {table.name}"


def former_names(connection: Connection, kind: str, name: str) -> tuple[tuple[str, int], ...]:
    """Return the names that a resource had before, the latest first, each with the generation that ended it."""
    of_kind = sa.and_(resource.c.kind == kind, resource.c.name == name)
    uid = connection.scalar(sa.select(resource.c.uid).where(of_kind))
    if uid is None:  # it is gone: what was renamed to this name last
        renamed = sa.and_(former_name.c.kind == kind, former_name.c.renamed_to == name)
        newest = former_name.c.generation.desc()
        uid = connection.scalar(sa.select(former_name.c.uid).where(renamed).order_by(newest).limit(1))
    rows = connection.execute(
        sa.select(former_name.c.name, former_name.c.generation)
        .where(former_name.c.uid == uid)
        .order_by(former_name.c.generation.desc())
    )
    return tuple((row.name, row.generation) for row in rows)


def names_since(connection: Connection, generation: int) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the names that resources have now, by the names that they had at a generation where those differ."""
    later = sa.select(former_name).where(former_name.c.generation > generation)
    found: dict[str, tuple[tuple[str, str], str]] = {}
    for row in connection.execute(later.order_by(former_name.c.generation)):
        then, _ = found.get(row.uid, ((row.kind, row.name), ""))
        found[row.uid] = (then, row.renamed_to)
    return {then: (now,) for then, now in found.values() if then[1] != now}


def _remember(connection: Connection, change: Change, generation: int, at: datetime) -> None:
    where = sa.and_(resource.c.kind == change.kind, resource.c.name == change.renamed_from)
    uid = connection.scalar(sa.select(resource.c.uid).where(where))
    values: dict[str, Any] = {"kind": change.kind, "name": change.renamed_from, "renamed_to": change.name}
    connection.execute(former_name.insert().values(uid=uid, generation=generation, at=at, **values))


def _fence_runs(connection: Connection, site: str) -> None:
    """Move the fence of open runs: a worker that lost its lease must not write under the old name any more."""
    is_open = sa.and_(run.c.site == site, run.c.state.in_(OPEN_RUN_STATES))
    connection.execute(run.update().where(is_open).values(fence=run.c.fence + 1))


def tables_with(column: str) -> Iterator[Table]:
    """Yield the tables that refer to resources of a kind by name."""
    if column in RENAMED_KINDS:
        yield from (table for table in metadata.sorted_tables if column in table.c)


def _rename_rows(connection: Connection, column: str, old: str, new: str) -> None:
    for table in tables_with(column):
        if table is not credit_account:
            connection.execute(table.update().where(table.c[column] == old).values({column: new}))


def _rename_account(connection: Connection, old: str, new: str) -> None:
    """Rename an account's books: a row under the new name, what points to it, then the old row goes.

    No other transaction sees the state between, and no constraint has to wait for its end.
    """
    found = sa.select(credit_account).where(credit_account.c.account == old).with_for_update()
    row = connection.execute(found).mappings().one_or_none()
    if row is not None:
        connection.execute(credit_account.insert().values({**row, "account": new}))
    _rename_keys(connection, old, new)
    _rename_rows(connection, "account", old, new)
    connection.execute(credit_account.delete().where(credit_account.c.account == old))


def _rename_keys(connection: Connection, old: str, new: str) -> None:
    """Rename the account inside of the keys that make grants once: `grant:ACCOUNT:ID`, `tier:ACCOUNT:MONTH`.

    So a grant stays once for the account, and a later account of the old name gets its own.
    """
    lots = connection.execute(sa.select(credit_lot).where(credit_lot.c.account == old)).mappings().all()
    for lot in lots:
        word, _, rest = lot["key"].partition(":")
        account, _, rest = rest.partition(":")
        key = f"{word}:{new}:{rest}" if account == old else lot["key"]
        of_key = transfer.c.key == lot["key"]
        known = connection.scalar(sa.select(transfer.c.payload_digest).where(of_key))
        payload = next((_payload(lot, new, turn) for turn in _turns(lot) if _payload(lot, old, turn) == known), known)
        connection.execute(credit_lot.update().where(credit_lot.c.id == lot["id"]).values(key=key))
        connection.execute(transfer.update().where(of_key).values(key=key, payload_digest=payload))


def _turns(lot: sa.RowMapping) -> tuple[int | None, int]:
    """Return the priorities that the lot may have been given with: none, or one of its own."""
    return None, lot["priority"]


def _payload(lot: sa.RowMapping, account: str, priority: int | None) -> str:
    terms = Terms(lot["source"], lot["detail"], priority, lot["effective_at"], lot["expires_at"])
    return grant_payload(account, lot["credits"], terms)


def _rename_windows(connection: Connection, scope: str, old: str, new: str) -> None:
    """Rename the months of an account or a site; alerts that were given stay with them."""
    table = budget_window
    rows = connection.execute(sa.select(table).where(table.c.key.startswith(f"{scope}/{old}/", autoescape=True)))
    for row in rows.mappings().all():
        key = f"{scope}/{new}/{row['key'].removeprefix(f'{scope}/{old}/')}"
        name = new if row["name"] == old else row["name"]
        connection.execute(table.insert().values({**row, "key": key, "name": name}))
        of_window = budget_alert.c.window_key == row["key"]
        connection.execute(budget_alert.update().where(of_window).values(window_key=key))
        connection.execute(table.delete().where(table.c.key == row["key"]))
