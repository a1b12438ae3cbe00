"""Guards at work on a database: deletions that wait, holds, windows, rows that no apply has made; on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builder import FILES, World, edited

from cli.main import run as igny8
from reconciler.daemon.passes import ConfigFollower
from reconciler.errors import BlockedError, LockedError, UsageError
from reconciler.operations.apply import check_overrides
from reconciler.operations.plan import plan
from reconciler.operations.resource_holds import hold, list_holds, release
from reconciler.operations.status import status
from reconciler.store.departures import lock_sites, stays, work_in_flight
from reconciler.store.engine import open_database
from reconciler.store.history import load_history

NIGHT = (
    '{action: deny, days: [mon, tue, wed, thu, fri, sat, sun], start: "20:00", end: "06:00", timezone: Europe/Berlin}'
)


def planned(world: World):
    return plan(world.database, world.compile(), world.clock).plan


def run_sql(world: World, *statements: str) -> None:
    with world.database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def at_work(world: World, *, until: str = "2026-11-18 10:40") -> None:
    """Put a run of the blog under a lease, as a worker that is busy with it has it."""
    run_sql(
        world,
        "INSERT INTO run (id, site, account, trigger, state, generation, available_at_start, owner, lease_until, fence,"
        f" started_at) VALUES (12, 'blog', 'acme', 'now', 'running', 1, 0, 'busy', '{until}+00:00', 1, '2026-11-18')"
        if world.database.engine.dialect.name == "postgresql"
        else "INSERT INTO run (id, site, account, trigger, state, generation, available_at_start, owner, lease_until,"
        f" fence, started_at) VALUES (12, 'blog', 'acme', 'now', 'running', 1, 0, 'busy', '{until}:00.000000', 1,"
        " '2026-11-18 10:00:00.000000')",
    )


def test_a_site_with_a_run_at_work_lingers_and_goes_when_the_run_has_ended(world):
    world.apply()
    at_work(world)
    world.write({"sites/blog.yaml": None, "accounts/acme.yaml": None})
    assert [(item.ref, item.waits_for) for item in planned(world).lingering] == [
        ("site/blog", "run 12"), ("account/acme", "site/blog"),
    ]  # fmt: skip
    world.apply(reason="they left")
    assert world.rows("SELECT kind, name, deleting_since FROM resource WHERE deleting_since IS NOT NULL ORDER BY kind") == [
        ("account", "acme", 2), ("site", "blog", 2),
    ]  # fmt: skip
    found = planned(world)
    assert found.is_empty
    assert [item.since for item in found.lingering] == [2, 2]
    assert [site.leaving for site in status(world.database, world.clock).sites] == ["waits for run 12"]
    assert world.run(due=True).results == (), "nothing new begins for it"
    assert [skipped.reason for skipped in world.run(["blog"]).skipped] == [
        "the site blog is being deleted; no new run begins"
    ]
    run_sql(world, "UPDATE run SET state = 'completed', lease_until = NULL WHERE id = 12")
    assert [site.leaving for site in status(world.database, world.clock).sites] == ["waits for the next apply"]
    assert [change.ref for change in planned(world).changes] == ["site/blog", "account/acme"]
    world.apply()
    assert world.rows("SELECT name FROM resource WHERE kind IN ('site', 'account')") == []


def test_declaring_a_lingering_site_again_cancels_its_deletion(world):
    world.apply()
    at_work(world)
    world.write({"sites/blog.yaml": None})
    world.apply()
    world.write(edited("sites/blog.yaml"))
    (change,) = planned(world).changes
    assert [item.field for item in change.fields] == ["deletion"]
    world.apply()
    assert world.rows("SELECT deleting_since FROM resource WHERE kind = 'site'") == [(None,)]
    assert planned(world).is_empty


def test_what_a_dead_worker_left_does_not_keep_a_site_and_is_tidied_up(world):
    """A run whose lease is over is cancelled with its site, and a worker that wakes up finds itself fenced off."""
    world.apply()
    at_work(world, until="2026-11-18 10:29")
    world.write({"sites/blog.yaml": None})
    assert planned(world).lingering == ()
    world.apply()
    assert world.rows("SELECT state, note, fence FROM run") == [("cancelled", "the site was deleted", 2)]


def test_a_deleted_site_publishes_nothing_more_and_what_it_made_stays(world):
    world.apply()
    world.run()
    made = {table: world.rows(f"SELECT count(*) FROM {table}") for table in ("content", "usage", "posting", "keyword")}
    assert world.counts("publication") == {"scheduled": 2}
    world.write({"sites/blog.yaml": None})
    world.apply()
    assert world.counts("content") == {"approved": 2}
    assert {table: world.rows(f"SELECT count(*) FROM {table}") for table in made} == made
    later = world.at(datetime(2026, 12, 1, tzinfo=UTC))
    assert later.publish().articles == ()
    later.write(edited("sites/blog.yaml"))
    later.apply()
    assert later.publish().articles == ()
    assert later.counts("content") == {"scheduled": 2}, "declared again, it goes on with slots to come"


def test_a_lingering_site_publishes_nothing_new(world):
    world.apply()
    world.run()
    at_work(world, until="2026-11-18 23:00")
    world.write({"sites/blog.yaml": None})
    world.apply()
    assert world.at(world.clock.now().replace(hour=22)).publish().articles == ()
    assert world.counts("publication") == {"scheduled": 2}


def test_a_publication_that_is_going_out_is_waited_for(world):
    world.apply()
    world.run()
    until = (
        "2026-11-18 11:00:00+00" if world.database.engine.dialect.name == "postgresql" else "2026-11-18 11:00:00.000000"
    )
    run_sql(
        world, "UPDATE publication SET state = 'publishing' WHERE id = 1",
        f"INSERT INTO lease (name, owner, until, fence) VALUES ('publish:blog', 'busy', '{until}', 1)",
    )  # fmt: skip
    with world.database.read() as connection:
        assert [item.text for item in work_in_flight(connection, world.clock.now())["blog"]] == [
            "the publication of article 1"
        ]
        assert work_in_flight(connection, world.clock.now() + timedelta(hours=2)) == {}


def test_no_work_begins_for_a_site_while_an_apply_decides_about_it(world):
    """Whoever wants to begin waits for the apply on PostgreSQL; on SQLite writers come one after the other anyway."""
    world.apply()
    if world.database.engine.dialect.name != "postgresql":
        return
    other = open_database(world.database.url)
    try:
        with world.database.write() as deciding, other.write() as starting:
            lock_sites(deciding, ["blog"])
            starting.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                stays(starting, "blog")
    finally:
        other.close()


def test_rows_that_no_apply_has_made_are_told_and_never_deleted_until_they_are_declared(world):
    world.apply()
    spec = json.dumps({"name": "ann", "display_name": "Ann"})
    run_sql(
        world,
        "INSERT INTO resource (kind, name, uid, generation, spec, applied_spec, applied_digest, applied_at, created_at)"
        f" VALUES ('author', 'ann', 'x', 0, '{spec}', '{spec}', '', '2026-11-18', '2026-11-18')",
    )
    found = planned(world)
    assert (found.is_empty, found.unmanaged) == (True, ("author/ann",))
    world.write({"authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n"})
    world.apply()
    assert planned(world).unmanaged == ()
    world.write({"authors/ann.yaml": None})
    assert [change.action for change in planned(world).changes] == ["delete"], "from then on an apply has made it"


def test_a_file_that_cannot_be_read_never_deletes_what_it_declared(small_world, capsys):
    world = small_world
    world.apply()
    for text in ("kind: [\n", "\x00"):
        world.write({"sites/blog.yaml": text})
        assert igny8(["-C", str(world.root), "--db", world.database.url, "apply", "--yes"]) == 3
    capsys.readouterr()
    assert world.rows("SELECT name FROM resource WHERE kind = 'site'") == [("blog",)]


def test_a_missing_folder_deletes_nothing_unless_it_is_allowed(world):
    world.write({"authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n"})
    world.apply()
    world.write({"authors/ann.yaml": None})
    (world.root / "authors").rmdir()
    with pytest.raises(BlockedError, match="the config root lacks their folder"):
        world.apply()
    world.apply(allowed_flags=["--allow-empty"], reason="no authors any more")
    assert world.rows("SELECT name FROM resource WHERE kind = 'author'") == []


def test_protection_is_lifted_by_an_apply_of_its_own(world):
    world.write(edited("sites/blog.yaml", ("account: acme", "account: acme\nprotected: true")))
    world.apply()
    world.write({"sites/blog.yaml": None})
    with pytest.raises(BlockedError, match="site/blog is protected"):
        world.apply(allowed_flags=["--allow-deletes"], reason="it goes")
    world.write(edited("sites/blog.yaml"))
    world.apply()
    world.write({"sites/blog.yaml": None})
    world.apply()
    assert world.rows("SELECT name FROM resource WHERE kind = 'site'") == []


def windowed(world: World, now: str) -> World:
    world.write({"platform.yaml": FILES["platform.yaml"] + f"reconcile: {{sync_windows: [{NIGHT}]}}\n"})
    world = world.at(datetime.fromisoformat(now).astimezone(UTC))
    world.apply()
    world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    return world


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-18T21:00+01:00", "Thu 2026-11-19 06:00 Europe/Berlin (2026-11-19 05:00 UTC)"),
        ("2026-03-28T21:00+01:00", "Sun 2026-03-29 06:00 Europe/Berlin (2026-03-29 04:00 UTC)"),  # the night is short
        ("2026-10-24T21:00+02:00", "Sun 2026-10-25 06:00 Europe/Berlin (2026-10-25 05:00 UTC)"),  # the night is long
    ],
)
def test_outside_the_window_an_apply_is_refused_and_says_when_it_opens(small_world, now, opening):
    world = windowed(small_world, now)
    with pytest.raises(LockedError) as raised:
        world.apply()
    assert f"it opens {opening}" in raised.value.message
    assert planned(world).window.opening == opening
    assert planned(world).to_json()["window"]["open"] is False
    opened = world.at(planned(world).window.next_open)
    assert opened.apply().generation == 2


def test_a_window_is_overridden_with_a_reason_and_the_history_keeps_it(world):
    world = windowed(world, "2026-11-18T21:00+01:00")
    for reason in ("", "  "):
        with pytest.raises(UsageError, match="--override-window needs --reason"):
            check_overrides(["--override-window"], reason)
    world.apply(allowed_flags=["--override-window"], reason="outage")
    with world.database.read() as connection:
        last, first = load_history(connection, limit=2)
    assert (last.reason, last.options) == ("outage", {"allowed": ["--override-window"]})
    assert first.options == {}
    assert world.apply().generation is None, "what has nothing to do needs no window"


def test_a_held_field_stays_while_the_rest_is_applied_and_follows_after_the_hold(world):
    world.apply()
    hold(world.database, world.clock, "site/blog", "automation.time", until="3d", reason="launch", actor="ann")
    world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"'), ('"14:00", "18:00"', '"16:30"')))
    (change,) = planned(world).changes
    assert [item.field for item in change.fields] == ["publishing.time_slots"]
    world.apply()
    assert '"time":"02:00"' in world.rows("SELECT spec FROM resource WHERE kind = 'site'")[0][0]
    found = planned(world)
    assert found.is_empty
    assert [(item["field"], item["by"], item["fields"][0]["after"]) for item in found.to_json()["held"]] == [
        ("automation.time", "ann", "03:00")
    ]
    later = world.at(world.clock.now() + timedelta(days=3))
    later.apply()
    assert '"time":"03:00"' in world.rows("SELECT spec FROM resource WHERE kind = 'site'")[0][0]


def test_a_held_resource_is_neither_changed_healed_nor_deleted(world):
    world.apply()
    run_sql(world, "UPDATE resource SET spec = replace(spec, '18:00', '23:00') WHERE kind = 'site'")
    hold(world.database, world.clock, "site/blog", "", until="3d", reason="launch", actor="ann")
    assert planned(world).is_empty
    world.write({"sites/blog.yaml": None})
    assert [item.action for item in planned(world).held] == ["delete"]
    assert planned(world).is_empty


def test_holds_are_kept_with_who_released_them(world):
    world.apply()
    for number, actor in enumerate(("ann", "bob")):
        at = replace(world.clock, at=world.clock.now() + timedelta(hours=number))
        hold(world.database, at, "site/blog", "url", until="2d", reason="launch", actor=actor)
    assert [item.by for item in list_holds(world.database, world.clock)] == ["bob"], "holding again replaces"
    release(world.database, world.clock, "site/blog", "url", actor="cleo")
    assert [(item.by, item.released_by) for item in list_holds(world.database, world.clock, every=True)] == [
        ("ann", "bob"), ("bob", "cleo"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="nobody holds url of site/blog"):
        release(world.database, world.clock, "site/blog", "url", actor="cleo")


@pytest.mark.parametrize(
    ("ref", "field", "until", "told"),
    [
        ("site/blog", "", "31d", "a hold lasts 30 days at most"),
        ("site/blog", "", "2026-11-18T10:30", "2026-11-18 10:30 UTC has passed"),
        ("site/blog", "", "soon", "'soon' is no time"),
        ("site/blog", "", "99999999999d", "is no time"),
        ("site/blog", "publishing.dayz", "3d", "has no field 'publishing.dayz'"),
        ("sites/blog", "", "3d", "there is no kind 'sites'"),
        ("site", "", "3d", "'site' names no site"),
        ("site/other", "", "3d", "no site 'other' was applied"),
        ("policy/x", "", "3d", "there is no kind 'policy'"),
    ],
)
def test_a_hold_that_would_hold_nothing_or_for_ever_is_refused(small_world, ref, field, until, told):
    small_world.apply()
    with pytest.raises(UsageError) as raised:
        hold(small_world.database, small_world.clock, ref, field, until=until, reason="launch", actor="ann")
    assert told in raised.value.message
    assert raised.value.hint


def test_a_time_with_an_offset_and_a_field_that_is_not_set_can_be_held(small_world):
    small_world.apply()
    found = hold(
        small_world.database, small_world.clock, "site/blog", "credits.monthly_max",
        until="2026-11-25T18:00+01:00", reason="launch", actor="ann",
    )  # fmt: skip
    assert found.until == datetime(2026, 11, 25, 17, tzinfo=UTC)
    small_world.write(edited("sites/blog.yaml", ("account: acme", "account: acme\ncredits: {monthly_max: 5}")))
    assert planned(small_world).is_empty, "what is not set stays so"


def test_the_reconciler_records_a_deletion_once_and_carries_it_out_when_the_work_has_ended(world):
    world.apply()
    at_work(world)
    world.write({"sites/blog.yaml": None, "accounts/acme.yaml": None})
    told: list[tuple[str, object]] = []
    follower = ConfigFollower(world.installation, world.database, lambda event, fields: told.append((event, fields)))
    assert follower.follow()
    assert follower.follow(), "while it waits there is nothing more to record"
    assert [event for event, _ in told] == ["applied"]
    assert world.rows("SELECT max(generation) FROM history") == [(2,)]
    assert world.rows("SELECT name FROM resource WHERE kind = 'site'") == [("blog",)]
    run_sql(world, "UPDATE run SET state = 'completed'")
    assert follower.follow()
    assert world.rows("SELECT name FROM resource WHERE kind IN ('site', 'account')") == []
    assert world.rows("SELECT max(generation) FROM history") == [(3,)]
