"""Takes what looks like a secret out of the texts of resources, so that they may leave the installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from reconciler.config.secrets import is_secret_field, looks_like_secret, might_hold_secrets
from reconciler.ids import canonical_json


class Redactor:
    """Redacts the texts of one resource: different secrets become different words, so that a difference stays one."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def redacted(self, text: str) -> str:
        """Return canonical JSON without what looks like a secret; the text itself where nothing does."""
        if not might_hold_secrets(text):
            return text
        value = orjson.loads(text)
        safe = _walk(value, "", self._word)
        return text if safe == value else canonical_json(safe)

    def _word(self, secret: str) -> str:
        return self._words.setdefault(secret, f"(redacted: looks like a secret, no. {len(self._words) + 1})")


def _walk(value: Any, key: str, word: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            (word(name) if looks_like_secret(name) else name): _walk(item, name, word) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_walk(item, "", word) for item in value]
    if isinstance(value, str) and value and (is_secret_field(key) or looks_like_secret(value)):
        return word(value)
    return value
