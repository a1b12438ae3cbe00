"""Policies: what they find and where, what is said of mistakes in them, and that none can stall or end the program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from config_root import FILES, TODAY, compile_root, write_root

from reconciler.config.cache import open_cache
from reconciler.config.compilation import Compilation, Sources
from reconciler.config.compiler import compile_tree
from reconciler.config.documents import load_catalogs
from reconciler.config.policies.evaluate import matches
from reconciler.config.policies.fixtures import run_tests
from reconciler.config.policies.rules import compile_policies
from reconciler.config.policies.sandbox import Sandbox, find_library
from reconciler.config.tree import read_tree
from reconciler.diagnostics import Mark
from reconciler.kinds.policy import Policy
from reconciler.operations.app import EXTENSIONS

REPOSITORY = Path(__file__).parents[2]

LIBRARY = find_library()
assert LIBRARY is not None
HEAD = "apiVersion: igny8/v1\nkind: Policy\nname: house\n"


def tried(compilation: Compilation, names=()):
    """Return the results of the policies' own tests."""
    with Sandbox(LIBRARY) as sandbox:
        return run_tests(compilation.policies, EXTENSIONS, sandbox, names)


def policy(rules: str, head: str = "match: {kind: Site}\n", tests: str = "") -> dict[str, str]:
    """Return the file of a policy with these rules."""
    return {"policies/house.yaml": f"{HEAD}{head}rules:\n{rules}{tests}"}


def rule(condition: str, *, action: str = "deny", message: str = "wrong", more: str = "") -> str:
    """Return a rule called `one`."""
    return f"  - name: one\n    {action}: {json.dumps(condition)}\n    message: {message}\n{more}"


def found(folder: Path, files: dict[str, str], **options) -> list[str]:
    """Return the findings of policies as `file:line:column code message | hint`."""
    return [
        f"{item.file}:{item.mark.line}:{item.mark.column} {item.code} {item.message} | {item.hint}"
        for item in compile_root(folder, files, **options).findings if item.code.startswith("IG6")
    ]  # fmt: skip


def test_a_violated_rule_is_an_error_at_the_field_that_it_names(tmp_path):
    more = "    hint: write fewer\n    field: stages.content.per_run_limit\n"
    files = policy(
        rule(
            "resource.stages.content.per_run_limit < 2",
            message="only {resource.stages.content.per_run_limit} a run",
            more=more,
        )
    )
    assert found(tmp_path, files) == [
        "sites/blog.yaml:23:20 IG601 house/one: only 1 a run | write fewer (policies/house.yaml:7)"
    ]


def test_a_rule_without_a_field_points_at_the_resources_file(tmp_path):
    (item,) = compile_root(tmp_path, policy(rule("true", action="warn"))).findings
    assert (item.code, item.severity, item.file, item.mark) == ("IG602", "warning", "sites/blog.yaml", Mark())
    assert (item.resource, item.policy, item.to_json()["policy"]) == ("site/blog", "house/one", "house/one")
    assert item.hint == "the rule stands in policies/house.yaml:7"


def test_an_inherited_value_is_found_where_it_was_written(tmp_path):
    files = policy(rule("resource.ai.temperature < 0.6", more="    field: ai.temperature\n"))
    assert found(tmp_path, files)[0].startswith("platform.yaml:6:18 IG601 ")


def test_two_rules_about_one_place_are_two_findings(tmp_path):
    more = "    field: ai.temperature\n  - {name: two, warn: 'true', message: also, field: ai.temperature}\n"
    files = policy(rule("true", more=more))
    assert [line.split(" ")[1] for line in found(tmp_path, files)] == ["IG601", "IG602"]


def test_a_policy_that_is_kept_changes_nothing(tmp_path):
    without = compile_root(tmp_path / "a")
    with_policy = compile_root(tmp_path / "b", policy(rule("resource.language != 'en'")))
    assert with_policy.findings == ()
    assert with_policy.digest == without.digest
    assert [item.ref for item in with_policy.resources] == [item.ref for item in without.resources]


