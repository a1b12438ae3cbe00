"""The port of a notifier: one message in, a delivery or a failure out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.kinds.platform import Channel

# A message is small and its receiver near: who takes longer is cut off, however the time is spent.
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Message:
    """What is told. `id` is the same at every try, so that a receiver can tell a repetition."""

    id: str
    event: str
    text: str
    at: datetime
    account: str | None = None
    site: str | None = None
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a channel is reached, and with which secrets. Neither is ever shown: an address may be a secret."""

    address: str = field(repr=False)
    user: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The receiver took the message; `note` tells what it did not take of it."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """The receiver did not take the message. A permanent failure is not tried again."""

    message: str
    permanent: bool = False
    retry_after_seconds: int = 0


class Notifier(Protocol):
    """Tells one channel."""

    def send(self, message: Message, now: datetime) -> Delivery | DeliveryFailure:
        """Send a message and return how it went; never raises for what the other side does."""


@dataclass(frozen=True, slots=True)
class NotifierType:
    """A way to tell, by the `type` of a channel."""

    name: str
    make: Callable[[Channel, Reach], Notifier]
