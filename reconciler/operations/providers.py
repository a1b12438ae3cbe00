"""Adapters for the providers of a catalogue, made when a call is about to go out; secrets are resolved here, then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import UnreachableError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.credentials import resolve_secret
from reconciler.pipeline.decisions import ChosenModel
from reconciler.pipeline.port import SiteContext
from reconciler.providers import find_adapter
from reconciler.providers.port import Provider

# Calls in flight at once in one process, over all providers and sites.
CALLS_MAX = 64
_OFFLINE = ProviderSpec(type="ai", adapter="offline")


@dataclass(slots=True)
class ProviderPool:
    """One adapter a provider. With `offline` every provider is stood in for and no secret is touched."""

    root: Path
    offline: bool
    calls_max: int = CALLS_MAX
    _made: dict[str, Provider] = field(default_factory=dict)
    _stopped: dict[str, str] = field(default_factory=dict)
    _slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _answered: dict[str, int] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._room = asyncio.Semaphore(self.calls_max)

    def adapter_for(self, context: SiteContext, chosen: ChosenModel) -> Provider:
        """Return the adapter that calls a model; UnreachableError when this installation cannot make it."""
        if self.offline:
            return self.adapter_of("offline", _OFFLINE)
        return self.adapter_of(chosen.model.provider, context.providers.providers[chosen.model.provider])

    def adapter_of(self, name: str, spec: ProviderSpec) -> Provider:
        """Return the adapter of a provider; UnreachableError when this installation cannot make it."""
        if name not in self._made:
            self._made[name] = self._make(name, spec)
        return self._made[name]

    def _make(self, name: str, spec: ProviderSpec) -> Provider:
        adapter = find_adapter(spec.adapter)
        if adapter is None:
            raise UnreachableError(
                f"provider {name}: this version has no adapter for {spec.adapter}",
                hint="use --offline, which stands in for every provider",
            )
        key = spec.credentials.api_key
        secrets = {} if key is None or self.offline else {"api_key": resolve_secret(self.root, name, key)}
        try:
            return adapter.make(spec, secrets)
        except UnreachableError as error:
            raise UnreachableError(f"provider {name}: {error.message}", hint=error.hint) from error

    def stop(self, name: str, reason: str) -> None:
        """Send nothing more to a provider from here: a person has to act first."""
        self._stopped.setdefault(name, reason)

    def why_stopped(self, name: str) -> str:
        """Return why nothing more goes to a provider, "" while it does."""
        return self._stopped.get(name, "")

    @contextlib.asynccontextmanager
    async def slot(self, name: str, concurrency: int) -> AsyncIterator[None]:
        """Wait for room at a provider; across processes the database keeps count."""
        slots = self._slots.get(name)
        if slots is None:
            slots = self._slots[name] = asyncio.Semaphore(concurrency)
        async with slots:
            yield

    @contextlib.asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Wait for room in this process, with all else done: who has it waits for an answer, and for nothing else."""
        async with self._room:
            yield

    def answered(self, name: str) -> int:
        """Return how many calls to a provider were answered here, and are still in flight by the database."""
        return self._answered.get(name, 0)

    def count_answered(self, name: str, change: int) -> None:
        """Count an answer that came (1), or that was written down (-1)."""
        self._answered[name] = self.answered(name) + change

    async def close(self) -> None:
        """Release every adapter."""
        for provider in self._made.values():
            await provider.close()
        self._made.clear()
