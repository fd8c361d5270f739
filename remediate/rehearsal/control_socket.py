"""hastd's control socket while hastd is stuck: connections wait in its queue, and are refused when the queue is full.

A refusal therefore does not prove that hastd is gone (hast-facts, 41).
"""

from __future__ import annotations

BACKLOG = 8
"""`proto_uds.c uds_server()`: listen(2)."""
PENDING = 3 * BACKLOG // 2
"""`uipc_socket.c sonewconn()`, `solisten_clone()` in 15: a connection is refused where more than these are pending."""


class ControlSocket:
    """Connections that nobody has accepted. One whose hastctl was killed stays until hastd accepts it."""

    def __init__(self) -> None:
        self._pending = 0
        self._busy = False
        """hastd has accepted a call and waits for a stopped worker to answer it."""

    def emptied(self) -> None:
        """hastd accepts what is pending, or is gone and its socket with it."""
        self._pending, self._busy = 0, False

    def connects(self, stopped: bool) -> bool:
        """Whether the socket of a stuck hastd takes one more. `stopped`: hastd itself is; else it waits for a worker,
        for which it has accepted one call."""
        if not stopped and not self._busy:
            self._busy = True
            return True
        if self._pending > PENDING:
            return False
        self._pending += 1
        return True
