"""Plans: what an apply of the config root would change, with the articles that it would move and the grants it posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation
from reconciler.operations.grants import PendingGrant, pending_grants
from reconciler.operations.reschedule import CalendarMove, find_moves
from reconciler.plan.planner import Plan, make_plan
from reconciler.store.engine import Database
from reconciler.store.ledger import balance_of
from reconciler.store.resources import current_generation, load_actual
from reconciler.store.runs import busy_sites


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it does beyond the resources."""

    plan: Plan
    moves: tuple[CalendarMove, ...]
    grants: tuple[PendingGrant, ...]
    available: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        grants = [{"account": item.account, "id": item.id, "credits": item.credits} for item in self.grants]
        return self.plan.to_json() | {"grants": grants, "calendar_moves": [move.to_json() for move in self.moves]}


def plan(database: Database, compilation: Compilation, clock: Clock, *, heal: bool = True) -> Planned:
    """Return the plan from the database's state to a valid compilation; without `heal` drift is left as it is."""
    with database.read() as connection:
        found = make_plan(
            compilation,
            load_actual(connection),
            current_generation(connection),
            busy_sites(connection, clock.now()),
            heal=heal,
        )
        accounts = [item.name for item in compilation.resources if item.kind == "account"]
        available = {name: balance_of(connection, name).available for name in accounts}
        return Planned(
            found,
            find_moves(connection, found.changes, clock.now()),
            pending_grants(connection, compilation),
            available,
        )
