"""Token counts where no tokenizer is at hand: an estimate from the text, and an upper bound for holds.

Byte-pair encodings spend about one token on four bytes of Latin prose and never more than one a byte. Words and
punctuation marks are counted too, because short words cost a whole token each; the larger of both is taken.
"""

from __future__ import annotations

import re

from reconciler.money import divide_up

_PIECE = re.compile(r"\w+|[^\w\s]")
_SMALL_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|[^\w\s]|_|(?<=\s)(?=\d)")
_WIDE = re.compile(r"[\u0370-\uffff]+|[\U00010000-\U0010ffff]+")


def count_tokens(text: str) -> int:
    """Return the estimated number of tokens of a text; 0 for an empty one."""
    return max(divide_up(len(text.encode()), 4), len(_PIECE.findall(text)))


def count_tokens_upper(text: str) -> int:
    """Return a token count for a hold that is hardly ever too low: a tenth on top, and 16 for the envelope.

    Numbers count a token for three digits, other scripts than Latin one for two bytes, and what needs four bytes (emoji)
    one for each: that is what the least fitting vocabulary spends. docs/how-to/providers.md has the measured error.
    """
    wide = _WIDE.findall(text)
    dense = sum(len(piece.encode()) if ord(piece[0]) > 0xFFFF else divide_up(len(piece.encode()), 2) for piece in wide)
    narrow = _WIDE.sub(" ", text)
    plain = max(divide_up(len(narrow.encode()), 4), len(_SMALL_PIECE.findall(narrow)))
    return divide_up(max(plain + dense, count_tokens(text)) * 11, 10) + 16
