"""Saved plans: a file that says which plan was reviewed, for whom it may be applied, and until when. Used once.

The file does not carry the config: `apply FILE` compiles the root anew, and refuses when that leads to another plan.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation
from reconciler.errors import ConflictError, UsageError
from reconciler.ids import canonical_bytes, random_id
from reconciler.operations.plan import Planned
from reconciler.plan.observed import PlanOptions
from reconciler.plan.plan import Plan
from reconciler.plan.snapshot import Snapshot
from reconciler.store.engine import Connection, Database
from reconciler.store.history import current_generation
from reconciler.store.saved_plans import Identity, identity_of, used_at

LIFETIME = timedelta(hours=24)
_FORMAT = "igny8-plan/1"
_BYTES_MAX = 64 * 1024 * 1024
_OPTIONS = TypeAdapter(PlanOptions)


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan file that was read. `id` is that of the file, `plan` that of what it does.

    One that was made against a snapshot is not `signed`: who made it has no key.
    """

    id: str
    plan: str
    base_generation: int
    config_digest: str
    environment: str
    expires_at: datetime
    options: PlanOptions
    signed: bool = True


def save_plan(path: Path, database: Database, planned: Planned, options: PlanOptions, *, clock: Clock,
              lifetime: timedelta = LIFETIME) -> datetime:  # fmt: skip
    """Write a plan to a file, whole or not at all; return when it expires. UsageError when it cannot be written."""
    with database.read() as connection:
        identity = identity_of(connection)
    return _save(
        path, identity.id, planned, options, clock, lifetime, lambda content: {"signature": _sign(identity, content)}
    )


def save_plan_against(path: Path, snapshot: Snapshot, planned: Planned, options: PlanOptions, *, clock: Clock,
                      lifetime: timedelta = LIFETIME) -> datetime:  # fmt: skip
    """Write a plan that was made from a snapshot to a file. It is not signed, so that its apply is confirmed."""
    made_at = snapshot.made_at.isoformat()
    return _save(path, snapshot.installation, planned, options, clock, lifetime, lambda content: {"against": made_at})


def _save(
    path: Path, installation: str, planned: Planned, options: PlanOptions, clock: Clock, lifetime: timedelta,
    seal: Callable[[dict[str, Any]], dict[str, str]],
) -> datetime:  # fmt: skip
    expires_at = clock.now() + lifetime
    content = {
        "format": _FORMAT,
        "id": random_id(),
        "installation": installation,
        "plan": planned.plan.id,
        "base_generation": planned.plan.base_generation,
        "config_digest": planned.plan.config_digest,
        "environment": planned.plan.environment,
        "made_at": clock.now().isoformat(),
        "expires_at": expires_at.isoformat(),
        "options": _OPTIONS.dump_python(options, mode="json"),
        "review": planned.to_json(),
    }
    signed = content | seal(content)
    try:
        _write(path, json.dumps(signed, indent=1, ensure_ascii=False, default=str) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write the plan to {path}: {error.strerror}") from error
    return expires_at


def read_plan(path: Path, database: Database, *, clock: Clock) -> SavedPlan:
    """Return the plan of a file. ConflictError when it must not be applied: tampered, foreign, expired, used, stale."""
    content = _read(path)
    with database.read() as connection:
        identity = identity_of(connection)
        against, signature = content.pop("against", None), content.pop("signature", "")
        # Whose it is comes first: another installation's file is not signed with our key, and that is no tampering.
        if content.get("installation") != identity.id:
            raise ConflictError(
                f"{path} was made from another database", hint="make it again with this one: igny8 plan -o FILE"
            )
        if against is None and not _holds(signature, identity, content):
            raise ConflictError(f"{path} was changed after it was made", hint="make it again: igny8 plan -o FILE")
        saved = replace(_saved(path, content), signed=against is None)
        check_usable(connection, saved, clock.now())
    return saved


def check_same_plan(saved: SavedPlan, plan: Plan) -> None:
    """Raise ConflictError when what an apply would do now is not what was reviewed: drift, or a hold that began or ended."""
    if plan.id != saved.plan:
        raise ConflictError(
            f"this plan is stale: the plan from here is {plan.id}, not {saved.plan}",
            hint="something moved since it was made, or it shows values that its snapshot redacts; "
            "run `igny8 plan -o FILE` again",
        )


def check_usable(connection: Connection, saved: SavedPlan, now: datetime) -> None:
    """Raise ConflictError when a saved plan was used, has expired, or was made from a state that is no more."""
    again = "run `igny8 plan -o FILE` again, and have it reviewed"
    used = used_at(connection, saved.id)
    if used is not None:
        generation, at = used
        raise ConflictError(
            f"this plan was applied already: generation {generation}, {at:%Y-%m-%d %H:%M} UTC", hint=again
        )
    if now >= saved.expires_at:
        raise ConflictError(f"this plan expired at {saved.expires_at:%Y-%m-%d %H:%M} UTC", hint=again)
    current = current_generation(connection)
    if current != saved.base_generation:
        raise ConflictError(
            f"this plan is stale: it was made from generation {saved.base_generation}, now it is {current}", hint=again
        )


def check_same_config(saved: SavedPlan, compilation: Compilation) -> None:
    """Raise ConflictError when the config root is not the one that the plan was made from."""
    if compilation.environment != saved.environment:
        there = f"the environment {saved.environment!r}" if saved.environment else "no environment"
        raise ConflictError(f"this plan was made for {there}", hint="add the same --env as then")
    if compilation.digest != saved.config_digest:
        raise ConflictError(
            "the config root is not what this plan was made from "
            f"(digest {saved.config_digest[:12]}, now {compilation.digest[:12]})",
            hint="check out the reviewed commit, or run `igny8 plan -o FILE` again",
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise UsageError(f"{path} is too large for a plan")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="make it with `igny8 plan -o FILE`") from error
    except (ValueError, RecursionError) as error:
        raise ConflictError(f"{path} is no saved plan", hint="make it with `igny8 plan -o FILE`") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ConflictError(f"{path} is no saved plan of this igny8", hint="make it with `igny8 plan -o FILE`")
    return content


def _saved(path: Path, content: dict[str, Any]) -> SavedPlan:
    try:
        return SavedPlan(
            content["id"], content["plan"], content["base_generation"], content["config_digest"],
            content["environment"], datetime.fromisoformat(content["expires_at"]).astimezone(UTC),
            _OPTIONS.validate_json(canonical_bytes(content["options"])),
        )  # fmt: skip
    except (KeyError, ValueError, ValidationError) as error:  # it was signed by another version of this program
        raise ConflictError(f"{path} was made by another version of igny8", hint="make it again") from error


def _holds(signature: Any, identity: Identity, content: dict[str, Any]) -> bool:
    return isinstance(signature, str) and hmac.compare_digest(signature, _sign(identity, content))


def _sign(identity: Identity, content: dict[str, Any]) -> str:
    return hmac.new(
        identity.key, canonical_bytes(json.loads(json.dumps(content, default=str))), hashlib.sha256
    ).hexdigest()


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".igny8-plan-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