@pytest.mark.parametrize(
    "condition",
    [
        "resource.name == 'blog' && resource.stages.images.budget_pct == 30 && resource.ai.temperature == 0.5",
        "account.name == 'acme' && account.ai.image_style == 'natural' && account.tier == 'growth'",
        "models['writer'].tokens_per_credit == 1000 && models.exists(m, models[m].testing)",
        "platform.credit_value_usd == '0.01'",
        "today == '2026-11-20' && timestamp(today + 'T00:00:00Z') < timestamp('2026-12-01T00:00:00Z')",
        "resource.sectors.exists(s, s.keywords.exists(k, k.term == 'trail shoes' && k.volume == 900))",
        "!has(resource.credits.monthly_max)",
        "resource.publishing.time_slots.size() == 3 && resource.url.matches('^https://[a-z.]+$')",
        "[1, 2].exists(today, today == 2) && resource.labels.size() == 0",
    ],
)  # fmt: skip
def test_expressions_see_the_resolved_resource_and_what_surrounds_it(tmp_path, condition):
    assert len(found(tmp_path, policy(rule(condition)))) == 1


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("{kind: Site}", True), ("{kind: Site, name: b*}", True), ("{kind: Site, name: [x, bl?g]}", True),
        ("{kind: Site, name: shop}", False), ("{kind: Site, labels: {team: eu}}", True),
        ("{kind: Site, labels: {team: 'e*', x: y}}", False), ("{kind: Site, labels: {team: us}}", False),
    ],
)  # fmt: skip
def test_a_policy_looks_at_what_it_matches(tmp_path, match, fits):
    site = (compile_root(tmp_path).sources["sites/blog.yaml"]) + "labels: {team: eu}\n"
    files = policy(rule("true"), head=f"match: {match}\n") | {"sites/blog.yaml": site}
    assert bool(found(tmp_path, files)) is fits


@pytest.mark.parametrize("kind", ["Platform", "ProviderCatalog", "ModelCatalog", "TierCatalog", "IndustryCatalog", "Prompt", "Author", "Strategy", "Account", "Site"])  # fmt: skip
def test_every_kind_can_be_looked_at(tmp_path, kind):
    assert found(tmp_path, policy(rule("true"), head=f"match: {{kind: {kind}}}\n"))


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("    deny: resource.stagess.x > 1", "7:20", "`resource` has no field `stagess`", "did you mean `stages`?"),
        ("    deny: account.status == 1 + today", "7:31", "found no matching overload for '_+_' applied to '(int, string)'", ""),
        ("    deny: size(resource.name)", "7:11", "the answer is int, not true or false", ""),
        ("    deny: resource.enabled &&", "7:30", "it ends too early", ""),
        ("    deny: plan.total > 1", "7:11", "there is no variable `plan` here", "a policy on resources reads account, models, platform, resource, today"),
        ("    deny: sites.size() > 1", "7:11", "there is no variable or function `sites`", "the variables are account, models, platform, resource, today"),
        ("    deny: |\n      resource.name == 'x' &&\n        bar(1)", "9:9", "there is no variable or function `bar`", "the variables are"),
        ("    deny: >-\n      resource.name == 'x' ||\n      resource['nme'] == 'y'", "9:17", "`resource` has no field `nme`", "did you mean `name`?"),
        ("    deny: \"resource.name == \\\"x\\\" || resource.ul == ''\"", "7:47", "`resource` has no field `ul`", "did you mean `url`?"),
        ("    deny: 'resource.name == ''x'' || resource.ul == \"\"'", "7:47", "`resource` has no field `ul`", "did you mean `url`?"),
        ("    deny: has(resource.labels.b) && has(resource.ai.i)", "7:53", "`resource.ai` has no field `i`", "known here: image_quality"),
        ("    deny: has(resource.ai.tempreature)", "7:27", "`resource.ai` has no field `tempreature`", "did you mean `temperature`?"),
        ("    deny: \"resource.name == 'x' ? 1 : 2\"", "7:11", "the answer is int, not true or false", ""),
    ],
)  # fmt: skip
def test_a_mistake_in_an_expression_is_told_at_its_place(tmp_path, text, place, message, hint):
    lines = found(tmp_path, policy(f"  - name: one\n{text}\n    message: refused\n"))
    assert len(lines) == 1, lines
    where, code, rest = lines[0].split(" ", 2)
    assert where == f"policies/house.yaml:{place}"
    assert code == "IG603"
    assert message in rest
    assert hint in rest


