"""What holds for every plan: it leads to what git declares, it is the same each time, and its guards have exact borders."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_states import AUTHORED, by_ref, carried_out, compiled, declare, plan_of, recorded, states

from reconciler.diagnostics import Diagnostic
from reconciler.kinds import RESOURCE_KINDS, kind_order
from reconciler.plan.departures import Finalizer
from reconciler.plan.diff import diff_specs
from reconciler.plan.forecast import forecast_month

STEADY = settings(
    derandomize=True, deadline=None, database=None, max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def unordered(value):
    """Return a value whose lists of things with names have one order: the database does not care about it."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [unordered(item) for item in value]
        named = all(isinstance(item, dict) and {"name", "id", "email", "term"} & item.keys() for item in items)
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if named else items
    return value


@STEADY
@given(desired=states(), live=states(), applied=states())
def test_an_applied_plan_leaves_what_git_declares_and_nothing_to_do(desired, live, applied):
    compilation, actual = compiled(desired), recorded(live, by_ref(applied))
    after = carried_out(plan_of(compilation, actual, 7), actual)
    again = plan_of(compilation, after, 8)
    assert again.is_empty, again.changes
    assert again.unchanged == len(compilation.resources)
    assert {ref: unordered(item.spec) for ref, item in after.items()} == {
        ref: unordered(item.data) for ref, item in by_ref(desired).items()
    }


@pytest.mark.parametrize("kind", [kind.slug for kind in RESOURCE_KINDS])
def test_any_change_of_any_kind_is_planned_and_then_done(kind):
    @settings(STEADY, max_examples=25)
    @given(before=AUTHORED[kind], after=AUTHORED[kind])
    def law(before, after):
        name = kind if next(item for item in RESOURCE_KINDS if item.slug == kind).is_singleton else "ann"
        platform = [] if kind == "platform" else [declare("platform", "platform")]
        old, new = declare(kind, name, **before), declare(kind, name, **after)
        actual = recorded([*platform, old])
        plan = plan_of(compiled([*platform, new]), actual, 1)
        assert plan.is_empty == (unordered(old.data) == unordered(new.data))
        assert all(change.action == "update" and change.fields for change in plan.changes)
        assert plan_of(compiled([*platform, new]), carried_out(plan, actual), 2).is_empty

    law()


