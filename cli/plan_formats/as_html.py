"""A plan as one page: no script, nothing from outside, readable on paper. The template escapes everything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from cli.plan_formats import Shown
from cli.plan_formats.beside import beside_notes
from cli.plan_formats.grouping import Group, group_changes
from cli.plan_formats.wording import (
    STATES,
    account_credits,
    action_counts,
    block_text,
    money_rows,
    move_text,
    partial_note,
    reach_text,
    state_counts,
    values_text,
    verdict,
)
from reconciler.diagnostics import visible
from reconciler.plan.change import SIGNS

_WIDTH = 400


def html_lines(shown: Shown) -> Iterator[str]:
    """Yield the page."""
    planned = shown.planned
    plan = planned.plan
    groups = [] if shown.summary_only else group_changes(plan.changes)
    yield _template().render(
        plan=plan,
        verdict=verdict(plan),
        counts=action_counts(plan),
        notes=[note for note in (partial_note(plan), state_counts(plan)) if note],
        sections=[
            ("Deletions", [_shown(group) for group in groups if group.action == "delete"]),
            ("Changes", [_shown(group) for group in groups if group.action != "delete"]),
        ],
        blocks=[block_text(block) for block in plan.blocks],
        warnings=[visible(warning, 600) for warning in plan.warnings],
        beside=[text for _, text in beside_notes(planned)],
        causes=[(item.place, reach_text(item), ", ".join(item.declares)) for item in planned.fan_out()],
        money=money_rows(plan),
        accounts=[
            (name, f"{before:,}", f"{after:,}", f"{available:,}", f"{available * 30 // after:,} days")
            for name, before, after, available in account_credits(planned)
        ],
        grants=[(item.account, f"{item.credits:,}", visible(item.reason, 600)) for item in planned.grants],
        moves=[]
        if shown.summary_only
        else [(item.site, *move_text(item), visible(item.title, 600)) for item in planned.moves],
        move_count=len(planned.moves),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("cli.plan_formats", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("plan.html.jinja")


def _shown(group: Group) -> dict[str, Any]:
    return {
        "action": group.action,
        "sign": SIGNS[group.action],
        "verb": group.verb,
        "title": group.title,
        "names": ", ".join(group.names) if len(group.refs) > 1 else "",
        "file": group.file,
        "fields": [
            (line.field, values_text(line, _WIDTH), line.state, STATES[line.state], line.cause) for line in group.fields
        ],
    }
