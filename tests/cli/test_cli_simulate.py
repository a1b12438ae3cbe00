"""`igny8 simulate`: a table, JSON, an iCalendar file, and the difference to another revision of the config."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from builder import edited, write_root
from icalendar import Calendar

from cli.main import run
from reconciler.clock import FixedClock, parse_instant
from reconciler.operations.app import locate
from reconciler.operations.validate import validate
from reconciler.plan.forecast import forecast_month

FROM = ["--from", "2026-11-16"]


@pytest.fixture
def root(tmp_path):
    return write_root(tmp_path / "root", edited("sites/blog.yaml", ("publishing:\n", "stages: {content: {per_run_limit: 2}}\npublishing:\n")))  # fmt: skip


@pytest.fixture
def simulate(root, capsys):
    def call(*words: str, code: int = 0) -> str:
        assert run(["-C", str(root), "simulate", *words]) == code
        return capsys.readouterr().out if code == 0 else capsys.readouterr().err

    return call


def test_the_table_shows_every_day_and_the_total(simulate):
    lines = simulate("--days", "7", *FROM).splitlines()
    assert lines[0].split() == ["DAY", "RUNS", "SLOTS", "WRITTEN", "PUBLISHED", "CREDITS", "COST"]
    assert [line.split()[1] for line in lines[1:-1]] == [f"2026-11-{day}" for day in range(16, 23)]
    assert lines[-1].split()[:5] == ["total", "7", "15", "14", "14"]


def test_json_has_the_days_the_sites_and_how_it_was_reckoned(simulate):
    answer = json.loads(simulate("--days", "28", *FROM, "--json"))
    assert answer["version"] == 1
    assert answer["summary"]["written"] == sum(day["written"] for day in answer["days"]) == 56
    assert answer["sites"]["blog"]["credits"] == answer["summary"]["credits"]
    assert "Declared volume" in answer["method"]


def test_thirty_days_are_about_what_the_forecast_of_a_plan_says(simulate, root):
    answer = json.loads(simulate("--days", "30", *FROM, "--json"))
    compilation = validate(locate(root, None, FixedClock(parse_instant("2026-11-16", None))))
    month = forecast_month({(item.kind, item.name): item.data for item in compilation.resources})
    assert (answer["summary"]["written"], month.articles) == (60, 60)
    assert abs(answer["summary"]["credits"] - month.credits) <= month.credits // 50
    assert abs(answer["summary"]["cost_nano_usd"] - month.cost_nano) <= month.cost_nano // 50


def test_the_calendar_file_is_read_by_an_icalendar_parser_and_has_every_run_and_slot(simulate):
    text = simulate("--days", "7", *FROM, "--format", "ical", "--at", "2026-11-16")
    assert "\r\n" in text
    events = list(Calendar.from_ical(text).walk("VEVENT"))
    kinds = [str(event["uid"]).split("-")[0] for event in events]
    assert (kinds.count("run"), kinds.count("slot")) == (7, 14)
    assert len({event["uid"] for event in events}) == 21
    assert events[0].decoded("dtstart").isoformat() == "2026-11-16T02:00:00+00:00"


def git(root, *words):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
        cwd=root,
        check=True,
        capture_output=True,
    )


def commit_all(root):
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")


def test_compare_tells_what_changed_since_a_revision_a_day_and_in_all(simulate, root):
    commit_all(root)
    assert "The same as at" in simulate("--days", "7", *FROM, "--compare", "HEAD")
    site = root / "sites/blog.yaml"
    site.write_text(site.read_text().replace("per_run_limit: 2", "per_run_limit: 1"))
    text = simulate("--days", "7", *FROM, "--compare", "HEAD")
    assert "14 -> 7" in text
    assert "site blog (changed): +0 slots, -7 written" in text
    answer = json.loads(simulate("--days", "7", *FROM, "--compare", "HEAD", "--json"))["compared_with"]
    assert answer["difference"]["written"] == -7
    assert answer["total"]["written"] == 14
    assert {day["difference"]["written"] for day in answer["days"]} == {-1}
    assert list(answer["sites"]) == ["blog"]


def test_compare_tells_what_only_moves_to_other_days(simulate, root):
    commit_all(root)
    site = root / "sites/blog.yaml"
    site.write_text(site.read_text().replace("[mon, tue, wed, thu, fri]", "[tue, wed, thu, fri, sat]"))
    text = simulate("--days", "7", *FROM, "--compare", "HEAD")
    assert "Compared with " in text
    assert "  site blog (changed): as much in all, on other days" in text
    monday, saturday = (next(line for line in text.splitlines() if on in line) for on in ("2026-11-16", "2026-11-21"))
    assert ("3 -> 0" in monday, "0 -> 3" in saturday) == (True, True)
    answer = json.loads(simulate("--days", "7", *FROM, "--compare", "HEAD", "--json"))["compared_with"]
    assert set(answer["difference"].values()) == {0}
    assert list(answer["sites"]) == ["blog"]


def test_one_of_a_thing_is_told_as_one(simulate, root):
    root.joinpath("sites/blog.yaml").write_text(
        (root / "sites/blog.yaml")
        .read_text()
        .replace("limit: 2", "limit: 1")
        .replace('["09:00", "14:00", "18:00"]', '["09:00"]')
    )
    commit_all(root)
    assert ": 1 article, " in simulate("--days", "1", *FROM, "--compare", "HEAD")
    site = root / "sites/blog.yaml"
    site.write_text(site.read_text().replace('["09:00"]', '["09:00", "10:00"]'))
    assert "(changed): +1 slot, +0 written" in simulate("--days", "1", *FROM, "--compare", "HEAD")


def test_a_reader_that_has_seen_enough_is_no_failure(root):
    words = [sys.executable, "-c", "from cli.main import main; main()", "-C", str(root), "simulate", "--days", "1100"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("DAY")
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--compare", "HEAD"], "not in a git work tree"),
        (["--site", "blgo"], "did you mean `blog`"),
        (["--from", "tomorrow"], "is no date"),
        (["--from", "0001-01-01"], "the year 1 is on no calendar"),
        (["--from", "9999-12-01"], "the year 9999 is on no calendar"),
        (["--at", "9999-12-31"], "the year 9999 is on no calendar"),
        (["--at", "+99999999999999w"], "is beyond the end of the calendar"),
        (["--compare", "HEAD", "--format", "ical"], "shows one schedule"),
    ],
)
def test_what_makes_no_sense_is_told(simulate, words, told):
    assert told in simulate(*words, code=64)


def test_a_revision_from_before_the_config_is_told_without_the_folder_it_was_written_to(simulate, root):
    git(root, "init", "-q", "-b", "main")
    git(root, "commit", "-q", "--allow-empty", "-m", "empty")
    told = simulate("--compare", "HEAD", code=64)
    assert "the config at HEAD is not valid: no config here" in told


def test_a_hold_of_more_than_a_century_is_a_finding(simulate, root):
    site = root / "sites/blog.yaml"
    site.write_text(site.read_text().replace("publishing:\n", "publishing:\n  auto_approval_hold: 99999999999d\n"))
    assert "'99999999999d' is longer than a century" in simulate(*FROM, code=3)


def test_an_unknown_or_broken_revision_is_told(simulate, root):
    (root / "sites/blog.yaml").write_text("apiVersion: igny8/v1\nkind: Site\nname: blog\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "broken")
    write_root(root)
    assert "git knows no revision 'v9'" in simulate("--compare", "v9", code=64)
    assert "the config at HEAD is not valid: sites/blog.yaml" in simulate("--compare", "HEAD", code=64)
