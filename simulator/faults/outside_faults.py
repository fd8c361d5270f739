"""Faults that come from outside of a failover: other users of the demotion, the state directory's disk, a wrong peer.

See `faults.py`, which lists them with the others.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from simulator.faults.fault_registry import fault
from simulator.faults.fault_words import FARTHEST, FaultError, node_named, number
from simulator.faults.trouble import Lie

if TYPE_CHECKING:
    from simulator.pair import Pair


@fault
def demote(pair: Pair, node: str, amount: str = "240") -> None:
    """Something else on the node adds to net.inet.carp.demotion (negative: takes away), such as another interface."""
    here = node_named(pair, node)
    if not (here.on and "carp" in here.kernel.modules):
        raise FaultError(f"CARP is not loaded on {node}")
    here.network.demote(int(number(-FARTHEST, amount)), "another interface")


@fault
def state_read_only(pair: Pair, node: str) -> None:
    """The file system of /var/db/hastwatch is read-only (EROFS), and /var/run is another one."""
    node_named(pair, node).trouble.state_error = errno.EROFS


@fault
def state_full(pair: Pair, node: str) -> None:
    """The file system of /var/db/hastwatch is full (ENOSPC), and /var/run is another one."""
    node_named(pair, node).trouble.state_error = errno.ENOSPC


@fault
def var_read_only(pair: Pair, node: str) -> None:
    """The one file system of all of /var is read-only (EROFS): both directories of hastwatch, and the logs."""
    trouble = node_named(pair, node).trouble
    trouble.state_error = trouble.var_error = errno.EROFS


@fault
def var_full(pair: Pair, node: str) -> None:
    """The one file system of all of /var is full (ENOSPC): both directories of hastwatch, and the logs."""
    trouble = node_named(pair, node).trouble
    trouble.state_error = trouble.var_error = errno.ENOSPC


@fault
def state_ok(pair: Pair, node: str) -> None:
    """The state directory, and all of /var, can be written again."""
    trouble = node_named(pair, node).trouble
    trouble.state_error = trouble.var_error = 0


@fault
def peer_lies(pair: Pair, node: str, lie: str) -> None:
    """A node that asks the other one gets instead: oneself, stranger, old, nonsense, empty, endless."""
    try:
        node_named(pair, node).trouble.peer_lies = Lie[lie.upper()]
    except KeyError:
        raise FaultError(f"unknown lie {lie}; there are {', '.join(each.name.lower() for each in Lie)}") from None


@fault
def peer_tells_the_truth(pair: Pair, node: str) -> None:
    """The way to the other node leads there again."""
    node_named(pair, node).trouble.peer_lies = None


@fault
def no_flags(pair: Pair, node: str, point: str) -> None:
    """A mount point whose file system has no flags, such as an NFS root: chflags(1) is refused while it is empty."""
    here = node_named(pair, node)
    if not here.files.exists(point):
        raise FaultError(f"{point} is not there on {node}")
    here.files.find(point).immutable = False
    here.trouble.without_flags.add(point)
