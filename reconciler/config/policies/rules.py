"""From policy documents to rules that can be asked: expressions compiled once, and every mistake in them at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from reconciler.config.documents import Authored
from reconciler.config.globs import selects
from reconciler.config.policies.sandbox import Answer, Check, Compiled, Sandbox, Use
from reconciler.config.policies.shapes import Shape, missing_step, needs_of, prune, variables_of
from reconciler.config.policies.texts import MessageError, Written, split_message
from reconciler.config.suggest import did_you_mean
from reconciler.config.waivers import PlacedWaiver
from reconciler.diagnostics import Diagnostic, FieldPath, Mark, format_path
from reconciler.kinds import find_kind
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.policy import Policy, PolicyMatch, PolicyRule

POLICIES_MAX = 200
_IN_WORDS: Mapping[str, str] = {
    "Iteration budget exceeded": "it takes more than 10,000 steps through lists",
    "Applying SELECT to non-message type": "it reads a field of what has no fields, such as null",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a policy that compiled. `pieces` is its message: text, and the numbers of its `expressions`."""

    policy: Policy
    spec: PolicyRule
    file: str
    mark: Mark
    condition: str
    expressions: tuple[str, ...] = ()
    pieces: tuple[str | int, ...] = ()
    uses: tuple[Use, ...] = ()

    @property
    def name(self) -> str:
        """Return the name that waivers use: POLICY/RULE."""
        return f"{self.policy.name}/{self.spec.name}"

    @property
    def severity(self) -> Literal["error", "warning"]:
        """Return how its findings count."""
        return "error" if self.spec.deny is not None else "warning"

    @property
    def code(self) -> str:
        """Return the code of its findings."""
        return "IG601" if self.spec.deny is not None else "IG602"

    @property
    def hint(self) -> str:
        """Return what to do about a finding, and where the rule stands."""
        place = f"{self.file}:{self.mark.line}"
        return f"{self.spec.hint} ({place})" if self.spec.hint else f"the rule stands in {place}"

    def text(self, texts: Sequence[str | None]) -> str:
        """Return the message with the values of its expressions."""
        shown = [
            piece if isinstance(piece, str) else texts[piece] or f"{{{self.expressions[piece].strip()}}}"
            for piece in self.pieces
        ]
        return f"{self.name}: {' '.join(''.join(shown).split())}"

    @property
    def kind_slug(self) -> str:
        """Return the kind of the resources that it looks at; "" for any."""
        kind = find_kind(self.policy.match.kind or "")
        return kind.slug if kind else ""

    def applies_to(self, kind_slug: str, name: str, labels: Mapping[str, Any]) -> bool:
        """Tell whether a resource fits the policy's `match`."""
        return fits(self.policy.match, kind_slug, name, labels)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies of a config root with their files, the rules that compiled, and the day that they are asked on.

    `waivers` are those in force that day.
    """

    today: date
    rules: tuple[Rule, ...] = ()
    policies: tuple[tuple[Policy, str], ...] = ()
    waivers: tuple[PlacedWaiver, ...] = ()

    def on(self, *what: str) -> tuple[Rule, ...]:
        """Return the rules about resources, changes or plans."""
        return tuple(rule for rule in self.rules if rule.policy.on in what)


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that rules are asked about: which of them, and the variables that are its own."""

    rules: tuple[int, ...]
    variables: Mapping[str, Any]


@dataclass(slots=True)
class _Draft:
    rule: Rule
    document: Authored
    at: FieldPath
    condition: Written
    parts: list[Written] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)


def fits(match: PolicyMatch, kind_slug: str, name: str, labels: Mapping[str, Any]) -> bool:
    """Tell whether a resource fits a `match`."""
    if match.kind is not None:
        kind = find_kind(match.kind)
        if kind is None or kind.slug != kind_slug:
            return False
    patterns = (match.name,) if isinstance(match.name, str) else match.name
    if patterns is not None and not any(selects(pattern, name) for pattern in patterns):
        return False
    return all(selects(pattern, str(labels[key])) if key in labels else False for key, pattern in match.labels.items())


def compile_policies(
    documents: Iterable[tuple[Authored, Policy]],
    sources: Mapping[str, str],
    extensions: Extensions,
    today: date,
    sandbox: Sandbox | None,
) -> tuple[PolicySet, tuple[Diagnostic, ...]]:
    """Return the rules of valid policies, and what is wrong with the others. No sandbox: there is no library."""
    known = list(documents)
    policies = tuple((policy, document.file) for document, policy in known)
    if sandbox is None:
        hint = "install it with the extra: pip install 'igny8[policy]'"
        message = "policies cannot be evaluated: the CEL library is not installed"
        return PolicySet(today, (), policies), tuple(
            Diagnostic("IG606", message, document.file, hint=hint) for document, _ in known
        )
    findings: list[Diagnostic] = []
    drafts: list[_Draft] = []
    for document, policy in known[:POLICIES_MAX]:
        findings += _name_findings(document, policy)
        drafts += [_draft(document, policy, index, sources) for index in range(len(policy.rules))]
    findings += [
        Diagnostic("IG605", f"there are more than {POLICIES_MAX} policies", document.file)
        for document, _ in known[POLICIES_MAX:]
    ]
    _compile(drafts, sandbox, extensions)
    findings += [finding for draft in drafts for finding in draft.findings]
    rules = tuple(draft.rule for draft in drafts if not draft.findings)
    return PolicySet(today, rules, policies), tuple(findings)


