"""SIGKILL while an image is on order: the order is looked up, brought once, paid for once, and charged once."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ai_server import Reply, serving
from builder import FILES, World, edited, write_root
from igny8_process import command_line
from image_server import KEY, Bria, Runware

from reconciler.store.engine import open_database
from reconciler.store.ledger import balance_of, find_breaks, open_hold_credits

KINDS: dict[str, Any] = {"runware": Runware, "bria": Bria}


def make_world(folder: Path, adapter: str, endpoint: str) -> World:
    """Return a site whose texts come from the offline adapter and whose images come from a server on loopback."""
    providers = f"""apiVersion: igny8/v1
kind: ProviderCatalog
providers:
  samples: {{type: ai, adapter: offline}}
  painters:
    type: ai
    adapter: {adapter}
    endpoint: {endpoint}
    credentials: {{api_key: {{env: PAINTERS_KEY}}}}
    limits: {{timeout_seconds: 60}}
"""
    site = ("best hiking boots, hiking boots for women, winter hiking boots, ", "")
    sketcher = (
        "  sketcher:\n    type: image\n    provider: samples",
        "  sketcher:\n    type: image\n    provider: painters",
    )
    platform = {"platform.yaml": FILES["platform.yaml"] + "defaults: {ai: {max_in_article_images: 0}}\n"}
    files = platform | edited("sites/blog.yaml", site) | edited("models.yaml", sketcher) | {"providers.yaml": providers}
    world = World(write_root(folder, files), open_database(f"sqlite:///{folder.parent / 'crash.db'}", upgrade=True))
    world.apply()
    return world


def start(world: World) -> subprocess.Popen[str]:
    environment = os.environ | {"HOME": str(world.root), "IGNY8_ACTOR": "tester", "PAINTERS_KEY": KEY}
    return subprocess.Popen(
        command_line(world, "run", "--now", "--no-delays"), env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("adapter", "deaths"),
    [
        ("runware", [0]),  # the order has arrived, its reply has not
        ("runware", [1]),  # between order and look-up
        ("runware", [2]),  # while the image is fetched
        ("runware", [0, 2, 3]),  # again while the first loss is made good
        ("bria", [1]),
        ("bria", [2]),
    ],
)
def test_a_worker_killed_while_an_image_is_on_order_pays_once_and_loses_nothing(tmp_path, adapter, deaths):
    with serving() as server:
        store = KINDS[adapter](server, looks_needed=1)
        world = make_world(tmp_path / "root", adapter, server.url)
        workers: list[subprocess.Popen[str]] = []
        killed: list[int] = []
        born = threading.Event()

        def die() -> Reply:
            born.wait(30)
            killed.append(workers[-1].pid)
            os.kill(workers[-1].pid, signal.SIGKILL)
            return Reply(hang_up=True)

        store.faults = dict.fromkeys(deaths, die)
        for _ in range(len(deaths) + 1):
            born.clear()
            workers.append(start(world))
            born.set()
            out, err = workers[-1].communicate(timeout=100)
            if workers[-1].returncode != -signal.SIGKILL:
                break
        assert workers[-1].returncode == 0, out + err
        assert len(killed) == len(deaths)
        assert KEY not in out + err
        images = world.rows("SELECT count(*) FROM image")[0][0]
        assert images == world.rows("SELECT count(*) FROM image_prompt WHERE state = 'done'")[0][0] > 0
        assert len(store.orders) == images, "no image was ordered twice"
        lines = Counter(row[0] for row in world.rows("SELECT CAST(item_ids AS text) FROM usage WHERE stage = 'images'"))
        assert set(lines.values()) == {1} and len(lines) == images, "no image was charged twice"
        attempts = world.rows("SELECT status, cost_basis, cost_nano, notes FROM attempt WHERE stage = 'images'")
        assert Counter(row[0] for row in attempts) == {"success": images, "lost": len(deaths)}
        if len(deaths) == 1:
            (lost,) = [row for row in attempts if row[0] == "lost"]
            assert lost[1:3] == ("zero", 0) and lost[3].startswith("its result was fetched by attempt")
        basis = "reported" if adapter == "runware" else "computed"
        assert {row[1] for row in attempts if row[0] == "success"} == {basis}
        with world.database.read() as connection:
            assert find_breaks(connection) == ()
            assert open_hold_credits(connection, account="acme") == balance_of(connection, "acme").held == 0
        world.database.close()


def test_the_key_is_nowhere_in_the_database(tmp_path):
    with serving() as server:
        runware = Runware(server)
        world = make_world(tmp_path / "root", "runware", server.url)
        worker = start(world)
        out, err = worker.communicate(timeout=100)
        assert worker.returncode == 0 and runware.orders, err
        world.database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("crash.db*"))
    assert b"key-of-the-test" not in stored and KEY not in out + err


@pytest.mark.parametrize("adapter", ["runware", "bria"])
def test_an_order_in_doubt_is_looked_up_by_the_next_attempt_of_the_same_worker(tmp_path, adapter):
    with serving() as server:
        store = KINDS[adapter](server, looks_needed=1)
        trouble = Reply(hang_up=True) if adapter == "runware" else Reply(raw=b"", headers={"content-type": "text/html"})
        if adapter == "runware":
            store.faults[0] = lambda: trouble
        else:
            # Three times no image at its address: the order stands, and its image is there a moment later.
            store.faults |= {number: (lambda: trouble) for number in (2, 3, 4)}
        world = make_world(tmp_path / "root", adapter, server.url)
        worker = start(world)
        out, err = worker.communicate(timeout=100)
        assert worker.returncode == 0, out + err
        images = world.rows("SELECT count(*) FROM image")[0][0]
        assert len(store.orders) == images > 0, "no image was ordered twice"
        first = world.rows("SELECT status, cost_nano, notes FROM attempt WHERE stage = 'images' ORDER BY started_at")[0]
        assert first[:2] == ("error", 0) and first[2].startswith("its result was fetched by attempt")
        world.database.close()
