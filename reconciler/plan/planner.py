"""The planner: a compilation and the actual state in, a plan out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.policies.evaluate import shared_values
from reconciler.kinds.platform import Platform
from reconciler.plan.affected import find_in_flight, in_flight_blocks
from reconciler.plan.change import Actual, Change
from reconciler.plan.departures import find_departures
from reconciler.plan.forecast import Forecast
from reconciler.plan.guards import GuardContext, find_blocks
from reconciler.plan.holds import ResourceHold
from reconciler.plan.keywords import keyword_changes
from reconciler.plan.moves import find_rename_blocks, find_renames, suggest_moves
from reconciler.plan.observed import DEFAULT_OPTIONS, Observed, PlanOptions
from reconciler.plan.outlook import find_outlook
from reconciler.plan.plan import Plan
from reconciler.plan.policies import Verdict, judge_plan
from reconciler.plan.resource_changes import find_change
from reconciler.plan.selection import Ref, select
from reconciler.schedule.windows import ALWAYS_OPEN, window_state

__all__ = ["Plan", "make_plan"]


def make_plan(compilation: Compilation, observed: Observed, options: PlanOptions = DEFAULT_OPTIONS) -> Plan:
    """Return the plan that leads from the actual state to the compilation. The compilation must be valid."""
    if not compilation.is_valid:
        raise ValueError("a compilation with errors cannot be planned from")
    actual = observed.resources
    desired = {item.key: item for item in compilation.resources}
    renames = find_renames(compilation.moves, actual, desired)
    before = {ref: (ref[0], renames[ref]) if ref in renames else ref for ref in desired}
    holds = _holds_in_force(observed)
    outcomes = [find_change(item, actual.get(before[ref]), holds.get(before[ref], ())) for ref, item in desired.items()]
    changes = [change for change, _ in outcomes if change is not None and (options.heal or not change.is_drift)]
    departures = find_departures(actual, {*desired, *before.values()}, holds, observed.busy_sites)
    changes += departures.deletes
    changes.sort(key=lambda change: change.sort_key)
    chosen = select(changes, desired, actual, options.selection)
    changes = list(chosen.changes)
    held = tuple(item for _, some in outcomes for item in some) + departures.held_back
    platform = _platform(actual, compilation.resources)
    forecasts = find_outlook(observed, compilation, changes, held, departures, chosen.left_out, renames)
    in_flight = find_in_flight(observed, changes, options.in_flight)
    context = GuardContext(
        changes, actual, desired.keys(), platform.safety, forecasts, compilation.tree.missing_kinds,
        {(item.hold.kind, item.hold.name) for item in held}, options, observed.now, observed.quarantined,
    )  # fmt: skip
    verdict = _judge(compilation, changes, forecasts) if changes else Verdict()
    kept_back = {item.hold.ref for item in held if item.action == "update"} - {change.ref for change in changes}
    untouched = len(kept_back) + len(chosen.left_out & desired.keys())
    windows = () if context.is_first else platform.reconcile.sync_windows
    return Plan(
        observed.generation,
        compilation.revision,
        compilation.digest,
        tuple(changes),
        (
            *find_rename_blocks(changes, compilation.moves, actual, desired, observed.busy_sites, observed.remains),
            *chosen.blocks,
            *find_blocks(context),
            *in_flight_blocks(in_flight, observed),
            *verdict.blocks,
        ),
        forecasts,
        len(desired) - sum(change.action != "delete" for change in changes) - untouched,
        compilation.environment,
        verdict.warnings,
        held,
        tuple(item for item in departures.lingering if (item.kind, item.name) not in chosen.left_out),
        departures.unmanaged,
        window_state(windows, observed.now) if windows and observed.now is not None else ALWAYS_OPEN,
        options.selection,
        chosen.along,
        chosen.left_out,
        in_flight,
        tuple(keyword_changes(changes)),
        tuple(suggest_moves(changes, {ref: item.file for ref, item in desired.items()})),
    )


def _holds_in_force(observed: Observed) -> dict[Ref, list[ResourceHold]]:
    found: dict[Ref, list[ResourceHold]] = {}
    for hold in observed.holds:
        if observed.now is not None and hold.is_in_force(observed.now):
            found.setdefault((hold.kind, hold.name), []).append(hold)
    return found


def _judge(
    compilation: Compilation, changes: Sequence[Change], forecasts: Callable[[], tuple[Forecast, Forecast]]
) -> Verdict:
    policies = compilation.policies
    if policies is None:
        return Verdict()
    return judge_plan(policies, changes, forecasts(), shared_values(compilation.resources, policies.today))


def _platform(actual: Mapping[Ref, Actual], resources: Iterable[Resource]) -> Platform:
    """Return the platform in force: the one applied last, so that a change cannot raise its own limits or open its own
    window; at first the declared one."""
    applied = actual.get(("platform", "platform"))
    if applied is not None:
        return Platform.model_validate(applied.applied_spec, strict=False)
    specs = (item.spec for item in resources if item.kind == "platform")
    return next((spec for spec in specs if isinstance(spec, Platform)), Platform())
