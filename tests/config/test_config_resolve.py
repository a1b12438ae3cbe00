"""Inheritance: the nearest scope wins, every definition is kept with its place, and removing a key falls back."""

from __future__ import annotations

import pytest
from config_root import FILES, compile_root, edited, resource

SITE, ACCOUNT, PLATFORM = "sites/blog.yaml", "accounts/acme.yaml", "platform.yaml"


def with_ai(site="", account="", platform=""):
    """Return the three files with these lines as their AI settings; "" leaves `ai` out."""
    site_ai = f"ai: {{{site}}}\n" if site else ""
    account_ai = f"ai: {{{account}}}\n" if account else ""
    platform_ai = f"defaults: {{ai: {{{platform}}}}}\n" if platform else ""
    return {
        SITE: FILES[SITE].replace("ai:\n  max_tokens: 4000\n", site_ai),
        ACCOUNT: FILES[ACCOUNT].replace("ai:\n  image_style: natural\n", account_ai),
        PLATFORM: FILES[PLATFORM].replace("defaults:\n  ai:\n    temperature: 0.5\n", platform_ai),
    }


def blog(tmp_path, files):
    return resource(compile_root(tmp_path, files), "site/blog")


def places(definitions):
    return [(item.scope, item.value, f"{item.file}:{item.mark.line}" if item.file else "") for item in definitions]


@pytest.mark.parametrize(
    ("scopes", "winner"),
    [
        ({"site": 1.1, "account": 1.2, "platform": 1.3}, 1.1),
        ({"account": 1.2, "platform": 1.3}, 1.2),
        ({"platform": 1.3}, 1.3),
        ({}, 0.7),
        ({"site": 1.1, "platform": 1.3}, 1.1),
    ],
)
def test_the_nearest_scope_wins(scopes, winner, tmp_path):
    files = with_ai(**{scope: f"temperature: {value}" for scope, value in scopes.items()})
    assert blog(tmp_path, files).spec.ai.temperature == winner


@pytest.mark.parametrize(
    ("setting", "values", "default"),
    [
        ("temperature", (0.1, 0.2, 0.3), 0.7),
        ("max_tokens", (101, 102, 103), 8192),
        ("image_style", ("vivid", "natural", "illustration"), "photorealistic"),
        ("image_quality", ("hd", "standard", "hd"), "standard"),
        ("image_size", ("512x512", "640x480", "800x600"), "1024x1024"),
        ("max_in_article_images", (4, 5, 6), 2),
    ],
)
def test_each_ai_setting_is_inherited_by_itself(setting, values, default, tmp_path):
    scopes = dict(zip(("site", "account", "platform"), values, strict=True))
    seen = []
    for number in range(4):
        lines = {scope: f"{setting}: {value}" for scope, value in list(scopes.items())[number:]}
        seen.append(getattr(blog(tmp_path / str(number), with_ai(**lines)).spec.ai, setting))
    assert seen == [*values, default]


def test_model_preferences_are_inherited_type_by_type(tmp_path):
    files = with_ai(site="model_preferences: {text: writer}", account="model_preferences: {image: painter}")
    preferences = blog(tmp_path, files).spec.ai.model_preferences
    assert (preferences.text, preferences.image) == ("writer", "painter")


def test_winner_and_losers_are_kept_with_file_and_line(tmp_path):
    files = with_ai(site="temperature: 1.1", account="temperature: 1.2", platform="temperature: 1.3")
    assert places(blog(tmp_path, files).provenance["ai", "temperature"]) == [
        ("site", 1.1, "sites/blog.yaml:27"),
        ("account", 1.2, "accounts/acme.yaml:5"),
        ("platform", 1.3, "platform.yaml:4"),
        ("default", 0.7, ""),
    ]


def test_what_is_asked_about_one_field_agrees_with_what_is_kept_about_all(tmp_path):
    files = with_ai(site="temperature: 1.1", account="temperature: 1.2, image_quality: hd", platform="max_tokens: 700")
    for declared in compile_root(tmp_path, files).resources:
        winner = declared.winners()
        for path, (first, *_) in declared.provenance.items():
            assert winner(path) == first
            assert winner((*path, 0, "below")) == first, "what stands in a list comes from where the list is written"
        assert winner(("nowhere",)) is None


def test_a_default_is_a_definition_too(tmp_path):
    assert places(blog(tmp_path, with_ai()).provenance["ai", "image_size"]) == [("default", "1024x1024", "")]


def test_the_column_of_a_definition_is_that_of_its_value(tmp_path):
    (winner, *_) = blog(tmp_path, {}).provenance["ai", "max_tokens"]
    assert (winner.file, winner.mark.line, winner.mark.column, winner.mark.length) == (SITE, 28, 15, 4)


def test_a_key_that_is_left_empty_falls_back_like_one_that_is_left_out(tmp_path):
    empty = with_ai(account="temperature: 1.2")
    empty[SITE] += "ai:\n"
    empty[SITE] = empty[SITE].replace("stages:\n  content:\n    per_run_limit: 1\n", "stages:\n")
    absent = with_ai(account="temperature: 1.2")
    absent[SITE] = absent[SITE].replace("stages:\n  content:\n    per_run_limit: 1\n", "")
    for files in (empty, absent):  # five articles a run are more than nine slots a week take
        files[SITE] = files[SITE].replace("enabled: true", "enabled: false")
    assert blog(tmp_path / "empty", empty).data == blog(tmp_path / "absent", absent).data


def with_preset(name, stages="stages:\n  content:\n    per_run_limit: 1\n", platform=None):
    text = FILES[SITE].replace("  enabled: true\n", f"  enabled: false\n  preset: {name}\n")
    files = {SITE: text.replace("stages:\n  content:\n    per_run_limit: 1\n", stages)}
    return files | ({PLATFORM: platform} if platform is not None else {})


