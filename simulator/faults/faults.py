"""Everything that can be broken on the pair, by name, with one line each: `hastwatch pair fault --list`.

A fault is one function; its parameters are the words after its name, and the first line of its docstring is its line in
the list. Those that make one step of a failover fail are in `refusals.py`, those that come from outside of it in
`outside_faults.py`, processes that pretend to be daemons in `pretenders.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simulator.faults.outside_faults
import simulator.faults.pretenders
import simulator.faults.refusals
import simulator.faults.release_faults  # noqa: F401  (registers the faults of single steps)
from simulator.account.writes import LossCause
from simulator.faults.fault_registry import FAULTS, Fault, fault, inflict, listing, usage
from simulator.faults.fault_words import (
    FARTHEST,
    FaultError,
    mounts_of,
    node_named,
    number,
    processes_of,
    set_carrier,
)
from simulator.host.processes import SIGCONT, SIGKILL, SIGSTOP
from simulator.network.link import SERVICE_NETWORK, Traffic

if TYPE_CHECKING:
    from simulator.pair import Pair

__all__ = ["FAULTS", "Fault", "fault", "inflict", "listing", "usage"]


def _both(pair: Pair, traffic: frozenset[Traffic]) -> None:
    one, other = pair.nodes
    pair.link.cut(one, other, traffic)
    pair.link.cut(other, one, traffic)


# --- the link ------------------------------------------------------------------------------------------------


@fault
def cut(pair: Pair) -> None:
    """The link between the nodes is lost silently, both ways; the management network is another one."""
    _both(pair, SERVICE_NETWORK)


@fault
def cut_from(pair: Pair, node: str) -> None:
    """What this node sends to the other is lost, the other direction works."""
    here = node_named(pair, node)
    pair.link.cut(here.name, pair.peer(here).name, SERVICE_NETWORK)


@fault
def cut_carp(pair: Pair) -> None:
    """Only CARP advertisements are lost: two masters, replication goes on."""
    _both(pair, frozenset({Traffic.CARP}))


@fault
def cut_replication(pair: Pair) -> None:
    """Only replication is lost: CARP sees nothing."""
    _both(pair, frozenset({Traffic.HAST}))


@fault
def cut_management(pair: Pair) -> None:
    """Only the management network between the nodes is lost: no ssh, no ping there."""
    _both(pair, frozenset({Traffic.MANAGEMENT}))


@fault
def isolate(pair: Pair, node: str) -> None:
    """A node hears nobody and nobody hears it, clients and the management network included."""
    here = node_named(pair, node)
    for other in (pair.peer(here).name, pair.layout.client):
        pair.link.cut(here.name, other)
        pair.link.cut(other, here.name)


@fault
def heal(pair: Pair) -> None:
    """Everything arrives again."""
    pair.link.heal()


@fault
def carrier_off(pair: Pair, node: str, interface: str = "") -> None:
    """The cable of a node's CARP interface is pulled."""
    set_carrier(pair, node, interface, False)


@fault
def carrier_on(pair: Pair, node: str, interface: str = "") -> None:
    """The cable is back."""
    set_carrier(pair, node, interface, True)


# --- power and boot ------------------------------------------------------------------------------------------


@fault
def power_off(pair: Pair, node: str) -> None:
    """Power is gone at once: memory lost, nobody told."""
    node_named(pair, node).power_off()


@fault
def power_on(pair: Pair, node: str) -> None:
    """The node boots."""
    node_named(pair, node).power_on()


@fault
def boot_flap(pair: Pair, node: str, seconds: str = "4") -> None:
    """The next boot hears no CARP for some seconds: MASTER first, then BACKUP if a better master is heard."""
    node_named(pair, node).boot_deafness = number(0, seconds)


@fault
def clock_skew(pair: Pair, node: str, seconds: str) -> None:
    """The node's clock is ahead by so many seconds (negative: behind)."""
    node_named(pair, node).skew = number(-FARTHEST, seconds)


@fault
def clock_step(pair: Pair, node: str, seconds: str) -> None:
    """The node's clock is stepped by so many seconds, as ntpd(8) -g and date(1) do; kern.boottime moves with it."""
    node_named(pair, node).skew += number(-FARTHEST, seconds)


# --- processes and commands ----------------------------------------------------------------------------------


@fault
def kill(pair: Pair, node: str, process: str) -> None:
    """SIGKILL to a process: hastd, worker, devd, rpcbind, mountd, nfsd, rpc.statd, rpc.lockd."""
    for each in processes_of(pair, node, process):
        pair.nodes[node].processes.signal(each, SIGKILL)


@fault
def hang(pair: Pair, node: str, process: str) -> None:
    """SIGSTOP to a process: it is there and does nothing."""
    for each in processes_of(pair, node, process):
        pair.nodes[node].processes.signal(each, SIGSTOP)


@fault
def resume(pair: Pair, node: str, process: str) -> None:
    """SIGCONT to a process that hangs."""
    for each in processes_of(pair, node, process):
        pair.nodes[node].processes.signal(each, SIGCONT)


