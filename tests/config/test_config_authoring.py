"""From a resolved spec back to a file: compiled again it is the same, and it holds no default."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.authoring import document_text, without_defaults
from reconciler.config.canonical import canonical_form
from reconciler.config.documents import Authored, load_document
from reconciler.config.resolve import resolve_document, resolve_site
from reconciler.config.schema import validate
from reconciler.kinds import RESOURCE_KINDS, Kind
from reconciler.operations.app import EXTENSIONS
from reconciler.operations.format import format_one

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))
from plan_states import AUTHORED, declare

NAMED = [kind for kind in RESOURCE_KINDS if not kind.is_singleton]


def resolved(kind: Kind, document: Authored) -> dict[str, Any]:
    resolution = (
        resolve_site(document, None, None, {}, EXTENSIONS) if kind.slug == "site" else resolve_document(document)
    )
    spec, findings = validate(document, resolution, EXTENSIONS)
    assert spec is not None, findings
    return spec.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.slug)
@given(data=st.data())
def test_a_written_resource_compiles_to_just_what_it_was(kind, data):
    authored = data.draw(AUTHORED[kind.slug])
    path = kind.place.replace("**/", "").replace("*", "ann")
    spec = declare(kind.slug, "ann", **authored).data
    if kind.slug == "site":  # in the database its settings are complete
        spec = resolved(kind, Authored(kind, "ann", path, {**authored, "name": "ann"}, ""))
    inherited = None
    if kind.slug == "site":
        plain = {key: value for key, value in authored.items() if key not in ("ai", "stages")}
        inherited = resolved(kind, Authored(kind, "ann", path, {**plain, "name": "ann"}, ""))
    text = format_one(path, document_text(kind, spec, inherited), kind, EXTENSIONS, has_schemas=True).after
    document, findings = load_document(path, text, kind)
    assert document is not None and not findings, (text, findings)
    assert resolved(kind, document) == spec, text
    assert format_one(path, text, kind, EXTENSIONS, has_schemas=True).after == text


@pytest.mark.parametrize(
    "kind", [kind for kind in RESOURCE_KINDS if kind.slug != "platform"], ids=lambda kind: kind.slug
)
@given(data=st.data())
def test_a_spec_without_its_defaults_is_filled_to_the_same(kind, data):
    spec = declare(kind.slug, "ann", **data.draw(AUTHORED[kind.slug])).data
    written = without_defaults(kind.spec, spec)
    assert canonical_form(kind.spec, written) == spec
    assert without_defaults(kind.spec, written) == written
