"""Applying: wholly or not at all, once, and then there is nothing more to do; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from builder import FILES, World, edited

from reconciler.errors import BlockedError, ConflictError, LockedError
from reconciler.kinds import RESOURCE_KINDS
from reconciler.operations.apply import apply
from reconciler.operations.plan import plan
from reconciler.store.engine import open_database
from reconciler.store.history import load_changes, load_history
from reconciler.store.ledger import Hold, Origin, balance_of, place_hold

EXTRA = {
    "industries.yaml": "apiVersion: igny8/v1\nkind: IndustryCatalog\nindustries: {outdoor: {sectors: {hiking: {}}}}\n",
    "authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n",
    "strategies/calm.yaml": "apiVersion: igny8/v1\nkind: Strategy\nname: calm\naudience: hikers\n",
}

# A change of one resource of each kind, by its file: (file, old text, new text).
EDITS = {
    "platform": ("platform.yaml", '"0.01"', '"0.02"'),
    "providers": ("providers.yaml", "adapter: offline}", "adapter: offline, sandbox: true}"),
    "models": ("models.yaml", "tokens_per_credit: 1000", "tokens_per_credit: 999"),
    "tiers": ("tiers.yaml", "paid: true", "paid: false"),
    "industries": ("industries.yaml", "hiking: {}", "hiking: {seed_keywords: [boots]}"),
    "prompt": ("prompts/ideas.md", "Answer in JSON.", "Answer in plain JSON."),
    "author": ("authors/ann.yaml", "display_name: Ann", "display_name: Ann B"),
    "strategy": ("strategies/calm.yaml", "audience: hikers", "audience: campers"),
    "account": ("accounts/acme.yaml", "tier: growth", "tier: growth\nlabels: {team: a}"),
    "site": ("sites/blog.yaml", '"02:00"', '"03:00"'),
}


def planned(world: World):
    return plan(world.database, world.compile(), world.clock).plan


def test_apply_then_plan_is_empty(world):
    world.write(EXTRA)
    world.apply()
    assert planned(world).is_empty


@pytest.mark.parametrize("kind", [kind.slug for kind in RESOURCE_KINDS])
def test_a_change_of_any_kind_is_planned_applied_and_then_gone(small_world, kind):
    small_world.write(EXTRA)
    small_world.apply()
    file, old, new = EDITS[kind]
    text = (FILES | EXTRA)[file]
    assert old in text
    small_world.write({file: text.replace(old, new)})
    (change,) = [change for change in planned(small_world).changes if change.kind == kind]
    assert change.action == "update"
    assert change.fields
    small_world.apply()
    assert planned(small_world).is_empty
    small_world.write({file: text})
    assert not planned(small_world).is_empty, "and it can be taken back"


@pytest.mark.parametrize("kind", ["author", "strategy", "site", "account"])
def test_a_resource_that_is_no_longer_declared_is_deleted(world, kind):
    world.write(EXTRA)
    world.apply()
    gone = {EDITS[kind][0]: None} | ({"sites/blog.yaml": None} if kind == "account" else {})
    world.write(gone)
    assert planned(world).changes[0].ref.startswith(("site/", f"{kind}/"))
    world.apply()
    assert planned(world).is_empty
    assert world.rows(f"SELECT name FROM resource WHERE kind = '{kind}'") == []


def test_history_tells_who_when_which_commit_and_what(world):
    world.apply(reason="first")
    world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
    world.apply(reason="dearer credits")
    with world.database.read() as connection:
        second, first = load_history(connection, limit=10)
        (change,) = load_changes(connection, 2)
    assert (first.generation, first.actor, first.reason) == (1, "tester", "first")
    assert (second.generation, second.reason, second.at) == (2, "dearer credits", world.clock.now())
    assert change.to_json()["fields"] == [
        {"field": "credit_value_usd", "before": "0.01", "after": "0.02", "state": "pending"}
    ]


def test_a_plan_made_before_somebody_elses_apply_is_refused(world):
    compilation = world.compile()
    stale = plan(world.database, compilation, world.clock).plan
    world.apply()
    with pytest.raises(ConflictError, match="the state has moved"):
        apply(world.database, compilation, stale, clock=world.clock, actor="late")
    assert world.rows("SELECT count(*) FROM history") == [(1,)]


def test_of_several_appliers_at_once_one_wins_and_the_others_are_told(world):
    compilation = world.compile()
    reviewed = plan(world.database, compilation, world.clock).plan

    def one(_number):
        database = open_database(world.database.url)
        try:
            apply(database, compilation, reviewed, clock=world.clock, actor="one of many")
        except (ConflictError, LockedError):
            return 0
        finally:
            database.close()
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) == 1
    assert world.rows("SELECT available FROM credit_account") == [(1000,)]


def test_a_grant_is_posted_once_and_deleting_its_line_takes_nothing_back(world):
    world.apply()
    world.write(
        edited("accounts/acme.yaml", ("grants:\n  - {id: opening, credits: 1000, reason: opening balance}\n", ""))
    )
    world.apply()
    world.write(edited("accounts/acme.yaml"))
    world.apply()
    with world.database.read() as connection:
        assert balance_of(connection, "acme").available == 1000


def test_a_change_in_the_database_is_drift_and_goes_back(world):
    world.apply()
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE resource SET spec = replace(spec, '\"18:00\"', '\"23:00\"') WHERE kind = 'site'"
        )
    (change,) = planned(world).changes
    assert [(field.field, field.state) for field in change.fields] == [("publishing.time_slots", "drift")]
    world.apply()
    assert planned(world).is_empty


def test_git_and_database_changed_apart_is_a_conflict_and_git_wins(world):
    world.apply()
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = replace(spec, '02:00', '04:00') WHERE kind = 'site'")
    world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    (change,) = planned(world).changes
    assert [(field.before, field.after, field.state) for field in change.fields] == [("04:00", "03:00", "conflict")]


def test_a_plan_that_a_guard_forbids_changes_nothing(world):
    sites = {f"sites/s{number}.yaml": FILES["sites/blog.yaml"].replace("name: blog", f"name: s{number}")
             .replace("published/blog", f"published/s{number}") for number in range(10)}  # fmt: skip
    world.write(sites)
    world.apply()
    world.write(dict.fromkeys(list(sites)[:4]))
    with pytest.raises(BlockedError, match="4 of 11 site resources would be deleted; the limit is 30 %") as raised:
        world.apply()
    assert "--allow-deletes" in raised.value.hint
    assert world.rows("SELECT count(*) FROM history") == [(1,)]
    world.apply(allowed_flags=["--allow-deletes"], reason="they are gone")
    assert world.rows("SELECT count(*) FROM resource WHERE kind = 'site'") == [(7,)]


def test_a_change_cannot_raise_the_limit_that_it_would_pass(small_world):
    sites = {f"sites/s{number}.yaml": FILES["sites/blog.yaml"].replace("name: blog", f"name: s{number}")
             .replace("published/blog", f"published/s{number}") for number in range(10)}  # fmt: skip
    small_world.write(sites)
    small_world.apply()
    small_world.write(dict.fromkeys(list(sites)[:4]))
    small_world.write({"platform.yaml": FILES["platform.yaml"] + "safety: {delete_limit_pct: 100}\n"})
    with pytest.raises(BlockedError, match="the limit is 30 %"):
        small_world.apply()


def test_a_site_with_credits_in_an_open_hold_goes_when_the_hold_has_ended(world):
    world.apply()
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO run (id, site, account, trigger, state, generation, available_at_start, started_at)"
            " VALUES (77, 'blog', 'acme', 'now', 'completed', 1, 0, '2026-11-18')"
        )
        tomorrow = world.clock.now() + timedelta(days=1)
        hold = Hold("h", "acme", "blog", "content", 77, 5, tomorrow)
        place_hold(connection, hold, Origin("tester", world.clock.now(), 1))
    world.write({"sites/blog.yaml": None})
    assert [item.waits_for for item in planned(world).lingering] == ["1 open hold (5 credits)"]
    world.apply()
    assert world.rows("SELECT name, deleting_since FROM resource WHERE kind = 'site'") == [("blog", 2)]
    assert planned(world).is_empty
    later = world.at(world.clock.now() + timedelta(days=2))
    assert [change.ref for change in planned(later).changes] == ["site/blog"]
    later.apply()
    assert world.rows("SELECT name FROM resource WHERE kind = 'site'") == []
    assert world.rows("SELECT available, held FROM credit_account") == [(1000, 0)], "what was held came back"


def test_a_schedule_change_moves_what_is_scheduled_and_never_what_is_published(world):
    world.apply()
    world.run()
    world = world.at(world.clock.now().replace(hour=14, minute=1))
    world.publish()
    world.write(edited("sites/blog.yaml", ('"14:00", "18:00"', '"16:30"')))
    result = world.apply()
    assert [(str(move.from_at)[:16], str(move.to_at)[:16]) for move in result.moves] == [
        ("2026-11-18 18:00", "2026-11-18 16:30")
    ]
    slots = [str(slot)[:16] for (slot,) in world.rows("SELECT slot_at FROM publication ORDER BY id")]
    assert slots == ["2026-11-18 14:00", "2026-11-18 16:30"]


def test_a_schedule_without_slots_lets_articles_wait_as_approved(world):
    world.apply()
    world.run()
    world.write(edited("sites/blog.yaml", ("days: [mon, tue, wed, thu, fri]", "days: []\n  auto_publish: false")))
    assert [move.to_at for move in world.apply().moves] == [None, None]
    assert world.counts("content") == {"approved": 2}
    world.write(edited("sites/blog.yaml"))
    world.apply()
    assert world.publish().articles == ()
    assert world.counts("content") == {"scheduled": 2}, "they take slots again once there are some"
    slots = [str(slot)[:16] for (slot,) in world.rows("SELECT slot_at FROM publication ORDER BY id")]
    assert slots == ["2026-11-18 14:00", "2026-11-18 18:00"]