@pytest.mark.parametrize(
    ("message", "place", "says"),
    [
        ("{resource.nme} is it", "8:25", "`resource` has no field `nme`"),
        ("it is {resource.name", "8:21", "the brace is not closed; write {{ for a brace"),
        ("it is resource.name}", "8:34", "the brace was not opened; write }} for a brace"),
        ("it is { }", "8:21", "there is no expression in the braces"),
        ("it is {1 +}", "8:25", "it ends too early"),
    ],
)
def test_a_mistake_in_a_message_is_told_at_its_place(tmp_path, message, place, says):
    (line,) = found(tmp_path, policy(rule("true", message=f"'{message}'")))
    assert line.startswith(f"policies/house.yaml:{place} IG603 ")
    assert says in line


def test_a_message_shows_values_as_people_write_them(tmp_path):
    message = (
        "'{{{resource.publishing.days}}} {resource.ai.temperature} {resource.automation.enabled} {size(resource.name)}'"
    )
    (line,) = found(tmp_path, policy(rule("true", message=message)))
    assert "house/one: {mon, wed, fri} 0.5 true 4 |" in line


def test_a_value_that_a_message_cannot_have_leaves_the_finding(tmp_path):
    lines = found(tmp_path, policy(rule("true", message="at most {resource.credits.monthly_max}")))
    assert [line.split(" ", 1)[1] for line in lines] == [
        'IG604 house/one: cannot be decided on site/blog: there is no key "monthly_max" | ask first whether it is there, with has(...)',
        "IG601 house/one: at most {resource.credits.monthly_max} | the rule stands in policies/house.yaml:7",
    ]


def test_a_rule_that_fails_on_many_resources_is_told_once(tmp_path):
    files = policy(rule("resource.word_count.max / 0 > 1"), head="match: {kind: Strategy}\n")
    files |= {f"strategies/{name}.yaml": f"apiVersion: igny8/v1\nkind: Strategy\nname: {name}\n" for name in "xyz"}
    (line,) = found(tmp_path, files)
    assert "IG604 house/one: cannot be decided on strategy/guides and 3 more: divide by zero" in line


def test_types_that_only_show_at_run_time_are_told(tmp_path):
    (line,) = found(tmp_path, policy(rule("resource.name > 5")))
    assert "these types do not go together: _>_(string, int64)" in line
    (line,) = found(tmp_path / "x", policy(rule("resource.name")))
    assert "the answer is blog, not true or false" in line


def test_a_site_whose_account_is_broken_is_not_asked_about(tmp_path):
    account = {"accounts/acme.yaml": "apiVersion: igny8/v1\nkind: Account\nname: acme\ntier: 5\n"}
    assert found(tmp_path, policy(rule("account.tier == 'growth'")) | account) == []


def test_broken_rules_do_not_stop_the_others(tmp_path):
    more = "  - {name: two, deny: 'true', message: still}\n  - {name: three, warn: 'a b', message: refused}\n"
    lines = found(tmp_path, policy(rule("nothing", more=more)))
    assert [line.split(" ")[1] for line in lines] == ["IG603", "IG603", "IG601"]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("rules: [{name: a, message: x}]", "IG210", "either `deny` or `warn`"),
        ("rules: [{name: a, deny: 'true', warn: 'true', message: x}]", "IG210", "either `deny` or `warn`"),
        ("rules: [{name: a, deny: true, message: x}]", "IG202", "is not text"),
        ("rules: []", "IG204", "rules"),
        ("rules: [{name: a, dney: 'true', message: x}]", "IG201", "dney"),
        ("on: sites\nrules: [{name: a, deny: 'true', message: x}]", "IG205", "resource, change"),
        ("on: plan\nrules: [{name: a, deny: 'true', message: x, field: name}]", "IG603", "`field` is for policies on resources"),
        ("rules: [{name: a, deny: 'true', message: x, field: nme}]", "IG603", "Site has no field `nme`"),
        ("rules: [{name: a, deny: 'true', message: x}, {name: a, warn: 'true', message: y}]", "IG607", "stands in the policy already"),
        ("rules: [{name: a, deny: 'true', message: x}]\ntests: [{name: t, resource: {}, expect: [b]}]", "IG607", "has no rule b"),
        ("rules: [{name: a, deny: 'true', message: x}]\ntests: [{name: t, plan: {}}]", "IG607", "gives `resource`"),
        ("rules: [{name: a, deny: 'true', message: x}]\ntests: [{name: t, resource: {}}, {name: t, resource: {}}]", "IG607", "a test 't' already"),
    ],
)  # fmt: skip
def test_mistakes_around_the_expressions_are_found(tmp_path, text, code, says):
    head = "" if "on: plan" in text else "match: {kind: Site}\n"
    findings = compile_root(tmp_path, {"policies/house.yaml": HEAD + head + text + "\n"}).findings
    assert any(
        item.code == code and says in item.message and item.file == "policies/house.yaml" for item in findings
    ), findings


