"""Findings as people read them: one line each, the source line below it, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import Output, counted
from reconciler.config.secrets import may_be_shown
from reconciler.diagnostics import Diagnostic

if TYPE_CHECKING:
    from reconciler.config.compilation import Compilation
    from reconciler.config.waivers import Waived

_LINE_WIDTH_MAX = 160


def show_findings(output: Output, compilation: Compilation, *, to_stderr: bool = False) -> None:
    """Print every finding with its source line, and how to learn more."""
    say = output.note if to_stderr else output.data
    for finding in compilation.findings:
        for line in finding_lines(output, finding, compilation.sources.get(finding.file, ""), to_stderr):
            say(line)
    for item in compilation.waived:
        say(_waived_line(output, item, to_stderr))
    if compilation.findings:
        code = compilation.findings[0].code
        say(f"   = help: igny8 explain {code}")
    say(summary(compilation))


def summary(compilation: Compilation) -> str:
    """Return one line that counts what was found."""
    errors = sum(finding.severity == "error" for finding in compilation.findings)
    warnings = len(compilation.findings) - errors
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    if compilation.waived:
        found += f", {len(compilation.waived)} waived"
    where = f"environment {compilation.environment}: " if compilation.environment else ""
    if compilation.left_out:
        elsewhere = f"{counted(compilation.left_out, 'finding')} elsewhere left out"
        return f"{where}{found} in what the changes can affect; {elsewhere}"
    if errors:
        return f"{where}{found}: nothing can be planned or applied"
    kinds = len({resource.kind for resource in compilation.resources})
    return f"{where}{len(compilation.resources)} resources of {kinds} kinds are valid; {found}"


def _waived_line(output: Output, item: Waived, to_stderr: bool) -> str:
    finding, waiver = item.finding, item.by.waiver
    code = output.style(f"waived[{finding.code}]", "dim", stderr=to_stderr)
    place = f"{finding.file}:{finding.mark.line}:{finding.mark.column}"
    return f"{place}: {code} {finding.message} (until {waiver.expires}, {waiver.owner}: {waiver.reason})"


def finding_lines(output: Output, finding: Diagnostic, source: str, to_stderr: bool) -> list[str]:
    """Return a finding with its source line and its hint, as lines."""
    mark = finding.mark
    severity = output.style(f"{finding.severity}[{finding.code}]", finding.severity, stderr=to_stderr)
    lines = [f"{finding.file}:{mark.line}:{mark.column}: {severity} {finding.message}"]
    source_lines = source.splitlines()
    hint = f" {finding.hint}" if finding.hint else ""
    text = source_lines[mark.line - 1] if 0 < mark.line <= len(source_lines) else None
    if text is not None and finding.code != "IG209" and may_be_shown(text):
        text, column = _window(_harmless(text), mark.column)
        length = max(1, min(mark.length, len(text) - column + 1))
        caret = output.style("^" * length, finding.severity, stderr=to_stderr)
        lines.append(f"{mark.line:>5} | {text}")
        lines.append(f"      | {' ' * (column - 1)}{caret}{hint}")
    elif finding.hint:
        lines.append(f"   = hint:{hint}")
    return lines


def _harmless(text: str) -> str:
    """Return a line with one plain character for each that a terminal would obey or not show."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else " " if character == "\t" else "\ufffd" for character in text
    )


def _window(text: str, column: int) -> tuple[str, int]:
    """Return the part of a long line around a column, and the column in it."""
    if column > _LINE_WIDTH_MAX - 40:
        cut = column - _LINE_WIDTH_MAX // 2
        text, column = "…" + text[cut:], column - cut + 1
    return (text if len(text) <= _LINE_WIDTH_MAX else text[: _LINE_WIDTH_MAX - 1] + "…"), column
