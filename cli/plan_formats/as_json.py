"""A plan as one JSON document. Keys are only ever added; a change of meaning would be another `version`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cli.plan_formats import Shown

# What is said of single resources.
_DETAIL = ("changes", "calendar_moves")


def json_lines(shown: Shown) -> Iterator[str]:
    """Yield the document."""
    yield json.dumps(document_of(shown), indent=2, ensure_ascii=False)


def document_of(shown: Shown) -> dict[str, Any]:
    """Return the document; in sum it has nothing about single resources."""
    document = shown.planned.to_json()
    if not shown.summary_only:
        return document
    forecast = {
        when: {key: item for key, item in value.items() if key != "sites"}
        for when, value in document["forecast"].items()
    }
    return {key: value for key, value in document.items() if key not in _DETAIL} | {"forecast": forecast}
