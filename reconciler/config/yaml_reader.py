"""YAML 1.2 text to plain values with the place of every key and value. The only user of a YAML parser.

libyaml supplies events; composing is ours, so that every guard strikes before a value exists, types follow the YAML
1.2 core schema (`9:00` and `no` stay text), duplicate keys are seen, and deep nesting cannot exhaust a stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from reconciler.diagnostics import Diagnostic, FieldPath, Mark, format_path

DEPTH_MAX = 64
ALIASED_NODES_MAX = 10_000
# Composing takes some microseconds a node; a file of 1 MiB could hold half a million.
NODES_MAX = 50_000
FINDINGS_MAX = 100
INTEGER_BITS_MAX = 64

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_IS_LIBYAML = hasattr(yaml, "CSafeLoader")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Text in YAML 1.2, a number of minutes or a boolean in YAML 1.1.
DOUBTFUL_WORD = re.compile(r"([01]\d|2[0-3]):[0-5]\d|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_PLAIN: dict[str, bool | None] = {"null": None, "Null": None, "NULL": None, "~": None, "": None}
_PLAIN |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(slots=True)
class Document:
    """A document's value, and where its fields stand: `values` by path, `keys` by the path of the keyed field.

    `doubtful` are the fields, with their text, that a reader of YAML 1.1 would not take for text.
    """

    value: Any = None
    values: dict[FieldPath, Mark] = field(default_factory=dict)
    keys: dict[FieldPath, Mark] = field(default_factory=dict)
    doubtful: list[tuple[FieldPath, str]] = field(default_factory=list)


class _RefusedError(Exception):
    """The text breaks a rule; carries the finding."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


