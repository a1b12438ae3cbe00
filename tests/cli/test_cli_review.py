"""Review at the command line: filters that preview and ask, editing in an editor, previews of articles."""

from __future__ import annotations

import html.parser
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from builder import after_a_run_for_review, edited

from cli.main import run

IGNY8 = [sys.executable, "-c", "from cli.main import main; main()"]


@pytest.fixture
def world(tmp_path, sqlite_files, monkeypatch):
    monkeypatch.setenv("IGNY8_ACTOR", "ann")
    return sqlite_files.world(after_a_run_for_review, tmp_path)


@pytest.fixture
def content(world, capsys):
    def call(*words: str, code: int = 0) -> str:
        found = run(["-C", str(world.root), "--db", world.database.url, "content", *words])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return captured.out if code in (0, 7) else captured.err

    return call


AT = ["--at", "2026-11-18T10:30"]


def states(world) -> list[str]:
    return [state for (state,) in world.rows("SELECT state FROM content ORDER BY id")]


def test_a_filter_needs_a_terminal_or_yes_and_shows_what_it_touches(world, content, capsys):
    told = content("approve", "--site", "blog", *AT, code=64)
    assert "no terminal to ask on" in told
    assert "blog  review  Best hiking boots" in told
    assert states(world) == ["review", "review"]
    answer = json.loads(content("approve", "--site", "blog", "--yes", "--json", *AT))
    assert answer["summary"] == {"done": 2, "refused": 0}
    assert answer["articles"][0]["result"] == "scheduled for Wed 18 Nov 14:00 UTC"


def test_of_several_articles_one_that_may_not_go_out_keeps_no_other_back(world, content, capsys):
    content("approve", "2", *AT)
    words = ["-C", str(world.root), "--db", world.database.url, "publish", "99", "1", "2", "--format", "json", *AT]
    assert run(words) == 7
    told = json.loads(capsys.readouterr().out)
    assert told["summary"] == {"done": 1, "failed": 2}
    assert [(end["content_id"], end["what"]) for end in told["articles"]] == [
        (99, "failed"), (1, "failed"), (2, "published"),
    ]  # fmt: skip
    assert "no content 99" in told["articles"][0]["error"]
    assert "nobody has approved it" in told["articles"][1]["error"]


def test_on_a_terminal_a_filter_asks_and_no_is_the_default(world):
    def answered(text: bytes, *words: str) -> str:
        main, side = pty.openpty()
        words = [
            *IGNY8,
            *words,
            "-C",
            str(world.root),
            "--db",
            world.database.url,
            "content",
            "reject",
            "--state",
            "review",
        ]
        process = subprocess.Popen([*words, "--reason", "old", *AT], stdin=side, stdout=subprocess.PIPE, stderr=side)
        os.close(side)
        os.write(main, text)
        out, _ = process.communicate(timeout=60)
        told = os.read(main, 65536).decode()
        os.close(main)
        assert process.returncode == 0
        assert "blog  review  Best hiking boots" in told
        assert "Reject these 2 articles? [y/N]" in told
        return out.decode() + told

    assert "Nothing was changed." in answered(b"\n")
    assert "Nothing was changed." not in answered(b"\n", "--quiet"), "what it touches is told all the same"
    assert states(world) == ["review", "review"]
    assert "1: rejected and put away" in answered(b"y\n")


def test_articles_are_named_by_number_or_by_a_filter(content):
    assert "by number or by a filter" in content("approve", code=64)
    assert "by number or by a filter, not by both" in content("approve", "1", "--site", "blog", code=64)
    assert "is no label" in content("list", "--label", "europe", code=64)
    assert "longer than a century" in content("list", "--older-than", "99999999999d", code=64)
    assert content("approve", "--state", "failed", "--yes").strip() == "The filter selects no article."


def test_of_several_articles_the_refused_ones_are_told_and_the_others_done(world, content):
    content("approve", "1", *AT)
    text = content("approve", "1", "2", *AT, code=7)
    assert "1: refused: content 1 is scheduled, not in review" in text
    assert "2: scheduled for Wed 18 Nov 18:00 UTC" in text
    assert "not in review" in content("approve", "1", *AT, code=5)


