"""What a schedule may say of days without slots, full days and the time for a veto."""

from __future__ import annotations

import pytest
from builder import World, edited, write_root


def site(lines: str):
    return edited("sites/blog.yaml", ("publishing:\n", f"publishing:\n{lines}"))


def findings(tmp_path, sqlite, lines):
    found = World(write_root(tmp_path / "root", site(lines)), sqlite).compile().findings
    return [(finding.code, finding.field) for finding in found]


def test_blackouts_are_dates_and_ranges_with_a_reason(tmp_path, sqlite):
    lines = """  blackouts:
    - 2026-12-25
    - {starts_on: 2026-12-31, ends_on: 2027-01-01, reason: New Year}
  max_per_day: 2
  auto_approval_hold: 24h
"""
    world = World(write_root(tmp_path / "root", site(lines)), sqlite)
    world.apply()
    (spec,) = (item.data for item in world.compile().resources if item.kind == "site")
    assert spec["publishing"]["blackouts"] == [
        "2026-12-25",
        {"starts_on": "2026-12-31", "ends_on": "2027-01-01", "reason": "New Year"},
    ]
    assert (spec["publishing"]["max_per_day"], spec["publishing"]["auto_approval_hold"]) == (2, "24h")


def test_a_schedule_that_says_nothing_of_them_is_what_it_was(tmp_path, sqlite):
    """A site that was applied before they existed has the same digest: no plan shows it as changed."""
    (spec,) = (item.data for item in World(write_root(tmp_path), sqlite).compile().resources if item.kind == "site")
    assert set(spec["publishing"]) == {"auto_approval", "auto_publish", "days", "time_slots"}


@pytest.mark.parametrize(
    ("lines", "code", "field"),
    [
        ("  blackouts: [24.12.2026]\n", "IG210", "publishing.blackouts[0]"),
        ("  blackouts: [{ends_on: 2026-12-25}]\n", "IG206", "publishing.blackouts[0].starts_on"),
        (
            "  blackouts: [{starts_on: 2026-12-26, ends_on: 2026-12-25}]\n",
            "IG418",
            "publishing.blackouts[0].ends_on",
        ),
        ("  max_per_day: 0\n", "IG204", "publishing.max_per_day"),
        ("  auto_approval_hold: a day\n", "IG210", "publishing.auto_approval_hold"),
    ],
)
def test_what_cannot_be_is_told_where_it_stands(tmp_path, sqlite, lines, code, field):
    assert (code, field) in findings(tmp_path, sqlite, lines)
