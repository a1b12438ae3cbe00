"""An article's checklist as a terminal shows it: the score, then each check with its reason, failed ones first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.output import Output

# What a check's end looks like: sign and style. Never colour alone.
_SIGNS = {True: ("+", "good"), False: ("-", "warning"), None: (" ", "dim")}
_ORDER = (False, True, None)


def show_checklist(output: Output, checklist: Mapping[str, Any]) -> None:
    """Print a stored checklist below an article's facts."""
    output.data(f"  {'score':<17} {checklist['score']} of 100")
    for check in sorted(checklist["checks"], key=lambda check: _ORDER.index(check["passed"])):
        sign, style = _SIGNS[check["passed"]]
        output.data(output.style(f"    {sign} {check['title']}: {check['reason']}", style))
