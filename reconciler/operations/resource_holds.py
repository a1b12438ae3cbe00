"""Time-boxed holds on resources and fields: plans leave alone what a person holds, until a time that was given."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from reconciler.clock import Clock, parse_instant
from reconciler.config.field_paths import is_field
from reconciler.config.json_schema import schema_of
from reconciler.config.suggest import did_you_mean
from reconciler.errors import UsageError
from reconciler.kinds import RESOURCE_KINDS, Kind, find_kind
from reconciler.operations.app import EXTENSIONS
from reconciler.plan.holds import ResourceHold, field_names, find_field
from reconciler.store.engine import Connection, Database, advisory_lock
from reconciler.store.resource_holds import add_hold, load_holds, release_hold
from reconciler.store.resources import live_spec

# A hold is to bridge something that ends. What should stay belongs into the config.
DAYS_MAX = 30


def hold(
    database: Database, clock: Clock, ref: str, field: str, *, until: str, reason: str, actor: str
) -> ResourceHold:  # fmt: skip
    """Hold a resource, or one of its fields, at its live value until a time; a hold on the same is replaced."""
    if not reason.strip():
        raise UsageError("a hold needs a reason", hint="say why with --reason; whoever plans next will read it")
    now = clock.now()
    end = _end(until, now)
    kind, name = _resource(ref)
    with database.write() as connection:
        advisory_lock(connection, "igny8-resource-hold")
        _check_there(connection, kind, name, field)
        found = ResourceHold(kind.slug, name, field, end, actor, reason, now)
        add_hold(connection, found)
    return found


def release(database: Database, clock: Clock, ref: str, field: str, *, actor: str) -> None:
    """End a hold before its time; UsageError when there is none."""
    kind, name = _resource(ref)
    now = clock.now()
    with database.write() as connection:
        advisory_lock(connection, "igny8-resource-hold")
        if release_hold(connection, kind.slug, name, field, by=actor, at=now):
            return
        others = [item for item in load_holds(connection, now) if (item.kind, item.name) == (kind.slug, name)]
    held = ", ".join(f"--field {item.field}" if item.field else "all of it" for item in others)
    what = f"{field} of {ref}" if field else ref
    raise UsageError(f"nobody holds {what}", hint=f"held of {ref}: {held}" if held else "see `igny8 holds`")


def list_holds(database: Database, clock: Clock, *, every: bool = False) -> tuple[ResourceHold, ...]:
    """Return the holds in force, or with `every` also those that ended."""
    with database.read() as connection:
        return load_holds(connection, None if every else clock.now())


def _end(text: str, now: datetime) -> datetime:
    try:
        end = parse_instant(f"+{text}" if re.fullmatch(r"\d+[smhdw]", text) else text, now)
    except (ValueError, OverflowError) as error:
        hint = "write 2026-11-25T18:00, 2026-11-25T18:00+01:00, or how long from now: 12h, 3d, 2w"
        raise UsageError(f"{text!r} is no time", hint=hint) from error
    if end <= now:
        raise UsageError(f"{end:%Y-%m-%d %H:%M} UTC has passed", hint="a hold ends in the future")
    if end > now + timedelta(days=DAYS_MAX):
        raise UsageError(
            f"a hold lasts {DAYS_MAX} days at most",
            hint="hold again before it ends, or write the value into the config",
        )
    return end


def _resource(ref: str) -> tuple[Kind, str]:
    slug, _, name = ref.partition("/")
    kind = find_kind(slug)
    if kind is None or not kind.is_resource:
        known = [item.slug for item in RESOURCE_KINDS]
        hint = did_you_mean(slug, known) or f"kinds: {', '.join(known)}"
        raise UsageError(f"there is no kind {slug!r}", hint=hint)
    if not name and not kind.is_singleton:
        raise UsageError(f"{ref!r} names no {kind.slug}", hint=f"write {kind.slug}/NAME")
    return kind, name or kind.slug


def _check_there(connection: Connection, kind: Kind, name: str, field: str) -> None:
    """Refuse a resource that was never applied, and a field that it cannot have: such a hold would hold nothing."""
    spec = live_spec(connection, kind.slug, name)
    if spec is None:
        raise UsageError(f"no {kind.slug} {name!r} was applied", hint="only what is live can be held")
    if field and find_field(spec, field) is None and not is_field(schema_of(kind, EXTENSIONS), field):
        hint = did_you_mean(field, field_names(spec)) or f"`igny8 explain {kind.slug}` lists its fields"
        raise UsageError(f"{kind.slug}/{name} has no field {field!r} that could be held", hint=hint)
