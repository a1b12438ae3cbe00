"""Asking runs to stop, and waiting that ends when somebody does."""

from __future__ import annotations

import asyncio

from reconciler.clock import Clock


class StopSignal:
    """Asks runs to stop between items; waiting for it ends a delay early."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def request(self) -> None:
        """Ask every run to stop at its next item."""
        self._event.set()

    @property
    def is_requested(self) -> bool:
        """Tell whether somebody asked."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait until somebody asks."""
        await self._event.wait()


async def sleep_unless_stopped(clock: Clock, stop: StopSignal, seconds: float) -> None:
    """Wait so many seconds, or until somebody asks to stop."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    stopping = asyncio.ensure_future(stop.wait())
    _, pending = await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
