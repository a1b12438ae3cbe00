"""A plan as the comment of a pull request: a hidden mark to find it by, the verdict, counts, and detail that folds.

It never passes BYTES_MAX, whatever the plan: detail gives way to names, and names to counts. It depends on the plan
alone, on no time and no balance, so that an identical plan is an identical comment. What people wrote stands in code
spans: nothing in it is markup, a mention or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from cli.output import counted, shorten
from cli.plan_formats import Shown
from cli.plan_formats.beside import beside_notes
from cli.plan_formats.grouping import DIFFERENT_MAX, FieldLine, Group, group_changes, nouns
from cli.plan_formats.wording import (
    STATES,
    block_text,
    money_rows,
    move_text,
    partial_note,
    reach_text,
    state_counts,
    value_text,
    verdict,
)
from reconciler.diagnostics import visible
from reconciler.kinds import RESOURCE_KINDS
from reconciler.operations.plan import Planned
from reconciler.plan.planner import Plan

# Code hosts count characters, some of them UTF-16 units or bytes; so many bytes are within each count. GitHub takes 65,536.
BYTES_MAX = 59_900
_BACKTICKS = re.compile("`+")


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of the ladder: what is told of changes, how many lines a list has, and how wide a text is.

    Beyond `different_max` updates of a kind, those of the same fields are told together.
    """

    detail: Literal["fields", "names", "counts"]
    lines_max: int
    width: int
    different_max: int | None = DIFFERENT_MAX


_LADDER = (
    _Step("fields", 100, 300, None),
    _Step("fields", 100, 300),
    _Step("names", 40, 200),
    _Step("counts", 10, 100),
)
_POINTER = (
    "The detail is too long for a comment. `igny8 plan --format html` or `json` has all of it: "
    "look into the artifacts of the job."
)


def markdown_lines(shown: Shown) -> Iterator[str]:
    """Yield the comment, as the first step of the ladder that is short enough."""
    planned = shown.planned
    if shown.summary_only:
        yield _render(planned, _LADDER[-1], note="")
        return
    text = ""
    for number, step in enumerate(_LADDER):
        text = _render(planned, step, note=_POINTER if number else "")
        if len(text.encode()) <= BYTES_MAX:
            break
    yield text


def marker(environment: str) -> str:
    """Return the hidden first line that a bot finds its comment by; it is the same for every plan of an environment."""
    where = f" environment={environment.replace('--', '-%2D')}" if environment else ""
    return f"<!-- igny8:plan{where} -->"


def code(text: str, width: int) -> str:
    """Return a text as a code span of one line, in which nothing is markup."""
    shown = shorten(visible(text, 2 * width), width)
    shown = shown.encode()[: 2 * width].decode(errors="ignore")
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    padding = " " if len(fence) > 1 or not shown.strip() else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def _render(planned: Planned, step: _Step, note: str) -> str:
    plan = planned.plan
    groups = group_changes(plan.changes, step.different_max)
    parts = [
        marker(plan.environment),
        _verdict_line(plan),
        *_notes(plan, step),
        *_deletions(groups, step),
        *_objections(plan, step),
        *_beside(planned, step),
        *([_count_table(plan)] if plan.changes else []),
        *_causes(planned, step),
        *(_kinds(groups, step) if step.detail != "counts" else []),
        *([note] if note else []),
        *([_money(plan)] if plan.changes else []),
        *_grants(planned, step),
        *_moves(planned, step),
        f"Plan `{plan.id}` · config `{plan.config_digest[:12]}` · base generation {plan.base_generation}",
    ]
    return "\n\n".join(parts)


def _verdict_line(plan: Plan) -> str:
    where = f" for {code(plan.environment, 70)}" if plan.environment else ""
    counts = ", ".join(
        f"{plan.count(action):,} to {action}" for action in ("create", "update", "delete") if plan.count(action)
    )  # fmt: skip
    return f"### igny8 plan{where}: {verdict(plan)}{f' · {counts}' if counts else ''}"


def _notes(plan: Plan, step: _Step) -> Iterator[str]:
    partial = partial_note(plan)
    if partial:
        yield f"**{'Partial' if plan.is_partial else 'Selection'}**: {code(partial, step.width)}"
    states = state_counts(plan)
    if states:
        yield states.capitalize()


def _some(items: Iterable[str], step: _Step, more: str) -> list[str]:
    """Return the first lines of a list, and how many more there are."""
    lines = list(items)
    left = len(lines) - step.lines_max
    return lines[: step.lines_max] + ([f"- ... and {left:,} more {more}"] if left > 0 else [])


