"""Validation of resolved values against their specs, with every finding at the place where the value was written."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.config.documents import Authored
from reconciler.config.resolve import Patched, Resolution
from reconciler.config.secrets import secret_finding
from reconciler.config.suggest import did_you_mean, legacy_replacement
from reconciler.config.yaml_reader import FINDINGS_MAX
from reconciler.diagnostics import Diagnostic, FieldPath, Mark, format_path
from reconciler.ids import canonical_bytes
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import NAME_PATTERN, SecretRef, Spec, timezones

_TYPE_NAMES = {
    "string_type": "text", "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping",
    "model_type": "a mapping", "model_attributes_type": "a mapping",
}  # fmt: skip
_RANGE_TYPES = {
    "greater_than_equal", "less_than_equal", "greater_than", "less_than", "too_short", "too_long",
    "string_too_short", "string_too_long", "finite_number",
}  # fmt: skip
_CODES = {"time_format": "IG203", "usd_format": "IG207", "literal_error": "IG205", "missing": "IG206"}


class Locator:
    """Finds where a field of a resolved resource was written: its winning definition, else the nearest parent."""

    def __init__(self, document: Authored, resolution: Resolution) -> None:
        self._document = document
        self._resolution = resolution

    def place(self, path: FieldPath, *, key: bool = False) -> tuple[str, Mark]:
        """Return file and mark of a field's value, or of its key."""
        if isinstance(self._document, Patched):
            return self._place_in_layers(self._document, path, key=key)
        marks = self._document.marks
        if key and path in marks.keys:
            return self._document.file, marks.keys[path]
        for length in range(len(path), -1, -1):
            part = path[:length]
            definitions = self._resolution.provenance.get(part)
            if definitions and definitions[0].file:
                return definitions[0].file, definitions[0].mark
            if part in marks.values and part:
                return self._document.file, marks.values[part]
        return self._document.file, Mark()

    def _place_in_layers(self, document: Patched, path: FieldPath, *, key: bool) -> tuple[str, Mark]:
        """Return the place of a field of a patched document: in the environment, or in its own file."""
        for length in range(len(path), -1, -1):
            part = path[:length]
            definitions = self._resolution.provenance.get(part)
            if definitions and definitions[0].file and not (key and part == path):
                return definitions[0].file, definitions[0].mark
            for layer in document.layers:
                marks = layer.document.marks if layer.document and part and _has(layer.value, part) else None
                place = (*layer.origin, *part)
                mark = marks and ((key and part == path and marks.keys.get(place)) or marks.values.get(place))
                if layer.document and mark:
                    return layer.document.file, mark
            for removal in document.removals:
                if removal.path == part:
                    return removal.file, removal.mark
        return document.file, Mark()


def _has(value: Any, path: FieldPath) -> bool:
    for step in path:
        if not _holds(value, step):
            return False
        value = value[step]
    return True


