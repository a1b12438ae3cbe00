"""Tries policies on the examples that stand in them: which rules find something, against what was expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python

from reconciler.config.policies.rules import PolicySet, Rule, Subject, ask, problem_finding
from reconciler.config.policies.sandbox import Answer, Sandbox
from reconciler.config.policies.shapes import Shape, kind_shape, missing_step
from reconciler.kinds import RESOURCE_KINDS, find_kind
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import Spec
from reconciler.kinds.policy import Policy, PolicyTest

_MONEY = {"articles": 0, "credits": 0, "cost_usd": 0.0}


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of one test: the rules that found something with their messages, and what is wrong; "" if nothing."""

    policy: str
    test: str
    file: str
    found: tuple[tuple[str, str], ...]
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "policy": self.policy,
            "test": self.test,
            "file": self.file,
            "passed": not self.problem,
            "found": [{"rule": rule, "message": message} for rule, message in self.found],
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class _Case:
    policy: Policy
    file: str
    test: PolicyTest
    problem: str


def run_tests(
    policies: PolicySet, extensions: Extensions, sandbox: Sandbox, names: Collection[str] = ()
) -> tuple[TestResult, ...]:
    """Return the result of every test of the policies, or of those that are named."""
    cases = [
        _Case(policy, file, test, _unknown_field(policy, test, extensions))
        for policy, file in policies.policies
        for test in policy.tests
        if not names or policy.name in names
    ]
    subjects = [_subject(case, policies.rules, extensions) for case in cases]
    answers: dict[int, list[Answer]] = {}
    shared = {"models": {}, "platform": {}, "plan": {}, "today": policies.today.isoformat()}
    for answer in ask(policies.rules, shared, subjects, sandbox):
        answers.setdefault(answer.task, []).append(answer)
    return tuple(_result(case, policies.rules, answers.get(number, [])) for number, case in enumerate(cases))


def _subject(case: _Case, rules: Sequence[Rule], extensions: Extensions) -> Subject:
    variables = _values(case.policy, case.test, extensions)
    kind, name, labels = _identity(case.policy, variables)
    fitting = tuple(
        index for index, rule in enumerate(rules)
        if rule.policy is case.policy and (rule.policy.on == "plan" or rule.applies_to(kind, name, labels))
    )  # fmt: skip
    return Subject(fitting, variables)


def _result(case: _Case, rules: Sequence[Rule], answers: Sequence[Answer]) -> TestResult:
    found = tuple(
        (rules[answer.rule].spec.name, rules[answer.rule].text(answer.texts).partition(": ")[2])
        for answer in answers if answer.outcome == "found"
    )  # fmt: skip
    problem = case.problem
    failed = [answer for answer in answers if answer.problem]
    if failed and not problem:
        finding = problem_finding(rules[failed[0].rule], failed[:1], "the example")
        problem = finding.message.partition("/")[2]
    problem = problem or _difference(case.test, [rule for rule, _ in found])
    return TestResult(case.policy.name, case.test.name, case.file, found, problem)


def _difference(test: PolicyTest, found: Sequence[str]) -> str:
    missing = [name for name in test.expect if name not in found]
    more = [name for name in found if name not in test.expect]
    parts = [f"{', '.join(missing)} finds nothing"] if missing else []
    parts += [f"{', '.join(more)} was not expected"] if more else []
    return "; ".join(parts)


