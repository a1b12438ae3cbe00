"""JSON Schemas (draft-07 or 2020-12) of what people write, one a kind, for editors. Generated from the specs; never edited."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from reconciler.config.documents import API_VERSION
from reconciler.config.environment_schema import with_kinds
from reconciler.kinds import RESOURCE_KINDS, Kind
from reconciler.kinds.extensions import Extensions, PublisherDeclaration, StageDeclaration
from reconciler.kinds.field_docs import FIELD_DOCS, FieldDoc

DRAFTS = {"7": "http://json-schema.org/draft-07/schema#", "2020-12": "https://json-schema.org/draft/2020-12/schema"}


def schema_of(kind: Kind, extensions: Extensions, draft: str = "7") -> dict[str, Any]:
    """Return the schema of a kind's authored document: everything that can be inherited may be left out.

    `draft` is one of DRAFTS.
    """
    schema = _schema_of(kind, extensions)
    return schema if draft == "7" else _in_words_of_2020(schema)


def _schema_of(kind: Kind, extensions: Extensions) -> dict[str, Any]:
    schema = _draft7(_documented(kind.spec.model_json_schema(mode="validation")))
    properties = schema["properties"]
    if kind.slug == "site":
        properties["publisher"] = _publisher_schema(extensions.publishers) | _words(FIELD_DOCS["Site"]["publisher"])
        properties["stages"] = _stages_schema(extensions)
        copies = [entry for entry in extensions.publishers if entry.carries_canonical]
        further = schema["definitions"]["Syndication"]["properties"]
        further["publisher"] = _publisher_schema(copies) | _words(FIELD_DOCS["Syndication"]["publisher"])
        schema["definitions"]["AiSettings"]["description"] = "Any of the seven AI settings."
    if kind.slug == "platform":
        schema["definitions"]["Preset"]["properties"]["stages"] = _stages_schema(extensions)
    if kind.slug == "providers":
        schema["definitions"]["Provider"]["properties"]["adapter"] = {"enum": list(extensions.adapter_names)} | _words(
            FIELD_DOCS["Provider"]["adapter"]
        )
    if kind.slug == "prompt":
        properties.pop("template")
    if kind.slug == "environment":
        schema = with_kinds(schema, {item.name: schema_of(item, extensions) for item in RESOURCE_KINDS})
    header = {
        "apiVersion": {"const": API_VERSION, "description": "The version of the config language."},
        "kind": {"const": kind.name, "description": "What this document declares."},
    }
    required = [name for name in schema.get("required", []) if name not in ("name", "template")]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"igny8/v1/{kind.slug}.schema.json",
        **schema,
        "title": kind.name,
        "properties": header | properties,
        "required": ["apiVersion", "kind", *required],
    }


def schema_text(kind: Kind, extensions: Extensions, draft: str = "7") -> str:
    """Return a kind's schema as the text of a file."""
    return json.dumps(schema_of(kind, extensions, draft), indent=2, ensure_ascii=False) + "\n"


def _in_words_of_2020(schema: dict[str, Any]) -> dict[str, Any]:
    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        walked = {key: walk(item) for key, item in value.items()}
        if isinstance(walked.get("$ref"), str):
            walked["$ref"] = walked["$ref"].replace("#/definitions/", "#/$defs/")
        return walked

    walked: dict[str, Any] = {("$defs" if key == "definitions" else key): walk(item) for key, item in schema.items()}
    return walked | {"$schema": DRAFTS["2020-12"]}


def _documented(schema: dict[str, Any]) -> dict[str, Any]:
    """Return pydantic's schema with the meaning, the unit and an example of every field."""
    for name, part in ((schema.get("title", ""), schema), *schema.get("$defs", {}).items()):
        docs = FIELD_DOCS.get(name, {})
        for field, item in part.get("properties", {}).items():
            if field in docs:
                item |= _words(docs[field])
    return schema


def _words(doc: FieldDoc) -> dict[str, Any]:
    words: dict[str, Any] = {"description": doc.text}
    if doc.unit:
        words["x-unit"] = doc.unit
    if doc.example is not None:
        words["examples"] = [doc.example]
    return words


def _publisher_schema(publishers: Iterable[PublisherDeclaration]) -> dict[str, Any]:
    variants = []
    for publisher in publishers:
        settings = _draft7(_documented(publisher.settings.model_json_schema()))
        variants.append(
            {
                "type": "object",
                "title": publisher.name,
                "additionalProperties": False,
                "properties": {"type": {"const": publisher.name, "description": "How articles are published."}}
                | _inlined(settings)["properties"],
                "required": ["type", *settings.get("required", [])],
            }
        )
    return {"description": "Where articles go, by type.", "oneOf": variants}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its few references replaced by what they refer to."""
    definitions = schema.get("definitions", {})

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return walk(definitions[value["$ref"].rsplit("/", 1)[1]])
            return {key: walk(item) for key, item in value.items() if key != "definitions"}
        return [walk(item) for item in value] if isinstance(value, list) else value

    inlined: dict[str, Any] = walk(schema)
    return inlined


def _stages_schema(extensions: Extensions) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Settings by stage; what is left out falls back to the preset, then to the defaults.",
        "additionalProperties": False,
        "properties": {stage.key: _stage_schema(stage) for stage in extensions.stages},
    }


def _stage_schema(stage: StageDeclaration) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "enabled": {"type": "boolean", "default": True},
        "per_run_limit": {"type": "integer", "minimum": 0, "default": stage.per_run_limit},
    }
    if stage.batch_size is not None:
        properties["batch_size"] = {"type": "integer", "minimum": 1, "default": stage.batch_size}
    if stage.function is not None:
        properties["model"] = {"enum": ["testing", "live"], "default": stage.model}
        properties["budget_pct"] = {"type": "integer", "minimum": 0, "maximum": 100, "default": stage.budget_pct}
    properties = {name: item | _words(FIELD_DOCS["StageSettings"][name]) for name, item in properties.items()}
    return {
        "type": "object",
        "description": f"Stage {stage.number}: {stage.title}; counts {stage.counts}.",
        "additionalProperties": False,
        "properties": properties,
    }


def _draft7(schema: dict[str, Any]) -> dict[str, Any]:
    """Return pydantic's schema in the words of draft-07."""

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        words = {"$defs": "definitions"}
        walked = {words.get(key, key): walk(item) for key, item in value.items()}
        if "$ref" in walked:
            walked["$ref"] = walked["$ref"].replace("#/$defs/", "#/definitions/")
        # Absence is how people write "nothing": null is accepted by no field.
        if "anyOf" in walked:
            walked["anyOf"] = [item for item in walked["anyOf"] if item != {"type": "null"}]
            if len(walked["anyOf"]) == 1:
                walked |= walked.pop("anyOf")[0]
            if walked.get("default", ...) is None:
                del walked["default"]
        # Names that do not fit the pattern are refused, not just left unchecked.
        if "patternProperties" in walked:
            walked.setdefault("additionalProperties", False)
        if isinstance(walked.get("title"), str) and "properties" not in walked:
            del walked["title"]
        return walked

    walked: dict[str, Any] = walk(schema)
    walked.setdefault("definitions", {})
    return walked
