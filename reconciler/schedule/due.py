"""Due times of scheduled runs on a site's local clock. A missed run is owed once, never back-filled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from reconciler.kinds.site import Automation
from reconciler.schedule.slots import WEEKDAYS, weekly_instants


def is_due(
    automation: Automation,
    timezone: str,
    *,
    now: datetime,
    last_started_for: datetime | None,
    enabled_since: datetime | None,
) -> datetime | None:
    """Return the due instant for which a run is owed now, or None.

    `last_started_for` is the due instant of the site's last scheduled run. A site that never ran owes nothing from
    before `enabled_since`; None there means that a run is owed at once.
    """
    if not automation.enabled:
        return None
    due = last_due(automation, timezone, now=now)
    if last_started_for is not None:
        return due if due > last_started_for else None
    return due if enabled_since is None or due >= enabled_since else None


def last_due(automation: Automation, timezone: str, *, now: datetime) -> datetime:
    """Return the latest due instant that is not after now, whether or not automation is enabled."""
    # Due instants lie at most a week apart, or a day, plus what a change of the clock adds.
    reach = timedelta(days=9 if automation.frequency == "weekly" else 3)
    *_, due = takewhile(lambda instant: instant <= now, due_after(automation, timezone, after=now - reach))
    return due


def next_due(automation: Automation, timezone: str, *, after: datetime) -> datetime:
    """Return the first due instant strictly after an instant, whether or not automation is enabled."""
    return next(due_after(automation, timezone, after=after))


def due_after(automation: Automation, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield the due instants strictly after an instant, whether or not automation is enabled."""
    days = (automation.weekday,) if automation.frequency == "weekly" else WEEKDAYS
    return weekly_instants(days, _local_times(automation), timezone=timezone, after=after)


def _local_times(automation: Automation) -> tuple[str, ...]:
    if automation.frequency != "hourly":
        return (automation.time,)
    _, minute = automation.time.split(":")
    return tuple(f"{hour:02}:{minute}" for hour in range(24))
