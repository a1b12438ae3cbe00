"""Shows what changes in a file as a unified diff, coloured where a person reads it."""

from __future__ import annotations

import difflib

from cli.output import Output


def show_difference(output: Output, path: str, before: str, after: str) -> None:
    """Print the unified diff of a file's old and new text."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    for line in lines:
        if line.startswith(("---", "+++")):
            output.data(output.style(line, "head"))
        elif line.startswith(("+", "-")):
            output.data(output.style(line, "add" if line.startswith("+") else "remove"))
        else:
            output.data(line)
