"""Ends a command with an exit code once everything has been said."""

from __future__ import annotations

from reconciler.errors import ExitCode


class Exit(Exception):  # noqa: N818  (no error: it ends a command that has said all)
    """The command has told all; this is its exit code."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(int(code))
        self.code = code
