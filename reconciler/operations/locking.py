"""Takes the lock that an apply works under, waits for it when asked to, and gives it back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta

from reconciler.clock import Clock
from reconciler.errors import LockedError
from reconciler.operations.worker import is_gone, worker_name
from reconciler.store.engine import Database
from reconciler.store.locks import Lease, acquire, find_lease, force_release, release

APPLY_LOCK = "apply"
# Between two writes of an apply lies the making of a plan; each write renews the lease.
LEASE = timedelta(seconds=60)
_POLL_SECONDS = 0.5


@contextlib.contextmanager
def locked(
    database: Database, clock: Clock, *, purpose: str, timeout_seconds: float = 0, name: str = APPLY_LOCK,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Lease]:  # fmt: skip
    """Hold a lock for the length of a block; LockedError when another has it for longer than the timeout."""
    lease = _wait(database, clock, name, purpose, timeout_seconds, tell)
    try:
        yield lease
    finally:
        with database.write() as connection:
            release(connection, lease)


def _wait(
    database: Database, clock: Clock, name: str, purpose: str, timeout_seconds: float, tell: Callable[[str], None]
) -> Lease:
    owner = worker_name()
    deadline = clock.now() + timedelta(seconds=timeout_seconds)
    told = False
    while True:
        taken, holder = _try(database, clock, name, owner, purpose)
        if taken is not None:
            return taken
        if clock.now() >= deadline:
            raise LockedError(_describe(holder), hint="wait with --lock-timeout 60s, or see `igny8 lock list`")
        if not told:
            tell(f"Waiting for the lock: {_describe(holder)}")
            told = True
        asyncio.run(clock.sleep(_POLL_SECONDS))


def _try(database: Database, clock: Clock, name: str, owner: str, purpose: str) -> tuple[Lease | None, Lease | None]:
    """Return the lease when it could be taken, else who has it."""
    now = clock.now()
    with database.write() as connection:
        taken = acquire(connection, name, owner=owner, now=now, length=LEASE, purpose=purpose)
        holder = None if taken else find_lease(connection, name)
        if holder is not None and is_gone(holder.owner):
            # Its process has ended on this machine: nobody has to wait for the lease to run out.
            force_release(connection, name)
            taken = acquire(connection, name, owner=owner, now=now, length=LEASE, purpose=purpose)
    return taken, holder


def _describe(holder: Lease | None) -> str:
    if holder is None:
        return "another process has the lock"
    what = f" ({holder.purpose})" if holder.purpose else ""
    return f"{holder.owner} has the lock {holder.name}{what} until {holder.until:%Y-%m-%d %H:%M:%S} UTC"
