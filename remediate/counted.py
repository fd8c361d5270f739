"""A site on which every process that is started is counted: what a step costs, and whether it asks the other node."""

from __future__ import annotations

from checks.probes.node import Node
from checks.probes.process import Completed
from remediate.machine import Machine
from remediate.session import Line
from remediate.site import LOOK, PeerWay, Site, Way

Started = list[str]
"""The command lines that were started."""


def counted(site: Site, started: Started) -> Site:
    """The same site; what is started on it is added to the list."""
    peer = None if site.peer is None else _CountedPeer(site.peer, started)
    return site._replace(here=_CountedWay(site.here, started), peer=peer)


class _CountedWay(Way):
    def __init__(self, way: Way, started: Started) -> None:
        self.via = way.via
        self._way, self._started = way, started

    @property
    def machine(self) -> Machine | None:
        """As the way's own."""
        return self._way.machine

    def node(self, seconds: float = LOOK) -> Node:
        """As the way's own."""
        made = self._way.node(seconds)
        made.started = self._started
        return made

    def act(self, argv: tuple[str, ...], seconds: float) -> Completed:
        """As the way's own."""
        self._started.append(" ".join(argv))
        return self._way.act(argv, seconds)

    def talk(self, argv: tuple[str, ...]) -> Line:
        """As the way's own."""
        self._started.append(" ".join(argv))
        return self._way.talk(argv)


class _CountedPeer(_CountedWay, PeerWay):
    """The way to the other node, which stays one."""

    def __init__(self, way: PeerWay, started: Started) -> None:
        super().__init__(way, started)
        self._peer = way

    @property
    def has_answered(self) -> bool:
        """As the way's own."""
        return self._peer.has_answered
