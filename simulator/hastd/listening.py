"""hastd's sockets while hastd is stuck: connections wait in a queue, and are turned away when it is full.

A refusal, or a reset, therefore does not prove that hastd is gone (freebsd-facts: refused-is-not-dead).
"""

from __future__ import annotations

BACKLOG = 8
"""listen(2) in `proto_uds.c`, uds_server(), and in `proto_tcp.c`, tcp_server()."""
PENDING = 3 * BACKLOG // 2
"""`uipc_socket.c sonewconn()`, `solisten_clone()` in 15: a connection is refused where more than these are pending."""


class ListenQueue:
    """Connections that nobody has accepted. One that its client has closed stays until hastd accepts it."""

    def __init__(self) -> None:
        self._pending = 0

    def emptied(self) -> None:
        """hastd accepts what is pending, or is gone and its socket with it."""
        self._pending = 0

    def takes_one(self) -> bool:
        """Whether one more has room."""
        if self._pending > PENDING:
            return False
        self._pending += 1
        return True


class ControlSocket(ListenQueue):
    """That of hastctl, whose call a stuck hastd may have accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        """hastd has accepted a call and waits for a stopped worker to answer it."""

    def emptied(self) -> None:
        """As for any, and nobody waits for a worker."""
        super().emptied()
        self.busy = False

    def connects(self, stopped: bool) -> bool:
        """Whether the socket of a stuck hastd takes one more. `stopped`: hastd itself is; else it waits for a worker,
        for which it has accepted one call."""
        if not stopped and not self.busy:
            self.busy = True
            return True
        return self.takes_one()
