"""A blackout or a cap that is declared later: the plan lists what moves, the apply moves it."""

from __future__ import annotations

from builder import edited

from reconciler.operations.plan import plan


def limited(lines: str):
    return edited("sites/blog.yaml", ("publishing:\n", f"publishing:\n{lines}"))


def slots(world):
    return [str(at)[:16] for (at,) in world.rows("SELECT slot_at FROM publication ORDER BY slot_at")]


def test_articles_in_a_new_blackout_are_listed_by_the_plan_and_moved_by_the_apply(world):
    world.apply()
    world.run()
    assert slots(world) == ["2026-11-18 14:00", "2026-11-18 18:00"]
    world.write(limited("  blackouts: [{starts_on: 2026-11-18, reason: Day of Repentance}]\n"))
    planned = plan(world.database, world.compile(), world.clock)
    assert [str(move.to_at)[:16] for move in planned.moves] == ["2026-11-19 09:00", "2026-11-19 14:00"]
    world.apply()
    assert slots(world) == ["2026-11-19 09:00", "2026-11-19 14:00"]


def test_a_cap_moves_the_later_article_of_a_day_and_new_ones_keep_to_it(world):
    world.apply()
    world.run()
    world.write(limited("  max_per_day: 1\n"))
    world.apply()
    assert slots(world) == ["2026-11-18 14:00", "2026-11-19 09:00"]


def test_articles_that_are_approved_later_keep_to_blackouts_and_caps(world):
    world.write(limited("  max_per_day: 1\n  blackouts: [2026-11-19]\n"))
    world.apply()
    world.run()
    assert slots(world) == ["2026-11-18 14:00", "2026-11-20 09:00"]
