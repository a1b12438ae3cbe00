"""What one provider call consumed, the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and images of one call.

    `input_tokens` includes cached ones, `output_tokens` includes reasoning; both are what the provider bills.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0

    @property
    def total_tokens(self) -> int:
        """Return the tokens that credits are computed from."""
        return self.input_tokens + self.output_tokens
