"""Making reports by name, and writing them to a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from report_books import NOON, Books

from reconciler.errors import UnreachableError, UsageError
from reconciler.operations.report import make_reports, write_reports
from reconciler.reports.table import Filter, Period

MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def test_reports_come_in_the_order_asked_for_and_once(books: Books) -> None:
    """A name given twice is one report."""
    reports = make_reports(books.database, ["usage", "cost", "usage"], now=NOON)
    assert [table.name for table in reports.tables] == ["usage", "cost-by-site"]


def test_an_unknown_report_names_those_there_are(books: Books) -> None:
    """The error says what to write instead."""
    with pytest.raises(UsageError, match="there is no report called profit") as raised:
        make_reports(books.database, ["cost", "profit"], now=NOON)
    assert raised.value.hint == "the reports are cost, usage, credits, content"


def test_a_period_that_ends_before_it_begins_is_refused(books: Books) -> None:
    """It would be empty, and nobody means that."""
    with pytest.raises(UsageError, match="the period ends before it begins"):
        make_reports(books.database, ["cost"], period=Period(NOON, NOON), now=NOON)


@pytest.mark.parametrize(
    ("period", "filter", "heading"),
    [
        (Period(), Filter(), "AI content operations"),
        (
            MARCH,
            Filter("agency", "acme"),
            "AI content operations · account agency · site acme · 2026-03-01 to 2026-03-31",
        ),
        (Period(since=NOON), Filter(), "AI content operations · since 2026-03-04 12:00 UTC"),
        (
            Period(NOON, NOON + timedelta(hours=1)),
            Filter(),
            "AI content operations · since 2026-03-04 12:00 UTC until 2026-03-04 13:00 UTC",
        ),
    ],
)
def test_the_heading_says_what_is_covered(books: Books, period: Period, filter: Filter, heading: str) -> None:
    """Whole days are named as people name them, with the last one included."""
    assert make_reports(books.database, ["cost"], period=period, filter=filter, now=NOON).heading == heading


def test_a_folder_gets_every_format_and_one_page(books: Books, tmp_path: Path) -> None:
    """Each report is written in three formats, all on index.html; nothing else is left behind."""
    books.image()
    folder = tmp_path / "reports"
    for _ in range(2):
        written = write_reports(folder, make_reports(books.database, ["cost", "content"], now=NOON))
    assert [path.name for path in written] == [
        "cost-by-site.md", "content.md", "cost-by-site.csv", "content.csv", "cost-by-site.json", "content.json", "index.html",
    ]  # fmt: skip
    assert sorted(folder.iterdir()) == sorted(written)
    assert {path.stat().st_mode & 0o777 for path in written} == {0o644}
    assert (folder / "cost-by-site.md").read_text("utf-8").count("## ") == 2


def test_a_folder_that_cannot_be_written_is_named(books: Books, tmp_path: Path) -> None:
    """A file in the folder's place is said as such."""
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(UnreachableError, match=r"cannot write reports to .*reports"):
        write_reports(tmp_path / "reports", make_reports(books.database, ["cost"], now=NOON))
