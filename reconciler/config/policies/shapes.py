"""What the variables of policies hold: their fields, for checking what expressions read, and for sending only that."""

from __future__ import annotations

from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from reconciler.config.suggest import did_you_mean
from reconciler.kinds import KINDS, find_kind
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.models import ModelCatalog

# The fields below a value; "*" stands for any name. None: a value without fields that are known.
Shape = dict[str, Any] | None
# Which parts of a value are needed: True for all of it, else by key.
Needs = dict[str, Any] | bool

_MONEY: Shape = {"articles": None, "credits": None, "cost_usd": None}


def plan_shape() -> Shape:
    """Return the fields of `plan`."""
    counts: dict[str, Any] = {kind.slug: None for kind in KINDS if kind.is_resource}
    fixed: dict[str, Any] = {"changes": None, "total": None, "before": _MONEY, "after": _MONEY}
    return {**fixed, "creates": counts, "updates": counts, "deletes": counts}


def variables_of(on: str, kind_name: str | None, extensions: Extensions) -> dict[str, Shape]:
    """Return the variables that a policy's expressions may read, with their fields."""
    models = _model_shape(ModelCatalog)["models"]
    variables: dict[str, Shape] = {"models": models, "platform": kind_shape("Platform", extensions), "today": None}
    content = kind_shape(kind_name, extensions) if kind_name else None
    if on == "resource":
        variables["resource"] = content
        if kind_name == "Site":
            variables["account"] = kind_shape("Account", extensions)
        return variables
    variables["plan"] = plan_shape()
    if on == "change":
        fixed: dict[str, Any] = {"action": None, "kind": None, "name": None, "fields": None}
        variables["change"] = {**fixed, "before": content, "after": content}
    return variables


def kind_shape(name: str, extensions: Extensions) -> Shape:
    """Return the fields of a kind's resources."""
    kind = find_kind(name)
    assert kind is not None
    shape = _model_shape(kind.spec)
    if kind.slug == "site":
        stage = shape["stages"]["*"]
        shape["stages"] = {declared.key: stage for declared in extensions.stages}
        published = [_model_shape(entry.settings) for entry in extensions.publishers]
        shape["publisher"] = {"type": None} | {key: item for part in published for key, item in part.items()}
    return shape


def _model_shape(model: type[BaseModel]) -> dict[str, Any]:
    return {name: _shape(field.annotation) for name, field in model.model_fields.items()}


def _shape(annotation: Any) -> Shape:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model_shape(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0])
    if origin is dict:
        return {"*": _shape(arguments[1])}
    if origin in (Union, UnionType):
        parts = [shape for shape in map(_shape, arguments) if shape is not None]
        return {key: item for part in parts for key, item in part.items()} or None
    return None


def missing_step(shape: Shape, path: Iterable[str]) -> tuple[int, str] | None:
    """Return the index of the first step of a path that is no field, with a hint; None when the path may exist."""
    for index, step in enumerate(path):
        if shape is None:
            return None
        if step not in shape and "*" not in shape:
            return index, did_you_mean(step, shape) or f"known here: {', '.join(sorted(shape))}"
        shape = shape.get(step, shape.get("*"))
    return None


def needs_of(paths: Iterable[tuple[str, ...]]) -> Needs:
    """Return the parts of a value that paths need."""
    needs: Needs = {}
    for path in paths:
        needs = _with(needs, path)
    return needs


def _with(needs: Needs, path: tuple[str, ...]) -> Needs:
    if not path or isinstance(needs, bool):
        return True
    return needs | {path[0]: _with(needs.get(path[0], {}), path[1:])}


def prune(value: Any, needs: Needs) -> Any:
    """Return the parts of a value that are needed."""
    if isinstance(needs, bool) or not isinstance(value, dict):
        return value
    return {key: prune(value[key], part) for key, part in needs.items() if key in value}
