"""Paths of fields as people write them, `stages.images.model` or `models.NAME.active`, found in values and schemas.

A key may hold dots itself, so a path is read along what is there, never split blindly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.diagnostics import FieldPath

Schema = Mapping[str, Any]


def find_path(value: Any, text: str) -> FieldPath | None:
    """Return the path that a text names in nested mappings, or None when nothing stands there."""
    if not isinstance(value, Mapping):
        return None
    if text in value:
        return (text,)
    for key in value:
        if text.startswith(f"{key}."):
            rest = find_path(value[key], text[len(key) + 1 :])
            if rest is not None:
                return (key, *rest)
    return None


def is_field(schema: Schema, text: str) -> bool:
    """Tell whether a kind's JSON Schema knows a field; below a mapping of names any name will do."""
    return _knows(schema, text, schema.get("definitions", {}))


def _knows(schema: Schema, text: str, definitions: Schema) -> bool:
    if not text:
        return True
    if "$ref" in schema:
        return _knows(definitions[schema["$ref"].rsplit("/", 1)[1]], text, definitions)
    variants = (item for word in ("anyOf", "oneOf", "allOf") for item in schema.get(word, ()))
    if any(_knows(item, text, definitions) for item in variants):
        return True
    for name, item in schema.get("properties", {}).items():
        if text == name or (text.startswith(f"{name}.") and _knows(item, text[len(name) + 1 :], definitions)):
            return True
    free = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    named = [item for item in free if isinstance(item, Mapping)]
    return any(_knows(item, rest, definitions) for item in named for rest in _rests(text))


def _rests(text: str) -> Iterator[str]:
    """Yield what may follow the first name of a path, whichever of its dots belong to the name."""
    yield ""
    at = text.rfind(".")
    while at > 0:
        yield text[at + 1 :]
        at = text.rfind(".", 0, at)
