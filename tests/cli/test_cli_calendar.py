"""`igny8 calendar`: lists and months; scheduled, published, failed, missed and empty slots; files for other programs."""

from __future__ import annotations

import html.parser
import json
from datetime import UTC, datetime

import pytest
from builder import after_a_run, edited
from icalendar import Calendar

from cli.calendar_views import month_lines
from cli.main import run
from reconciler.operations.calendar import Calendar as Slots

SITE = edited(
    "sites/blog.yaml",
    ("publishing:\n", "timezone: Asia/Tokyo\npublishing:\n  blackouts: [{starts_on: 2026-11-23, reason: Labour Thanksgiving}]\n"),
)  # fmt: skip


def with_two_articles(world):
    world.write(SITE)
    after_a_run(world)


@pytest.fixture
def world(tmp_path, sqlite_files):
    """Two articles: Wednesday 18 November 10:30 UTC is 19:30 in Tokyo, so Thursday has the first two slots."""
    return sqlite_files.world(with_two_articles, tmp_path)


@pytest.fixture
def calendar(world, capsys):
    def call(*words: str, at: str = "2026-11-18T10:30", code: int = 0) -> str:
        assert run(["-C", str(world.root), "--db", world.database.url, "calendar", *words, "--at", at]) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    return call


def states(text: str) -> dict[str, int]:
    summary = json.loads(text)["summary"]
    return {key: value for key, value in summary.items() if key != "slots"}


def test_a_list_has_the_articles_and_on_demand_the_empty_slots(calendar):
    assert [line.split()[6] for line in calendar().splitlines()[1:]] == ["scheduled", "scheduled"]
    assert states(calendar("--json")) == {"scheduled": 2}
    assert states(calendar("--days", "2", "--back", "0", "--empty", "--json")) == {"scheduled": 2, "empty": 4}


def test_a_day_that_is_full_has_no_empty_slot_whatever_part_of_it_is_listed(calendar, world):
    """Thursday 19 has its one article at 09:00 in Tokyo, midnight UTC; Friday 20 gets one at 18:00, 09:00 UTC."""
    world.write(edited("sites/blog.yaml", ("publishing:\n", "timezone: Asia/Tokyo\npublishing:\n  max_per_day: 1\n")))
    world.apply()
    words = ["content", "schedule", "2", "--slot", "2026-11-20T18:00", "--at", "2026-11-18T10:30"]
    assert run(["-C", str(world.root), "--db", world.database.url, *words]) == 0
    calendar()  # what the command before said is read away

    def listed(at: str) -> dict[str, int]:
        return states(calendar("--days", "1", "--back", "0", "--empty", "--json", at=at))

    assert listed("2026-11-19T00:30") == {}, "until 00:30 UTC on Friday, 09:30 in Tokyo"
    assert listed("2026-11-19T10:00") == {"scheduled": 1}


def test_before_a_site_was_first_applied_it_had_no_empty_slots(calendar):
    assert states(calendar("--month", "2026-10", "--json")) == {}
    found = states(calendar("--days", "1", "--back", "9", "--empty", "--json", at="2026-11-19T03:00"))
    assert found == {"missed": 1, "scheduled": 1, "empty": 2}


def test_an_article_whose_time_has_passed_is_missed_until_it_is_public(calendar, world):
    assert states(calendar("--json", at="2026-11-19T02:00")) == {"scheduled": 1, "missed": 1}
    world.at(world.clock.now().replace(day=19, hour=2)).publish()
    assert states(calendar("--json", at="2026-11-19T02:00")) == {"scheduled": 1, "published": 1}


def test_a_month_is_the_sites_own_and_has_every_slot_and_closed_day(calendar):
    answer = json.loads(calendar("--month", "2026-11", "--json"))
    assert answer["summary"] == {"slots": 21, "scheduled": 2, "empty": 19}, "none before the site was first applied"
    assert {entry["local"][:7] for entry in answer["slots"]} == {"2026-11"}
    assert answer["blackouts"] == [{"site": "blog", "on": "2026-11-23", "reason": "Labour Thanksgiving"}]


def test_the_grid_shows_signs_and_below_them_what_needs_attention(calendar, world):
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE publication SET state = 'failed', error = 'no such folder' WHERE id = 1")
    lines = calendar("--month", "2026-11", at="2026-11-20T00:00").splitlines()
    assert lines[0] == "November 2026"
    week = next(index for index, line in enumerate(lines) if line.startswith("16"))
    assert lines[week + 1].split() == ["x", "!", ".", "3."]
    assert "23 #" in lines[week + 2]
    assert "# Mon 23  blog: Labour Thanksgiving" in lines
    assert any(line.startswith("x Thu 19 09:00  blog  1") and line.endswith("no such folder") for line in lines)
    assert any(line.startswith("! Thu 19 14:00  blog  2") for line in lines)


