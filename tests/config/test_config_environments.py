"""An environment changes what its patches select, as if the files said so, and tells each mistake at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from config_root import FILES, TODAY, compile_root, edited, resource, write_root
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from reconciler.config.compiler import compile_tree
from reconciler.config.documents import load_document
from reconciler.config.environments import index_patches, lay_over, patch_layers
from reconciler.config.every_environment import compile_everywhere
from reconciler.config.explain import effective_values
from reconciler.config.field_paths import find_path, is_field
from reconciler.config.globs import selects
from reconciler.config.json_schema import schema_of
from reconciler.config.tree import SourceFile, Tree, read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.kinds import KINDS, RESOURCE_KINDS, find_kind
from reconciler.kinds.environment import Environment
from reconciler.operations.app import EXTENSIONS

STEADY = settings(derandomize=True, deadline=None, database=None)
STAGING = "environments/staging.yaml"
HEADER = "apiVersion: igny8/v1\nkind: Environment\npatches:\n"
SITE_TWO = "apiVersion: igny8/v1\nkind: Site\naccount: acme\nurl: https://two.example\nlabels: {team: blue}\n"
TWO = {"sites/two.yaml": SITE_TWO + "publishing: {auto_publish: false}\n"}


def staging(*patches: str) -> dict[str, str]:
    """Return an environment of patches in flow style, one a line."""
    return {STAGING: HEADER + "".join(f"  - {{{patch}}}\n" for patch in patches)}


def compile_in(folder, files, environment="staging"):
    return compile_tree(read_tree(write_root(folder, files)), EXTENSIONS, TODAY, environment)


def chain(compilation, ref, field):
    """Return value, scope and place of every definition of a field, the winner first."""
    (value,) = effective_values(resource(compilation, ref), field)
    return [
        (item.value, item.scope, f"{item.file}:{item.mark.line}" if item.file else "") for item in value.definitions
    ]


def value(compilation, ref, field):
    return chain(compilation, ref, field)[0][0]


# What holds


def test_without_an_environment_no_patch_holds_and_no_environment_is_applied(tmp_path):
    plain = compile_root(tmp_path / "a")
    other = compile_root(tmp_path / "b", staging("kind: Site, set: {ai: {max_tokens: 9}}"))
    assert other.findings == ()
    assert other.digest == plain.digest
    assert {item.kind for item in other.resources} <= {kind.slug for kind in RESOURCE_KINDS}


def test_a_patch_wins_over_the_file_and_what_it_beat_is_kept(tmp_path):
    compilation = compile_in(tmp_path, staging("kind: Site, set: {ai: {max_tokens: 900}}"))
    assert compilation.environment == "staging"
    assert chain(compilation, "site/blog", "ai.max_tokens") == [
        (900, "environment staging", f"{STAGING}:4"), (4000, "site", "sites/blog.yaml:28"), (8192, "default", ""),
    ]  # fmt: skip


def test_the_later_of_two_patches_wins_and_the_earlier_one_is_kept(tmp_path):
    patches = staging("kind: Site, set: {ai: {max_tokens: 900}}", "kind: Site, name: bl*, set: {ai: {max_tokens: 901}}")
    found = chain(compile_in(tmp_path, patches), "site/blog", "ai.max_tokens")
    assert [item[0] for item in found] == [901, 900, 4000, 8192]
    assert [item[2] for item in found[:2]] == [f"{STAGING}:5", f"{STAGING}:4"]


def test_a_patched_account_hands_down_to_its_sites_but_their_own_values_still_win(tmp_path):
    files = staging("kind: Account, set: {ai: {image_style: vivid, max_tokens: 77}}")
    compilation = compile_in(tmp_path, files)
    assert chain(compilation, "site/blog", "ai.image_style")[:2] == [
        ("vivid", "environment staging", f"{STAGING}:4"), ("natural", "account", "accounts/acme.yaml:6"),
    ]  # fmt: skip
    assert value(compilation, "site/blog", "ai.max_tokens") == 4000


def test_a_patched_preset_and_platform_reach_the_sites(tmp_path):
    files = staging(
        "kind: Platform, set: {presets: {brisk: {stages: {ideas: {per_run_limit: 3}}}}, defaults: {ai: {temperature: 0.1}}}",
        "kind: Site, set: {automation: {preset: brisk}}",
    )
    compilation = compile_in(tmp_path, files)
    assert value(compilation, "site/blog", "stages.ideas.per_run_limit") == 3
    assert value(compilation, "site/blog", "ai.temperature") == 0.1


def test_a_site_moved_to_another_account_inherits_from_that_one(tmp_path):
    account = FILES["accounts/acme.yaml"].replace("name: acme", "name: other").replace("natural", "vivid")
    files = staging("kind: Site, set: {account: other}") | {"accounts/other.yaml": account}
    assert value(compile_in(tmp_path, files), "site/blog", "ai.image_style") == "vivid"


def test_a_list_is_replaced_as_a_whole_and_a_mapping_merged(tmp_path):
    compilation = compile_in(tmp_path, staging("kind: Site, set: {publishing: {days: [sun]}}"))
    assert value(compilation, "site/blog", "publishing.days") == ["sun"]
    assert value(compilation, "site/blog", "publishing.time_slots") == ["09:00", "14:00", "18:00"]


def test_a_removed_value_falls_back_to_the_next_scope_and_is_told_as_a_loser(tmp_path):
    compilation = compile_in(tmp_path, staging("kind: Site, remove: [stages.content.per_run_limit, ai]"))
    assert chain(compilation, "site/blog", "stages.content.per_run_limit") == [
        (5, "default", ""), (1, "site, removed by environment staging", "sites/blog.yaml:23"),
    ]  # fmt: skip
    assert value(compilation, "site/blog", "ai.max_tokens") == 8192


def test_a_later_patch_removes_also_what_an_earlier_one_has_set(tmp_path):
    files = staging("kind: Site, set: {ai: {max_tokens: 900}}", "kind: Site, remove: [ai.max_tokens]")
    assert value(compile_in(tmp_path, files), "site/blog", "ai.max_tokens") == 8192


def test_a_block_is_taken_away_and_written_anew_in_one_patch(tmp_path):
    webhook = "type: webhook, endpoint: https://x.example/in, secret: {env: HOOK}"
    found = compile_in(tmp_path, staging(f"kind: Site, remove: [publisher], set: {{publisher: {{{webhook}}}}}"))
    assert resource(found, "site/blog").data["publisher"] == {
        "type": "webhook", "endpoint": "https://x.example/in", "secret": {"env": "HOOK"},
    }  # fmt: skip


def test_names_with_dots_are_set_and_removed(tmp_path):
    files = edited("models.yaml", "  drafter:\n", "  draft-4.1:\n    notes: cheap\n") | staging(
        "kind: ModelCatalog, remove: [models.draft-4.1.notes], set: {models: {draft-4.1: {sort_order: 7}}}"
    )
    model = resource(compile_in(tmp_path, files), "models").data["models"]["draft-4.1"]
    assert (model["notes"], model["sort_order"], model["testing"]) == ("", 7, True)


@pytest.mark.parametrize(
    ("selection", "patched"),
    [
        ("", {"blog", "two"}), ("name: blog", {"blog"}), ("name: [two, b*]", {"blog", "two"}), ("name: t?o", {"two"}),
        ("labels: {team: blue}", {"two"}), ('labels: {team: "b*"}, name: "*"', {"two"}),
        ("labels: {team: blue}, name: blog", set()), ("labels: {team: red}", set()),
    ],
)  # fmt: skip
def test_patches_select_by_kind_name_and_labels(selection, patched, tmp_path):
    patch = f"kind: Site, {selection}{', ' if selection else ''}set: {{language: de}}"
    compilation = compile_in(tmp_path, staging(patch) | TWO)
    sites = {item.name: item.data["language"] for item in compilation.resources if item.kind == "site"}
    assert {name for name, language in sites.items() if language == "de"} == patched
    assert len(sites) == 2


def test_what_is_left_out_does_not_exist_there(tmp_path):
    compilation = compile_in(tmp_path, staging("kind: Site, name: two, leave_out: true") | TWO)
    assert compilation.is_valid
    assert [item.name for item in compilation.resources if item.kind == "site"] == ["blog"]


def test_a_reference_to_what_is_left_out_is_an_error_where_it_is_written(tmp_path):
    (finding,) = compile_in(tmp_path, staging("kind: Author, leave_out: true")).findings
    assert (finding.code, finding.file, finding.mark.line) == ("IG301", "sites/blog.yaml", 16)


def test_a_document_that_no_patch_selects_is_returned_as_it_is(tmp_path):
    files = staging("kind: Site, name: two, set: {language: de}") | TWO
    sources = [file for file in read_tree(write_root(tmp_path, files)).files if file.path.endswith("yaml")]
    documents = [load_document(file.path, file.read(), file.kind)[0] for file in sources]
    (index,) = [index_of(document) for document in documents if document.kind.slug == "environment"]
    changed = [document for document in documents if lay_over(index, document).document is not document]
    assert [document.name for document in changed] == ["two"]


# What is wrong


MISTAKES = [
    ("kind: Site, set: {publishing: {§auto_publsh: false}}", "IG201", "did you mean `auto_publish`"),
    ("kind: Site, set: {publishing: {days: [§monday]}}", "IG205", "did you mean `mon`"),
    ("kind: Site, set: {publishing: §5}", "IG202", "is not a mapping"),
    ("kind: Site, set: {automation: {time: §9:00}}", "IG203", 'write "09:00"'),
    ("kind: Site, set: {stages: {§contnt: {model: testing}}}", "IG412", "did you mean `content`"),
    ("kind: Site, set: {author: §bob}", "IG301", "bob"),
    ("kind: Site, set: {credit_percentage: 5, §credit_percentage: 6}", "IG105", "written twice"),
    ("kind: Site, set: {§quality_tier: high}", "IG208", "testing: true"),
    ("kind: Site, remove: [§url]", "IG206", "url is missing"),
    ("kind: Site, set: {§name: news}", "IG116", "not set by patches"),
    ("kind: Prompt, name: article, set: {§template: hi}", "IG116", "not set by patches"),
    ("kind: Site, set: {§publishing.auto_publish: false}", "IG116", "publishing: {auto_publish: ...}"),
    ("kind: Site, set: {ai: {§max_tokens: null}}", "IG116", "write `remove: [ai.max_tokens]`"),
    ("kind: Site, remove: [§name]", "IG116", "not removed by patches"),
    ("kind: Site, remove: [§publishing.dys]", "IG116", "did you mean `publishing.days`"),
    ('kind: Site, remove: [§"publishing.days[0]"]', "IG116", "replaced as a whole"),
    ("kind: Site, remove: [§delays]", "IG117", "stands in no file that is selected"),
    ("kind: Site, name: §blogg, set: {language: de}", "IG115", "did you mean `blog`"),
    ("kind: Site, labels: §{team: red}, set: {language: de}", "IG115", "none of them has the label `team`"),
    ("kind: §Sites, set: {language: de}", "IG205", "did you mean `Site`"),
    ("kind: §Environment, set: {description: x}", "IG205", "is not one of Platform"),
    ("§kind: Site", "IG210", "a patch needs"),
    ("§kind: Platform, leave_out: true", "IG210", "cannot be left out"),
    ("§kind: Site, leave_out: true, remove: [ai]", "IG210", "cannot be changed as well"),
    ("kind: Site, name: §[], set: {language: de}", "IG202", "is not text"),
    ("kind: Site, name: [§Blog], set: {language: de}", "IG210", "not accepted"),
    ("kind: Site, §wehre: x, set: {language: de}", "IG201", "unknown key"),
    ("kind: Site, set: {publisher: {type: webhook, endpoint: §x}}", "IG210", "https"),
    ("kind: Site, set: {publisher: {secret: §sk-proj-aaaaaaaaaaaaaaaaaaaa}}", "IG209", "revoke this one"),
]


@pytest.mark.parametrize(("patch", "code", "says"), MISTAKES, ids=[f"{code}-{patch}" for patch, code, _ in MISTAKES])
def test_a_mistake_in_an_environment_is_told_at_its_place_there(patch, code, says, tmp_path):
    line = f"  - §{{{patch[1:]}}}\n" if patch.startswith("§") else f"  - {{{patch}}}\n"
    files = {STAGING: HEADER + line.replace("§", "")}
    found = compile_everywhere(read_tree(write_root(tmp_path, files)), EXTENSIONS, TODAY).findings
    about = [item for item in found if item.code == code and says in f"{item.message} {item.hint}"]
    assert [(item.file, item.mark.line, item.mark.column) for item in about] == [(STAGING, 4, line.index("§") + 1)], (
        found
    )


def test_every_patch_that_can_be_wrong_only_in_its_environment_says_which(tmp_path):
    files = staging("kind: Site, set: {publishing: {days: [monday]}}")
    (finding,) = compile_everywhere(read_tree(write_root(tmp_path, files)), EXTENSIONS, TODAY).findings
    assert finding.message.startswith("in environment staging, site/blog: publishing.days[0]:")
    assert finding.environment == finding.to_json()["environment"] == "staging"


def test_a_rule_that_only_an_environment_breaks_is_told_once_with_its_name(tmp_path):
    files = staging("kind: Site, remove: [publisher]")
    found = compile_everywhere(read_tree(write_root(tmp_path, files)), EXTENSIONS, TODAY).findings
    assert [(item.code, item.environment) for item in found] == [("IG408", "staging")]
    assert compile_root(tmp_path).is_valid


def test_what_is_wrong_without_an_environment_is_not_told_again_for_each(tmp_path):
    files = edited("accounts/acme.yaml", "tier: growth", "tier: grown") | staging("kind: Site, set: {language: de}")
    files |= {"environments/preview.yaml": files[STAGING]}
    found = compile_everywhere(read_tree(write_root(tmp_path, files)), EXTENSIONS, TODAY).findings
    assert [(item.code, item.environment) for item in found] == [("IG301", "")]


@pytest.mark.parametrize(
    "text", ["x: [\n", "", "- 1\n", "kind: Environment\n", HEADER + "  - 5\n", HEADER + "  - {}\n"]
)
def test_a_broken_environment_is_found_also_when_it_is_not_chosen(text, tmp_path):
    root = write_root(tmp_path, {STAGING: text})
    found = compile_everywhere(read_tree(root), EXTENSIONS, TODAY).findings
    assert {item.file for item in found} == {STAGING}
    assert compile_tree(read_tree(root), EXTENSIONS, TODAY).findings == found
    assert not compile_tree(read_tree(root), EXTENSIONS, TODAY, "staging").is_valid


def test_an_environment_that_there_is_not_is_an_error_that_lists_them(tmp_path):
    (finding,) = compile_in(tmp_path, staging("kind: Site, set: {language: de}"), "live").findings
    assert (finding.code, finding.hint) == ("IG118", "there are staging")


# Laws

LEAVES = {
    ("language",): st.sampled_from(["de", "en-GB", 5]),
    ("ai", "max_tokens"): st.integers(-1, 9000),
    ("ai", "image_style"): st.sampled_from(["vivid", "natural", "loud"]),
    ("publishing", "days"): st.lists(st.sampled_from(["mon", "sun", "tuesday"]), max_size=2),
    ("publishing", "auto_publish"): st.booleans(),
    ("stages", "content", "per_run_limit"): st.integers(0, 9),
    ("stages", "images", "model"): st.sampled_from(["testing", "live"]),
    ("publisher", "path"): st.sampled_from(["published/x", "../x"]),
    ("account",): st.sampled_from(["acme", "nobody"]),
    ("delays",): st.just({"within_stage": 1}),
}
SITE_VALUE = read_yaml(FILES["sites/blog.yaml"], "sites/blog.yaml")[0].value


def compile_files(files, environment=""):
    """Compile texts without a disk."""
    places = {kind.place.split("/")[0]: kind for kind in KINDS}
    sources = (
        SourceFile(path, places.get(path.split("/")[0]), Path("root"), held=text)
        for path, text in sorted(files.items())
    )
    return compile_tree(Tree(Path("root"), tuple(sources), ()), EXTENSIONS, TODAY, environment)


def placed(value, path, leaf):
    """Return a mapping with a leaf at a path."""
    first, *rest = path
    below = value.get(first)
    return value | {first: placed(below if isinstance(below, dict) else {}, rest, leaf) if rest else leaf}


@settings(STEADY, max_examples=40)
@given(st.fixed_dictionaries({}, optional=LEAVES))
def test_a_patch_gives_what_the_file_would_give_if_it_said_so(leaves):
    patch, merged = {}, SITE_VALUE
    for path, leaf in leaves.items():
        patch, merged = placed(patch, path, leaf), placed(merged, path, leaf)
    environment = {
        "apiVersion": "igny8/v1",
        "kind": "Environment",
        "patches": [{"kind": "Site", "set": patch}] * bool(patch),
    }
    by_patch = compile_files(FILES | {STAGING: json.dumps(environment)}, "staging")
    by_file = compile_files(FILES | {"sites/blog.yaml": json.dumps(merged)})
    assert by_patch.digest == by_file.digest
    told = [[(item.code, item.field, item.message) for item in found.findings] for found in (by_patch, by_file)]
    assert sorted(told[0]) == sorted(told[1])


def without(value, path):
    first, *rest = path
    kept = {key: item for key, item in value.items() if key != first or rest}
    return kept | ({first: without(value[first], rest)} if rest else {})


FIELDS = [
    path for path in read_yaml(FILES["sites/blog.yaml"], "x")[0].keys if all(isinstance(step, str) for step in path)
]


@pytest.mark.parametrize("path", [path for path in FIELDS if path[0] not in ("apiVersion", "kind", "name")])
def test_removing_a_field_gives_what_the_file_would_give_without_it(path):
    by_patch = compile_files(FILES | staging(f"kind: Site, remove: [{'.'.join(path)}]"), "staging")
    by_file = compile_files(FILES | {"sites/blog.yaml": json.dumps(without(SITE_VALUE, path))})
    assert by_patch.digest == by_file.digest
    assert sorted(item.code for item in by_patch.findings) == sorted(item.code for item in by_file.findings)


NAMES = st.text("ab-", min_size=1, max_size=5)
GLOBS = st.text("ab-*?", min_size=1, max_size=6)
LABELS = st.dictionaries(st.sampled_from(["x", "y"]), NAMES, max_size=2)
PATCHES = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["Site", "Account"]), "set": st.fixed_dictionaries({"description": NAMES})},
        optional={"name": st.one_of(GLOBS, st.lists(GLOBS, min_size=1, max_size=3)), "labels": LABELS},
    ),
    max_size=6,
)


def index_of(document):
    spec = Environment.model_validate_json(json.dumps(document.value))
    return index_patches(document, spec)


def naively_selects(pattern, text):
    """Tell it by trying every way in which a star can be read."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naively_selects(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naively_selects(pattern[1:], text[1:])


