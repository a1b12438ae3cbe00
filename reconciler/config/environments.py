"""Environments: patches laid over documents before anything is inherited. Pure; a document that no patch selects is
returned as it is.

A patch is written in the form of the resource's own file, so a patched value has the meaning it would have there: a
patch of an account reaches its sites as the account's own value does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from reconciler.config.documents import Authored
from reconciler.config.explain import field_docs
from reconciler.config.field_paths import find_path, is_field
from reconciler.config.globs import is_glob, selects
from reconciler.config.json_schema import schema_of
from reconciler.config.resolve import Layer, Patched, Removal, fold
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic, FieldPath, Mark, Severity, format_path
from reconciler.ids import canonical_bytes
from reconciler.kinds import Kind, find_kind
from reconciler.kinds.environment import Environment, Patch
from reconciler.kinds.extensions import Extensions

Ref = tuple[str, str]
Hit = tuple[int, ...]
_NOT_PATCHED = ("apiVersion", "kind", "name", "moved", "template")


@dataclass(frozen=True, slots=True)
class NumberedPatch:
    """A patch, its place in the list that it stands in, and the layer that it lays over what it selects."""

    number: int
    patch: Patch
    layer: Layer

    @property
    def names(self) -> tuple[str, ...]:
        """Return the patterns of names; none selects every name."""
        name = self.patch.name
        return () if name is None else (name,) if isinstance(name, str) else name

    def selects(self, name: str, labels: Mapping[str, Any]) -> bool:
        """Tell whether the patch selects a resource of its kind by name and labels."""
        if self.names and not any(selects(pattern, name) for pattern in self.names):
            return False
        return all(
            isinstance(labels.get(label), str) and selects(pattern, labels[label])
            for label, pattern in self.patch.labels.items()
        )


@dataclass(frozen=True, slots=True)
class PatchIndex:
    """The patches of an environment by kind: those for single names apart, so that most names cost one look-up."""

    name: str
    document: Authored
    by_name: Mapping[str, Mapping[str, tuple[NumberedPatch, ...]]]
    by_pattern: Mapping[str, tuple[NumberedPatch, ...]]

    @property
    def scope(self) -> str:
        """Return the scope that provenance shows."""
        return f"environment {self.name}"

    def patches_of(self, kind: str, name: str, labels: Mapping[str, Any]) -> tuple[NumberedPatch, ...]:
        """Return the patches that select a resource, in the order in which they are written."""
        single = self.by_name.get(kind, {}).get(name, ())
        found = [item for item in (*single, *self.by_pattern.get(kind, ())) if item.selects(name, labels)]
        return tuple(sorted(found, key=lambda item: item.number)) if len(found) > 1 else tuple(found)

    def touches(self, kind: str, name: str, labels: Mapping[str, Any]) -> bool:
        """Tell whether any patch selects a resource."""
        return bool(self.patches_of(kind, name, labels))


@dataclass(frozen=True, slots=True)
class Laid:
    """What became of a document below the patches: None when it is left out.

    `hits` are the patches that selected it, as `(number,)`, and the words of their `remove` that found something, as
    `(number, index)`.
    """

    document: Authored | None
    hits: frozenset[Hit] = frozenset()


def index_patches(document: Authored, environment: Environment) -> PatchIndex:
    """Return the patches of an environment, ready to be asked for."""
    by_name: dict[str, dict[str, tuple[NumberedPatch, ...]]] = {}
    by_pattern: dict[str, tuple[NumberedPatch, ...]] = {}
    for number, patch in enumerate(environment.patches):
        layer = Layer(f"environment {document.name}", _settable(patch.set), document, ("patches", number, "set"))
        item = NumberedPatch(number, patch, layer)
        slug = _kind_of(patch).slug
        if item.names and not any(is_glob(pattern) for pattern in item.names):
            names = by_name.setdefault(slug, {})
            for name in dict.fromkeys(item.names):
                names[name] = (*names.get(name, ()), item)
        else:
            by_pattern[slug] = (*by_pattern.get(slug, ()), item)
    return PatchIndex(document.name, document, by_name, by_pattern)


def patch_layers(index: PatchIndex, kind: str, name: str, labels: Mapping[str, Any]) -> tuple[Layer, ...]:
    """Return what the environment sets in a resource, the winner first; what it removes is told by `lay_over`."""
    return tuple(item.layer for item in reversed(index.patches_of(kind, name, labels)) if item.patch.set)


def index_named(
    environment: str, documents: Mapping[Ref, Authored]
) -> tuple[PatchIndex | None, tuple[Diagnostic, ...]]:
    """Return the patches of an environment; None, and why if nothing else tells it, when its file is missing or broken."""
    document = documents.get(("environment", environment))
    if document is None:
        known = sorted(name for slug, name in documents if slug == "environment")
        hint = did_you_mean(environment, known) or (f"there are {', '.join(known)}" if known else "there are none")
        words = f"there is no environment {environment!r}"
        return None, (Diagnostic("IG118", words, "environments", hint=hint),)
    try:
        spec = Environment.model_validate_json(canonical_bytes(document.value))
    except ValidationError:  # told with the findings of every file
        return None, ()
    return index_patches(document, spec), ()


def lay_over(index: PatchIndex, document: Authored) -> Laid:
    """Return a document below the patches that select it; one that none selects is returned as it is."""
    patches = index.patches_of(document.kind.slug, document.name, labels_of(document))
    if not patches or not document.kind.is_resource:
        return Laid(document)
    hits: set[Hit] = {(item.number,) for item in patches}
    is_left_out = any(item.patch.leave_out for item in patches)
    patched = None if is_left_out else _patch(document, patches, hits)
    return Laid(patched, frozenset(hits))


def labels_of(document: Authored) -> Mapping[str, Any]:
    """Return the labels that a document has in its file; patches of labels select nothing."""
    labels = document.value.get("labels")
    return labels if isinstance(labels, dict) else {}


def _kind_of(patch: Patch) -> Kind:
    kind = find_kind(patch.kind)
    assert kind is not None
    return kind


def _settable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a patch sets without what it cannot set; the findings about that say all there is to say."""
    return {
        key: item for key, item in _filled(value).items() if key not in _NOT_PATCHED and "." not in key
    }  # fmt: skip


