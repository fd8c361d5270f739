"""What the words of a fault stand for: a node, its processes, mounts and interfaces, a number. See `faults.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.host.processes import RunningProcess

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.pair import Pair
    from simulator.storage.mounts import Mount

FARTHEST = 1e6
"""The largest number of seconds, events or times that a fault takes."""


class FaultError(ValueError):
    """No such fault, node or process, or words that a fault can't use."""


def node_named(pair: Pair, name: str) -> Node:
    """Raises FaultError."""
    if name not in pair.nodes:
        raise FaultError(f"unknown node {name}; there are {', '.join(pair.nodes)}")
    return pair.nodes[name]


def mounts_of(pair: Pair, node: str) -> list[Mount]:
    """Its HAST file systems, of which there must be one. Raises FaultError."""
    mounts = list(node_named(pair, node).filesystems.mounts.values())
    if not mounts:
        raise FaultError(f"no HAST file system is mounted on {node}")
    return mounts


def set_carrier(pair: Pair, node: str, interface: str, carrier: bool) -> None:
    """The cable of an interface, of the first vhid's where none is named. Raises FaultError."""
    network, name = node_named(pair, node).network, interface or pair.layout.vhids[0].interface
    if name not in network.interfaces:
        raise FaultError(f"no interface {name} on {node}; there are {', '.join(network.interfaces) or 'none'}")
    network.set_carrier(name, carrier)


def number(least: float, text: str) -> float:
    """A number between `least` and FARTHEST. Raises ValueError."""
    given = float(text)
    if not least <= given <= FARTHEST:
        raise ValueError(f"{text} is not a number from {least:g} to {FARTHEST:g}")
    return given


def processes_of(pair: Pair, node: str, process: str) -> list[RunningProcess]:
    """The system's, by program name, or `worker` for the HAST workers, `worker:NAME` for one. Raises FaultError."""
    table = node_named(pair, node).processes.by_pid.values()
    if process.split(":")[0] == "worker":
        wanted = process.partition(":")[2]
        matching = [each for each in table if each.title.startswith(f"hastd: {wanted}") and each.user == "hast"]
    else:
        matching = [each for each in table if each.comm == process and each.of_the_system]
    if not matching:
        raise FaultError(f"no process {process} on {node}")
    return matching