@settings(STEADY, max_examples=300)
@given(GLOBS, st.text("ab-", max_size=6))
def test_a_pattern_selects_what_reading_it_in_every_way_selects(pattern, text):
    assert selects(pattern, text) == naively_selects(pattern, text)


def test_no_pattern_takes_long():
    assert not selects("*a" * 5_000 + "b", "a" * 60)
    assert selects("*a" * 20, "a" * 60)


@settings(STEADY, max_examples=150)
@given(PATCHES, NAMES, LABELS)
def test_the_index_finds_the_patches_that_looking_at_each_finds(patches, name, labels):
    text = json.dumps({"apiVersion": "igny8/v1", "kind": "Environment", "patches": patches})
    document, _ = load_document(STAGING, text, find_kind("environment"))
    index = index_of(document)
    for kind in ("site", "account"):
        expected = [
            number
            for number, patch in enumerate(patches)
            if patch["kind"].lower() == kind
            and ("name" not in patch or any(naively_selects(one, name) for one in listed(patch["name"])))
            and all(key in labels and naively_selects(one, labels[key]) for key, one in patch.get("labels", {}).items())
        ]
        assert [item.number for item in index.patches_of(kind, name, labels)] == expected
        assert index.touches(kind, name, labels) == bool(expected)
        layers = patch_layers(index, kind, name, labels)
        assert [layer.origin for layer in layers] == [("patches", number, "set") for number in reversed(expected)]