def _name_findings(document: Authored, policy: Policy) -> Iterable[Diagnostic]:
    names = [rule.name for rule in policy.rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            path = ("rules", index, "name")
            yield _finding(
                "IG607", document, path, f"the rule {name} stands in the policy already", "rename one of them"
            )
    shown = [test.name for test in policy.tests]
    for index, test in enumerate(policy.tests):
        if test.name in shown[:index]:
            yield _finding("IG607", document, ("tests", index, "name"), f"there is a test {test.name!r} already", "")
        for place, name in enumerate(test.expect):
            if name not in names:
                hint = did_you_mean(name, names) or f"the rules are {', '.join(names)}"
                at = ("tests", index, "expect", place)
                yield _finding("IG607", document, at, f"the policy has no rule {name}", hint)
        given = [key for key in ("resource", "change", "plan") if getattr(test, key) is not None]
        if given not in ([policy.on], ["change", "plan"] if policy.on == "change" else []):
            message = f"a test of a policy on {policy.on}s gives `{policy.on}`"
            yield _finding("IG607", document, ("tests", index), message, f"add `{policy.on}:`, and nothing else")


def _finding(code: str, document: Authored, path: FieldPath, message: str, hint: str) -> Diagnostic:
    mark = document.marks.values.get(path, Mark())
    return Diagnostic(code, message, document.file, mark, format_path(path), hint)


def _draft(document: Authored, policy: Policy, index: int, sources: Mapping[str, str]) -> _Draft:
    spec = policy.rules[index]
    word = "deny" if spec.deny is not None else "warn"
    lines = sources.get(document.file, "").splitlines()

    def written(key: str, value: str) -> Written:
        mark = document.marks.values.get(("rules", index, key), Mark())
        return Written(value, value, document.file, mark, lines)

    condition = written(word, spec.condition)
    rule = Rule(policy, spec, document.file, condition.mark, spec.condition)
    draft = _Draft(rule, document, ("rules", index, word), condition)
    message = written("message", spec.message)
    try:
        found = split_message(spec.message)
    except MessageError as error:
        path = ("rules", index, "message")
        place = message.place(error.offset)
        draft.findings.append(Diagnostic("IG603", f"message: {error.message}", document.file, place, format_path(path)))
        return draft
    pieces: list[str | int] = []
    for piece in found:
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            pieces.append(len(draft.parts))
            draft.parts.append(replace(message, value=piece[1], begin=piece[0]))
    draft.rule = replace(rule, pieces=tuple(pieces), expressions=tuple(part.value for part in draft.parts))
    return draft


def _compile(drafts: Sequence[_Draft], sandbox: Sandbox, extensions: Extensions) -> None:
    programs = [written.value for draft in drafts for written in (draft.condition, *draft.parts)]
    if not programs:
        return
    answers = iter(sandbox.compile(programs))
    shapes: dict[tuple[str, str | None], dict[str, Shape]] = {}
    for draft in drafts:
        policy = draft.rule.policy
        key = (policy.on, policy.match.kind)
        if key not in shapes:
            shapes[key] = variables_of(*key, extensions)
        uses: list[Use] = []
        for written in (draft.condition, *draft.parts):
            compiled = next(answers)
            draft.findings += _problems(draft, written, compiled, shapes[key])
            uses += compiled.uses
        draft.rule = replace(draft.rule, uses=tuple(uses))
        draft.findings += _wrong_field(draft, shapes[key])


def _problems(
    draft: _Draft, written: Written, compiled: Compiled, variables: Mapping[str, Shape]
) -> Iterable[Diagnostic]:
    where = format_path(draft.at if written is draft.condition else (*draft.at[:-1], "message"))
    if compiled.stopped:
        message = f"{draft.rule.name}: cannot be compiled: {compiled.stopped}"
        yield Diagnostic("IG605", message, written.file, written.mark, where, "make it simpler")
    for line, column, message in compiled.problems:
        unknown = re.match(r"undeclared reference to '(\w+)", message)
        message = f"there is no variable or function `{unknown[1]}`" if unknown else message
        hint = ""
        if unknown:
            hint = did_you_mean(unknown[1], variables) or f"the variables are {', '.join(sorted(variables))}"
        mark = written.place_of_problem(line, column, unknown[1] if unknown else "")
        yield Diagnostic("IG603", f"{draft.rule.name}: {message}", written.file, mark, where, hint)
    if written is draft.condition and compiled.type and compiled.type not in ("BOOL", "DYN"):
        message = f"{draft.rule.name}: the answer is {compiled.type.lower()}, not true or false"
        yield Diagnostic("IG603", message, written.file, written.mark, where)
    for use in compiled.uses:
        yield from _use_problems(draft, written, use, variables, where)


def _use_problems(
    draft: _Draft, written: Written, use: Use, variables: Mapping[str, Shape], where: str
) -> Iterable[Diagnostic]:
    if use.root not in variables:
        hint = f"a policy on {draft.rule.policy.on}s reads {', '.join(sorted(variables))}"
        message = f"{draft.rule.name}: there is no variable `{use.root}` here"
        yield Diagnostic("IG603", message, written.file, _at(written, use.offsets[0], use.root), where, hint)
        return
    missing = missing_step(variables[use.root], use.path)
    if missing is not None:
        index, hint = missing
        step = use.path[index]
        begin = end = use.offsets[0]
        for name, offset in zip(use.path[: index + 1], use.offsets[1:], strict=False):
            begin = written.value.find(name, max(offset, end))
            end = begin + len(name)
        owner = ".".join((use.root, *use.path[:index]))
        message = f"{draft.rule.name}: `{owner}` has no field `{step}`"
        yield Diagnostic("IG603", message, written.file, _at(written, max(begin, 0), step), where, hint)


def _at(written: Written, offset: int, word: str) -> Mark:
    return replace(written.place(offset), length=len(word))


def _wrong_field(draft: _Draft, variables: Mapping[str, Shape]) -> Iterable[Diagnostic]:
    field_ = draft.rule.spec.field
    if field_ is None:
        return
    path = (*draft.at[:-1], "field")
    if draft.rule.policy.on != "resource":
        message = f"{draft.rule.name}: `field` is for policies on resources"
        yield _finding("IG603", draft.document, path, message, "leave it out")
        return
    missing = missing_step(variables["resource"], field_.split("."))
    if missing is not None:
        message = f"{draft.rule.name}: {draft.rule.policy.match.kind} has no field `{field_}`"
        yield _finding("IG603", draft.document, path, message, missing[1])


def ask(
    rules: Sequence[Rule], shared: Mapping[str, Any], subjects: Sequence[Subject], sandbox: Sandbox
) -> list[Answer]:
    """Return what rules say about subjects; only the parts of variables that expressions read are looked at."""
    if not rules or not len(subjects):
        return []
    places = iter(sandbox.places_of([text for rule in rules for text in (rule.condition, *rule.expressions)]))
    checks = [Check(next(places), tuple(next(places) for _ in rule.expressions)) for rule in rules]
    common = {
        name: prune(shared[name], needs_of(_paths(rules, name)))
        for name in ("models", "platform", "plan") if name in shared
    }  # fmt: skip
    common["today"] = shared["today"]
    needed: dict[tuple[int, ...], dict[str, Any]] = {}

    def task(number: int) -> tuple[Sequence[int], Mapping[str, Any]]:
        subject = subjects[number]
        needs = needed.get(subject.rules)
        if needs is None:
            asked = [rules[index] for index in subject.rules]
            needs = needed[subject.rules] = {name: needs_of(_paths(asked, name)) for name in subject.variables}
        return subject.rules, {name: prune(value, needs[name]) for name, value in subject.variables.items()}

    return sandbox.run(checks, common, len(subjects), task)


def _paths(rules: Iterable[Rule], name: str) -> Iterable[tuple[str, ...]]:
    return (use.path for rule in rules for use in rule.uses if use.root == name)


def problem_finding(rule: Rule, answers: Sequence[Answer], first: str) -> Diagnostic:
    """Return the finding about a rule that could not be decided on some subjects; `first` names one of them."""
    answer = answers[0]
    others = f" and {len(answers) - 1:,} more" if len(answers) > 1 else ""
    if answer.outcome == "stopped":
        message = f"{rule.name}: was stopped at {first}: {answer.problem}"
        hint = "make it simpler, or look at less with `match`"
        return Diagnostic("IG605", message, rule.file, rule.mark, hint=hint, policy=rule.name)
    problem = _in_words(answer.problem)
    hint = "ask first whether it is there, with has(...)" if "there is no" in problem else ""
    code = "IG605" if "steps" in problem else "IG604"
    message = f"{rule.name}: cannot be decided on {first}{others}: {problem}"
    return Diagnostic(code, message, rule.file, rule.mark, hint=hint, policy=rule.name)


def _in_words(problem: str) -> str:
    if problem.startswith("Key not found in map : "):
        return f"there is no key {problem.removeprefix('Key not found in map : ')}"
    if problem.startswith("No matching overloads found : "):
        return f"these types do not go together: {problem.removeprefix('No matching overloads found : ')}"
    return _IN_WORDS.get(problem, problem)
