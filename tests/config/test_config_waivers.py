"""A waiver takes warnings out of what counts until its last day, shows who answers for them, and never hides a mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from config_root import FILES, TODAY, compile_root, write_root

from reconciler.config.every_environment import compile_everywhere
from reconciler.config.tree import read_tree
from reconciler.config.waivers import POLICY_CODES, PlacedWaiver, check_waivers, waive
from reconciler.diagnostics import Diagnostic, Mark
from reconciler.kinds.waiver import Waiver
from reconciler.operations.app import EXTENSIONS

# Ten articles a run by the preset, three batches of four: each site gets the warnings IG501 and IG503.
PRESET = FILES["platform.yaml"].replace(
    "        per_run_limit: 2\n", "        per_run_limit: 10\n        batch_size: 4\n"
)
BUSY = FILES["sites/blog.yaml"].replace("  enabled: true\n", "  enabled: true\n  preset: brisk\n").replace(
    "stages:\n  content:\n    per_run_limit: 1\n", ""
)  # fmt: skip
BUSY_ROOT = {"platform.yaml": PRESET, "sites/blog.yaml": BUSY}
TWO = {"sites/two.yaml": BUSY.replace("name: blog", "name: two").replace("published/blog", "published/two")}


def waivers(*lines: str) -> dict[str, str]:
    """Return a busy root whose Platform has waivers in flow style, with what a line leaves out filled in."""
    filled = ("reason: agreed, owner: ann, " + line for line in lines)
    return BUSY_ROOT | {"platform.yaml": PRESET + "waivers:\n" + "".join(f"  - {{{line}}}\n" for line in filled)}


LONG = 'expires: "2027-06-30"'


def codes(findings):
    return [item.code for item in findings]


def test_the_busy_root_has_two_warnings(tmp_path):
    assert codes(compile_root(tmp_path, BUSY_ROOT).findings) == ["IG503", "IG501"]


def test_a_waived_warning_no_longer_counts_and_says_who_answers_for_it(tmp_path):
    compilation = compile_root(tmp_path, waivers(f"code: IG501, resource: site/blog, {LONG}"))
    assert codes(compilation.findings) == ["IG503"]
    (waived,) = compilation.waived
    assert waived.finding.code == "IG501"
    assert waived.to_json()["waiver"] == {
        "reason": "agreed", "owner": "ann", "expires": "2027-06-30", "file": "platform.yaml", "line": 14,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        ("resource: site/blog", True), ('resource: "site/*"', True), ('resource: "*"', True), ("resource: site/b??g", True),
        ("resource: site/two", False), ("resource: blog", False), ("resource: site", False),
        ("resource: site/blog, field: publishing", True), ('resource: site/blog, field: "pub*"', True),
        ("resource: site/blog, field: stages", False),
    ],
)  # fmt: skip
def test_a_waiver_fits_by_resource_and_field(selection, fits, tmp_path):
    found = compile_root(tmp_path, waivers(f"code: IG501, {selection}, {LONG}")).findings
    assert ("IG501" not in codes(found)) == fits
    assert ("IG120" in codes(found)) == (not fits)


def test_a_warning_that_two_sites_inherit_still_counts_when_one_of_them_is_waived(tmp_path):
    one = waivers(f"code: IG503, resource: site/blog, {LONG}") | TWO
    compilation = compile_root(tmp_path, one)
    assert codes(compilation.findings) == ["IG503", "IG501", "IG501"]
    assert [item.finding.resource for item in compilation.waived] == ["site/blog"]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 12, 16), []), (date(2026, 12, 17), ["IG122"]), (date(2026, 12, 31), ["IG122"]),
        (date(2027, 1, 1), ["IG121", "IG501"]),
    ],
)  # fmt: skip
def test_a_waiver_warns_14_days_before_its_end_and_fails_after_it(today, expected, tmp_path):
    files = waivers('code: IG501, resource: site/blog, expires: "2026-12-31"')
    compilation = compile_root(tmp_path, files, today)
    assert sorted(codes(compilation.findings)) == sorted([*expected, "IG503"])
    assert compilation.is_valid == ("IG121" not in expected)


def test_a_waiver_does_not_cover_another_site(tmp_path):
    compilation = compile_root(tmp_path, waivers(f"code: IG501, resource: site/two, {LONG}") | TWO)
    assert [(item.code, item.file) for item in compilation.findings if item.code == "IG501"] == [
        ("IG501", "sites/blog.yaml")
    ]  # fmt: skip


def test_a_waiver_that_only_an_environment_needs_is_not_unused(tmp_path):
    environment = (
        "apiVersion: igny8/v1\nkind: Environment\npatches:\n  - {kind: Site, set: {publishing: {days: [mon]}}}\n"
    )
    calm = {"platform.yaml": FILES["platform.yaml"].replace("limit: 2", "limit: 1") + "waivers:\n"}
    calm["platform.yaml"] += f"  - {{code: IG501, resource: site/blog, reason: r, owner: o, {LONG}}}\n"
    root = write_root(tmp_path, calm)
    assert codes(compile_everywhere(read_tree(root), EXTENSIONS, TODAY).findings) == ["IG120"]
    (root / "environments").mkdir()
    (root / "environments/staging.yaml").write_text(environment)
    compilation = compile_everywhere(read_tree(root), EXTENSIONS, TODAY)
    assert compilation.findings == ()
    (waived,) = compilation.waived
    assert waived.finding.message.startswith("in environment staging, site/blog: up to ")


# The pure part, also for what policies will find.

PLACED = PlacedWaiver(
    Waiver(code="IG601", resource="site/*", reason="r", owner="o", expires="2027-06-30"),
    "platform.yaml", 0, Mark(5), Mark(5, 9), Mark(6, 9),
)  # fmt: skip
VIOLATION = Diagnostic("IG601", "spends over 40 %", "sites/blog.yaml", resource="site/blog")


def coded(code):
    return replace(PLACED, waiver=PLACED.waiver.model_copy(update={"code": code}))


def test_a_violated_policy_can_be_waived_though_it_is_an_error():
    counting, waived = waive([VIOLATION], [PLACED], today=TODAY, resources={})
    assert (counting, [item.finding for item in waived]) == ((), [VIOLATION])
    assert "IG601" in POLICY_CODES
    assert list(check_waivers([PLACED], {PLACED}, counting, today=TODAY)) == []


def test_whether_a_waiver_of_a_policy_is_used_is_told_where_policies_are_looked_at():
    assert list(check_waivers([PLACED], set(), [], today=TODAY)) == []


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_other_errors_count_whatever_a_waiver_says(severity):
    finding = replace(VIOLATION, code="IG407", severity=severity)
    counting, waived = waive([finding], [coded("IG407")], today=TODAY, resources={})
    assert (len(counting), len(waived)) == ((1, 0) if severity == "error" else (0, 1))


def test_a_finding_that_does_not_say_what_it_is_about_belongs_to_its_file():
    finding = replace(VIOLATION, resource="")
    assert waive([finding], [PLACED], today=TODAY, resources={"sites/blog.yaml": "site/blog"})[0] == ()
    assert waive([finding], [PLACED], today=TODAY, resources={"sites/blog.yaml": "account/blog"})[0] == (finding,)


def test_the_first_waiver_in_force_is_the_one_that_is_used():
    expired = replace(PLACED, waiver=PLACED.waiver.model_copy(update={"expires": "2026-11-19"}))
    second = replace(PLACED, number=1, mark=Mark(9))
    (waived,) = waive([VIOLATION], [expired, PLACED, second], today=TODAY, resources={})[1]
    assert waived.by == PLACED
