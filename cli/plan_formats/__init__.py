"""The forms in which a plan is shown: FORMATS is the registry, one file each.

A form turns a plan into lines; it decides nothing, and it prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from cli.output import Output

if TYPE_CHECKING:
    from reconciler.operations.plan import Planned


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan that is to be shown: in which colours, and whether in detail or only in sum."""

    planned: Planned
    output: Output = Output()
    summary_only: bool = False


@dataclass(frozen=True, slots=True)
class PlanFormat:
    """A form: its name, and the function that makes its lines."""

    name: str
    target: str

    def lines(self, shown: Shown) -> Iterable[str]:
        """Return the lines of a plan."""
        module, _, name = self.target.partition(":")
        make: Callable[[Shown], Iterable[str]] = getattr(import_module(module), name)
        return make(shown)


FORMATS: tuple[PlanFormat, ...] = (
    PlanFormat("text", "cli.plan_formats.as_text:text_lines"),
    PlanFormat("json", "cli.plan_formats.as_json:json_lines"),
    PlanFormat("ndjson", "cli.plan_formats.as_ndjson:ndjson_lines"),
    PlanFormat("markdown", "cli.plan_formats.as_markdown:markdown_lines"),
    PlanFormat("html", "cli.plan_formats.as_html:html_lines"),
)


def plan_lines(name: str, planned: Planned, *, output: Output, summary_only: bool = False) -> Iterable[str]:
    """Return the lines of a plan in the form with this name."""
    chosen = next(item for item in FORMATS if item.name == name)
    return chosen.lines(Shown(planned, output, summary_only))
