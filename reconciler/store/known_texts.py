"""The texts of a site's items, kept in memory from call to call: a new one is compared with those that are like it alone.

What was added since the last look is read by id, so that the work of an answer does not grow with the site. A text that
seems to be repeated is looked up before it counts: items that were superseded meanwhile repeat nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event

from reconciler.pipeline.duplicates import KnownTexts, Near
from reconciler.store.tables import KEPT

# A process keeps so many texts, about half a kilobyte each, of what it looked at last; title and keyword in any case.
_KEPT_MAX, _COLUMNS_MIN = 200_000, 2


@dataclass(frozen=True, slots=True)
class SiteTexts:
    """The texts in one column of the items of a site, as they are in this transaction.

    For columns that nobody changes, of items that one transaction after the other adds.
    """

    connection: Connection
    site: str
    kind: str
    column: str

    def near(self, text: str) -> Near | None:
        """Return the text of a live item that this one repeats, or None."""
        memory = _memory_of(self.connection.engine)
        with memory.lock:
            parts = memory.parts
            near = self._known(parts).near(text)
            if near is None or self._is_live(near.of):
                return near
            # Something was superseded: what is left of it is read once, from the beginning.
            del parts[self._key]
            return self._known(parts).near(text)

    @property
    def _key(self) -> tuple[str, str, str]:
        return self.site, self.kind, self.column

    def _known(self, parts: _Parts) -> KnownTexts:
        part = parts.setdefault(self._key, _Part())
        parts.move_to_end(self._key)
        table = KEPT[self.kind]
        # Later looks go by the id alone: an index that begins with the site would lead through all that it has.
        of_site = sa.func.coalesce(table.c.site, "") if part.last_id else table.c.site
        where = (of_site == self.site, table.c.id > part.last_id, *self._live())
        for item_id, text in self.connection.execute(
            sa.select(table.c.id, table.c[self.column]).where(*where).order_by(table.c.id)
        ):
            part.known.add(str(text))
            part.last_id = int(item_id)
        _forget(parts)
        return part.known

    def _is_live(self, text: str) -> bool:
        table = KEPT[self.kind]
        where = (table.c.site == self.site, table.c[self.column] == text, *self._live())
        return self.connection.execute(sa.select(table.c.id).where(*where).limit(1)).first() is not None

    def _live(self) -> Sequence[sa.ColumnElement[bool]]:
        table = KEPT[self.kind]
        return (table.c.superseded_at.is_(None),) if "superseded_at" in table.c else ()


class _Part:
    """What is known of one column, up to an id."""

    def __init__(self) -> None:
        self.known = KnownTexts()
        self.last_id = 0


_Parts = OrderedDict[tuple[str, str, str], _Part]


class _Memory:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.parts = _Parts()

    def begin_anew(self) -> None:
        """Let go of everything. A look that another thread is at goes on with what it has, and is the last to see it.

        Without the lock: who is at a look may wait in the database for the one that rolls back here.
        """
        self.parts = _Parts()


def _forget(parts: _Parts) -> None:
    """Let go of what was not looked at for longest, while there is too much."""
    size = sum(len(part.known) for part in parts.values())
    while size > _KEPT_MAX and len(parts) > _COLUMNS_MIN:
        _, gone = parts.popitem(last=False)
        size -= len(gone.known)


_MEMORIES: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()


def _memory_of(engine: Engine) -> _Memory:
    memory = _MEMORIES.get(engine)
    if memory is None:
        memory = _MEMORIES[engine] = _Memory()
        # What was read of items that are then rolled back is no more, and SQLite gives their ids to others.
        event.listen(engine, "rollback", lambda _connection: memory.begin_anew())
    return memory
