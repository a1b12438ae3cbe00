"""SQL views: typed columns over the live specs, on both databases."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from builder import FILES, World, edited

from reconciler.config.json_schema import schema_of
from reconciler.errors import ConflictError
from reconciler.kinds import RESOURCE_KINDS, find_kind
from reconciler.operations.app import EXTENSIONS
from reconciler.store.engine import open_database
from reconciler.store.views import VIEWS, all_columns

ROOT = {
    "industries.yaml": "apiVersion: igny8/v1\nkind: IndustryCatalog\nindustries: {outdoor: {sectors: {hiking: {seed_keywords: [boots]}, 'ski': {}}}}\n",
    "authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\nexpertise: [tents, maps]\nlabels: {team: a}\n",
    "strategies/calm.yaml": "apiVersion: igny8/v1\nkind: Strategy\nname: calm\naudience: hikers\nword_count: {max: 900}\n",
    "tiers.yaml": FILES["tiers.yaml"].replace("ai_overrides_allowed: true}", 'ai_overrides_allowed: true, price_usd: "9.90", limits: {sites_max: 3}}\n  free: {}')
    + 'credit_packages: {small: {credits: 500, price_usd: "4.99"}}\npayment_methods: {DE: [card, sepa]}\n',
    "models.yaml": FILES["models.yaml"].replace("    default: true\n  painter:", '    default: true\n  old.1:\n    type: text\n    provider: samples\n    active: false\n    shutdown_on: "2026-05-12"\n    replaced_by: writer\n  painter:'),
    "accounts/acme.yaml": FILES["accounts/acme.yaml"] + "ai: {temperature: 0.25}\n",
}  # fmt: skip


@pytest.fixture
def views(world):
    """The builder's root with something of every kind, applied; ask it for rows of a view."""
    world.write(ROOT)
    world.apply()

    def rows(columns: str, view: str, where: str = "true") -> list[tuple]:
        return world.rows(f"SELECT {columns} FROM {view} WHERE {where} ORDER BY 1")

    rows.world = world
    rows.is_sqlite = world.database.engine.dialect.name == "sqlite"
    return rows


def as_json(value):
    return json.loads(value) if isinstance(value, str) else value


def test_every_kind_has_a_view_and_every_column_leads_somewhere():
    assert {view.kind for view in VIEWS} == {kind.slug for kind in RESOURCE_KINDS}
    for view in VIEWS:
        schema = schema_of(find_kind(view.kind), EXTENSIONS)
        definitions = schema["definitions"]

        def followed(part, definitions=definitions):
            while {"$ref", "anyOf", "allOf", "oneOf"} & part.keys():
                options = (
                    part.get("anyOf")
                    or part.get("allOf")
                    or part.get("oneOf")
                    or [definitions[part["$ref"].rsplit("/", 1)[1]]]
                )
                part = next((item for item in options if item.get("type") != "null"), options[0])
            return part

        node = schema
        for key in view.entries:
            node = followed(node["properties"][key])
            node = followed(node.get("additionalProperties") or next(iter(node["patternProperties"].values())))
        for column in view.columns:
            part = node
            for key in column.keys:
                assert key == "template" or key in followed(part).get("properties", {}), (view.name, column.name)
                part = followed(part).get("properties", {}).get(key, {}) if key != "template" else {}


def test_every_column_can_be_read_and_is_documented_once(views):
    for view in VIEWS:
        names = [name for name, _, _ in all_columns(view)]
        assert len(set(names)) == len(names), view.name
        with views.world.database.read() as connection:
            result = connection.execute(sa.text(f"SELECT * FROM {view.name}"))
            assert list(result.keys()) == names
            assert result.all(), view.name


