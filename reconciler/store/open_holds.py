"""Open holds: which credits are set aside, for which call, and until when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.store.tables import attempt, hold, hold_resolution, run


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Credits in a hold, and the call that they wait for."""

    id: str
    account: str
    site: str
    stage: str
    run_id: int
    run_state: str
    credits: int
    created_at: datetime
    expires_at: datetime
    item_kind: str
    item_ids: tuple[int, ...]
    model: str
    attempt_id: str

    @property
    def waits_for(self) -> str:
        """Return the call that the credits are held for, in words."""
        if not self.attempt_id:
            return "nothing that is known"
        ids = ", ".join(str(item) for item in self.item_ids)
        return f"{self.model}, {self.item_kind} {ids}"

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return asdict(self)


def open_holds(connection: Connection, *, account: str | None = None, site: str | None = None) -> tuple[OpenHold, ...]:
    """Return the open holds, of one account or site if asked for, in the order in which they expire."""
    tables = hold.join(run, run.c.id == hold.c.run_id).outerjoin(attempt, attempt.c.hold_id == hold.c.id)
    statement = sa.select(
        hold, run.c.state.label("run_state"), attempt.c.item_kind, attempt.c.item_ids, attempt.c.model,
        attempt.c.id.label("attempt_id"),
    ).select_from(tables)  # fmt: skip
    statement = statement.where(~sa.exists().where(hold_resolution.c.hold_id == hold.c.id))
    if account is not None:
        statement = statement.where(hold.c.account == account)
    if site is not None:
        statement = statement.where(hold.c.site == site)
    rows = connection.execute(statement.order_by(hold.c.expires_at, hold.c.id))
    return tuple(
        OpenHold(
            row.id, row.account, row.site, row.stage, row.run_id, row.run_state, row.credits, row.created_at,
            row.expires_at, row.item_kind or "", tuple(row.item_ids or ()), row.model or "", row.attempt_id or "",
        )
        for row in rows
    )  # fmt: skip
