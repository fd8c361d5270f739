"""What the parts of a node have of the host that they belong to, and of the pair that it is one of.

A part names the narrowest protocol that it needs: `Host`, or one that adds other parts, which stands with the part that
needs it. `node.py` is all of them; no part knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import random

    from simulator.account.writes import WriteLedger
    from simulator.clock import Clock
    from simulator.faults.trouble import InjectedTrouble
    from simulator.host.files import FileTree
    from simulator.host.processes import ProcessTable
    from simulator.host.processor import Processor
    from simulator.layout import NodeLayout, PairLayout
    from simulator.network.link import NetworkLink
    from simulator.release import Release


class HostPair(Protocol):
    """What both nodes share."""

    layout: PairLayout
    random: random.Random
    link: NetworkLink
    ledger: WriteLedger

    def note(self, node: str, text: str) -> None:
        """Add to the story."""
        ...

    def retransmit(self) -> None:
        """Something is reachable again: what is underway on TCP connections arrives."""
        ...


class Host(Protocol):
    """A node without the parts that depend on each other."""

    name: str
    layout: NodeLayout
    clock: Clock
    on: bool
    skew: float
    """Seconds by which its clock is ahead."""
    files: FileTree
    processes: ProcessTable
    processor: Processor
    installed: Release
    """What is on its root file system; the kernel may be another one."""
    trouble: InjectedTrouble

    @property
    def pair(self) -> HostPair:
        """What it shares with the other node."""
        ...

    @property
    def now(self) -> float:
        """The node's own idea of the time."""
        ...

    def syslog(self, path: str, line: str) -> None:
        """One line of a log, if syslogd runs."""
        ...

    def kernel_log(self, text: str) -> None:
        """The kernel's message buffer, and through syslogd /var/log/messages."""
        ...
