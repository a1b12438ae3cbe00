"""A TCP proxy to a database server that cuts the connection after so many messages of the client."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class CutProxy:
    """Passes on what both sides say. After `cut_after` pieces from the client everything is cut, and stays so.

    With `answers_lost` the last piece still reaches the server, and only its answer is lost.
    """

    host: str
    port: int
    cut_after: int = 0
    answers_lost: bool = False
    pieces: int = 0
    _listener: socket.socket = field(init=False)
    _is_cut: bool = False

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def own_port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                client.close()
                continue
            server = socket.create_connection((self.host, self.port))
            for source, target, counts in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass_on, args=(source, target, counts), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(65536):
                self.pieces += counts
                is_last = counts and self.pieces == self.cut_after
                if is_last and not self.answers_lost:
                    break
                if not counts and self._is_cut:
                    break
                # The answer to the last piece must find the way closed.
                self._is_cut = self._is_cut or is_last
                target.sendall(data)
        except OSError:
            pass
        self._is_cut = self._is_cut or (counts and 0 < self.cut_after <= self.pieces)
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                end.close()
