"""What makes a saved plan belong to one database, and be used once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.store.tables import installation, used_plan


@dataclass(frozen=True, slots=True)
class Identity:
    """Which installation a database is, and the key that it signs with."""

    id: str
    key: bytes


def identity_of(connection: Connection) -> Identity:
    """Return the identity that the database got when its schema was made."""
    row = connection.execute(sa.select(installation)).one()
    return Identity(row.id, bytes.fromhex(row.key))


def used_at(connection: Connection, plan_id: str) -> tuple[int, datetime] | None:
    """Return the generation that a saved plan became and when, or None when it was not used."""
    row = connection.execute(sa.select(used_plan).where(used_plan.c.id == plan_id)).one_or_none()
    return None if row is None else (row.generation, row.at)


def mark_used(connection: Connection, plan_id: str, generation: int, at: datetime) -> None:
    """Use a saved plan up; its primary key refuses a second time."""
    connection.execute(used_plan.insert().values(id=plan_id, generation=generation, at=at))
