"""SIGKILL of the real process at any step of publishing to a real WordPress, then again: one public article, whole.

A step is a statement or a commit of ours (see killed.py), or a request: killed as it arrives at the site, or when the
site has done what was asked and its answer is on its way. IGNY8_SOAK=N does N kills of each kind instead of a few.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from builder import FILES, World, edited, write_root
from wordpress_articles import RUN_AT, assert_once
from wordpress_site import RealSite

from reconciler.clock import FixedClock
from reconciler.operations.article import article_of
from reconciler.operations.context import load_contexts
from reconciler.publishers.port import Article
from reconciler.store.engine import open_database
from reconciler.store.publications import find_publication

KILLED = Path(__file__).parent.parent / "crash/killed.py"
KILLS = int(os.environ.get("IGNY8_SOAK") or 3)
PUBLISH = ("publish", "--due", "--retry", "--at", "2024-05-15T16:00Z")


@dataclass
class Published:
    """A root whose one article is scheduled on a WordPress of its own, and its database as it was then."""

    world: World
    site: RealSite
    database_file: Path
    kept: Path

    def begin_anew(self) -> None:
        self.site.begin_anew()
        self.world.database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.database_file}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.kept, self.database_file)

    def command(
        self, *arguments: str, kill_at: int = 0, pid_file: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, str(KILLED), str(kill_at), "--", "-C", str(self.world.root), "--db",
                 self.world.database.url, *arguments]  # fmt: skip
        environment = os.environ | {"HOME": str(self.world.root), "IGNY8_ACTOR": "tester"}
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        if pid_file is not None:
            pid_file.write_text(str(process.pid))  # long before its first request
        out, error = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, error)

    def article(self) -> Article:
        with self.world.database.read() as connection:
            row = find_publication(connection, 1)
            assert row is not None
            return article_of(self.world.installation, connection, load_contexts(connection)["blog"], row)

    def publish_again(self) -> None:
        """Publish until all is done, as the next passes would."""
        done = self.command(*PUBLISH)
        if done.returncode:
            done = self.command(*PUBLISH)
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_once(self) -> None:
        """One article at the site, and the database knows where."""
        assert_once(self.site, self.article())
        (post,) = self.site.posts()
        rows = self.world.rows("SELECT state, remote_id, url, attempts FROM publication")
        assert rows == [("published", str(post["id"]), post["link"], 0)]
        assert self.world.rows("SELECT count(*) FROM remote_media") == [(len(self.site.media()),)]


@pytest.fixture
def scheduled(site, tmp_path) -> Published:
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
    return Published(world, site, file, kept)


def spread(total: int, kills: int) -> list[int]:
    """Return steps over the whole of a command, each at most once a round."""
    return [max(1, min(total, (2 * number + 1) * total // (2 * kills))) for number in range(kills)]


def test_killed_at_any_statement_of_ours_and_run_again(scheduled):
    whole = scheduled.command(*PUBLISH)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    scheduled.assert_once()
    found = re.search(r"steps: (\d+)", whole.stderr)
    assert found
    for kill_at in spread(int(found[1]), KILLS):
        scheduled.begin_anew()
        assert scheduled.command(*PUBLISH, kill_at=kill_at).returncode == -signal.SIGKILL, kill_at
        scheduled.publish_again()
        scheduled.assert_once()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request_and_run_again(scheduled, moment):
    assert scheduled.command(*PUBLISH).returncode == 0
    asked = scheduled.site.requests()
    # Those that change something first, then the others.
    order = sorted(range(len(asked)), key=lambda number: (asked[number].startswith(("GET", "OPTIONS")), number))
    for kill_number in range(KILLS):
        number = order[kill_number % len(order)]
        scheduled.begin_anew()
        pid_file = scheduled.kept.with_name("pid")
        scheduled.site.go_wrong("kill", ".", moment=moment, after=number, pid_file=str(pid_file))
        killed = scheduled.command(*PUBLISH, pid_file=pid_file)
        assert killed.returncode == -signal.SIGKILL, (asked[number], killed.stdout)
        scheduled.site.be_well()
        scheduled.publish_again()
        scheduled.assert_once()


STEPS = {"media": ("POST", "/media$"), "draft": ("POST", "/posts$"), "publish": ("POST", r"/posts/\d+$")}


@pytest.mark.parametrize("step", STEPS)
def test_an_answer_that_is_lost_is_found_by_the_next_attempt(scheduled, step):
    method, route = STEPS[step]
    for turn in range(max(1, KILLS // 3)):
        scheduled.begin_anew()
        scheduled.site.go_wrong("cut", route, method=method, moment="before" if turn % 2 else "after")
        lost = scheduled.command(*PUBLISH)
        assert lost.returncode == 7, lost.stdout + lost.stderr
        assert scheduled.world.rows("SELECT state, attempts FROM publication") == [("scheduled", 1)]
        scheduled.publish_again()
        scheduled.assert_once()


def test_an_update_killed_anywhere_and_run_again_leaves_the_new_text(scheduled):
    assert scheduled.command(*PUBLISH).returncode == 0
    edit = "UPDATE content SET approved_hash = NULL, title = 'Edited', html = '<p>New.</p>' WHERE id = 1"
    for moment in ("before", "after") * max(1, KILLS // 3):
        with scheduled.world.database.write() as connection:
            connection.exec_driver_sql(edit)
        edit = edit.replace("Edited", "Edited again")
        pid_file = scheduled.kept.with_name("pid")
        scheduled.site.go_wrong("kill", r"/posts/\d+$", method="POST", moment=moment, pid_file=str(pid_file))
        killed = scheduled.command("publish", "1", pid_file=pid_file)
        assert killed.returncode == -signal.SIGKILL, killed.stdout
        scheduled.site.be_well()
        done = scheduled.command("publish", "1", "--json")
        assert (done.returncode, '"updated"' in done.stdout) == (0, True), done.stdout + done.stderr
        scheduled.assert_once()


def test_two_processes_at_one_site_publish_once(scheduled):
    other = scheduled.database_file.with_name("other.db")
    shutil.copy(scheduled.kept, other)
    scheduled.site.go_wrong("wait", "/posts$", method="POST", times=2, others=2)
    words = [sys.executable, str(KILLED), "0", "--", "-C", str(scheduled.world.root), "--db"]
    urls = (scheduled.world.database.url, f"sqlite:///{other}")
    both = [
        subprocess.Popen([*words, url, *PUBLISH], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for url in urls
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    scheduled.publish_again()
    assert subprocess.run([*words, urls[1], *PUBLISH], capture_output=True, check=False).returncode == 0, said
    assert_once(scheduled.site, scheduled.article())
