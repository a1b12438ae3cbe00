"""igny8 calendar"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from cli.options import at_option, format_option, site_option
from cli.output import readable, shorten
from cli.session import YEARS, Session
from reconciler.errors import UsageError
from reconciler.wording import day_and_time

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.operations.calendar import Calendar


@click.command()
@site_option
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 366), help="How far to look ahead.")
@click.option("--back", default=7, show_default=True, type=click.IntRange(0, 366), help="How many past days to show.")
@click.option("--month", metavar="YYYY-MM", help="A month on each site's own calendar, instead of days around now.")
@click.option(
    "--view", type=click.Choice(["list", "month"]), help="A list, or a grid of the month; with --month the grid."
)
@click.option("--empty", is_flag=True, help="List slots that nobody has, too; a month always has them.")
@format_option("text", "json", "ics", "html")
@at_option
@click.pass_obj
def calendar(
    session: Session, site: str | None, days: int, back: int, month: str | None, view: str | None, empty: bool,
    format_: str, at: str | None,
) -> None:  # fmt: skip
    """Show which article stands in which slot, in each site's own time.

    A slot is scheduled, published, failed, missed (its time has passed and its article is not public) or empty.

    Examples:

      igny8 calendar --site alpine-trails --days 30
      igny8 calendar --month 2026-12
      igny8 calendar --month 2026-12 --format html > december.html
      igny8 calendar --days 60 --format ics > igny8.ics
    """
    from cli.calendar_views import calendar_events, month_lines, month_page, state_sentence
    from cli.ical import ical_text
    from reconciler.operations.calendar import calendar as load
    from reconciler.operations.calendar import month_calendar

    if month is not None and _is_given("days", "back"):
        raise UsageError("--days and --back are for days around now", hint="leave them out, or --month")
    output = session.output
    installation = session.installation(at)
    now = installation.clock.now()
    by_month = month is not None or view == "month" or format_ == "html"
    year, number = _month(month) if month else (now.year, now.month)
    with session.database(installation) as database:
        if by_month:
            found = month_calendar(database, installation.clock, site=site, year=year, month=number)
        else:
            found = load(database, installation.clock, site=site, days=days, back=back, with_empty=empty)
    if format_ == "json":
        output.json(_answer(found))
    elif format_ == "ics":
        output.file(ical_text(f"igny8, {site}" if site else "igny8", calendar_events(found), now=now))
    elif format_ == "html":
        output.data(month_page(found, year, number, site=site or ""))
    elif by_month and view != "list":
        for line in month_lines(found, year, number):
            output.data(line)
        output.note(state_sentence(found))
    else:
        _show_list(session, found, now)


def _is_given(*names: str) -> bool:
    context = click.get_current_context()
    return any(context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in names)


def _month(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if match is None or not 1 <= int(match[2]) <= 12 or int(match[1]) not in YEARS:
        raise UsageError(f"{text!r} is no month", hint="write it as 2026-12")
    return int(match[1]), int(match[2])


def _answer(found: Calendar) -> dict[str, object]:
    closed = [{"site": item.site, "on": item.on, "reason": item.reason} for item in found.closed]
    summary = {"slots": len(found.entries), **found.counts()}
    return {"version": 1, "summary": summary, "slots": found.entries, "blackouts": closed}


def _show_list(session: Session, found: Calendar, now: datetime) -> None:
    if not found.entries:
        session.output.data("No article has a slot in this time.")
        return
    session.output.table(
        ["SLOT (LOCAL)", "TIMEZONE", "SITE", "STATE", "NO", "ARTICLE"],
        [
            (
                day_and_time(entry["local"], now),
                entry["timezone"],
                entry["site"],
                entry["state"],
                entry["content"] or "-",
                shorten(str(entry["title"]), 60) + (f"  ! {readable(str(entry['error']))}" if entry["error"] else ""),
            )
            for entry in found.entries
        ],
        right=[4],
    )
