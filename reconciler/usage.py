"""What one provider call consumed, the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and images of one call, as the provider bills them.

    `input_tokens` includes those read from and written to the provider's cache and those of images; `output_tokens`
    includes reasoning and the tokens of images. The other counts are parts of these two, 0 when nobody told.
    `is_estimated` marks what the provider did not say and we have counted ourselves.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    is_estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Return the tokens that credits are computed from."""
        return self.input_tokens + self.output_tokens
