"""When a message that was not taken is sent again: a decision, made from how often it was tried."""

from __future__ import annotations

from datetime import timedelta

from reconciler.notifiers.port import DeliveryFailure

# The waits after each try; after the last there is none, and the message is dead. Together they are nine hours.
WAITS = (
    timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=6),
)  # fmt: skip
ATTEMPTS_MAX = len(WAITS) + 1


def wait_after(failure: DeliveryFailure, attempts: int) -> timedelta | None:
    """Return how long to wait after so many tries, None when it is over. What the receiver asks for counts if longer."""
    if failure.permanent or attempts >= ATTEMPTS_MAX:
        return None
    return max(WAITS[attempts - 1], timedelta(seconds=failure.retry_after_seconds))
