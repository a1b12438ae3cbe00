"""igny8 runs"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from cli.options import format_option, site_option
from cli.output import Output
from cli.session import Session

_STATES = ["running", "interrupted", "completed", "failed", "cancelled", "paused"]


@click.group()
def runs() -> None:
    """Look at past and present runs; pause, resume and cancel them."""


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
                row["state"] + (f" ({row['asked']} asked)" if row["asked"] else ""),
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
@click.option(
    "--follow", is_flag=True, help="Keep telling until the run has ended or rests; Ctrl-C ends only the telling."
)
@format_option("text", "json", "ndjson")
@click.pass_obj
def show(session: Session, number: int, follow: bool, format_: str) -> None:
    """Show a run: its stages, budgets, credits, and how its calls ended.

    With --follow each change is told as it comes: a line a change, with --format ndjson one of JSON.

    Examples:

      igny8 runs show 12
      igny8 runs show 12 --follow
    """
    from reconciler.operations.records import follow_run, read_run

    installation = session.installation()
    with session.database(installation) as database:
        if follow:
            for change in follow_run(database, number):
                if format_ == "ndjson":
                    session.output.line(change)
                elif format_ == "text":
                    session.output.note(_told(change))
        row = read_run(database, number)
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"run": number, "state": row["state"]}, "run": row})
    elif format_ == "ndjson":
        session.output.line({"event": "summary", "version": 1, "run": row})
    else:
        _show(session.output, row)


def _order(name: str, help_: str, examples: str, done: dict[str, str]) -> click.Command:
    """Return a command that gives a run an order."""

    @click.argument("number", type=int)
    @format_option("text", "json")
    @click.pass_obj
    def give(session: Session, number: int, format_: str) -> None:
        from reconciler.operations.run_orders import order_run

        installation = session.installation()
        with session.database(installation) as database:
            ordered = order_run(database, installation.clock, number, name, by=installation.actor)  # type: ignore[arg-type]
        if format_ == "json":
            summary = {"run": number, "site": ordered.site, "state": ordered.state, "asked": ordered.asked}
            session.output.json({"version": 1, "summary": summary})
            return
        session.output.data(f"Run {number} of {ordered.site}: {done['asked' if ordered.asked else 'done']}")

    return runs.command(name, help=f"{help_}\n\nExample: {examples}")(give)


_order(
    "pause",
    "Pause a run: what is in flight is finished and saved, nothing more begins until it is resumed.",
    "igny8 runs pause 12",
    {"asked": "its worker pauses it after the calls at hand", "done": "paused"},
)
_order(
    "resume",
    "Let a paused run go on: the next `igny8 run --due`, worker or daemon takes it up.",
    "igny8 runs resume 12",
    {"asked": "goes on", "done": "goes on; `igny8 run --due`, a worker or the daemon takes it up"},
)
_order(
    "cancel",
    "End a run: what is in flight is finished and saved, what was not begun stays pending for the next run.",
    "igny8 runs cancel 12",
    {"asked": "its worker ends it after the calls at hand", "done": "cancelled"},
)


def _told(change: dict[str, Any]) -> str:
    """Return a change of a run as a line."""
    if change["event"] == "run":
        asked = f" ({change['asked']} asked)" if change["asked"] else ""
        return f"{change['state']}{asked}, {change['credits_used']:,} credits used, {change['held_credits']:,} held"
    reason = f": {change['reason']}" if change["reason"] else ""
    failed = f", {change['failed']} failed" if change["failed"] else ""
    return (
        f"{change['stage']}: {change['state']}{reason}, {change['done']} of {change['total']} done{failed},"
        f" {change['credits_used']:,} credits"
    )


def _show(output: Output, row: dict[str, Any]) -> None:
    asked = f" ({row['asked']} asked)" if row["asked"] else ""
    output.data(output.style(f"run {row['id']} of {row['site']}: {row['state']}{asked}", "head"))
    calls = ", ".join(f"{count} {status}" for status, count in sorted(row["calls"].items())) or "none"
    output.data(
        f"  {row['trigger']}, generation {row['generation']}, {row['available_at_start']:,} credits available at its start"
    )
    most = "" if row["credits_max"] is None else f" of at most {row['credits_max']:,}"
    held = f", {row['held_credits']:,} held" if row["held_credits"] else ""
    output.data(
        f"  {row['credits_used']:,} credits used{most}{held}; calls: {calls}{'; offline samples' if row['simulated'] else ''}"
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