def test_an_article_that_is_named_twice_is_decided_about_once(content):
    answer = json.loads(content("approve", "1", "1", "--json", *AT))
    assert answer["summary"] == {"done": 1, "refused": 0}
    assert answer["articles"][0]["result"] == "scheduled for Wed 18 Nov 14:00 UTC"


@pytest.mark.parametrize("words", [("approve", "9" * 30), ("show", "9" * 30), ("list", "--offset", "9" * 30)])
def test_a_number_that_no_database_holds_is_a_mistake_of_the_user(content, words):
    assert "larger than any in the database" in content(*words, code=64)


@pytest.mark.parametrize(
    ("slot", "at"),
    [
        ("2027-03-28T02:30", "2027-03-28 01:00"),  # Berlin's clocks go from 02:00 to 03:00
        ("2026-10-25T02:30", "2026-10-25 00:30"),  # and from 03:00 to 02:00: the first of two
        ("2027-01-04T09:30", "2027-01-04 08:30"),
        ("2027-01-04T09:30+09:00", "2027-01-04 00:30"),
    ],
)
def test_a_slot_by_hand_follows_the_sites_clock_as_its_own_slots_do(world, content, slot, at):
    world.write(edited("sites/blog.yaml", ("account: acme\n", "account: acme\ntimezone: Europe/Berlin\n")))
    world.apply()
    content("approve", "1", "--at", "2026-10-01")
    content("schedule", "1", "--slot", slot, "--at", "2026-10-01")
    assert [str(slot_at)[:16] for (slot_at,) in world.rows("SELECT slot_at FROM publication")] == [at]


@pytest.mark.parametrize(
    ("slot", "told"),
    [
        ("2026-12-01", "2026-12-01 is a day without a time"),
        ("2026-12-01T09:30:45", "is no whole minute"),
        ("9999-12-31T23:59", "the year 9999 is on no calendar"),
        ("2026-11-18T09:30", "has passed"),
        ("soon", "is no time"),
    ],
)
def test_a_slot_that_cannot_be_is_told(content, slot, told):
    content("approve", "1", *AT)
    assert told in content("schedule", "1", "--slot", slot, *AT, code=64)


def test_an_article_goes_through_every_decision(world, content):
    assert "scheduled for Wed 18 Nov 14:00" in content("approve", "1", *AT)
    assert "approved, off the schedule" in content("unschedule", "1", "--reason", "wait", *AT)
    assert "scheduled for Fri 20 Nov 09:30" in content("schedule", "1", "--slot", "2026-11-20T09:30", *AT)
    assert "published: https://blog.example/posts/" in content("publish", "1", *AT)
    assert "archived" in content("archive", "2", *AT)
    shown = content("show", "1")
    for line in ("approved      by ann", "unscheduled   by ann: wait", "scheduled     by ann: 2026-11-20 09:30 UTC"):
        assert line in shown
    listed = json.loads(content("list", "--state", "archived", "--json"))
    assert [(row["id"], row["state"]) for row in listed["articles"]] == [(2, "archived")]
    assert "state             archived\n" in content("show", "2")


def test_what_a_model_wrote_steers_no_terminal_and_stays_readable(world, content):
    title = "\x1b[2Jred\x07 \u202eevil\nnext: 東京\u3000旅行, می\u200cخواهم, prix\u00a0: 👩\u200d👧"
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET title = ?, markdown = ? WHERE id = 1", (title, f"a\n\n{title}"))
    shown = "\\x1b[2Jred\\x07 \\u202eevil next: 東京\u3000旅行, می\u200cخواهم, prix\u00a0: 👩\u200d👧"
    assert shown in content("list")
    assert content("show", "1").startswith(f"{shown}\n")
    assert "\x1b" not in content("show", "1")
    assert json.loads(content("show", "1", "--json"))["article"]["title"] == title


def test_an_edit_with_control_characters_is_refused_with_its_line(content, tmp_path):
    assert "title holds control characters" in content("edit", "1", "--set", "title=\x1b[31mred", code=64)
    file = tmp_path / "article.md"
    file.write_text(content("edit", "1", "--print").replace("\n\n", "\n\na\0b\n\n", 1))
    assert "there is a NUL in it" in content("edit", "1", "--file", str(file), code=64)


