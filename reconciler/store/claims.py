"""Claims: which process makes which of the calls that a stage has left.

The worker that has the run lays units out; every process takes some of them, each under a lease with a fence. A unit
ends in the transaction that settles its call. Who lost a claim finds its fence moved and can write nothing more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from reconciler.store.runs import LeaseLostError
from reconciler.store.statements import Result, later
from reconciler.store.statements import run as execute
from reconciler.store.tables import Instant, claim, run, stage_run

# Each time that a run changes hands its units get fences above all that were given before.
_FENCES_A_LEASE = 1 << 20


@dataclass(frozen=True, slots=True)
class Unit:
    """What one call is made for, and the fence under which this process has it."""

    stage_run_id: int
    number: int
    item_ids: tuple[int, ...]
    fence: int


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker at a stage has to heed: an order to its run, and a reason to stop the stage that another found."""

    asked: str
    stage_state: str
    stop_reason: str


def lay_out(
    connection: Connection, run_id: int, stage_run_id: int, groups: Sequence[Sequence[int]], *, first: int, fence: int
) -> None:
    """Lay units out for whoever takes them, numbered from `first`."""
    rows = [
        {"stage_run_id": stage_run_id, "unit": number, "run_id": run_id, "item_ids": list(ids), "fence": fence * _FENCES_A_LEASE}
        for number, ids in enumerate(groups, first)
    ]  # fmt: skip
    if rows:
        connection.execute(claim.insert(), rows)


def next_unit(connection: Connection, stage_run_id: int) -> int:
    """Return the number after that of every unit that is still laid out."""
    found = connection.scalar(sa.select(sa.func.max(claim.c.unit)).where(claim.c.stage_run_id == stage_run_id))
    return 1 if found is None else int(found) + 1


def orders_of(connection: Connection, stage_run_id: int) -> Orders:
    """Return what a worker at a stage has to heed."""
    return Orders(*execute(connection, _ORDERS, {"of_stage": stage_run_id}).one())


def take_units(
    connection: Connection, stage_run_id: int, *, owner: str, until: datetime, limit: int
) -> tuple[Unit, ...]:
    """Take so many units that nobody has, in order; those that another process is just taking are passed over."""
    rows = connection.execute(
        _TAKE, {"of_stage": stage_run_id, "new_owner": owner, "until": until, "how_many": limit}
    ).all()
    units = (Unit(stage_run_id, row.unit, tuple(row.item_ids), row.fence) for row in rows)
    return tuple(sorted(units, key=lambda unit: unit.number))


def keep_unit(connection: Connection, unit: Unit, until: datetime, attempt_id: str | None) -> None:
    """Renew the lease of a unit and name the attempt that is made for it; LeaseLostError when another has it."""
    later(connection, _KEEP, _where(unit) | {"until": until, "attempt": attempt_id}, _one_of(unit))


def end_unit(connection: Connection, unit: Unit) -> None:
    """Take a unit off: its call was settled; LeaseLostError when another has taken it since."""
    later(connection, _END, _where(unit), _one_of(unit))


def is_laid_out(connection: Connection, unit: Unit) -> bool:
    """Tell whether a unit is still there, whoever has it."""
    where = (claim.c.stage_run_id == unit.stage_run_id, claim.c.unit == unit.number)
    return connection.execute(sa.select(claim.c.unit).where(*where)).one_or_none() is not None


def give_back(connection: Connection, units: Sequence[Unit]) -> None:
    """Leave units to whoever takes them next; those that another has meanwhile stay as they are."""
    for unit in units:
        execute(connection, _GIVE_BACK, _where(unit))


def release_dead(connection: Connection, run_id: int, now: datetime, is_gone: Callable[[str], bool]) -> int:
    """Free the units of workers that are gone, or whose lease has run out; return how many."""
    owned = sa.select(claim.c.stage_run_id, claim.c.unit, claim.c.owner, claim.c.lease_until, claim.c.fence)
    rows = connection.execute(owned.where(claim.c.run_id == run_id, claim.c.owner != "").order_by(claim.c.unit)).all()
    gone = {owner for owner in {row.owner for row in rows} if is_gone(owner)}
    freed = 0
    for row in rows:
        if row.owner in gone or row.lease_until <= now:
            where = {"of_stage": row.stage_run_id, "of_unit": row.unit, "of_fence": row.fence}
            freed += connection.execute(_GIVE_BACK, where).rowcount
    return freed


