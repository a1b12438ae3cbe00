"""Plans of a part: what was asked for, what that needs, and never more; what would be left behind broken blocks it."""

from __future__ import annotations

import pytest
from builder import FILES, edited
from hypothesis import given
from hypothesis import strategies as st
from plan_states import by_ref, carried_out, compiled, declare, recorded, states
from test_plan_laws import STEADY

from reconciler.errors import BlockedError, UsageError
from reconciler.operations.apply import apply
from reconciler.operations.plan import plan
from reconciler.plan.observed import Observed, PlanOptions
from reconciler.plan.planner import make_plan
from reconciler.plan.references import needs_of
from reconciler.plan.selection import Selection
from reconciler.store.history import load_history

ACME_SITE = FILES["sites/blog.yaml"]
BETA = "apiVersion: igny8/v1\nkind: Account\nname: beta\ntier: growth\ngrants:\n  - {id: start, credits: 7, reason: hello}\n"


def site(name: str, account: str = "acme") -> dict[str, str | None]:
    text = ACME_SITE.replace("name: blog", f"name: {name}").replace("/blog", f"/{name}")
    return {f"sites/{name}.yaml": text.replace("account: acme", f"account: {account}")}


def planned(world, *targets: str, exclude: tuple[str, ...] = ()):
    options = PlanOptions(selection=Selection(targets, exclude))
    return plan(world.database, world.compile(), world.clock, options=options)


def told(world, *targets: str, exclude: tuple[str, ...] = ()) -> list[str]:
    """Return a plan as `sign ref` lines, and its blocks."""
    found = planned(world, *targets, exclude=exclude).plan
    return [f"{change.action} {change.ref}" for change in found.changes] + [item.message for item in found.blocks]


def apply_part(world, *targets: str, exclude: tuple[str, ...] = ()):
    options = PlanOptions(selection=Selection(targets, exclude))
    compilation = world.compile()
    made = plan(world.database, compilation, world.clock, options=options).plan
    return apply(world.database, compilation, made, clock=world.clock, actor="tester", options=options)


def test_a_target_is_all_that_is_planned_and_a_glob_fits_many(small_world):
    small_world.apply()
    small_world.write(
        site("acme-one") | site("acme-two") | site("other") | edited("platform.yaml", ('"0.01"', '"0.02"'))
    )
    assert told(small_world, "site/acme-one") == ["create site/acme-one"]
    assert told(small_world, "site/acme-*") == ["create site/acme-one", "create site/acme-two"]
    assert told(small_world, "Site/acme-*", "platform") == [
        "update platform", "create site/acme-one", "create site/acme-two",
    ]  # fmt: skip
    assert told(small_world, "site/*", exclude=("site/acme-*",)) == ["create site/other"]
    assert told(small_world, exclude=("site/*",)) == ["update platform"]


def test_a_new_site_takes_its_new_account_along(small_world):
    small_world.apply()
    small_world.write({"accounts/beta.yaml": BETA} | site("fresh", "beta") | site("other"))
    found = planned(small_world, "site/fresh")
    assert told(small_world, "site/fresh") == ["create account/beta", "create site/fresh"]
    assert found.plan.along == ("account/beta",)
    assert [item.id for item in found.grants] == ["start"]


def test_on_an_empty_database_a_site_takes_everything_that_it_rests_on(small_world):
    small_world.write({"authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n"})
    lines = told(small_world, "site/blog")
    assert "create site/blog" in lines and "create account/acme" in lines and "create models" in lines
    assert len([line for line in lines if line.startswith("create prompt/")]) == 5
    assert "create author/ann" not in lines
    apply_part(small_world, "site/blog")
    assert told(small_world) == ["create author/ann"]


def test_an_excluded_account_blocks_its_new_site_and_says_the_way_out(small_world):
    small_world.apply()
    small_world.write({"accounts/beta.yaml": BETA} | site("fresh", "beta"))
    assert told(small_world, exclude=("account/beta",))[-1] == (
        "site/fresh needs account/beta, which is left out; do not exclude account/beta"
    )
    with pytest.raises(BlockedError, match="needs account/beta"):
        apply_part(small_world, exclude=("account/beta",))
    assert told(small_world, exclude=("account/beta", "site/fresh")) == []


def test_a_new_item_of_a_catalogue_is_not_taken_along_unseen(small_world):
    small_world.apply()
    small_world.write(
        edited("tiers.yaml", ("tiers:\n", "tiers:\n  gold: {paid: true, ai_overrides_allowed: true}\n"))
        | edited("accounts/acme.yaml", ("tier: growth", "tier: gold"))
    )
    assert told(small_world, "account/acme") == [
        "update account/acme",
        "account/acme needs tiers/gold, which is left out; add `--target tiers`",
    ]
    assert told(small_world, "account/acme", "tiers") == ["update tiers", "update account/acme"]


def test_what_is_still_needed_is_not_removed(small_world):
    small_world.write({"accounts/beta.yaml": BETA} | site("fresh", "beta"))
    small_world.apply()
    small_world.write({"accounts/beta.yaml": None, "sites/fresh.yaml": None})
    assert told(small_world, "account/beta") == [
        "delete account/beta",
        "account/beta would be removed, but site/fresh still needs it until the change of it is applied; "
        "add `--target site/fresh`",
    ]
    assert told(small_world, "account/beta", "site/fresh") == ["delete site/fresh", "delete account/beta"]
    assert told(small_world, exclude=("site/fresh",))[1].endswith("do not exclude site/fresh")


