"""What to do after an attempt failed: one decision from the error's class, never a loop and never a sleep.

| Class | Decision |
| --- | --- |
| rate_limited | again when the provider says, else after a random wait that doubles its bound; then another model |
| transient | again after a random wait that doubles its bound (full jitter); then another model |
| quota, auth | the provider is stopped for this worker; another provider's model may go on |
| too_long | once more with a shorter request, then the item fails |
| refused | the item fails: the same request would bring the same |
| bad_answer | a text is asked for once more, with the reason (in settling); then, and an image at once, the item fails |
| unsupported | another model, or the stage stops |
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.ledger.estimate import OUTPUT_TOKENS_MIN
from reconciler.providers.port import Failure

BACKOFF_SECONDS = 1.0
BACKOFF_MAX_SECONDS = 60.0
# Whoever asks us to wait longer than this is not coming back in this run.
PATIENCE_SECONDS = 300.0
# Variables of prompts that help but are not asked about.
_MAY_BE_SHORTER = frozenset({"link_candidates", "existing_titles", "existing_clusters"})


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Make the request again, not before this instant."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Shorten:
    """Make a shorter request, at once."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """This item fails with the reason; no other model would do better."""

    reason: str


@dataclass(frozen=True, slots=True)
class NextModel:
    """This model will not do it now; the next fallback may. `is_for_item`: without one the item fails, else the stage
    stops."""

    reason: str
    is_for_item: bool = True


@dataclass(frozen=True, slots=True)
class StopProvider:
    """Nothing more goes to this provider from this worker: a person has to act."""

    reason: str


Decision = RetryAt | Shorten | GiveUp | NextModel | StopProvider


def decide(
    failure: Failure, number: int, attempts_max: int, now: datetime, rng: random.Random, *, was_shortened: bool = False
) -> Decision:
    """Return what to do after attempt `number` (from 1) of a request to one model failed."""
    match failure.error_class:
        case "auth" | "quota":
            return StopProvider(failure.message)
        case "refused" | "bad_answer":
            return GiveUp(failure.message)
        case "unsupported":
            return NextModel(failure.message, is_for_item=False)
        case "too_long":
            return GiveUp(failure.message) if was_shortened else Shorten()
        case "rate_limited" | "transient":
            wait = _wait_seconds(failure, number, rng)
            if number >= attempts_max or wait > PATIENCE_SECONDS:
                return NextModel(failure.message)
            return RetryAt(now + timedelta(seconds=wait))


def shorten(inputs: Mapping[str, Any], max_tokens: int) -> tuple[Mapping[str, Any], int]:
    """Return the variables with half of what may be missing, and half of the longest answer where it was a long one.

    What the items themselves are made of stays: an answer that leaves some out would be no answer for them.
    """
    short = {key: value[: len(value) // 2] if key in _MAY_BE_SHORTER else value for key, value in inputs.items()}
    return short, max(min(max_tokens, OUTPUT_TOKENS_MIN), max_tokens // 2)


def _wait_seconds(failure: Failure, number: int, rng: random.Random) -> float:
    """Return the provider's own word, with a little on top so that not all come back at once; else full jitter."""
    asked = failure.retry_after_seconds
    if asked is not None:
        return asked + rng.uniform(0, min(1.0, 0.1 * asked))
    bound = min(BACKOFF_MAX_SECONDS, BACKOFF_SECONDS * 2 ** (number - 1))
    # A rate limit without a word counts by the minute: too early only makes it longer.
    floor = bound / 2 if failure.error_class == "rate_limited" else 0.0
    return rng.uniform(floor, bound)