def test_a_policy_on_resources_names_their_kind(tmp_path):
    findings = compile_root(tmp_path, policy(rule("true"), head="")).findings
    assert "match.kind" in findings[0].message
    findings = compile_root(tmp_path / "x", policy(rule("true"), head="on: plan\nmatch: {kind: Site}\n")).findings
    assert "there is one plan" in findings[0].message


def test_policies_are_never_skipped_when_the_library_is_missing(tmp_path):
    compilation = compile_root(tmp_path, policy(rule("true")))
    tree = read_tree(tmp_path)
    (document,) = [item for item in load_catalogs(tree).documents if item.kind.slug == "policy"]
    spec = Policy.model_validate_json(json.dumps(document.value))
    policies, findings = compile_policies([(document, spec)], Sources(tree), EXTENSIONS, TODAY, None)
    assert [(item.code, item.severity, item.file) for item in findings] == [("IG606", "error", "policies/house.yaml")]
    assert "igny8[policy]" in findings[0].hint
    assert policies.rules == ()
    assert not compilation.is_valid


TESTS = """tests:
  - {name: kept, resource: {language: de}}
  - {name: violated, resource: {language: fr}, expect: [one]}
  - {name: wrongly kept, resource: {language: de}, expect: [one]}
  - {name: wrongly violated, resource: {language: fr}}
  - {name: a mistyped key, resource: {langauge: fr}, expect: [one]}
  - {name: does not match, resource: {labels: {team: us}, language: fr}}
  - {name: reads the account, resource: {language: xx}, account: {status: suspended}, expect: [one]}
"""


def test_tests_of_a_policy_say_what_came_out(tmp_path):
    condition = "resource.language == 'fr' || account.status == 'suspended'"
    files = policy(
        rule(condition, message="in {resource.language}"),
        head="match: {kind: Site, labels: {}}\n",
        tests=TESTS.replace("does not match", "matches"),
    )
    results = tried(compile_root(tmp_path, files))
    assert [(result.test, result.problem) for result in results] == [
        ("kept", ""), ("violated", ""), ("wrongly kept", "one finds nothing"), ("wrongly violated", "one was not expected"),
        ("a mistyped key", "`resource` has no field `langauge`; did you mean `language`?"),
        ("matches", "one was not expected"), ("reads the account", ""),
    ]  # fmt: skip
    assert results[1].found == (("one", "in fr"),)
    files = policy(rule(condition), head="match: {kind: Site, labels: {team: eu}}\n", tests=TESTS)
    results = tried(compile_root(tmp_path / "x", files), {"house"})
    assert next(result for result in results if result.test == "does not match").problem == ""


def test_a_test_that_cannot_be_decided_fails(tmp_path):
    tests = "tests:\n  - {name: undecided, resource: {}, expect: [one]}\n"
    results = tried(compile_root(tmp_path, policy(rule("resource.url == 'x'"), tests=tests)))
    assert "there is no key" in results[0].problem


