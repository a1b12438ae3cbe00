"""What follows a failed publication, and what may be caught up at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.pipeline.publishing import finding_of, next_attempt, next_visit, within_limit
from reconciler.publishers.port import PublishFailure, Remote

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


def minutes(at: datetime | None) -> float | None:
    return None if at is None else (at - NOW).total_seconds() / 60


def test_an_article_is_tried_three_times_with_growing_waits():
    failure = PublishFailure("no answer", "try-again")
    assert [minutes(next_attempt(failure, number, NOW)) for number in (1, 2, 3)] == [5, 30, None]


@pytest.mark.parametrize("scope", ["article", "changed-by-hand"])
def test_what_a_person_has_to_mend_is_not_tried_again(scope):
    assert next_attempt(PublishFailure("no", scope), 1, NOW) is None


def test_a_wait_that_the_site_asks_for_is_kept_up_to_six_hours():
    asked = [PublishFailure("slow down", "try-again", retry_after=seconds) for seconds in (10, 1200, 10**9, 1e20)]
    assert [minutes(next_attempt(failure, 1, NOW)) for failure in asked] == [5, 20, 360, 360]
    assert minutes(next_visit(asked[1], 1, NOW)) == 20


def test_a_stopped_site_is_visited_less_and_less_but_each_hour():
    failure = PublishFailure("wrong password", "site")
    assert [minutes(next_visit(failure, number, NOW)) for number in (1, 2, 3, 9)] == [5, 15, 60, 60]


def slots(*hours_ago: int) -> list[tuple[datetime, int]]:
    return [(NOW - timedelta(hours=hours), hours) for hours in hours_ago]


def test_late_articles_are_caught_up_in_order_and_nothing_overtakes_them():
    assert within_limit(slots(9, 8, 7, 0), NOW, published_lately=0, per_hour=2) == [9, 8]
    assert within_limit(slots(9, 8, 0), NOW, published_lately=1, per_hour=3) == [9, 8, 0]
    assert within_limit(slots(9), NOW, published_lately=5, per_hour=2) == []
    assert within_limit(slots(0, 0, 0), NOW, published_lately=5, per_hour=2) == [0, 0, 0], "what is on time is not late"
    assert within_limit(slots(9, 8, 7), NOW, published_lately=9, per_hour=None) == [9, 8, 7]


@pytest.mark.parametrize(
    ("state", "seen", "fingerprint", "finding"),
    [
        ("published", "public", "ours", ""),
        ("published", "public", "theirs", "changed-by-hand"),
        ("published", "draft", "ours", "unpublished-by-hand"),
        ("published", "missing", "", "missing"),
        ("published", "trashed", "ours", "trashed"),
        ("withdrawn", "draft", "theirs", ""),
        ("withdrawn", "missing", "", ""),
        ("withdrawn", "public", "ours", "published-by-hand"),
        ("scheduled", "draft", "ours", ""),
        ("scheduled", "missing", "", ""),
        ("scheduled", "public", "ours", "published-by-hand"),
        ("scheduled", "draft", "theirs", "changed-by-hand"),
    ],
)
def test_how_an_article_is_found_at_its_site(state, seen, fingerprint, finding):
    known = Remote("1", "https://a.example/x", "public", fingerprint="ours")
    assert finding_of(state, known, Remote("1", "https://a.example/x", seen, fingerprint=fingerprint)) == finding