def listed(name):
    return [name] if isinstance(name, str) else name


# Paths and schemas


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)), ("a.b", ("a.b",)), ("a.b.c", ("a.b", "c")), ("a.b.d", ("a", "b.d")), ("a.x", None), ("", None),
        ("a.b.c.d", None), ("l.0", None),
    ],
)  # fmt: skip
def test_a_path_is_read_along_the_keys_that_are_there(text, path):
    assert find_path({"a": {"b": 1, "b.d": 2}, "a.b": {"c": 3}, "l": [1]}, text) == path


@pytest.mark.parametrize(
    ("kind", "text", "known"),
    [
        ("site", "stages.images.model", True), ("site", "stages.review.model", False), ("site", "publisher.path", True),
        ("site", "publisher.pth", False), ("site", "labels.any.thing", True), ("site", "publishing", True),
        ("site", "publishing.days.mon", False), ("models", "models.x-1.5.active", True), ("models", "models.x-1.5", True),
        ("models", "models.x", True), ("models", "modls.x", False), ("platform", "presets.brisk.stages.content.per_run_limit", True),
    ],
)  # fmt: skip
def test_a_schema_knows_the_fields_of_its_kind(kind, text, known):
    assert is_field(schema_of(find_kind(kind), EXTENSIONS), text) == known


