"""A database remembers the environment that it was applied in, and is kept for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import BlockedError
from reconciler.operations.apply import apply
from reconciler.operations.environment import check_environment
from reconciler.operations.plan import plan
from reconciler.operations.validate import validate
from reconciler.store.history import applied_environment

WITHOUT_BLOG = """\
apiVersion: igny8/v1
kind: Environment
patches:
  - {kind: Site, name: blog, leave_out: true}
"""


def applied(world):
    with world.database.read() as connection:
        return applied_environment(connection)


def plan_in(world, environment):
    compilation = validate(replace(world.installation, environment=environment))
    assert compilation.is_valid, compilation.findings
    return compilation, plan(world.database, compilation, world.clock).plan


def test_the_last_apply_decides_whose_database_it_is(world):
    world.write({"environments/staging.yaml": WITHOUT_BLOG})
    staging = replace(world.installation, environment="staging")
    assert applied(world) is None
    check_environment(world.database, staging)
    world.apply()
    assert applied(world) == ""
    check_environment(world.database, world.installation)
    with pytest.raises(BlockedError, match="belongs to no environment"):
        check_environment(world.database, staging)
    compilation, planned = plan_in(world, "staging")
    apply(world.database, compilation, planned, clock=world.clock, actor="tester")
    assert applied(world) == "staging"
    with pytest.raises(BlockedError, match="belongs to the environment 'staging', and none was chosen"):
        check_environment(world.database, world.installation)


def test_a_site_that_comes_to_be_left_out_is_deleted_by_the_next_plan(small_world):
    small_world.write({"environments/staging.yaml": WITHOUT_BLOG})
    small_world.apply()
    assert [(change.action, change.ref) for change in plan_in(small_world, "staging")[1].changes] == [
        ("delete", "site/blog")
    ]  # fmt: skip