def test_an_article_is_edited_in_the_editor_of_the_person(world, content, tmp_path, monkeypatch):
    """The editor is a program that gets the file and changes it; here it puts a title in."""
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import re, sys\npath = sys.argv[1]\ntext = open(path).read()\n"
        "open(path, 'w').write(re.sub('^title: .*$', 'title: Boots', text, flags=re.M))\n"
    )

    def typed(text: str = "") -> tuple[int, str]:
        main, side = pty.openpty()
        words = [*IGNY8, "-C", str(world.root), "--db", world.database.url, "content", "edit", "1", *AT]
        environment = os.environ | {"EDITOR": f"{sys.executable} {editor}", "VISUAL": ""}
        process = subprocess.Popen(words, stdin=side, stdout=subprocess.PIPE, stderr=side, env=environment)
        os.close(side)
        out, _ = process.communicate(timeout=60)
        os.set_blocking(main, False)
        try:
            told = os.read(main, 65536).decode()
        except OSError:
            told = ""
        os.close(main)
        return process.returncode, out.decode() + told

    code, told = typed()
    assert (code, told.strip()) == (0, "1: changed title; review, waits for a person: edited by ann")
    assert typed()[1].strip() == "1: nothing was changed"
    editor.write_text("import sys\nopen(sys.argv[1], 'w').write('no front matter')\n")
    code, told = typed()
    assert code == 64
    assert "cannot be read: line 1: begin the file with ---" in told
    assert (world.root / ".igny8/edit-1.md").read_text() == "no front matter", "what was typed is not lost"


def test_an_article_is_edited_by_file_and_by_field(world, content, tmp_path):
    text = content("edit", "1", "--print")
    assert text.startswith('---\ntitle: "Best hiking boots')
    file = tmp_path / "article.md"
    file.write_text(text.replace("excerpt: ", "excerpt: Short. #", 1))
    assert "changed excerpt" in content("edit", "1", "--file", str(file), *AT)
    assert "changed title, tags" in content("edit", "1", "--set", "title=Boots", "--set", "tags=a, b", *AT)
    assert world.rows("SELECT title FROM content WHERE id = 1") == [("Boots",)]
    for words, told in (
        (["--set", "titel=x"], "did you mean `title`"),
        (["--set", "title"], "sets nothing"),
        (["--set", "slug="], "slug is empty"),
        (["--file", str(tmp_path / "none.md")], "cannot read"),
        (["--file", str(file), "--set", "title=x"], "three ways"),
    ):
        assert told in content("edit", "1", *words, *AT, code=64)
    assert "no terminal to edit on" in content("edit", "1", *AT, code=64)


class Page(html.parser.HTMLParser):
    """Reads what a preview shows, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name == "src"]


def test_an_article_is_shown_as_its_site_will_with_its_images_in_their_places(world, content, tmp_path):
    path = tmp_path / "article.html"
    content("show", "1", "--html", str(path))
    page = Page()
    page.feed(path.read_text())
    shown = [tag for tag in page.tags if tag in ("h1", "h2", "figure", "script")]
    assert shown[:2] == ["h1", "figure"], "the featured image stands below the title"
    assert shown.count("figure") == 3
    assert all(shown[index - 1] == "h2" for index, tag in enumerate(shown) if tag == "figure" and index > 1)
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)


def test_an_arabic_article_is_shown_from_right_to_left(world, content, tmp_path):
    path = tmp_path / "article.html"
    content("show", "1", "--html", str(path))
    assert '<html lang="en" dir="ltr">' in path.read_text()
    world.write(edited("sites/blog.yaml", ("account: acme\n", "account: acme\nlanguage: ar\n")))
    world.apply()
    content("show", "1", "--html", str(path))
    assert '<html lang="ar" dir="rtl">' in path.read_text()


def test_the_browser_is_opened_on_that_page(world, content, tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    words = ["-C", str(world.root), "--db", world.database.url, "content", "show", "1", "--open"]
    done = subprocess.run([*IGNY8, *words], capture_output=True, text=True, check=True)
    path = done.stdout.strip()
    assert seen.read_text().strip() == f"file://{path}"
    page = Page()
    page.feed(Path(path).read_text())
    assert all(source.startswith("file://") for source in page.sources)
