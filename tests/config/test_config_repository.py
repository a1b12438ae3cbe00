"""The repository's own config and the examples are what they promise: valid, complete, and linked to their schemas."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from config_root import TODAY

from reconciler.config.compiler import compile_tree
from reconciler.config.every_environment import compile_everywhere
from reconciler.config.tree import environment_names, read_tree
from reconciler.kinds import KINDS, RESOURCE_KINDS
from reconciler.kinds import models as catalogue
from reconciler.operations.app import EXTENSIONS

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = [REPOSITORY / "examples/agency", REPOSITORY / "examples/minimal"]  # the third is of an older version
ROOTS = [REPOSITORY, *EXAMPLES]
by_name = pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.name)


@pytest.fixture(scope="module")
def own():
    return compile_tree(read_tree(REPOSITORY), EXTENSIONS, TODAY)


def specs(compilation, kind):
    return {item.name: item.spec for item in compilation.resources if item.kind == kind}


@by_name
def test_a_root_has_neither_errors_nor_warnings(root):
    compilation = compile_tree(read_tree(root), EXTENSIONS, TODAY)
    assert compilation.findings == ()
    assert compilation.resources


@pytest.mark.parametrize("root", [REPOSITORY, REPOSITORY / "examples/agency"], ids=lambda root: root.name)
def test_staging_is_there_and_has_neither_errors_nor_warnings(root):
    assert "staging" in environment_names(root)
    assert compile_everywhere(read_tree(root), EXTENSIONS, TODAY).findings == ()


@by_name
def test_every_kind_is_used(root):
    compilation = compile_tree(read_tree(root), EXTENSIONS, TODAY)
    assert {item.kind for item in compilation.resources} == {kind.slug for kind in RESOURCE_KINDS}


@by_name
def test_there_is_a_prompt_for_every_function(root):
    prompts = specs(compile_tree(read_tree(root), EXTENSIONS, TODAY), "prompt").values()
    assert sorted(prompt.function for prompt in prompts) == sorted(item.name for item in EXTENSIONS.functions)


@by_name
def test_modelines_lead_from_each_file_to_its_schema(root):
    seen = 0
    for kind in KINDS:
        for path in root.glob(kind.place):
            match = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
            if path.suffix == ".md":
                assert match is None
                continue
            assert match, f"{path} has no modeline"
            assert (path.parent / match[1]).resolve() == REPOSITORY / "schemas" / f"{kind.slug}.schema.json"
            seen += 1
    assert seen >= len(RESOURCE_KINDS) - 1


def test_three_accounts_stand_on_three_tiers(own):
    accounts = specs(own, "account")
    assert len(accounts) == 3
    assert len({account.tier for account in accounts.values()}) == 3


def test_six_sites_belong_to_all_accounts_and_have_their_keywords(own):
    sites = specs(own, "site")
    assert len(sites) == 6
    assert {site.account for site in sites.values()} == set(specs(own, "account"))
    for name, site in sites.items():
        assert 150 <= sum(len(sector.keywords) for sector in site.sectors) <= 400, name


def test_sites_use_all_of_their_keyword_files(own):
    named = {sector.keywords_file for site in specs(own, "site").values() for sector in site.sectors}
    there = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "keywords").rglob("*.csv")}
    assert named - {None} == there


def test_languages_and_timezones_differ(own):
    sites = specs(own, "site").values()
    assert len({site.timezone for site in sites}) >= 4
    assert len({site.language for site in sites}) >= 3


def test_the_shipped_catalogue_has_the_models_of_the_domain(own):
    catalog = specs(own, "models")["models"]
    shipped = [
        (catalogue.live_model(catalog, kind), catalogue.testing_model(catalog, kind)) for kind in ("text", "image")
    ]
    assert shipped == [("gpt-5.1", "gpt-4o-mini"), ("gpt-image-2", "runware:97@1")]


def test_every_price_carries_a_date_in_its_notes(own):
    for name, model in specs(own, "models")["models"].models.items():
        if model.cost_per_1k_input or model.cost_per_image:
            assert re.search(r"20\d\d-\d\d-\d\d", model.notes), name


def test_models_that_providers_switch_off_are_retired_with_a_successor(own):
    models = specs(own, "models")["models"].models
    gone = {name: model for name, model in models.items() if model.shutdown_on}
    assert {"dall-e-2", "dall-e-3", "gpt-image-1"} <= set(gone)
    for name, model in gone.items():
        assert not model.active, name
        assert models[model.replaced_by].active, name


def test_no_model_name_and_no_price_is_written_in_code(own):
    names = [re.escape(name) for name in specs(own, "models")["models"].models]
    prices = {
        price
        for model in specs(own, "models")["models"].models.values()
        for price in (model.cost_per_1k_input, model.cost_per_1k_output)
        if price and len(price) > 5
    } - {"0.00125"}  # stands in hints as the example of how an amount is written
    pattern = re.compile("|".join([*names, *(rf'"{re.escape(price)}"' for price in prices)]))
    hits = Counter(
        f"{path.relative_to(REPOSITORY)}: {match[0]}"
        for folder in ("reconciler", "cli")
        for path in (REPOSITORY / folder).rglob("*.py")
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    )
    assert not hits
