"""The calendar as a month in text, as a page, and as events."""

from __future__ import annotations

from calendar import Calendar as Weeks
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from cli.ical import CalendarEvent
from cli.output import readable, shorten
from reconciler.diagnostics import visible
from reconciler.operations.calendar import STATES, Calendar

SIGNS = {
    "scheduled": "o",
    "publishing": "o",
    "published": "+",
    "failed": "x",
    "withdrawn": "-",
    "missed": "!",
    "empty": ".",
}
LEGEND = "o scheduled   + published   x failed   - withdrawn   ! missed   . empty   # blackout"
_CELL = 12
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TITLE = 60


def month_lines(found: Calendar, year: int, month: int) -> Iterator[str]:
    """Yield a month as a grid of days with counts by state, and below it what needs somebody's attention."""
    by_day: dict[date, Counter[str]] = {}
    for entry in found.entries:
        by_day.setdefault(entry["local"].date(), Counter())[SIGNS[entry["state"]]] += 1
    closed = {item.on for item in found.closed}
    yield f"{date(year, month, 1):%B %Y}"
    texts = {day: _counts(signs) for day, signs in by_day.items()}
    cell = max(_CELL, *(len(text) + 1 for text in texts.values())) if texts else _CELL
    yield "".join(name.ljust(cell) for name in _DAYS).rstrip()
    for week in Weeks().monthdatescalendar(year, month):
        shown = [day if day.month == month else None for day in week]
        yield "".join(
            (f"{day.day:>2}{' #' if day in closed else ''}" if day else "").ljust(cell) for day in shown
        ).rstrip()
        line = "".join((texts.get(day, "") if day else "").ljust(cell) for day in shown).rstrip()
        if line:
            yield line
    yield ""
    yield LEGEND
    for item in _closed_ranges(found):
        yield f"# {item}"
    for entry in found.entries:
        if entry["state"] in ("failed", "missed"):
            sign = SIGNS[entry["state"]]
            why = f": {readable(str(entry['error']))}" if entry["error"] else ""
            yield (
                f"{sign} {entry['local']:%a %d %H:%M}  {entry['site']}  {entry['content']}  "
                f"{shorten(str(entry['title']), _TITLE)}{why}"
            )


def month_page(found: Calendar, year: int, month: int, *, site: str) -> str:
    """Return a month as one page: no script, nothing from outside."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cli", "."),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_day: dict[date, list[dict[str, Any]]] = {}
    for entry in found.entries:
        by_day.setdefault(entry["local"].date(), []).append(
            {
                "time": f"{entry['local']:%H:%M}",
                "site": entry["site"],
                "state": entry["state"],
                "title": shorten(str(entry["title"]), 200),
                "url": entry["url"] if str(entry["url"]).startswith(("https://", "http://")) else "",
                "error": shorten(str(entry["error"]), 300),
            }
        )
    closed: dict[date, list[str]] = {}
    for item in found.closed:
        closed.setdefault(item.on, []).append(f"{item.site}: {item.reason or 'blackout'}")
    weeks = [
        [
            {"day": day.day, "slots": by_day.get(day, []), "closed": closed.get(day, [])}
            if day.month == month
            else None
            for day in week
        ]
        for week in Weeks().monthdatescalendar(year, month)
    ]
    return environment.get_template("calendar.html.jinja").render(
        title=f"{date(year, month, 1):%B %Y}", site=site, days=_DAYS, weeks=weeks, counts=found.counts()
    )


def calendar_events(found: Calendar) -> Iterable[CalendarEvent]:
    """Yield the slots as events; an article keeps its event when it moves."""
    for entry in found.entries:
        is_empty = entry["content"] is None
        name = f"{entry['slot_at']:%Y%m%dT%H%M}" if is_empty else entry["content"]
        yield CalendarEvent(
            f"slot-{entry['site']}-{name}",
            entry["slot_at"],
            f"{entry['site']}: {entry['title'] or 'empty slot'}",
            description=f"{entry['state']}: {entry['error']}" if entry["error"] else entry["state"],
            url=entry["url"],
            category=entry["state"],
            is_tentative=entry["state"] in ("scheduled", "publishing", "empty", "missed"),
        )


def state_sentence(found: Calendar) -> str:
    """Return how many slots there are of each state, e.g. `3 scheduled, 1 missed`."""
    counts = found.counts()
    return ", ".join(f"{counts[state]} {state}" for state in STATES if state in counts) or "no slots"


def _counts(signs: Counter[str]) -> str:
    order = dict.fromkeys(SIGNS.values())
    return " ".join(f"{signs[sign]}{sign}" if signs[sign] > 1 else sign for sign in order if signs[sign])


def _closed_ranges(found: Calendar) -> Iterator[str]:
    """Yield the blackouts of each site, days in a row with one reason together."""
    last: tuple[str, str, date, date] | None = None
    for item in found.closed:
        if last and last[:2] == (item.site, item.reason) and (item.on - last[3]).days == 1:
            last = (*last[:3], item.on)
            continue
        if last:
            yield _range_text(*last)
        last = (item.site, item.reason, item.on, item.on)
    if last:
        yield _range_text(*last)


def _range_text(site: str, reason: str, first: date, end: date) -> str:
    days = f"{first:%a %d}" if first == end else f"{first:%a %d} to {end:%a %d}"
    return f"{days}  {site}: {visible(reason, 120) or 'blackout'}"