def _filled(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _filled(item) if isinstance(item, Mapping) else item for key, item in value.items() if item is not None
    }


def _patch(document: Authored, patches: Sequence[NumberedPatch], hits: set[Hit]) -> Patched:
    """Return the document below the patches; a later one removes also what an earlier one has set."""
    layers = [Layer(document.kind.slug, document.value, document)]
    removals: list[Removal] = []
    for item in patches:
        for number, text in enumerate(item.patch.remove):
            path = next(filter(None, (find_path(layer.value, text) for layer in layers)), None)
            if path is None or path[0] in _NOT_PATCHED:
                continue
            hits.add((item.number, number))
            removals.append(Removal(path, tuple(layers), item.layer, ("patches", item.number, "remove", number)))
            layers = [replace(layer, value=_strip(layer.value, path)) for layer in layers]
        if item.patch.set:
            layers.insert(0, item.layer)
    value = fold(layers).value
    return Patched(
        document.kind, document.name, document.file, value, document.text, document.body_line, document.document,
        tuple(layers), tuple(removals),
    )  # fmt: skip


def _strip(value: Mapping[str, Any], path: FieldPath) -> dict[str, Any]:
    """Return a mapping without what stands at a path."""
    first, *rest = path
    kept = dict(value)
    if not rest:
        kept.pop(str(first), None)
    elif isinstance(kept.get(str(first)), Mapping):
        kept[str(first)] = _strip(kept[str(first)], tuple(rest))
    return kept


def check_patches(
    index: PatchIndex, hits: Collection[Hit], names: Mapping[str, Sequence[str]],
    documents: Mapping[Ref, Authored], extensions: Extensions,
) -> Iterator[Diagnostic]:  # fmt: skip
    """Yield what is wrong with the patches beyond the values that they set: those are checked with their resources.

    `names` are all names by kind; `documents` is asked only where nobody has the labels that a patch wants.
    """
    numbered = {item.number: item for items in index.by_pattern.values() for item in items}
    numbered |= {item.number: item for names in index.by_name.values() for items in names.values() for item in items}
    for number, item in sorted(numbered.items()):
        if (number,) not in hits:
            yield _unmatched(index, item, names.get(_kind_of(item.patch).slug, ()), documents)
        yield from _check_set(index, item)
        yield from _check_remove(index, item, hits, extensions)


