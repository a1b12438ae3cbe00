"""Failures that end a command, each with its exit code. Findings about user input are diagnostics, not errors."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; the table is in docs/reference/exit-codes.md."""

    OK = 0
    UNEXPECTED = 1
    CHANGES = 2
    INVALID = 3
    BLOCKED = 4
    CONFLICT = 5
    LOCKED = 6
    FAILED = 7
    UNREACHABLE = 8
    USAGE = 64
    INTERRUPTED = 130
    TERMINATED = 143


class Igny8Error(Exception):
    """A failure that a user can act on: what happened, and what to do next."""

    exit_code = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(Igny8Error):
    """The command was called with arguments that make no sense together, or that name nothing."""

    exit_code = ExitCode.USAGE


class BlockedError(Igny8Error):
    """A guard refused: a safety limit, a protection, a budget."""

    exit_code = ExitCode.BLOCKED


class ConflictError(Igny8Error):
    """The state moved under a decision that was made earlier."""

    exit_code = ExitCode.CONFLICT


class LockedError(Igny8Error):
    """Somebody else is at work on the same thing, or a window is closed."""

    exit_code = ExitCode.LOCKED


class UnreachableError(Igny8Error):
    """A dependency does not answer: database, disk, git, provider, site."""

    exit_code = ExitCode.UNREACHABLE
