"""Token counts where no tokenizer is at hand: an estimate from the text, and an upper bound for holds.

Byte-pair encodings spend about one token on four bytes of Latin prose and never more than one a byte. Words and
punctuation marks are counted too, because short words cost a whole token each; the larger of both is taken.
"""

from __future__ import annotations

import re

from reconciler.money import divide_up
from reconciler.usage import Usage

_PIECE = re.compile(r"\w+|[^\w\s]")
_SMALL_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|[^\w\s]|_|(?<=\s)(?=\d)")
# How far a provider's own count may be from what can be: envelopes, schemas and reasoning are not ours to count.
_TIMES_MAX, _TOKENS_BESIDE = 4, 8_000
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


def believable_usage(usage: Usage, prompt: str, text: str, max_tokens: int) -> tuple[Usage, str]:
    """Return the tokens of a text call, and why they are an estimate, "" when they are the provider's own count.

    A provider that tells none, or what cannot be, is not believed: the prompt and the answer are counted here. An answer
    that nobody counted and that is empty has used the prompt's tokens.
    """
    estimate = Usage(count_tokens(prompt), 0, min(count_tokens(text), max_tokens), is_estimated=True)
    if not usage.total_tokens and not usage.cached_input_tokens:
        return estimate, "the provider told no usage: the tokens are an estimate"
    counts = (
        usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens,
    )  # fmt: skip
    input_max = _TIMES_MAX * count_tokens_upper(prompt) + _TOKENS_BESIDE
    output_max = _TIMES_MAX * max_tokens + _TOKENS_BESIDE
    fits = min(counts) >= 0 and usage.input_tokens <= input_max and usage.output_tokens <= output_max
    if fits and usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens:
        return usage, ""
    told = f"{usage.input_tokens} in, {usage.output_tokens} out"
    return estimate, f"the provider's usage cannot be true ({told}): the tokens are an estimate"
