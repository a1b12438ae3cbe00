"""May a request go to a provider now? One pure decision from what the database knows, the same for every process.

The limits need no counters of their own: every request is an attempt in the database before it goes out, so the last
minute's attempts are the window, and a process that dies leaves nothing behind that would have to be given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.kinds.providers import Limits
from reconciler.providers.port import RateWindow

WINDOW = timedelta(minutes=1)
# A request is counted when it is written down; it arrives a little later, and so does its place in the window.
SLACK = timedelta(seconds=1)
# How soon to look again when only a call that ends can make room.
LOOK_AGAIN = timedelta(seconds=1)
BREAK_AFTER = 5
OPEN_SECONDS = 30
OPEN_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of the last minute: when it was written down, and its tokens, estimated while it is in flight."""

    at: datetime
    tokens: int


@dataclass(frozen=True, slots=True)
class Gate:
    """What is remembered of a provider's model: its breaker, and what its headers last said, as of `seen_at`."""

    failures: int = 0
    opened: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None
    reason: str = ""
    requests_left: int | None = None
    requests_reset_at: datetime | None = None
    tokens_left: int | None = None
    tokens_reset_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What goes on at a provider: requests of the last minute, oldest first, those to the model, and those in flight."""

    sent: Sequence[Sent]
    sent_to_model: Sequence[Sent]
    in_flight: int


@dataclass(frozen=True, slots=True)
class Go:
    """The request may go out; as a probe it decides for all whether the model is back.

    `is_clear`: nothing is remembered that an answer would have to mend.
    """

    is_probe: bool = False
    is_clear: bool = False


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Ask again then. `is_broken`: nothing comes through at present, so that another model should be tried first."""

    at: datetime
    reason: str
    is_broken: bool = False


def may_send(gate: Gate, traffic: Traffic, limits: Limits, tokens: int, now: datetime) -> Go | WaitUntil:
    """Decide on a request of so many tokens (prompt and longest answer)."""
    probe = False
    if gate.open_until is not None:
        if gate.open_until > now:
            return WaitUntil(gate.open_until, gate.reason, is_broken=True)
        if gate.probe_until is not None and gate.probe_until > now:
            return WaitUntil(min(gate.probe_until, now + LOOK_AGAIN), gate.reason, is_broken=True)
        probe = True
    waits = [
        _wait_for_room(traffic.sent, limits.requests_per_minute, now),
        _wait_for_tokens(traffic.sent, limits.tokens_per_minute, tokens, now),
        _wait_for_headers(gate, traffic.sent_to_model, tokens, now),
        now + LOOK_AGAIN if traffic.in_flight >= limits.concurrency else now,
    ]
    at = max(waits)
    is_clear = not gate.failures and gate.open_until is None
    return Go(probe, is_clear) if at <= now else WaitUntil(at, "the limits of the provider")


def looks_at_sent(gate: Gate, limits: Limits) -> bool:
    """Tell whether the decision needs the requests of the last minute: only where something counts them."""
    is_counted = limits.requests_per_minute is not None or limits.tokens_per_minute is not None
    return is_counted or gate.requests_left is not None or gate.tokens_left is not None


def _wait_for_room(sent: Sequence[Sent], per_minute: int | None, now: datetime) -> datetime:
    if per_minute is None or len(sent) < per_minute:
        return now
    return sent[len(sent) - per_minute].at + WINDOW + SLACK


def _wait_for_tokens(sent: Sequence[Sent], per_minute: int | None, tokens: int, now: datetime) -> datetime:
    if per_minute is None:
        return now
    used = sum(item.tokens for item in sent)
    at = now
    # A request that is larger than the limit goes alone.
    for item in sent:
        if used + tokens <= per_minute:
            break
        used -= item.tokens
        at = item.at + WINDOW + SLACK
    return at


def _wait_for_headers(gate: Gate, sent: Sequence[Sent], tokens: int, now: datetime) -> datetime:
    """Return when the provider's own limits have room, counting what was sent since it told."""
    if gate.seen_at is None:
        return now
    since = [item for item in sent if item.at > gate.seen_at]
    at = now
    if gate.requests_left is not None and gate.requests_reset_at is not None and gate.requests_left <= len(since):
        at = max(at, gate.requests_reset_at)
    if gate.tokens_left is not None and gate.tokens_reset_at is not None:
        left = gate.tokens_left - sum(item.tokens for item in since)
        # Headers tell when all is whole again, not when there is enough; so only what is nearly used up waits.
        if left < min(tokens, max(1, gate.tokens_left)):
            at = max(at, gate.tokens_reset_at)
    return at


def after_answer(gate: Gate) -> Gate:
    """Return the gate after the provider answered, whatever it said: it is there."""
    return replace(gate, failures=0, opened=0, open_until=None, probe_until=None, reason="")


def after_outage(gate: Gate, reason: str, now: datetime) -> Gate:
    """Return the gate after a request that met no working provider; enough of them in a row open the breaker."""
    failures = gate.failures + 1
    was_probe = gate.open_until is not None
    if failures < BREAK_AFTER and not was_probe:
        return replace(gate, failures=failures, reason=reason)
    seconds = min(OPEN_SECONDS_MAX, OPEN_SECONDS * 2**gate.opened)
    return replace(
        gate, failures=failures, opened=gate.opened + 1, open_until=now + timedelta(seconds=seconds), probe_until=None,
        reason=reason,
    )  # fmt: skip


def after_probe_sent(gate: Gate, until: datetime) -> Gate:
    """Return the gate while one request finds out whether the provider is back."""
    return replace(gate, probe_until=until)


def after_headers(gate: Gate, window: RateWindow, now: datetime) -> Gate:
    """Return the gate with what the provider's headers say."""

    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else now + timedelta(seconds=seconds)

    return replace(
        gate, requests_left=window.requests_left, requests_reset_at=at(window.requests_reset_seconds),
        tokens_left=window.tokens_left, tokens_reset_at=at(window.tokens_reset_seconds), seen_at=now,
    )  # fmt: skip


def after_pause(gate: Gate, seconds: float, now: datetime) -> Gate:
    """Return the gate after the provider asked everybody to wait."""
    return replace(gate, requests_left=0, requests_reset_at=now + timedelta(seconds=seconds), seen_at=now)
