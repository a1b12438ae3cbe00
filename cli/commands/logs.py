"""igny8 logs"""

from __future__ import annotations

from typing import Any

import click

from cli.options import format_option, site_option
from cli.output import shorten
from cli.session import Session
from reconciler.money import format_usd

# What a terminal shows of each kind of record: (title, column, form).
_COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "usage": (
        ("AT (UTC)", "at", "time"), ("SITE", "site", ""), ("OPERATION", "operation", ""), ("MODEL", "model", ""),
        ("IN", "input_tokens", "n"), ("OUT", "output_tokens", "n"), ("IMAGES", "images", "n"),
        ("CREDITS", "credits", "n"), ("COST", "cost_nano", "usd"), ("REVENUE", "revenue_nano", "usd"), ("RUN", "run_id", "n"),
    ),
    "ai": (
        ("AT (UTC)", "started_at", "time"), ("SITE", "site", ""), ("FUNCTION", "function", ""), ("MODEL", "model", ""),
        ("STATUS", "status", ""), ("COST", "cost_nano", "usd"), ("BASIS", "cost_basis", ""), ("RUN", "run_id", "n"),
        ("RESULT", "result_summary", "text"), ("ERROR", "error", "text"),
    ),
    "credits": (
        ("AT (UTC)", "at", "time"), ("ACCOUNT", "account", ""), ("KIND", "kind", ""), ("CREDITS", "credits", "n"),
        ("AVAILABLE", "available_after", "n"), ("SITE", "site", ""), ("RUN", "run_id", "n"), ("BY", "actor", ""),
        ("REASON", "reason", "text"),
    ),
    "sync": (
        ("AT (UTC)", "at", "time"), ("SITE", "site", ""), ("EVENT", "event", ""), ("CONTENT", "content_id", "n"),
        ("AT THE SITE", "remote_id", ""), ("DETAIL", "detail", "text"),
    ),
    "notifications": (
        ("AT (UTC)", "at", "time"), ("EVENT", "event", ""), ("SITE", "site", ""), ("TEXT", "text", "text"),
    ),
}  # fmt: skip


@click.command()
@click.argument("kind", type=click.Choice(list(_COLUMNS)))
@site_option
@click.option("--account", metavar="NAME", help="Only this account.")
@click.option("--run", "run_id", type=int, metavar="NUMBER", help="Only this run.")
@click.option("--model", metavar="NAME", help="Only this model (usage, ai).")
@click.option("--status", type=click.Choice(["pending", "success", "error", "lost"]), help="Only these calls (ai).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@format_option("text", "json")
@click.pass_obj
def logs(
    session: Session, kind: str, site: str | None, account: str | None, run_id: int | None, model: str | None,
    status: str | None, limit: int, offset: int, format_: str,
) -> None:  # fmt: skip
    """Show records, newest first: credit usage, the AI task log, credit transactions, notifications.

    Examples:

      igny8 logs usage --site alpine-trails
      igny8 logs ai --status lost --json
      igny8 logs credits --account northbeam-media
    """
    from reconciler.operations.records import read_records

    where = {"site": site, "account": account, "run_id": run_id, "model": model, "status": status}
    installation = session.installation()
    with session.database(installation) as database:
        page = read_records(database, kind, where, limit=limit, offset=offset)
    if format_ == "json":
        session.output.json(
            {"version": 1, "summary": {"total": page.total, "shown": len(page.rows)}, "records": page.rows}
        )
        return
    columns = _COLUMNS[kind]
    rows = [[_cell(row[column], form) for _, column, form in columns] for row in page.rows]
    numbers = [index for index, (_, _, form) in enumerate(columns) if form in ("n", "usd")]
    session.output.table([title for title, _, _ in columns], rows, right=numbers)
    if page.total > len(page.rows):
        session.output.note(f"{len(page.rows)} of {page.total}; use --limit and --offset for more")


def _cell(value: Any, form: str) -> str:
    if value is None:
        return "-"
    if form == "time":
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if form == "usd":
        return format_usd(value)
    return f"{value:,}" if form == "n" else shorten(str(value), 70)
