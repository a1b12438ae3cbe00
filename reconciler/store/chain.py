"""The chain of applies: each has the digest of all it holds and of the apply before it, so that a later change shows.

It proves that nobody touched a part. Who can write the whole database can make the whole chain anew: keep the digest of
the head elsewhere, and compare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ids import canonical_bytes, digest, text_digest
from reconciler.store.tables import history, history_change, resource, resource_version

_ENTRY = (
    "generation", "actor", "revision", "config_digest", "reason", "plan", "options", "changes_digest", "previous_digest",
)  # fmt: skip
_CHANGE = ("generation", "position", "kind", "name", "action", "version", "fields", "causes")
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the history does not say what it said when it was written."""

    generation: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found. `unchained` applies are of older schemas; `head` is the digest of the last apply."""

    applies: int
    changes: int
    unchained: int
    head_generation: int
    head: str
    broken: Break | None

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        broken = {"generation": self.broken.generation, "what": self.broken.what} if self.broken else None
        return {
            "version": 1,
            "summary": {
                "whole": self.broken is None,
                "applies": self.applies,
                "changes": self.changes,
                "unchained": self.unchained,
            },
            "head": {"generation": self.head_generation, "digest": self.head},
            "broken": broken,
        }


def entry_digest(values: Mapping[str, Any]) -> str:
    """Return the digest of an apply's record, that of its changes and of the apply before it among it."""
    return digest(
        [1, values["at"].astimezone(UTC).isoformat(timespec="microseconds"), *(values[name] for name in _ENTRY)]
    )


def changes_digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the digest of the rows of an apply's changes, in their order."""
    found = hashlib.sha256()
    for row in rows:
        found.update(canonical_bytes([row[name] for name in _CHANGE]) + b"\n")
    return found.hexdigest()


def verify_chain(connection: Connection, *, expected_head: str = "") -> Verified:
    """Recompute every digest and return what was found; `expected_head` must be the digest of one of the applies."""
    entries = [dict(row) for row in connection.execute(sa.select(history).order_by(history.c.generation)).mappings()]
    changed, number = _changes(connection)
    broken = [*_breaks(entries, changed), *_lost_versions(connection), *_lost_tail(connection, entries)]
    if expected_head and expected_head not in {entry["digest"] for entry in entries}:
        last = entries[-1]["generation"] if entries else 0
        broken.append(Break(last, f"no apply has the digest {expected_head}: the history was cut, or written anew"))
    head: dict[str, Any] = entries[-1] if entries else {"generation": 0, "digest": ""}
    return Verified(
        len(entries), number, sum(not entry["digest"] for entry in entries), head["generation"], head["digest"],
        min(broken, key=lambda item: item.generation, default=None),
    )  # fmt: skip


def _changes(connection: Connection) -> tuple[dict[int, str], int]:
    """Return the digest of every generation's change rows, and the number of all rows."""
    columns = [history_change.c[name] for name in _CHANGE]
    found = sa.select(*columns).order_by(history_change.c.generation, history_change.c.position)
    number, digests = 0, {}

    def counted(rows: Iterator[Any]) -> Iterator[Any]:
        nonlocal number
        for row in rows:
            number += 1
            yield row

    rows = connection.execute(found.execution_options(yield_per=_ROWS_AT_ONCE)).mappings()
    for generation, some in groupby(rows, key=lambda row: int(row["generation"])):
        digests[generation] = changes_digest(counted(some))
    return digests, number


def _breaks(entries: list[dict[str, Any]], changed: Mapping[int, str]) -> Iterator[Break]:
    nothing = changes_digest(())
    before: dict[str, Any] | None = None
    for entry in entries:
        generation, expected = entry["generation"], 1 if before is None else before["generation"] + 1
        last = before["digest"] if before else ""
        if generation != expected:
            yield Break(expected, f"generation {expected} is missing")
        elif entry["previous_digest"] != last:
            yield Break(generation, f"it does not follow on generation {generation - 1}: that one is not what it was")
        elif entry["digest"] or last:
            if entry["changes_digest"] != changed.get(generation, nothing):
                yield Break(generation, "its changes differ from those that were written")
            if entry["digest"] != entry_digest(entry):
                yield Break(generation, "its record differs: who, when, commit, reason, options, forecast or digests")
        before = entry
    known = {entry["generation"] for entry in entries}
    yield from (
        Break(item, f"generation {item} is missing, its changes are there") for item in changed if item not in known
    )


def _lost_versions(connection: Connection) -> Iterator[Break]:
    """Yield the first use of specs that are gone, or are not what their digest says."""
    versions = connection.execute(sa.select(resource_version).execution_options(yield_per=_ROWS_AT_ONCE))
    wrong = [row.digest for row in versions if text_digest(row.spec) != row.digest]
    columns = history_change.c
    gone = (
        sa.select(columns.generation, columns.kind, columns.name)
        .outerjoin(resource_version, resource_version.c.digest == columns.version)
        .where(columns.version.is_not(None), resource_version.c.digest.is_(None))
    )
    for row in connection.execute(gone):
        yield Break(row.generation, f"the spec that it kept of {row.kind}/{row.name} is gone")
    for item in wrong:
        used = sa.select(columns.generation, columns.kind, columns.name).where(columns.version == item)
        for row in connection.execute(used.order_by(columns.generation).limit(1)):
            yield Break(row.generation, f"the spec that it kept of {row.kind}/{row.name} differs from what was written")


def _lost_tail(connection: Connection, entries: list[dict[str, Any]]) -> Iterator[Break]:
    last = entries[-1]["generation"] if entries else 0
    newest = int(connection.scalar(sa.select(sa.func.max(resource.c.generation))) or 0)
    if newest > last:
        yield Break(last + 1, f"generation {last + 1} is missing, resources are at generation {newest}")
