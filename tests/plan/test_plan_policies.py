"""Policies on plans and changes: what they deny blocks the apply, what they warn of is said, and nothing is skipped."""

from __future__ import annotations

import pytest
from builder import FILES, edited

from reconciler.errors import BlockedError
from reconciler.operations.plan import plan

HEAD = "apiVersion: igny8/v1\nkind: Policy\nname: house\n"


def policy(
    condition: str, *, head: str = "on: plan\n", action: str = "deny", message: str = "no"
) -> dict[str, str | None]:
    """Return the file of a policy with one rule."""
    rule = f"rules:\n  - name: one\n    {action}: >-\n      {condition}\n    message: {message!r}\n"
    return {"policies/house.yaml": HEAD + head + rule}


def blocks(world) -> list[str]:
    compilation = world.compile()
    assert compilation.is_valid, compilation.findings
    return [block.message for block in plan(world.database, compilation, world.clock).plan.blocks]


def copies(*names: str) -> dict[str, str | None]:
    """Return copies of the builder's site."""
    text = FILES["sites/blog.yaml"]
    return {
        f"sites/{name}.yaml": text.replace("name: blog", f"name: {name}").replace("/blog", f"/{name}") for name in names
    }


def test_a_denied_plan_is_not_applied(small_world):
    small_world.write(policy("plan.creates.site > 0", message="{plan.creates.site} of {plan.total}"))
    assert blocks(small_world) == ["house/one: 1 of 11; the rule stands in policies/house.yaml:7"]
    with pytest.raises(BlockedError, match="house/one: 1 of 11"):
        small_world.apply()
    with pytest.raises(BlockedError):
        small_world.apply(allowed_flags=("--allow-deletes", "--allow-updates", ""))


def test_deletions_are_counted(small_world):
    small_world.write(copies("a", "b", "c"))
    small_world.apply()
    small_world.write(
        policy("plan.deletes.site > 2 && plan.total == plan.changes.size()", message="{plan.changes.map(c, c.name)}")
    )
    small_world.write({"sites/a.yaml": None, "sites/b.yaml": None})
    assert blocks(small_world) == []
    small_world.write({"sites/c.yaml": None})
    assert blocks(small_world) == ["house/one: a, b, c; the rule stands in policies/house.yaml:7"]
    with pytest.raises(BlockedError):
        small_world.apply()


def test_a_warning_is_said_and_does_not_block(small_world):
    small_world.write(
        policy("plan.after.cost_usd > plan.before.cost_usd && plan.after.credits > 0", action="warn", message="dearer")
    )
    found = plan(small_world.database, small_world.compile(), small_world.clock).plan
    assert found.warnings == ("house/one: dearer; the rule stands in policies/house.yaml:7",)
    assert found.blocks == ()
    assert found.to_json()["warnings"] == list(found.warnings)
    small_world.apply()
    assert plan(small_world.database, small_world.compile(), small_world.clock).plan.warnings == ()


def test_a_policy_on_changes_sees_before_and_after(small_world):
    head = "on: change\nmatch: {kind: Site, name: b*}\n"
    condition = (
        'change.action == "update" && change.before.language == "en" && change.after.language == "de"'
        ' && change.fields == ["language"] && change.kind == "site" && plan.updates.site == 1 && today == "2026-11-18"'
    )
    small_world.write(policy(condition, head=head, message="{change.name} speaks {change.after.language}"))
    assert blocks(small_world) == []
    small_world.apply()
    small_world.write(edited("sites/blog.yaml", ("url:", "language: de\nurl:")))
    assert blocks(small_world) == [
        "update site/blog: house/one: blog speaks de; the rule stands in policies/house.yaml:8"
    ]
    small_world.write(policy(condition, head=head.replace("b*", "c*")))
    assert blocks(small_world) == []


def test_a_deleted_resource_is_matched_by_what_it_was(small_world):
    small_world.write(
        edited("sites/blog.yaml", ("account:", "labels: {environment: production}\naccount:")) | copies("other")
    )
    small_world.apply()
    head = "on: change\nmatch: {kind: Site, labels: {environment: production}}\n"
    small_world.write(
        policy('change.action == "delete" && change.after == null', head=head, message="{change.before.url}")
    )
    small_world.write({"sites/other.yaml": None})
    assert blocks(small_world) == []
    small_world.write({"sites/blog.yaml": None})
    assert [message.split(";")[0] for message in blocks(small_world)] == [
        "delete site/blog: house/one: https://blog.example"
    ]


@pytest.mark.parametrize("action", ["deny", "warn"])
def test_a_rule_that_cannot_be_decided_blocks(small_world, action):
    small_world.write(policy("change.before.language == 'en'", head="on: change\nmatch: {kind: Site}\n", action=action))
    (message,) = blocks(small_world)
    assert message.startswith(
        "house/one: cannot be decided on create site/blog: it reads a field of what has no fields"
    )
    assert message.endswith("(policies/house.yaml:8)")


def test_a_policy_on_resources_says_nothing_of_plans(small_world):
    small_world.write(policy("true", head="match: {kind: Account, name: other}\n"))
    assert blocks(small_world) == []


@pytest.mark.parametrize(
    ("waiver", "is_waived"),
    [
        ("resource: plan, policy: house/one", True), ("resource: plan, policy: house/*", True), ("resource: plan", True),
        ("resource: plan, policy: house/two", False), ("resource: site/*, policy: house/one", False),
        ("resource: plan, policy: house/one, expires: '2026-11-17'", False),
    ],
)  # fmt: skip
def test_a_denial_of_a_plan_can_be_waived(small_world, waiver, is_waived):
    until = "" if "expires" in waiver else ", expires: '2027-06-30'"
    given = f"waivers:\n  - {{code: IG601, {waiver}{until}, reason: agreed, owner: ann}}\n"
    small_world.write(
        policy("plan.creates.site > 0", message="new") | {"platform.yaml": FILES["platform.yaml"] + given}
    )
    compilation = small_world.compile()
    if "2026-11-17" in waiver:
        assert "IG121" in {item.code for item in compilation.findings}
        return
    found = plan(small_world.database, compilation, small_world.clock).plan
    assert bool(found.blocks) is not is_waived
    assert any("waived until 2027-06-30 by ann: agreed" in warning for warning in found.warnings) is is_waived
