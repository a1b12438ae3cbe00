"""Answers where a value comes from, and what a field of a kind is: from a compilation and from the kinds' schemas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.json_schema import schema_of
from reconciler.config.resolve import Definition, Provenance
from reconciler.diagnostics import FieldPath, format_path
from reconciler.kinds import find_kind
from reconciler.kinds.extensions import Extensions


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """A field's value in force, and all its definitions, the winner first; the last may be the built-in default."""

    path: FieldPath
    value: Any
    definitions: tuple[Definition, ...]

    @property
    def field(self) -> str:
        """Return the path as people write it."""
        return format_path(self.path)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "field": self.field,
            "value": self.value,
            "definitions": [
                {
                    "value": item.value,
                    "scope": item.scope,
                    "file": item.file,
                    "line": item.mark.line if item.file else None,
                }
                for item in self.definitions
            ],
        }


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """What a field of a kind takes."""

    field: str
    type: str
    default: Any
    description: str


def find_resource(compilation: Compilation, ref: str) -> Resource | None:
    """Return the resource of a `kind/name`, or of a singleton's kind alone; None when there is none."""
    kind, _, name = ref.partition("/")
    wanted = (kind, name or kind)
    return next((item for item in compilation.resources if (item.kind, item.name) == wanted), None)


def effective_values(resource: Resource, below: str = "") -> tuple[EffectiveValue, ...]:
    """Return every value in force of a resource, or those at and below one field, in field order."""
    data = resource.spec.model_dump(mode="json", exclude_none=True)
    provenance = resource.provenance
    values = (_value(provenance, path, value) for path, value in _leaves(data, ()))
    return tuple(item for item in values if _is_at_or_below(item.field, below))


def _is_at_or_below(field: str, place: str) -> bool:
    return not place or field == place or field.startswith((f"{place}.", f"{place}["))


def _leaves(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif value != {}:
        yield path, value


def _value(provenance: Provenance, path: FieldPath, value: Any) -> EffectiveValue:
    for length in range(len(path), 0, -1):
        definitions = provenance.get(path[:length])
        if definitions:
            return EffectiveValue(path, value, definitions)
    return EffectiveValue(path, value, (Definition(value, "default"),))


def field_docs(kind_name: str, below: str, extensions: Extensions) -> tuple[FieldDoc, ...] | None:
    """Return what the fields of a kind take, or those at and below one of them; None when there is no such kind."""
    kind = find_kind(kind_name)
    if kind is None:
        return None
    schema = schema_of(kind, extensions)
    docs = _docs(schema, schema.get("definitions", {}), "")
    return tuple(doc for doc in docs if _is_at_or_below(doc.field, below))


def _docs(schema: dict[str, Any], definitions: dict[str, Any], at: str) -> Iterator[FieldDoc]:
    for name, raw in schema.get("properties", {}).items():
        item = _followed(raw, definitions)
        field = f"{at}.{name}" if at else name
        default = raw.get("default", item.get("default"))
        yield FieldDoc(
            field, _type_of(item, definitions), default, raw.get("description") or item.get("description", "")
        )
        if "properties" in item:
            yield from _docs(item, definitions, field)
        inner = item.get("items") or item.get("additionalProperties")
        if isinstance(inner, dict):
            place = f"{field}[]" if "items" in item else f"{field}.NAME"
            yield from _docs(_followed(inner, definitions), definitions, place)


def _followed(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    found: dict[str, Any] = definitions[reference.rsplit("/", 1)[1]] if reference else schema
    return found


def _type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(_type_of(_followed(item, definitions), definitions) for item in schema[word])
    if schema.get("type") == "array":
        return f"list of {_type_of(_followed(schema.get('items', {}), definitions), definitions)}"
    return str(
        schema.get("title") if schema.get("type") == "object" and schema.get("title") else schema.get("type", "value")
    )
