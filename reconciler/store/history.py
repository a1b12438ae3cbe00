"""The history of applies: who, when, why and what, each change with its fields, and the specs to go back to.

A spec is kept once, by its digest, however often it is applied; an apply adds its own changes only. What was declared
at a generation is each resource's last version at or before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.diagnostics import FieldPath, format_path
from reconciler.errors import ConflictError
from reconciler.ids import canonical_json, text_digest
from reconciler.plan.change import Action, Change
from reconciler.plan.forecast import Forecast
from reconciler.plan.planner import Plan
from reconciler.store.chain import changes_digest, entry_digest
from reconciler.store.statements import run
from reconciler.store.tables import history, history_change, resource, resource_version

_NAMES_A_QUERY = 400
_GENERATION = sa.select(sa.func.max(history.c.generation))


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who applies, when, why, and with which options."""

    generation: int
    at: datetime
    actor: str
    reason: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """One apply of the history. `digest` is that of all it holds, `previous_digest` that of the apply before it."""

    generation: int
    at: datetime
    actor: str
    revision: str
    config_digest: str
    reason: str
    plan: dict[str, Any]
    options: dict[str, Any]
    previous_digest: str
    digest: str

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "generation": self.generation,
            "at": self.at.isoformat(),
            "actor": self.actor,
            "revision": self.revision,
            "config_digest": self.config_digest,
            "reason": self.reason,
            "options": self.options,
            "plan": self.plan,
            "previous_digest": self.previous_digest,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class RecordedField:
    """A field that an apply changed, with its value before and after."""

    path: FieldPath
    before: Any
    after: Any
    state: str

    @property
    def field(self) -> str:
        """Return the path as people write it."""
        return format_path(self.path)


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """What an apply did to one resource. `version` is the digest of the spec that it wrote, or took away."""

    generation: int
    action: Action
    kind: str
    name: str
    version: str | None
    fields: tuple[RecordedField, ...]
    causes: tuple[str, ...]

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"

    @property
    def renamed_from(self) -> str:
        """Return the name before an update that gave another one; "" otherwise."""
        names = (str(item.before) for item in self.fields if item.path == ("name",))
        return next(names, "") if self.action == "update" else ""

    @property
    def former_ref(self) -> str:
        """Return `kind/name` as the resource was called before."""
        return f"{self.kind}/{self.renamed_from}" if self.renamed_from else self.ref

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "causes": list(self.causes),
            "fields": [
                {"field": item.field, "before": item.before, "after": item.after, "state": item.state}
                for item in self.fields
            ],
        }


def current_generation(connection: Connection) -> int:
    """Return the generation of the last apply, 0 before the first."""
    return int(run(connection, _GENERATION, {}).scalar() or 0)


def applied_environment(connection: Connection) -> str | None:
    """Return the environment of the last apply, "" when it was made without one, None before the first."""
    # The database reads the one field: every command asks.
    is_sqlite = connection.dialect.name == "sqlite"
    plan = sa.type_coerce(history.c.plan, sa.JSON) if is_sqlite else sa.cast(history.c.plan, sa.JSON)
    found = sa.select(plan["environment"].as_string()).order_by(history.c.generation.desc()).limit(1)
    row = connection.execute(found).first()
    return None if row is None else str(row[0] or "")


def save_history(connection: Connection, plan: Plan, occasion: Occasion) -> None:
    """Write an apply into the history, once its changes are saved as resources."""
    rows = _save_changes(connection, plan.changes, occasion.generation)
    last = connection.scalar(sa.select(history.c.digest).order_by(history.c.generation.desc()).limit(1))
    values = {
        "generation": occasion.generation,
        "at": occasion.at,
        "actor": occasion.actor,
        "revision": plan.revision,
        "config_digest": plan.config_digest,
        "reason": occasion.reason,
        "plan": canonical_json(_plan_json(plan)),
        "options": canonical_json(dict(occasion.options)),
        "changes_digest": changes_digest(rows),
        "previous_digest": last or "",
    }
    connection.execute(history.insert().values(**values, digest=entry_digest(values)))


