"""The renderers: the same figures as Markdown, CSV, JSON and a page. No database is needed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from reconciler.errors import UsageError
from reconciler.reports import REPORTS
from reconciler.reports.rendering import RENDERERS, find_renderer
from reconciler.reports.rendering.svg import draw
from reconciler.reports.table import Chart, Column, Reports, ReportTable, Row, Series

HOSTILE = '<script>alert("x")</script>|&'
COLUMNS = (
    Column("site", "Site", "text"),
    Column("cost", "Cost", "usd"),
    Column("margin_pct", "Margin %", "percent"),
    Column("next_slot", "Next slot", "date"),
)
CHART = Chart("Cost by site", "site", ("acme", HOSTILE), (Series("Cost", (4, 2)), Series("Revenue", (9, 0))), "usd")


def reports_of(*rows: Row, **changes: object) -> Reports:
    table = ReportTable(
        name="cost", title="AI cost", columns=COLUMNS, rows=rows, totals=("Total", 40_000_001, 605, None),
        notes=("a note",), charts=(CHART,), headline=("cost", "margin_pct"), method=("how",),
    )  # fmt: skip
    return Reports("Heading", datetime(2026, 3, 4, 12, tzinfo=UTC), (replace(table, **changes),))  # type: ignore[arg-type]


def render(name: str, reports: Reports) -> str:
    renderer = find_renderer(name)
    assert renderer is not None
    return renderer.render(reports)


class Page(HTMLParser):
    """Collects the elements of a page, and refuses one that is not closed."""

    VOID = ("meta", "br", "link", "img", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_json_holds_integers_and_decimal_strings_and_no_floats() -> None:
    """Money is nano-USD and an exact decimal; a percentage is tenths and a decimal."""
    row = Row(("acme", 40_000_001, 605, datetime(2026, 3, 4, 14, tzinfo=UTC)), "some")
    document = json.loads(render("json", reports_of(row)), parse_float=pytest.fail)
    assert (document["version"], document["generated_at"]) == (1, "2026-03-04T12:00:00+00:00")
    assert document["reports"][0]["rows"] == [
        {
            "site": "acme", "cost_nano_usd": 40_000_001, "cost_usd": "0.040000001", "margin_pct_tenths": 605,
            "margin_pct": "60.5", "next_slot": "2026-03-04T14:00:00+00:00", "simulated": "some",
        }
    ]  # fmt: skip
    assert document["summary"]["cost"] == {
        "cost_nano_usd": 40_000_001, "cost_usd": "0.040000001", "margin_pct_tenths": 605, "margin_pct": "60.5",
    }  # fmt: skip
    assert "site" not in document["reports"][0]["totals"]


def test_csv_holds_one_report() -> None:
    """Two tables in one file are no CSV: the error says what to do."""
    reports = reports_of()
    with pytest.raises(UsageError, match="CSV holds one report, and 2 were asked for: cost, cost"):
        render("csv", replace(reports, tables=reports.tables * 2))


def test_csv_text_is_never_a_formula() -> None:
    """A name that a spreadsheet would run is kept as text; a negative amount stays a number."""
    assert render("csv", reports_of(Row(("=1+1", -30_000_000, -5, None)))).splitlines()[1] == "'=1+1,-0.03,-0.5,,none"


def test_markdown_shows_text_as_it_is() -> None:
    """A pipe does not break the table, a tag is no tag."""
    text = render("markdown", reports_of(Row((HOSTILE, -30_000_000, -5, None), "all")))
    assert r"| \<script\>alert(" in text
    assert r"\|\& (simulated) | -$0.0300 | -0.5 % | – |" in text


def test_a_report_without_rows_says_so() -> None:
    """Readers see a sentence, not an empty table."""
    for name in ("markdown", "html"):
        assert "Nothing recorded for this period and filter." in render(name, reports_of(charts=()))


def test_the_page_is_whole_and_needs_nothing_from_outside() -> None:
    """Every element is closed; no script, no link to another file."""
    page = Page(render("html", reports_of(Row(("acme", 1, 2, None)))))
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "img", "iframe", "object")]
    targets = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")]
    assert not [target for target in targets if not str(target).startswith("#")]


def test_the_page_escapes_everything() -> None:
    """Names, titles, notes and charts are text wherever they stand."""
    hostile = reports_of(Row((HOSTILE, 1, 2, None)), title=HOSTILE, notes=(HOSTILE,), method=(HOSTILE,))
    text = render("html", replace(hostile, heading=HOSTILE))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 8


def test_the_page_says_what_is_simulated_only_then() -> None:
    """The banner is there with a simulated table and not otherwise."""
    row = Row(("acme", 1, 2, None), "all")
    assert "Simulated: offline sample." in render("html", reports_of(row, simulated=True))
    assert "acme (simulated)" in render("html", reports_of(row, simulated=True))
    assert "Simulated: offline sample." not in render("html", reports_of(Row(("acme", 1, 2, None))))


def test_ids_on_the_page_are_unique_and_known() -> None:
    """Titles and descriptions of pictures are found by their ids."""
    page = Page(render("html", reports_of(Row(("acme", 1, 2, None)), charts=(CHART, CHART))))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [
        str(attributes["aria-labelledby"]).split() for _, attributes in page.elements if "aria-labelledby" in attributes
    ]
    assert {name for names in named for name in names} <= set(ids)


@pytest.mark.parametrize("form", ["bars", "stacked", "columns"])
def test_a_chart_is_a_picture_with_a_title_and_words(form: str) -> None:
    """Each form is well-formed SVG, and tells its figures to those who do not see it."""
    picture = ElementTree.fromstring(draw(replace(CHART, form=form), "k"))  # type: ignore[arg-type]
    assert picture.findtext("title") == "Cost by site"
    assert picture.findtext("desc") == f"acme: Cost $0.0000, Revenue $0.0000; {HOSTILE}: Cost $0.0000, Revenue $0.0000"
    assert picture.attrib["role"] == "img"
    fills = {shape.attrib["fill"] for shape in picture.iter("rect")}
    assert fills == {"url(#fill-0)", "url(#fill-1)"}


@pytest.mark.parametrize("form", ["bars", "stacked", "columns"])
def test_a_chart_of_zeros_has_no_bars(form: str) -> None:
    """Nothing is drawn for nothing, and nothing is divided by it."""
    zeros = Chart("t", "site", ("a", "b"), (Series("Cost", (0, 0)),), "usd", form)  # type: ignore[arg-type]
    widths = [rect.attrib["width"] for rect in ElementTree.fromstring(draw(zeros, "k")).iter("rect")]
    assert widths in ([], ["12.0"])  # the square of a legend, where there is one


def test_bars_stay_within_the_picture() -> None:
    """The longest bar leaves room for its words."""
    large = Chart("t", "site", ("a",), (Series("Revenue", (123_456_789_000_000,)),), "usd")
    text = draw(large, "k")
    assert "$123,456.7890 revenue" in text
    assert max(float(width) for width in re.findall(r'width="([\d.]+)"', text)) <= 360


def test_registries_have_unique_names() -> None:
    """A name means one report, one format, one suffix."""
    for names in ([r.name for r in REPORTS], [r.name for r in RENDERERS], [r.suffix for r in RENDERERS]):
        assert len(names) == len(set(names))


def test_the_same_reports_give_the_same_text() -> None:
    """Renderers read no clock and no state."""
    reports = reports_of(Row(("acme", 1, 2, None)))
    for renderer in RENDERERS:
        assert renderer.render(reports) == renderer.render(reports)
