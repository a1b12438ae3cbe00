"""A YAML text as a tree of spans: where every key and value begins and ends, so that edits touch nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from reconciler.config.yaml_reader import parse_events

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(slots=True)
class Span:
    """A node of a text: `start` and `end` are offsets of its own characters, without what follows it.

    `text` is a scalar's value; `entries` are a mapping's keys and values, `items` a sequence's nodes. A value that is
    left empty has no characters.
    """

    type: Literal["mapping", "sequence", "scalar", "alias"]
    start: int
    end: int
    is_flow: bool = False
    is_plain: bool = False
    text: str = ""
    has_anchor: bool = False
    entries: list[tuple[Span, Span]] = field(default_factory=list)
    items: list[Span] = field(default_factory=list)

    def walk(self) -> Iterator[Span]:
        """Yield this node and all below it."""
        yield self
        for key, value in self.entries:
            yield key
            yield from value.walk()
        for item in self.items:
            yield from item.walk()

    def entry(self, key: str) -> tuple[Span, Span] | None:
        """Return a mapping's key and value."""
        return next(((name, value) for name, value in self.entries if name.text == key), None)


def read_spans(text: str) -> Span | None:
    """Return the tree of a text that is known to be readable; None when it holds nothing."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    composer = _Composer(parse_events(text), starts)
    for event in composer.events:
        if type(event).__name__ == "DocumentStartEvent":
            return composer.compose(next(composer.events))
    return None


@dataclass(slots=True)
class _Composer:
    events: Iterator[Any]
    starts: list[int]

    def compose(self, event: Any) -> Span:
        name = type(event).__name__
        start, end = self._offset(event.start_mark), self._offset(event.end_mark)
        if name == "AliasEvent":
            return Span("alias", start, end, has_anchor=True)
        has_anchor = event.anchor is not None
        if name == "ScalarEvent":
            is_plain = event.style is None or event.style == ""
            return Span("scalar", start, end, is_plain=is_plain, text=event.value, has_anchor=has_anchor)
        node = Span("sequence", start, end, bool(event.flow_style), has_anchor=has_anchor)
        if name == "SequenceStartEvent":
            while type(inner := next(self.events)).__name__ != "SequenceEndEvent":
                node.items.append(self.compose(inner))
        else:
            node.type = "mapping"
            while type(inner := next(self.events)).__name__ != "MappingEndEvent":
                node.entries.append((self.compose(inner), self.compose(next(self.events))))
        # A block ends with its last part; the parser tells the beginning of whatever comes next.
        last = node.entries[-1] if node.entries else node.items[-1] if node.items else None
        if node.is_flow or last is None:
            node.end = self._offset(inner.end_mark)
        else:
            node.end = max(part.end for part in (last if isinstance(last, tuple) else (last,)))
        return node

    def _offset(self, mark: Any) -> int:
        return self.starts[int(mark.line)] + int(mark.column)
