"""The fast way through YAML: a compiled parser for files that hold nothing but plain mappings, lists and scalars.

It answers a value, or NOT_PLAIN, and never says what is wrong: whatever is not plainly fine goes the careful way
(`yaml_reader`), which has the guards, the positions and the words. Both must read every plain file alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

NOT_PLAIN: Any = object()

_DEPTH_MAX = 48
_BRACKETS_MAX = 400
# Deleting these must leave nothing: other bytes are indicators of tags, anchors and the like, or invisible.
_HARMLESS = bytes(range(0x20, 0x7F)).translate(None, b"&*!%@`?|>") + b"\n"
_INDICATOR = re.compile(r"(?:^|[\s\[\]{},:\-])[&*!%@`?|>]", re.MULTILINE)
_INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_ASCII_ONLY = bytes(range(0x80, 0x100))
# Numbers that the two parsers read differently, and what nests without an indent or a bracket that could be counted.
_DOUBTFUL = (b"0x", b"0o", b"<<", b"- - - -", b" " * _DEPTH_MAX, b"\n---", b"\n...")
# In flow style the two differ about where a colon may stand and what may go on in the next line.
_DOUBTFUL_FLOW = re.compile(rb"[\[{][^\]}\n]*\n|:[,\[\]{}]|[,\[{]\s*:")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")


def read_plain(text: str) -> Any:
    """Return the value of a YAML text that is plain, NOT_PLAIN for any other."""
    loads = _parser()
    if loads is None or not _is_plain(text):
        return NOT_PLAIN
    try:
        value = loads(text, parse_datetime=False)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:  # a panic of the compiled parser is no Exception
        return NOT_PLAIN
    return value if isinstance(value, dict) and _is_usual(value, 1) else NOT_PLAIN


def _is_plain(text: str) -> bool:
    data = text.encode(errors="replace")
    left = data.translate(None, _HARMLESS)
    if left and not _is_plain_text(text, left):
        return False
    if any(mark in data for mark in _DOUBTFUL) or b"0_" in data.translate(_DIGITS_TO_ZERO):
        return False
    brackets = data.count(b"[") + data.count(b"{")
    return brackets == 0 or (brackets < _BRACKETS_MAX and _DOUBTFUL_FLOW.search(data) is None)


def _is_plain_text(text: str, left: bytes) -> bool:
    """Tell whether characters beyond the harmless ones are only letters, or marks within text."""
    if _INVISIBLE.search(text):
        return False
    return not left.translate(None, _ASCII_ONLY) or not _INDICATOR.search(text)


def _is_usual(value: Any, depth: int) -> bool:
    """Tell whether a value holds only text keys, text, true and false, null, and numbers that a reader can see."""
    if depth > _DEPTH_MAX:
        return False
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is dict or kind is list:
            if not _is_usual(item, depth + 1):
                return False
        elif kind is int:
            if not -(2**63) < item < 2**63:
                return False
        elif kind is not float or not -1e300 < item < 1e300:
            return False
    return type(value) is list or all(type(key) is str for key in value)


_loads: Callable[..., Any] | None = None
_is_looked_up = False


def _parser() -> Callable[..., Any] | None:
    """Return the compiled parser; None where there is no build of it, and every file goes the careful way."""
    global _loads, _is_looked_up
    if not _is_looked_up:
        _is_looked_up = True
        try:
            import yaml_rs
        except ImportError:
            return None
        _loads = yaml_rs.loads
    return _loads
