"""The network between the two nodes and the client: who hears whom, and for which kind of traffic.

A cut is silent, as a pulled cable behind a switch is: both ends stay up and nothing arrives. A lost carrier is a matter
of the interface (`carp.py`), not of the link.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Traffic(Enum):
    """What a cut can concern."""

    CARP = "carp"
    HAST = "replication"
    CLIENT = "clients"
    MANAGEMENT = "management"
    """ssh and ping on the management network, which has a switch of its own."""


EVERYTHING = frozenset(Traffic)
SERVICE_NETWORK = EVERYTHING - {Traffic.MANAGEMENT}
"""What goes over the link that carries replication, CARP and NFS."""


class NetworkLink:
    """Which frames get lost, by sender, receiver and kind of traffic."""

    def __init__(self) -> None:
        self._lost: set[tuple[str, str, Traffic]] = set()
        self.on_heal: list[Callable[[], None]] = []

    def cut(self, sender: str, receiver: str, traffic: frozenset[Traffic] = EVERYTHING) -> None:
        """Frames from `sender` to `receiver` get lost from now on; the other direction is not touched."""
        self._lost |= {(sender, receiver, kind) for kind in traffic}

    def heal(self) -> None:
        """Everything arrives again."""
        self._lost.clear()
        for action in self.on_heal:
            action()

    def passes(self, sender: str, receiver: str, traffic: Traffic) -> bool:
        """A frame sent now would arrive."""
        return (sender, receiver, traffic) not in self._lost

    def both_ways(self, one: str, other: str, traffic: Traffic) -> bool:
        """A connection between the two would work."""
        return self.passes(one, other, traffic) and self.passes(other, one, traffic)

    @property
    def cuts(self) -> list[str]:
        """What is lost now, one line each, for people."""
        return sorted(f"{sender} -> {receiver}: {kind.value}" for sender, receiver, kind in self._lost)
