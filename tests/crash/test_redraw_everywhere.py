"""Drawing an image anew, killed at any step: charged once or not at all, one image chosen, and what was held comes back.

The suite kills at every seventh step, `make crash` at each.
"""

from __future__ import annotations

import itertools
import os
import signal

import pytest

from reconciler.store.ledger import balance_of, find_breaks, open_hold_credits

STRIDE = 1 if os.environ.get("IGNY8_CRASH_REPEATS") else 7
REDRAW = ("images", "regenerate", "1", "--yes", "--offline", "--at", "2026-11-18T11:00", "--prompt")


@pytest.mark.timeout(3600)
def test_an_image_drawn_anew_is_charged_once_or_not_at_all_wherever_the_process_is_killed(world, processes):
    """Each command finds what the one before it left, so that what it clears away is killed at each step as well."""
    world.apply()
    world.run()
    seen = set()
    before = facts(world)
    for kill_at in itertools.count(1, STRIDE):
        ended = processes.on(world, *REDRAW, f"try {kill_at}", kill_at=kill_at)
        after = facts(world)
        images, charges, credits = (now - then for now, then in zip(after[:3], before[:3], strict=True))
        assert (images, charges, credits) in ((0, 0, 0), (1, 1, 1)), f"step {kill_at}"
        assert set(after[3]) == {1}, f"one image stands in each place after step {kill_at}"
        before = after
        if ended.code == 0:
            break
        assert ended.code == -signal.SIGKILL, ended.said
        seen.add(images)
    assert seen == {0, 1}, "killed before and after the image was there"
    assert kill_at > 40
    assert world.counts("attempt", "status").get("pending", 0) == 0
    assert world.rows("SELECT count(*) FROM run WHERE state NOT IN ('completed', 'failed')") == [(0,)]
    assert world.rows("SELECT count(*) FROM claim") == [(0,)]
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert open_hold_credits(connection, account="acme") == balance_of(connection, "acme").held == 0


def facts(world):
    """Return how many images there are, how many charges, the credits spent, and how many images each place has."""
    ((images, charges),) = world.rows(
        "SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM usage WHERE stage = 'images')"
    )
    ((spent,),) = world.rows("SELECT spent FROM credit_account WHERE account = 'acme'")
    places = world.rows("SELECT sum(CASE WHEN is_current THEN 1 ELSE 0 END) FROM image GROUP BY prompt_id")
    return images, charges, spent, [int(number) for (number,) in places]
