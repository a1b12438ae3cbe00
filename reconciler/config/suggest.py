"""Hints for words that are wrong: the nearest right one, and what became of the legacy platform's words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_LEGACY: tuple[tuple[str, str], ...] = (
    (r"quality_tier|model_tier", "mark the model `testing: true` or `default: true`, and write `model: testing` or `model: live` on the stage"),
    (r"credit_percentage", "write `budget_pct`"),
    (r"use_testing", "write `model: testing` or `model: live` on the stage"),
    (r"scheduling_mode|(daily|weekly|monthly)_publish_limit", "leave it out: volume follows from `publishing.days` x `publishing.time_slots`"),
    (r"stagger_.*|queue_limit", "leave it out: `publishing.time_slots` spreads articles over the day"),
    (r"mobile_image_size", "leave it out: `image_size` is the one size"),
    (r"max_items", "write `per_run_limit`"),
    (r"(input|output)_token_rate", "write `cost_per_1k_input` and `cost_per_1k_output` in USD per 1,000 tokens"),
    (r"(input|output)_cost_per_1m|cost_per_1m_(input|output)|.*_cost_per_1m", "write `cost_per_1k_input` or `cost_per_1k_output`, and divide by 1000"),
    (r"cost_per_1k_.*_tokens", "write `cost_per_1k_input` or `cost_per_1k_output`"),
    (r"default_(text|image)_model", "mark the model `default: true` in models.yaml, or write `ai.model_preferences` on the account"),
    (r"default_image_service", "mark the image model `default: true` in models.yaml; its `provider` says who draws"),
    (r"wp_url", "write `url`, and a `publisher` block with `type: wordpress`"),
    (r"wp_api_key", "write a `publisher` block with `type: wordpress` and `application_password: {env: NAME}`"),
    (r"reference_id", "write `payment_ref`"),
)  # fmt: skip

_WORD_LENGTH_MAX = 100


def legacy_replacement(key: str) -> str:
    """Return what to write instead of a word of the legacy platform, or "" when it is none."""
    return next((hint for pattern, hint in _LEGACY if re.fullmatch(pattern, key)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that names the nearest known word, or "" when none is near."""
    if len(word) > _WORD_LENGTH_MAX:  # comparing takes time by length, and nobody mistypes that much
        return ""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""
