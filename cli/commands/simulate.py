"""igny8 simulate"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from cli.options import at_option, format_option
from cli.output import counted
from cli.session import YEARS, Session
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cli.ical import CalendarEvent
    from reconciler.operations.simulate import Simulated
    from reconciler.plan.simulation import Figures, Simulation

_HEAD = ["DAY", "RUNS", "SLOTS", "WRITTEN", "PUBLISHED", "CREDITS", "COST"]
_SITES_SHOWN = 20


@click.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 1100), help="How many days.")
@click.option("--site", metavar="NAME", help="Only this site.")
@click.option("--from", "first_on", metavar="DATE", help="The first day, such as 2026-12-01; today if left out.")
@click.option("--compare", metavar="REV", help="Show the difference to the config at a git revision.")
@format_option("text", "json", "ical")
@at_option
@click.pass_obj
def simulate(
    session: Session, days: int, site: str | None, first_on: str | None, compare: str | None, format_: str,
    at: str | None,
) -> None:  # fmt: skip
    """Show the due runs, slots, expected articles, credits and cost of days to come, day by day.

    Reckons from declared volume, as the forecast of a plan does, each site's days on its own calendar. It needs the
    config root only, no database. Keywords that run out, budgets and failures make it less.

    Examples:

      igny8 simulate --days 30
      igny8 simulate --days 90 --site alpine-trails --compare HEAD~1
      igny8 simulate --days 14 --format ical > schedule.ics
    """
    from reconciler.operations.simulate import simulate_root

    if compare and format_ == "ical":
        raise UsageError("--format ical shows one schedule", hint="leave --compare out, or take text or json")
    installation = session.installation(at)
    compilation = session.compiled(installation)
    found = simulate_root(
        installation, compilation, days=days, first_on=_date(first_on), site=site, compare=compare,
        with_events=format_ == "ical",
    )  # fmt: skip
    if format_ == "json":
        session.output.json(found.to_json())
    elif format_ == "ical":
        from cli.ical import ical_text

        session.output.file(ical_text("igny8, simulated", _events(found.now), now=installation.clock.now()))
    elif found.then is not None:
        _show_difference(session, found)
    else:
        _show(session, found.now)


def _date(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"{text!r} is no date", hint="write it as 2026-12-01") from error
    if found is not None and found.year not in YEARS:
        raise UsageError(f"the year {found.year} is on no calendar", hint="write it as 2026-12-01")
    return found


def _show(session: Session, found: Simulation) -> None:
    rows = [(_day(found, index), *_cells(day)) for index, day in enumerate(found.days)]
    session.output.table(_HEAD, [*rows, ("total", *_cells(found.total))], right=range(1, 7))
    _show_notes(session, found)


def _show_difference(session: Session, found: Simulated) -> None:
    """Show each day with what changed on it, the totals of both, and the sites that differ."""
    output, then = session.output, found.then
    assert then is not None
    if found.now.total == then.total and not found.changed_sites():
        output.data(f"The same as at {found.revision[:12]}: {_sentence(found.now.total)}.")
        return
    rows = [
        (_day(found.now, index), *_changed(day, was))
        for index, (day, was) in enumerate(zip(found.now.days, then.days, strict=True))
        if day != was
    ]
    same = len(found.now.days) - len(rows)
    output.data(f"Compared with {found.revision[:12]}; {counted(same, 'day')} as before.")
    output.table(_HEAD, [*rows, ("total", *_changed(found.now.total, then.total))], right=range(1, 7))
    changed = found.changed_sites()
    for name, difference in list(changed.items())[:_SITES_SHOWN]:
        state = "new" if name not in then.sites else "gone" if name not in found.now.sites else "changed"
        output.data(f"  site {name} ({state}): {_signed_sentence(difference)}")
    if len(changed) > _SITES_SHOWN:
        output.data(f"  and {counted(len(changed) - _SITES_SHOWN, 'more site')}; --format json has all")
    _show_notes(session, found.now)


def _show_notes(session: Session, found: Simulation) -> None:
    from reconciler.plan.simulation import METHOD

    waiting = [name for name, site in found.sites.items() if site.waits_for_people]
    if waiting:
        names = ", ".join(waiting[:5]) + (", ..." if len(waiting) > 5 else "")
        session.output.note(f"{counted(len(waiting), 'site')} where people approve ({names}): reckoned as if at once")
    session.output.note(METHOD)


def _day(found: Simulation, index: int) -> str:
    return f"{found.on(index):%a %Y-%m-%d}"


def _cells(day: Figures) -> tuple[str, ...]:
    from reconciler.money import format_usd

    counts = (day.runs, day.slots, day.written, day.published, day.credits)
    return (*(f"{number:,}" for number in counts), format_usd(day.cost_nano, 2))


def _changed(day: Figures, was: Figures) -> tuple[str, ...]:
    return tuple(
        now if now == before else f"{before} -> {now}" for now, before in zip(_cells(day), _cells(was), strict=True)
    )


def _sentence(total: Figures) -> str:
    from reconciler.money import format_usd

    written, credits = counted(total.written, "article"), counted(total.credits, "credit")
    return f"{written}, {credits}, {format_usd(total.cost_nano, 2)}"


def _signed_sentence(difference: Figures) -> str:
    from reconciler.money import format_usd
    from reconciler.plan.simulation import Figures

    if difference == Figures():
        return "as much in all, on other days"
    cost = f"{'+' if difference.cost_nano >= 0 else ''}{format_usd(difference.cost_nano, 2)}"
    slots = f"{difference.slots:+,} {'slot' if abs(difference.slots) == 1 else 'slots'}"
    credits = f"{difference.credits:+,} {'credit' if abs(difference.credits) == 1 else 'credits'}"
    return f"{slots}, {difference.written:+,} written, {difference.published:+,} published, {credits}, {cost}"


def _events(found: Simulation) -> Iterable[CalendarEvent]:
    from cli.ical import CalendarEvent

    for name, site in found.sites.items():
        for event in site.events:
            is_run = event.kind == "run"
            summary = f"{name}: run, {counted(event.articles, 'article')}" if is_run else f"{name}: an article goes out"
            yield CalendarEvent(
                f"{event.kind}-{name}-{event.at:%Y%m%dT%H%M}", event.at, summary, category=event.kind, is_tentative=True
            )