def drop_free(connection: Connection, stage_run_id: int) -> None:
    """Take off the units of a stage that nobody has, since it ends."""
    connection.execute(claim.delete().where(claim.c.stage_run_id == stage_run_id, claim.c.owner == ""))


def drop_all(connection: Connection, run_id: int) -> None:
    """Take off all units of a run that ends: who still has one finds its fence gone."""
    connection.execute(claim.delete().where(claim.c.run_id == run_id))


def items_laid_out(connection: Connection, stage_run_id: int) -> set[int]:
    """Return the items of a stage that are in its units, taken or not."""
    rows = connection.scalars(sa.select(claim.c.item_ids).where(claim.c.stage_run_id == stage_run_id))
    return {int(item) for ids in rows for item in ids}


def count_in_work(connection: Connection, stage_run_id: int) -> int:
    """Return how many units of a stage some process is at."""
    statement = sa.select(sa.func.count()).select_from(claim).where(claim.c.stage_run_id == stage_run_id, _OWNED)
    return int(connection.scalar(statement) or 0)


def stage_to_help(connection: Connection, run_id: int) -> sa.Row[Any] | None:
    """Return the stage of a run that has units which nobody has, or None."""
    free = sa.select(claim.c.stage_run_id).where(claim.c.run_id == run_id, claim.c.owner == "").limit(1)
    return connection.execute(sa.select(stage_run).where(stage_run.c.id.in_(free))).one_or_none()


def sites_to_help(connection: Connection) -> tuple[str, ...]:
    """Return the sites with a run at work that has units which nobody has."""
    statement = sa.select(run.c.site).join(claim, claim.c.run_id == run.c.id).distinct().order_by(run.c.site)
    return tuple(connection.scalars(statement.where(claim.c.owner == "", run.c.state == "running", run.c.asked == "")))


def _where(unit: Unit) -> dict[str, object]:
    return {"of_stage": unit.stage_run_id, "of_unit": unit.number, "of_fence": unit.fence}


def _one_of(unit: Unit) -> Callable[[Result], None]:
    def check(result: Result) -> None:
        if result.rowcount != 1:
            raise LeaseLostError(f"another worker took over what stage run {unit.stage_run_id} had in work")

    return check


_OWNED = claim.c.owner != ""
_ORDERS = (
    sa.select(run.c.asked, stage_run.c.state, stage_run.c.reason)
    .join(run, run.c.id == stage_run.c.run_id)
    .where(stage_run.c.id == bindparam("of_stage"))
)
# A part of its own, so that PostgreSQL looks once: looked up again, it would pass over its own locks and take more.
_FREE = (
    sa.select(claim.c.unit)
    .where(claim.c.stage_run_id == bindparam("of_stage"), claim.c.owner == "")
    .order_by(claim.c.unit)
    .limit(bindparam("how_many"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_TAKE = (
    claim.update()
    .where(claim.c.stage_run_id == bindparam("of_stage"), claim.c.unit.in_(sa.select(_FREE.c.unit)))
    .values(owner=bindparam("new_owner"), lease_until=bindparam("until", type_=Instant), fence=claim.c.fence + 1)
    .returning(claim.c.unit, claim.c.item_ids, claim.c.fence)
)
_THIS = (
    claim.c.stage_run_id == bindparam("of_stage"),
    claim.c.unit == bindparam("of_unit"),
    claim.c.fence == bindparam("of_fence"),
)
_KEEP = (
    claim.update()
    .where(*_THIS, _OWNED)
    .values(lease_until=bindparam("until", type_=Instant), attempt_id=bindparam("attempt"))
)
# A worker that was given up for dead may still settle, as long as nobody has begun anew.
_END = claim.delete().where(*_THIS)
_GIVE_BACK = claim.update().where(*_THIS, _OWNED).values(owner="", lease_until=None, attempt_id=None)
