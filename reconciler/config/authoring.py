"""From resolved specs back to what people write: without what holds by default."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined

from reconciler.config.documents import API_VERSION
from reconciler.config.plain_text import block_text
from reconciler.kinds import Kind

Strip = Callable[[Any], Any]


def without_defaults(model: type[BaseModel], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the least that has to be written for a spec to have this JSON form."""
    stripped: dict[str, Any] = _stripper(model)(value)
    return stripped


@cache
def _stripper(model: type[BaseModel]) -> Strip:
    defaults: dict[str, Any] = {}
    strips: dict[str, Strip] = {}
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if default is not PydanticUndefined and default is not None:
            adapter = TypeAdapter(field.rebuild_annotation())
            defaults[name] = adapter.dump_python(default, mode="json", exclude_none=True)
        strip = _strip_of(field.annotation)
        if strip is not None:
            strips[name] = strip

    def stripped(value: Any) -> Any:
        if not isinstance(value, Mapping):  # another member of a union
            return value
        return {
            name: strips[name](item) if name in strips else item
            for name, item in value.items()
            if name not in defaults or item != defaults[name]
        }

    return stripped


def _strip_of(annotation: Any) -> Strip | None:
    """Return what takes the defaults out of a value of a type; None where a value has none inside."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _stripper(annotation)
    if origin is Annotated:
        return _strip_of(arguments[0])
    if origin in (Union, types.UnionType):
        return next((strip for member in arguments if (strip := _strip_of(member)) is not None), None)
    if origin not in (tuple, dict) or not arguments:
        return None
    inner = _strip_of(arguments[-1] if origin is dict else arguments[0])
    if inner is None:
        return None
    if origin is tuple:
        return lambda items: [inner(item) for item in items]
    return lambda items: {key: inner(item) for key, item in items.items()}


def document_text(kind: Kind, data: Mapping[str, Any], inherited: Mapping[str, Any] | None = None) -> str:
    """Return the text of a file that declares a resource; `inherited` is what a site has without AI settings of its own.

    A prompt's template stands below its front matter.
    """
    written = without_defaults(kind.spec, data)
    if kind.slug == "site":
        written |= {name: _own(data.get(name, {}), (inherited or {}).get(name, {})) for name in ("ai", "stages")}
        written = {key: value for key, value in written.items() if key not in ("ai", "stages") or value}
        written |= _sectors(written)
    template = written.pop("template", "")
    text = f"apiVersion: {API_VERSION}\nkind: {kind.name}\n{block_text(written)}"
    return f"---\n{text}---\n{template}" if kind.place.endswith(".md") else text


def _own(value: Any, inherited: Any) -> Any:
    """Return what has to be written for a value to be so below what it inherits."""
    if not isinstance(value, Mapping) or not isinstance(inherited, Mapping):
        return value
    return {
        key: _own(item, inherited[key]) if key in inherited else item
        for key, item in value.items()
        if key not in inherited or item != inherited[key]
    }


def _sectors(site: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sectors with keywords of which only the phrase is known as just that."""
    if "sectors" not in site:
        return {}
    sectors = [
        {**item, "keywords": [word["term"] if set(word) == {"term"} else word for word in item["keywords"]]}
        if "keywords" in item
        else item
        for item in site["sectors"]
    ]
    return {"sectors": sectors}
