"""What follows a failed publication, and how much may be caught up at once: decisions from values, never a loop.

| Scope | Decision |
| --- | --- |
| try-again | the article again after a while, three times in all; then it has failed |
| article, changed-by-hand | the article has failed: a person has to act |
| site | nothing more goes to the site for a while, and no article is to blame |

Whether a `try-again` is the article's or the site's fault, the caller finds out by asking the site who we are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from reconciler.publishers.port import PublishFailure, Remote

ATTEMPTS_MAX = 3
# After the first and after the second attempt of an article.
_ARTICLE_WAITS = (timedelta(minutes=5), timedelta(minutes=30))
# After the first, second, third and every further visit to a site that is stopped.
_SITE_WAITS = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
_PATIENCE = timedelta(hours=6)
# An article is late once its slot is this long past: the site, or we, were away.
LATE_AFTER = timedelta(hours=1)
CATCH_UP_PER_HOUR = 10
# Drafts are made this long before their slots, so that the slot itself is one small step.
PREPARE_AHEAD = timedelta(hours=6)
# A site is compared this often with what was published there.
SYNC_EVERY = timedelta(days=1)

Due = TypeVar("Due")


def next_attempt(failure: PublishFailure, attempts: int, now: datetime) -> datetime | None:
    """Return when an article is tried again that has had so many attempts, None when it has failed."""
    if failure.scope != "try-again" or attempts >= ATTEMPTS_MAX:
        return None
    return now + _at_least(_ARTICLE_WAITS[attempts - 1], failure)


def next_visit(failure: PublishFailure, failures: int, now: datetime) -> datetime:
    """Return when a site is tried again that has failed so many times on end."""
    return now + _at_least(_SITE_WAITS[min(failures, len(_SITE_WAITS)) - 1], failure)


def _at_least(wait: timedelta, failure: PublishFailure) -> timedelta:
    # As a number first: a site may ask for longer than any time is.
    return max(wait, timedelta(seconds=min(failure.retry_after or 0, _PATIENCE.total_seconds())))


def within_limit(
    due: Sequence[tuple[datetime, Due]], now: datetime, *, published_lately: int, per_hour: int | None
) -> list[Due]:  # fmt: skip
    """Return what of a site may go out now: in order of the slots, and of late articles only so many an hour.

    `due` are slots and articles in order. The rest waits for a later pass; nothing overtakes it.
    """
    room = max(0, per_hour - published_lately) if per_hour is not None else len(due)
    taken: list[Due] = []
    for slot_at, item in due:
        if is_late(slot_at, now):
            if room == 0:
                break
            room -= 1
        taken.append(item)
    return taken


def is_late(slot_at: datetime, now: datetime) -> bool:
    """Tell whether what goes out now should have gone out long ago."""
    return now - slot_at > LATE_AFTER


def finding_of(state: str, known: Remote, seen: Remote) -> str:
    """Return how an article at its site differs from what a publication in this state says, "" when it does not.

    missing, trashed, changed-by-hand, unpublished-by-hand or published-by-hand.
    """
    if state == "withdrawn":
        return "published-by-hand" if seen.state == "public" else ""
    if seen.state == "missing":
        # What was not public yet is made anew at its slot.
        return "missing" if state == "published" else ""
    if seen.state == "trashed":
        return "trashed"
    if known.fingerprint and seen.fingerprint and seen.fingerprint != known.fingerprint:
        return "changed-by-hand"
    if state == "published":
        return "" if seen.state == "public" else "unpublished-by-hand"
    return "published-by-hand" if seen.state == "public" else ""
