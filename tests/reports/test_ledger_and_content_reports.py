"""The usage, credits and content reports."""

from __future__ import annotations

from datetime import timedelta

from report_books import NOON, Books

from reconciler.operations.report import make_reports
from reconciler.reports.rendering.csv import render as to_csv
from reconciler.reports.rendering.markdown import render as to_markdown
from reconciler.reports.table import Filter, Period


def test_usage_by_operation_and_model(books: Books) -> None:
    """Calls of one operation and model are one row; what was absorbed stands beside what was charged."""
    books.call(cost="0.01", credits=3, tokens=(2_000, 900), cached=500)
    books.call(cost="0.01", credits=2, tokens=(1_000, 1_100), absorbed=1)
    books.call(cost="0.001", credits=1, tokens=(700, 80), operation="clustering", stage="clusters", simulated=True)
    books.failure("error", cost="0.01")
    assert to_csv(make_reports(books.database, ["usage"], now=NOON)) == (
        "operation,model,calls,input_tokens,cached_input_tokens,output_tokens,images,credits,absorbed_credits,simulated\n"
        "content_generation,gpt-5.1,2,3000,500,2000,0,5,1,none\n"
        "clustering,gpt-5.1,1,700,0,80,0,1,0,all\n"
    )


def test_usage_as_markdown_tells_what_is_simulated(books: Books) -> None:
    """The banner, the row's mark and the note all say so."""
    books.call(cost="0.001", credits=1, tokens=(700, 80), operation="clustering", stage="clusters", simulated=True)
    text = to_markdown(make_reports(books.database, ["usage"], now=NOON, filter=Filter(site="acme")))
    assert text == (
        "# AI content operations · site acme\n"
        "\n"
        "Generated 2026-03-04 12:00 UTC.\n"
        "\n"
        "> **Simulated: offline sample.** Some or all calls behind these figures went to the offline provider and not to a real one.\n"
        "\n"
        "## AI usage by operation and model\n"
        "\n"
        "| Operation | Model | Calls | Tokens in | Of those cached | Tokens out | Images | Credits | Absorbed credits |\n"
        "| :--- | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| clustering (simulated) | gpt-5.1 | 1 | 700 | 0 | 80 | 0 | 1 | 0 |\n"
        "| **Total** |  | **1** | **700** | **0** | **80** | **0** | **1** | **0** |\n"
        "\n"
        "- 1 of 1 call was an offline sample: credits are real movements of this ledger, cost is what the model would have cost\n"
        "\n"
        "## How the figures are made\n"
        "\n"
        "- Usage counts charged calls. Absorbed credits are what calls were worth beyond the credits held for them: nobody is charged more than was reserved.\n"
    )


def test_credits_of_accounts(books: Books) -> None:
    """Granted is what was given, as a positive number; only spent in the period follows the period."""
    books.account("agency", granted=1_000, spent=10, held=40)
    books.account("northwind", granted=500)
    books.image()
    books.image(at=NOON - timedelta(days=9))
    week = Period(since=NOON - timedelta(days=7))
    assert to_csv(make_reports(books.database, ["credits"], period=week, now=NOON)) == (
        "account,granted,spent,held,available,spent_in_period,simulated\n"
        "agency,1000,10,40,950,5,none\n"
        "northwind,500,0,0,500,0,none\n"
    )


def test_credits_of_a_sites_account(books: Books) -> None:
    """A site has no balance of its own: the account's is shown, and a note says so."""
    books.account("agency", granted=1_000, spent=10)
    books.account("northwind", granted=500)
    books.image()
    books.image(site="other")
    reports = make_reports(books.database, ["credits"], filter=Filter(site="acme"), now=NOON)
    assert reports.tables[0].totals == ("Total", 1_000, 10, 0, 990, 5)
    assert reports.tables[0].notes == (
        "balances belong to the whole account; only what was spent in the period is that of acme",
    )


def test_content_by_site_and_state(books: Books) -> None:
    """Each state has its column; the next slot is the earliest that still waits, published ones do not."""
    books.article("draft")
    books.article("published", slot_at=NOON - timedelta(days=1), publication_state="published")
    books.article("scheduled", slot_at=NOON + timedelta(hours=6))
    books.article("scheduled", slot_at=NOON + timedelta(hours=2))
    books.article("review", site="news", account="northwind", simulated=True)
    assert to_csv(make_reports(books.database, ["content"], now=NOON)) == (
        "site,draft,review,approved,scheduled,published,failed,articles,next_slot,simulated\n"
        "acme,1,0,0,2,1,0,4,2026-03-04T14:00:00+00:00,none\n"
        "news,0,1,0,0,0,0,1,,all\n"
    )


def test_content_notes_samples_and_what_is_late(books: Books) -> None:
    """A slot that has passed is late while its article waits."""
    books.article("scheduled", slot_at=NOON - timedelta(hours=1), simulated=True)
    (table,) = make_reports(books.database, ["content"], now=NOON).tables
    assert table.notes == ("1 of 1 article is an offline sample", "1 article waits although the slot has passed")
    assert table.totals[-1] == NOON - timedelta(hours=1)


def test_content_of_an_account_and_of_a_period(books: Books) -> None:
    """An account has the articles of its sites; a period those that were written in it."""
    books.article("draft", at=NOON - timedelta(days=40))
    books.article("draft")
    books.article("draft", site="news", account="northwind")
    agency = Filter(account="agency")
    assert make_reports(books.database, ["content"], filter=agency, now=NOON).tables[0].totals[-2] == 2
    month = Period(since=NOON - timedelta(days=30))
    assert make_reports(books.database, ["content"], filter=agency, period=month, now=NOON).tables[0].totals[-2] == 1


def test_all_reports_of_empty_books(books: Books) -> None:
    """A new installation has reports too, and they hold nothing."""
    reports = make_reports(books.database, (), now=NOON)
    assert [(table.name, table.rows, table.charts) for table in reports.tables] == [
        ("cost-by-site", (), ()), ("usage", (), ()), ("credits", (), ()), ("content", (), ()),
    ]  # fmt: skip
