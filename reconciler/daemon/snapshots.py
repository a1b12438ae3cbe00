"""Keeps a file with a snapshot of the actual state fresh, for plans that are made where the database is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.daemon.passes import EventSink
from reconciler.operations.app import Installation
from reconciler.operations.snapshot import encode_snapshot, take_snapshot, write_snapshot
from reconciler.store.engine import Database

# What of a pass changes what a plan would say.
CHANGES = frozenset({"applied", "healed", "drift_found", "run", "published", "publish_failed"})
# Others change the state too; so long it may be before the snapshot tells.
REFRESH = timedelta(minutes=15)


@dataclass(slots=True)
class SnapshotKeeper:
    """Writes the snapshot after each pass that changed something, and from time to time; without a file it does nothing."""

    installation: Installation
    database: Database
    file: Path | None
    told: EventSink
    _is_stale: bool = field(default=True, init=False)
    _written_at: datetime | None = field(default=None, init=False)

    def tell(self, event: str, fields: dict[str, Any]) -> None:
        """Tell an event on, and note when it is a change."""
        self._is_stale = self._is_stale or event in CHANGES
        self.told(event, fields)

    def keep(self) -> None:
        """Write the snapshot if something changed since the last one, or if that is old; a failure is told."""
        now = self.installation.clock.now()
        is_old = self._written_at is None or now - self._written_at >= REFRESH
        if self.file is None or not (self._is_stale or is_old):
            return
        self._is_stale = False  # what changes from here on is in the next one
        try:
            taken = take_snapshot(self.database, self.installation.clock)
            write_snapshot(self.file, encode_snapshot(self.database, taken))
        except Exception as error:  # neither a full disk nor a defect of ours must end the daemon, nor pass unseen
            self._is_stale = True
            self.told("snapshot_failed", {"reason": f"{type(error).__name__}: {error}"})
            return
        self._written_at = now
        self.told("snapshot", {"file": str(self.file), "generation": taken.generation})
