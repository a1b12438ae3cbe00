"""The one form of a config file: keys in the schema's order, times quoted, true and false, a modeline for editors.

Whole lines move, single scalars change, and nothing else: comments keep their places at the keys that they stand above,
and every other byte stays as it is. A text that means something else afterwards is given back as it was.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.config.spans import Span, read_spans
from reconciler.config.yaml_reader import read_yaml

_HEAD = ("apiVersion", "kind")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_WORDS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_TIME_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d$"
_MODELINE = "# yaml-language-server:"

Schema = Mapping[str, Any]


def format_text(text: str, schema: Schema, modeline: str = "") -> str:
    """Return the text in its one form, by the JSON Schema of its kind.

    The text must be readable YAML. A `modeline` is put before the first line of a text that has none.
    """
    root = read_spans(text)
    if root is None or root.type != "mapping" or root.is_flow:
        return text
    formatted = _changed(text, sorted(_mends(root, schema, schema)))
    if not any(node.has_anchor for node in root.walk()):  # an alias may not come before its anchor
        formatted = _ordered(formatted, schema)
    if formatted and not formatted.endswith("\n"):
        formatted += _line_end(text)
    if modeline and not formatted.startswith(_MODELINE):
        formatted = modeline + _line_end(text) + formatted
    return formatted if _means_the_same(text, formatted) else text


def modeline_of(path: str, slug: str) -> str:
    """Return the modeline of a file, by its path from the root that has the schemas."""
    return f"{_MODELINE} $schema={'../' * path.count('/')}schemas/{slug}.schema.json"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _changed(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    for start, end, new in reversed(list(changes)):
        text = text[:start] + new + text[end:]
    return text


def _mends(node: Span, schema: Schema, root: Schema) -> Iterable[tuple[int, int, str]]:
    """Yield the scalars that are written another way: times, and words for true and false."""
    if node.type == "mapping":
        for key, value in node.entries:
            yield from _mends(value, _property(schema, root, node, key.text), root)
    elif node.type == "sequence":
        for item in node.items:
            yield from _mends(item, _followed(schema, root, node).get("items", {}), root)
    elif node.type == "scalar" and node.is_plain and node.text and not node.has_anchor:
        words = _followed(schema, root, node)
        time = _TIME.fullmatch(node.text)
        if words.get("pattern") == _TIME_PATTERN and time and int(time[1]) < 24 and int(time[2]) < 60:
            yield node.start, node.end, f'"{int(time[1]):02}:{time[2]}"'
        elif words.get("type") == "boolean" and node.text.lower() in _WORDS:
            yield node.start, node.end, _WORDS[node.text.lower()]


def _followed(schema: Schema, root: Schema, node: Span) -> Schema:
    """Return the schema that a node is under: references followed, the variant chosen that fits the node."""
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    for word in ("oneOf", "anyOf"):
        variants = [_followed(variant, root, node) for variant in schema.get(word, ())]
        if variants:
            wanted = {"mapping": "object", "sequence": "array"}.get(node.type, "")
            fitting = [item for item in variants if item.get("type") == wanted] if wanted else variants
            kind = node.entry("type") if node.type == "mapping" else None
            named = [
                item for item in fitting if kind and item["properties"].get("type", {}).get("const") == kind[1].text
            ]
            return next(iter(named or fitting), {})
    return schema


def _property(schema: Schema, root: Schema, node: Span, key: str) -> Schema:
    words = _followed(schema, root, node)
    found = words.get("properties", {}).get(key)
    if found is None:
        others = words.get("additionalProperties")
        found = others if isinstance(others, dict) else next(iter(words.get("patternProperties", {}).values()), {})
    return found if isinstance(found, dict) else {}


def _ordered(text: str, schema: Schema) -> str:
    """Return the text with the keys of every block mapping in the schema's order, the innermost first."""
    # Lines move, so the spans are read anew after every mapping that was put in order.
    done = 0
    while True:
        root = read_spans(text)
        assert root is not None
        mappings = list(_block_mappings(root, schema, schema))
        if done == len(mappings):
            return text
        node, words = mappings[done]
        done += 1
        text = _with_keys_in_order(text, node, words)


