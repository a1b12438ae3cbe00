"""Plans: what an apply of the config root would change."""

from __future__ import annotations

from reconciler.config.compilation import Compilation
from reconciler.plan.planner import Plan, make_plan
from reconciler.store.engine import Database
from reconciler.store.resources import current_generation, load_actual


def plan(database: Database, compilation: Compilation) -> Plan:
    """Return the plan from the database's state to a valid compilation."""
    with database.read() as connection:
        return make_plan(compilation, load_actual(connection), current_generation(connection))
