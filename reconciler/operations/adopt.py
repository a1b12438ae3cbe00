"""Takes live values that drifted into the config: into the file that declares the resource, in as few bytes as can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.edit import RefusedEditError, set_value, unset_value
from reconciler.config.explain import find_resource
from reconciler.config.suggest import did_you_mean
from reconciler.config.tree import SourceFile
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import FieldPath
from reconciler.errors import BlockedError, UsageError
from reconciler.operations.app import Installation
from reconciler.operations.drift import observe_drift
from reconciler.operations.edit import Edited, edit_file, orders_along
from reconciler.plan.diff import diff_specs
from reconciler.plan.drift import Drifted, DriftedField
from reconciler.store.engine import Database

_NAMES = ("name", "id", "email", "term")


@dataclass(frozen=True, slots=True)
class Adopted:
    """The file that takes the live values over, which those are, and remarks about where values came from so far."""

    edited: Edited
    fields: tuple[DriftedField, ...]
    remarks: tuple[str, ...]


def adopt(
    installation: Installation, database: Database, compilation: Compilation, ref: str, field: str = ""
) -> Adopted | None:
    """Return what is to be written so that git says what the database holds; None where nothing drifted.

    Raises BlockedError where a value cannot be written in the resource's own file.
    """
    resource = find_resource(compilation, ref)
    if resource is None:
        names = [item.ref for item in compilation.resources]
        raise UsageError(f"git declares no {ref}", hint=did_you_mean(ref, names) or f"igny8 import {ref}")
    with database.read() as connection:
        found = observe_drift(connection, compilation, [resource.ref]).resources
    if not found:
        return None
    (drifted,) = found
    if drifted.state != "changed":
        hint = "`igny8 apply` creates it again" if drifted.state == "missing" else "`igny8 apply` takes it up"
        raise UsageError(f"{ref} has no live values that differ: it is {drifted.state} in the database", hint=hint)
    chosen = tuple(item for item in drifted.fields if _is_within(item.field, field))
    if not chosen:
        known = [item.field for item in drifted.fields]
        hint = did_you_mean(field, known) or f"drifted: {', '.join(known)}"
        raise UsageError(f"{field} of {ref} did not drift", hint=hint)
    remarks = tuple(text for item in chosen for text in _remarks(resource, item))
    return Adopted(_written(installation, resource, drifted, chosen), chosen, remarks)


def _is_within(text: str, field: str) -> bool:
    return not field or text == field or text.startswith((f"{field}.", f"{field}["))


def _remarks(resource: Resource, item: DriftedField) -> Iterable[str]:
    """Yield where a value came from so far if not from the resource's own file; raise where it must be changed there."""
    provenance = resource.provenance
    for length in range(len(item.path), 0, -1):
        definitions = provenance.get(item.path[:length])
        if not definitions:
            continue
        winner = definitions[0]
        if winner.file.startswith("environments/"):
            raise BlockedError(
                f"{item.field} comes from {winner.file}:{winner.mark.line}: what {resource.file} says does not count here",
                hint=f"write {item.live!r} there by hand, or adopt without --env",
            )
        if winner.file and winner.file != resource.file:
            yield f"{item.field} came from {winner.file}:{winner.mark.line}; now {resource.file} overrides it"
        return


def _written(
    installation: Installation, resource: Resource, drifted: Drifted, chosen: tuple[DriftedField, ...]
) -> Edited:
    live, is_prompt = drifted.live or {}, resource.file.endswith(".md")
    body = next((str(item.live or "") for item in chosen if item.path == ("template",)), None) if is_prompt else None

    def edit(text: str, value: Any, source: SourceFile) -> str:
        for item in chosen:
            if not (is_prompt and item.path == ("template",)):
                text = _with(text, item, source)
        return text

    edited = edit_file(installation, resource.ref, edit, f"adopt {', '.join(item.field for item in chosen)}", body=body)
    after = find_resource(edited.compilation, resource.ref)
    if after is not None:
        wanted = {item.path for item in chosen}
        wrong = [item.field for item in diff_specs(after.data, live, live) if item.path in wanted]
        if wrong:
            raise BlockedError(
                f"{', '.join(wrong)} cannot be written in {resource.file} so that it is as in the database",
                hint="edit the file by hand",
            )
    return edited


def _with(text: str, item: DriftedField, source: SourceFile) -> str:
    document, _ = read_yaml(text, source.path)
    value = document.value if document is not None else {}
    path = _authored_path(value, item.path)
    if item.live is None:
        return unset_value(text, path)
    return set_value(text, path, _plain_keyword(item.live, item.path), orders_along(source, path))


def _authored_path(value: Any, path: FieldPath) -> FieldPath:
    """Return a path whose steps into lists of named things are numbers; what is not there comes after the last."""
    found: list[str | int] = []
    for step in path:
        if isinstance(value, list) and isinstance(step, str):
            number = next((index for index, item in enumerate(value) if _name_of(item) == step), len(value))
            found.append(number)
            value = value[number] if number < len(value) else None
            if isinstance(value, str) and len(found) < len(path):
                raise RefusedEditError(f"{step} is written as a phrase only")
        else:
            found.append(step)
            value = value.get(step) if isinstance(value, Mapping) else None
    return tuple(found)


def _name_of(item: Any) -> str | None:
    if isinstance(item, str):
        return " ".join(item.split())
    if isinstance(item, Mapping):
        return next((str(item[key]) for key in _NAMES if isinstance(item.get(key), str)), None)
    return None


def _plain_keyword(value: Any, path: FieldPath) -> Any:
    """Return a keyword of which only the phrase is known as just that."""
    is_keyword = "keywords" in path and isinstance(value, Mapping) and set(value) == {"term"}
    return value["term"] if is_keyword else value
