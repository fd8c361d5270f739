"""A relay in front of a server that forwards everything, and can lose answers: for what may have arrived."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable

LARGE = 6000
"""Bytes from a client after which it has sent a whole request, where the test makes it so large."""


class LosingRelay:
    """Listens on a port of loopback. The first connection that sends more than LARGE bytes gets no answer to that: the
    relay waits until `arrived` and closes it. All others pass."""

    def __init__(self, target: int, arrived: Callable[[], bool]) -> None:
        self._target, self._arrived = target, arrived
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lost = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server, \
                selectors.DefaultSelector() as ready, contextlib.suppress(OSError):  # fmt: skip
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            from_client = 0
            while True:
                for key, _ in ready.select():
                    source, sink = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    piece = source.recv(1 << 16)
                    if not piece:
                        return
                    sink.sendall(piece)
                    from_client += len(piece) if source is client else 0
                    if from_client > LARGE and not self.lost:
                        self.lost += 1
                        while not self._arrived():
                            pass
                        return
