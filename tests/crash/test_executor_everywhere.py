"""A call that is killed at any of its steps and gone on with: sent once, saved once, charged once, and nothing stays held."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builder import FILES, World, edited, write_root

from reconciler.clock import SystemClock
from reconciler.store.engine import open_database
from reconciler.store.ledger import balance_of, find_breaks
from reconciler.store.media import picture_path
from reconciler.store.tables import cluster, content, idea, image_prompt, task

FORKED = Path(__file__).with_name("forked_run.py")
STEPS_MAX = 200
# Calls of texts are killed at every step. What other stages share with them is killed at every second step: at odd ones on
# one database, at even ones on the other. `make crash` leaves none out.
STRIDE = 1 if os.environ.get("IGNY8_CRASH_REPEATS") else 2


@pytest.fixture
def provider():
    """A provider that keeps a log of what it was asked, in the order of arrival."""
    log: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            log.append(self.path.removeprefix("/"))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", log
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request, tmp_path):
    """A world on the machine's clock, since the killed processes have no other."""
    url = request.getfixturevalue("new_postgres")() if request.param == "postgresql" else f"sqlite:///{tmp_path}/s.db"
    rich = edited("accounts/acme.yaml", ("credits: 1000", "credits: 1000000"))
    rich |= {"platform.yaml": FILES["platform.yaml"] + 'defaults: {ai: {image_size: "64x64"}}\n'}
    world = World(write_root(tmp_path / "root", rich), open_database(url, upgrade=True), clock=SystemClock())
    world.apply()
    yield world
    world.database.close()


@pytest.fixture
def killed(world, provider):
    """Runs a stage for one item in a process that is killed at a step; returns how it ended."""
    server = subprocess.Popen(
        (sys.executable, str(FORKED), str(world.root), world.database.url, provider[0]), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env=os.environ | {"HOME": str(world.root)},
    )  # fmt: skip

    def call(kill_at: int, stage: str, item: int) -> int:
        server.stdin.write(json.dumps([kill_at, stage, item]) + "\n")
        server.stdin.flush()
        return int(json.loads(server.stdout.readline()))

    yield call
    server.stdin.close()
    server.wait(timeout=30)
    server.stdout.close()


NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)


def make_ideas(world: World, number: int) -> None:
    make_clusters(world, number)
    common = {"site": "blog", "sector": "hiking", "state": "new", "keywords": [], "outline": [], "created_at": NOW}
    rows = [
        {**common, "id": i, "cluster_id": i, "title": f"Thing {i}", "keyword": f"thing {i}"}
        for i in range(1, number + 1)
    ]
    with world.database.write() as connection:
        connection.execute(idea.insert(), rows)


def make_articles(world: World, number: int) -> None:
    """Make articles, each of which waits for one image."""
    make_ideas(world, number)
    common = {"site": "blog", "sector": "hiking", "created_at": NOW}
    text = {"tags": [], "markdown": "Text.", "html": "<p>Text.</p>", "model": "writer", "prompts_written": True}
    place = {"position": 0, "role": "featured", "alt": "A thing", "state": "pending"}
    numbers = range(1, number + 1)
    with world.database.write() as connection:
        connection.execute(idea.update().values(state="queued"))
        connection.execute(cluster.update().values(state="ideas_generated"))
        connection.execute(task.insert(), [{**common, "id": i, "idea_id": i, "state": "completed"} for i in numbers])
        articles = [
            {**common, **text, "id": i, "task_id": i, "title": f"Thing {i}", "slug": f"thing-{i}", "state": "draft"}
            for i in numbers
        ]
        connection.execute(content.insert(), articles)
        prompts = [{**common, **place, "id": i, "content_id": i, "prompt": f"Thing {i}."} for i in numbers]
        connection.execute(image_prompt.insert(), prompts)


def make_clusters(world: World, number: int) -> None:
    with world.database.write() as connection:
        for i in range(1, number + 1):
            connection.exec_driver_sql(
                "INSERT INTO cluster (id, site, state, sector, name, created_at)"
                f" VALUES ({i}, 'blog', 'new', 'hiking', 'thing {i}', '2026-11-18 10:00:00')"
            )


@pytest.mark.timeout(900)
def test_a_call_killed_at_any_step_is_sent_saved_and_charged_once(world, killed, provider):
    _, log = provider
    make_clusters(world, STEPS_MAX)
    items = kill_at_every_step(world, killed, log, "ideas", "SELECT state = 'new' FROM cluster WHERE id = {item}")
    assert world.rows("SELECT count(*) FROM cluster WHERE state = 'ideas_generated'") == [(items,)]
    twice = world.rows("SELECT cluster_id, title FROM idea GROUP BY cluster_id, title HAVING count(*) > 1")
    assert twice == [], "each output was saved once"
    assert_charged_once(world, items)