def _save_changes(connection: Connection, changes: Iterable[Change], generation: int) -> list[dict[str, Any]]:
    """Write the rows of the changes and the specs that are new, and return the rows."""
    written = {
        (row.kind, row.name): row.applied_digest
        for row in connection.execute(
            sa.select(resource.c.kind, resource.c.name, resource.c.applied_digest).where(
                resource.c.generation == generation
            )
        )
    }
    rows: list[dict[str, Any]] = []
    removed: dict[str, str] = {}
    for change in changes:
        version = written.get((change.kind, change.name))
        if change.renamed_from and change.before is not None:
            text = canonical_json(change.before)
            removed[text_digest(text)] = text
            moved = {"path": ["name"], "before": change.renamed_from, "after": change.name, "state": "pending"}
            rows.append({
                "generation": generation, "position": len(rows), "kind": change.kind, "name": change.renamed_from,
                "action": "delete", "version": text_digest(text),
                "fields": canonical_json([moved]), "causes": canonical_json(list(change.causes)),
            })  # fmt: skip
        if change.action == "delete" and change.before_text is not None:
            text = change.before_text if isinstance(change.before_text, str) else change.before_text.decode()
            version = text_digest(text)
            removed[version] = text
        fields = [
            {"path": list(item.path), "before": item.before, "after": item.after, "state": item.state}
            for item in change.fields
        ]
        rows.append({
            "generation": generation, "position": len(rows), "kind": change.kind, "name": change.name,
            "action": change.action, "version": version,
            "fields": canonical_json(fields) if fields else "[]", "causes": canonical_json(list(change.causes)),
        })  # fmt: skip
    _keep_versions(connection, generation, removed)
    if rows:
        connection.execute(history_change.insert(), rows)
    return rows