def test_numbers_booleans_dates_lists_and_what_is_not_said(views):
    ((days, slots, preset, auto, images, temperature),) = views(
        "publishing_days, publishing_time_slots, automation_preset, auto_publish, ai_max_in_article_images, ai_temperature",
        "igny8_site", "automation_enabled",
    )  # fmt: skip
    assert as_json(days) == ["mon", "tue", "wed", "thu", "fri"]
    assert as_json(slots) == ["09:00", "14:00", "18:00"]
    assert (preset, bool(auto), images, temperature) == (None, True, 2, 0.25)
    models = views(
        "name, is_live, tokens_per_credit, cost_per_1k_input, shutdown_on, replaced_by",
        "igny8_ai_model",
        "type = 'text'",
    )
    assert [(name, bool(live), tokens) for name, live, tokens, *_ in models] == [
        ("old.1", False, None),
        ("writer", True, 1000),
    ]
    cost, day = models[1][3], models[0][4]
    assert (cost, day) == ((0.00125, "2026-05-12") if views.is_sqlite else (Decimal("0.00125"), date(2026, 5, 12)))
    assert models[0][5] == "writer"
    assert models[1][4] is None
    assert [str(as_json(row[0])) for row in views("cost_per_image", "igny8_ai_model", "type = 'image'")] == [
        "0.004",
        "0.053",
    ]


def test_catalogues_have_a_row_an_entry(views):
    assert [(name, bool(paid), most) for name, paid, most in views("name, paid, sites_max", "igny8_tier")] == [
        ("free", False, None), ("growth", True, 3),
    ]  # fmt: skip
    assert views("name, credits", "igny8_credit_package") == [("small", 500)]
    ((country, methods),) = views("country, methods", "igny8_payment_method")
    assert (country, as_json(methods)) == ("DE", ["card", "sepa"])
    assert [(name, industry, as_json(words)) for name, industry, words in views("name, industry, seed_keywords", "igny8_sector")] == [
        ("hiking", "outdoor", ["boots"]), ("ski", "outdoor", []),
    ]  # fmt: skip
    assert views("name, adapter", "igny8_provider") == [("samples", "offline")]
    ((labels, expertise),) = views("labels, expertise", "igny8_author")
    assert (as_json(labels), as_json(expertise)) == ({"team": "a"}, ["tents", "maps"])
    assert views("word_count_max, word_count_min", "igny8_strategy") == [(900, 800)]


def test_the_live_state_is_shown_and_drift_is_marked(views):
    with views.world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = replace(spec, '02:00', '04:00') WHERE kind = 'site'")
    ((time, drifted, generation),) = views("automation_time, is_drifted, generation", "igny8_site")
    assert (time, bool(drifted), generation) == ("04:00", True, 1)
    assert [bool(row[0]) for row in views("is_drifted", "igny8_account")] == [False]


def test_a_character_that_a_database_cannot_hold_spoils_no_view(world):
    text = FILES["accounts/acme.yaml"] + 'description: "a\\0b \\\\u0000"\n'
    world.write({"accounts/acme.yaml": text})
    world.apply()
    ((name, tier),) = world.rows("SELECT name, tier FROM igny8_account")
    assert (name, tier) == ("acme", "growth")


def test_an_upgrade_makes_the_views_anew(database):
    with database.write() as connection:
        connection.exec_driver_sql("DROP VIEW igny8_site")
        connection.exec_driver_sql("DROP VIEW igny8_tier")
        connection.exec_driver_sql("CREATE VIEW igny8_tier AS SELECT 1 AS one")
    open_database(str(database.url), upgrade=True).close()
    world = World(None, database)
    assert world.rows("SELECT name FROM igny8_site") == []
    assert world.rows("SELECT name FROM igny8_tier") == []


def test_views_of_somebody_else_are_not_dropped(new_postgres):
    url = new_postgres()
    database = open_database(url, upgrade=True)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE VIEW mine AS SELECT name FROM igny8_site")
    with pytest.raises(ConflictError, match="igny8_site cannot be made anew: other views are built on it"):
        open_database(url, upgrade=True)
    database.close()


def test_a_view_knows_an_edited_site(world):
    world.apply()
    world.write(edited("sites/blog.yaml", ("https://blog.example", "https://news.example")))
    world.apply()
    assert world.rows("SELECT url, generation FROM igny8_site") == [("https://news.example", 2)]
