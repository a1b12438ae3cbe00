"""igny8 calendar"""

from __future__ import annotations

import click

from cli.options import at_option, format_option, site_option
from cli.output import shorten
from cli.session import Session


@click.command()
@site_option
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 366), help="How far to look ahead.")
@click.option("--back", default=7, show_default=True, type=click.IntRange(0, 366), help="How many past days to show.")
@format_option("text", "json")
@at_option
@click.pass_obj
def calendar(session: Session, site: str | None, days: int, back: int, format_: str, at: str | None) -> None:
    """Show which article stands in which slot, in each site's own time.

    Example: igny8 calendar --site alpine-trails --days 30
    """
    from reconciler.operations.calendar import calendar as load

    installation = session.installation(at)
    with session.database(installation) as database:
        entries = load(database, installation.clock, site=site, days=days, back=back)
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"slots": len(entries)}, "slots": entries})
        return
    if not entries:
        session.output.data("No article has a slot in this time.")
        return
    session.output.table(
        ["SLOT (LOCAL)", "TIMEZONE", "SITE", "STATE", "NO", "ARTICLE"],
        [
            (
                f"{entry['local']:%a %d %b %H:%M}",
                entry["timezone"],
                entry["site"],
                entry["state"],
                entry["content"],
                shorten(str(entry["title"]), 60) + (f"  ! {entry['error']}" if entry["error"] else ""),
            )
            for entry in entries
        ],
        right=[4],
    )
