"""Guards on the plan: what may not be applied without somebody saying so explicitly. One file a guard, one line here.

A guard is a pure function of the plan in the making; it knows neither the command line nor the database.
"""

from __future__ import annotations

from reconciler.plan.block import Block
from reconciler.plan.guards.articles import ARTICLES
from reconciler.plan.guards.creates import CREATES
from reconciler.plan.guards.credits import CREDITS
from reconciler.plan.guards.deletes import DELETES
from reconciler.plan.guards.empty_root import EMPTY_ROOT
from reconciler.plan.guards.guard import Guard, GuardContext
from reconciler.plan.guards.held_fields import HELD_FIELDS
from reconciler.plan.guards.missing_kind import MISSING_KIND
from reconciler.plan.guards.protection import PROTECTION
from reconciler.plan.guards.quarantine import QUARANTINE
from reconciler.plan.guards.updates import UPDATES

__all__ = ["GUARDS", "OVERRIDE_WINDOW", "Block", "Guard", "GuardContext", "find_blocks"]

# In the order in which a plan tells them.
GUARDS: tuple[Guard, ...] = (
    QUARANTINE,
    EMPTY_ROOT,
    MISSING_KIND,
    PROTECTION,
    HELD_FIELDS,
    CREATES,
    DELETES,
    UPDATES,
    ARTICLES,
    CREDITS,
)
# The sync window blocks no plan, it defers its apply: until the window opens, or with this flag.
OVERRIDE_WINDOW = "--override-window"


def find_blocks(context: GuardContext) -> tuple[Block, ...]:
    """Return what forbids a plan, guard by guard."""
    return tuple(block for guard in GUARDS for block in guard.blocks(context))