@STEADY
@given(desired=states(), live=states(), shuffle=st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_in_which_things_are_read(desired, live, shuffle):
    compilation, actual = compiled(desired), recorded(live)
    plan = plan_of(compilation, actual, 3)
    items = list(actual.items())
    shuffle.shuffle(items)
    mixed = list(compilation.resources)
    shuffle.shuffle(mixed)
    assert plan_of(compilation, dict(items), 3).to_json() == plan.to_json()
    assert plan_of(replace(compilation, resources=tuple(mixed)), actual, 3).changes == plan.changes
    assert json.loads(json.dumps(plan.to_json()))["id"] == plan.id


@STEADY
@given(desired=states(), live=states())
def test_deletes_come_first_and_dependents_before_what_they_depend_on(desired, live):
    plan = plan_of(compiled(desired), recorded(live), 3)
    deletes = [change for change in plan.changes if change.action == "delete"]
    others = [change for change in plan.changes if change.action != "delete"]
    assert plan.changes == (*deletes, *others)
    assert [kind_order(change.kind) for change in deletes] == sorted(
        (kind_order(c.kind) for c in deletes), reverse=True
    )
    assert [kind_order(change.kind) for change in others] == sorted(kind_order(c.kind) for c in others)
    assert {(c.kind, c.name) for c in deletes} == by_ref(live).keys() - by_ref(desired).keys()
    assert plan.count("create") == len(by_ref(desired).keys() - by_ref(live).keys())


@STEADY
@given(desired=states(), live=states())
def test_a_change_carries_before_and_after_whole(desired, live):
    for change in plan_of(compiled(desired), recorded(live), 3).changes:
        ref = (change.kind, change.name)
        before, after = by_ref(live).get(ref), by_ref(desired).get(ref)
        assert change.before == (before.data if before else None)
        assert change.after == (after.data if after else None)
        assert (change.action == "create") == (before is None)


def test_a_plans_id_stands_for_its_changes_its_config_and_its_base():
    old, new = declare("author", "ann", display_name="Ann"), declare("author", "ann", display_name="Anna")
    platform = declare("platform", "platform")
    plan = plan_of(compiled([platform, new]), recorded([platform, old]), 3)
    assert plan.id == plan_of(compiled([platform, new]), recorded([platform, old]), 3).id
    assert plan.id != plan_of(compiled([platform, new]), recorded([platform, old]), 4).id
    assert plan.id != plan_of(compiled([platform]), recorded([platform, old]), 3).id
    drifted = recorded([platform, old], {("author", "ann"): new})
    assert plan.id != plan_of(compiled([platform, new]), drifted, 3).id


def test_a_compilation_with_errors_cannot_be_planned_from():
    compilation = replace(compiled([]), findings=(Diagnostic("IG101", "missing", "root"),))
    with pytest.raises(ValueError, match="errors"):
        plan_of(compilation, {}, 0)


@pytest.mark.parametrize(
    ("desired", "live", "applied", "expected"),
    [
        (1, 1, 1, []),
        (2, 1, 1, [(1, 2, "pending")]),
        (1, 2, 1, [(2, 1, "drift")]),
        (3, 2, 1, [(2, 3, "conflict")]),
        (2, 2, 1, [(2, 2, "converged")]),
        (2, None, None, [(None, 2, "pending")]),
        (None, 2, 2, [(2, None, "pending")]),
        (None, 2, None, [(2, None, "drift")]),
        (2, None, 2, [(None, 2, "drift")]),
    ],
)
def test_a_field_tells_which_side_moved(desired, live, applied, expected):
    def spec(value):
        return {"other": 0} if value is None else {"other": 0, "x": value}

    fields = diff_specs(spec(desired), spec(live), spec(applied))
    assert [(item.before, item.after, item.state) for item in fields] == expected
    assert all(item.field == "x" for item in fields)


def test_drift_is_planned_back_and_converged_drift_is_recorded():
    platform, one = declare("platform", "platform"), declare("author", "ann", display_name="One")
    two, three = declare("author", "ann", display_name="Two"), declare("author", "ann", display_name="Three")
    for desired, live, applied, state in (
        (one, two, one, "drift"),
        (three, two, one, "conflict"),
        (two, two, one, "converged"),
        (two, one, one, "pending"),
    ):
        actual = recorded([platform, live], {("author", "ann"): applied})
        (change,) = plan_of(compiled([platform, desired]), actual, 1).changes
        assert [(item.field, item.state) for item in change.fields] == [("display_name", state)]


def test_things_with_names_are_compared_by_name_not_by_place():
    def site(*terms):
        sectors = [{"name": "hiking", "keywords": [{"term": term} for term in terms]}]
        return declare("site", "blog", account="ann", url="https://a.example", sectors=sectors)

    platform = declare("platform", "platform")
    plan = plan_of(compiled([platform, site("new", "tent", "boots")]), recorded([platform, site("boots", "tent")]), 1)
    assert [(item.field, item.before, item.after) for item in plan.changes[0].fields] == [
        ("sectors.hiking.keywords.new", None, {"term": "new"})
    ]


def test_the_order_of_things_with_names_is_no_change():
    def account(*names):
        users = [{"email": f"{name}@example.com", "role": "viewer"} for name in names]
        return declare("account", "acme", tier="growth", users=users)

    platform = declare("platform", "platform")
    plan = plan_of(compiled([platform, account("ann", "bob")]), recorded([platform, account("bob", "ann")]), 1)
    assert plan.is_empty
    assert plan.unchanged == 2


def test_the_order_of_plain_lists_is_a_change():
    one, two = (declare("author", "ann", display_name="A", expertise=words) for words in (["x", "y"], ["y", "x"]))
    platform = declare("platform", "platform")
    (change,) = plan_of(compiled([platform, one]), recorded([platform, two]), 1).changes
    assert [item.field for item in change.fields] == ["expertise"]


def authors(number, text="same"):
    return [declare("author", f"a{index}", display_name="A", bio=text) for index in range(number)]


def blocks(desired, live, safety=None, busy=None):
    platform = declare("platform", "platform", safety=safety or {})
    plan = plan_of(compiled([platform, *desired]), recorded([platform, *live]), 1, busy)
    return [(item.guard, item.flag) for item in plan.blocks]


DELETES, UPDATES = ("delete-limit", "--allow-deletes"), ("update-limit", "--allow-updates")


@pytest.mark.parametrize(
    ("total", "touched", "blocked"),
    [
        (9, 9, False), (10, 3, False), (10, 4, True), (10, 10, True), (100, 30, False), (100, 31, True),
        (13, 3, False), (13, 4, True), (11, 3, False),
    ],
)  # fmt: skip
def test_limits_count_from_ten_resources_and_allow_30_percent_exactly(total, touched, blocked):
    live = authors(total)
    assert blocks(live[touched:], live) == ([DELETES] if blocked else [])
    changed = [*authors(touched, "changed"), *live[touched:]]
    assert blocks(changed, live) == ([UPDATES] if blocked else [])


@pytest.mark.parametrize(
    ("safety", "total", "touched", "blocked"),
    [
        ({"delete_limit_pct": 50}, 10, 5, False), ({"delete_limit_pct": 50}, 10, 6, True),
        ({"delete_limit_pct": 0}, 10, 1, True), ({"delete_limit_pct": 100}, 10, 10, False),
        ({"limit_floor": 0}, 1, 1, True), ({"limit_floor": 11}, 10, 10, False), ({"limit_floor": 9}, 9, 9, True),
    ],
)  # fmt: skip
def test_the_platform_sets_the_limits(safety, total, touched, blocked):
    live = authors(total)
    assert blocks(live[touched:], live, safety) == ([DELETES] if blocked else [])


def test_creating_is_not_limited():
    assert blocks(authors(100), []) == []


def test_limits_are_counted_kind_by_kind():
    strategies = [declare("strategy", f"s{index}") for index in range(20)]
    assert blocks([*authors(20)[3:], *strategies[3:]], [*authors(20), *strategies]) == []
    assert blocks([*authors(20)[7:], *strategies[7:]], [*authors(20), *strategies]) == [DELETES, DELETES]


def test_what_is_protected_is_not_deleted_even_when_the_same_plan_would_lift_it():
    protected = declare("author", "ann", display_name="Ann", protected=True)
    lifted = declare("author", "ann", display_name="Ann")
    assert blocks([], [protected]) == [("protection", "")]
    assert blocks([lifted], [protected]) == []
    assert blocks([], [lifted]) == []


def test_an_empty_root_deletes_nothing():
    plan = plan_of(compiled([]), recorded([declare("platform", "platform"), *authors(3)]), 1)
    assert [(item.guard, item.flag) for item in plan.blocks] == [("empty-root", "")]
    assert plan_of(compiled([]), {}, 0).blocks == ()


def test_a_site_with_work_in_flight_lingers_and_its_account_with_it():
    platform, site = declare("platform", "platform"), declare("site", "blog", account="ann", url="https://a.example")
    account = declare("account", "ann", tier="basic")
    busy = {"blog": (Finalizer("runs", "run 12"), Finalizer("holds", "1 open hold (5 credits)"))}
    plan = plan_of(compiled([platform]), recorded([platform, account, site]), 3, busy)
    assert [(change.action, change.ref) for change in plan.changes] == [
        ("delete", "site/blog"),
        ("delete", "account/ann"),
    ]
    assert [(item.ref, item.since, item.waits_for) for item in plan.lingering] == [
        ("site/blog", None, "run 12, 1 open hold (5 credits)"), ("account/ann", None, "site/blog"),
    ]  # fmt: skip
    assert plan.carried_out == plan.blocks == ()
    idle = plan_of(compiled([platform]), recorded([platform, account, site]), 3)
    assert idle.id == plan.id, "a run that begins or ends between review and apply makes no other plan"
    assert (idle.lingering, idle.carried_out) == ((), idle.changes)
    assert plan_of(compiled([platform, account, site]), recorded([platform, account, site]), 3, busy).is_empty


MODELS = {
    "writer": {
        "type": "text", "provider": "p", "cost_per_1k_input": "0.001", "cost_per_1k_output": "0.01",
        "tokens_per_credit": 1000, "default": True,
    },
    "sketcher": {"type": "image", "provider": "p", "cost_per_image": "0.004", "credits_per_image": 1, "testing": True},
}  # fmt: skip


def forecast(limit, *, slots=("09:00", "14:00", "18:00"), frequency="daily", enabled=True, auto_publish=True):
    stages = {
        key: {"model": "testing" if key == "images" else "live"}
        | ({"per_run_limit": limit} if key == "content" else {})
        for key in ("clusters", "ideas", "content", "prompts", "images")
    }
    resources = [
        declare("platform", "platform"),
        declare("models", "models", models=MODELS),
        declare(
            "site", "blog", account="acme", url="https://a.example", stages=stages,
            automation={"enabled": enabled, "frequency": frequency},
            publishing={"days": ["mon", "wed"], "time_slots": list(slots), "auto_publish": auto_publish},
        ),
    ]  # fmt: skip
    return forecast_month({(item.kind, item.name): item.data for item in resources})


@STEADY
@given(
    limits=st.tuples(st.integers(1, 60), st.integers(1, 60)).map(sorted),
    slots=st.lists(st.sampled_from(["09:00", "14:00", "18:00"]), min_size=1, unique=True),
    frequency=st.sampled_from(["hourly", "daily", "weekly"]),
    auto_publish=st.booleans(),
)
def test_a_higher_limit_never_forecasts_less(limits, slots, frequency, auto_publish):
    few, many = (forecast(limit, slots=slots, frequency=frequency, auto_publish=auto_publish) for limit in limits)
    assert few.articles <= many.articles
    assert few.credits <= many.credits
    assert few.cost_nano <= many.cost_nano
    if limits[0] < limits[1] and not auto_publish:
        assert few.articles < many.articles


def test_a_forecast_ends_at_the_slots_that_there_are():
    slots_in_30_days = 2 * 3 * 30 // 7
    assert forecast(0).articles == slots_in_30_days
    assert forecast(1).articles == slots_in_30_days  # 30 runs of one article would be more
    assert forecast(1, frequency="weekly").articles == 4
    assert forecast(5, slots=()).articles == 150


def test_a_site_that_does_not_run_by_itself_uses_nothing():
    assert (forecast(5, enabled=False).articles, forecast(5, enabled=False).credits) == (0, 0)
    assert forecast_month({}).credits == 0


def test_the_forecast_of_a_plan_is_that_of_both_states():
    platform, catalog = declare("platform", "platform"), declare("models", "models", models=MODELS)
    site = declare("site", "blog", account="acme", url="https://a.example", automation={"enabled": True},
                   stages={"content": {"per_run_limit": 1, "model": "live"}})  # fmt: skip
    plan = plan_of(compiled([platform, catalog, site]), recorded([platform, catalog]), 1)
    assert plan.forecast_before.articles == 0
    assert plan.forecast_after.articles == 30
    assert plan.forecast_after.credits == 30 * 4  # 1,200 tokens in, 1,600 words out at 1.5 tokens: 3,600 tokens
    assert plan.forecast_after.credits_by_account == {"acme": 120}