def test_the_grid_counts_every_state_of_a_day_that_many_sites_share():
    """What failed and was missed stands last, and is what somebody looks for."""
    numbers = {"scheduled": 120, "published": 110, "failed": 3, "missed": 2, "empty": 250}
    at = datetime(2026, 11, 19, 9, tzinfo=UTC)
    entry = {"site": "blog", "local": at, "slot_at": at, "content": 1, "title": "", "error": ""}
    entries = [entry | {"state": state} for state, number in numbers.items() for _ in range(number)]
    lines = list(month_lines(Slots(tuple(entries)), 2026, 11))
    assert "120o 110+ 3x 2! 250." in [line.strip() for line in lines]
    days, week = lines[1], next(line for line in lines if line.startswith("16"))
    assert days.index("Thu") == week.index("19") == next(line.index("120o") for line in lines if "120o" in line)


def test_a_slot_of_another_year_is_told_with_its_year(calendar, world, capsys):
    words = ["content", "schedule", "1", "--slot", "2027-01-04T09:30", "--at", "2026-11-18T10:30"]
    assert run(["-C", str(world.root), "--db", world.database.url, *words]) == 0
    assert capsys.readouterr().out == "1: scheduled for Mon 04 Jan 2027 00:30 UTC\n"
    lines = calendar("--days", "60").splitlines()
    assert [line[:21].strip() for line in lines[1:]] == ["Thu 19 Nov 14:00", "Mon 04 Jan 2027 09:30"]
    assert "Mon 04 Jan 09:30 " in calendar("--days", "60", at="2027-01-01")


def test_a_month_can_be_listed(calendar):
    assert "SLOT (LOCAL)" in calendar("--month", "2026-11", "--view", "list")


def test_the_ics_file_is_read_by_an_icalendar_parser_and_an_article_keeps_its_event(calendar, world):
    before = Calendar.from_ical(calendar("--format", "ics")).walk("VEVENT")
    assert [event.decoded("dtstart").isoformat() for event in before] == [
        "2026-11-19T00:00:00+00:00",
        "2026-11-19T05:00:00+00:00",
    ]
    assert {str(event["status"]) for event in before} == {"TENTATIVE"}
    world.at(world.clock.now().replace(day=20)).publish()
    after = Calendar.from_ical(calendar("--format", "ics")).walk("VEVENT")
    assert [event["uid"] for event in after] == [event["uid"] for event in before]
    assert {str(event["status"]) for event in after} == {"CONFIRMED"}
    assert all(str(event["url"]).startswith("https://blog.example/") for event in after)


class Page(html.parser.HTMLParser):
    """Collects what a page has: its cells, its text, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.text, self.loads = 0, [], []

    def handle_starttag(self, tag, attributes):
        self.cells += tag == "td"
        self.loads += [value for name, value in attributes if name == "src"]
        self.loads += [tag] if tag in ("script", "link") else []

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_has_every_day_escapes_titles_and_loads_nothing(calendar, world):
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET title = '<script>alert(1)</script>' WHERE id = 1")
    page = Page()
    page.feed(calendar("--month", "2026-11", "--format", "html"))
    assert (page.cells, page.loads) == (42, [])
    text = " ".join(page.text)
    assert "<script>alert(1)</script>" in text
    assert "Labour Thanksgiving" in text
    assert text.count("scheduled") == 3


def test_the_page_keeps_the_spaces_and_joiners_of_every_script(calendar, world):
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE content SET title = '東京\u3000旅行 prix\u00a0: 👩\u200d👧 \u202e' WHERE id = 1"
        )
    page = calendar("--month", "2026-11", "--format", "html")
    assert "東京\u3000旅行 prix\u00a0: 👩\u200d👧 \\u202e" in page


def test_a_mistyped_month_is_told(calendar):
    assert "is no month" in calendar("--month", "December", code=64)
    assert "is no month" in calendar("--month", "2026-13", code=64)


def test_a_month_takes_no_days_around_now(calendar):
    assert "--days and --back are for days around now" in calendar("--month", "2026-12", "--days", "3", code=64)
    assert "December 2026" in calendar("--month", "2026-12")
