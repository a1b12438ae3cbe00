"""Going back: by a patch that git applies, with or without git's own history, and at once by the kept snapshot."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from builder import FILES, World, edited
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import BlockedError, UsageError
from reconciler.operations.history import lift, quarantined, show_apply, verify_history
from reconciler.operations.plan import plan
from reconciler.operations.rollback import find_way, make_patch, roll_back
from reconciler.plan.diff import diff_specs
from reconciler.store.history import load_snapshot

AUTHOR = {
    "authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\nexpertise: [tents, maps]\n"
}
COMMENTED = edited(
    "sites/blog.yaml",
    ("name: blog", "name: blog\n# the slots are agreed with the customer"),
    ("mon, tue, wed", "mon, wed"),
)
DEARER = edited("platform.yaml", ('"0.01"', '"0.02"'))
COOLER = {"platform.yaml": FILES["platform.yaml"] + "defaults:\n  ai:\n    temperature: 0.2  # cooler\n"}
HOTTER = {"platform.yaml": FILES["platform.yaml"] + "defaults:\n  ai:\n    temperature: 1.2  # cooler\n"}
SECOND = {
    "sites/news.yaml": FILES["sites/blog.yaml"].replace("blog", "news").replace("name: hiking", "name: camping")
    + "stages: {content: {per_run_limit: 2}, images: {model: live}}\nai: {max_in_article_images: 1}\n"
}
LIMITED = edited("sites/blog.yaml", ("automation:", "stages:\n  content:\n    per_run_limit: 2 # few\nautomation:"))
WORDS = edited("prompts/ideas.md", ("Answer in JSON.", "Answer in plain JSON."))
OTHER_KEYWORDS = edited("sites/blog.yaml", ("winter hiking boots, lightweight tent", "leather boots, lightweight tent"))
GONE: dict[str, str | None] = {"sites/news.yaml": None}


def git(root: Path, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
        input=stdin, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def live(world: World) -> dict[tuple[str, str], str]:
    return {(kind, name): spec for kind, name, spec in world.rows("SELECT kind, name, spec FROM resource")}


def go_back(world: World, generation: int, **options):
    way = find_way(world.installation, world.database, generation)
    return roll_back(world.installation, world.database, way, **{"reason": "it was wrong", **options})


def says(world: World, generation: int) -> bool:
    """Tell whether the files say what an apply made of them; the order of things with names does not count."""
    with world.database.read() as connection:
        kept = {ref: json.loads(text) for ref, text in load_snapshot(connection, generation).items()}
    there = {item.key: item.data for item in world.compile().resources}
    return kept.keys() == there.keys() and not any(diff_specs(kept[ref], there[ref], there[ref]) for ref in kept)


def digest_of(world: World, generation: int) -> str:
    return show_apply(world.database, generation).applied.config_digest


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, DEARER),
        ({}, COMMENTED),
        (COMMENTED, {}),
        ({}, COOLER),
        (COOLER, HOTTER),
        (COOLER, {}),
        ({}, LIMITED),
        (LIMITED, {}),
        ({}, WORDS),
        ({}, AUTHOR),
        (AUTHOR, {"authors/ann.yaml": None}),
        ({}, SECOND),
        (SECOND, GONE),
        (SECOND | COOLER, GONE | HOTTER),
        ({}, OTHER_KEYWORDS),
        (edited("accounts/acme.yaml", ("tier: growth", "tier: growth\nlabels: {team: a}")), {}),
        (edited("sites/blog.yaml", ("keywords: [", "keywords: [{term: rope, volume: 10}, ")), {}),
        (edited("models.yaml", ("  sketcher:", "  spare:\n    type: text\n    provider: samples\n    active: false\n  sketcher:")), {}),
    ],
)  # fmt: skip
def test_a_patch_made_without_git_leads_the_files_back_and_keeps_comments(small_world, first, then):
    world = small_world
    world.write(first)
    world.apply()
    before = {path: (world.root / path).read_text() for path in first if first[path] is not None}
    world.write((FILES if not then else {}) | then)
    world.apply(allowed_flags=["--allow-deletes"])
    patch = make_patch(world.installation, world.database, 1)
    assert (patch.by, patch.unexpressed) == ("edits", ())
    git(world.root, "apply", "-", stdin=patch.text)
    compilation = world.compile()
    assert compilation.is_valid, compilation.findings
    assert says(world, 1)
    if "platform.yaml" in before and "platform.yaml" in then:
        assert (world.root / "platform.yaml").read_text() == before["platform.yaml"]
    assert make_patch(world.installation, world.database, 1).text == ""


def test_git_gives_the_patch_where_it_has_the_commit_and_plan_shows_the_restored_state(world):
    git(world.root.parent, "init", "-q")
    git(world.root, "add", ".")
    git(world.root, "commit", "-qm", "first")
    world.apply()
    world.write(DEARER | SECOND | COMMENTED)
    git(world.root, "add", ".")
    git(world.root, "commit", "-qm", "second")
    world.apply()
    world.write(AUTHOR)
    patch = make_patch(world.installation, world.database, 1)
    assert patch.by == "git"
    git(world.root, "apply", "-", stdin=patch.text)
    assert git(world.root, "status", "--porcelain", "--", "authors") == "", "a new file is taken away too"
    assert world.compile().digest == digest_of(world, 1)
    changes = plan(world.database, world.compile(), world.clock).plan.changes
    assert [(change.action, change.ref) for change in changes] == [
        ("delete", "site/news"), ("update", "platform"), ("update", "site/blog"),
    ]  # fmt: skip
    go_back(world, 1)
    assert plan(world.database, world.compile(), world.clock).plan.is_empty


def test_a_dirty_or_unknown_commit_is_no_way_back_for_git(small_world):
    world = small_world
    git(world.root, "init", "-q")
    git(world.root, "add", ".")
    git(world.root, "commit", "-qm", "first")
    world.write(COMMENTED)
    world.apply()
    world.write(edited("sites/blog.yaml"))
    world.apply()
    patch = make_patch(world.installation, world.database, 1)
    assert (patch.by, patch.unexpressed) == ("edits", ())
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE history SET revision = 'f00df00d' WHERE generation = 1")
    assert make_patch(world.installation, world.database, 1).by == "edits"


def test_what_a_patch_cannot_say_is_told(small_world):
    world = small_world
    world.write(
        {"keywords/more.csv": "keyword,volume\nropes,10\n"}
        | edited("sites/blog.yaml", ("  - name: hiking", "  - name: hiking\n    keywords_file: keywords/more.csv"))
    )
    world.apply()
    world.write({"keywords/more.csv": "keyword,volume\nropes,20\ncups,\n"})
    world.apply()
    (told,) = make_patch(world.installation, world.database, 1).unexpressed
    assert told.startswith("site/blog sectors.hiking.keywords.cups")


def test_going_back_restores_the_live_specs_and_quarantines_what_was_left(world):
    world.apply()
    before = live(world)
    world.write(DEARER | SECOND)
    world.apply()
    bad = digest_of(world, 2)
    result = go_back(world, 1)
    assert (result.generation, live(world)) == (3, before)
    (item,) = quarantined(world.database)
    assert (item.config_digest, item.actor) == (bad, "tester")
    assert item.reason == "rolled back to generation 1: it was wrong"
    entry = show_apply(world.database, 3).applied
    assert (entry.options, entry.reason) == ({"rollback_to": 1}, "it was wrong")
    assert verify_history(world.database).broken is None
    with pytest.raises(BlockedError, match="this config is quarantined: rolled back to generation 1") as raised:
        world.apply()
    assert "--allow-quarantined" in raised.value.hint
    assert world.apply(allowed_flags=["--allow-quarantined"], reason="it is mended").generation == 4


def test_another_config_is_applied_as_ever_and_lifts_nothing(world):
    world.apply()
    world.write(DEARER)
    world.apply()
    go_back(world, 1)
    world.write(COOLER)
    assert world.apply().generation == 4
    world.write(DEARER)
    with pytest.raises(BlockedError):
        world.apply()
    (item,) = quarantined(world.database)
    lift(world.database, item.id, actor="tester", reason="mended", clock=world.clock)
    assert (quarantined(world.database), len(quarantined(world.database, with_lifted=True))) == ((), 1)
    assert world.apply().generation == 5
    with pytest.raises(UsageError, match="is not in quarantine"):
        lift(world.database, item.id, actor="tester", reason="again", clock=world.clock)


def test_the_guards_of_an_apply_hold_and_a_refused_way_back_quarantines_nothing(world):
    world.apply()
    news = SECOND["sites/news.yaml"]
    world.write({f"sites/s{number}.yaml": news.replace("news", f"s{number}") for number in range(12)})
    world.apply()
    with pytest.raises(BlockedError, match="12 of 13 site resources would be deleted"):
        go_back(world, 1)
    assert quarantined(world.database) == ()
    assert go_back(world, 1, allowed_flags=["--allow-deletes"]).generation == 3
    with pytest.raises(UsageError, match="there is no generation 8"):
        find_way(world.installation, world.database, 8)
    with pytest.raises(UsageError, match="a rollback needs a reason"):
        go_back(world, 2, reason="")


def test_going_back_from_drift_alone_quarantines_nothing(world):
    world.apply()
    before = live(world)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = replace(spec, '02:00', '04:00') WHERE kind = 'site'")
    go_back(world, 1)
    assert (live(world), quarantined(world.database)) == (before, ())


STEPS = st.lists(
    st.sampled_from([DEARER, COOLER, HOTTER, COMMENTED, LIMITED, SECOND, GONE, AUTHOR, {"authors/ann.yaml": None}, WORDS]),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(
    max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS, data=st.data())
def test_any_applies_and_then_a_way_back_restore_the_live_specs_exactly(world, steps, data):
    states = {}
    world.write(FILES)
    for path in ("authors/ann.yaml", "sites/news.yaml"):
        (world.root / path).unlink(missing_ok=True)
    allowed = ["--allow-deletes", "--allow-updates", "--allow-quarantined"]
    for step in ({}, *steps):
        world.write({path: text for path, text in step.items() if text is not None or (world.root / path).exists()})
        generation = world.apply(allowed_flags=allowed).generation
        if generation is not None:
            states[generation] = live(world)
    if not states:
        return
    to = data.draw(st.sampled_from(sorted(states)))
    go_back(world, to, allowed_flags=allowed)
    assert live(world) == states[to]
    assert verify_history(world.database).broken is None
