"""Asks the policies on resources: every resource that a policy matches, and where each finding is placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, overload

from reconciler.config.compilation import Draft, Resource
from reconciler.config.documents import Authored
from reconciler.config.policies.rules import PolicySet, Rule, Subject, ask, compile_policies, problem_finding
from reconciler.config.policies.sandbox import Answer, Sandbox, find_library
from reconciler.diagnostics import Diagnostic, Mark
from reconciler.kinds.policy import Policy


@dataclass(frozen=True, slots=True)
class Checked:
    """The policies of a root and what was found: mistakes in them, and what those on resources say.

    `undecided` are the resources that they could not say all of; None: all of them.
    """

    policies: PolicySet
    findings: tuple[Diagnostic, ...]
    undecided: frozenset[str] | None

    def is_open(self, ref: str) -> bool:
        """Tell whether not everything was said of a resource."""
        return self.undecided is None or ref in self.undecided


def check_policies(
    written: Sequence[tuple[Authored, Policy]], sources: Mapping[str, str], draft: Draft, resources: Sequence[Resource]
) -> Checked:
    """Ask the policies of a root about resources; those include everything but, maybe, sites."""
    library = find_library()
    if library is None:
        return Checked(*compile_policies(written, sources, draft.extensions, draft.today, None), None)
    with Sandbox(library) as sandbox:
        policies, wrong = compile_policies(written, sources, draft.extensions, draft.today, sandbox)
        rules = policies.on("resource")
        subjects = _Resources(rules, resources)
        answers = ask(rules, shared_values(resources, draft.today), subjects, sandbox)
    findings = tuple(_findings(rules, answers, subjects.asked, draft))
    if any(answer.outcome == "stopped" for answer in answers):
        return Checked(policies, (*wrong, *findings), None)
    undecided = frozenset(subjects.asked[answer.task].ref for answer in answers if answer.problem)
    return Checked(policies, (*wrong, *findings), undecided)


def shared_values(resources: Iterable[Resource], today: date) -> dict[str, Any]:
    """Return the variables that are the same for everything."""
    found = {item.kind: item.data for item in resources if item.kind in ("models", "platform")}
    return {
        "models": found.get("models", {}).get("models", {}),
        "platform": found.get("platform", {}),
        "today": today.isoformat(),
    }


class _Resources(Sequence[Subject]):
    """The resources that rules may be about, each looked into when its turn comes: a root has many."""

    def __init__(self, rules: Sequence[Rule], resources: Sequence[Resource]) -> None:
        self._rules = rules
        self._by_kind: dict[str, tuple[int, ...]] = {}
        for slug in {rule.kind_slug for rule in rules}:
            self._by_kind[slug] = tuple(index for index, rule in enumerate(rules) if rule.kind_slug == slug)
        self._accounts = {item.name: item.data for item in resources if item.kind == "account"}
        self.asked = [item for item in resources if item.kind in self._by_kind]

    def __len__(self) -> int:
        return len(self.asked)

    @overload
    def __getitem__(self, index: int) -> Subject: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Subject]: ...
    def __getitem__(self, index: int | slice) -> Subject | Sequence[Subject]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        item = self.asked[index]
        data = item.data
        labels = data.get("labels", {})
        fitting = tuple(
            number for number in self._by_kind[item.kind]
            if self._rules[number].applies_to(item.kind, item.name, labels)
        )  # fmt: skip
        if item.kind != "site":
            return Subject(fitting, {"resource": data})
        account = self._accounts.get(data["account"])
        if account is None:  # it has findings of its own, and nothing can be said of its sites before they are mended
            return Subject((), {})
        return Subject(fitting, {"resource": data, "account": account})


def _findings(
    rules: Sequence[Rule], answers: Iterable[Answer], asked: Sequence[Resource], draft: Draft
) -> Iterable[Diagnostic]:
    failed: dict[tuple[int, str], list[Answer]] = {}
    for answer in answers:
        rule, item = rules[answer.rule], asked[answer.task]
        if answer.problem:
            failed.setdefault((answer.rule, answer.problem), []).append(answer)
        if answer.outcome == "found":
            yield _violation(rule, answer, item, draft)
    for (index, _), same in failed.items():
        yield problem_finding(rules[index], same, asked[same[0].task].ref)


def _violation(rule: Rule, answer: Answer, item: Resource, draft: Draft) -> Diagnostic:
    text = rule.text(answer.texts)
    if rule.spec.field is None:
        finding = Diagnostic(rule.code, text, item.file, Mark(), "", rule.hint, rule.severity)
    else:
        path = tuple(rule.spec.field.split("."))
        finding = draft.find(rule.code, (item.kind, item.name), path, text, hint=rule.hint, severity=rule.severity)
    return replace(finding, resource=item.ref, policy=rule.name)


def matches(policies: PolicySet, resources: Iterable[Resource]) -> Mapping[str, int]:
    """Return how many resources each policy on resources looks at."""
    counts = {policy.name: 0 for policy, _ in policies.policies if policy.on == "resource"}
    rules = {rule.policy.name: rule for rule in policies.on("resource")}
    for item in resources:
        for name, rule in rules.items():
            counts[name] += rule.applies_to(item.kind, item.name, item.data.get("labels", {}))
    return counts
