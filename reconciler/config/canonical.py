"""The JSON form of a spec straight from what was authored: what dumping the validated spec gives, without the spec.

A spec is strict: validation changes nothing about a value but to fill in defaults. So once a value is known to be
valid, its resolved form is the value itself with the defaults around it, without nulls.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined

Fill = Callable[[Any], Any]


def canonical_form(model: type[BaseModel], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON form of the spec that a valid value declares; parts of the value may be shared, not copied."""
    form: dict[str, Any] = _filler(model)(value)
    return form


@cache
def _filler(model: type[BaseModel]) -> Fill:
    defaults: dict[str, Any] = {}
    fills: dict[str, Fill] = {}
    excluded = [name for name, field in model.model_fields.items() if field.exclude]
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        default = field.get_default(call_default_factory=True)
        if default is not PydanticUndefined and default is not None:
            defaults[name] = TypeAdapter(field.rebuild_annotation()).dump_python(
                default, mode="json", exclude_none=True
            )
        fill = _fill_of(field.annotation)
        if fill is not None:
            fills[name] = fill

    def filled(value: Any) -> Any:
        if type(value) is not dict:  # another member of a union
            return value
        form = {**defaults, **value} if defaults else value
        for name, fill in fills.items():
            item = value.get(name)
            if item is not None:
                if form is value:
                    form = value.copy()
                form[name] = fill(item)
        if excluded:
            form = {name: item for name, item in form.items() if name not in excluded}
        if None in form.values():
            form = {name: item for name, item in form.items() if item is not None}
        return form

    return filled


def _fill_of(annotation: Any) -> Fill | None:
    """Return what completes a value of a type; None where the value is complete as it is."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _filler(annotation)
    if annotation is float:
        return float
    if origin is Annotated:
        return _fill_of(arguments[0])
    if origin in (Union, types.UnionType):
        # A spec has at most one member that is filled, and that one leaves the values of the others alone.
        return next((fill for member in arguments if (fill := _fill_of(member)) is not None), None)
    inner = (
        _fill_of(arguments[-1] if origin is dict else arguments[0]) if origin in (tuple, dict) and arguments else None
    )
    if inner is None:
        return None
    fill = inner
    if origin is tuple:
        return lambda items: [fill(item) for item in items]
    return lambda items: {key: fill(item) for key, item in items.items()}
