"""Locks: lease rows with owner, heartbeat and fencing token. A lease that nobody renews runs out by itself.

Every taking raises the fence. Who writes under a lock checks the fence in the same transaction, so that one whose
lease ran out and was taken by another cannot write any more, whatever it believes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.errors import LockedError
from reconciler.store.statements import later, run, updating
from reconciler.store.tables import lease


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as the database records it; free when it has no owner."""

    name: str
    owner: str
    until: datetime
    fence: int
    purpose: str
    acquired_at: datetime | None
    heartbeat_at: datetime | None

    def is_held(self, now: datetime) -> bool:
        """Tell whether somebody has it."""
        return bool(self.owner) and self.until > now


class LockLostError(LockedError):
    """The lease was taken by another, or given up by command; nothing was written."""


def find_lease(connection: Connection, name: str) -> Lease | None:
    """Return a lease with its row locked until the transaction ends, or None when nobody ever took it."""
    row = connection.execute(sa.select(lease).where(lease.c.name == name).with_for_update()).one_or_none()
    return None if row is None else Lease(**row._asdict())


def list_leases(connection: Connection) -> tuple[Lease, ...]:
    """Return all leases by name, also those that ran out."""
    return tuple(Lease(**row._asdict()) for row in connection.execute(sa.select(lease).order_by(lease.c.name)))


def acquire(
    connection: Connection, name: str, *, owner: str, now: datetime, length: timedelta, purpose: str = "",
    again: bool = False,
) -> Lease | None:  # fmt: skip
    """Take a lease that is free or has run out; None when somebody has it, unless that is the owner, taking it `again`."""
    until = now + length
    values = {"name": name, "owner": owner, "until": until, "fence": 1, "purpose": purpose}
    values |= {"acquired_at": now, "heartbeat_at": now, "of_now": now, "of_owner": owner if again else None}
    fence = run(connection, _taking(connection.dialect.name), values).scalar()
    return None if fence is None else Lease(name, owner, until, int(fence), purpose, now, now)


@cache
def _taking(dialect: str) -> sa.Insert:
    """Return the statement that makes a lease, or takes it where it is free: of two at once, one does."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(lease)
    is_free = sa.or_(lease.c.owner == "", lease.c.until <= sa.bindparam("of_now"))
    return statement.on_conflict_do_update(
        index_elements=["name"],
        set_={**statement.excluded, "fence": lease.c.fence + 1},
        where=sa.or_(is_free, lease.c.owner == sa.bindparam("of_owner")),
    ).returning(lease.c.fence)


def hold_fence(connection: Connection, held: Lease, *, now: datetime, length: timedelta) -> None:
    """Renew a lease in the transaction that writes under it; LockLostError when another has taken it since."""
    mine = sa.and_(lease.c.name == held.name, lease.c.fence == held.fence, lease.c.owner == held.owner)
    done = connection.execute(lease.update().where(mine).values(until=now + length, heartbeat_at=now))
    if done.rowcount == 0:
        found = find_lease(connection, held.name)
        by = f"{found.owner} has it now" if found and found.owner else "it was released by somebody"
        raise LockLostError(f"the lock {held.name} was lost: {by}", hint="nothing was written; run the command again")


def release(connection: Connection, held: Lease) -> bool:
    """Give a lease back; False when it was another's by then."""
    mine = sa.and_(lease.c.name == held.name, lease.c.fence == held.fence)
    return connection.execute(lease.update().where(mine).values(owner="", purpose="")).rowcount == 1


def force_release(connection: Connection, name: str) -> Lease | None:
    """Take a lease from whoever has it, and raise its fence; return what it was, or None when there is none."""
    found = find_lease(connection, name)
    if found is not None:
        values = {"owner": "", "purpose": "", "fence": found.fence + 1}
        connection.execute(lease.update().where(lease.c.name == name).values(**values))
    return found


def take_lease(connection: Connection, name: str, *, owner: str, until: datetime, now: datetime) -> Lease | None:
    """Take a named lease; return None when taken, else the lease as another has it."""
    if acquire(connection, name, owner=owner, now=now, length=until - now, again=True) is not None:
        return None
    return find_lease(connection, name)


def break_lease(connection: Connection, name: str, owner: str) -> None:
    """Give a lease back, or take it from an owner that is known to be gone."""
    later(connection, *updating(lease, {"name": name, "owner": owner}, {"owner": "", "purpose": ""}))
