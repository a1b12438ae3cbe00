"""What rate-limit headers say, the same for every provider. Pure: an absolute time is read against the reply's own Date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from reconciler.providers.port import RateWindow

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# OpenAI and what speaks like it; Anthropic.
_NAMES = (
    ("x-ratelimit-remaining-{what}", "x-ratelimit-reset-{what}"),
    ("anthropic-ratelimit-{what}-remaining", "anthropic-ratelimit-{what}-reset"),
)


def read_window(headers: Mapping[str, str]) -> RateWindow | None:
    """Return what is left of the provider's limits; None when the headers (in lower case) say nothing of it."""
    requests_left, requests_reset = _read(headers, "requests")
    tokens_left, tokens_reset = _read(headers, "tokens")
    if requests_left is None and tokens_left is None:
        return None
    return RateWindow(requests_left, requests_reset, tokens_left, tokens_reset)


def _read(headers: Mapping[str, str], what: str) -> tuple[int | None, float | None]:
    for left_name, reset_name in _NAMES:
        left = headers.get(left_name.format(what=what), "")
        if left.isdecimal():
            return int(left), _read_reset(headers.get(reset_name.format(what=what), ""), headers.get("date", ""))
    return None, None


def _read_reset(text: str, date: str) -> float | None:
    """Return the seconds of `1s`, `6m0s`, `120ms`, plain seconds, or an instant; None for anything else."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    try:
        return max(0.0, (datetime.fromisoformat(text) - parsedate_to_datetime(date)).total_seconds())
    except (TypeError, ValueError):
        return None
