"""Findings for machines: JSON, SARIF 2.1.0, GitHub workflow commands, and JUnit XML; FORMATS is the registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from reconciler import __version__
from reconciler.diagnostics import Diagnostic, find_code

if TYPE_CHECKING:
    from reconciler.config.compilation import Compilation
    from reconciler.config.waivers import PlacedWaiver


def to_json(compilation: Compilation) -> str:
    """Return the findings with a summary, as one JSON document."""
    errors = sum(finding.severity == "error" for finding in compilation.findings)
    document = {
        "version": 1,
        "summary": {
            "valid": compilation.is_valid,
            "resources": len(compilation.resources),
            "errors": errors,
            "warnings": len(compilation.findings) - errors,
            "waived": len(compilation.waived),
            "left_out": compilation.left_out,
        },
        "revision": compilation.revision,
        "environment": compilation.environment,
        "diagnostics": [finding.to_json() for finding in compilation.findings],
        "waived": [item.to_json() for item in compilation.waived],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def to_sarif(compilation: Compilation) -> str:
    """Return the findings as a SARIF 2.1.0 log, for code scanning."""
    waived = [item.finding for item in compilation.waived]
    codes = sorted({finding.code for finding in (*compilation.findings, *waived)})
    driver = {"name": "igny8", "semanticVersion": __version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [
            *(_result(compilation, finding, codes) for finding in compilation.findings),
            *(
                _result(compilation, item.finding, codes) | {"suppressions": [_suppression(compilation, item.by)]}
                for item in compilation.waived
            ),
        ],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(code: str) -> dict[str, Any]:
    entry = find_code(code)
    assert entry is not None
    return {"id": code, "shortDescription": {"text": entry.title}, "fullDescription": {"text": entry.text}}


def _suppression(compilation: Compilation, placed: PlacedWaiver) -> dict[str, Any]:
    """Return a waiver in the words of SARIF: a decision that stands elsewhere than the finding."""
    waiver = placed.waiver
    region = {"startLine": placed.mark.line, "startColumn": placed.mark.column}
    place = {"artifactLocation": {"uri": quote(_from_here(compilation, placed.file))}, "region": region}
    return {
        "kind": "external",
        "status": "accepted",
        "justification": f"{waiver.reason} ({waiver.owner}, until {waiver.expires})",
        "location": {"physicalLocation": place},
    }


def _from_here(compilation: Compilation, file: str) -> str:
    """Return a file's path from where the command runs: what a CI knows is its checkout, not the config root."""
    root = compilation.root
    return file if root.is_absolute() else (root / file).as_posix()


def _result(compilation: Compilation, finding: Diagnostic, codes: list[str]) -> dict[str, Any]:
    mark = finding.mark
    region = {"startLine": mark.line, "startColumn": mark.column, "endColumn": mark.column + mark.length}
    place = {"artifactLocation": {"uri": quote(_from_here(compilation, finding.file))}, "region": region}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity,
        "message": {"text": _sentence(finding)},
        "locations": [{"physicalLocation": place}],
    }


def to_github(compilation: Compilation) -> str:
    """Return the findings as workflow commands: GitHub shows them beside the lines of a pull request."""
    return "\n".join(_annotation(compilation, finding) for finding in compilation.findings)


def _annotation(compilation: Compilation, finding: Diagnostic) -> str:
    properties = {
        "file": _from_here(compilation, finding.file),
        "line": str(finding.mark.line),
        "col": str(finding.mark.column),
        "title": finding.code,
    }
    told = ",".join(f"{name}={_percent(value, ':,')}" for name, value in properties.items())
    return f"::{finding.severity} {told}::{_percent(_sentence(finding))}"


def _percent(text: str, more: str = "") -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for character in more:
        escaped = escaped.replace(character, f"%{ord(character):02X}")
    return escaped


def to_junit(compilation: Compilation) -> str:
    """Return one test case a file, failed by its errors; warnings stand in the output of their file."""
    files = sorted({*compilation.sources, *(finding.file for finding in compilation.findings)})
    cases = [_case(file, [finding for finding in compilation.findings if finding.file == file]) for file in files]
    failures = sum("<failure" in case for case in cases)
    head = f'<testsuite name="igny8 validate" tests="{len(files)}" failures="{failures}" errors="0" skipped="0">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"])


def _case(file: str, findings: list[Diagnostic]) -> str:
    lines = [f'  <testcase classname="igny8" name={quoteattr(file)}>']
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        text = "\n".join(_line(finding) for finding in errors)
        lines.append(f"    <failure message={quoteattr(_line(errors[0]))}>{escape(text)}</failure>")
    if len(errors) < len(findings):
        text = "\n".join(_line(finding) for finding in findings if finding.severity != "error")
        lines.append(f"    <system-out>{escape(text)}</system-out>")
    return "\n".join([*lines, "  </testcase>"])


def _line(finding: Diagnostic) -> str:
    mark = finding.mark
    return f"{finding.file}:{mark.line}:{mark.column}: {finding.severity}[{finding.code}] {_sentence(finding)}"


def _sentence(finding: Diagnostic) -> str:
    return f"{finding.message} ({finding.hint})" if finding.hint else finding.message


FORMATS: dict[str, Callable[[Compilation], str]] = {
    "json": to_json,
    "sarif": to_sarif,
    "github": to_github,
    "junit": to_junit,
}
