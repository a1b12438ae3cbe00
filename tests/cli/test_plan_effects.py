"""Large plans stay readable: the first of many lines, and how many more there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from cli.plan_formats.effects import in_flight_lines, keyword_lines, unpublished_lines
from reconciler.operations.reschedule import CalendarMove
from reconciler.plan.in_flight import Handling, InFlight, SiteInFlight
from reconciler.plan.keywords import KeywordChange
from reconciler.plan.making import MakingChange

START = datetime(2026, 11, 18, 14, tzinfo=UTC)


def move(number: int) -> CalendarMove:
    at = START + timedelta(days=number)
    return CalendarMove("blog", number, f"Article {number}", at, at + timedelta(hours=2))


def test_of_a_thousand_articles_the_first_twenty_are_shown():
    lines = list(unpublished_lines(SimpleNamespace(unpublished=tuple(map(move, range(1000))))))
    assert len(lines) == 21
    assert lines[-1] == "  ... and 980 more (would not be published)"


def test_articles_that_would_not_be_published_are_listed():
    lines = list(unpublished_lines(SimpleNamespace(unpublished=(move(0),))))
    assert lines == ["  ! would not be published: blog: Wed 18 Nov 14:00 UTC  “Article 0”"]


def test_items_in_flight_are_summed_and_then_told_site_by_site():
    change = MakingChange(("images",))
    sites = tuple(SiteInFlight(f"s{number:02}", change, {"content": 2, "prompts": 1}) for number in range(25))
    lines = list(in_flight_lines(InFlight(Handling(), sites)))
    assert lines[0] == "In flight  50 content, 25 prompts -> finish on the old revision (pin)"
    assert lines[1] == "             s00: 2 content, 1 prompt"
    assert lines[-1] == "             ... and 5 more sites"
    assert list(in_flight_lines(InFlight(Handling(), ()))) == []


def test_keywords_are_told_by_sector():
    lines = list(keyword_lines([KeywordChange("blog", "hiking", archived=12), KeywordChange("blog", "tents", 0, 1)]))
    assert lines == [
        "  ~ archives 12 keywords of sector hiking of blog",
        "  ~ takes up 1 keyword of sector tents of blog",
    ]