def test_a_preset_stands_below_the_sites_own_keys_and_above_the_defaults(tmp_path):
    site = blog(tmp_path, with_preset("brisk"))
    assert places(site.provenance["stages", "content", "per_run_limit"]) == [
        ("site", 1, "sites/blog.yaml:24"),
        ("preset brisk", 2, "platform.yaml:11"),
        ("default", 5, ""),
    ]
    assert site.spec.stages["content"].per_run_limit == 1


def test_without_the_sites_own_key_the_preset_wins(tmp_path):
    site = blog(tmp_path, with_preset("brisk", stages=""))
    assert site.spec.stages["content"].per_run_limit == 2
    assert site.spec.stages["content"].budget_pct == 40


@pytest.mark.parametrize(
    ("preset", "content", "images"), [("conservative", 5, 3), ("balanced", 10, 20), ("aggressive", 0, 0)]
)
def test_shipped_presets_limit_articles_and_images(preset, content, images, tmp_path):
    stages = blog(tmp_path, with_preset(preset, stages="")).spec.stages
    assert (stages["content"].per_run_limit, stages["images"].per_run_limit) == (content, images)


def test_a_shipped_preset_is_changed_key_by_key(tmp_path):
    header = "apiVersion: igny8/v1\nkind: Platform\n"
    platform = header + "presets: {balanced: {stages: {images: {per_run_limit: 60}}}}\n"
    stages = blog(tmp_path, with_preset("balanced", stages="", platform=platform)).spec.stages
    assert (stages["content"].per_run_limit, stages["images"].per_run_limit) == (10, 60)


def test_without_a_preset_the_defaults_of_the_stages_hold(tmp_path):
    files = {
        SITE: FILES[SITE].replace("  enabled: true\n", "").replace("    per_run_limit: 1\n", "    enabled: true\n")
    }
    stages = blog(tmp_path, files).spec.stages
    rows = [
        (key, item.batch_size, item.per_run_limit, item.budget_pct, item.model) for key, item in sorted(stages.items())
    ]
    assert rows == [
        ("clusters", 50, 0, 15, "live"),
        ("content", 1, 5, 40, "live"),
        ("ideas", 1, 10, 10, "live"),
        ("images", 1, 20, 30, "testing"),
        ("prompts", 1, 5, 5, "live"),
        ("review", None, 10, None, None),
        ("tasks", 20, 0, None, None),
    ]


def test_lists_are_taken_whole(tmp_path):
    files = edited(SITE, "[mon, wed, fri]", "[sun]")
    assert blog(tmp_path, files).spec.publishing.days == ("sun",)


def keywords(tmp_path, files):
    return [
        [(item.term, item.volume, item.intent) for item in sector.keywords]
        for sector in blog(tmp_path, files).spec.sectors
    ]


def test_keywords_of_the_site_come_before_those_of_its_file(tmp_path):
    assert keywords(tmp_path, {}) == [
        [
            ("hiking boots", None, None),
            ("winter boots", None, None),
            ("trail shoes", 900, "commercial"),
            ("how to read a map", None, "informational"),
        ]
    ]


def test_a_keyword_stands_once_whatever_its_case_and_spaces(tmp_path):
    csv = 'keyword,volume\nHIKING  Boots,5\n" Straße ",\nSTRASSE,7\nwinter boots,1\n'
    assert [term for term, *_ in keywords(tmp_path, {"keywords/hiking.csv": csv})[0]] == [
        "hiking boots",
        "winter boots",
        "Straße",
    ]


def test_a_keyword_stands_once_in_a_site_also_across_sectors(tmp_path):
    files = edited(
        SITE, "author: ann", "  - name: camping\n    keywords: [Winter Boots, {term: tent, volume: 0}]\nauthor: ann"
    )
    assert keywords(tmp_path, files)[1] == [("tent", 0, None)]


def test_an_unknown_volume_is_not_zero(tmp_path):
    csv = "keyword,volume\nmap,\ntent,0\n"
    assert keywords(tmp_path, {"keywords/hiking.csv": csv})[0][2:] == [("map", None, None), ("tent", 0, None)]


def test_moving_keywords_from_the_file_into_the_site_changes_no_digest(tmp_path):
    inline = "[hiking boots, winter boots, {term: trail shoes, volume: 900, intent: commercial}, " + (
        "{term: how to read a map, intent: informational}]"
    )
    text = FILES[SITE].replace("[hiking boots, winter boots]", inline)
    both = blog(tmp_path / "both", {SITE: text})
    assert both.digest == blog(tmp_path / "file", {}).digest


def test_comments_order_of_keys_and_quotes_change_no_digest(tmp_path):
    lines = FILES[PLATFORM].splitlines(keepends=True)
    rewritten = "# rewritten\n" + "".join(lines[:2]) + "".join(lines[6:]) + 'defaults: {"ai": {temperature: 5.0e-1}}\n'
    rewritten += "credit_value_usd: '0.01'  # one cent\n"
    plain = compile_root(tmp_path / "plain")
    assert compile_root(tmp_path / "rewritten", {PLATFORM: rewritten}).digest == plain.digest


def test_a_changed_platform_default_changes_every_site_that_inherits_it_and_no_other_kind(tmp_path):
    before = {item.ref: item.digest for item in compile_root(tmp_path / "a").resources}
    changed = edited(PLATFORM, "temperature: 0.5", "temperature: 0.6")
    after = {item.ref: item.digest for item in compile_root(tmp_path / "b", changed).resources}
    assert {ref for ref in before if before[ref] != after[ref]} == {"platform", "site/blog"}
