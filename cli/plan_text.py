"""A plan as people read it: the verdict first, deletes before all else, causes and money, detail last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cli.output import Output, shorten
from reconciler.money import format_usd, percent_tenths

if TYPE_CHECKING:
    from reconciler.operations.plan import Planned
    from reconciler.plan.change import Change
    from reconciler.plan.diff import FieldChange

_STYLE = {"create": "add", "update": "change", "delete": "remove"}
_FIELDS_SHOWN_MAX = 12


def plan_lines(output: Output, planned: Planned) -> Iterable[str]:
    """Yield the lines of a plan."""
    plan = planned.plan
    revision = f" · commit {plan.revision[:7]}{'+dirty' if 'dirty' in plan.revision else ''}" if plan.revision else ""
    verdict = "no changes" if plan.is_empty else "BLOCKED" if plan.blocks else "can be applied"
    where = f"environment {plan.environment} · " if plan.environment else ""
    head = f"Plan {plan.id} ({where}base generation {plan.base_generation}{revision}): {verdict}"
    yield output.style(head, "head")
    if plan.is_empty:
        yield f"{plan.unchanged} resources are as declared."
        return
    counts = f"{plan.count('create')} to create, {plan.count('update')} to update, {plan.count('delete')} to delete"
    yield f"{counts}, {plan.unchanged} unchanged"
    for block in plan.blocks:
        flag = f" (allow it with {block.flag})" if block.flag else ""
        yield output.style(f"! {block.guard}: {block.message}{flag}", "remove")
    for warning in plan.warnings:
        yield output.style(f"! policy warns: {warning}", "warning")
    yield ""
    yield from _fan_out(plan.changes)
    for change in plan.changes:
        yield from _change_lines(output, change)
    yield ""
    yield from _money_lines(planned)
    for item in planned.grants:
        yield f"  + grants {item.credits:,} credits to account {item.account}: {item.reason} ({item.id})"
    for move in planned.moves:
        to = move.to_at.strftime("%a %d %b %H:%M UTC") if move.to_at else "no slot: waits as approved"
        yield f"  ~ moves {move.site}: {move.from_at:%a %d %b %H:%M UTC} -> {to}  “{shorten(move.title, 60)}”"


def _fan_out(changes: Iterable[Change]) -> Iterable[str]:
    """Yield the places that several resources change because of."""
    causes = Counter(cause for change in changes if change.action == "update" for cause in change.causes)
    for cause, number in causes.most_common():
        if number > 1:
            yield f"  {cause} -> {number} resources"


def _change_lines(output: Output, change: Change) -> Iterable[str]:
    from reconciler.plan.change import SIGNS

    causes = f"   ({', '.join(change.causes[:3])})" if change.causes else ""
    yield output.style(f"{SIGNS[change.action]} {change.action} {change.ref}", _STYLE[change.action]) + causes
    shown = change.fields[:_FIELDS_SHOWN_MAX]
    for field in shown:
        yield f"    {field.field}: {_values(field)}{_state(field)}"
    if len(change.fields) > len(shown):
        yield f"    ... and {len(change.fields) - len(shown)} more fields"


def _values(field: FieldChange) -> str:
    if field.before is None:
        return f"+ {_shown(field.after)}"
    if field.after is None:
        return f"- {_shown(field.before)}"
    return f"{_shown(field.before)} -> {_shown(field.after)}"


def _state(field: FieldChange) -> str:
    return {
        "pending": "",
        "drift": "   ! drift: the database was changed, and goes back",
        "conflict": "   ! conflict: git and the database both changed; git wins",
        "converged": "   (the database has it already)",
    }[field.state]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        if all(isinstance(item, str | int) for item in value) and len(value) <= 8:
            return f"[{', '.join(map(str, value))}]"
        return f"{len(value)} entries"
    if isinstance(value, dict):
        return shorten(", ".join(f"{key}: {_shown(item)}" for key, item in value.items()), 70)
    if isinstance(value, bool):
        return str(value).lower()
    return shorten(str(value).replace("\n", "⏎"), 70)


def _money_lines(planned: Planned) -> Iterable[str]:
    before, after = planned.plan.forecast_before, planned.plan.forecast_after
    change = _percent_change(before.credits, after.credits)
    revenue = after.credits * after.credit_value_nano
    yield f"Per 30 days at full volume: {before.articles:,} -> {after.articles:,} articles"
    yield f"  credits  {before.credits:,} -> {after.credits:,}{change}"
    yield (
        f"  cost     {format_usd(before.cost_nano, 2)} -> {format_usd(after.cost_nano, 2)}"
        f"   (sold for {format_usd(revenue, 2)})"
    )
    for account, credits in after.credits_by_account.items():
        if credits:
            granted = sum(item.credits for item in planned.grants if item.account == account)
            available = planned.available.get(account, 0) + granted
            enough = f"enough for {available * 30 // credits} days" if available else "none were granted"
            yield f"  account {account}: {credits:,} credits, {available:,} available ({enough})"


def _percent_change(before: int, after: int) -> str:
    if before == 0 or before == after:
        return ""
    tenths = percent_tenths(after - before, before)
    return f" ({'+' if tenths > 0 else ''}{tenths / 10:.1f} %)"