@pytest.mark.timeout(900)
def test_an_image_killed_at_any_step_is_drawn_kept_and_charged_once(world, killed, provider):
    """Its bytes are in the media folder before the row that names them, so no row is without its file."""
    _, log = provider
    make_articles(world, STEPS_MAX)
    is_left = "SELECT state = 'pending' FROM image_prompt WHERE id = {item}"
    items = kill_at_every_step(world, killed, log, "images", is_left, stride=STRIDE)
    assert world.rows("SELECT count(*), count(DISTINCT prompt_id) FROM image") == [(items, items)]
    assert world.rows("SELECT count(*) FROM image_prompt WHERE state = 'done'") == [(items,)]
    assert world.counts("content") == {"review": items, "draft": STEPS_MAX - items}, "its last image is there"
    for sha256, media_type, size in world.rows("SELECT sha256, media_type, size_bytes FROM image"):
        data = picture_path(world.installation.media, sha256, media_type).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size)
    assert_charged_once(world, items)


@pytest.mark.timeout(900)
def test_a_stage_without_a_model_killed_at_any_step_does_its_work_once(world, killed):
    make_ideas(world, STEPS_MAX)
    is_left = "SELECT state = 'new' FROM idea WHERE id = {item}"
    items = kill_at_every_step(world, killed, [], "tasks", is_left, stride=STRIDE)
    assert world.rows("SELECT count(*), count(DISTINCT idea_id) FROM task") == [(items, items)]
    assert world.counts("idea") == {"queued": items, "new": STEPS_MAX - items}
    assert_nothing_is_left(world, items)


def kill_at_every_step(world: World, killed, log: list[str], stage: str, is_left: str, stride: int = 1) -> int:
    """Kill a stage for item N at its N-th step and go on with it, until one lives through all steps; return how many."""
    in_flight = never_sent = 0
    first = 1 if world.database.url.startswith("sqlite") else stride
    for kill_at in itertools.count(first, stride):
        assert kill_at < STEPS_MAX
        end = killed(kill_at, stage, kill_at)
        if end == 0:
            break
        assert end == -signal.SIGKILL, f"step {kill_at} ended with {end}"
        assert killed(0, "", 0) == 0, "what was left open is finished"
        if world.rows(is_left.format(item=kill_at)) == [(True,)]:
            assert killed(0, stage, kill_at) == 0, "it had not begun"
        attempts = world.rows(
            "SELECT id, status, phase FROM attempt"
            f" WHERE stage = '{stage}' AND CAST(item_ids AS text) = '[{kill_at}]' ORDER BY started_at"
        )
        if not attempts:
            continue
        ends = [end for _, *end in attempts]
        assert ends in ([["success", "DONE"]], [["lost", "CALL"], ["success", "DONE"]]), f"step {kill_at}"
        ids = [attempt for attempt, *_ in attempts]
        sent = [asked for asked in log if asked in ids]
        assert sent in (ids, ids[-1:]), f"step {kill_at}"
        in_flight += len(sent) == 2
        never_sent += len(ids) - len(sent)
    if log:
        assert kill_at > 40 and in_flight >= 3 - stride and never_sent >= 2 - stride, (
            "kills fell before, while and after the provider was asked"
        )
        assert len(log) == len(set(log)), "no attempt was sent twice"
        recorded = {attempt for (attempt,) in world.rows("SELECT id FROM attempt")}
        assert set(log) <= recorded, "nothing was sent unrecorded"
    return len(range(first, kill_at + 1, stride))


def assert_charged_once(world: World, items: int) -> None:
    ((successes, charges),) = world.rows(
        "SELECT (SELECT count(*) FROM attempt WHERE status = 'success'), (SELECT count(*) FROM usage)"
    )
    assert successes == charges == items
    assert_nothing_is_left(world, items)


def assert_nothing_is_left(world: World, items: int) -> None:
    assert world.counts("run") == {"completed": items}
    assert world.rows("SELECT count(*) FROM claim") == [(0,)]
    assert world.rows("SELECT count(*) FROM attempt WHERE status = 'lost' AND cost_basis <> 'estimated'") == [(0,)]
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert balance_of(connection, "acme").held == 0
