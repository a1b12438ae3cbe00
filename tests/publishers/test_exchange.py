"""One request to a site: what it comes to when the site does not behave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from reconciler.publishers.exchange import exchange, make_client
from reconciler.publishers.port import PublishFailure


@pytest.fixture
def dripping() -> Iterator[str]:
    """A site that sends one byte after the other, each in time, and never the last one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_over = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                try:
                    while not is_over.wait(0.05):
                        connection.sendall(b"x")
                except OSError:
                    pass  # whoever asked has left

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        is_over.set()
        thread.join(5)


@pytest.mark.timeout(20)
def test_a_site_that_never_ends_its_answer_keeps_nobody_waiting(dripping):
    with make_client(0.2) as client:
        end = exchange(client, "GET", dripping)
    assert isinstance(end, PublishFailure) and end.scope == "try-again"
    assert end.message.endswith("does not come to the end of its answer")
