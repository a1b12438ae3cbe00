"""The fast way through YAML: a compiled parser for files that hold nothing but plain mappings, lists and scalars.

It answers a value, or NOT_PLAIN, and never says what is wrong: whatever is not plainly fine goes the careful way
(`yaml_reader`), which has the guards, the positions and the words. Both must read every plain file alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import filterfalse
from typing import Any

import orjson

from reconciler.config.secrets import might_hold_secrets

NOT_PLAIN: Any = object()

_INDENT_MAX = 48
_DEPTH_MAX = 48
# So few brackets, with so little indent, cannot nest too deep.
_BRACKETS_FEW = 8
_BRACKETS_MAX = 400
_LINES_MAX = 4_000
_FIELDS_MAX = 4_000
_LENGTH_MAX = 90_000
# Words that are text here and something else to a reader of YAML 1.1: the careful way has something to say about them.
_DOUBTFUL_WORD = re.compile(
    r"[:\-\[{,\n] *(?:(?:[01]\d|2[0-3]):[0-5]\d|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF) *(?:[,\]}#\n]|$)"
)
# Without spaces, in small letters, with all that may stand around a value as a line break, they look like this.
_AROUND_VALUES = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ:-[]{},#123456789", b"abcdefghijklmnopqrstuvwxyz\n\n\n\n\n\n\n\n000000000"
)
_DOUBTFUL_VALUES = (b"\n00\n00\n", b"\nyes\n", b"\nno\n", b"\non\n", b"\noff\n")
# Deleting these must leave nothing: other bytes are indicators of tags, anchors and the like, or invisible.
_HARMLESS = bytes(range(0x20, 0x7F)).translate(None, b"&*!%@`?|><") + b"\n"
_INDICATOR = re.compile(r"(?:^|[\s\[\]{},:\-])[&*!%@`?|><]", re.MULTILINE)
_INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_ASCII_ONLY = bytes(range(0x80, 0x100))
# What nests without an indent or a bracket that could be counted, and what may begin or end a document.
_DOUBTFUL = (b"- - - -", b" " * _INDENT_MAX, b"\n---", b"\n...")
# Numbers that the two parsers read differently or that no reader could know for a number, as _NUMBER_SIGNS shows them.
_DOUBTFUL_NUMBERS = (b"0x", b".inf", b".nan", b"00000000000000000")
_NUMBER_SIGNS = bytes.maketrans(b"123456789bBoOxXeE", b"000000000xxxxxxxx")
_NUMBER_SIGNS = bytes(sign + 32 if 65 <= sign <= 90 else sign for sign in _NUMBER_SIGNS)
_DIGITS_AND_POINTS = bytes.maketrans(b"123456789.", b"0000000000")
_DOUBTFUL_UNDERSCORES = (b"0_", b"_0")
# In flow style the two differ about where a colon may stand, and about what may go on in the next line.
_DOUBTFUL_COLONS = (b":,", b",:", b" :", b"::")
_FLOW_TO_COMMA = bytes.maketrans(b"[]{}", b",,,,")
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
# Where a field of the document may begin, and lines that may hold one that is not found so.
_FIELD_START = re.compile(r"\n(?=[A-Za-z_])")
_ODD_LINE = re.compile(r"\n[^A-Za-z_ #\-\n]")

_Field = tuple[str, Any] | tuple[()]
_NO_FIELD: _Field = ()  # comments before the first


class PlainReader:
    """Reads plain YAML texts one after the other, and what many of them have, line or field, only once.

    What is read may share its inner values with what was read before: they are not to be changed.
    """

    def __init__(self) -> None:
        self._lines: set[str] = set()
        # Fields by their text: those met lately, and those met before that. What is rare falls out.
        self._fields: dict[str, _Field] = {}
        self._older: dict[str, _Field] = {}

    def read(self, text: str) -> Any:
        """Return the value of a YAML text that is plain, NOT_PLAIN for any other.

        A text with something in it that might be a secret is not plain: it is to be looked at.
        """
        if len(text) > _LENGTH_MAX:  # the careful way counts the nodes
            return NOT_PLAIN
        text = text.removeprefix("---\n")
        parts = _FIELD_START.split(text)
        fields: list[Any] = list(map(self._fields.get, parts))
        if None in fields and not self._learn(parts, fields):
            return self._parse(text)
        value: dict[str, Any] = dict(filter(None, fields))
        # Nothing but comments is no mapping, and a key that stands twice is a finding.
        return value if value and len(value) == len(fields) - fields.count(_NO_FIELD) else NOT_PLAIN

    def _learn(self, parts: list[str], fields: list[Any]) -> bool:
        """Fill in the fields that are missing. False when the text cannot be read field by field."""
        if len(self._fields) > _FIELDS_MAX:
            self._fields, self._older = {}, self._fields
        missing = [index for index, field in enumerate(fields) if field is None]
        for index in missing:
            fields[index] = self._older.get(parts[index])
        fresh = [index for index in missing if fields[index] is None]
        if fresh and not self._read_fields(parts, fields, fresh):
            return False
        for index in missing:
            self._fields[parts[index]] = fields[index]
        return True

    def _read_fields(self, parts: list[str], fields: list[Any], fresh: list[int]) -> bool:
        """Read some fields together. False unless each of them means alone what it means here.

        Only the line that a part begins with may hold a key of the document, and as many keys as parts are found: then
        no part goes on in the next.
        """
        text = "\n".join([parts[index] for index in fresh])
        value = NOT_PLAIN if _ODD_LINE.search("\n" + text) else self._parse(text)
        if value is NOT_PLAIN:
            return False
        if fresh[0] == 0 and all(line.lstrip()[:1] in ("", "#") for line in parts[0].split("\n")):
            fields[fresh.pop(0)] = _NO_FIELD
        if len(value) != len(fresh):
            return False
        for index, field in zip(fresh, value.items(), strict=True):
            if not parts[index].startswith(field[0] + ":"):
                return False
            fields[index] = field
        return True

    def _parse(self, text: str) -> Any:
        loads = _parser()
        # Whether a text is plain is decided line by line: nothing that goes over lines is plain.
        lines = list(filterfalse(self._lines.__contains__, text.split("\n")))
        if loads is None or not _are_plain(lines):
            return NOT_PLAIN
        if len(self._lines) < _LINES_MAX:
            self._lines.update(lines)
        try:
            value = loads(text, parse_datetime=False)
            orjson.dumps(value)  # refuses keys that are no text, integers beyond 64 bits, types of other YAML schemas
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException:  # a panic of the compiled parser is no Exception
            return NOT_PLAIN
        if not isinstance(value, dict):
            return NOT_PLAIN
        brackets = text.count("[") + text.count("{")
        is_deep = brackets >= _BRACKETS_FEW and (brackets > _BRACKETS_MAX or _depth(value) > _DEPTH_MAX)
        return NOT_PLAIN if is_deep else value


def read_plain(text: str) -> Any:
    """Return the value of one YAML text that is plain, NOT_PLAIN for any other."""
    return PlainReader().read(text)


def _are_plain(lines: list[str]) -> bool:
    text = "\n".join(("", *lines, ""))
    data = text.encode(errors="replace")
    left = data.translate(None, _HARMLESS)
    if left and not _are_plain_characters(text, left):
        return False
    if _holds(data, _DOUBTFUL) or _holds(data.translate(_NUMBER_SIGNS), _DOUBTFUL_NUMBERS):
        return False
    if b"_" in data and _holds(data.translate(_DIGITS_AND_POINTS), _DOUBTFUL_UNDERSCORES):
        return False
    if (b"[" in data or b"{" in data) and not _is_plain_flow(data):
        return False
    may_be_doubtful = not data.isascii() or _holds(data.translate(_AROUND_VALUES, b" "), _DOUBTFUL_VALUES)
    if may_be_doubtful and _DOUBTFUL_WORD.search(text):
        return False
    return not might_hold_secrets(text)


def _holds(data: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - a generator inside any() costs as much as the search
        if mark in data:
            return True
    return False


def _are_plain_characters(text: str, left: bytes) -> bool:
    """Tell whether characters beyond the harmless ones are only letters, or marks within text."""
    if _INVISIBLE.search(text):
        return False
    return not left.translate(None, _ASCII_ONLY) or not _INDICATOR.search(text)


def _is_plain_flow(data: bytes) -> bool:
    """Tell whether every bracket is closed in its line, and no colon stands where the parsers might differ."""
    if _holds(data.translate(_FLOW_TO_COMMA), _DOUBTFUL_COLONS):
        return False
    brackets = data.translate(_BRACES_TO_BRACKETS) + b"\n"
    place = brackets.find(b"[")
    while place >= 0:
        if brackets.find(b"]", place, brackets.find(b"\n", place)) < 0:
            return False
        place = brackets.find(b"[", place + 1)
    return True


def _depth(value: Any) -> int:
    items = value.values() if type(value) is dict else value
    return 1 + max((_depth(item) for item in items if type(item) is dict or type(item) is list), default=0)


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
