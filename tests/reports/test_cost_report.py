"""The cost report: what the domain promises about cost, revenue and margin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from report_books import NOON, Books

from reconciler.operations.report import make_reports
from reconciler.reports.rendering.csv import render as to_csv
from reconciler.reports.rendering.markdown import render as to_markdown
from reconciler.reports.table import ALWAYS, EVERYBODY, Filter, Grouping, Period, ReportTable


def cost_by(books: Books, by: Grouping = "site", period: Period = ALWAYS, filter: Filter = EVERYBODY) -> ReportTable:
    (table,) = make_reports(books.database, ["cost"], by=(by,), period=period, filter=filter, now=NOON).tables
    return table


def totals_of(table: ReportTable) -> dict[str, object]:
    return {column.key: cell for column, cell in zip(table.columns, table.totals, strict=True)}


def table_part(markdown: str) -> str:
    return "\n".join(line for line in markdown.splitlines() if line.startswith("|")) + "\n"


def test_the_domains_image_has_a_margin_of_six_cents(books: Books) -> None:
    """An image that costs $0.040, sold for 5 credits at $0.02, leaves $0.06: 60 % margin, 150 % markup."""
    books.image()
    reports = make_reports(books.database, ["cost"], now=NOON)
    assert table_part(to_markdown(reports)) == (
        "| Site | Calls | Tokens in | Tokens out | Images | Credits | Cost | Revenue | Margin | Margin % | Markup % | Failed calls | Failed cost |\n"
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| acme | 1 | 0 | 0 | 1 | 5 | $0.0400 | $0.1000 | $0.0600 | 60.0 % | 150.0 % | 0 | $0.0000 |\n"
        "| **Total** | **1** | **0** | **0** | **1** | **5** | **$0.0400** | **$0.1000** | **$0.0600** | **60.0 %** | **150.0 %** | **0** | **$0.0000** |\n"
    )


def test_lost_and_failed_calls_cost_without_revenue(books: Books) -> None:
    """Their cost is part of the cost, and shown on its own; a call in flight counts nowhere."""
    books.image()
    books.failure("lost", cost="0.03")
    books.failure("error", cost="0.05")
    books.attempt("pending", site="acme", account="agency", stage="content", model="gpt-5.1", at=NOON)
    table = cost_by(books)
    totals = totals_of(table)
    assert (totals["calls"], totals["failed_calls"]) == (1, 2)
    assert (totals["cost"], totals["failed_cost"]) == (120_000_000, 80_000_000)
    assert (totals["margin"], totals["margin_pct"], totals["markup_pct"]) == (-20_000_000, -200, -167)
    assert table.notes == ("2 calls failed or got lost and cost $0.0800 without revenue; that is part of the cost",)


def test_margin_percent_is_zero_without_revenue(books: Books) -> None:
    """A site that only lost a call has a negative margin and 0 %, not a division by zero."""
    books.failure("lost", cost="0.03")
    assert to_csv(make_reports(books.database, ["cost"], now=NOON)) == (
        "site,calls,input_tokens,output_tokens,images,credits,cost_usd,revenue_usd,margin_usd,margin_pct,markup_pct,failed_calls,failed_cost_usd,simulated\n"
        "acme,0,0,0,0,0,0.03,0,-0.03,0.0,-100.0,1,0.03,none\n"
    )


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("account", ["agency", "northwind"]),
        ("site", ["acme", "news"]),
        ("stage", ["images", "content"]),
        ("model", ["dall-e-3", "gpt-5.1"]),
        ("day", ["2026-03-04", "2026-03-05"]),
    ],
)
def test_groups_stand_in_order_of_cost_and_days_in_order_of_time(books: Books, by: Grouping, names: list[str]) -> None:
    """Each grouping has its own rows over the same totals."""
    books.image()
    books.call(cost="0.01", credits=3, site="news", account="northwind", at=NOON + timedelta(days=1), tokens=(900, 100))
    table = cost_by(books, by)
    assert [row.cells[0] for row in table.rows] == names
    assert totals_of(table)["revenue"] == 160_000_000


def test_a_loss_belongs_to_the_utc_day_of_its_call(books: Books) -> None:
    """A loss that is found days later is counted on the day the call was made, in UTC."""
    books.failure("lost", cost="0.03", at=NOON.replace(hour=23, minute=59), found_at=NOON + timedelta(days=3))
    assert [row.cells[0] for row in cost_by(books, "day").rows] == ["2026-03-04"]


def test_the_period_has_its_first_instant_and_not_its_last(books: Books) -> None:
    """Two periods that touch count nothing twice and leave nothing out."""
    for day in range(3):
        books.image(at=NOON + timedelta(days=day))
    books.failure("error", cost="0.01", at=NOON + timedelta(days=1))
    since, until = NOON + timedelta(days=1), NOON + timedelta(days=2)
    totals = totals_of(cost_by(books, period=Period(since, until)))
    assert (totals["calls"], totals["failed_calls"]) == (1, 1)
    assert totals_of(cost_by(books, period=Period(until=since)))["calls"] == 1
    assert totals_of(cost_by(books, period=Period(since=until)))["calls"] == 1


def test_a_filter_narrows_rows_totals_and_charts(books: Books) -> None:
    """What is not asked for is in no figure."""
    books.image()
    books.image(site="news", account="northwind")
    books.failure("lost", cost="0.03", site="news", account="northwind")
    for filter in (Filter(account="agency"), Filter(site="acme")):
        table = cost_by(books, filter=filter)
        assert totals_of(table)["cost"] == 40_000_000
        assert [chart.labels for chart in table.charts] == [("acme",)]


def test_samples_are_marked(books: Books) -> None:
    """A group of samples only is marked, a mixed one too, and a note says how many there are."""
    books.image(simulated=True)
    books.image(site="mixed")
    books.failure("lost", cost="0.01", site="mixed", simulated=True)
    books.image(site="real")
    table = cost_by(books)
    assert table.simulated
    assert {row.cells[0]: row.simulated for row in table.rows} == {"acme": "all", "mixed": "some", "real": "none"}
    assert table.notes[0] == (
        "2 of 4 calls were offline samples: credits are real movements of this ledger, "
        "cost is what the model would have cost"
    )


def test_empty_books_make_an_empty_report(books: Books) -> None:
    """Nothing recorded is an answer, with totals of zero."""
    table = cost_by(books)
    assert (table.rows, table.charts, table.notes, table.simulated) == ((), (), (), False)
    assert set(table.totals[1:]) == {0}


def test_totals_and_charts_cover_what_a_picture_cannot_show(books: Books) -> None:
    """With more sites than bars, the smallest share one bar, and the sum stays whole."""
    for number in range(15):
        books.image(site=f"site-{number:02}")
    chart = cost_by(books).charts[0]
    assert (len(chart.labels), chart.labels[-1]) == (12, "4 others")
    assert sum(chart.series[0].values) == 15 * 40_000_000


def test_days_without_a_call_keep_their_place(books: Books) -> None:
    """A chart of days has no gaps in its time, and ends with the latest day."""
    books.image()
    books.image(at=NOON + timedelta(days=3))
    chart = cost_by(books, "day").charts[0]
    assert chart.labels == ("2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07")
    assert chart.series[0].values == (40_000_000, 0, 0, 40_000_000)
