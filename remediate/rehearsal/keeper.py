"""What keeps a losing copy on a simulated pair: the real salvage, over the trees of simulated mounts.

The salvage itself is written to a real directory of this machine, as everything that hastwatch remembers is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remediate.recovery.preservation import Keeper, Mode
from remediate.rehearsal.mount_tree import MountTree

if TYPE_CHECKING:
    from remediate.context import Context
    from remediate.failover.resource import Place
    from remediate.recovery.items import Tree
    from simulator.node import Node


class SimulatedKeeper(Keeper):
    """Keeps the copy of a simulated node."""

    def __init__(self, node: Node, mode: Mode, target: str = "") -> None:
        super().__init__(mode, target)
        self._node = node

    def losing(self, context: Context, point: str) -> Tree:
        """The copy of this node, at the point where it is open for reading."""
        return MountTree(self._node, point)

    def winner(self, context: Context, place: Place) -> Tree:
        """The copy of the other node, where it is mounted."""
        return MountTree(self._node.pair.peer(self._node), place.point)