def test_a_model_that_is_still_preferred_is_not_taken_out_of_the_catalogue(small_world):
    extra = "  poet:\n    type: text\n    provider: samples\n    cost_per_1k_input: '1'\n    cost_per_1k_output: '1'\n    tokens_per_credit: 10\n"
    small_world.write(
        {"models.yaml": FILES["models.yaml"] + extra}
        | edited("accounts/acme.yaml", ("tier: growth", "tier: growth\nai: {model_preferences: {text: poet}}"))
    )
    small_world.apply()
    small_world.write({"models.yaml": FILES["models.yaml"], "accounts/acme.yaml": FILES["accounts/acme.yaml"]})
    (message,) = [line for line in told(small_world, "models") if "would" in line]
    assert message.startswith("models/poet would be removed, but account/acme")
    assert "add `--target account/acme`" in message


def test_deletes_of_what_is_excluded_do_not_happen(world):
    world.write(site("old") | site("older"))
    world.apply()
    world.write({"sites/old.yaml": None, "sites/older.yaml": None})
    apply_part(world, exclude=("site/old",))
    assert world.rows("SELECT name FROM resource WHERE kind = 'site' ORDER BY name") == [("blog",), ("old",)]
    assert told(world) == ["delete site/old"]


def test_a_partial_apply_is_recorded_as_such_and_the_rest_stays_to_do(world):
    world.apply()
    world.write({"accounts/beta.yaml": BETA} | site("fresh") | edited("platform.yaml", ('"0.01"', '"0.02"')))
    result = apply_part(world, "site/fresh")
    assert result.granted == (), "the grants of an account that was left out wait with it"
    with world.database.read() as connection:
        last, first = load_history(connection, limit=2)
    assert last.plan["partial"] is True and last.plan["summary"]["left_out"] == 2
    assert last.plan["selection"] == {"target": ["site/fresh"], "exclude": [], "along": []}
    assert first.plan["partial"] is False
    assert told(world) == ["update platform", "create account/beta"]
    world.apply()
    assert told(world) == []


def test_a_selection_that_leaves_nothing_out_is_the_whole_plan(small_world):
    small_world.apply()
    small_world.write(site("fresh"))
    found = planned(small_world, "site/*").plan
    assert not found.is_partial
    assert found.id == planned(small_world).plan.id


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("site/blgo", "did you mean `site/blog`?"),
        ("site", "write `site/NAME`, or `site/*` for all of them"),
        ("models/writer", "models.yaml is one resource: write `models`"),
        ("site/none-*", "write KIND/NAME"),
        ("nothing", "the kinds are platform, providers"),
        ("*", "write KIND/NAME"),
        ("", "write KIND/NAME"),
    ],
)
@pytest.mark.parametrize("option", ["--target", "--exclude"])
def test_a_pattern_that_fits_nothing_is_a_mistake_with_a_hint(small_world, pattern, hint, option):
    patterns = (pattern,)
    with pytest.raises(UsageError, match="nothing has this name") as raised:
        planned(small_world, *patterns) if option == "--target" else planned(small_world, exclude=patterns)
    assert raised.value.message.startswith(f"{option} {pattern}")
    assert hint in raised.value.hint


PATTERNS = st.lists(
    st.sampled_from(["site/*", "site/ann", "account/*", "account/b*", "author/ann", "*/bob", "models", "tiers", "prompt/*"]),
    max_size=3, unique=True,
).map(tuple)  # fmt: skip


@STEADY
@given(desired=states(), live=states(), targets=PATTERNS, excludes=PATTERNS)
def test_a_part_is_never_more_than_asked_for_and_never_breaks_a_reference(desired, live, targets, excludes):
    compilation, actual = compiled(desired), recorded(live)
    whole = make_plan(compilation, Observed(3, actual))
    try:
        part = make_plan(compilation, Observed(3, actual), PlanOptions(selection=Selection(targets, excludes)))
    except UsageError:
        return
    selection = part.selection
    assert [change for change in whole.changes if change in part.changes] == list(part.changes)
    for change in part.changes:
        ref = (change.kind, change.name)
        assert not selection.forbids(ref)
        assert selection.covers(ref) or (change.action == "create" and change.ref in part.along)
    assert len(part.left_out) == len(whole.changes) - len(part.changes)
    if any(block.guard == "selection" for block in part.blocks):
        return
    after, goal = carried_out(part, actual), by_ref(desired)
    for change in part.changes:
        for need in needs_of(change.kind, change.after) if change.after else ():
            there = after.get((need.kind, need.name))
            wanted = goal.get((need.kind, need.name))
            assert need.is_met_by(there.spec if there else None) or not need.is_met_by(wanted.data if wanted else None)
    rest = make_plan(compilation, Observed(4, after))
    assert {(change.kind, change.name) for change in rest.changes} == part.left_out


def test_the_forecast_of_a_part_leaves_the_rest_as_it_is():
    platform, models = declare("platform", "platform"), declare("models", "models", models={})

    def running(name: str):
        stages = {"content": {"per_run_limit": 1, "model": "live"}}
        return declare(
            "site", name, account="ann", url="https://a.example", automation={"enabled": True}, stages=stages
        )

    account = declare("account", "ann", tier="x")
    compilation = compiled([platform, models, account, running("bob")])
    actual = recorded([platform, models, account, running("ann")])
    whole = make_plan(compilation, Observed(1, actual))
    part = make_plan(compilation, Observed(1, actual), PlanOptions(selection=Selection(("site/bob",))))
    assert list(whole.forecast_after.sites) == ["bob"]
    assert list(part.forecast_after.sites) == ["ann", "bob"]
    assert part.forecast_after.articles == 60