def _identity(policy: Policy, variables: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """Return kind, name and labels of what an example is about."""
    if policy.on == "change":
        change = variables["change"]
        return change["kind"], change["name"], (change["after"] or change["before"] or {}).get("labels", {})
    kind = find_kind(policy.match.kind or "")
    given = variables.get("resource", {})
    return kind.slug if kind else "", str(given.get("name", "")), given.get("labels", {})


def _values(policy: Policy, test: PolicyTest, extensions: Extensions) -> dict[str, Any]:
    """Return the variables of an example."""
    variables: dict[str, Any] = {
        "today": test.today,
        "models": test.models,
        "platform": _merged(defaults_of("Platform", extensions), test.platform),
    }
    if policy.on == "resource":
        assert policy.match.kind is not None
        variables["resource"] = _merged(defaults_of(policy.match.kind, extensions), test.resource or {})
        if policy.match.kind == "Site":
            variables["account"] = _merged(defaults_of("Account", extensions), test.account)
        return variables
    changes = []
    if policy.on == "change":
        variables["change"] = _change(_with_kind(policy, test.change or {}), extensions)
        changes = [variables["change"]]
    variables["plan"] = _plan(test.plan or {}, changes, extensions)
    return variables


def _with_kind(policy: Policy, change: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = find_kind(policy.match.kind or "Site")
    return {"kind": kind.slug if kind else "site", **change}


def _change(given: Mapping[str, Any], extensions: Extensions) -> dict[str, Any]:
    """Return an example of a change; a side that it gives has the defaults of its kind."""
    slug = str(given.get("kind", "site"))
    kind = find_kind(slug)
    defaults = defaults_of(kind.name, extensions) if kind else {}
    action = given.get("action", "update")
    sides = {
        side: None if action == absent else _merged(defaults, given.get(side) or {})
        for side, absent in (("before", "create"), ("after", "delete"))
    }
    name = str(given.get("name", "example"))
    return {"action": action, "kind": slug, "name": name, "fields": given.get("fields", []), **sides}


def _plan(given: Mapping[str, Any], changes: list[dict[str, Any]], extensions: Extensions) -> dict[str, Any]:
    listed = given.get("changes", [])
    changes = [_change(item, extensions) for item in listed if isinstance(item, dict)] or changes
    counts = Counter((change["action"], change["kind"]) for change in changes)
    value: dict[str, Any] = {
        f"{action}s": {kind.slug: counts[action, kind.slug] for kind in RESOURCE_KINDS}
        for action in ("create", "update", "delete")
    }
    shown = [{key: change[key] for key in ("action", "kind", "name", "fields")} for change in changes]
    money = {side: _merged(_MONEY, given.get(side) or {}) for side in ("before", "after")}
    rest = {key: item for key, item in given.items() if key not in ("changes", "before", "after")}
    return _merged({**value, "total": len(changes), "changes": shown, **money}, rest)


def defaults_of(kind_name: str, extensions: Extensions) -> dict[str, Any]:
    """Return what a resource of a kind holds when nobody wrote anything, without the keys that must be written."""
    kind = find_kind(kind_name)
    assert kind is not None
    values = _field_defaults(kind.spec)
    if kind.slug == "site":
        values["stages"] = {stage.key: stage.defaults() for stage in extensions.stages}
    return values


def _field_defaults(spec: type[Spec]) -> dict[str, Any]:
    found = {
        name: info.get_default(call_default_factory=True, validated_data={})
        for name, info in spec.model_fields.items() if not info.is_required()
    }  # fmt: skip
    values: dict[str, Any] = to_jsonable_python(
        {key: item for key, item in found.items() if item is not None}, exclude_none=True
    )
    return values


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, item in above.items():
        base = merged.get(key)
        merged[key] = _merged(base, item) if isinstance(item, dict) and isinstance(base, dict) else item
    return merged


def _unknown_field(policy: Policy, test: PolicyTest, extensions: Extensions) -> str:
    """Return what is wrong with the names of an example's fields; "" when all are known."""
    change = test.change or {}
    kind = find_kind(str(_with_kind(policy, change)["kind"]))
    content = kind_shape(kind.name, extensions) if kind else None
    parts: list[tuple[str, Mapping[str, Any], Shape]] = [
        ("account", test.account, kind_shape("Account", extensions)),
        ("platform", test.platform, kind_shape("Platform", extensions)),
    ]
    if policy.match.kind:
        parts.append(("resource", test.resource or {}, kind_shape(policy.match.kind, extensions)))
    for side in ("before", "after"):
        written = change.get(side)
        parts.append((f"change.{side}", written if isinstance(written, dict) else {}, content))
    for name, value, shape in parts:
        for path in _paths(value, ()):
            missing = missing_step(shape, path)
            if missing is not None:
                return f"`{name}` has no field `{'.'.join(path[: missing[0] + 1])}`; {missing[1]}"
    return ""


def _paths(value: Mapping[str, Any], at: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for key, item in value.items():
        found.append((*at, key))
        if isinstance(item, dict):
            found += _paths(item, (*at, key))
    return found
