"""igny8 policy"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from cli.exits import Exit
from cli.options import format_option
from cli.output import counted, shorten
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.config.compilation import Compilation
    from reconciler.config.policies.rules import PolicySet


@click.group()
def policy() -> None:
    """List policies, and try them on their examples."""


@policy.command(name="list")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, format_: str) -> None:
    """List every rule: what it looks at, whether it denies or warns, and on how many resources it is asked.

    Examples:

      igny8 policy list
      igny8 policy list --json
    """
    from reconciler.config.policies.evaluate import matches

    compilation = _compiled(session)
    policies = compilation.policies
    if policies is None:
        _say_none(session, format_, "rules")
        return
    counts = matches(policies, compilation.resources)
    rows: list[dict[str, Any]] = [
        {
            "policy": rule.policy.name, "rule": rule.spec.name, "on": rule.policy.on, "kind": rule.policy.match.kind,
            "action": "deny" if rule.severity == "error" else "warn", "expression": " ".join(rule.condition.split()),
            "file": rule.file, "line": rule.mark.line, "resources": counts.get(rule.policy.name),
        }
        for rule in policies.rules
    ]  # fmt: skip
    if format_ == "json":
        summary = {"policies": len(policies.policies), "rules": len(rows)}
        session.output.json({"version": 1, "summary": summary, "rules": rows})
        return
    session.output.table(
        ["RULE", "DOES", "ON", "ASKED ON", "WHERE"],
        [
            (
                f"{row['policy']}/{row['rule']}", row["action"], row["kind"] or row["on"],
                "each plan" if row["resources"] is None else counted(row["resources"], "resource"),
                f"{row['file']}:{row['line']}",
            )
            for row in rows
        ],
    )  # fmt: skip


@policy.command()
@click.argument("policies", nargs=-1)
@format_option("text", "json")
@click.pass_obj
def test(session: Session, policies: tuple[str, ...], format_: str) -> None:
    """Try policies on the examples in their `tests`: all, or those given by name or file.

    Ends with 7 when an example does not come out as expected, with 3 when a policy has mistakes.

    Examples:

      igny8 policy test
      igny8 policy test spending
      igny8 policy test policies/spending.yaml --json
    """
    from reconciler.config.policies.fixtures import run_tests
    from reconciler.config.policies.sandbox import Sandbox, find_library
    from reconciler.operations.app import EXTENSIONS

    found = _compiled(session).policies
    if found is None:
        _say_none(session, format_, "tests")
        return
    library = find_library()
    assert library is not None, "a root with policies and no library has errors"
    with Sandbox(library) as sandbox:
        results = run_tests(found, EXTENSIONS, sandbox, _names(found, policies))
    failed = sum(bool(result.problem) for result in results)
    if format_ == "json":
        summary = {"tests": len(results), "passed": len(results) - failed, "failed": failed}
        session.output.json({"version": 1, "summary": summary, "tests": [result.to_json() for result in results]})
    else:
        for result in results:
            mark = session.output.style("FAIL", "error") if result.problem else session.output.style("ok", "good")
            session.output.data(f"{mark}  {result.policy}: {result.test}")
            if result.problem:
                session.output.data(f"      {result.problem}")
                for rule, message in result.found:
                    session.output.data(f"      {rule}: {shorten(message, 100)}")
        session.output.data(f"{counted(len(results), 'test')}, {failed} failed")
    if failed:
        raise Exit(ExitCode.FAILED)


def _say_none(session: Session, format_: str, noun: str) -> None:
    if format_ == "json":
        summary: dict[str, Any] = {"policies": 0, noun: 0}
        session.output.json({"version": 1, "summary": summary, noun: []})
    else:
        session.output.data("there are no policies; they stand in policies/NAME.yaml")


def _names(policies: PolicySet, wanted: tuple[str, ...]) -> set[str]:
    from reconciler.config.suggest import did_you_mean

    known = {item.name for item, _ in policies.policies}
    names = {PurePath(word).stem for word in wanted}
    for name in sorted(names - known):
        raise UsageError(f"there is no policy {name}", hint=did_you_mean(name, known) or "igny8 policy list")
    return names


def _compiled(session: Session) -> Compilation:
    """Return the compilation; ends with 3 when it is the policies themselves that have errors."""
    from dataclasses import replace

    from cli.diagnostics import show_findings
    from reconciler.operations.validate import validate

    compilation = validate(session.installation())
    own = tuple(
        finding for finding in compilation.findings
        if finding.severity == "error" and finding.file.startswith("policies/")
    )  # fmt: skip
    if own:
        show_findings(session.output, replace(compilation, findings=own), to_stderr=True)
        raise Exit(ExitCode.INVALID)
    return compilation
