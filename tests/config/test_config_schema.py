"""The JSON Schemas for editors: fresh, valid, agreeing with what is written here, and with the compiler."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from config_root import FILES, compile_root, compile_texts
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import BaseModel
from test_config_bad_files import SHAPE, title_of

from reconciler.config.json_schema import schema_of, schema_text
from reconciler.config.yaml_reader import read_yaml
from reconciler.kinds import KINDS, RESOURCE_KINDS
from reconciler.kinds.field_docs import FIELD_DOCS
from reconciler.operations.app import EXTENSIONS

REPOSITORY = Path(__file__).parents[2]
ROOTS = [REPOSITORY, REPOSITORY / "examples/minimal", REPOSITORY / "examples/agency"]
VALIDATORS = {kind.slug: Draft7Validator(schema_of(kind, EXTENSIONS)) for kind in KINDS}
# What a schema cannot say, or what draft-07 validators leave to "format".
BEYOND_SCHEMAS = {
    "a plain http address", "a timezone that there is not", "a reference of two kinds", "a sops file without a key",
    "a publishing folder above the root", "a minimum above the maximum", "a date that there is not",
    "a webhook without an address", "a webhook with two addresses", "a webhook with people to write to",
    "a signature for Slack", "an e-mail channel without addresses", "an e-mail from nobody",
    "an e-mail channel with an address of the web", "an e-mail channel with two ways out", "a password for a provider",
    "a whole float for a whole number",
}  # fmt: skip


def files_of(root):
    return [path for kind in KINDS for path in sorted(root.glob(kind.place))]


def kind_of(path: str):
    folder = path.split("/")[0]
    return next(kind for kind in KINDS if kind.place.split("/")[0] == folder)


def value_in(path: str, text: str) -> Any:
    """Return the document of a file, front matter only where it is a prompt."""
    if path.endswith(".md"):
        text = text.split("---\n")[1]
    document, findings = read_yaml(text, path)
    assert findings == ()
    return document.value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_the_committed_schema_is_current(kind):
    committed = (REPOSITORY / "schemas" / f"{kind.slug}.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(kind, EXTENSIONS), "run `igny8 schema export`"


def test_there_is_one_schema_a_kind_and_no_other():
    names = {path.name for path in (REPOSITORY / "schemas").iterdir()}
    assert names == {f"{kind.slug}.schema.json" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_a_schema_is_valid_draft_07_and_closed(kind):
    schema = json.loads(schema_text(kind, EXTENSIONS))
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["additionalProperties"] is False
    assert not Draft7Validator(schema).is_valid({"apiVersion": "igny8/v1", "kind": kind.name, "no_such_key": 1})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_the_other_draft_is_valid_and_says_the_same(kind):
    schema = schema_of(kind, EXTENSIONS, "2020-12")
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "definitions" not in json.dumps(schema)
    older = json.dumps(schema_of(kind, EXTENSIONS)).replace("definitions", "$defs")
    assert json.loads(older) | {"$schema": 0} == schema | {"$schema": 0}


def specs_in_use():
    """Return every spec that a document is made of, by name."""
    found: dict[str, type[BaseModel]] = {}
    open_ = [kind.spec for kind in KINDS] + [publisher.settings for publisher in EXTENSIONS.publishers]

    def models_in(annotation):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for inner in get_args(annotation):
            yield from models_in(inner)

    while open_:
        spec = open_.pop()
        if found.setdefault(spec.__name__, spec) is spec and spec.__name__ not in {item.__name__ for item in open_}:
            for field in spec.model_fields.values():
                open_ += [inner for inner in models_in(field.annotation) if inner.__name__ not in found]
    return found


def test_every_field_says_what_it_means_and_nothing_else_does():
    written = {name: set(docs) for name, docs in FIELD_DOCS.items()}
    assert written == {
        name: {field.alias or key for key, field in spec.model_fields.items()} for name, spec in specs_in_use().items()
    }
    for name, docs in FIELD_DOCS.items():
        for field, doc in docs.items():
            assert re.fullmatch(r"[A-Z`a-z0-9].*\.", doc.text), f"{name}.{field}"


def properties_of(schema, at=""):
    if isinstance(schema, dict):
        for name, item in schema.get("properties", {}).items():
            yield f"{at}.{name}", item
        for key, item in schema.items():
            yield from properties_of(item, f"{at}/{key}")
    elif isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from properties_of(item, f"{at}/{number}")


@pytest.mark.parametrize("kind", RESOURCE_KINDS, ids=lambda kind: kind.slug)
def test_every_property_is_described_every_number_has_a_unit_and_every_example_is_right(kind):
    schema = schema_of(kind, EXTENSIONS)
    for at, item in properties_of(schema):
        assert item.get("description"), at
        if item.get("type") == "integer":
            assert item.get("x-unit"), at
        for example in item.get("examples", ()):
            validator = Draft7Validator({**item, "definitions": schema["definitions"]})
            assert [error.message for error in validator.iter_errors(example)] == [], at


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.name)
def test_every_file_of_the_repository_fits_its_schema(root):
    paths = files_of(root)
    assert len(paths) >= len(RESOURCE_KINDS)
    for path in paths:
        relative = path.relative_to(root).as_posix()
        value = value_in(relative, path.read_text(encoding="utf-8"))
        assert [error.message for error in VALIDATORS[kind_of(relative).slug].iter_errors(value)] == [], path


@pytest.mark.parametrize("path", [path for path in FILES if not path.endswith(".csv")])
def test_the_files_of_the_tests_root_fit_their_schemas(path):
    assert VALIDATORS[kind_of(path).slug].is_valid(value_in(path, FILES[path]))


@pytest.mark.parametrize("mistake", [item for item in SHAPE if item.title not in BEYOND_SCHEMAS], ids=title_of)
def test_what_the_compiler_refuses_by_its_shape_the_schema_refuses_too(mistake, tmp_path):
    (path, text), *_ = mistake.unmarked().items()
    assert not compile_root(tmp_path, mistake.unmarked()).is_valid
    assert not VALIDATORS[kind_of(path).slug].is_valid(value_in(path, text))


def test_what_lies_beyond_schemas_is_in_the_corpus_and_does():
    beyond = [item for item in SHAPE if item.title in BEYOND_SCHEMAS]
    assert len(beyond) == len(BEYOND_SCHEMAS)
    for mistake in beyond:
        (path, text), *_ = mistake.unmarked().items()
        assert VALIDATORS[kind_of(path).slug].is_valid(value_in(path, text)), mistake.title


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".yaml")])
def test_an_editor_marks_nothing_that_the_compiler_accepts(path):
    """Each field is given odd values: where the schema refuses one, the compiler does so as well."""
    document, _ = read_yaml(FILES[path], path)
    lines, refused = FILES[path].splitlines(), 0
    for field, mark in document.values.items():
        for odd in ("-1", "1.5", "true", '""', "[]", "{}", "[{}]", '"²"') if field else ():
            kept = lines[mark.line - 1][: mark.column - 1]
            text = "\n".join([*lines[: mark.line - 1], kept + odd, *lines[mark.line :]]) + "\n"
            changed, findings = read_yaml(text, path)
            if findings or VALIDATORS[kind_of(path).slug].is_valid(changed.value):
                continue
            refused += 1
            assert not compile_texts(FILES | {path: text}).is_valid, (field, odd)
    assert refused >= 10


def test_the_schema_of_a_site_offers_the_publishers_and_stages_that_there_are():
    site = schema_of(next(kind for kind in KINDS if kind.slug == "site"), EXTENSIONS)["properties"]
    offered = [variant["properties"]["type"]["const"] for variant in site["publisher"]["oneOf"]]
    assert offered == [entry.name for entry in EXTENSIONS.publishers]
    assert list(site["stages"]["properties"]) == [stage.key for stage in EXTENSIONS.stages]
    assert "model" not in site["stages"]["properties"]["review"]["properties"]
