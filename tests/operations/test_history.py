"""The history: what it keeps, that a changed row shows, and who last changed a field; on both databases."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from builder import FILES, World, edited

from reconciler.errors import UsageError
from reconciler.operations.blame import blame
from reconciler.operations.history import past_applies, show_apply, verify_history
from reconciler.store.history import load_snapshot

DEARER = edited("platform.yaml", ('"0.01"', '"0.02"'))
FEWER = edited("sites/blog.yaml", ('"09:00", "14:00", "18:00"', '"09:00", "18:00"'))
RENAMED = edited("sites/blog.yaml", ('"09:00", "14:00", "18:00"', '"09:00", "18:00"'), ("url: https://blog.example", "url: https://news.example"))  # fmt: skip


def three_applies(world: World) -> World:
    """Apply three times: everything, dearer credits, another schedule."""
    world.apply(reason="first")
    world.write(DEARER)
    world.apply(reason="dearer credits")
    world.write(FEWER)
    world.apply(reason="fewer slots")
    return world


def rewrite(world: World, statement: str) -> None:
    with world.database.write() as connection:
        assert connection.exec_driver_sql(statement).rowcount > 0


def digests(world: World) -> list[str]:
    return [item.digest for item in reversed(past_applies(world.database, limit=9))]


def test_an_apply_is_shown_with_every_field_its_options_and_the_forecast_of_then(world):
    three_applies(world)
    shown = show_apply(world.database, None).to_json()
    assert (shown["generation"], shown["actor"], shown["reason"]) == (3, "tester", "fewer slots")
    assert shown["summary"] == {"create": 0, "update": 1, "delete": 0, "unchanged": 10, "blocked": 0, "left_out": 0}
    assert [(item["kind"], item["name"]) for item in shown["changes"]] == [("site", "blog")]
    assert shown["changes"][0]["fields"] == [{
        "field": "publishing.time_slots", "before": ["09:00", "14:00", "18:00"], "after": ["09:00", "18:00"],
        "state": "pending",
    }]  # fmt: skip
    forecast = shown["plan"]["forecast"]
    assert forecast["after"]["articles"] < forecast["before"]["articles"]
    assert forecast["after"]["credits_by_account"]["acme"] == forecast["after"]["credits"]
    assert "sites" not in forecast["after"]
    first = show_apply(world.database, 1, resource="site/blog").to_json()
    assert {"field": "automation.time", "before": None, "after": "02:00", "state": "pending"} in first["changes"][0][
        "fields"
    ]
    with pytest.raises(UsageError, match="there is no generation 9"):
        show_apply(world.database, 9)


def test_flags_that_allowed_something_are_kept(world):
    world.apply(reason="why", allowed_flags=["--allow-deletes"])
    assert show_apply(world.database, 1).applied.options == {"allowed": ["--allow-deletes"]}


def test_the_list_can_be_of_one_resource_or_of_one_actor(world):
    three_applies(world)
    of_site = past_applies(world.database, limit=9, resource="site/blog")
    assert [item.generation for item in of_site] == [3, 1]
    assert past_applies(world.database, limit=9, actor="somebody") == ()
    with pytest.raises(UsageError) as raised:
        past_applies(world.database, limit=9, resource="site/blgo")
    assert raised.value.hint == "did you mean `site/blog`?"


def test_a_whole_history_is_verified_and_its_head_can_be_kept_elsewhere(world):
    assert verify_history(world.database).broken is None
    three_applies(world)
    found = verify_history(world.database)
    assert (found.broken, found.applies, found.changes, found.head_generation) == (None, 3, 13, 3)
    world.write(FILES)
    world.apply()
    assert verify_history(world.database, expected_head=found.head).broken is None
    broken = verify_history(world.database, expected_head="0" * 64).broken
    assert broken is not None
    assert "the history was cut, or written anew" in broken.what


def test_the_timezone_of_whoever_applies_makes_no_difference(world):
    zone = timezone(timedelta(hours=5, minutes=30))
    world.at(world.clock.now().astimezone(zone)).apply()
    assert verify_history(world.database).broken is None


@pytest.mark.parametrize(
    ("statement", "generation", "what"),
    [
        ("UPDATE history SET reason = 'nothing' WHERE generation = 2", 2, "its record differs"),
        ("UPDATE history SET actor = 'nobody' WHERE generation = 1", 1, "its record differs"),
        ("UPDATE history SET at = '2020-01-01 00:00:00' WHERE generation = 3", 3, "its record differs"),
        ("UPDATE history SET digest = changes_digest WHERE generation = 1", 1, "its record differs"),
        ("UPDATE history SET digest = '', previous_digest = '' WHERE generation = 1", 2, "does not follow on generation 1"),
        ("UPDATE history_change SET fields = '[]' WHERE generation = 2", 2, "its changes differ"),
        ("UPDATE history_change SET name = 'blag' WHERE kind = 'site' AND generation = 3", 3, "its changes differ"),
        ("DELETE FROM history_change WHERE generation = 3", 3, "its changes differ"),
        ("DELETE FROM history WHERE generation = 2", 2, "generation 2 is missing"),
        ("DELETE FROM history WHERE generation = 3", 3, "generation 3 is missing"),
        ("DELETE FROM history WHERE generation = 1", 1, "generation 1 is missing"),
        ("UPDATE resource_version SET spec = replace(spec, '0.02', '0.03')", 2, "the spec that it kept of platform/platform differs"),
        ("DELETE FROM resource_version WHERE spec LIKE '%0.02%'", 2, "the spec that it kept of platform/platform is gone"),
    ],
)  # fmt: skip
def test_the_first_break_is_named_with_what_differs(world, statement, generation, what):
    three_applies(world)
    if "resource_version SET" in statement:
        statement += " WHERE spec LIKE '%credit_value_usd\":\"0.02%'"
    rewrite(world, statement.replace("%", "%%") if world.database.engine.dialect.name == "postgresql" else statement)
    broken = verify_history(world.database).broken
    assert broken is not None
    assert (broken.generation, what in broken.what) == (generation, True), broken


def test_blame_names_the_apply_that_last_changed_each_field(world):
    three_applies(world)
    found = {item.field: item for item in blame(world.database, "site/blog").fields}
    assert found["publishing.time_slots"].applied.reason == "fewer slots"
    assert found["url"].applied.reason == "first"
    (price,) = blame(world.database, "platform.credit_value_usd").fields
    assert (price.value, price.applied.generation, price.applied.actor) == ("0.02", 2, "tester")
    inner = blame(world.database, "site/blog.publishing").fields
    assert [item.field for item in inner] == [
        "publishing.auto_approval", "publishing.auto_publish", "publishing.days", "publishing.time_slots",
    ]  # fmt: skip


def test_blame_of_a_model_whose_name_begins_like_another(small_world):
    models = FILES["models.yaml"].replace(
        "  writer:\n", "  writer.1:\n    type: text\n    provider: samples\n    active: false\n  writer:\n"
    )
    small_world.write({"models.yaml": models})
    small_world.apply(reason="first")
    small_world.write({"models.yaml": models.replace("active: false", "active: false\n    notes: old")})
    small_world.apply(reason="a note")
    assert {item.applied.generation for item in blame(small_world.database, "models.models.writer").fields} == {1, 2}
    found = {item.field: item.applied.generation for item in blame(small_world.database, "models").fields}
    assert (found["models.writer.1.notes"], found["models.writer.notes"]) == (2, 1)


def test_blame_tells_a_removed_field_drift_and_a_deletion(world):
    world.write(edited("accounts/acme.yaml", ("tier: growth", "tier: growth\nlabels: {team: a}")))
    world.apply()
    world.write(edited("accounts/acme.yaml"))
    world.apply(reason="no team")
    (team,) = blame(world.database, "account/acme.labels.team").fields
    assert (team.is_removed, team.applied.reason) == (True, "no team")
    rewrite(world, "UPDATE resource SET spec = replace(spec, '02:00', '04:00') WHERE kind = 'site'")
    (time,) = blame(world.database, "site/blog.automation.time").fields
    assert (time.value, time.is_drifted) == ("02:00", True)
    world.write({"sites/blog.yaml": None})
    world.apply(reason="closed")
    gone = blame(world.database, "site/blog.url")
    assert (gone.is_deleted, gone.fields[0].applied.reason) == (True, "closed")


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("site/blgo", "no apply ever changed site/blgo", "did you mean `site/blog`?"),
        ("sites/blog", "there is no kind 'sites'", "did you mean `site`?"),
        ("site", "site names no resource", "write site/NAME, or site/NAME.FIELD"),
        ("site/blog.publishing.time_slot", "site/blog has no field 'publishing.time_slot'", "did you mean `publishing.time_slots`?"),
    ],
)  # fmt: skip
def test_blame_of_what_is_not_there_names_the_nearest(small_world, written, message, hint):
    small_world.apply()
    with pytest.raises(UsageError) as raised:
        blame(small_world.database, written)
    assert (raised.value.message, raised.value.hint) == (message, hint)


def test_what_was_declared_at_any_generation_can_be_read_again(world):
    states = []
    for files in (FILES, DEARER, FEWER, {"sites/blog.yaml": None}, RENAMED):
        world.write(files)
        world.apply()
        states.append(
            {(kind, name): spec for kind, name, spec in world.rows("SELECT kind, name, applied_spec FROM resource")}
        )
    with world.database.read() as connection:
        assert [load_snapshot(connection, number) for number in range(1, 6)] == states
    kept = world.rows("SELECT count(*) FROM resource_version")[0][0]
    world.write(edited("sites/blog.yaml"))
    world.apply()
    assert world.rows("SELECT count(*) FROM resource_version") == [(kept,)], (
        "a spec that was there before is not kept again"
    )
