"""The words that the forms for people share: verdict, counts, values, states, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cli.output import counted, shorten
from cli.plan_formats.grouping import FieldLine, nouns
from reconciler.diagnostics import visible
from reconciler.money import format_usd, percent_tenths

if TYPE_CHECKING:
    from reconciler.operations.plan import Planned
    from reconciler.operations.reschedule import CalendarMove
    from reconciler.plan.block import Block
    from reconciler.plan.fanout import FanOut
    from reconciler.plan.planner import Plan

STATES = {
    "pending": "",
    "drift": "drift: the database was changed, and goes back",
    "conflict": "conflict: git and the database both changed; git wins",
    "converged": "converged: the database has it already",
}
ACTION_STYLE = {"create": "add", "update": "change", "delete": "remove"}
_VALUE_WIDTH = 70
_LIST_MAX = 8


def verdict(plan: Plan) -> str:
    """Return what is to be said first."""
    if plan.blocks:
        return f"BLOCKED by {counted(len(plan.blocks), 'guard')}"
    if plan.is_empty:
        return "no changes"
    return "can be applied" if plan.window.open else "waits for the sync window"


def action_counts(plan: Plan) -> str:
    """Return how many resources are created, updated and deleted, and how many stay."""
    counts = (
        f"{plan.count('create'):,} to create, {plan.count('update'):,} to update, {plan.count('delete'):,} to delete"
    )
    return f"{counts}, {plan.unchanged:,} unchanged"


def state_counts(plan: Plan) -> str:
    """Return how many fields are in which state; "" where all are pending."""
    from reconciler.plan.classes import count_fields

    counts = count_fields(plan.changes)
    if not sum(counts[state] for state in ("drift", "conflict", "converged")):
        return ""
    return "fields: " + ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)


def partial_note(plan: Plan) -> str:
    """Return what a selection left out; "" where there is none."""
    if plan.selection.is_everything:
        return ""
    words = [f"--target {item}" for item in plan.selection.targets]
    words += [f"--exclude {item}" for item in plan.selection.excludes]
    asked = visible(shorten(" ".join(words), 200), 200)
    if not plan.is_partial:
        return f"nothing is left out by {asked}"
    along = f"; taken along: {some_of(plan.along, 8)}" if plan.along else ""
    return f"partial: {counted(len(plan.left_out), 'change')} left out by {asked}{along}"


def block_text(block: Block) -> str:
    """Return why a plan is blocked, and the flag that allows it."""
    flag = f" (allow it with {block.flag})" if block.flag else ""
    return f"{block.guard}: {visible(block.message, 600)}{flag}"


def reach_text(item: FanOut) -> str:
    """Return how far a place reaches: `214 sites`, `1 account, 3 sites`."""
    others = [nouns(number, kind) for kind, number in item.changed.items() if kind != "site"]
    sites = nouns(item.sites, "site") if item.sites else "no site" if not others else ""
    return ", ".join(part for part in (*others, sites) if part)


def values_text(line: FieldLine, width: int = _VALUE_WIDTH) -> str:
    """Return what becomes of a field."""
    if line.variants > 1:
        return f"{line.variants:,} different changes, such as {_change_text(line, width)}"
    return _change_text(line, width)


def _change_text(line: FieldLine, width: int) -> str:
    if line.before is None:
        return f"+ {value_text(line.after, width)}"
    if line.after is None:
        return f"- {value_text(line.before, width)}"
    return f"{value_text(line.before, width)} -> {value_text(line.after, width)}"


def value_text(value: Any, width: int = _VALUE_WIDTH) -> str:
    """Return a value in one line, without what could steer a terminal."""
    if isinstance(value, list):
        if all(isinstance(item, str | int) for item in value) and len(value) <= _LIST_MAX:
            return shorten(f"[{', '.join(value_text(item, width) for item in value)}]", 2 * width)
        return counted(len(value), "entry").replace("entrys", "entries")
    if isinstance(value, dict):
        return shorten(
            ", ".join(f"{visible(key, 60)}: {value_text(item, width)}" for key, item in value.items()), width
        )
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    return shorten(visible(str(value).replace("\n", "⏎"), 4 * width), width)


def some_of(items: Iterable[str], shown_max: int) -> str:
    """Return names, the first of many."""
    names = list(items)
    more = len(names) - shown_max
    return ", ".join(names[:shown_max]) + (f" and {more:,} more" if more > 0 else "")


def percent_change(before: int, after: int) -> str:
    """Return by how much a number grows, e.g. `+5.0 %`; "" where that says nothing."""
    if before == 0 or before == after:
        return ""
    tenths = percent_tenths(after - before, before)
    return f"{'+' if tenths > 0 else ''}{tenths / 10:.1f} %"


def money_rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Return articles, credits, cost and revenue of 30 days: before, after, and by how much that is more."""
    before, after = plan.forecast_before, plan.forecast_after
    old, new = before.credits * before.credit_value_nano, after.credits * after.credit_value_nano
    return [
        ("articles", f"{before.articles:,}", f"{after.articles:,}", percent_change(before.articles, after.articles)),
        ("credits", f"{before.credits:,}", f"{after.credits:,}", percent_change(before.credits, after.credits)),
        ("cost", format_usd(before.cost_nano, 2), format_usd(after.cost_nano, 2),
         percent_change(before.cost_nano, after.cost_nano)),
        ("sold for", format_usd(old, 2), format_usd(new, 2), percent_change(old, new)),
    ]  # fmt: skip


def account_credits(planned: Planned) -> list[tuple[str, int, int, int]]:
    """Return accounts with their credits of 30 days before and after, and those available; the first to run out first."""
    before = planned.plan.forecast_before.credits_by_account
    after = planned.plan.forecast_after.credits_by_account
    granted: Counter[str] = Counter()
    for item in planned.grants:
        granted[item.account] += item.credits
    rows = [
        (name, before.get(name, 0), credits, planned.available.get(name, 0) + granted[name])
        for name, credits in after.items() if credits
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row[3] * 1000 // row[2], row[0]))


def move_text(move: CalendarMove) -> tuple[str, str]:
    """Return from when to when an article moves."""
    to = move.to_at.strftime("%a %d %b %H:%M UTC") if move.to_at else "no slot: waits as approved"
    return f"{move.from_at:%a %d %b %H:%M UTC}", to
