"""What calls that are admitted in one transaction find out, they tell each other: is there room, what is left to pay with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.kinds.providers import Limits
from reconciler.pipeline.flow import Gate, Go, Sent, Traffic, WaitUntil, after_probe_sent, looks_at_sent, may_send
from reconciler.store.budgets import Place
from reconciler.store.engine import Connection
from reconciler.store.gates import gate_of, keep_gate, lock_provider, traffic_of
from reconciler.store.ledger import Funds


@dataclass(frozen=True, slots=True)
class Locked:
    """What one transaction has locked, and so knows until it ends: providers, and what calls could be paid from."""

    passages: Passages = field(default_factory=lambda: Passages())
    funds: dict[Place, Funds] = field(default_factory=dict)


class Passages:
    """What is known of providers within one transaction: while they are locked, nobody else decides about them."""

    def __init__(self) -> None:
        self._locked: set[str] = set()
        self._known: dict[tuple[str, str], tuple[Gate, Traffic]] = {}

    def lock(self, connection: Connection, provider: str) -> None:
        """Let nobody else decide about the provider until the transaction ends."""
        if provider not in self._locked:
            lock_provider(connection, provider)
            self._locked.add(provider)

    def pass_gate(
        self, connection: Connection, provider: str, model: str, limits: Limits, tokens: int, now: datetime, *,
        timeout: timedelta, answered: int,
    ) -> Go | WaitUntil:  # fmt: skip
        """Decide on a request of so many tokens to a provider that is locked; no call lasts longer than `timeout`.

        `answered`: so many calls are in flight by the database alone.
        """
        found = self._known.get((provider, model))
        if found is None:
            gate = gate_of(connection, provider, model)
            with_sent = looks_at_sent(gate, limits)
            found = gate, traffic_of(connection, provider, model, now, timeout=timeout, with_sent=with_sent)
            self._known[provider, model] = found
        gate, traffic = found
        real = replace(traffic, in_flight=max(0, traffic.in_flight - answered))
        passage = may_send(gate, real, limits, tokens, now)
        if isinstance(passage, Go) and passage.is_probe:
            gate = after_probe_sent(gate, now + timeout)
            keep_gate(connection, provider, model, gate)
            self._known[provider, model] = gate, traffic
        return passage

    def note(self, provider: str, model: str, tokens: int, now: datetime) -> None:
        """Count a request that was admitted: the next one of this transaction finds it in flight."""
        found = self._known.pop((provider, model), None)
        # What is known of its other models counts this request, too: that is read anew.
        for key in [key for key in self._known if key[0] == provider]:
            del self._known[key]
        if found is not None:
            gate, traffic = found
            sent = Sent(now, tokens)
            grown = Traffic((*traffic.sent, sent), (*traffic.sent_to_model, sent), traffic.in_flight + 1)
            self._known[provider, model] = gate, grown
