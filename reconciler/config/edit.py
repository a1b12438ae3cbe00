"""Edits of one value in a YAML text: every byte outside of the edited span stays as it is.

An edit that cannot be made so, or that would say something else than was meant, is refused with its reason.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.config.spans import Span, read_spans
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import FieldPath

_SAFE_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9 _./@+-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


class RefusedEditError(Exception):
    """The edit cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a path leads into a text: the nodes on it, from the root, and the steps that are not there."""

    nodes: list[Span]
    found: FieldPath
    missing: FieldPath


def parse_path(root_value: Any, written: str) -> FieldPath:
    """Return the path that a person means: `a.b[0].c`; a key that holds dots is found where it is there."""
    path: list[str | int] = []
    value, rest = root_value, written
    while rest:
        index = re.match(r"\[(\d+)\]\.?", rest)
        if index:
            path.append(int(index[1]))
            rest = rest[index.end() :]
        else:
            keys = sorted(value, key=len, reverse=True) if isinstance(value, dict) else []
            key = next((item for item in keys if rest == item or rest.startswith((f"{item}.", f"{item}["))), None)
            key = key if key is not None else re.split(r"[.\[]", rest, maxsplit=1)[0]
            if not key:
                raise RefusedEditError(f"{written} is no path")
            path.append(key)
            rest = rest[len(key) :].removeprefix(".")
        value = _step(value, path[-1])
    return tuple(path)


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and isinstance(step, str):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def parse_value(written: str) -> Any:
    """Return the value that a person means: YAML in one line, and text where it is none."""
    document, found = read_yaml(f"value: {written}\n", "")
    is_plain = (
        document is not None and not found and isinstance(document.value, dict) and list(document.value) == ["value"]
    )
    return document.value["value"] if document is not None and is_plain else written


def flow_text(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_text(key)}: {flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    if isinstance(value, str):
        is_safe = _SAFE_TEXT.fullmatch(value) and value.lower() not in _WORDS and value == value.strip()
        return value if is_safe else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def set_value(text: str, path: FieldPath, value: Any, orders: Sequence[Sequence[str]] = ()) -> str:
    """Return the text with one value set; parents that are not there are written.

    `orders` are the keys that the mappings along the path may have, in the schema's order, from the root on: a new key
    takes its place among them. Raises RefusedEditError.
    """
    place = _find(text, path)
    node = place.nodes[-1]
    if not place.missing:
        edited = _replaced(text, place, flow_text(value))
    else:
        order = orders[len(place.found)] if len(place.found) < len(orders) else ()
        edited = _inserted(text, node, place, value, order)
    return _checked(text, edited, path, value)


def unset_value(text: str, path: FieldPath) -> str:
    """Return the text without one value, and without parents that would hold nothing then. Raises RefusedEditError."""
    place = _find(text, path)
    if place.missing:
        raise RefusedEditError("it is not written there")
    last = len(path)
    while last > 1 and len(_parts(place.nodes[last - 1])) == 1:
        last -= 1
    parent, node = place.nodes[last - 1], place.nodes[last]
    edited = _without(text, parent, node, path[last - 1])
    return _checked(text, edited, path[:last], ...)


def _find(text: str, path: FieldPath) -> _Place:
    root = read_spans(text)
    if root is None or root.type != "mapping":
        raise RefusedEditError("the file holds no mapping")
    nodes = [root]
    for number, step in enumerate(path):
        node = nodes[-1]
        if node.has_anchor:
            raise RefusedEditError("an anchor or alias stands there: what refers to it would change too")
        inner: Span | None = None
        if node.type == "mapping" and isinstance(step, str):
            entry = node.entry(step)
            inner = entry[1] if entry else None
        elif node.type == "sequence" and isinstance(step, int) and step <= len(node.items):
            inner = node.items[step] if step < len(node.items) else None
        elif not (node.type == "scalar" and node.start == node.end and isinstance(step, str)):
            raise RefusedEditError(
                f"{_shown(path[:number])} is no {'list' if isinstance(step, int) else 'mapping'} with {step}"
            )
        if inner is None:
            return _Place(nodes, path[:number], path[number:])
        nodes.append(inner)
    if any(node.has_anchor for node in nodes[-1].walk()):
        raise RefusedEditError("an anchor or alias stands there: what refers to it would change too")
    return _Place(nodes, path, ())


def _shown(path: FieldPath) -> str:
    return ".".join(map(str, path)) or "the file"


def _parts(node: Span) -> Sequence[object]:
    return node.entries or node.items


def _content_end(text: str, node: Span) -> int:
    """Return where a node's characters end: a block's last empty lines are not its own."""
    if node.end == node.start or (node.type == "scalar" and not node.is_plain and text[node.start] in "'\""):
        return node.end
    return node.start + len(text[node.start : node.end].rstrip("\r\n \t"))


def _replaced(text: str, place: _Place, new: str) -> str:
    node, parent = place.nodes[-1], place.nodes[-2]
    start, end = node.start, _content_end(text, node)
    if parent.type == "mapping":
        key = next(key for key, value in parent.entries if value is node)
        colon = text.index(":", key.end) + 1
        if "\n" in text[colon:start] or node.start == node.end:
            start, new = colon, f" {new}"  # the block below the key, or nothing at all, becomes a value beside it
            end = max(end, start) if node.start != node.end else start
    return text[:start] + new + text[end:]


def _inserted(text: str, node: Span, place: _Place, value: Any, order: Sequence[str]) -> str:
    step, below = place.missing[0], place.missing[1:]
    if isinstance(step, int):
        return _appended(text, node, _nested_flow(below, value))
    if node.is_flow or (node.type == "scalar" and node.start == node.end and len(place.nodes) > 1):
        new = f"{flow_text(step)}: {_nested_flow(below, value)}"
        if node.is_flow:
            inside = text[node.start + 1 : node.end - 1].rstrip(" ,")
            glue = ", " if inside.strip() else ""
            return text[: node.start + 1] + inside + glue + new + text[node.end - 1 :]
        return _replaced(text, place_of(place, node), "{" + new + "}")
    column = node.entries[0][0].start - _line_start(text, node.entries[0][0].start)
    end = "\r\n" if "\r\n" in text else "\n"
    lines = _nested_lines(step, below, value, column, end)
    before = _entry_before(node, step, order)
    if before is None:  # it comes first
        first = node.entries[0][0].start
        if _line_start(text, first) + column != first or text[_line_start(text, first) : first].strip():
            before = node.entries[0]
        else:
            return text[: _line_start(text, first)] + lines + text[_line_start(text, first) :]
    place_ = _line_end(text, max(before[0].end, _content_end(text, before[1])))
    if place_ == len(text) and not text.endswith("\n"):
        return text + end + lines.removesuffix(end)
    return text[:place_] + lines + text[place_:]


def place_of(place: _Place, node: Span) -> _Place:
    """Return the place of a node that is on the way."""
    return _Place(place.nodes[: place.nodes.index(node) + 1], place.found, ())


def _entry_before(node: Span, key: str, order: Sequence[str]) -> tuple[Span, Span] | None:
    ranks = {name: number for number, name in enumerate(order)}
    if key not in ranks:
        return node.entries[-1]
    earlier = [entry for entry in node.entries if ranks.get(entry[0].text, -1) < ranks[key]]
    return earlier[-1] if earlier else None


def _nested_flow(path: FieldPath, value: Any) -> str:
    for step in reversed(path):
        if isinstance(step, int) and step:
            raise RefusedEditError(f"there is no item {step} to come after")
        value = [value] if isinstance(step, int) else {step: value}
    return flow_text(value)


def _nested_lines(key: str, path: FieldPath, value: Any, column: int, end: str) -> str:
    lines = ""
    steps: list[str] = [key]
    for number, step in enumerate(path):
        if isinstance(step, int):
            return _lines_of(steps, _nested_flow(path[number:], value), column, end)
        steps.append(step)
    lines += _lines_of(steps, flow_text(value), column, end)
    return lines


def _lines_of(steps: Sequence[str], value: str, column: int, end: str) -> str:
    lines = [f"{' ' * (column + 2 * depth)}{flow_text(step)}:" for depth, step in enumerate(steps)]
    return end.join(lines) + f" {value}{end}"


def _appended(text: str, node: Span, new: str) -> str:
    if node.is_flow:
        inside = text[node.start + 1 : node.end - 1].rstrip(" ,")
        glue = ", " if inside.strip() else ""
        return text[: node.start + 1] + inside + glue + new + text[node.end - 1 :]
    end = "\r\n" if "\r\n" in text else "\n"
    first = node.items[0].start
    dash = text.rindex("-", _line_start(text, first), first)
    column = dash - _line_start(text, dash)
    place = _line_end(text, _content_end(text, node.items[-1]))
    line = f"{' ' * column}- {new}"
    if place == len(text) and not text.endswith("\n"):
        return text + end + line
    return text[:place] + line + end + text[place:]


def _without(text: str, parent: Span, node: Span, step: str | int) -> str:
    if parent.is_flow:
        parts: list[tuple[int, int]] = [
            *((key.start, max(key.end, value.end)) for key, value in parent.entries),
            *((item.start, item.end) for item in parent.items),
        ]
        number = next(
            index
            for index, part in enumerate([*(value for _, value in parent.entries), *parent.items])
            if part is node
        )  # fmt: skip
        start, end = parts[number]
        if number + 1 < len(parts):
            end = parts[number + 1][0]
        elif number:
            start = parts[number - 1][1]
        return text[:start] + text[end:]
    if parent.type == "mapping":
        key = next(key for key, value in parent.entries if value is node)
        start, end = key.start, max(key.end, _content_end(text, node))
    else:
        start, end = text.rindex("-", 0, node.start), max(node.start, _content_end(text, node))
    begin, end = _line_start(text, start), _line_end(text, end)
    if text[begin:start].strip():
        raise RefusedEditError("it shares a line with something else")
    return text[:begin] + text[end:]


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    """Return where the next line begins."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def _checked(before: str, after: str, path: FieldPath, value: Any) -> str:
    """Return the edited text when it says what was meant; `...` as the value stands for nothing."""
    (old, _), (new, found) = read_yaml(before, ""), read_yaml(after, "")
    if old is None or new is None or found or new.value != _with(old.value, path, value):
        raise RefusedEditError("it cannot be changed without changing something else: edit the file by hand")
    return after


def _with(root: Any, path: FieldPath, value: Any) -> Any:
    result = copy.deepcopy(root)
    node = result
    for number, step in enumerate(path[:-1]):
        following: Any = [] if isinstance(path[number + 1], int) else {}
        if isinstance(node, list) and isinstance(step, int) and step == len(node):
            node.append(following)
        elif isinstance(node, dict) and node.get(step) is None:
            node[step] = following
        node = node[step]
    last = path[-1]
    if value is ...:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(value)
    else:
        node[last] = value
    return result
