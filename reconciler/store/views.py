"""SQL views for people and their tools, as a declaration: one a kind, with typed columns, over the live specs.

`view_sql.py` makes the SQL of either database from VIEWS, docs/reference/generate.py the reference page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "integer", "number", "decimal", "boolean", "date", "json"]

# What each type is in PostgreSQL and in SQLite.
TYPES: dict[Type, tuple[str, str]] = {
    "text": ("text", "TEXT"),
    "integer": ("bigint", "INTEGER"),
    "number": ("double precision", "REAL"),
    "decimal": ("numeric", "REAL"),
    "boolean": ("boolean", "INTEGER, 0 or 1"),
    "date": ("date", "TEXT, YYYY-MM-DD"),
    "json": ("jsonb", "TEXT, JSON"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the keys that lead to its value, its type; without keys it is named after its value."""

    name: str
    type: Type = "text"
    path: tuple[str, ...] = ()
    doc: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys that lead to the value."""
        return self.path or (self.name,)


@dataclass(frozen=True, slots=True)
class View:
    """A view: a row for each resource of a kind, or for each entry of the mappings at `entries`, nested in each other.

    `entry_keys` name the columns of the entries' own names. An entry that is no mapping is the column `value_column`.
    """

    name: str
    kind: str
    doc: str
    columns: tuple[Column, ...]
    entries: tuple[str, ...] = ()
    entry_keys: tuple[str, ...] = ()
    value_column: str = ""
    is_named: bool = False


def _at(*path: str, type: Type = "text", name: str = "", doc: str = "") -> Column:
    return Column(name or "_".join(path), type, path, doc)


_NAMED = (Column("description"), Column("labels", "json"), Column("protected", "boolean"))
_AI = (
    _at("ai", "temperature", type="number"),
    _at("ai", "max_tokens", type="integer"),
    _at("ai", "image_style"),
    _at("ai", "image_quality"),
    _at("ai", "image_size"),
    _at("ai", "max_in_article_images", type="integer"),
    _at("ai", "model_preferences", "text", name="ai_text_model"),
    _at("ai", "model_preferences", "image", name="ai_image_model"),
)

VIEWS: tuple[View, ...] = (
    View(
        "igny8_platform", "platform", "The platform's settings: one row.",
        (
            Column("credit_value_usd", "decimal"),
            _at("defaults", "ai", "temperature", type="number", name="default_temperature"),
            _at("defaults", "ai", "max_tokens", type="integer", name="default_max_tokens"),
            _at("defaults", "ai", "image_style", name="default_image_style"),
            _at("defaults", "ai", "image_quality", name="default_image_quality"),
            _at("defaults", "ai", "image_size", name="default_image_size"),
            _at("defaults", "ai", "max_in_article_images", type="integer", name="default_max_in_article_images"),
            Column("modules", "json"),
            Column("presets", "json"),
            _at("safety", "update_limit_pct", type="integer"),
            _at("safety", "delete_limit_pct", type="integer"),
            _at("safety", "limit_floor", type="integer"),
            _at("reconcile", "interval"),
            _at("reconcile", "heal"),
            _at("reconcile", "sync_windows", type="json"),
        ),
    ),
    View(
        "igny8_provider", "providers", "Providers: one row each. Credentials are references, never secrets.",
        (
            Column("type"), Column("adapter"), Column("endpoint"), Column("sandbox", "boolean"),
            Column("active", "boolean"), Column("credentials", "json", doc="Where the secrets stand; not what they are."),
            _at("limits", "requests_per_minute", type="integer"), _at("limits", "tokens_per_minute", type="integer"),
            _at("limits", "concurrency", type="integer"), _at("limits", "timeout_seconds", type="integer"),
            _at("limits", "attempts_max", type="integer"),
        ),
        ("providers",), ("name",),
    ),
    View(
        "igny8_ai_model", "models", "AI models: one row each, with costs and credit rates.",
        (
            Column("display_name"), Column("type"), Column("provider"), Column("active", "boolean"),
            Column("is_live", "boolean", ("default",), "The Live model of its type."),
            Column("is_testing", "boolean", ("testing",), "The Testing model of its type."),
            Column("cost_per_1k_input", "decimal", doc="USD."), Column("cost_per_1k_output", "decimal", doc="USD."),
            Column("cost_per_1k_cached_input", "decimal", doc="USD."),
            Column("cost_per_1k_cache_write", "decimal", doc="USD."),
            Column("cost_per_image", "json", doc="USD as a text, or a mapping of SIZE/QUALITY to USD."),
            Column("tokens_per_credit", "integer"), Column("credits_per_image", "integer"),
            Column("max_input_tokens", "integer"), Column("max_output_tokens", "integer"), Column("sizes", "json"),
            _at("supports", "json_mode", type="boolean"), _at("supports", "vision", type="boolean"),
            _at("supports", "tools", type="boolean"), Column("sort_order", "integer"), Column("notes"),
            Column("release_date", "date"), Column("deprecation_date", "date"), Column("shutdown_on", "date"),
            Column("replaced_by"), Column("fallbacks", "json"), Column("aliases", "json"),
        ),
        ("models",), ("name",),
    ),
    View(
        "igny8_tier", "tiers", "Tiers: one row each.",
        (
            Column("display_name"), Column("paid", "boolean"), Column("ai_overrides_allowed", "boolean"),
            Column("monthly_credits", "integer"), Column("price_usd", "decimal"),
            _at("limits", "sites_max", type="integer", name="sites_max"),
            _at("limits", "keywords_max", type="integer", name="keywords_max"),
            _at("limits", "articles_per_month_max", type="integer", name="articles_per_month_max"),
        ),
        ("tiers",), ("name",),
    ),
    View(
        "igny8_credit_package", "tiers", "Credit packages: one row each.",
        (Column("credits", "integer"), Column("price_usd", "decimal")),
        ("credit_packages",), ("name",),
    ),
    View(
        "igny8_payment_method", "tiers", "Payment methods: one row a country.",
        (), ("payment_methods",), ("country",), "methods",
    ),
    View(
        "igny8_industry", "industries", "Industries: one row each.",
        (Column("display_name"),), ("industries",), ("name",),
    ),
    View(
        "igny8_sector", "industries", "Sectors of industries: one row each.",
        (Column("display_name"), Column("seed_keywords", "json")),
        ("industries", "sectors"), ("industry", "name"),
    ),
    View(
        "igny8_prompt", "prompt", "Prompts: one row each.",
        (
            *_NAMED, Column("function"), Column("model_type"), Column("variables", "json"), Column("output"),
            Column("template"),
        ),
        is_named=True,
    ),
    View(
        "igny8_author", "author", "Authors: one row each.",
        (
            *_NAMED, Column("display_name"), Column("bio"), Column("tone"), Column("language"),
            Column("expertise", "json"), Column("style_rules", "json"),
        ),
        is_named=True,
    ),
    View(
        "igny8_strategy", "strategy", "Content strategies: one row each.",
        (
            *_NAMED, Column("display_name"), Column("audience"), Column("goals", "json"), Column("structure", "json"),
            _at("word_count", "min", type="integer"), _at("word_count", "max", type="integer"),
            Column("calls_to_action", "json"), Column("words_to_avoid", "json"),
        ),
        is_named=True,
    ),
    View(
        "igny8_account", "account", "Accounts: one row each.",
        (
            *_NAMED, Column("display_name"), Column("tier"), Column("status"), *_AI,
            _at("modules", "planner", type="boolean"), _at("modules", "writer", type="boolean"),
            _at("modules", "automation", type="boolean"), _at("modules", "thinker", type="boolean"),
            Column("users", "json"), Column("grants", "json"),
            _at("credits", "monthly_max", type="integer"), _at("credits", "warn_at_pct", type="integer"),
            _at("billing", "country"), _at("billing", "payment_method"), Column("settings", "json"),
        ),
        is_named=True,
    ),
    View(
        "igny8_site", "site", "Sites: one row each, with all that they inherit.",
        (
            *_NAMED, Column("account"), Column("display_name"), Column("url"), Column("language"), Column("timezone"),
            Column("industry"), Column("author"), Column("strategy"),
            _at("publisher", "type"), Column("publisher", "json"), Column("sectors", "json"),
            _at("automation", "enabled", type="boolean"), _at("automation", "frequency"), _at("automation", "time"),
            _at("automation", "weekday"), _at("automation", "preset"), Column("stages", "json"),
            _at("delays", "within_stage", type="integer", name="delay_within_stage_seconds"),
            _at("delays", "between_stage", type="integer", name="delay_between_stage_seconds"),
            _at("publishing", "auto_approval", type="boolean", name="auto_approval"),
            _at("publishing", "auto_publish", type="boolean", name="auto_publish"),
            _at("publishing", "days", type="json"), _at("publishing", "time_slots", type="json"),
            *_AI, _at("credits", "monthly_max", type="integer"),
        ),
        is_named=True,
    ),
)  # fmt: skip

# Every view ends with these: how the row came to be.
_RECORD: tuple[tuple[str, str, str], ...] = (
    ("uid", "text", "The resource's id; it survives a rename."),
    ("generation", "integer", "The apply that last changed the resource."),
    ("applied_at", "timestamp", "When that was, UTC."),
    ("created_at", "timestamp", "When the resource was first applied, UTC."),
    ("is_drifted", "boolean", "The database differs from what was applied. The view shows the database."),
)


def all_columns(view: View) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and meaning of every column of a view, in order."""
    names = ("name",) if view.is_named else view.entry_keys
    yield from ((name, "text", "Its name." if name == "name" else "") for name in names)
    if view.value_column:
        yield view.value_column, "json", ""
    yield from ((column.name, column.type, column.doc or ".".join(column.keys)) for column in view.columns)
    yield from _RECORD