def _keep_versions(connection: Connection, generation: int, removed: Mapping[str, str]) -> None:
    """Keep the specs that a generation wrote or took away, each once; the database copies what it has already."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    new = sa.select(resource.c.applied_digest, resource.c.applied_spec).where(resource.c.generation == generation)
    connection.execute(insert(resource_version).from_select(["digest", "spec"], new).on_conflict_do_nothing())
    if removed:
        rows = [{"digest": digest, "spec": text} for digest, text in sorted(removed.items())]
        connection.execute(insert(resource_version).on_conflict_do_nothing(), rows)


def _plan_json(plan: Plan) -> dict[str, Any]:
    """Return what is kept of a plan beside its changes; of its forecast the sums, not each site."""
    return {
        "id": plan.id,
        "base_generation": plan.base_generation,
        "environment": plan.environment,
        "partial": plan.is_partial,
        "selection": plan.selection_json(),
        "summary": {
            "create": plan.count("create"),
            "update": plan.count("update"),
            "delete": plan.count("delete"),
            "unchanged": plan.unchanged,
            "blocked": len(plan.blocks),
            "left_out": len(plan.left_out),
        },
        "blocks": [block.to_json() for block in plan.blocks],
        "warnings": list(plan.warnings),
        "forecast": {"before": _forecast_json(plan.forecast_before), "after": _forecast_json(plan.forecast_after)},
    }


def _forecast_json(forecast: Forecast) -> dict[str, Any]:
    return {
        "articles": forecast.articles,
        "credits": forecast.credits,
        "cost_nano_usd": forecast.cost_nano,
        "revenue_nano_usd": forecast.credits * forecast.credit_value_nano,
        "credits_by_account": dict(forecast.credits_by_account),
    }


def load_history(
    connection: Connection, *, limit: int, actor: str = "", ref: tuple[str, str] | None = None
) -> tuple[Applied, ...]:
    """Return the last applies, newest first: all, those of an actor, or those that changed a resource."""
    found = sa.select(history).order_by(history.c.generation.desc()).limit(limit)
    if actor:
        found = found.where(history.c.actor == actor)
    if ref is not None:
        changed = sa.select(history_change.c.generation).where(
            history_change.c.kind == ref[0], history_change.c.name == ref[1]
        )
        found = found.where(history.c.generation.in_(changed))
    return tuple(_applied(row) for row in connection.execute(found))


def load_applied(connection: Connection, generations: Iterable[int]) -> dict[int, Applied]:
    """Return applies by generation; one that is not there is left out."""
    wanted = sorted(set(generations))
    found: dict[int, Applied] = {}
    for start in range(0, len(wanted), _NAMES_A_QUERY):
        some = wanted[start : start + _NAMES_A_QUERY]
        rows = connection.execute(sa.select(history).where(history.c.generation.in_(some)))
        found.update((row.generation, _applied(row)) for row in rows)
    return found


def _applied(row: sa.Row[Any]) -> Applied:
    return Applied(
        row.generation, row.at, row.actor, row.revision, row.config_digest, row.reason, orjson.loads(row.plan),
        orjson.loads(row.options), row.previous_digest, row.digest,
    )  # fmt: skip


def load_changes(connection: Connection, generation: int, *, limit: int | None = None) -> tuple[RecordedChange, ...]:
    """Return the changes of an apply in the order of the plan, or the first of them."""
    found = sa.select(history_change).where(history_change.c.generation == generation)
    rows = connection.execute(found.order_by(history_change.c.position).limit(limit))
    return tuple(_change(row) for row in rows)


def changes_of(connection: Connection, kind: str, name: str) -> tuple[RecordedChange, ...]:
    """Return all that applies did to a resource, newest first."""
    found = sa.select(history_change).where(history_change.c.kind == kind, history_change.c.name == name)
    rows = connection.execute(found.order_by(history_change.c.generation.desc()))
    return tuple(_change(row) for row in rows)


def _change(row: sa.Row[Any]) -> RecordedChange:
    fields = tuple(
        RecordedField(tuple(item["path"]), item["before"], item["after"], item["state"])
        for item in orjson.loads(row.fields)
    )
    return RecordedChange(
        row.generation, row.action, row.kind, row.name, row.version, fields, tuple(orjson.loads(row.causes))
    )


def known_refs(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Return kind and name of every resource that an apply ever changed."""
    rows = connection.execute(sa.select(history_change.c.kind, history_change.c.name).distinct())
    return tuple((row.kind, row.name) for row in rows)


def load_version(connection: Connection, digest: str) -> dict[str, Any] | None:
    """Return a spec by its digest."""
    text = connection.scalar(sa.select(resource_version.c.spec).where(resource_version.c.digest == digest))
    return None if text is None else orjson.loads(text)


def load_snapshot(connection: Connection, generation: int) -> dict[tuple[str, str], str]:
    """Return what was declared at a generation: every resource's spec as canonical JSON.

    Raises ConflictError when a spec was not kept: by an apply of an older schema.
    """
    columns = history_change.c
    newest = sa.func.row_number().over(
        partition_by=(columns.kind, columns.name), order_by=(columns.generation.desc(), columns.position.desc())
    )
    ranked = (
        sa.select(columns.kind, columns.name, columns.action, columns.version, columns.generation, newest.label("rank"))
        .where(columns.generation <= generation)
        .subquery()
    )
    found = (
        sa.select(ranked.c.kind, ranked.c.name, ranked.c.generation, resource_version.c.spec)
        .outerjoin(resource_version, resource_version.c.digest == ranked.c.version)
        .where(ranked.c.rank == 1, ranked.c.action != "delete")
    )
    specs: dict[tuple[str, str], str] = {}
    for row in connection.execute(found):
        if row.spec is None:
            raise ConflictError(
                f"generation {generation} cannot be restored: what generation {row.generation} wrote of "
                f"{row.kind}/{row.name} was not kept",
                hint="applies keep their specs since schema 0004",
            )
        specs[row.kind, row.name] = row.spec
    return specs
