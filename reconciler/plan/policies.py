"""Policies on changes and on whole plans: what they deny blocks the plan, what they warn of stands beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.config.policies.rules import PolicySet, Rule, Subject, ask, problem_finding
from reconciler.config.policies.sandbox import Answer, Sandbox, find_library
from reconciler.config.waivers import PlacedWaiver
from reconciler.diagnostics import Diagnostic
from reconciler.kinds import RESOURCE_KINDS
from reconciler.kinds.waiver import Waiver
from reconciler.plan.change import Change
from reconciler.plan.forecast import Forecast
from reconciler.plan.guards import Block

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies say of a plan."""

    blocks: tuple[Block, ...] = ()
    warnings: tuple[str, ...] = ()


def judge_plan(
    policies: PolicySet | None,
    changes: Sequence[Change],
    forecasts: tuple[Forecast, Forecast],
    shared: Mapping[str, Any],
) -> Verdict:
    """Return what the policies on changes and plans say; an empty plan has nothing to be said of.

    `forecasts` are those before and after, `shared` holds `models`, `platform` and `today` as declared. A rule that
    cannot be decided blocks, whether it denies or warns: nobody would know what it protects.
    """
    rules = policies.on("change", "plan") if policies else ()
    library = find_library() if changes and rules else None
    if library is None:  # a root with policies and no library has errors, and is not planned from
        return Verdict()
    subjects: list[Subject] = []
    names: list[str] = []
    on_plan = tuple(index for index, rule in enumerate(rules) if rule.policy.on == "plan")
    if on_plan:
        subjects.append(Subject(on_plan, {}))
        names.append("the plan")
    for change in changes:
        labels = (change.after or change.before or {}).get("labels", {})
        fitting = tuple(
            index for index, rule in enumerate(rules)
            if rule.policy.on == "change" and rule.applies_to(change.kind, change.name, labels)
        )  # fmt: skip
        if fitting:
            subjects.append(Subject(fitting, {"change": change_value(change)}))
            names.append(f"{change.action} {change.ref}")
    value = plan_value([change_value(change) for change in changes], *(money_value(item) for item in forecasts))
    with Sandbox(library) as sandbox:
        answers = ask(rules, {**shared, "plan": value}, subjects, sandbox)
    return _verdict(rules, answers, names, policies.waivers if policies else ())


def _verdict(
    rules: Sequence[Rule], answers: Iterable[Answer], names: Sequence[str], waivers: Sequence[PlacedWaiver]
) -> Verdict:
    blocks: list[Block] = []
    warnings: list[str] = []
    failed: dict[tuple[int, str], list[Answer]] = {}
    for answer in answers:
        rule, name = rules[answer.rule], names[answer.task]
        if answer.problem:
            failed.setdefault((answer.rule, answer.problem), []).append(answer)
        if answer.outcome == "found":
            where = "" if rule.policy.on == "plan" else f"{name}: "
            text = f"{where}{rule.text(answer.texts)}; {rule.hint}"
            by = _waiver(waivers, rule, name.split(" ")[-1])
            if by is not None:
                warnings.append(f"{text} (waived until {by.expires} by {by.owner}: {by.reason})")
            elif rule.severity == "error":
                blocks.append(Block("policy", text))
            else:
                warnings.append(text)
    for (index, _), same in failed.items():
        finding = problem_finding(rules[index], same, names[same[0].task])
        place = f"{finding.file}:{finding.mark.line}"
        blocks.append(Block("policy", f"{finding.message} ({place})"))
    return Verdict(tuple(blocks), tuple(warnings))


def _waiver(waivers: Sequence[PlacedWaiver], rule: Rule, ref: str) -> Waiver | None:
    """Return the waiver in force of a rule's violation by a resource, or by the plan."""
    finding = Diagnostic(rule.code, "", rule.file, rule.mark, policy=rule.name)
    return next((placed.waiver for placed in waivers if placed.fits(finding, ref)), None)


def change_value(change: Change) -> dict[str, Any]:
    """Return what expressions see as `change`."""
    return {
        "action": change.action,
        "kind": change.kind,
        "name": change.name,
        "fields": [item.field for item in change.fields],
        "before": change.before,
        "after": change.after,
    }


def money_value(forecast: Forecast) -> dict[str, Any]:
    """Return 30 days of a forecast as expressions see them: whole articles and credits, USD with its decimals."""
    return {"articles": forecast.articles, "credits": forecast.credits, "cost_usd": forecast.cost_nano / _NANO}


def plan_value(
    changes: Sequence[Mapping[str, Any]], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what expressions see as `plan`: counts by action and kind, the changes without their contents, money."""
    counts = Counter((change["action"], change["kind"]) for change in changes)
    by_action = {
        f"{action}s": {kind.slug: counts[action, kind.slug] for kind in RESOURCE_KINDS}
        for action in ("create", "update", "delete")
    }
    shown = [{key: change[key] for key in ("action", "kind", "name", "fields")} for change in changes]
    return {**by_action, "total": len(changes), "changes": shown, "before": before, "after": after}