def _unmatched(
    index: PatchIndex, item: NumberedPatch, names: Sequence[str], documents: Mapping[Ref, Authored]
) -> Diagnostic:  # fmt: skip
    patch, slug = item.patch, _kind_of(item.patch).slug
    named = [name for name in names if not item.names or any(selects(pattern, name) for pattern in item.names)]
    key, hint = "kind", f"there is no {patch.kind} in this config root"
    if names and not named:
        key = "name"
        near = (did_you_mean(pattern, names) for pattern in item.names)
        hint = next(filter(None, near), "") or "no file has such a name"
    elif named:
        key = "labels"
        found = (documents.get((slug, name)) for name in named)
        hint = _label_hint(patch, [labels_of(document) for document in found if document is not None])
    words = f"no {patch.kind} is selected"
    return _finding(index, "IG115", words, ("patches", item.number, key), hint=hint, severity="warning")


def _label_hint(patch: Patch, labels: Sequence[Mapping[str, Any]]) -> str:
    for label, pattern in patch.labels.items():
        values = {str(found[label]) for found in labels if label in found}
        if not values:
            known = sorted({key for found in labels for key in found})
            return did_you_mean(label, known) or f"none of them has the label `{label}`"
        if not any(selects(pattern, value) for value in values):
            return did_you_mean(pattern, sorted(values)) or f"`{label}` is {', '.join(sorted(values)[:5])}"
    return "no single one has all of these labels"


def _check_set(index: PatchIndex, item: NumberedPatch) -> Iterator[Diagnostic]:
    at: FieldPath = ("patches", item.number, "set")
    for key in item.patch.set:
        if key in _NOT_PATCHED:
            words, hint = f"`{key}` is not set by patches", "take the line out"
            yield _finding(index, "IG116", words, (*at, key), hint=hint, key=True)
        elif "." in key:
            first, rest = key.split(".", 1)
            words = f"`{key}` is no key of a {item.patch.kind}"
            hint = f"nest it as in the resource's own file: {first}: {{{rest}: ...}}"
            yield _finding(index, "IG116", words, (*at, key), hint=hint, key=True)
    for path in _empty_at(item.patch.set, ()):
        field = format_path(path)
        words, hint = f"`{field}` is set to nothing", f"write `remove: [{field}]`, or a value"
        yield _finding(index, "IG116", words, (*at, *path), hint=hint, key=True)


def _empty_at(value: Mapping[str, Any], at: FieldPath) -> Iterator[FieldPath]:
    for key, item in value.items():
        if item is None:
            yield (*at, key)
        elif isinstance(item, Mapping):
            yield from _empty_at(item, (*at, key))


def _check_remove(
    index: PatchIndex, item: NumberedPatch, hits: Collection[Hit], extensions: Extensions
) -> Iterator[Diagnostic]:
    kind = _kind_of(item.patch)
    for number, text in enumerate(item.patch.remove):
        place: FieldPath = ("patches", item.number, "remove", number)
        if text in _NOT_PATCHED:
            yield _finding(index, "IG116", f"`{text}` is not removed by patches", place, hint="take the line out")
        elif not is_field(schema_of(kind, extensions), text):
            words = f"a {kind.name} has no field `{text}`"
            fields = [doc.field for doc in field_docs(kind.slug, "", extensions) or ()]
            hint = did_you_mean(text, fields) or f"igny8 explain {kind.name}"
            if "[" in text:
                hint = "a list is replaced as a whole; write the new one under `set`"
            yield _finding(index, "IG116", words, place, hint=hint)
        elif (item.number,) in hits and (item.number, number) not in hits:
            words = f"`{text}` stands in no file that is selected"
            hint = "an inherited value is removed where it is written"
            yield _finding(index, "IG117", words, place, hint=hint, severity="warning")


def _finding(
    index: PatchIndex, code: str, message: str, path: FieldPath, *, hint: str, severity: Severity = "error",
    key: bool = False,
) -> Diagnostic:  # fmt: skip
    """Return a finding at a place of the environment's own file."""
    marks = index.document.marks
    mark = marks.keys.get(path) if key else marks.values.get(path)
    while mark is None and path:
        path = path[:-1]
        mark = marks.values.get(path)
    ref = f"environment/{index.name}"
    return Diagnostic(code, message, index.document.file, mark or Mark(), format_path(path), hint, severity, ref)