def _list(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"**{title}**\n\n" + "\n".join(lines)


def _deletions(groups: list[Group], step: _Step) -> Iterator[str]:
    refs = [ref for group in groups if group.action == "delete" for ref in group.refs]
    yield from _list("To be deleted", _some((f"- {code(ref, 80)}" for ref in refs), step, "deletions"))


def _objections(plan: Plan, step: _Step) -> Iterator[str]:
    blocks = (f"- {code(block_text(item), 2 * step.width)}" for item in plan.blocks)
    yield from _list("Blocked by", _some(blocks, step, "guards"))
    warnings = (f"- {code(item, 2 * step.width)}" for item in plan.warnings)
    yield from _list("Policies warn", _some(warnings, step, "warnings"))


def _beside(planned: Planned, step: _Step) -> Iterator[str]:
    notes = (f"- {code(text.strip(), 2 * step.width)}" for _, text in beside_notes(planned))
    yield from _list("Besides", _some(notes, step, "notes"))


def _count_table(plan: Plan) -> str:
    rows = ["| Kind | Create | Update | Delete |", "| --- | ---: | ---: | ---: |"]
    for kind in RESOURCE_KINDS:
        actions = [change.action for change in plan.changes if change.kind == kind.slug]
        if actions:
            numbers = " | ".join(f"{actions.count(action):,}" for action in ("create", "update", "delete"))
            rows.append(f"| {kind.slug} | {numbers} |")
    totals = " | ".join(f"{plan.count(action):,}" for action in ("create", "update", "delete"))
    return "\n".join([*rows, f"| all, with {plan.unchanged:,} unchanged | {totals} |"])


def _causes(planned: Planned, step: _Step) -> Iterator[str]:
    lines = (
        f"- {code(item.place, step.width)} → {reach_text(item)}"
        + (f" ({code(', '.join(item.declares[:3]), step.width)})" if item.declares else "")
        for item in planned.fan_out()
    )
    yield from _list("Why", _some(lines, step, "places"))


def _kinds(groups: list[Group], step: _Step) -> Iterator[str]:
    for kind in RESOURCE_KINDS:
        own = [group for group in groups if group.kind == kind.slug]
        if not own:
            continue
        counts = ", ".join(
            f"{number:,} to {action}" for action in ("create", "update", "delete")
            if (number := sum(len(group.refs) for group in own if group.action == action))
        )  # fmt: skip
        lines = [line for group in own for line in _group_lines(group, step)]
        yield f"<details><summary>{kind.slug}: {counts}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _group_lines(group: Group, step: _Step) -> Iterator[str]:
    names = ", ".join(code(name, 80) for name in group.names)
    several = f"{nouns(len(group.refs), group.kind)}: {names}" if len(group.refs) > 1 else code(group.refs[0], 80)
    file = f" ({code(group.file, step.width)})" if group.file else ""
    several = code(group.title, 160) if group.former else several
    yield f"- {group.verb} {several}{file}"
    if step.detail == "fields":
        for line in group.fields:
            yield f"  - {_field_text(line, step)}"


def _field_text(line: FieldLine, step: _Step) -> str:
    before, after = (code(value_text(value, step.width), 2 * step.width) for value in (line.before, line.after))
    what = (
        f"added {after}"
        if line.before is None
        else f"removed {before}"
        if line.after is None
        else f"{before} → {after}"
    )
    some = f"{line.variants:,} different changes, such as " if line.variants > 1 else ""
    cause = f" ({code(line.cause, step.width)})" if line.cause else ""
    state = f" **{STATES[line.state]}**" if STATES[line.state] else ""
    return f"{code(line.field, step.width)}: {some}{what}{cause}{state}"


def _money(plan: Plan) -> str:
    rows = ["| Per 30 days at full volume | Before | After | |", "| --- | ---: | ---: | ---: |"]
    rows += [f"| {name} | {before} | {after} | {change} |" for name, before, after, change in money_rows(plan)]
    return "\n".join(rows)


def _grants(planned: Planned, step: _Step) -> Iterator[str]:
    lines = (
        f"- {counted(item.credits, 'credit')} to {code(item.account, 80)}: {code(item.reason, step.width)}"
        for item in planned.grants
    )
    yield from _list("Grants", _some(lines, step, "grants"))


def _moves(planned: Planned, step: _Step) -> Iterator[str]:
    if not planned.moves:
        return
    title = f"{counted(len(planned.moves), 'scheduled article')} {'moves' if len(planned.moves) == 1 else 'move'}"
    if step.detail == "counts":
        yield f"**{title}**"
        return
    lines = (
        f"- {code(move.site, 80)}: {' → '.join(move_text(move))} {code(move.title, step.width)}"
        for move in planned.moves
    )
    inner = "\n".join(_some(lines, step, "articles"))
    yield f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>"
