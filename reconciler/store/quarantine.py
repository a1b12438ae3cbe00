"""Configs that must not be applied again by themselves: somebody rolled back from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.store.tables import quarantine


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A config in quarantine, by its digest, until somebody lifts it."""

    config_digest: str
    revision: str
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A row of the quarantine: what, by whom and when, and who lifted it."""

    id: int
    config_digest: str
    revision: str
    reason: str
    actor: str
    at: datetime
    lifted_at: datetime | None
    lifted_by: str
    lifted_reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "id": self.id,
            "config_digest": self.config_digest,
            "revision": self.revision,
            "reason": self.reason,
            "actor": self.actor,
            "at": self.at.isoformat(),
            "lifted_at": self.lifted_at.isoformat() if self.lifted_at else None,
            "lifted_by": self.lifted_by,
            "lifted_reason": self.lifted_reason,
        }


def add_quarantine(connection: Connection, item: Quarantined, *, actor: str, at: datetime) -> None:
    """Put a config into quarantine."""
    values = {"config_digest": item.config_digest, "revision": item.revision, "reason": item.reason}
    connection.execute(quarantine.insert().values(**values, actor=actor, at=at))


def quarantined_reason(connection: Connection, config_digest: str) -> str:
    """Return who put a config into quarantine, when and why; "" when it is not in there."""
    found = sa.select(quarantine).where(quarantine.c.config_digest == config_digest, quarantine.c.lifted_at.is_(None))
    row = connection.execute(found.order_by(quarantine.c.id.desc()).limit(1)).first()
    return "" if row is None else f"{row.reason} ({row.actor}, {row.at:%Y-%m-%d %H:%M} UTC)"


def load_quarantine(connection: Connection, *, with_lifted: bool = False) -> tuple[Quarantine, ...]:
    """Return what is in quarantine, the newest first, or also what was."""
    found = sa.select(quarantine).order_by(quarantine.c.id.desc())
    if not with_lifted:
        found = found.where(quarantine.c.lifted_at.is_(None))
    return tuple(Quarantine(**row) for row in connection.execute(found).mappings())


def lift_quarantine(connection: Connection, number: int, *, actor: str, reason: str, at: datetime) -> bool:
    """Let a config out and return whether it was in."""
    where = sa.and_(quarantine.c.id == number, quarantine.c.lifted_at.is_(None))
    lifted = quarantine.update().where(where).values(lifted_at=at, lifted_by=actor, lifted_reason=reason)
    return connection.execute(lifted).rowcount == 1
