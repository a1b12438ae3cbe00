"""Drift: it is told whatever git says, and healed to what was last applied, never to what was not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
from builder import FILES, edited

from cli.commands.drift import drift_lines
from cli.main import run
from cli.output import Output
from reconciler.clock import FixedClock
from reconciler.daemon.passes import ConfigFollower
from reconciler.operations.drift import DriftWatch, drift, heal


def change(world, old, new, kind="site"):
    """Change the live value of a resource behind the back of all applies."""
    with world.database.write() as connection:
        statement = f"UPDATE resource SET spec = replace(spec, '{old}', '{new}') WHERE kind = '{kind}'"
        assert connection.exec_driver_sql(statement).rowcount


def text_of(world, *refs):
    return "\n".join(drift_lines(Output("never"), drift(world.installation, world.database, refs)))


def with_mode(mode, **more):
    return {"platform.yaml": FILES["platform.yaml"] + f"reconcile: {{heal: {mode}}}\n"} | more


def follow(world):
    told = []
    ConfigFollower(world.installation, world.database, lambda event, fields: told.append(event)).follow()
    return told


def live(world, name="blog"):
    return json.loads(world.rows(f"SELECT spec FROM resource WHERE name = '{name}'")[0][0])


def test_a_changed_field_is_told_with_what_was_applied_what_is_live_and_who_would_win(world):
    world.apply()
    assert text_of(world) == "No drift: 11 resources as applied (generation 1)."
    change(world, '"language":"en"', '"language":"de"')
    assert text_of(world).splitlines() == [
        "Drift since generation 1: 1 changed, 0 missing, 0 unknown", "",
        "~ drift site/blog",
        "    language: applied en, live de   (git would win: an apply puts it back)",
    ]  # fmt: skip
    world.write(edited("sites/blog.yaml", ("account: acme", "account: acme\nlanguage: fr")))
    assert "live de   (conflict: git says fr and would win)" in text_of(world)
    world.write(edited("sites/blog.yaml", ("account: acme", "account: acme\nlanguage: de")))
    assert "(git says the same as the database: it stays)" in text_of(world)
    world.write({"sites/blog.yaml": "x: [\n"})
    assert "The config is not valid" in text_of(world)
    assert "(the last apply would win: a heal puts it back)" in text_of(world)


def test_what_is_missing_and_what_no_apply_made_is_told(world):
    world.apply()
    with world.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM resource WHERE kind = 'prompt' AND name = 'ideas'")
        connection.exec_driver_sql("UPDATE resource SET name = 'stray' WHERE kind = 'prompt' AND name = 'images'")
    told = text_of(world)
    assert "0 changed, 2 missing, 1 unknown" in told
    assert "- drift prompt/ideas: applied, but not in the database any more" in told
    assert "+ drift prompt/stray: only in the database" in told
    assert "prompt/stray" not in text_of(world, "prompt/ideas")


def test_a_renamed_resource_is_neither_missing_nor_unknown(world):
    world.apply()
    journal = FILES["sites/blog.yaml"].replace("name: blog\n", "name: journal\nmoved: {from: blog}\n")
    world.write({"sites/blog.yaml": None, "sites/journal.yaml": journal})
    world.apply()
    assert text_of(world).startswith("No drift")


@pytest.mark.parametrize(
    ("files", "refused"),
    [
        ({"sites/blog.yaml": "x: [\n"}, "config_refused"),
        (edited("sites/blog.yaml", ('"02:00"', '"03:00"')), "apply_deferred"),
    ],
    ids=["invalid", "outside of a window"],
)
def test_enforce_heals_to_the_last_applied_state_while_git_cannot_be_followed(world, files, refused):
    closed = '{action: deny, days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}'
    world.write({"platform.yaml": FILES["platform.yaml"] + f"reconcile: {{heal: enforce, sync_windows: [{closed}]}}\n"})
    world.apply()
    applied = live(world)
    change(world, '"18:00"', '"23:00"')
    world.write(files)
    assert follow(world) == ["healed", refused]
    assert live(world) == applied, "neither the drift nor what git says now"
    entry = world.rows("SELECT generation, actor, reason FROM history ORDER BY generation DESC LIMIT 1")
    assert entry == [(2, "reconciler", "heal")]
    assert follow(world) == [refused], "there is nothing left to heal"


def test_a_heal_brings_back_what_was_deleted_with_its_uid_and_leaves_what_is_not_ours(world):
    world.apply()
    rows = "SELECT kind, name, uid, spec, applied_spec FROM resource WHERE kind = 'site'"
    before = world.rows(rows)
    with world.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM resource WHERE kind = 'site'")
        connection.exec_driver_sql(
            "INSERT INTO resource (kind, name, uid, generation, spec, applied_spec, applied_digest, applied_at, created_at)"
            " SELECT 'author', 'stray', 'x', 1, spec, spec, applied_digest, applied_at, created_at FROM resource WHERE kind = 'account'"
        )
    assert heal(world.database, world.clock).generation == 2
    assert world.rows(rows) == before
    assert world.rows("SELECT count(*) FROM resource WHERE name = 'stray'") == [(1,)]
    assert heal(world.database, world.clock).generation is None


def test_off_tells_nothing_report_tells_once_and_the_database_does_not_choose_the_mode(small_world):
    small_world.write(with_mode("off"))
    small_world.apply()
    change(small_world, '"18:00"', '"23:00"')
    assert follow(small_world) == []
    change(small_world, '"heal":"off"', '"heal":"enforce"', kind="platform")
    assert follow(small_world) == []
    small_world.write(with_mode("report"))
    assert follow(small_world) == ["applied"]
    told = []
    follower = ConfigFollower(small_world.installation, small_world.database, lambda event, fields: told.append(fields))
    follower.follow()
    follower.follow()
    assert told == [{"fields": ["site/blog publishing.time_slots"]}]
    assert live(small_world)["publishing"]["time_slots"][-1] == "23:00"
    small_world.write({"sites/blog.yaml": "x: [\n"})
    assert follow(small_world) == ["drift_found", "config_refused"]


def test_a_watch_tells_every_change_once(small_world):
    small_world.apply()
    clock = FixedClock(small_world.clock.at)
    watch = DriftWatch(small_world.installation, small_world.database, every_seconds=30)

    async def go():
        told = []
        async for found in watch.changes(clock):
            told.append((len(clock.slept_seconds), [item.ref for item in found.resources]))
            if len(told) == 1:
                change(small_world, '"18:00"', '"23:00"')
            if len(told) == 2:
                break
        return told

    assert asyncio.run(go()) == [(0, []), (1, ["site/blog"])]
    assert clock.slept_seconds == [30]


def test_the_command_ends_as_asked(small_world, capsys):
    small_world.apply()
    call = ["-C", str(small_world.root), "--db", small_world.database.url, "drift"]
    assert run([*call, "--detailed-exitcode"]) == 0
    change(small_world, '"18:00"', '"23:00"')
    assert run(call) == 0
    capsys.readouterr()
    assert run([*call, "--json", "--detailed-exitcode"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["changed"] == 1 and "id" not in told
    assert told["resources"][0]["fields"][0]["winner"] == "git"
    assert run([*call, "site/blgo"]) == 64
    assert "did you mean `site/blog`" in capsys.readouterr().err


def test_ctrl_c_ends_a_watch_cleanly(small_world):
    small_world.apply()
    words = [sys.executable, "-c", "from cli.main import main; main()", "-C", str(small_world.root)]
    process = subprocess.Popen(
        [*words, "--db", small_world.database.url, "drift", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if "No drift" in line:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "Stopped.\n")
