"""igny8 policy and what policies do to validate, plan and apply: answers and exit codes."""

from __future__ import annotations

import json

import pytest
from builder import write_root

from cli.main import run

HOUSE = """apiVersion: igny8/v1
kind: Policy
name: house
description: Our own rules.
match: {kind: Site}
rules:
  - name: slots
    deny: resource.publishing.time_slots.size() > 3
    message: "{resource.publishing.time_slots.size()} slots a day"
    hint: three are enough
    field: publishing.time_slots
  - name: english
    warn: resource.language != "en"
    message: not in English
tests:
  - name: three slots
    resource: {publishing: {time_slots: ["09:00", "14:00", "18:00"]}}
  - name: four slots
    resource: {publishing: {time_slots: ["09:00", "12:00", "14:00", "18:00"]}}
    expect: [slots]
"""


@pytest.fixture
def igny8(tmp_path, capsys):
    root = write_root(tmp_path / "root", {"policies/house.yaml": HOUSE})

    def call(*words: str) -> tuple[int, str, str]:
        code = run(["-C", str(root), "--db", f"sqlite:///{tmp_path / 'x.db'}", *words])
        answer = capsys.readouterr()
        return code, answer.out, answer.err

    call.root = root
    return call


def test_policies_are_listed(igny8):
    code, out, _ = igny8("policy", "list")
    assert code == 0
    assert out == (
        "RULE           DOES  ON    ASKED ON    WHERE\n"
        "house/slots    deny  Site  1 resource  policies/house.yaml:8\n"
        "house/english  warn  Site  1 resource  policies/house.yaml:13\n"
    )
    answer = json.loads(igny8("policy", "list", "--json")[1])
    assert (answer["version"], answer["summary"]) == (1, {"policies": 1, "rules": 2})
    assert answer["rules"][0]["expression"] == "resource.publishing.time_slots.size() > 3"


def test_tests_that_pass_end_with_0(igny8):
    code, out, _ = igny8("policy", "test")
    assert (code, out) == (0, "ok  house: three slots\nok  house: four slots\n2 tests, 0 failed\n")
    assert igny8("policy", "test", "policies/house.yaml")[1] == out == igny8("policy", "test", "house")[1]


def test_tests_that_fail_end_with_7(igny8):
    (igny8.root / "policies/house.yaml").write_text(HOUSE.replace("expect: [slots]", "expect: [english]"))
    code, out, _ = igny8("policy", "test")
    assert code == 7
    assert out == (
        "ok  house: three slots\n"
        "FAIL  house: four slots\n"
        "      english finds nothing; slots was not expected\n"
        "      slots: 4 slots a day\n"
        "2 tests, 1 failed\n"
    )
    code, out, _ = igny8("policy", "test", "--json")
    answer = json.loads(out)
    assert (code, answer["summary"]) == (7, {"tests": 2, "passed": 1, "failed": 1})
    assert answer["tests"][1]["found"] == [{"rule": "slots", "message": "4 slots a day"}]


def test_a_policy_with_mistakes_ends_with_3_but_others_mistakes_do_not_matter(igny8):
    (igny8.root / "sites/blog.yaml").write_text("apiVersion: igny8/v1\nkind: Site\nname: blog\n")
    assert igny8("policy", "test")[0] == 0
    (igny8.root / "policies/house.yaml").write_text(HOUSE.replace("size() > 3", "sizes() > 3"))
    code, out, err = igny8("policy", "test")
    assert (code, out) == (3, "")
    assert "policies/house.yaml:8:42: error[IG603] house/slots: there is no variable or function `sizes`" in err
    assert "sites/blog.yaml" not in err


def test_a_policy_that_there_is_not_is_a_usage_error(igny8):
    code, _, err = igny8("policy", "test", "hose")
    assert code == 64
    assert "did you mean `house`?" in err


def test_a_root_without_policies_says_so(igny8):
    (igny8.root / "policies/house.yaml").unlink()
    assert igny8("policy", "test")[:2] == (0, "there are no policies; they stand in policies/NAME.yaml\n")
    assert json.loads(igny8("policy", "list", "--json")[1])["summary"] == {"policies": 0, "rules": 0}


def test_a_policy_is_explained(igny8):
    code, out, _ = igny8("explain", "policy/house")
    assert code == 0
    assert out.startswith("policy/house (policies/house.yaml), asked on 1 resources\nOur own rules.\n")
    assert "  denies where  resource.publishing.time_slots.size() > 3\n" in out
    assert "  warns where  resource.language" in out
    answer = json.loads(igny8("explain", "policy/house", "--json")[1])
    assert answer["summary"]["match"]["kind"] == "Site"
    assert igny8("explain", "policy/hose")[0] == 64
    assert igny8("explain", "Policy.rules")[0] == 0


def test_validate_ends_with_3_at_a_denial_and_warnings_fail_when_asked(igny8):
    site = (igny8.root / "sites/blog.yaml").read_text()
    (igny8.root / "sites/blog.yaml").write_text(site.replace('"09:00", ', '"09:00", "10:00", '))
    code, out, _ = igny8("validate")
    assert code == 3
    assert 'error[IG601] house/slots: 4 slots a day\n   14 |   time_slots: ["09:00", "10:00"' in out
    assert "^ three are enough (policies/house.yaml:8)" in out
    (igny8.root / "sites/blog.yaml").write_text(site.replace("url:", "language: de\nurl:"))
    assert igny8("validate")[0] == 0
    assert igny8("validate", "--strict")[0] == 3
    finding = json.loads(igny8("validate", "--json")[1])["diagnostics"][0]
    assert (finding["code"], finding["severity"], finding["policy"]) == ("IG602", "warning", "house/english")


def test_a_policy_on_plans_ends_plan_and_apply_with_4(igny8):
    text = "apiVersion: igny8/v1\nkind: Policy\nname: brake\non: plan\nrules:\n"
    rules = '  - {name: none, deny: plan.creates.site > 0, message: "{plan.creates.site} new"}\n'
    rules += "  - {name: look, warn: plan.total > 5, message: much}\n"
    (igny8.root / "policies/brake.yaml").write_text(text + rules)
    code, out, _ = igny8("plan")
    assert code == 4
    assert "BLOCKED" in out
    assert "! policy: brake/none: 1 new; the rule stands in policies/brake.yaml:6\n" in out
    assert "! policy warns: brake/look: much; the rule stands in policies/brake.yaml:7\n" in out
    code, _, err = igny8("apply", "--yes")
    assert code == 4
    assert "brake/none: 1 new" in err
    answer = json.loads(igny8("plan", "--json")[1])
    assert answer["blocks"][0]["guard"] == "policy"
    assert len(answer["warnings"]) == 1
