"""What a call may cost at most, and whether it may go out: domain section 5.3, step 2."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.ledger.pricing import Rates
from reconciler.money import divide_up

OUTPUT_TOKENS_MIN = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left, in credits, before each limit; None = there is no such limit."""

    stage: int | None
    site_month: int | None
    account_month: int | None
    available: int
    run: int | None = None

    @property
    def smallest(self) -> int:
        """Return the credits that the next call may hold at most."""
        budgets = (self.stage, self.site_month, self.account_month, self.run)
        return max(0, min([self.available, *(left for left in budgets if left is not None)]))


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may go out with this hold; `max_tokens` is what is left of the wish after clamping."""

    credits: int
    max_tokens: int = 0
    clamped: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The call does not fit; the stage stops with this reason."""

    required: int
    available: int

    @property
    def reason(self) -> str:
        """Return the sentence that users see."""
        return f"Insufficient credits. Required: {self.required}, Available: {self.available}"


def admit_text(rates: Rates, input_tokens: int, max_tokens: int, limits: Limits) -> Admitted | Refused:
    """Decide on a text call: whole if it fits, with fewer output tokens if those still make sense, else not at all."""
    if rates.tokens_per_credit is None:
        raise ValueError(f"{rates.model} has no tokens_per_credit")
    required = divide_up(input_tokens + max_tokens, rates.tokens_per_credit)
    if required <= limits.smallest:
        return Admitted(required, max_tokens)
    affordable = limits.smallest * rates.tokens_per_credit - input_tokens
    if affordable < min(OUTPUT_TOKENS_MIN, max_tokens):
        return Refused(required, limits.smallest)
    return Admitted(divide_up(input_tokens + affordable, rates.tokens_per_credit), affordable, clamped=True)


def admit_images(rates: Rates, images: int, limits: Limits) -> Admitted | Refused:
    """Decide on an image call: it fits or it does not."""
    if rates.credits_per_image is None:
        raise ValueError(f"{rates.model} has no credits_per_image")
    required = images * rates.credits_per_image
    return Admitted(required) if required <= limits.smallest else Refused(required, limits.smallest)


def stage_budget(available: int, budget_pct: int) -> int:
    """Return a stage's budget in credits: its share of what was available when the run started, rounded down."""
    return available * budget_pct // 100
