"""Shows what changes in a file as a unified diff, coloured where a person reads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from cli.output import Output


class ChangedFile(Protocol):
    """A file of a config root, and its text before and after."""

    @property
    def path(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...


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


def change_files(
    output: Output, root: Path, changed: Iterable[ChangedFile], *, diff: bool, todo: str, done: str
) -> None:
    """Write changed files and name each as `done`; with `diff` show the change, with `todo` name it, and write nothing."""
    from reconciler.operations.format import write_text

    for item in changed:
        if diff:
            show_difference(output, item.path, item.before, item.after)
        else:
            output.data(f"{todo or done}: {item.path}")
        if not (todo or diff):
            write_text(root / item.path, item.after)
