"""igny8 logs"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from cli.options import format_option, site_option
from cli.output import shorten
from cli.session import Session
from reconciler.clock import parse_instant
from reconciler.errors import UsageError
from reconciler.money import format_usd, usd_text

if TYPE_CHECKING:
    from reconciler.store.records import Page

# What a terminal shows of each kind of record: (title, column, form).
_COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "usage": (
        ("AT (UTC)", "at", "time"), ("SITE", "site", ""), ("STAGE", "stage", ""), ("OPERATION", "operation", ""), ("MODEL", "model", ""),
        ("IN", "input_tokens", "n"), ("OUT", "output_tokens", "n"), ("IMAGES", "images", "n"),
        ("CREDITS", "credits", "n"), ("COST", "cost_nano", "usd"), ("REVENUE", "revenue_nano", "usd"), ("RUN", "run_id", "n"),
    ),
    "ai": (
        ("AT (UTC)", "started_at", "time"), ("SITE", "site", ""), ("FUNCTION", "function", ""), ("MODEL", "model", ""),
        ("PHASE", "phase", ""), ("STATUS", "status", ""), ("COST", "cost_nano", "usd"), ("BASIS", "cost_basis", ""), ("RUN", "run_id", "n"),
        ("RESULT", "result_summary", "text"), ("ERROR", "error", "text"),
    ),
    "credits": (
        ("AT (UTC)", "at", "time"), ("ACCOUNT", "account", ""), ("KIND", "kind", ""), ("CREDITS", "credits", "n"),
        ("AVAILABLE", "available_after", "n"), ("SITE", "site", ""), ("RUN", "run_id", "n"), ("BY", "actor", ""),
        ("REASON", "reason", "text"),
    ),
    "sync": (
        ("AT (UTC)", "at", "time"), ("SITE", "site", ""), ("PLACE", "target_name", ""), ("EVENT", "event", ""), ("CONTENT", "content_id", "n"),
        ("AT THE SITE", "remote_id", ""), ("DETAIL", "detail", "text"),
    ),
    "notifications": (
        ("AT (UTC)", "at", "time"), ("EVENT", "event", ""), ("SITE", "site", ""), ("TEXT", "text", "text"),
    ),
}  # fmt: skip


# Prompts and answers are long, and kept only for a while: JSON alone has them.
_NOT_IN_CSV = frozenset({"prompt", "answer", "payload_until"})


@click.command()
@click.argument("kind", type=click.Choice(list(_COLUMNS)))
@site_option
@click.option("--account", metavar="NAME", help="Only this account.")
@click.option("--run", "run_id", type=int, metavar="NUMBER", help="Only this run.")
@click.option("--stage", metavar="KEY", help="Only this stage, linking or optimization (usage, ai, notifications).")
@click.option("--operation", metavar="NAME", help="Only this operation, e.g. content_generation (usage, ai).")
@click.option("--provider", metavar="NAME", help="Only this provider (usage, ai).")
@click.option("--model", metavar="NAME", help="Only this model (usage, ai).")
@click.option("--status", type=click.Choice(["pending", "success", "error", "lost"]), help="Only these calls (ai).")
@click.option(
    "--kind", "transfer_kind", type=click.Choice(["grant", "activate", "hold", "settle", "void", "expire", "lapse", "refund"]),
    help="Only these transactions (credits).",
)  # fmt: skip
@click.option("--event", metavar="NAME", help="Only this event, e.g. credits_low (notifications).")
@click.option("--since", metavar="TIME", help="From this day or time on (UTC), or an offset such as -7d.")
@click.option(
    "--until", metavar="TIME", help="Up to the end of this day, or before this time; pages up to it stay as they are."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@click.option("--all", "all_", is_flag=True, help="All that the filter has, whatever --limit says.")
@format_option("text", "json", "csv")
@click.pass_obj
def logs(
    session: Session, /, kind: str, since: str | None, until: str | None, limit: int, offset: int, all_: bool, format_: str,
    transfer_kind: str | None, **where: Any,
) -> None:  # fmt: skip
    """Show records, newest first: credit usage, the AI task log, credit transactions, notifications.

    CSV and JSON hold every column; costs are exact, in CSV as USD and in JSON in nano-USD.

    Examples:

      igny8 logs usage --site alpine-trails --since 2026-11-01 --until 2026-11-30
      igny8 logs ai --status lost --json
      igny8 logs usage --account northbeam-media --since -7d --all --format csv > usage.csv
      igny8 logs notifications --stage content
    """
    from reconciler.operations.records import read_records
    from reconciler.store.records import Span

    installation = session.installation()
    now = installation.clock.now()
    span = Span(_instant(since, "--since", now), _instant(until, "--until", now, is_end=True))
    with session.database(installation) as database:
        page = read_records(
            database, kind, {**where, "kind": transfer_kind}, span=span, limit=None if all_ else limit, offset=offset
        )
    if format_ == "json":
        session.output.json(
            {"version": 1, "summary": {"total": page.total, "shown": len(page.rows)}, "records": page.rows}
        )
        return
    if format_ == "csv":
        _write_csv(session, page)
        return
    columns = _COLUMNS[kind]
    rows = [[_cell(row[column], form) for _, column, form in columns] for row in page.rows]
    numbers = [index for index, (_, _, form) in enumerate(columns) if form in ("n", "usd")]
    session.output.table([title for title, _, _ in columns], rows, right=numbers)
    if page.total > len(page.rows):
        session.output.note(f"{len(page.rows)} of {page.total}; use --limit and --offset for more")


def _instant(text: str | None, option: str, now: datetime, *, is_end: bool = False) -> datetime | None:
    if text is None:
        return None
    try:
        instant = parse_instant(text, now)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    is_day = len(text) == len("2026-01-31") and text[:4].isdigit()
    return instant + timedelta(days=1) if is_end and is_day else instant


def _write_csv(session: Session, page: Page) -> None:
    names = [name for name in page.columns if name not in _NOT_IN_CSV]
    session.output.csv(
        [name.replace("_nano", "_usd") for name in names],
        ([usd_text(row[name]) if name.endswith("_nano") else row[name] for name in names] for row in page.rows),
    )
    if page.total > len(page.rows):
        session.output.note(f"{len(page.rows)} of {page.total}; --all writes all of them")


def _cell(value: Any, form: str) -> str:
    if value is None:
        return "-"
    if form == "time":
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if form == "usd":
        return format_usd(value)
    return f"{value:,}" if form == "n" else shorten(str(value), 70)
