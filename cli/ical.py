"""Events as an iCalendar file (RFC 5545), which calendars subscribe to or import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """An event of no length worth telling: when, what, and more about it. The same `uid` is the same event."""

    uid: str
    at: datetime
    summary: str
    description: str = ""
    url: str = ""
    category: str = ""
    is_tentative: bool = False


def ical_text(name: str, events: Iterable[CalendarEvent], *, now: datetime) -> str:
    """Return the text of a calendar of this name, made now."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//igny8//igny8//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for item in events:
        event = Event()
        event.add("uid", f"{item.uid}@igny8")
        event.add("dtstamp", now)
        event.add("dtstart", item.at)
        event.add("duration", timedelta(minutes=15))
        event.add("summary", item.summary)
        event.add("transp", "TRANSPARENT")
        event.add("status", "TENTATIVE" if item.is_tentative else "CONFIRMED")
        for key, value in (("description", item.description), ("url", item.url), ("categories", item.category)):
            if value:
                event.add(key, [value] if key == "categories" else value)
        calendar.add_component(event)
    return str(calendar.to_ical(), "utf-8")
