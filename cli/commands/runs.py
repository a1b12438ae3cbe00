"""igny8 runs"""

from __future__ import annotations

from datetime import datetime

import click

from cli.options import format_option, site_option
from cli.session import Session

_STATES = ["running", "interrupted", "completed", "failed", "cancelled", "paused"]


@click.group()
def runs() -> None:
    """Look at past and present runs."""


@runs.command("list")
@site_option
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, site: str | None, state: str | None, limit: int, offset: int, format_: str) -> None:
    """List runs, newest first.

    Example: igny8 runs list --site alpine-trails
    """
    from reconciler.operations.records import read_records

    installation = session.installation()
    with session.database(installation) as database:
        page = read_records(database, "runs", {"site": site, "state": state}, limit=limit, offset=offset)
    if format_ == "json":
        session.output.json(
            {"version": 1, "summary": {"total": page.total, "shown": len(page.rows)}, "runs": page.rows}
        )
        return
    session.output.table(
        ["RUN", "SITE", "WHY", "STATE", "STARTED (UTC)", "TOOK", "CREDITS", "NOTE"],
        [
            (
                row["id"],
                row["site"],
                row["trigger"],
                row["state"],
                f"{row['started_at']:%Y-%m-%d %H:%M}",
                _took(row["started_at"], row["finished_at"]),
                f"{row['credits_used']:,}",
                row["note"],
            )
            for row in page.rows
        ],
        right=[0, 6],
    )
    if page.total > len(page.rows):
        session.output.note(f"{len(page.rows)} of {page.total}; use --limit and --offset for more")


@runs.command()
@click.argument("number", type=int)
@format_option("text", "json")
@click.pass_obj
def show(session: Session, number: int, format_: str) -> None:
    """Show a run: its stages, budgets, credits, and how its calls ended.

    Example: igny8 runs show 12
    """
    from reconciler.operations.records import read_run

    installation = session.installation()
    with session.database(installation) as database:
        row = read_run(database, number)
    output = session.output
    if format_ == "json":
        output.json({"version": 1, "summary": {"run": number, "state": row["state"]}, "run": row})
        return
    output.data(output.style(f"run {row['id']} of {row['site']}: {row['state']}", "head"))
    calls = ", ".join(f"{count} {status}" for status, count in sorted(row["calls"].items())) or "none"
    output.data(
        f"  {row['trigger']}, generation {row['generation']}, {row['available_at_start']:,} credits available at its start"
    )
    output.data(
        f"  {row['credits_used']:,} credits used; calls: {calls}{'; offline samples' if row['simulated'] else ''}"
    )
    if row["note"]:
        output.data(f"  {row['note']}")
    output.data()
    output.table(
        ["STAGE", "STATE", "ITEMS", "DONE", "FAILED", "CREDITS", "BUDGET", "WHY"],
        [
            (
                stage["stage"],
                stage["state"],
                stage["total"],
                stage["done"],
                stage["failed"],
                f"{stage['credits_used']:,}",
                "-" if stage["budget_credits"] is None else f"{stage['budget_credits']:,}",
                stage["reason"],
            )
            for stage in row["stages"]
        ],
        right=[2, 3, 4, 5, 6],
    )


def _took(started_at: datetime, finished_at: datetime | None) -> str:
    if finished_at is None:
        return "-"
    seconds = int((finished_at - started_at).total_seconds())
    return f"{seconds // 60}m{seconds % 60:02}s" if seconds >= 60 else f"{seconds}s"
