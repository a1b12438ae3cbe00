"""A plan on a terminal: the verdict first, deletions before all else, then why, what in detail, money and calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.output import Output, counted, shorten
from cli.plan_formats import Shown
from cli.plan_formats.beside import beside_notes
from cli.plan_formats.grouping import DIFFERENT_MAX, Group, group_changes, nouns
from cli.plan_formats.wording import (
    ACTION_STYLE,
    STATES,
    account_credits,
    action_counts,
    block_text,
    money_rows,
    move_text,
    partial_note,
    reach_text,
    some_of,
    state_counts,
    values_text,
    verdict,
)
from reconciler.diagnostics import visible
from reconciler.operations.plan import Planned
from reconciler.plan.change import SIGNS
from reconciler.plan.planner import Plan

_FIELDS_MAX = 12
_NAMES_MAX = 8
_DELETED_NAMES_MAX = 60
_CAUSES_MAX = 20
_GROUPS_MAX = 60
_BLOCKS_MAX = 20
_ACCOUNTS_MAX = 20
_MOVES_MAX = 20


def text_lines(shown: Shown) -> Iterator[str]:
    """Yield the lines of a plan."""
    planned, output = shown.planned, shown.output
    plan = planned.plan
    yield output.style(_head(plan), "head")
    if plan.is_empty:
        yield f"{counted(plan.unchanged, 'resource')} {'is' if plan.unchanged == 1 else 'are'} as declared."
    else:
        yield action_counts(plan)
    yield from (line for line in (partial_note(plan), state_counts(plan)) if line)
    if plan.is_empty:
        yield from _beside_lines(shown)
        yield from _grant_lines(planned)
        return
    groups = group_changes(plan.changes, DIFFERENT_MAX)
    if not shown.summary_only:
        yield from _section(
            line for group in groups if group.action == "delete" for line in _group_lines(output, group)
        )
    yield from _section(_objection_lines(output, plan))
    yield from _beside_lines(shown)
    yield from _section(_cause_lines(planned))
    if not shown.summary_only:
        yield from _section(_detail_lines(output, [group for group in groups if group.action != "delete"]))
    yield from _section(_money_lines(planned))
    yield from _grant_lines(planned)
    yield from _move_lines(planned, summary_only=shown.summary_only)


def _head(plan: Plan) -> str:
    revision = f" · commit {plan.revision[:7]}{'+dirty' if 'dirty' in plan.revision else ''}" if plan.revision else ""
    where = f"environment {plan.environment} · " if plan.environment else ""
    return f"Plan {plan.id} ({where}base generation {plan.base_generation}{revision}): {verdict(plan)}"


def _section(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines below an empty one; nothing where there are none."""
    for number, line in enumerate(lines):
        if number == 0:
            yield ""
        yield line


def _objection_lines(output: Output, plan: Plan) -> Iterator[str]:
    for block in plan.blocks[:_BLOCKS_MAX]:
        yield output.style(f"! {block_text(block)}", "remove")
    if len(plan.blocks) > _BLOCKS_MAX:
        yield output.style(f"! ... and {len(plan.blocks) - _BLOCKS_MAX:,} more guards", "remove")
    for warning in plan.warnings[:_BLOCKS_MAX]:
        yield output.style(f"! policy warns: {visible(warning, 600)}", "warning")
    if len(plan.warnings) > _BLOCKS_MAX:
        yield output.style(f"! ... and {len(plan.warnings) - _BLOCKS_MAX:,} more warnings", "warning")


def _beside_lines(shown: Shown) -> Iterator[str]:
    for style, text in beside_notes(shown.planned):
        yield shown.output.style(text, style)


def _cause_lines(planned: Planned) -> Iterator[str]:
    causes = planned.fan_out()
    for item in causes[:_CAUSES_MAX]:
        about = f"   {visible(', '.join(item.declares[:3]), 200)}" if item.declares else ""
        yield f"  {visible(item.place, 200)} -> {reach_text(item)}{about}"
    if len(causes) > _CAUSES_MAX:
        yield f"  ... and {len(causes) - _CAUSES_MAX:,} more places"


def _detail_lines(output: Output, groups: list[Group]) -> Iterator[str]:
    for group in groups[:_GROUPS_MAX]:
        yield from _group_lines(output, group)
    left: dict[tuple[str, str], int] = {}
    for group in groups[_GROUPS_MAX:]:
        left[group.action, group.kind] = left.get((group.action, group.kind), 0) + len(group.refs)
    for (action, kind), number in left.items():
        yield f"... and {action} {nouns(number, kind)} more; --format json or html tells all"


def _group_lines(output: Output, group: Group) -> Iterator[str]:
    head = output.style(f"{SIGNS[group.action]} {group.verb} {group.title}", ACTION_STYLE[group.action])
    if len(group.refs) > 1:
        head += f": {some_of(group.names, _DELETED_NAMES_MAX if group.action == 'delete' else _NAMES_MAX)}"
    elif group.file:
        head += f"   ({group.file})"
    yield head
    for line in group.fields[:_FIELDS_MAX]:
        cause = f"   ({line.cause})" if line.cause else ""
        state = f"   ! {STATES[line.state]}" if STATES[line.state] else ""
        yield f"    {line.field}: {values_text(line)}{cause}{state}"
    if len(group.fields) > _FIELDS_MAX:
        yield f"    ... and {len(group.fields) - _FIELDS_MAX:,} more fields"


def _money_lines(planned: Planned) -> Iterator[str]:
    articles, credits, cost, revenue = money_rows(planned.plan)
    yield f"Per 30 days at full volume: {articles[1]} -> {articles[2]} articles"
    yield f"  credits  {credits[1]} -> {credits[2]}{f' ({credits[3]})' if credits[3] else ''}"
    yield f"  cost     {cost[1]} -> {cost[2]}   (sold for {revenue[2]})"
    accounts = account_credits(planned)
    for name, _, wanted, available in accounts[:_ACCOUNTS_MAX]:
        enough = f"enough for {available * 30 // wanted:,} days" if available else "none were granted"
        yield f"  account {name}: {wanted:,} credits, {available:,} available ({enough})"
    if len(accounts) > _ACCOUNTS_MAX:
        yield f"  ... and {len(accounts) - _ACCOUNTS_MAX:,} more accounts, which last longer"


def _grant_lines(planned: Planned) -> Iterator[str]:
    for item in planned.grants[:_ACCOUNTS_MAX]:
        reason = visible(shorten(item.reason, 100), 200)
        yield f"  + grants {item.credits:,} credits to account {visible(item.account, 80)}: {reason} ({visible(item.id, 80)})"
    if len(planned.grants) > _ACCOUNTS_MAX:
        rest = planned.grants[_ACCOUNTS_MAX:]
        yield f"  + grants {sum(item.credits for item in rest):,} credits in {len(rest):,} more grants"


def _move_lines(planned: Planned, *, summary_only: bool) -> Iterator[str]:
    if summary_only and planned.moves:
        yield f"  ~ moves {counted(len(planned.moves), 'scheduled article')}"
        return
    for move in planned.moves[:_MOVES_MAX]:
        at, to = move_text(move)
        yield f"  ~ moves {visible(move.site, 80)}: {at} -> {to}  “{shorten(visible(move.title, 300), 60)}”"
    if len(planned.moves) > _MOVES_MAX:
        yield f"  ... and {len(planned.moves) - _MOVES_MAX:,} more (moves)"