@fault
def hang_command(pair: Pair, node: str, command: str) -> None:
    """Every call of one command hangs on a node from now on."""
    node_named(pair, node).hung_commands.add(command)


@fault
def release_command(pair: Pair, node: str, command: str) -> None:
    """The command works again, hung calls go on."""
    node_named(pair, node).hung_commands.discard(command)


@fault
def at_command(pair: Pair, node: str, command: str, what: str) -> None:
    """Another fault (in one word for the shell) happens right before the next call of a command on a node."""
    name, *words = what.split()
    node_named(pair, node).trouble.at_command[command] = lambda: inflict(pair, name, *words)


@fault
def drop_devd_event(pair: Pair, node: str, count: str = "1") -> None:
    """The next device events of a node get lost before devd sees them."""
    node_named(pair, node).devd.drop_next += int(number(1, count))


# --- disks and file systems ----------------------------------------------------------------------------------


@fault
def disk_errors(pair: Pair, node: str, resource: str = "") -> None:
    """Every read and write of a resource's local disk fails with EIO."""
    here = node_named(pair, node)
    here.disks[pair.resource_named(resource).local].broken = True


@fault
def disk_fails_writes(pair: Pair, node: str, resource: str = "", seconds: str = "") -> None:
    """Writes, deletes and flushes of a resource's local disk fail with EIO, for some seconds or until disk-ok."""
    disk = node_named(pair, node).disks[pair.resource_named(resource).local]
    disk.fails_writes = True
    if seconds:
        pair.clock.after(number(0, seconds), lambda: setattr(disk, "fails_writes", False))


@fault
def bits_flip(pair: Pair, node: str, resource: str = "", extent: str = "2") -> None:
    """Bits of one extent of a resource's local disk flip silently: no error, and another content."""
    disk = node_named(pair, node).disks[pair.resource_named(resource).local]
    chosen = int(number(0, extent))
    if disk.metadata is None or chosen >= disk.metadata.extents:
        raise FaultError(f"no extent {chosen} on {disk.path} of {node}")
    disk.flip(chosen, pair.random.getrandbits(32))


@fault
def disk_ok(pair: Pair, node: str, resource: str = "") -> None:
    """The disk works again; what was not written to it is not on it."""
    disk = node_named(pair, node).disks[pair.resource_named(resource).local]
    disk.broken = disk.fails_writes = False
    disk.bad_reads.clear()
    disk.bad_writes.clear()


@fault
def new_disk(pair: Pair, node: str, resource: str = "") -> None:
    """A resource's local disk is replaced by a blank one, in a node that is off or whose hastd is not running."""
    here = node_named(pair, node)
    if here.on and here.hastd.running:
        raise FaultError(f"hastd runs on {node}: the disk is in use")
    disk = here.disks[pair.resource_named(resource).local]
    here.discard(disk, disk.pieces(), LossCause.DISK)
    disk.replace()


@fault
def disk_full(pair: Pair, node: str) -> None:
    """The mounted HAST file systems of a node are full."""
    for mount in mounts_of(pair, node):
        mount.full = True


@fault
def disk_free(pair: Pair, node: str) -> None:
    """There is room again."""
    for mount in mounts_of(pair, node):
        mount.full = False


@fault
def pool_suspends(pair: Pair, node: str) -> None:
    """The imported ZFS pools of a node get errors from their device: suspended until a reboot, and still mounted."""
    pools = list(node_named(pair, node).filesystems.pools.values())
    if not pools:
        raise FaultError(f"no pool is imported on {node}")
    for pool in pools:
        pool.suspend()


@fault
def slow_fsck(pair: Pair, node: str, factor: str = "20") -> None:
    """fsck takes so many times as long."""
    node_named(pair, node).fsck_slowness = number(0, factor)


# --- configuration -------------------------------------------------------------------------------------------


@fault
def wrong_hast_conf(pair: Pair, node: str) -> None:
    """hast.conf of one node names a peer that does not exist; hastd is told to reload."""
    here = node_named(pair, node)
    if here.files.exists("/etc/hast.conf.right"):
        raise FaultError(f"hast.conf of {node} is wrong already")
    text, peer = here.files.read("/etc/hast.conf"), pair.peer(here).layout.address
    here.files.write("/etc/hast.conf.right", text, here.now)
    here.files.write("/etc/hast.conf", text.replace(f"tcp4://{peer}:", "tcp4://192.0.2.1:"), here.now)
    here.start_command("service hastd onereload")


@fault
def right_hast_conf(pair: Pair, node: str) -> None:
    """The right hast.conf again, and a reload."""
    here = node_named(pair, node)
    if not here.files.exists("/etc/hast.conf.right"):
        raise FaultError(f"hast.conf of {node} is right")
    here.files.write("/etc/hast.conf", here.files.read("/etc/hast.conf.right"), here.now)
    here.files.remove("/etc/hast.conf.right")
    here.start_command("service hastd onereload")
