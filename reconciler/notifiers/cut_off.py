"""Ends a conversation that takes too long: a timeout of a socket is about each read, not about all of them together."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def cut_off_after(seconds: float, sockets: Callable[[], list[socket.socket]]) -> Iterator[threading.Event]:
    """Shut the sockets down when the block lasts longer; the event that it yields tells that this was done."""
    was_cut = threading.Event()

    def cut() -> None:
        was_cut.set()
        for item in sockets():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(item, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield was_cut
    finally:
        timer.cancel()
