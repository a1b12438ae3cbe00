"""What every command shares: the global options, the installation they point to, and the database when it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli.output import Output
from reconciler.clock import Clock, FixedClock, SystemClock, parse_instant
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.config.compilation import Compilation
    from reconciler.operations.app import Installation
    from reconciler.store.engine import Database

YEARS = range(1970, 9001)  # what a person may ask about: around the ends of the calendar days cannot be added


@dataclass(frozen=True, slots=True)
class Session:
    """One invocation of the command line."""

    root: Path
    database_url: str | None
    output: Output
    accepts_input: bool = True
    environment: str = ""

    def installation(self, at: str | None = None) -> Installation:
        """Return the installation; with `at` its clock stands at that time."""
        from reconciler.operations.app import locate

        return locate(self.root, self.database_url, clock_at(at), self.environment)

    def compiled(self, installation: Installation) -> Compilation:
        """Return the valid compilation of the config root; shows the findings and ends with 3 when it has errors."""
        from cli.diagnostics import show_findings
        from cli.exits import Exit
        from reconciler.errors import ExitCode
        from reconciler.operations.validate import validate

        compilation = validate(installation)
        if not compilation.is_valid:
            show_findings(self.output, compilation, to_stderr=True)
            raise Exit(ExitCode.INVALID)
        return compilation

    @contextlib.contextmanager
    def database(self, installation: Installation, *, may_create: bool = True) -> Iterator[Database]:
        """Open the installation's database for the length of a command.

        Without `may_create` a SQLite file that is not there stays so: the command sees an empty database in memory.
        Raises BlockedError for a database of another environment.
        """
        from reconciler.operations.environment import check_environment
        from reconciler.store.engine import IN_MEMORY, is_new_file, open_database

        if not self.root.is_dir():
            # Otherwise a mistyped root would get a new, empty database.
            raise UsageError(f"the config root {self.root} is no directory", hint="check the path given with -C")
        url = installation.database_url
        database = open_database(IN_MEMORY if not may_create and is_new_file(url) else url)
        try:
            check_environment(database, installation)
            yield database
        finally:
            database.close()


def clock_at(at: str | None) -> Clock:
    """Return the system's clock, or one that stands at a given time."""
    if at is None:
        return SystemClock()
    try:
        instant: datetime = parse_instant(at, SystemClock().now())
    except ValueError as error:
        raise UsageError(str(error)) from error
    if instant.year not in YEARS:
        raise UsageError(f"the year {instant.year} is on no calendar", hint="write --at 2026-01-31T09:00, or +7d")
    return FixedClock(instant)
