"""Guards: each can fire, says what it is about and how to go on, and holds at its exact border."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_states import by_ref, carried_out, compiled, declare, recorded, states

from reconciler.ids import canonical_bytes
from reconciler.kinds import RESOURCE_KINDS
from reconciler.kinds.platform import KindLimits, LimitedKind, Safety
from reconciler.plan.change import Change
from reconciler.plan.forecast import Expected, Forecast
from reconciler.plan.guards import GUARDS, GuardContext, find_blocks
from reconciler.plan.guards.guard import Guard
from reconciler.plan.holds import ResourceHold, field_names, find_field
from reconciler.plan.observed import Observed, PlanOptions
from reconciler.plan.planner import make_plan

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
STEADY = settings(
    derandomize=True, deadline=None, database=None, max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
PLATFORM = declare("platform", "platform")
ANN = declare("author", "ann", display_name="Ann", protected=True)
DELETE_ANN = Change("delete", "author", "ann", ANN.canonical(), None)
LIVE = recorded([PLATFORM, ANN])
HERE = {("platform", "platform")}


def month(articles: int = 0, credits: int = 0) -> Forecast:
    return Forecast({"blog": Expected(articles, credits, 0)})


def moving(safety: Safety, before: Forecast, after: Forecast) -> GuardContext:
    return GuardContext([DELETE_ANN], LIVE, HERE, safety, lambda: (before, after))


# What makes each guard fire, and what it then says.
FIRES: dict[str, tuple[GuardContext, str]] = {
    "quarantine": (
        GuardContext([DELETE_ANN], LIVE, HERE, quarantined="rolled back to generation 1"),
        "this config is quarantined: rolled back to generation 1",
    ),
    "empty-root": (GuardContext([DELETE_ANN], LIVE, ()), "the config root declares nothing"),
    "missing-kind": (
        GuardContext([DELETE_ANN], LIVE, HERE, missing_kinds={"author"}),
        "1 of 1 author resources would be deleted: the config root lacks their folder",
    ),
    "protection": (GuardContext([DELETE_ANN], LIVE, HERE), "author/ann is protected; lift `protected`"),
    "held-field": (
        GuardContext(
            [Change("update", "author", "ann", ANN.canonical(), canonical_bytes(ANN.data | {"display_name": 7}))], LIVE, HERE,
            held={("author", "ann")},
        ),
        "author/ann would not be valid with its held field: display_name",
    ),
    "create-limit": (
        GuardContext(
            [Change("create", "author", "bob", None, ANN.canonical())], LIVE, HERE, Safety(limits={"author": KindLimits(creates_max=0)})
        ),
        "1 of 1 author resources would be created; the limit is 0 (safety.limits.author.creates_max)",
    ),
    "delete-limit": (
        GuardContext([DELETE_ANN], LIVE, HERE, Safety(limits={"author": KindLimits(deletes_max=0)})),
        "1 of 1 author resources would be deleted; the limit is 0 (safety.limits.author.deletes_max)",
    ),
    "update-limit": (
        GuardContext(
            [Change("update", "author", "ann", ANN.canonical(), ANN.canonical())], LIVE, HERE, Safety(update_limit_pct=99, limit_floor=1)
        ),
        "1 of 1 author resources would be updated; the limit is 99 %",
    ),
    "articles-limit": (
        moving(Safety(articles_per_week_change_max=6), month(articles=30), month(articles=60)),
        "articles a week would go from 7 to 14 (+7); the limit is a change of 6 (safety.articles_per_week_change_max)",
    ),
    "credits-limit": (
        moving(Safety(credits_per_month_change_pct=20), month(credits=1000), month(credits=700)),
        "credits per 30 days would go from 1,000 to 700 (-300); the limit is a change of 20 % "
        "(safety.credits_per_month_change_pct)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_each_guard_can_fire_and_says_what_it_is_about_and_how_to_go_on(guard: Guard) -> None:
    context, told = FIRES[guard.name]
    (block, *_) = guard.blocks(context)
    assert (block.guard, block.flag) == (guard.name, guard.flag)
    assert told in block.message
    assert block in find_blocks(context)
    assert guard.keeps_from
    assert (guard.flag.startswith("--allow-") and guard.allows) or guard.way_on, "a flag that allows it, or a way on"
    quiet = GuardContext([], LIVE, HERE)
    assert list(guard.blocks(quiet)) == [], "and it is silent about a plan that does nothing"


def test_guards_have_names_and_flags_of_their_own() -> None:
    flags = [guard.flag for guard in GUARDS if guard.flag]
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) == len(FIRES)
    assert len(set(flags)) == len(flags)


def test_every_kind_can_be_limited() -> None:
    assert get_args(LimitedKind) == tuple(kind.slug for kind in RESOURCE_KINDS)


@pytest.mark.parametrize(
    ("safety", "before", "after", "fires"),
    [
        (Safety(), 0, 10**9, False),
        (Safety(credits_per_month_change_max=100), 1000, 1100, False),
        (Safety(credits_per_month_change_max=100), 1000, 1101, True),
        (Safety(credits_per_month_change_max=100), 1000, 899, True),
        (Safety(credits_per_month_change_pct=10), 1000, 1100, False),
        (Safety(credits_per_month_change_pct=10), 1000, 1101, True),
        (Safety(credits_per_month_change_pct=10), 0, 10**6, False),
        (Safety(credits_per_month_change_max=0), 1000, 1000, False),
    ],
)
def test_a_volume_may_move_by_its_limit_exactly_up_or_down(safety, before, after, fires) -> None:
    context = moving(safety, month(credits=before), month(credits=after))
    assert [block.flag for block in find_blocks(context) if block.guard == "credits-limit"] == (
        ["--allow-credits"] if fires else []
    )


def test_the_first_apply_has_no_volume_to_change_from_and_may_create_all() -> None:
    safety = {
        "limits": {"author": {"creates_max": 0}},
        "credits_per_month_change_max": 0,
        "articles_per_week_change_max": 0,
    }
    platform = declare("platform", "platform", safety=safety)
    assert make_plan(compiled([platform, ANN]), Observed(0, {}, now=NOW)).blocks == ()
    later = make_plan(compiled([platform, ANN]), Observed(1, recorded([platform]), now=NOW))
    assert [block.guard for block in later.blocks] == ["create-limit"]


def test_the_end_of_a_recorded_deletion_is_not_counted_again() -> None:
    platform = declare("platform", "platform", safety={"limits": {"site": {"deletes_max": 0}}})
    site = declare("site", "blog", account="ann", url="https://a.example", protected=False)
    live = recorded([platform, site])
    assert [block.guard for block in make_plan(compiled([platform]), Observed(3, live, now=NOW)).blocks] == [
        "delete-limit"
    ]
    live["site", "blog"] = replace(live["site", "blog"], deleting_since=2)
    plan = make_plan(compiled([platform]), Observed(3, live, now=NOW))
    assert ([change.ref for change in plan.changes], plan.blocks) == (["site/blog"], ())


def test_declaring_it_again_cancels_a_deletion() -> None:
    site = declare("site", "blog", account="ann", url="https://a.example")
    live = recorded([PLATFORM, site])
    live["site", "blog"] = replace(live["site", "blog"], deleting_since=2)
    (change,) = make_plan(compiled([PLATFORM, site]), Observed(3, live, now=NOW)).changes
    assert (change.action, [(item.field, item.before, item.after) for item in change.fields]) == (
        "update", [("deletion", "recorded by generation 2", None)],
    )  # fmt: skip


@STEADY
@given(desired=states(), live=states(), by_hand=st.sets(st.sampled_from(["site", "account", "author", "prompt"])))
def test_what_no_apply_has_made_is_never_deleted_only_told(desired, live, by_hand) -> None:
    actual = recorded(live)
    for ref, item in actual.items():
        if item.kind in by_hand:
            actual[ref] = replace(item, managed=False)
    plan = make_plan(compiled(desired), Observed(3, actual, now=NOW))
    told = {change.ref for change in plan.changes if change.action == "delete"}
    gone = {(item.kind, item.name) for item in live} - by_ref(desired).keys()
    assert not {kind for kind, _ in gone & actual.keys()} & by_hand or plan.unmanaged
    assert not told & set(plan.unmanaged)
    assert {name.split("/")[0] for name in plan.unmanaged} <= by_hand
    assert all(change.kind not in by_hand for change in plan.changes if change.action == "delete")
    assert plan.to_json()["summary"]["unmanaged"] == len(plan.unmanaged)


@STEADY
@given(desired=states(), live=states())
def test_what_is_protected_is_never_deleted_by_one_apply(desired, live) -> None:
    actual = recorded(live)
    plan = make_plan(compiled(desired), Observed(3, actual, now=NOW))
    protected = [c.ref for c in plan.changes if c.action == "delete" and actual[c.kind, c.name].protected]
    blocks = [block for block in plan.blocks if block.guard == "protection"]
    assert [block.message.split(" ")[0] for block in blocks] == protected
    assert all(block.flag == "" for block in blocks), "and no flag allows it"


@STEADY
@given(desired=states(), live=states(), applied=states(), data=st.data())
def test_a_held_field_never_changes_by_any_plan(desired, live, applied, data) -> None:
    actual = recorded(live, by_ref(applied))
    ref = data.draw(st.sampled_from(sorted(actual)))
    wanted = by_ref(desired).get(ref)
    names = [*field_names(actual[ref].spec), *field_names(wanted.data if wanted else {})]
    field = data.draw(st.sampled_from(["", *sorted(set(names))]))
    hold = ResourceHold(*ref, field, NOW + timedelta(days=1), "ann", "launch", NOW)
    plan = make_plan(compiled(desired), Observed(3, actual, holds=(hold,), now=NOW))
    assert hold in [item.hold for item in plan.held]
    after = carried_out(plan, actual)

    def at(spec):
        path = find_field(spec, field) if field else ()
        if path is None:
            return None
        value = spec
        for step in path:
            value = value[step] if isinstance(value, dict) else next(i for i in value if step in i.values())
        return value

    assert ref in after, "nor is what has it deleted"
    assert at(after[ref].spec) == at(actual[ref].spec)
    ended = make_plan(compiled(desired), Observed(3, actual, holds=(hold,), now=hold.until))
    without = make_plan(compiled(desired), Observed(3, actual, now=hold.until))
    assert ended.to_json() == without.to_json(), "it ends by itself"


def test_drift_of_a_held_field_stays_drift_while_other_fields_are_applied() -> None:
    was, drifted = (
        declare("author", "ann", display_name="Ann", bio="a"),
        declare("author", "ann", display_name="Ann", bio="x"),
    )
    wanted = declare("author", "ann", display_name="Anna", bio="a")
    actual = recorded([PLATFORM, drifted], {("author", "ann"): was})
    hold = ResourceHold("author", "ann", "bio", NOW + timedelta(days=1), "ann", "launch", NOW)
    plan = make_plan(compiled([PLATFORM, wanted]), Observed(3, actual, holds=(hold,), now=NOW))
    (change,) = plan.changes
    assert [item.field for item in change.fields] == ["display_name"]
    assert change.after == drifted.data | {"display_name": "Anna"}
    assert change.applied_text == canonical_bytes(was.data | {"display_name": "Anna"})
    assert [(item.field, item.state) for item in plan.held[0].fields] == [("bio", "drift")]
    after = make_plan(compiled([PLATFORM, wanted]), Observed(4, carried_out(plan, actual), now=hold.until))
    assert [(item.field, item.state) for item in after.changes[0].fields] == [("bio", "drift")]
    without_heal = make_plan(
        compiled([PLATFORM, wanted]), Observed(4, carried_out(plan, actual), now=hold.until), PlanOptions(heal=False)
    )
    assert without_heal.is_empty, "so that it is not healed where healing is off"


def test_an_account_stays_as_long_as_a_site_of_it_is_held_or_unmanaged() -> None:
    site = declare("site", "blog", account="ann", url="https://a.example")
    account = declare("account", "ann", tier="basic")
    actual = recorded([PLATFORM, account, site])
    hold = ResourceHold("site", "blog", "", NOW + timedelta(days=1), "ann", "launch", NOW)
    held = make_plan(compiled([PLATFORM]), Observed(3, actual, holds=(hold,), now=NOW))
    actual["site", "blog"] = replace(actual["site", "blog"], managed=False)
    by_hand = make_plan(compiled([PLATFORM]), Observed(3, actual, now=NOW))
    for plan in (held, by_hand):
        assert [(item.ref, item.waits_for) for item in plan.lingering] == [("account/ann", "site/blog")]
        assert plan.carried_out == ()


def test_a_hold_on_what_was_never_there_keeps_nothing_from_being_created() -> None:
    assume_new = ResourceHold("author", "ann", "", NOW + timedelta(days=1), "ann", "launch", NOW)
    plan = make_plan(compiled([PLATFORM, ANN]), Observed(1, recorded([PLATFORM]), holds=(assume_new,), now=NOW))
    assert [change.ref for change in plan.changes] == ["author/ann"]
