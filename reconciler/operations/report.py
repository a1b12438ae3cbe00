"""Reports: what a period cost and brought, as values, and as files for people who have no terminal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.errors import UnreachableError, UsageError
from reconciler.reports import REPORTS, Report, build_reports, find_report
from reconciler.reports.rendering import RENDERERS
from reconciler.reports.rendering.cells import instant_text
from reconciler.reports.table import ALWAYS, EVERYBODY, Filter, Grouping, Period, Reports, Scope
from reconciler.store.engine import Database

_FILE_MODE = 0o644


def make_reports(
    database: Database, names: Sequence[str], *,
    by: Sequence[Grouping] = ("site",), period: Period = ALWAYS, filter: Filter = EVERYBODY, now: datetime,
) -> Reports:  # fmt: skip
    """Return the named reports, all of them without a name, grouped ones once for each grouping.

    Raises UsageError for a name that no report has, and for a period that ends before it begins.
    """
    chosen = _find_all(names) if names else REPORTS
    if period.since is not None and period.until is not None and period.since >= period.until:
        raise UsageError("the period ends before it begins", hint="choose a `since` before `until`")
    with database.read() as connection:
        tables = build_reports(connection, chosen, [Scope(now, one, period, filter) for one in by])
    return Reports(_heading(period, filter), now, tables)


def write_reports(folder: Path, reports: Reports) -> tuple[Path, ...]:
    """Write each report in every format of its own, and all on one page, index.html; return the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(_write(folder / name, text) for name, text in _files(reports).items())
    except OSError as error:
        raise UnreachableError(
            f"cannot write reports to {folder}: {error.strerror}", hint="check the folder's permissions and free space"
        ) from error


def _find_all(names: Sequence[str]) -> tuple[Report, ...]:
    found = {name: find_report(name) for name in names}
    unknown = [name for name, report in found.items() if report is None]
    if unknown:
        known = ", ".join(report.name for report in REPORTS)
        raise UsageError(f"there is no report called {', '.join(unknown)}", hint=f"the reports are {known}")
    return tuple(report for report in found.values() if report is not None)


def _heading(period: Period, filter: Filter) -> str:
    """Return what the reports cover, in words."""
    parts = ["AI content operations"]
    if filter.account is not None:
        parts.append(f"account {filter.account}")
    if filter.site is not None:
        parts.append(f"site {filter.site}")
    return " · ".join([*parts, *_period_words(period)])


def _period_words(period: Period) -> tuple[str, ...]:
    since, until = period.since, period.until
    if since is not None and until is not None and _is_midnight(since) and _is_midnight(until):
        last = until.astimezone(UTC) - timedelta(days=1)
        return (f"{since.astimezone(UTC):%Y-%m-%d} to {last:%Y-%m-%d}",)
    words = [f"since {instant_text(since)}"] if since is not None else []
    words += [f"until {instant_text(until)}"] if until is not None else []
    return (" ".join(words),) if words else ()


def _is_midnight(instant: datetime) -> bool:
    return f"{instant.astimezone(UTC):%H%M%S%f}" == "000000000000"


def _files(reports: Reports) -> dict[str, str]:
    """Return the texts by file name; the page comes last, so that what it stands for is there before it."""
    files: dict[str, str] = {}
    page = ""
    for renderer in RENDERERS:
        if renderer.name == "html":
            page = renderer.render(reports)
            continue
        for table in reports.tables:
            files[f"{table.name}{renderer.suffix}"] = renderer.render(replace(reports, tables=(table,)))
    return files | {"index.html": page}


def _write(path: Path, text: str) -> Path:
    """Write a file by temporary file and rename, so that a reader sees the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(_FILE_MODE)
        return Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
