"""Several real `igny8 worker` processes on one database, over HTTP: one is killed, one run paused, one cancelled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ai_server import AiServer, Reply, serving
from builder import FILES, World, edited, write_root
from model_server import ModelServer, root

from reconciler.clock import FixedClock, SystemClock
from reconciler.operations.run_orders import order_run
from reconciler.store.engine import open_database
from reconciler.store.ledger import balance_of, find_breaks

FORKED = Path(__file__).with_name("forked_workers.py")
SITES = ("blog", "news", "shop")
ARTICLES = 4
WORKERS = 4


def files(server: AiServer) -> dict[str, str | None]:
    """Return a root of three sites with four articles to come each, whose models are called at the server."""
    made = root(server)
    made["providers.yaml"] = made["providers.yaml"].replace("attempts_max: 2", "attempts_max: 2, concurrency: 64")
    for site in SITES:
        keywords = ", ".join(f"{site} {thing} {word}" for thing in ("tarp", "pump", "sock", "spray") for word in "abc")
        made |= {
            f"sites/{site}.yaml": edited(
                "sites/blog.yaml",
                ("[best hiking boots, hiking boots for women, winter hiking boots, lightweight tent, two person tent,\n"
                 "               tent for camping in rain]", f"[{keywords}]"),
                ("automation:", "stages: {content: {per_run_limit: 0}}\nautomation:"),
            )["sites/blog.yaml"].replace("blog", site)
        }  # fmt: skip
    return made | {"platform.yaml": FILES["platform.yaml"] + "defaults: {ai: {max_in_article_images: 0}}\n"}


class Gate:
    """Lets a model's articles wait until it is opened, and tells how many wait."""

    def __init__(self, model: ModelServer) -> None:
        self.waiting = 0
        self._changed = threading.Condition()
        self._opened = threading.Event()
        self._answer = model._answer
        model.server.script = lambda request, _: self._script(request)

    def _script(self, request) -> Reply | None:
        if not self._opened.is_set() and '"name": "article"' in json.dumps(request.body):
            with self._changed:
                self.waiting += 1
                self._changed.notify_all()
            self._opened.wait(120)
        return self._answer(request)

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.waiting >= number, timeout=120), f"{self.waiting} are waiting"

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def gate() -> Iterator[tuple[ModelServer, Gate]]:
    with serving() as server:
        model = ModelServer(server)
        yield model, Gate(model)


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request, tmp_path, gate) -> Iterator[World]:
    """Three sites that were applied two days ago, so that a run of each is due on the machine's clock."""
    url = request.getfixturevalue("new_postgres")() if request.param == "postgresql" else f"sqlite:///{tmp_path}/s.db"
    past = FixedClock(datetime.now(UTC) - timedelta(days=2))
    world = World(write_root(tmp_path / "root", files(gate[0].server)), open_database(url, upgrade=True), clock=past)
    world.apply()
    yield world
    world.database.close()


class Workers:
    """Worker processes that were started at once."""

    def __init__(self, world: World, number: int) -> None:
        words = (sys.executable, str(FORKED), str(number), "-C", str(world.root), "--db", world.database.url)
        self._process = subprocess.Popen(
            (*words, "worker", "--no-delays", "--calls-per-site", "2"), stdout=subprocess.PIPE, text=True,
            env=os.environ | {"HOME": str(world.root)},
        )  # fmt: skip
        self.pids: list[int] = json.loads(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert self.ended() == (pid, -signal.SIGKILL)

    def ended(self) -> tuple[int, int]:
        """Wait for the next one that ends."""
        pid, code = json.loads(self._process.stdout.readline())
        self.pids.remove(pid)
        return pid, code

    def end(self) -> None:
        """Ask the others to end, and wait until they have."""
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)
        while self.pids:
            _, code = self.ended()
            assert code in (0, 143)
        self._process.communicate(timeout=30)


def wait_until(world: World, site: str, *states: str) -> None:
    for _ in range(2400):
        if world.rows(f"SELECT state FROM run WHERE site = '{site}' ORDER BY id DESC LIMIT 1")[0][0] in states:
            return
        threading.Event().wait(0.05)
    raise AssertionError(world.rows("SELECT site, state, owner, asked, note FROM run"))


@pytest.mark.timeout(600)
def test_four_workers_serve_every_item_once_though_one_is_killed_and_runs_are_paused_and_cancelled(world, gate):
    model, articles = gate
    workers = Workers(world, WORKERS)
    articles.wait_for(2 * ARTICLES)
    # It has calls in flight: whoever made the most of them would leave the fewest to the others.
    owners = world.rows("SELECT owner, count(*) FROM claim WHERE owner <> '' GROUP BY owner ORDER BY 2 DESC")
    assert len(owners) > 1, "the work is shared"
    workers.kill(int(owners[0][0].split(":")[1]))
    runs = {site: run_id for run_id, site in world.rows("SELECT id, site FROM run")}
    order_run(world.database, SystemClock(), runs["news"], "cancel", by="ann")
    order_run(world.database, SystemClock(), runs["shop"], "pause", by="ann")
    articles.open()
    wait_until(world, "blog", "completed")
    wait_until(world, "news", "cancelled")
    wait_until(world, "shop", "paused")
    order_run(world.database, SystemClock(), runs["shop"], "resume", by="ann")
    wait_until(world, "shop", "completed")
    workers.end()

    done = Counter(site for (site,) in world.rows("SELECT site FROM content WHERE state = 'scheduled'"))
    assert (done["blog"], done["shop"]) == (ARTICLES, ARTICLES)
    assert world.rows("SELECT count(*) FROM run") == [(3,)], "who took a run over went on with it"
    for table, of in (
        ("content", "task_id"),
        ("image", "prompt_id"),
        ("task", "idea_id"),
        ("publication", "content_id"),
    ):
        ((rows, distinct),) = world.rows(f"SELECT count(*), count(DISTINCT {of}) FROM {table}")
        assert rows == distinct, f"each {table} was made once"
    statuses = world.counts("attempt", "status")
    assert statuses.keys() == {"success", "lost"}, statuses
    assert world.rows("SELECT count(*) FROM usage") == [(statuses["success"],)]
    charged = world.rows("SELECT stage, CAST(item_ids AS TEXT) FROM usage")
    assert len(charged) == len(set(charged)), "each item was charged once"
    asked = sum(model.asked.values())
    assert statuses["success"] <= asked <= sum(statuses.values()), "each request has its attempt"
    assert world.rows("SELECT count(*) FROM claim") == [(0,)]
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert balance_of(connection, "acme").held == 0
