"""Edits the files of a config root until they declare given specs again, with as few words changed as will do.

Values are set or taken out where they were written; what is missing gets a file, what should not be there loses it.
Accounts and catalogues come before sites, so that what a site inherits is back before the site itself is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from pydantic_core import to_jsonable_python

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.documents import API_VERSION, front_matter
from reconciler.config.edit import RefusedEditError, set_value, unset_value
from reconciler.config.plain_text import block_text
from reconciler.config.tree import SourceFile, Tree, name_of
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import FieldPath
from reconciler.ids import text_digest
from reconciler.kinds import Kind, find_kind, kind_order
from reconciler.operations.edit import orders_along
from reconciler.plan.diff import diff_specs, item_name

Ref = tuple[str, str]
_ABSENT: Any = object()
# Two rounds for what is written in a place that another round brings back, and one for what is inherited.
_ROUNDS = 4
# A site's resolved form holds these in full; in its file only what differs from what it inherits is wanted.
_INHERITED = {"site": ("ai", "stages")}


@dataclass(slots=True)
class Restored:
    """The files of a root before and after, by path, None for one that is not there; and what could not be said."""

    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)
    unexpressed: tuple[str, ...] = ()


def restore(tree: Tree, wanted: Mapping[Ref, str], compiled: Callable[[Tree], Compilation]) -> Restored:
    """Return the edits after which the tree declares the wanted specs, which are canonical JSON."""
    work = _Work(tree, {file.path: file for file in tree.files}, wanted)
    work.digests = {ref: text_digest(text) for ref, text in wanted.items()}
    work.delete_and_create()
    for number in range(_ROUNDS):
        compilation = compiled(work.tree())
        differing = work.differing(compilation)
        if not differing:
            break
        first = min(_rank(ref[0]) for ref in differing)
        for ref, resource in differing.items():
            if resource is not None and (_rank(ref[0]) == first or number >= _ROUNDS // 2):
                work.edit(ref, resource)
    else:
        compilation = compiled(work.tree())
    return Restored(work.before, work.after, tuple(work.left_over(compilation)))


def _rank(kind: str) -> int:
    return int(kind == "site") + int(kind in ("site", "account"))


@dataclass(slots=True)
class _Work:
    """The files of a root as they are being edited, and what they are to declare."""

    root: Tree
    files: dict[str, SourceFile]
    wanted: Mapping[Ref, str]
    digests: Mapping[Ref, str] = field(default_factory=dict)
    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)
    refusals: dict[tuple[Ref, str], str] = field(default_factory=dict)

    def tree(self) -> Tree:
        """Return the root with the edits so far."""
        return replace(self.root, files=tuple(self.files[path] for path in sorted(self.files)))

    def delete_and_create(self) -> None:
        """Take away the files of what is not wanted, and write those of what is not there."""
        present = [file for file in self.root.files if file.kind is not None and file.kind.is_resource]
        files = {_ref_of(file): file for file in present}
        for ref, file in files.items():
            if ref not in self.wanted:
                self._write(file.path, file, None)
        for ref in sorted(self.wanted, key=lambda item: (kind_order(item[0]), item[1])):
            if ref not in files:
                kind = find_kind(ref[0])
                assert kind is not None
                path = kind.place.replace("**/*", ref[1]).replace("*", ref[1])
                self._write(path, SourceFile(path, kind, self.root.root), _fresh_text(kind, self._spec(ref)))

    def differing(self, compilation: Compilation) -> dict[Ref, Resource | None]:
        """Return what is not as wanted; None where the file is in no state to say anything."""
        there = {(item.kind, item.name): item for item in compilation.resources}
        return {
            ref: there.get(ref)
            for ref, digest in self.digests.items()
            if ref not in there or there[ref].digest != digest
        }

    def left_over(self, compilation: Compilation) -> list[str]:
        """Return what the files still do not say, each with its reason."""
        told: list[str] = []
        for ref, resource in self.differing(compilation).items():
            name = ref[0] if ref[0] == ref[1] else "/".join(ref)
            if resource is None:
                told.append(f"{name}: its file is not valid: mend it, or write it anew by hand")
                continue
            for change in diff_specs(self._spec(ref), resource.data, resource.data):
                why = self.refusals.get((ref, change.field), "it follows from another file")
                told.append(f"{name} {change.field}: {why}")
        return told

    def edit(self, ref: Ref, resource: Resource) -> None:
        """Bring every field of a resource that differs to what is wanted, where its own file can say it."""
        file = self.files.get(resource.file)
        text = file.read() if file is not None else None
        if file is None or not isinstance(text, str):
            return
        spec, provenance = self._spec(ref), resource.provenance
        for change in diff_specs(spec, resource.data, resource.data):
            definitions = next(
                (
                    provenance[change.path[:size]]
                    for size in range(len(change.path), 0, -1)
                    if change.path[:size] in provenance
                ),
                (),
            )
            is_own = bool(definitions) and definitions[0].file == file.path
            falls_back = is_own and len(definitions) > 1 and definitions[1].value == change.after
            try:
                text = _edited(text, file, change.path, spec, falls_back=falls_back)
            except RefusedEditError as refused:
                self.refusals[ref, change.field] = str(refused)
        self._write(file.path, file, text)

    def _spec(self, ref: Ref) -> dict[str, Any]:
        spec: dict[str, Any] = orjson.loads(self.wanted[ref])
        return spec

    def _write(self, path: str, file: SourceFile, text: str | None) -> None:
        if path not in self.before:
            known = file.read() if path in self.files else None
            self.before[path] = known if isinstance(known, str) else None
        self.after[path] = text
        if text is None:
            self.files.pop(path, None)
        else:
            self.files[path] = replace(file, held=text)


def _ref_of(file: SourceFile) -> Ref:
    assert file.kind is not None
    return file.kind.slug, name_of(file.kind, file.path)


def _fresh_text(kind: Kind, spec: Mapping[str, Any]) -> str:
    """Return a new file that says a spec, without what the defaults say already."""
    value: dict[str, Any] = {"apiVersion": API_VERSION, "kind": kind.name}
    for name, info in kind.spec.model_fields.items():
        default = (
            _ABSENT
            if info.is_required()
            else to_jsonable_python(info.get_default(call_default_factory=True), exclude_none=True)
        )
        if name in spec and spec[name] != default and name not in (*_INHERITED.get(kind.slug, ()), "template"):
            value[name] = _as_authored(spec[name])
    text = block_text(value)
    return f"---\n{text}---\n{spec.get('template', '')}" if kind.place.endswith(".md") else text


def _as_authored(value: Any) -> Any:
    """Return a resolved value as people write it: a keyword that is only a term is just that."""
    if isinstance(value, dict):
        return value["term"] if set(value) == {"term"} else {key: _as_authored(item) for key, item in value.items()}
    return [_as_authored(item) for item in value] if isinstance(value, list) else value


def _edited(text: str, file: SourceFile, path: FieldPath, spec: Mapping[str, Any], *, falls_back: bool) -> str:
    """Return a file's text with one field as the spec has it; a field that the spec has not is taken out."""
    parts = front_matter(text) if file.path.endswith(".md") else ("", text, "")
    if parts is None:
        raise RefusedEditError("the file has no front matter")
    head, yaml, tail = parts
    if path == ("template",) and file.path.endswith(".md"):
        return head + yaml + tail.partition("\n")[0] + "\n" + str(spec.get("template", ""))
    document, _ = read_yaml(yaml, file.path)
    authored, value = _place(document.value if document else None, path, spec)
    if value is _ABSENT or falls_back:
        return head + unset_value(yaml, authored) + tail
    return head + set_value(yaml, authored, _as_authored(value), orders_along(file, authored)) + tail


def _place(written: Any, path: FieldPath, spec: Any) -> tuple[FieldPath, Any]:
    """Return where a field of the resolved form stands in what was written, and what is wanted there.

    Things with names are found by them. Where the file says less than the path, a whole list or thing is set.
    """
    place: list[str | int] = []
    node, wanted = written, spec
    for number, step in enumerate(path):
        if isinstance(node, list):
            wanted = next((item for item in wanted or () if item_name(item) == step), _ABSENT)
            index = next((at for at, item in enumerate(node) if step in (item, item_name(item))), len(node))
            place.append(index)
            node = node[index] if index < len(node) else None
            if not isinstance(node, dict):
                break
            continue
        if node is None and isinstance(wanted, list) and number:
            break
        place.append(step)
        wanted = wanted.get(step, _ABSENT) if isinstance(wanted, dict) else _ABSENT
        node = node.get(step) if isinstance(node, dict) else None
    return tuple(place), wanted
