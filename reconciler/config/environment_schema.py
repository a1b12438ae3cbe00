"""The JSON Schema of environments: what a patch sets is described by the schema of the kind that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
_NOT_SET = ("apiVersion", "kind", "name", "moved")
# A mapping is merged, so none of its keys is required and no default is put in; a list is written in full.
_OF_WHOLES = ("required", "default", "minProperties")


def with_kinds(schema: Schema, kinds: Mapping[str, Schema]) -> Schema:
    """Return the schema of environments with what `set` takes; `kinds` maps YAML names to the kinds' schemas."""
    definitions = dict(schema["definitions"])
    choices = []
    for name, kind in kinds.items():
        partial = _inlined(kind, kind["definitions"], is_partial=True)
        partial["properties"] = {key: item for key, item in partial["properties"].items() if key not in _NOT_SET}
        definitions[name] = {key: item for key, item in partial.items() if not key.startswith("$")}
        choices.append(
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"properties": {"set": {"$ref": f"#/definitions/{name}"}}},
            }
        )
    definitions["Patch"] = definitions["Patch"] | {"allOf": choices}
    return {**schema, "definitions": definitions}


def _inlined(schema: Schema, definitions: Schema, *, is_partial: bool) -> Schema:
    """Return a schema with its references followed; a partial one describes some of a mapping's keys."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        beside = {key: item for key, item in schema.items() if key != "$ref"}
        return _inlined({**target, **beside}, definitions, is_partial=is_partial)
    inlined: Schema = {}
    for word, item in schema.items():
        if word == "definitions" or (is_partial and word in _OF_WHOLES):
            continue
        if word in ("properties", "patternProperties"):
            inlined[word] = {
                key: _inlined(value, definitions, is_partial=is_partial) for key, value in item.items()
            }  # fmt: skip
        elif word == "items":
            inlined[word] = _inlined(item, definitions, is_partial=False)
        elif word == "additionalProperties" and isinstance(item, dict):
            inlined[word] = _inlined(item, definitions, is_partial=is_partial)
        elif word in ("anyOf", "oneOf", "allOf"):
            # Parts of several variants look alike, so more than one may fit.
            chosen = "anyOf" if is_partial and word == "oneOf" else word
            inlined[chosen] = [_inlined(value, definitions, is_partial=is_partial) for value in item]
        else:
            inlined[word] = item
    return inlined
