"""Integer money: nano-USD for what providers cost us, credits for what customers are charged.

One nano-USD is 10^-9 USD, so one token of the cheapest model is still a whole number. This file holds the only
rounding rules: costs round half up, credits round up to the next whole credit.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import NewType

NanoUsd = NewType("NanoUsd", int)
Credits = NewType("Credits", int)

NANO_PER_USD = 1_000_000_000
_AMOUNT = re.compile(r"-?\d{1,9}(\.\d{1,9})?", re.ASCII)


def parse_usd(text: str) -> NanoUsd:
    """Return the nano-USD of a decimal string such as "0.00125"; ValueError when it is no exact amount."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is not a decimal amount of at most nine digits and nine decimals")
    return NanoUsd(int(Decimal(text) * NANO_PER_USD))


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half up (away from zero); both integers, the denominator above zero."""
    quotient = (abs(numerator) * 2 + denominator) // (denominator * 2)
    return quotient if numerator >= 0 else -quotient


def divide_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded up; both integers, the denominator above zero."""
    return -(-numerator // denominator)


def format_usd(nano: int, places: int = 4) -> str:
    """Return nano-USD as a readable amount, e.g. `$0.0530` or `-$1.2000`."""
    amount = (Decimal(abs(nano)) / NANO_PER_USD).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{'-' if nano < 0 else ''}${amount:,}"


def usd_text(nano: int) -> str:
    """Return nano-USD as an exact decimal string without exponent or trailing zeros, e.g. "0.00125"."""
    text = f"{Decimal(nano) / NANO_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent_tenths(part: int, whole: int) -> int:
    """Return part/whole in tenths of a percent, rounded half up; 0 where the whole is 0."""
    if whole == 0:
        return 0
    sign = -1 if (part < 0) != (whole < 0) else 1
    return sign * divide_half_up(abs(part) * 1000, abs(whole))


def format_percent(tenths: int) -> str:
    """Return tenths of a percent as text, e.g. 605 -> `60.5 %`."""
    return f"{'-' if tenths < 0 else ''}{abs(tenths) // 10}.{abs(tenths) % 10} %"
