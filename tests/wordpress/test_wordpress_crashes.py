"""SIGKILL of the real process at any step of publishing to a real WordPress, then again: one public article, whole.

A step is a statement or a commit of ours (see igny8_process.py), or a request: killed as it arrives at the site, or when the
site has done what was asked and its answer is on its way. The suite kills at some of them; IGNY8_SOAK=N kills at each
request N times, at N times as many statements, and loses each answer N times.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builder import FILES, World, edited, write_root
from igny8_process import Ended, Igny8Processes, command_line
from wordpress_articles import RUN_AT, assert_once
from wordpress_site import RealSite

from reconciler.clock import FixedClock
from reconciler.operations.article import article_of
from reconciler.operations.context import load_contexts
from reconciler.publishers.port import Article
from reconciler.store.engine import open_database
from reconciler.store.publications import find_publication

SOAK = int(os.environ.get("IGNY8_SOAK") or 0)
PUBLISH = ("publish", "--due", "--retry", "--at", "2024-05-15T16:00Z")


@dataclass
class Published:
    """A root whose one article is scheduled on a WordPress of its own, and its database as it was then."""

    world: World
    site: RealSite
    database_file: Path
    kept: Path
    processes: Igny8Processes

    def begin_anew(self) -> None:
        self.site.begin_anew()
        self.world.database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.database_file}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.kept, self.database_file)

    def command(self, *words: str, kill_at: int = 0, ends_with: int = 0) -> Ended:
        """Run a command that ends with an exit code, or with minus the signal that kills it."""
        ended = self.processes.on(self.world, *words, kill_at=kill_at)
        assert ended.code == ends_with, ended.said
        return ended

    def kill_at_request(self, route: str, moment: str, **rule: object) -> None:
        """Let the site kill the running command as a request arrives, or once it was obeyed."""
        self.site.go_wrong("kill", route, moment=moment, pid_file=str(self.processes.pid_file), **rule)

    def article(self) -> Article:
        with self.world.database.read() as connection:
            row = find_publication(connection, 1)
            assert row is not None
            return article_of(self.world.installation, connection, load_contexts(connection)["blog"], row)

    def finish(self) -> None:
        """Publish until all is done, as the next passes would."""
        if self.processes.on(self.world, *PUBLISH).code:
            self.command(*PUBLISH)

    def publish_again(self) -> None:
        """Publish until all is done: then the article is there once, and the database knows where."""
        self.finish()
        self.assert_once()
        if SOAK:
            sys.stdout.write(".")
            sys.stdout.flush()

    def assert_once(self) -> None:
        """One article at the site, and the database knows where."""
        assert_once(self.site, self.article())
        (post,) = self.site.posts()
        rows = self.world.rows("SELECT state, remote_id, url, attempts FROM publication")
        assert rows == [("published", str(post["id"]), post["link"], 0)]
        assert self.world.rows("SELECT count(*) FROM remote_media") == [(len(self.site.media()),)]

    def edit(self, title: str) -> None:
        """Give the article another text, as a person would who is asked about nothing."""
        with self.world.database.write() as connection:
            connection.exec_driver_sql(
                f"UPDATE content SET approved_hash = NULL, title = '{title}', html = '<p>{title}</p>' WHERE id = 1"
            )

    def assert_updated(self, title: str) -> None:
        self.command("publish", "1")
        self.assert_once()
        assert self.site.posts()[0]["title"]["raw"] == title
        assert self.world.rows("SELECT count(*) FROM sync_event WHERE event = 'updated'")[0][0] > 0


@pytest.fixture
def scheduled(site, tmp_path, processes) -> Published:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/password.txt").write_text(site.passwords["editor"])
    publisher = "publisher: {type: wordpress, username: editor, application_password: {file: password.txt}}"
    site_file = edited(
        "sites/blog.yaml",
        ("publisher: {type: static, path: published/blog}", publisher + "\nai: {max_in_article_images: 1}"),
        ("url: https://blog.example", f"url: {site.url}"),
        ("best hiking boots, hiking boots for women, winter hiking boots, lightweight tent, two person tent,\n"
         "               tent for camping in rain", "best hiking boots"),
    )  # fmt: skip
    assert FILES["sites/blog.yaml"] != site_file["sites/blog.yaml"]
    file = tmp_path / "state.db"
    world = World(write_root(tmp_path / "root", site_file), open_database(f"sqlite:///{file}"), FixedClock(RUN_AT))
    world.apply()
    world.run()
    assert world.counts("publication") == {"scheduled": 1}
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE content SET approved_hash = NULL, title = title || ' 😀 \\ {{x}}', html = html || '<p>مرحبا [x]</p>'"
        )
    world.database.close()  # the last connection moves everything into the one file
    kept = tmp_path / "kept.db"
    shutil.copy(file, kept)
    return Published(world, site, file, kept, processes)


def spread(total: int, kills: int) -> list[int]:
    """Return steps over the whole of a command, each once."""
    return sorted({max(1, (2 * number + 1) * total // (2 * kills)) for number in range(kills)})


def test_killed_at_any_statement_of_ours_and_run_again(scheduled):
    total = scheduled.command(*PUBLISH).steps
    scheduled.assert_once()
    steps = spread(total, SOAK * 4 or 3)
    sys.stdout.write(f"{len(steps)} of {total} statements and commits\n")
    for kill_at in steps:
        scheduled.begin_anew()
        scheduled.command(*PUBLISH, kill_at=kill_at, ends_with=-signal.SIGKILL)
        scheduled.publish_again()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request_and_run_again(scheduled, moment):
    scheduled.command(*PUBLISH)
    asked = scheduled.site.requests()
    # Those that change something first, then the others.
    order = sorted(range(len(asked)), key=lambda number: (asked[number].startswith(("GET", "OPTIONS")), number))
    sys.stdout.write(f"{len(asked)} requests, {SOAK or 'some'} times {moment}: {asked}\n")
    for number in order * SOAK or order[:3]:
        scheduled.begin_anew()
        scheduled.kill_at_request(".", moment, after=number)
        scheduled.command(*PUBLISH, ends_with=-signal.SIGKILL)
        scheduled.site.be_well()
        scheduled.publish_again()


STEPS = {"media": ("POST", "/media$"), "draft": ("POST", "/posts$"), "publish": ("POST", r"/posts/\d+$")}


@pytest.mark.parametrize("step", STEPS)
def test_an_answer_that_is_lost_is_found_by_the_next_attempt(scheduled, step):
    method, route = STEPS[step]
    for moment in ("after", "before") * SOAK or ("after",):
        scheduled.begin_anew()
        scheduled.site.go_wrong("cut", route, method=method, moment=moment)
        scheduled.command(*PUBLISH, ends_with=7)
        assert scheduled.world.rows("SELECT state, attempts FROM publication") == [("scheduled", 1)]
        scheduled.publish_again()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_update_killed_or_unanswered_and_run_again_leaves_the_new_text(scheduled, moment):
    scheduled.command(*PUBLISH)
    for number in range(SOAK or 1):
        scheduled.edit(f"Edited {number}, killed")
        scheduled.kill_at_request(r"/posts/\d+$", moment, method="POST")
        scheduled.command("publish", "1", ends_with=-signal.SIGKILL)
        scheduled.site.be_well()
        scheduled.assert_updated(f"Edited {number}, killed")
        scheduled.edit(f"Edited {number}, unanswered")
        scheduled.site.go_wrong("cut", r"/posts/\d+$", method="POST", moment=moment)
        scheduled.command("publish", "1", ends_with=7)
        scheduled.assert_updated(f"Edited {number}, unanswered")


def test_two_processes_at_one_site_publish_once(scheduled):
    """Two that share no database: whatever either met on its way, both know in the end of the one article."""
    other = scheduled.database_file.with_name("other.db")
    shutil.copy(scheduled.kept, other)
    scheduled.site.go_wrong("wait", "/posts$", method="POST", times=2, others=2)
    theirs = replace(scheduled, world=replace(scheduled.world, database=open_database(f"sqlite:///{other}")))
    commands = [command_line(one.world, *PUBLISH) for one in (scheduled, theirs)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for command in commands
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    # One may have to come again: WordPress refuses one of two uploads that make the folder of a month.
    assert sorted(process.returncode for process in both) in ([0, 0], [0, 7]), said
    scheduled.finish()
    again = subprocess.run(commands[1], capture_output=True, check=False)
    assert again.returncode == 0, (said, again)
    scheduled.assert_once()
    theirs.assert_once()