def validate(
    document: Authored, resolution: Resolution, extensions: Extensions
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Return the spec of a resolved resource, or what keeps it from being one."""
    locator = Locator(document, resolution)
    value = _normalized(resolution.value)
    findings = list(_validate_extension(document, value, extensions, locator))
    spec, found = _validate_spec(document.kind.spec, value, (), locator)
    findings = [*found, *findings]
    return (None if findings else spec), tuple(findings)


def _normalized(value: dict[str, Any]) -> dict[str, Any]:
    """Return the value without keys that are written but left empty: `author:` says nothing."""
    return {key: item for key, item in value.items() if item is not None}


def _validate_spec(
    model: type[Spec], value: Mapping[str, Any], at: FieldPath, locator: Locator
) -> tuple[Spec | None, list[Diagnostic]]:
    try:
        return model.model_validate_json(canonical_bytes(value)), []
    except ValidationError as error:
        findings: dict[FieldPath, Diagnostic] = {}
        for detail in error.errors(include_url=False):
            if len(findings) >= FINDINGS_MAX:
                file, mark = locator.place(())
                message = f"only the first {FINDINGS_MAX} of {error.error_count()} mistakes are shown"
                findings[("",)] = Diagnostic("IG132", message, file, mark)
                break
            path = _real_path(value, detail)
            findings.setdefault((*at, *path), _finding(model, value, detail, path, at, locator))
        return None, list(findings.values())


def _validate_extension(
    document: Authored, value: Mapping[str, Any], extensions: Extensions, locator: Locator
) -> Iterable[Diagnostic]:
    if document.kind.slug == "site":
        for path, publisher in _publishers(value):
            yield from _validate_publisher(publisher, path, extensions, locator)
        yield from _validate_stages(value.get("stages"), ("stages",), extensions, locator)
    if document.kind.slug == "providers":
        yield from _validate_adapters(value.get("providers"), extensions, locator)
    presets = value.get("presets") if document.kind.slug == "platform" else None
    for name, preset in presets.items() if isinstance(presets, dict) else ():
        stages = preset.get("stages") if isinstance(preset, dict) else None
        yield from _validate_stages(stages, ("presets", name, "stages"), extensions, locator)


def _validate_adapters(providers: Any, extensions: Extensions, locator: Locator) -> Iterable[Diagnostic]:
    for name, provider in providers.items() if isinstance(providers, dict) else ():
        written = provider.get("adapter") if isinstance(provider, dict) else None
        if isinstance(written, str) and written not in extensions.adapter_names:
            path = ("providers", name, "adapter")
            file, mark = locator.place(path)
            field, known = format_path(path), extensions.adapter_names
            message = f"{field}: {_shown(written)} is not one of {', '.join(known)}"
            yield Diagnostic("IG205", message, file, mark, field, did_you_mean(written, known))


def _publishers(site: Mapping[str, Any]) -> Iterable[tuple[FieldPath, dict[str, Any]]]:
    """Yield the publisher blocks of a site, which may be anything yet."""
    if isinstance(site.get("publisher"), dict):
        yield ("publisher",), site["publisher"]
    further = site.get("syndication")
    for index, item in enumerate(further) if isinstance(further, list) else ():
        if isinstance(item, dict) and isinstance(item.get("publisher"), dict):
            yield ("syndication", index, "publisher"), item["publisher"]


def _validate_publisher(
    publisher: dict[str, Any], path: FieldPath, extensions: Extensions, locator: Locator
) -> Iterable[Diagnostic]:
    types_known = [entry.name for entry in extensions.publishers]
    settings = next((entry.settings for entry in extensions.publishers if entry.name == publisher.get("type")), None)
    if settings is None:
        file, mark = locator.place((*path, "type"))
        written, field = publisher.get("type"), format_path((*path, "type"))
        message = f"{field} is missing" if written is None else f"publisher type {written!r} is not known"
        hint = did_you_mean(str(written), types_known) or f"one of {', '.join(types_known)}"
        yield Diagnostic("IG205" if written else "IG206", message, file, mark, field, hint)
        return
    rest = {key: item for key, item in publisher.items() if key != "type"}
    yield from _validate_spec(settings, rest, path, locator)[1]


def _validate_stages(stages: Any, at: FieldPath, extensions: Extensions, locator: Locator) -> Iterable[Diagnostic]:
    known = {stage.key: stage for stage in extensions.stages}
    for key, settings in stages.items() if isinstance(stages, dict) else ():
        path = (*at, key)
        stage = known.get(key)
        if stage is None:
            file, mark = locator.place(path, key=True)
            replacement = legacy_replacement(key)
            if replacement:
                yield Diagnostic(
                    "IG208", f"{format_path(path)}: a word of the legacy platform", file, mark, format_path(path),
                    replacement,
                )  # fmt: skip
                continue
            hint = did_you_mean(key, known) or f"the stages are {', '.join(known)}"
            yield Diagnostic("IG412", f"there is no stage {key!r}", file, mark, format_path(path), hint)
            continue
        for name in settings if isinstance(settings, dict) else ():
            if name in ("model", "budget_pct") and stage.function is None:
                file, mark = locator.place((*path, name), key=True)
                message = f"{format_path((*path, name))}: the stage {key} calls no AI"
                yield Diagnostic("IG412", message, file, mark, format_path((*path, name)), f"remove `{name}`")
            if name == "batch_size" and stage.batch_size is None:
                file, mark = locator.place((*path, name), key=True)
                message = f"{format_path((*path, name))}: the stage {key} has no batches"
                yield Diagnostic("IG412", message, file, mark, format_path((*path, name)), f"remove `{name}`")


def _real_path(value: Any, detail: ErrorDetails) -> FieldPath:
    """Return the error's place as a path of the value; pydantic's location also names union members."""
    path: list[str | int] = []
    for index, step in enumerate(detail["loc"]):
        if _holds(value, step):
            value = value[step]
        elif detail["type"] != "missing" or index < len(detail["loc"]) - 1:
            continue
        path.append(step)
    return tuple(path)


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and step < len(value)
    return isinstance(value, dict) and step in value


def _finding(
    model: type[Spec], value: Mapping[str, Any], detail: ErrorDetails, path: FieldPath, at: FieldPath, locator: Locator
) -> Diagnostic:
    kind = detail["type"]
    full = (*at, *path)
    if kind not in ("extra_forbidden", "missing", "secret_ref") and _is_in_secret(model, path):
        return secret_finding(*locator.place(full), full)  # what stands there may be one, whatever it looks like
    field = format_path(full)
    about_key = kind == "extra_forbidden" or "[key]" in detail["loc"]
    file, mark = locator.place(full, key=about_key)
    message, hint, code = f"{field}: {detail['msg']}", "", _CODES.get(kind, "IG210")
    written = detail.get("input")
    if kind == "extra_forbidden":
        key = str(path[-1])
        replacement = legacy_replacement(key)
        code = "IG208" if replacement else "IG201"
        message = f"{field}: {'a word of the legacy platform' if replacement else 'unknown key'}"
        allowed = _keys_at(model, path[:-1])
        hint = (
            replacement
            or did_you_mean(key, allowed)
            or (f"known here: {', '.join(sorted(allowed))}" if allowed else "")
        )
    elif kind == "missing":
        message, hint = f"{field} is missing", f"add `{path[-1]}:`"
    elif kind == "time_format":
        message, hint = f"{field}: {_shown(written)} is not HH:MM", _time_hint(written)
    elif kind == "literal_error":
        allowed = _literals(detail)
        message = f"{field}: {_shown(written)} is not one of {', '.join(allowed)}"
        hint = did_you_mean(str(written), allowed)
    elif kind in _TYPE_NAMES or kind.endswith("_type"):
        code, message = "IG202", f"{field}: {_shown(written)} is not {_TYPE_NAMES.get(kind, 'of the right type')}"
        hint = _type_hint(kind, written)
    elif kind in _RANGE_TYPES:
        code, message = "IG204", f"{field}: {_shown(written)} {_range(detail)}"
    elif kind == "string_pattern_mismatch":
        is_name = "[key]" in detail["loc"] or detail.get("ctx", {}).get("pattern") == NAME_PATTERN
        code, message = ("IG108" if is_name else "IG210"), f"{field}: {_shown(written)} is not accepted"
        hint = "lower-case letters, digits and hyphens" if is_name else f"the pattern is {detail['ctx']['pattern']}"
    elif kind == "usd_format":
        message, hint = f"{field}: {_shown(written)}: {detail['msg']}", 'write it like "0.00125"'
    elif kind in ("secret_ref", "duration", "url", "timezone", "date_format"):
        message = f"{field}: {'' if kind == 'secret_ref' else _shown(written) + ' is '}{detail['msg']}"
        if kind == "timezone":
            hint = _timezone_hint(str(written))
    return Diagnostic(code, message, file, mark, field, hint)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _range(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    return {
        "greater_than_equal": f"is below {context.get('ge')}",
        "less_than_equal": f"is above {context.get('le')}",
        "too_short": "is too short",
        "string_too_short": "is empty",
    }.get(detail["type"], f"is out of range: {detail['msg']}")


def _time_hint(written: Any) -> str:
    match = re.fullmatch(r"([0-9]{1,2})(?::([0-9]{1,2}))?", str(written))
    if match and int(match[1]) < 24 and int(match[2] or 0) < 60:
        return f'write "{int(match[1]):02}:{int(match[2] or 0):02}"'
    return 'write it like "09:00", on the 24-hour clock'


def _type_hint(kind: str, written: Any) -> str:
    if kind == "string_type" and isinstance(written, int | float):
        return f'quote it: "{_shown(written)}"'
    if kind in ("int_type", "float_type") and isinstance(written, str) and written.replace(".", "", 1).isdigit():
        return f"remove the quotes: {written}"
    if kind == "bool_type" and str(written).lower() in ("yes", "on", "no", "off"):
        return f"write {'true' if str(written).lower() in ('yes', 'on') else 'false'}"
    if kind == "tuple_type" and isinstance(written, str):
        return f"write [{written}]"
    return ""


def _timezone_hint(written: str) -> str:
    return did_you_mean(written, sorted(timezones()))


def _literals(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",") if word.strip()]


def _keys_at(model: Any, path: FieldPath) -> list[str]:
    """Return the keys that the spec allows at a path of it."""
    found = [model]
    for step in path:
        found = [inner for annotation in found for inner in _descend(annotation, step)]
    return [name for candidate in found if _is_model(candidate) for name in candidate.model_fields]


def _descend(annotation: Any, step: str | int) -> list[Any]:
    if _is_model(annotation):
        field = annotation.model_fields.get(str(step))
        return _members(field.annotation) if field else []
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return _members(arguments[1])
    if get_origin(annotation) is tuple:
        return _members(arguments[0])
    return []


def _members(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    return [] if origin is Literal else [annotation]


def _is_in_secret(model: Any, path: FieldPath) -> bool:
    """Tell whether a path leads into a field that takes a reference to a secret."""
    found = [model]
    for step in path:
        found = [inner for annotation in found for inner in _descend(annotation, step)]
        if SecretRef in found:
            return True
    return False


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
