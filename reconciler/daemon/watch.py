"""Watches a config root and wakes the loop once the files have been still for a moment."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from reconciler.kinds import KINDS

DEBOUNCE_SECONDS = 0.3


class _Handler(FileSystemEventHandler):
    """Tells the loop about changes of files that belong to the config; runs in the observer's thread."""

    def __init__(self, root: Path, loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
        self._root = root
        self._loop = loop
        self._changed = changed
        self._places = {kind.place.split("/")[0] for kind in KINDS} | {"keywords"}

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in ("opened", "closed_no_write"):
            return
        for name in (event.src_path, event.dest_path):
            if name and self._belongs(Path(str(name))):
                self._loop.call_soon_threadsafe(self._changed.set)
                return

    def _belongs(self, path: Path) -> bool:
        parts = path.relative_to(self._root).parts if path.is_relative_to(self._root) else ()
        return bool(parts) and parts[0] in self._places


@contextlib.contextmanager
def watched(root: Path, changed: asyncio.Event) -> Iterator[None]:
    """Set the event whenever a config file below the root changes, as long as the block lasts."""
    # A folder that appears while the watch begins is added twice; the second time takes the first one's place.
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)
    real = root.resolve()
    observer = Observer()
    observer.schedule(_Handler(real, asyncio.get_running_loop(), changed), str(real), recursive=True)
    observer.start()
    try:
        yield
    finally:
        observer.stop()
        observer.join()


async def settle(changed: asyncio.Event) -> None:
    """Wait until no change has come for a moment: an editor writes several files, git many."""
    while True:
        changed.clear()
        try:
            await asyncio.wait_for(changed.wait(), DEBOUNCE_SECONDS)
        except TimeoutError:
            return
