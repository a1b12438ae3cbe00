"""The reconciler as a real process: it follows edits, refuses bad ones as a whole, and ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from builder import FILES, World, edited

from reconciler.clock import FixedClock, SystemClock
from reconciler.operations.rollback import find_way, roll_back

IGNY8 = [sys.executable, "-c", "from cli.main import main; main()"]


def words(world: World, *options: str) -> list[str]:
    return [
        *IGNY8, "-C", str(world.root), "--db", world.database.url, "reconcile", "--offline", "--no-delays",
        "--log-format", "json", *options,
    ]  # fmt: skip


@contextmanager
def daemon(world: World) -> Iterator[subprocess.Popen[str]]:
    """Start a reconciler and see to it that it ends with the test."""
    environment = os.environ | {"HOME": str(world.root), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        words(world), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    # What a test waits for may never be told: then the process ends, and the test with it.
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def once(world: World, *options: str) -> subprocess.CompletedProcess[str]:
    command = words(world, "--once", *options)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def events_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["event"] for line in done.stdout.splitlines()]


def wait_for(process: subprocess.Popen[str], *events: str) -> dict[str, Any]:
    """Return the next event of these names; what is told before it is passed over."""
    assert process.stdout
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] in events:
            return told
    raise AssertionError(f"the process ended before it told {events}")


def test_it_applies_an_edit_refuses_a_bad_one_as_a_whole_and_keeps_the_last_good_state(world):
    with daemon(world) as process:
        assert wait_for(process, "applied")["generation"] == 1
        world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
        assert wait_for(process, "applied")["generation"] == 2
        world.write(
            edited("sites/blog.yaml", ("account: acme", "acount: acme")) | {"platform.yaml": FILES["platform.yaml"]}
        )
        refused = wait_for(process, "config_refused")
        assert refused["errors"] == 2
        assert "sites/blog.yaml:1:1 IG206 account is missing" in refused["first"]
        value = world.rows("SELECT spec FROM resource WHERE kind = 'platform'")[0][0]
        assert '"credit_value_usd":"0.02"' in value, "the good part of a bad edit is not applied either"
        world.write(edited("sites/blog.yaml"))
        assert wait_for(process, "applied")["generation"] == 3
        process.send_signal(signal.SIGTERM)
        wait_for(process, "stopped")
        assert process.wait(timeout=20) == 0


def test_a_second_reconciler_on_the_same_database_is_told_who_is_at_work(small_world):
    with daemon(small_world) as process:
        wait_for(process, "started")
        second = subprocess.run(words(small_world), capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 6
        assert "another reconciler is at work" in second.stderr
        process.kill()
        process.wait()
        third = subprocess.run(words(small_world, "--once"), capture_output=True, text=True, check=False, timeout=60)
        assert third.returncode == 0, "a killed reconciler's lease is taken over at once"


def test_once_makes_one_pass_config_runs_and_publishing(world):
    done = once(world)
    assert (done.returncode, events_of(done)) == (0, ["applied"])
    assert events_of(once(world, "--at", "+2d")) == ["run"]
    assert events_of(once(world, "--at", "+9d")) == ["run", "published", "published"]


def test_once_ends_with_7_when_the_config_is_refused(small_world):
    small_world.write({"sites/blog.yaml": "kind: [\n"})
    done = once(small_world)
    assert (done.returncode, events_of(done)) == (7, ["config_refused"])
    assert small_world.rows("SELECT count(*) FROM resource") == [(0,)]


def test_a_config_that_was_rolled_back_is_not_applied_again_until_another_comes(small_world):
    """It is told once, with the reason, and left for people as a notification."""
    world = small_world
    world.apply()
    world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
    with daemon(world) as process:
        assert wait_for(process, "applied")["generation"] == 2
        way = find_way(world.installation, world.database, 1)
        roll_back(world.installation, world.database, way, reason="it was too dear")
        world.write({"README.txt": "a change that is none"} | edited("sites/blog.yaml"))
        refused = wait_for(process, "apply_blocked", "applied")
        assert "rolled back to generation 1: it was too dear (tester" in refused["blocks"][0]
        world.write(edited("sites/blog.yaml"))
        world.write(edited("platform.yaml", ('"0.01"', '"0.03"')))
        told = wait_for(process, "apply_blocked", "applied")
        assert (told["event"], told["generation"]) == ("applied", 4)
    assert world.rows("SELECT count(*) FROM notification WHERE event = 'apply_failed'") == [(1,)]


@pytest.mark.parametrize(("action", "event"), [("deny", "apply_deferred"), ("allow", "applied")])
def test_a_change_waits_for_the_sync_window(small_world, action, event):
    window = f'{{action: {action}, days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}}'
    small_world.write({"platform.yaml": FILES["platform.yaml"] + f"reconcile: {{sync_windows: [{window}]}}\n"})
    small_world.apply()
    small_world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    assert events_of(once(small_world))[0] == event


@pytest.mark.parametrize(
    ("heal", "events", "value"),
    [("off", [], "23:00"), ("report", ["drift_found"], "23:00"), ("enforce", ["healed"], "18:00")],
)
def test_drift_is_healed_reported_or_left_as_declared(small_world, heal, events, value):
    small_world.clock = FixedClock(SystemClock().now())
    small_world.write({"platform.yaml": FILES["platform.yaml"] + f"reconcile: {{heal: {heal}}}\n"})
    small_world.apply()
    with small_world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = replace(spec, '18:00', '23:00') WHERE kind = 'site'")
    assert events_of(once(small_world)) == events
    assert value in small_world.rows("SELECT spec FROM resource WHERE kind = 'site'")[0][0]


def test_ctrl_c_stops_a_run_after_the_item_at_hand_and_running_again_finishes_it(world):
    """A real process with the declared delays is interrupted while it waits, and says so; the next one goes on."""
    world.apply()
    run = [*IGNY8, "-C", str(world.root), "--db", world.database.url, "run", "--now", "--offline"]
    process = subprocess.Popen(run, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if "Clustering" in line:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopping after the items at hand" in told
    assert "interrupted" in told
    assert world.counts("run") == {"interrupted": 1}
    assert world.rows("SELECT held FROM credit_account") == [(0,)]
    again = subprocess.run([*run, "--no-delays"], capture_output=True, text=True, check=False, timeout=60)
    assert again.returncode == 0, again.stderr
    assert "goes on" in again.stderr
    assert world.counts("run") == {"completed": 1}
