"""A call that is killed at any of its steps and gone on with: sent once, saved once, charged once, and nothing stays held."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builder import World, edited, write_root

from reconciler.clock import SystemClock
from reconciler.store.engine import open_database
from reconciler.store.ledger import balance_of, find_breaks

FORKED = Path(__file__).with_name("forked_run.py")
STEPS_MAX = 200


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
    in_flight = never_sent = 0
    for kill_at in itertools.count(1):
        assert kill_at < STEPS_MAX
        end = killed(kill_at, "ideas", kill_at)
        if end == 0:
            break
        assert end == -signal.SIGKILL, f"step {kill_at} ended with {end}"
        assert killed(0, "", 0) == 0, "what was left open is finished"
        if world.rows(f"SELECT state FROM cluster WHERE id = {kill_at}") == [("new",)]:
            assert killed(0, "ideas", kill_at) == 0, "it had not begun"
        attempts = world.rows(
            f"SELECT id, status FROM attempt WHERE CAST(item_ids AS text) = '[{kill_at}]' ORDER BY started_at"
        )
        statuses = [status for _, status in attempts]
        assert statuses in (["success"], ["lost", "success"]), f"step {kill_at}"
        sent = [asked for asked in log if asked in dict(attempts)]
        assert sent in ([attempt for attempt, _ in attempts], [attempts[-1][0]]), f"step {kill_at}"
        in_flight += len(sent) == 2
        never_sent += len(attempts) - len(sent)
    assert kill_at > 40 and in_flight >= 2 and never_sent >= 1, (
        "kills fell before, while and after the provider was asked"
    )
    assert len(log) == len(set(log)), "no attempt was sent twice"
    assert set(log) <= {attempt for (attempt,) in world.rows("SELECT id FROM attempt")}, "nothing was sent unrecorded"
    assert_laws(world, kill_at)


def assert_laws(world: World, items: int) -> None:
    done = world.rows("SELECT count(*) FROM cluster WHERE state = 'ideas_generated'")
    assert done == [(items,)]
    twice = world.rows("SELECT cluster_id, title FROM idea GROUP BY cluster_id, title HAVING count(*) > 1")
    assert twice == [], "each output was saved once"
    ((successes, charges),) = world.rows(
        "SELECT (SELECT count(*) FROM attempt WHERE status = 'success'), (SELECT count(*) FROM usage)"
    )
    assert successes == charges == items
    assert world.counts("run") == {"completed": items}
    assert world.rows("SELECT count(*) FROM claim") == [(0,)]
    assert world.rows("SELECT count(*) FROM attempt WHERE status = 'lost' AND cost_basis <> 'estimated'") == [(0,)]
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert balance_of(connection, "acme").held == 0