def _block_mappings(node: Span, schema: Schema, root: Schema) -> Iterable[tuple[Span, Schema]]:
    """Yield block mappings that have an order, a mapping after those inside of it, in an order that moving keeps."""
    if node.type == "mapping" and not node.is_flow:
        words = _followed(schema, root, node)
        for key, value in sorted(node.entries, key=lambda entry: entry[0].text):
            yield from _block_mappings(value, _property(schema, root, node, key.text), root)
        if words.get("properties"):
            yield node, words
    elif node.type == "sequence" and not node.is_flow:
        for item in node.items:
            yield from _block_mappings(item, _followed(schema, root, node).get("items", {}), root)


@dataclass(slots=True)
class _Lines:
    """The lines of a text with the offsets that they begin at."""

    lines: list[str]
    starts: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> _Lines:
        lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
        starts, offset = [], 0
        for line in lines:
            starts.append(offset)
            offset += len(line)
        return cls(lines, starts)

    def number(self, offset: int) -> int:
        return bisect_right(self.starts, offset) - 1


def _with_keys_in_order(text: str, node: Span, schema: Schema) -> str:
    order = {name: number for number, name in enumerate((*_HEAD, *schema["properties"]))}
    keys = [key.text for key, _ in node.entries]
    wanted = sorted(range(len(keys)), key=lambda index: order.get(keys[index], len(order)))
    if wanted == list(range(len(keys))):
        return text
    lines = _Lines.of(text)
    first = [lines.number(key.start) for key, _ in node.entries]
    last = [lines.number(max(key.end, _content_end(text, value)) - 1) for key, value in node.entries]
    column = node.entries[0][0].start - lines.starts[first[0]]
    dash = lines.lines[first[0]][:column]
    if any(first[index + 1] <= last[index] for index in range(len(keys) - 1)) or dash.strip(" -"):
        return text  # two keys share a line, or something else stands before the first
    begins = [_begin(lines.lines, first[index], last[index - 1] if index else -1) for index in range(len(keys))]
    if node.start == 0 or not text[: node.start].strip("\r\n \t") or _is_header(text[: node.start]):
        begins[0] = first[0]  # what stands above the first key of a document is about the document
    elif dash.strip():
        begins[0] = first[0]
    end = last[-1] + 1
    while end < len(lines.lines) and lines.lines[end].lstrip().startswith("#") and _indent(lines.lines[end]) > column:
        end += 1
    ends = [*begins[1:], end]
    chunks = [lines.lines[begin:end] for begin, end in zip(begins, ends, strict=True)]
    if dash.strip():
        chunks[0] = [" " * column + chunks[0][0][column:], *chunks[0][1:]]
    if chunks[-1] and not chunks[-1][-1].endswith("\n"):
        chunks[-1] = [*chunks[-1][:-1], chunks[-1][-1] + _line_end(text)]
    moved = [line for index in wanted for line in chunks[index]]
    if dash.strip():
        place = next(number for number, line in enumerate(moved) if line.strip() and not line.lstrip().startswith("#"))
        if place:
            return text  # a comment would have to stand before the dash
        moved[0] = dash + moved[0][column:]
    return "".join((*lines.lines[: begins[0]], *moved, *lines.lines[ends[-1] :]))


def _is_header(text: str) -> bool:
    return all(not line.strip() or line.startswith(("#", "---")) for line in text.splitlines())


def _content_end(text: str, value: Span) -> int:
    end = value.end
    for _, inner in value.entries[-1:]:
        end = max(end, _content_end(text, inner))
    # A block scalar ends after the empty lines below it; they belong to what comes next.
    return value.start + len(text[value.start : end].rstrip("\r\n \t")) if end > value.start else end


def _begin(lines: list[str], first: int, previous_last: int) -> int:
    """Return the line that a key's own part begins at: with the comments and the empty lines above it."""
    column = _indent(lines[first])
    begin = first
    for number in range(first - 1, previous_last, -1):
        stripped = lines[number].strip()
        if stripped and (not stripped.startswith("#") or _indent(lines[number]) > column):
            break  # a comment further in belongs to what stands above it
        begin = number
    return begin


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _means_the_same(before: str, after: str) -> bool:
    """Tell whether two texts say the same, but for how times, true and false are written."""
    (old, _), (new, found) = read_yaml(before, ""), read_yaml(after, "")
    return old is not None and new is not None and not found and _plain(old.value) == _plain(new.value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    time = _TIME.fullmatch(value) if isinstance(value, str) else None
    return f"{int(time[1]):02}:{time[2]}" if time else value
