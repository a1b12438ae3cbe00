"""Budgets by window: a month of an account, a month of a site, a stage of a run. Each window is a row of its own.

A window counts what open holds reserve and what was charged, also where no limit stands, so that a limit that is set in
mid-month begins with the truth. It keeps the limit of its last admission, and a CHECK holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from reconciler.ledger.transfers import month_name
from reconciler.store.tables import budget_alert, budget_window


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call is made; it names the three windows that its credits count in."""

    account: str
    site: str
    stage: str
    run_id: int
    month: str

    @property
    def account_key(self) -> str:
        """Return the key of the account's month."""
        return f"account/{self.account}/{self.month}"

    @property
    def site_key(self) -> str:
        """Return the key of the site's month."""
        return f"site/{self.site}/{self.month}"

    @property
    def stage_key(self) -> str:
        """Return the key of the stage of the run."""
        return f"stage/{self.run_id}/{self.stage}"

    @property
    def keys(self) -> tuple[str, str, str]:
        """Return all three."""
        return (self.account_key, self.site_key, self.stage_key)


def place_of(account: str, site: str, stage: str, run_id: int, at: datetime) -> Place:
    """Return the place of a call at an instant; months are calendar months in UTC."""
    return Place(account, site, stage, run_id, month_name(at))


@dataclass(frozen=True, slots=True)
class Window:
    """A budget window as it stands."""

    key: str
    limit: int | None
    reserved: int = 0
    spent: int = 0

    @property
    def left(self) -> int | None:
        """Return what is left before the limit, below zero when it was lowered; None = there is no limit."""
        return None if self.limit is None else self.limit - self.reserved - self.spent


_READ = sa.select(
    budget_window.c.key, budget_window.c.limit_credits, budget_window.c.reserved, budget_window.c.spent
).where(budget_window.c.key.in_(bindparam("keys", expanding=True)))


def read_windows(connection: Connection, *keys: str) -> dict[str, Window]:
    """Return those of the windows that are there, by key."""
    return {row.key: Window(*row) for row in connection.execute(_READ, {"keys": list(keys)})}


def windows_of(
    connection: Connection, place: Place, known: dict[str, Window], limits: Mapping[str, int | None] | None = None
) -> dict[str, Window]:
    """Return the three windows of a place under these limits, those that are missing new. The account is locked.

    A limit that has no room for what was reserved and charged is not written down, but holds all the same.
    """
    if len(known) < len(place.keys):
        _open(connection, place)
        known = read_windows(connection, *place.keys)
    if limits is None:
        return known
    for key, limit in limits.items():
        window = known[key]
        if window.limit != limit:
            known[key] = Window(key, limit, window.reserved, window.spent)
            if limit is None or window.reserved + window.spent <= limit:
                connection.execute(
                    budget_window.update().where(budget_window.c.key == key).values(limit_credits=limit)
                )  # fmt: skip
    return known


def _open(connection: Connection, place: Place) -> None:
    rows = (
        ("account", place.account, place.account_key, place.month),
        ("site", place.site, place.site_key, place.month),
        ("stage", place.stage, place.stage_key, str(place.run_id)),
    )
    for scope, name, key, period in rows:
        insert_if_absent(
            connection, budget_window,
            {"key": key, "scope": scope, "account": place.account, "name": name, "period": period},
        )  # fmt: skip


def alert_once(connection: Connection, window: Window, threshold_pct: int, now: datetime) -> bool:
    """Tell whether a window has just crossed a share of its limit: True once a window, whoever asks."""
    if window.limit is None or window.spent * 100 < window.limit * threshold_pct:
        return False
    row = {"window_key": window.key, "threshold_pct": threshold_pct, "at": now}
    return insert_if_absent(connection, budget_alert, row)


def insert_if_absent(connection: Connection, table: sa.Table, values: Mapping[str, object]) -> bool:
    """Insert a row unless its key is there; two that try at once end with one row. Tell whether it was this one."""
    insert = pg_insert if connection.dialect.name == "postgresql" else sqlite_insert
    key = next(iter(table.primary_key))
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).one_or_none() is not None
