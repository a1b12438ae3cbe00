"""A snapshot: the actual state as a value that a plan can be made from elsewhere, and its JSON form.

What it holds is what a plan asks the database for. The texts of resources are those of the database, redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from reconciler.config.compilation import Compilation
from reconciler.config.secrets import redact
from reconciler.plan.change import Actual
from reconciler.plan.departures import Finalizer
from reconciler.plan.forecast import Expected, Remembered
from reconciler.plan.holds import ResourceHold
from reconciler.plan.in_flight import Counts, Redoable
from reconciler.plan.moves import find_renames
from reconciler.plan.observed import Observed
from reconciler.plan.redaction import Redactor

Ref = tuple[str, str]
# Of a site whose clustering says nothing else.
KEYWORDS_A_CALL = 50


class ScheduledArticle(NamedTuple):
    """An article that waits for its slot."""

    content_id: int
    title: str
    slot_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """The actual state at one moment. `environment` is that of the last apply, None before the first.

    `quarantined` are reasons by the digest of a config, `redoable` counts by stage and site, `remains` what resources that
    are gone left behind, `grants` the keys of all that were posted, `public` and `copies` how many articles are out.
    """

    installation: str
    environment: str | None
    made_at: datetime
    expires_at: datetime
    generation: int
    resources: Mapping[Ref, Actual]
    busy_sites: Mapping[str, tuple[Finalizer, ...]] = field(default_factory=dict)
    forecasts: Mapping[str, Remembered] = field(default_factory=dict)
    quarantined: Mapping[str, str] = field(default_factory=dict)
    holds: tuple[ResourceHold, ...] = ()
    in_flight: Mapping[str, Counts] = field(default_factory=dict)
    redoable: Mapping[str, Mapping[str, Redoable]] = field(default_factory=dict)
    draining: Collection[str] = ()
    remains: Mapping[Ref, str] = field(default_factory=dict)
    available: Mapping[str, int] = field(default_factory=dict)
    grants: frozenset[str] = frozenset()
    calendar: Mapping[str, tuple[ScheduledArticle, ...]] = field(default_factory=dict)
    slots: Mapping[str, Collection[datetime]] = field(default_factory=dict)
    public: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def observe(self, compilation: Compilation, now: datetime) -> Observed:
        """Return the actual state, as far as a plan to the compilation depends on it."""

        def count_redone(site: str, stage: str) -> Counts:
            found = self.redoable.get(stage, {}).get(site, Redoable())
            return found.calls(stage, keywords_a_call(self.resources, site))

        renames = find_renames(compilation.moves, self.resources, {item.key for item in compilation.resources})
        return Observed(
            self.generation,
            self.resources,
            self.busy_sites,
            self.forecasts,
            quarantined=self.quarantined.get(compilation.digest, ""),
            holds=self.holds,
            now=now,
            count_in_flight=lambda sites: {site: self.in_flight[site] for site in sites if site in self.in_flight},
            count_redone=count_redone,
            draining=self.draining,
            remains={ref: self.remains[ref] for ref in renames if ref in self.remains},
        )

    def posted(self, keys: Collection[str]) -> Collection[str]:
        """Return those of the keys that grants were posted with."""
        return self.grants & set(keys)

    def scheduled(self, site: str) -> tuple[ScheduledArticle, ...]:
        """Return the articles of a site that wait, in the order of their slots."""
        return self.calendar.get(site, ())

    def slots_held(self, site: str) -> Collection[datetime]:
        """Return the slots of a site that any article has."""
        return self.slots.get(site, ())

    def public_articles(self, site: str) -> int:
        """Return how many articles of a site are public there."""
        return self.public.get(site, 0)

    def public_copies(self, site: str) -> Mapping[str, int]:
        """Return how many copies of a site's articles are public, by the name of the place."""
        return self.copies.get(site, {})


