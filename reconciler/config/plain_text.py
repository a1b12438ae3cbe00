"""Writes new YAML: blocks for what has parts, one line for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.config.edit import flow_text

_FLOW_COLUMNS = 90


def block_text(value: Mapping[str, Any], indent: int = 0) -> str:
    """Return a mapping as a YAML text, in its own order; what is short and has no parts stands in one line."""
    return "".join(_entry_text(key, item, indent) for key, item in value.items())


def _entry_text(key: str, value: Any, indent: int) -> str:
    head = f"{' ' * indent}{flow_text(key)}:"
    one_line = f"{head} {flow_text(value)}\n"
    if isinstance(value, Mapping) and value:
        return f"{head}\n{block_text(value, indent + 2)}"
    if isinstance(value, list) and value and (len(one_line) > _FLOW_COLUMNS or _holds_mappings(value)):
        return f"{head}\n" + "".join(_item_text(item, indent + 2) for item in value)
    return one_line


def _item_text(item: Any, indent: int) -> str:
    one_line = f"{' ' * indent}- {flow_text(item)}\n"
    is_deep = isinstance(item, Mapping) and any(isinstance(part, Mapping | list) and part for part in item.values())
    if not isinstance(item, Mapping) or not item or (len(one_line) <= _FLOW_COLUMNS and not is_deep):
        return one_line
    text = block_text(item, indent + 2)
    return f"{' ' * indent}- {text[indent + 2 :]}"


def _holds_mappings(items: list[Any]) -> bool:
    return any(isinstance(item, Mapping | list) for item in items)
