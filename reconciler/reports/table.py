"""What a report is made of: columns, rows, totals, notes and charts, as frozen values.

Values stay what they are (credits and counts as integers, money in nano-USD, percentages in tenths, aware instants);
only the renderers turn them into text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["text", "count", "credits", "usd", "percent", "date"]
Cell = str | int | datetime | None
Grouping = Literal["account", "site", "stage", "model", "day"]
Share = Literal["none", "some", "all"]

GROUPINGS: tuple[Grouping, ...] = ("account", "site", "stage", "model", "day")


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time, from `since` on and before `until`; None leaves that end open."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Whose figures are wanted; None means everybody's."""

    account: str | None = None
    site: str | None = None


ALWAYS = Period()
EVERYBODY = Filter()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is asked to cover, and the instant it is made at."""

    now: datetime
    by: Grouping = "site"
    period: Period = ALWAYS
    filter: Filter = EVERYBODY


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the key in machine-readable output, the title on screen, and what its cells hold."""

    key: str
    title: str
    kind: Kind

    @property
    def is_number(self) -> bool:
        """Tell whether the cells line up on the right."""
        return self.kind in ("count", "credits", "usd", "percent")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row in the order of the columns, and how much of what it counts is simulated."""

    cells: tuple[Cell, ...]
    simulated: Share = "none"


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity of a chart, with a value for each of its labels."""

    title: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of some figures: bars side by side, parts of a whole stacked, or columns along the days."""

    title: str
    label_title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    kind: Kind
    form: Literal["bars", "stacked", "columns"] = "bars"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A finished report: its first column names the row.

    `headline` lists the totals that are worth a large figure, `method` says how the figures are made.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    headline: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports made together: what a renderer turns into text."""

    heading: str
    generated_at: datetime
    tables: tuple[ReportTable, ...]

    @property
    def method(self) -> tuple[str, ...]:
        """Return how the figures are made, each sentence once."""
        return tuple(dict.fromkeys(sentence for table in self.tables for sentence in table.method))

    @property
    def is_simulated(self) -> bool:
        """Tell whether any of the figures come from offline samples."""
        return any(table.simulated for table in self.tables)


def row_of(columns: tuple[Column, ...], values: Mapping[str, Cell], simulated: Share = "none") -> Row:
    """Return the row of a mapping that holds a value for every column."""
    return Row(tuple(values[column.key] for column in columns), simulated)


def share_of(part: int, whole: int) -> Share:
    """Return whether none, some or all of a whole belongs to the part."""
    if part == 0:
        return "none"
    return "all" if part == whole else "some"


def marked_name(row: Row) -> str:
    """Return a row's name as people read it, marked where its figures are simulated."""
    name = str(row.cells[0])
    return name + {"none": "", "some": " (partly simulated)", "all": " (simulated)"}[row.simulated]