def test_patches_name_every_kind_of_resource():
    schema = schema_of(find_kind("environment"), EXTENSIONS)
    assert schema["definitions"]["Patch"]["properties"]["kind"]["enum"] == [kind.name for kind in RESOURCE_KINDS]


@pytest.mark.parametrize(
    ("patch", "fits"),
    [
        ({"kind": "Site", "set": {"publisher": {"path": "x"}}}, True),
        ({"kind": "Site", "set": {"stages": {"content": {"model": "testing"}}}}, True),
        ({"kind": "Site", "set": {"stages": {"review": {"model": "testing"}}}}, False),
        ({"kind": "Site", "set": {"publishing": {"dys": []}}}, False),
        ({"kind": "Site", "set": {"name": "x"}}, False),
        ({"kind": "Site", "set": {"sectors": [{"keywords": ["x"]}]}}, False),
        ({"kind": "Account", "set": {"publishing": {}}}, False),
        ({"kind": "ModelCatalog", "set": {"models": {"x-1.5": {"active": False}}}}, True),
        ({"kind": "ModelCatalog", "set": {"models": {"x-1.5": {"actve": False}}}}, False),
        ({"kind": "Sites", "set": {}}, False),
    ],
)  # fmt: skip
def test_an_editor_checks_what_a_patch_sets_by_the_kind_that_it_names(patch, fits):
    validator = Draft7Validator(schema_of(find_kind("environment"), EXTENSIONS))
    assert validator.is_valid({"apiVersion": "igny8/v1", "kind": "Environment", "patches": [patch]}) == fits
