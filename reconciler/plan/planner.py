"""The planner: a compilation and the actual state in, a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.policies.evaluate import shared_values
from reconciler.ids import digest
from reconciler.kinds.platform import Platform, Safety
from reconciler.plan.change import Action, Actual, Change
from reconciler.plan.diff import FieldChange, diff_specs
from reconciler.plan.forecast import Forecast, forecast_month
from reconciler.plan.policies import Verdict, judge_plan
from reconciler.plan.safety import Block, find_blocks


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do, decided to the end. `base_generation` is the state that it was decided from."""

    base_generation: int
    revision: str
    config_digest: str
    changes: tuple[Change, ...]
    blocks: tuple[Block, ...]
    forecast_before: Forecast
    forecast_after: Forecast
    unchanged: int
    environment: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the plan's own digest, short: the same plan has the same id."""
        return digest([self.base_generation, self.config_digest, [change.to_json() for change in self.changes]])[:12]

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not self.changes

    def count(self, action: Action) -> int:
        """Return the number of changes with an action."""
        return sum(change.action == action for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "id": self.id,
            "base_generation": self.base_generation,
            "revision": self.revision,
            "environment": self.environment,
            "config_digest": self.config_digest,
            "summary": {
                "create": self.count("create"),
                "update": self.count("update"),
                "delete": self.count("delete"),
                "unchanged": self.unchanged,
                "blocked": len(self.blocks),
            },
            "blocks": [block.to_json() for block in self.blocks],
            "warnings": list(self.warnings),
            "forecast": {"before": self.forecast_before.to_json(), "after": self.forecast_after.to_json()},
            "changes": [change.to_json() for change in self.changes],
        }


def make_plan(
    compilation: Compilation,
    actual: Mapping[tuple[str, str], Actual],
    base_generation: int,
    busy_sites: Mapping[str, str] | None = None,
    *,
    heal: bool = True,
) -> Plan:
    """Return the plan that leads from the actual state to the compilation. The compilation must be valid.

    `busy_sites` are sites with work in flight, and which; they are not deleted. Without `heal` a resource that only
    drifted is left as it is.
    """
    if not compilation.is_valid:
        raise ValueError("a compilation with errors cannot be planned from")
    desired = {(item.kind, item.name): item for item in compilation.resources}
    changes = [change for ref, item in desired.items() if (change := _change(item, actual.get(ref))) is not None]
    changes = [change for change in changes if heal or not change.is_drift]
    changes += [_deletion(item) for ref, item in actual.items() if ref not in desired]
    changes.sort(key=lambda change: change.sort_key)
    before = {ref: item.spec for ref, item in actual.items()}
    after = {ref: item.data for ref, item in desired.items()}
    forecasts = forecast_month(before), forecast_month(after)
    verdict = _judge(compilation, changes, forecasts)
    return Plan(
        base_generation,
        compilation.revision,
        compilation.digest,
        tuple(changes),
        (
            *find_blocks(changes, actual, desired, _safety(actual, compilation.resources), busy_sites or {}),
            *verdict.blocks,
        ),
        *forecasts,
        len(desired) - sum(change.action != "delete" for change in changes),
        compilation.environment,
        verdict.warnings,
    )


def _judge(compilation: Compilation, changes: Sequence[Change], forecasts: tuple[Forecast, Forecast]) -> Verdict:
    policies = compilation.policies
    if policies is None:
        return Verdict()
    return judge_plan(policies, changes, forecasts, shared_values(compilation.resources, policies.today))


def _safety(actual: Mapping[tuple[str, str], Actual], resources: Iterable[Resource]) -> Safety:
    """Return the limits in force: those applied last, so that a change cannot raise its own; at first the declared."""
    applied = actual.get(("platform", "platform"))
    if applied is not None:
        return Platform.model_validate(applied.applied_spec, strict=False).safety
    specs = (item.spec for item in resources if item.kind == "platform")
    return next((spec.safety for spec in specs if isinstance(spec, Platform)), Safety())


def _change(resource: Resource, actual: Actual | None) -> Change | None:
    if actual is None:
        return Change("create", resource.kind, resource.name, None, resource.data, (), (resource.file,))
    if resource.digest == actual.spec_digest == actual.applied_digest:
        return None
    fields = diff_specs(resource.data, actual.spec, actual.applied_spec)
    if not fields:
        return None
    return Change(
        "update", resource.kind, resource.name, actual.spec, resource.data, fields, tuple(_causes(resource, fields))
    )  # fmt: skip


def _deletion(actual: Actual) -> Change:
    return Change("delete", actual.kind, actual.name, actual.spec, None)


def _causes(resource: Resource, fields: Iterable[FieldChange]) -> Iterable[str]:
    """Yield the places that changed fields come from, each once, in field order."""
    seen: dict[str, None] = {}
    provenance = resource.provenance
    for field in fields:
        for length in range(len(field.path), 0, -1):
            definitions = provenance.get(field.path[:length])
            if definitions:
                winner = definitions[0]
                seen.setdefault(f"{winner.file}:{winner.mark.line}" if winner.file else "built-in default")
                break
        else:
            seen.setdefault(resource.file)
    return seen
