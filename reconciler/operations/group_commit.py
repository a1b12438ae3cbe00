"""Group commit: what calls that are under way beside each other write at once goes into one transaction.

A commit waits for the disk; sixty-four calls that end together need one such wait, not sixty-four. Each write stays whole
by itself: when one of a group fails, the group is rolled back and each is made in a transaction of its own; when the
database is busy or away, each fails at once, and whoever waits for it tries again.

Nothing else happens while a group is written. So it waits until what has arrived is read and what is ready is sent: a
place at a provider that stands empty costs more than a write that is a little later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reconciler.errors import LockedError, UnreachableError
from reconciler.store.engine import Connection, Database
from reconciler.store.statements import together

# So many writes a transaction, and a turn of the event loop, at most: nobody waits for longer for what it has locked.
_GROUP_MAX = 16
# A group that is not full waits so many turns of the event loop: from an answer's bytes to its end it takes several.
_TURNS = 10

_T = TypeVar("_T")
_N = TypeVar("_N")


@dataclass(frozen=True, slots=True)
class _Write:
    """One write that waits: what it does, what takes back whatever it noted outside of the database, and its result."""

    work: Callable[[Connection, Any], Any]
    undo: Callable[[Any], None]
    future: asyncio.Future[Any]

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody still waits for its result."""
        return not self.future.done()


class GroupCommit(Generic[_N]):
    """Writes of one kind, in the order in which they come. The writes of a transaction share what `make_notes` returns."""

    def __init__(self, make_notes: Callable[[], _N]) -> None:
        self._make_notes = make_notes
        self._waiting: deque[tuple[Database, _Write]] = deque()

    def add(
        self, database: Database, work: Callable[[Connection, _N], _T], *, undo: Callable[[_T], None] = lambda _: None
    ) -> asyncio.Future[_T]:
        """Write with whatever else comes in the next turns of the event loop; the result stands once it is committed.

        `work` may be called twice: its transaction may be rolled back because of another's failure. Then `undo` is given
        what it returned. It raises what it would raise alone; when the commit fails, or the database is busy or away, all
        of the group do.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._gather, loop, _TURNS)
        future: asyncio.Future[_T] = loop.create_future()
        self._waiting.append((database, _Write(work, undo, future)))
        return future

    def _gather(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        if turns and len(self._waiting) < _GROUP_MAX:
            loop.call_soon(self._gather, loop, turns - 1)
            return
        self._commit()
        if self._waiting:
            loop.call_soon(self._gather, loop, _TURNS)

    def _commit(self) -> None:
        database = self._waiting[0][0]
        group: list[_Write] = []
        while self._waiting and self._waiting[0][0] is database and len(group) < _GROUP_MAX:
            write = self._waiting.popleft()[1]
            if write.is_wanted:
                group.append(write)
        if len(group) < 2 or not _write_together(database, group, self._make_notes()):
            for write in group:
                _write_alone(database, write, self._make_notes())


def _write_together(database: Database, group: list[_Write], notes: Any) -> bool:
    """Write a group in one transaction; False when one of it failed, and nothing was written."""
    results: list[Any] = []
    is_done = False
    try:
        with database.write() as connection:
            with together(connection):
                results.extend(write.work(connection, notes) for write in group)
            is_done = True
    except Exception as error:
        for write, result in zip(group, results, strict=False):
            write.undo(result)
        if not is_done and not isinstance(error, LockedError | UnreachableError):
            return False
        # The database is busy or away, and would keep each of them waiting in vain. Or the commit itself failed, and may
        # have arrived all the same: who waits for it has to look.
        for write in group:
            write.future.set_exception(error)
        return True
    for write, result in zip(group, results, strict=True):
        write.future.set_result(result)
    return True


def _write_alone(database: Database, write: _Write, notes: Any) -> None:
    results: list[Any] = []
    try:
        with database.write() as connection, together(connection):
            results.append(write.work(connection, notes))
    except Exception as error:
        for result in results:
            write.undo(result)
        write.future.set_exception(error)
        return
    write.future.set_result(results[0])
