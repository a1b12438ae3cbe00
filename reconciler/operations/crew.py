"""The calls of one stage that are under way at once: who settles next, who holds credits, and whether they shall end."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from reconciler.operations.group_commit import GroupCommit
from reconciler.operations.passages import Locked

# The lease of a run is ten minutes long.
_RENEW_AFTER = timedelta(minutes=2)


class Turn:
    """A call's place in the order of settling: it comes once all before it have settled, or have let others pass."""

    def __init__(self, before: Turn | None = None) -> None:
        self._before = before
        self._over = asyncio.Event()

    async def come(self) -> None:
        """Wait for one's turn."""
        before = self._before
        if before is not None:
            await before.come()
            await before._over.wait()
            self._before = None

    def pass_on(self) -> None:
        """Let those behind go on: this call has settled, or will take longer than one answer takes."""
        self._over.set()


class Crew:
    """Counts the calls that hold credits, so that one which finds too few can wait until the others return some.

    Those that are admitted at once are admitted in one transaction, and so are those that settle at once.
    """

    def __init__(self) -> None:
        self.admissions = GroupCommit(Locked)
        self.settlements = GroupCommit(lambda: None)
        self.is_closing = False
        self.is_refused = False
        self.held_credits = 0
        self._holding = 0
        self._last: Turn | None = None
        self._changed = asyncio.Event()
        self._renewed_at: datetime | None = None

    def must_renew(self, now: datetime) -> bool:
        """Tell whether the run's lease has not been renewed for a while; who is told so renews it."""
        if self._renewed_at is not None and timedelta(0) <= now - self._renewed_at < _RENEW_AFTER:
            return False
        self._renewed_at = now
        return True

    def next_turn(self) -> Turn:
        """Return the turn of the next call to begin."""
        self._last = Turn(self._last)
        return self._last

    def close(self) -> None:
        """Let no further call go out; those that are out settle."""
        self.is_closing = True

    @property
    def is_holding(self) -> bool:
        """Tell whether a call under way holds credits that may return."""
        return self._holding > 0

    def hold(self, credits: int) -> None:
        """Count a call that holds credits from now on."""
        self._holding += 1
        self.held_credits += credits

    def let_go(self, credits: int) -> None:
        """Count it no more, and wake those who wait for what it returned."""
        self._holding -= 1
        self.held_credits -= credits
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_credits(self) -> None:
        """Wait until a call that holds credits ends."""
        if self._holding:
            await self._changed.wait()
