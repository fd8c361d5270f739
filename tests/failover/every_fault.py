"""Every fault of the simulated pair as a test makes it happen: at least one line for each of the registry's.

What shows only in a failover, at a boot, or on another pair comes with that. A new fault needs its line here
(`test_every_fault.py`).
"""

from __future__ import annotations

from pathlib import Path

from simulator.faults.faults import FAULTS
from simulator.layout import ResourceLayout
from tests.failover.installed_pair import InstalledPair, installed_pair

SECONDS = 30.0
"""Between the fault and the look at it."""
FULL = 16
"""Calls after which a hastd that is stopped refuses the next one (freebsd-facts: refused-is-not-dead)."""
PROCESSES = ("hastd", "worker", "devd", "rpcbind")
SERVING = ("mountd", "nfsd", "rpc.statd", "rpc.lockd")
NODES = ("nfs001", "nfs002")
"""The one that serves first."""
OFF = "power-off nfs001"
LIES = ("oneself", "stranger", "old", "nonsense", "empty", "endless")


def _on_both(fault: str) -> tuple[str, ...]:
    return tuple(f"{fault} {node}" for node in NODES)


def _to_processes(fault: str) -> tuple[str, ...]:
    return (*(f"{fault} {node} {process}" for node in NODES for process in PROCESSES),
            *(f"{fault} nfs001 {process}" for process in SERVING))  # fmt: skip


CASES: dict[str, tuple[str, ...]] = {
    # the link
    "cut": ("cut", "cut; cut-management"),
    "cut-from": _on_both("cut-from"),
    "cut-carp": ("cut-carp",),
    "cut-replication": ("cut-replication",),
    "cut-management": ("cut-management",),
    "isolate": _on_both("isolate"),
    "heal": ("cut; heal",),
    "carrier-off": _on_both("carrier-off"),
    "carrier-on": ("carrier-off nfs002; carrier-on nfs002",),
    # power, boot and clocks
    "power-off": _on_both("power-off"),
    "power-on": ("power-off nfs002; power-on nfs002", "power-off nfs001; power-on nfs001"),
    "boot-flap": ("power-off nfs002; boot-flap nfs002; power-on nfs002",),
    "clock-skew": ("clock-skew nfs001 3600",),
    "clock-step": ("clock-step nfs002 -3600",),
    # processes and commands
    "kill": _to_processes("kill"),
    "hang": _to_processes("hang"),
    "resume": ("hang nfs001 hastd; resume nfs001 hastd",),
    "hang-command": ("hang-command nfs001 hastctl", "hang-command nfs002 hastctl", "hang-command nfs002 ifconfig",
                     "hang-command nfs001 mountd"),
    "release-command": ("hang-command nfs002 hastctl; release-command nfs002 hastctl",),
    "at-command": ("at-command nfs002 mount 'kill nfs002 worker'; power-off nfs001",),
    "drop-devd-event": ("drop-devd-event nfs002; power-off nfs001",),
    "reuse-pids": ("reuse-pids nfs002; kill nfs002 devd",),
    # disks and file systems
    "disk-errors": _on_both("disk-errors"),
    "disk-fails-writes": _on_both("disk-fails-writes"),
    "disk-ok": ("disk-errors nfs002; disk-ok nfs002",),
    "bits-flip": ("bits-flip nfs002",),
    "new-disk": ("power-off nfs002; new-disk nfs002; power-on nfs002",),
    "disk-full": ("disk-full nfs001",),
    "disk-free": ("disk-full nfs001; disk-free nfs001",),
    "pool-suspends": ("pool-suspends nfs001",),
    "slow-fsck": (f"slow-fsck nfs002 200; {OFF}",),
    "forced-unmount": ("forced-unmount nfs001 home",),
    "no-flags": ("no-flags nfs002 /hast/home",),
    # single steps of a failover
    "device-never-appears": (f"device-never-appears nfs002 home; {OFF}",),
    "device-appears": (f"device-never-appears nfs002 home; device-appears nfs002 home; {OFF}",),
    "fsck-fails": (f"fsck-fails nfs002 home; {OFF}",),
    "fsck-hopeless": (f"fsck-hopeless nfs002 home; {OFF}",),
    "fsck-works": (f"fsck-fails nfs002 home; fsck-works nfs002 home; {OFF}",),
    "mount-fails": (f"mount-fails nfs002 home; {OFF}",),
    "mount-works": (f"mount-fails nfs002 home; mount-works nfs002 home; {OFF}",),
    "service-fails": (f"service-fails nfs002 nfsd; {OFF}", f"service-fails nfs002 mountd; {OFF}"),
    "service-works": (f"service-fails nfs002 nfsd; service-works nfs002 nfsd; {OFF}",),
    "busy": ("busy nfs001 home; carrier-off nfs001",),
    "busy-stubborn": ("busy-stubborn nfs001 home; carrier-off nfs001",),
    "busy-as": ("busy-as nfs001 home 'x 570 wd'; carrier-off nfs001",),
    # processes that pretend to be daemons
    "user-process": ("kill nfs001 mountd; user-process nfs001 /usr/sbin/mountd",
                     "kill nfs001 nfsd; user-process nfs001 'nfsd: server'",
                     "kill nfs002 devd; user-process nfs002 /sbin/devd",
                     "kill nfs002 hastd; user-process nfs002 /sbin/hastd"),
    "user-runs-as-root": ("kill nfs001 rpcbind; user-runs-as-root nfs001 /usr/sbin/rpcbind",),
    "jail-daemon": ("jail-daemon nfs002 nfsd", "kill nfs001 mountd; jail-daemon nfs001 mountd"),
    "users-leave": ("user-process nfs002 /usr/sbin/nfsd; users-leave nfs002",),
    # configuration and packages
    "wrong-hast-conf": _on_both("wrong-hast-conf"),
    "right-hast-conf": ("wrong-hast-conf nfs002; right-hast-conf nfs002",),
    "install-release": ("power-off nfs002; install-release nfs002 15.1; power-on nfs002",),
    "delete-package": ("delete-package nfs002 FreeBSD-hast", "delete-package nfs001 FreeBSD-nfs"),
    "install-package": ("delete-package nfs002 FreeBSD-hast; install-package nfs002 FreeBSD-hast",),
    # from outside
    "demote": _on_both("demote"),
    "state-read-only": ("state-read-only nfs002",),
    "state-full": ("state-full nfs001",),
    "var-read-only": ("var-read-only nfs002",),
    "var-full": ("var-full nfs001",),
    "state-ok": ("state-full nfs001; state-ok nfs001",),
    "peer-lies": tuple(f"{first}peer-lies nfs001 {lie}" for lie in LIES for first in ("", "kill nfs001 devd; ")),
    "peer-tells-the-truth": ("peer-lies nfs001 old; peer-tells-the-truth nfs001",),
}  # fmt: skip
LINES = tuple(line for name in FAULTS for line in CASES.get(name, ()))


def broken(state: Path, line: str) -> InstalledPair:
    """A pair half a minute after the faults of a line."""
    resource = ResourceLayout(kind="zfs" if line.startswith("pool-") else "ufs")
    pair = installed_pair(state, resources=(resource,))
    pair.breaks_all(line.split("; "))
    pair.passes(SECONDS)
    return pair


def refusing(state: Path, node: str, process: str) -> InstalledPair:
    """A pair on a node of which hastd, or a worker of it, is stopped, and takes no call any more."""
    pair = broken(state, f"hang {node} {process}")
    for _ in range(FULL):
        pair.pair.nodes[node].run("hastctl list home", timeout=1)
    return pair