def test_the_repositorys_own_policies_pass_their_tests_and_hold():
    compilation = compile_tree(read_tree(REPOSITORY), EXTENSIONS, TODAY)
    results = tried(compilation)
    assert [result.test for result in results if result.problem] == []
    expected = {name for policy, _ in compilation.policies.policies for test in policy.tests for name in test.expect}
    assert expected == {item.spec.name for item in compilation.policies.rules}, "every rule has a test that it fails"
    assert all(matches(compilation.policies, compilation.resources).values())


@pytest.mark.parametrize(
    ("condition", "more"),
    [
        ("resource.language == 'en'", "    field: language\n"),
        ("resource.ai.temperature < 0.6", "    field: ai.temperature\n"),
        ("resource.credits.monthly_max > 5", ""),
        ("resource.name == 'blog' || resource.credits.monthly_max > 5", ""),
        ("[1, 2].map(x, resource).map(x, x).size() > 9", ""),
        ("nothing", ""),
    ],
)
def test_what_was_said_before_is_said_again_without_asking(tmp_path, condition, more):
    """With the cache, nothing that policies find is lost or told in other words, whichever sites are new."""
    second = FILES["sites/blog.yaml"].replace("name: blog", "name: shop").replace("/blog", "/shop")
    files = policy(rule(condition, message="of {resource.name}", more=more)) | {"sites/shop.yaml": second}
    root = write_root(tmp_path / "root", files)

    def compiled() -> Compilation:
        cache = open_cache(tmp_path / "cache" / "sites", tmp_path / "key", now_ns=0)
        compilation = compile_tree(read_tree(root), EXTENSIONS, TODAY, cache=cache)
        cache.save()
        return compilation

    first = compiled()
    assert first.findings == compile_tree(read_tree(root), EXTENSIONS, TODAY).findings
    assert compiled().findings == first.findings
    for name, text in (("blog", FILES["sites/blog.yaml"]), ("shop", second)):
        (root / f"sites/{name}.yaml").write_text(text + "# looked at\n")
        assert compiled().findings == first.findings
    (root / "policies/house.yaml").unlink()
    assert compiled().findings == ()


def test_sites_that_were_said_all_of_are_not_asked_about_again(tmp_path):
    root = write_root(tmp_path / "root", policy(rule("resource.language == 'en'")))

    def left() -> tuple[set[str], bool]:
        cache = open_cache(tmp_path / "cache" / "sites", tmp_path / "key", now_ns=10**19)
        compile_tree(read_tree(root), EXTENSIONS, TODAY, cache=cache)
        cache.save()
        return {path for path in cache.left if path}, cache.is_changed

    assert left() == ({"sites/blog.yaml"}, True)
    assert left() == ({"sites/blog.yaml"}, False)
    (root / "policies/house.yaml").write_text(policy(rule("resource.credits.monthly_max == 1"))["policies/house.yaml"])
    assert left()[0] == set()
    assert left()[0] == set()


@pytest.mark.parametrize(
    ("waiver", "is_waived"),
    [
        ("policy: house/one", True), ("policy: 'house/*', field: language", True), ("field: language", True),
        ("policy: house/two", False), ("policy: house/one, field: url", False),
    ],
)  # fmt: skip
def test_a_violated_policy_can_be_waived(tmp_path, waiver, is_waived):
    given = f"waivers:\n  - {{code: IG601, resource: site/blog, {waiver}, reason: agreed, owner: ann, expires: '2027-06-30'}}\n"
    files = policy(rule("true", more="    field: language\n")) | {"platform.yaml": FILES["platform.yaml"] + given}
    compilation = compile_root(tmp_path, files)
    assert compilation.is_valid is is_waived
    assert [item.finding.policy for item in compilation.waived] == ["house/one"] * is_waived


def test_a_mistake_in_a_policy_cannot_be_waived(tmp_path):
    given = "waivers:\n  - {code: IG604, resource: '*', reason: agreed, owner: ann, expires: '2027-06-30'}\n"
    files = policy(rule("resource.credits.monthly_max > 1")) | {"platform.yaml": FILES["platform.yaml"] + given}
    assert {item.code for item in compile_root(tmp_path, files).findings} == {"IG123", "IG604"}
