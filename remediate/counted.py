"""A context in which every started process is counted: what a step costs, and whether it asks the other node."""

from __future__ import annotations

from checks.probes.node import Node
from checks.probes.process import CompletedCommand
from remediate.context import LOOK, Context, PeerTransport, Transport
from remediate.machine import Machine
from remediate.session import Channel

Started = list[str]
"""The command lines that were started."""


def counted(context: Context, started: Started) -> Context:
    """The same context; what is started on it is added to the list."""
    peer = None if context.peer is None else _CountedPeer(context.peer, started)
    return context._replace(here=_CountedTransport(context.here, started), peer=peer)


class _CountedTransport(Transport):
    def __init__(self, way: Transport, started: Started) -> None:
        self.via = way.via
        self._way, self._started = way, started

    @property
    def machine(self) -> Machine | None:
        """As the way's own."""
        return self._way.machine

    def node(self, seconds: float = LOOK) -> Node:
        """As the way's own."""
        node = self._way.node(seconds)
        node.started = self._started
        return node

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """As the way's own."""
        self._started.append(" ".join(argv))
        return self._way.act(argv, seconds)

    def talk(self, argv: tuple[str, ...]) -> Channel:
        """As the way's own."""
        self._started.append(" ".join(argv))
        return self._way.talk(argv)


class _CountedPeer(_CountedTransport, PeerTransport):
    """The way to the other node, which stays one."""

    def __init__(self, way: PeerTransport, started: Started) -> None:
        super().__init__(way, started)
        self._peer = way

    @property
    def has_answered(self) -> bool:
        """As the way's own."""
        return self._peer.has_answered
