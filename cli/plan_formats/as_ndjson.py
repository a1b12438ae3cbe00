"""A plan as a stream of JSON, a line each: `plan` first, `summary` last.

Readers go by `type` and pass over the types that they do not know. Types and keys are only ever added.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cli.plan_formats import Shown
from cli.plan_formats.as_json import document_of

# The lists of the document, and the type of a line of each.
_TYPES = {
    "blocks": "block",
    "causes": "cause",
    "changes": "change",
    "grants": "grant",
    "calendar_moves": "calendar_move",
    "unpublished": "unpublished",
    "syndication": "syndication_change",
    "keywords": "keyword_change",
    "held": "held",
    "lingering": "lingering",
}
_LATER = {*_TYPES, "warnings", "forecast", "summary"}


def ndjson_lines(shown: Shown) -> Iterator[str]:
    """Yield the lines."""
    document = document_of(shown)
    yield _line("plan", {key: value for key, value in document.items() if key not in _LATER})
    for warning in document["warnings"]:
        yield _line("warning", {"message": warning})
    for key, type_ in _TYPES.items():
        for item in document.get(key, ()):
            yield _line(type_, item)
    yield _line("forecast", document["forecast"])
    yield _line("summary", document["summary"])


def _line(type_: str, value: dict[str, Any]) -> str:
    return json.dumps({"type": type_, **value}, ensure_ascii=False, separators=(",", ":"))