def keywords_a_call(actual: Mapping[Ref, Actual], site: str) -> int:
    """Return how many keywords a site clusters in one call."""
    item = actual.get(("site", site))
    stage = (item.spec.get("stages") or {}).get("clusters") if item is not None else None
    return (stage or {}).get("batch_size") or KEYWORDS_A_CALL


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return the JSON form, without what looks like a secret."""
    return {
        "installation": snapshot.installation,
        "environment": snapshot.environment,
        "made_at": snapshot.made_at.isoformat(),
        "expires_at": snapshot.expires_at.isoformat(),
        "generation": snapshot.generation,
        "resources": [_resource_json(item) for item in snapshot.resources.values()],
        "busy_sites": {
            site: [[item.name, redact(item.text)] for item in items] for site, items in snapshot.busy_sites.items()
        },
        "forecasts": {
            site: [item.digest, item.account, item.strategy, item.basis, *astuple(item.expected)]
            for site, item in snapshot.forecasts.items()
        },
        "quarantined": {digest: redact(reason) for digest, reason in snapshot.quarantined.items()},
        "holds": [item.to_json() | {"reason": redact(item.reason)} for item in snapshot.holds],
        "in_flight": {site: dict(counts) for site, counts in snapshot.in_flight.items()},
        "redoable": {
            stage: {site: list(astuple(item)) for site, item in sites.items()}
            for stage, sites in snapshot.redoable.items()
        },
        "draining": sorted(snapshot.draining),
        "remains": [[*ref, left] for ref, left in sorted(snapshot.remains.items())],
        "available": dict(snapshot.available),
        "grants": sorted(snapshot.grants),
        "calendar": {
            site: [[item.content_id, redact(item.title), item.slot_at.isoformat()] for item in items]
            for site, items in snapshot.calendar.items()
        },
        "slots": {site: sorted(slot.isoformat() for slot in slots) for site, slots in snapshot.slots.items()},
        "public": dict(snapshot.public),
        "copies": {site: dict(places) for site, places in snapshot.copies.items()},
    }


def _resource_json(item: Actual) -> list[Any]:
    redactor = Redactor()
    applied = redactor.redacted(_text(item.applied))
    live = None if item.live is None else redactor.redacted(_text(item.live))
    notes = [item.protected, item.uid, item.managed, item.deleting_since]
    return [item.kind, item.name, item.generation, item.applied_digest, applied, live, *notes]


def _text(read: Callable[[], str | bytes]) -> str:
    text = read()
    return text if isinstance(text, str) else text.decode()


def from_json(value: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot of a JSON form; KeyError, TypeError or ValueError when it is none."""
    return Snapshot(
        value["installation"],
        value["environment"],
        _instant(value["made_at"]),
        _instant(value["expires_at"]),
        value["generation"],
        {(row[0], row[1]): _actual(*row) for row in value["resources"]},
        {site: tuple(Finalizer(*item) for item in items) for site, items in value["busy_sites"].items()},
        {site: _remembered(*row) for site, row in value["forecasts"].items()},
        value["quarantined"],
        tuple(_hold(item) for item in value["holds"]),
        value["in_flight"],
        {stage: {site: Redoable(*row) for site, row in sites.items()} for stage, sites in value["redoable"].items()},
        value["draining"],
        {(kind, name): left for kind, name, left in value["remains"]},
        value["available"],
        frozenset(value["grants"]),
        {
            site: tuple(ScheduledArticle(number, title, _instant(at)) for number, title, at in rows)
            for site, rows in value["calendar"].items()
        },
        {site: frozenset(map(_instant, slots)) for site, slots in value["slots"].items()},
        value.get("public", {}),
        value.get("copies", {}),
    )


def _actual(
    kind: str, name: str, generation: int, digest: str, applied: str, live: str | None, protected: bool, uid: str,
    managed: bool, deleting_since: int | None,
) -> Actual:  # fmt: skip
    return Actual(
        kind, name, generation, digest, lambda: applied, None if live is None else (lambda: live),
        protected, uid, managed, deleting_since,
    )  # fmt: skip


def _remembered(digest: str, account: str, strategy: str, basis: str, *expected: int) -> Remembered:
    return Remembered(digest, account, strategy, basis, Expected(*expected))


def _hold(item: Mapping[str, Any]) -> ResourceHold:
    released = item["released_at"]
    return ResourceHold(
        item["kind"], item["name"], item["field"], _instant(item["until"]), item["by"], item["reason"],
        _instant(item["since"]), None if released is None else _instant(released), item["released_by"],
    )  # fmt: skip


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