@dataclass(slots=True)
class _Composer:
    file: str
    events: Iterator[Any]
    document: Document
    findings: list[Diagnostic] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    aliased_nodes: int = 0
    nodes: int = 0

    def compose(self, event: Any, path: FieldPath) -> Any:
        """Return the value that begins with this event; events are consumed up to its end."""
        if len(path) > DEPTH_MAX:
            raise _RefusedError(self._finding("IG104", f"nested deeper than {DEPTH_MAX} levels", event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None:
            raise _RefusedError(self._finding("IG110", f"the tag {event.tag} is not allowed", event))
        first_node = self.nodes
        self.nodes += 1
        if self.nodes - self.aliased_nodes > NODES_MAX:
            raise _RefusedError(self._finding("IG104", f"more than {NODES_MAX:,} values in a file", event))
        self.document.values[path] = _mark(event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = self._mapping(path)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - first_node)
        return value

    def _sequence(self, path: FieldPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.compose(event, (*path, len(items))))
        return items

    def _mapping(self, path: FieldPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            place = (*path, key)
            if key in mapping:
                first = self.document.keys[place]
                self.findings.append(
                    self._finding(
                        "IG105", f"{format_path(place)} is written twice, first in line {first.line}, column {first.column}", event,
                        hint="remove one of them",
                    )
                )  # fmt: skip
                if len(self.findings) >= FINDINGS_MAX:
                    raise _RefusedError(
                        self._finding("IG132", f"only the first {FINDINGS_MAX} mistakes are shown", event)
                    )
            self.document.keys[place] = _mark(event)
            mapping[key] = self.compose(next(self.events), place)
        return mapping

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _RefusedError(self._finding("IG110", "a key is plain text", event))
        if event.value == "<<" and event.implicit[0]:
            raise _RefusedError(self._finding("IG110", "merge keys are not allowed", event, hint="write the keys out"))
        return str(event.value)

    def _alias(self, event: Any, path: FieldPath) -> Any:
        known = self.anchors.get(event.anchor)
        if known is None:
            raise _RefusedError(
                self._finding("IG103", f"the alias *{event.anchor} refers to no complete anchor", event)
            )
        value, size = known
        self.aliased_nodes += size
        self.nodes += size
        if self.aliased_nodes > ALIASED_NODES_MAX:
            raise _RefusedError(self._finding("IG104", f"aliases expand to over {ALIASED_NODES_MAX:,} nodes", event))
        self.document.values[path] = _mark(event)
        return value

    def _scalar(self, event: Any, path: FieldPath) -> Any:
        text = str(event.value)
        if not event.implicit[0]:  # quoted or a block: text whatever it looks like
            return text
        if text in _PLAIN:
            return _PLAIN[text]
        if _NOT_FINITE.fullmatch(text):
            raise _RefusedError(self._finding("IG110", f"{text} is no usable number", event))
        if _INTEGER.fullmatch(text):
            if len(text) > 20 or int(text).bit_length() >= INTEGER_BITS_MAX:
                raise _RefusedError(self._finding("IG110", "an integer beyond 64 bits", event))
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                raise _RefusedError(self._finding("IG110", f"{text} is too large", event))
            return number
        if DOUBTFUL_WORD.fullmatch(text):
            self.document.doubtful.append((path, text))
        return text

    def _finding(self, code: str, message: str, event: Any, *, hint: str = "") -> Diagnostic:
        return Diagnostic(code, message, self.file, _mark(event), hint=hint)


def read_yaml(text: str, file: str, *, first_line: int = 1) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """Return the document of a text and what was found; no document when the text cannot be read.

    `first_line` is the line of the file that the text begins at (front matter does not begin at the first).
    """
    document = Document()
    composer = _Composer(file, parse_events(text), document)
    try:
        _read_document(composer)
    except _RefusedError as refused:
        return None, _shifted((*composer.findings, refused.finding), first_line)
    except yaml.YAMLError as error:
        return None, _shifted((*composer.findings, _syntax_finding(error, text, file)), first_line)
    if first_line > 1:
        document.values = {path: _shift(mark, first_line) for path, mark in document.values.items()}
        document.keys = {path: _shift(mark, first_line) for path, mark in document.keys.items()}
    return document, _shifted(tuple(composer.findings), first_line)


def parse_events(text: str) -> Iterator[Any]:
    """Yield the events of a text, in the YAML parser's own terms; raises its errors."""
    # A bare `yaml.parse` is a generator over the C parser; the parser object is closed with it.
    return iter(yaml.parse(text, Loader=_Loader))


def _read_document(composer: _Composer) -> None:
    seen = False
    for event in composer.events:
        if isinstance(event, yaml.DocumentStartEvent):
            if event.version or event.tags:
                raise _RefusedError(composer._finding("IG110", "directives are not allowed", event))
            if seen:
                raise _RefusedError(composer._finding("IG110", "more than one document in a file", event))
            seen = True
            composer.document.value = composer.compose(next(composer.events), ())


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    same_line = end.line == start.line and end.column > start.column
    return Mark(start.line + 1, start.column + 1, end.column - start.column if same_line else 1)


def _shift(mark: Mark, first_line: int) -> Mark:
    return Mark(mark.line + first_line - 1, mark.column, mark.length)


def _shifted(findings: tuple[Diagnostic, ...], first_line: int) -> tuple[Diagnostic, ...]:
    if first_line == 1:
        return findings
    return tuple(
        Diagnostic(f.code, f.message, f.file, _shift(f.mark, first_line), f.field, f.hint, f.severity) for f in findings
    )


def _syntax_finding(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    if not isinstance(error, yaml.MarkedYAMLError):
        # libyaml counts bytes, Python's own reader counts characters.
        position = getattr(error, "position", 0)
        before = text.encode()[:position].decode(errors="ignore") if _IS_LIBYAML else text[:position]
        lines = _LINE_BREAK.split(before)
        place = Mark(len(lines), len(lines[-1]) + 1)
        return Diagnostic("IG103", "a control character that YAML does not allow", file, place, hint="remove it")
    mark = error.problem_mark or error.context_mark
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark()
    context = f" ({error.context})" if error.context else ""
    hint = ""
    if mark and _character_at(text, mark) == "\t":
        hint = "indent with spaces, not tabs"
    elif "mapping values are not allowed" in (error.problem or ""):
        hint = "quote text that holds a colon and a space, or mend the indentation"
    return Diagnostic("IG103", f"{error.problem or 'cannot be read'}{context}", file, place, hint=hint)


def _character_at(text: str, mark: Any) -> str:
    lines = _LINE_BREAK.split(text)
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
