"""Expressions as people write them in YAML: the pieces of a message, and the place of each character in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.diagnostics import Mark


@dataclass(frozen=True, slots=True)
class Written:
    """A text of a file: its value, and where the file has it. `begin` is where it begins in the whole value."""

    value: str
    whole: str
    file: str
    mark: Mark
    lines: Sequence[str]
    begin: int = 0

    def place(self, offset: int) -> Mark:
        """Return the place of a character of the value."""
        return _place(self.whole, self.lines, self.mark, self.begin + offset)

    def place_of_problem(self, line: int, column: int, name: str) -> Mark:
        """Return the place that a compiler names by line and column, counted from 1; below 1 is the whole text.

        Of a call it names the bracket, of a chain a dot; what is meant is the `name` before it.
        """
        if line < 1 or column < 1:
            return self.place(0) if self.begin else self.mark
        lines = self.value.split("\n")
        offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
        if name:
            offset = max(self.value.rfind(name, 0, offset + len(name)), 0)
        return replace(self.place(offset), length=max(1, len(name)))


def _place(value: str, lines: Sequence[str], mark: Mark, offset: int) -> Mark:
    """Return the place of a character of a scalar.

    However a scalar is written, YAML changes only its blanks and its escapes. So the characters that are no blanks are
    found in the file one after another.
    """
    line, column = mark.line - 1, mark.column - 1
    if line >= len(lines):
        return mark
    opening = lines[line][column : column + 1]
    if opening in ("|", ">"):
        line, column = line + 1, 0
    elif opening in ("'", '"'):
        column += 1
    found = None
    for index, character in enumerate(value[: offset + 1]):
        if character.isspace():
            if index == offset and found:
                return Mark(found[0] + 1, found[1] + 2)
            continue
        while line < len(lines):
            at = lines[line].find(character, column)
            if at >= 0:
                break
            line, column = line + 1, 0
        else:
            return mark
        found, column = (line, at), at + 1
    if found is None:
        return mark
    past = 2 if offset >= len(value) else 1
    return Mark(found[0] + 1, found[1] + past)


class MessageError(Exception):
    """The braces of a message do not fit: what is wrong, and the offset in the message."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def split_message(text: str) -> list[str | tuple[int, str]]:
    """Return the pieces of a message: text as it is, and offset and text of each expression in braces.

    Raises MessageError.
    """
    pieces: list[str | tuple[int, str]] = []
    plain = ""
    at = 0
    while at < len(text):
        if text[at : at + 2] in ("{{", "}}"):
            plain, at = plain + text[at], at + 2
        elif text[at] == "{":
            end = text.find("}", at)
            if end < 0:
                raise MessageError("the brace is not closed; write {{ for a brace", at)
            if not text[at + 1 : end].strip():
                raise MessageError("there is no expression in the braces", at)
            pieces += [plain, (at + 1, text[at + 1 : end])]
            plain, at = "", end + 1
        elif text[at] == "}":
            raise MessageError("the brace was not opened; write }} for a brace", at)
        else:
            plain, at = plain + text[at], at + 1
    return [piece for piece in (*pieces, plain) if piece]
