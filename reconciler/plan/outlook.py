"""The 30 days before and after a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from reconciler.config.compilation import Compilation, Resource
from reconciler.plan.change import Actual, Change
from reconciler.plan.departures import Departures
from reconciler.plan.forecast import Forecast, ForecastMethod, Priced
from reconciler.plan.holds import HeldBack
from reconciler.plan.observed import Observed
from reconciler.plan.selection import Ref


def find_outlook(
    observed: Observed, compilation: Compilation, changes: Sequence[Change], held: Sequence[HeldBack],
    departures: Departures, left_out: frozenset[Ref], renames: Mapping[Ref, str],
) -> Callable[[], tuple[Forecast, Forecast]]:  # fmt: skip
    """Return what tells the 30 days before and after, and works them out when it is first asked.

    After the plan, what is held or left out is as it is live, and what lingers makes nothing new.
    """

    @cache
    def work_out() -> tuple[Forecast, Forecast]:
        actual = observed.resources
        after = {
            item.key: Priced(item.kind, item.name, item.digest, _text(item, actual.get(item.key)))
            for item in compilation.resources
        }
        lingering = {(item.kind, item.name) for item in departures.lingering}
        stays = {(item.kind, item.name) for item in departures.remaining} - lingering
        texts = {(change.kind, change.name): change.after_text for change in changes}
        for ref in left_out - actual.keys():
            after.pop(ref, None)
        # What is not renamed for now goes on under its old name.
        stays |= {(kind, former) for (kind, name), former in renames.items() if (kind, name) in left_out}
        renamed = {(kind, former): (kind, name) for (kind, name), former in renames.items() if (kind, name) in after}
        for ref in {(item.hold.kind, item.hold.name) for item in held} | stays | (left_out & actual.keys()):
            # What is held field by field is renamed all the same; what is held as a whole keeps its old name.
            named = renamed.get(ref, ref)
            text = texts.get(named)
            if isinstance(text, bytes):
                # A mixture of declared and held values is not remembered: it has no digest of its own.
                after[named] = Priced(*named, "", partial(bytes, text))
            else:
                after.pop(named, None)
                after[ref] = _priced(actual[ref])
        method = ForecastMethod(observed.forecasts)
        return (
            method.forecast(_priced(item) for item in actual.values() if item.deleting_since is None),
            method.forecast(after.values()),
        )

    return work_out


def _priced(actual: Actual) -> Priced:
    # What drifted has another digest than it was applied with, and is worked out from its live spec.
    digest = actual.applied_digest if actual.is_as_applied else ""
    return Priced(actual.kind, actual.name, digest, lambda: actual.text)


def _text(resource: Resource, actual: Actual | None) -> Callable[[], str | bytes]:
    """Return what tells a resource's canonical JSON: the database where it stands there, for that is at hand."""
    if actual is not None and actual.applied_digest == resource.digest:
        return actual.applied
    return resource.canonical
