"""A change of a past apply, as the history keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.output import Output
from cli.plan_formats.grouping import FieldLine
from cli.plan_formats.wording import ACTION_STYLE, STATES, values_text
from reconciler.diagnostics import visible

if TYPE_CHECKING:
    from reconciler.store.history import RecordedChange

_CAUSES_MAX = 3


def change_lines(output: Output, change: RecordedChange, *, fields_max: int | None = None) -> Iterator[str]:
    """Yield the lines of a change: what was done, because of which places in git, and each field."""
    from reconciler.plan.change import SIGNS

    causes = f"   ({visible(', '.join(change.causes[:_CAUSES_MAX]), 300)})" if change.causes else ""
    head = f"{SIGNS[change.action]} {change.action} {change.ref}"
    yield output.style(head, ACTION_STYLE[change.action]) + causes
    for item in change.fields[:fields_max]:
        line = FieldLine(item.field, item.before, item.after, item.state, "")
        state = f"   ! {STATES[item.state]}" if STATES[item.state] else ""
        yield f"    {visible(line.field, 300)}: {values_text(line)}{state}"
