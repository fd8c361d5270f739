"""Everything that can be broken on the pair, by name, with one line each: `hastwatch pair fault --list`.

A fault is one function; its parameters are the words after its name, and the first line of its docstring is its line in
the list.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import TYPE_CHECKING

from remediate.rehearsal.link import EVERYTHING, Traffic
from remediate.rehearsal.processes import SIGCONT, SIGKILL, SIGSTOP, Running

if TYPE_CHECKING:
    from remediate.rehearsal.node import Node
    from remediate.rehearsal.pair import Pair


class FaultError(ValueError):
    """No such fault, node or process, or words that a fault can't use."""


Fault = Callable[..., None]

FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    """Register a function as the fault of its name, with dashes."""
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def inflict(pair: Pair, name: str, *words: str) -> None:
    """Do it. Raises FaultError."""
    function = FAULTS.get(name)
    if function is None:
        raise FaultError(f"unknown fault {name}; --list names them")
    parameters = list(signature(function).parameters.values())[1:]
    least = sum(each.default is Parameter.empty for each in parameters)
    if not least <= len(words) <= len(parameters):
        raise FaultError(f"usage: {usage(name)}")
    try:
        function(pair, *words)
    except ValueError as error:
        raise error if isinstance(error, FaultError) else FaultError(f"{error}; usage: {usage(name)}") from error


def usage(name: str) -> str:
    """`kill NODE PROCESS`"""
    words = [name]
    for each in list(signature(FAULTS[name]).parameters.values())[1:]:
        word = each.name.upper()
        words.append(word if each.default is Parameter.empty else f"[{word}]")
    return " ".join(words)


def listing() -> list[tuple[str, str]]:
    """Usage and one line of every fault."""
    return [(usage(name), (FAULTS[name].__doc__ or "").split("\n")[0].rstrip(".")) for name in FAULTS]


def _node(pair: Pair, name: str) -> Node:
    if name not in pair.nodes:
        raise FaultError(f"unknown node {name}; there are {', '.join(pair.nodes)}")
    return pair.nodes[name]


def _both(pair: Pair, traffic: frozenset[Traffic]) -> None:
    one, other = pair.nodes
    pair.link.cut(one, other, traffic)
    pair.link.cut(other, one, traffic)


def _processes(pair: Pair, node: str, process: str) -> list[Running]:
    """By program name, or `worker` for the HAST workers, `worker:NAME` for one."""
    table = _node(pair, node).processes.by_pid.values()
    if process.split(":")[0] == "worker":
        wanted = process.partition(":")[2]
        found = [each for each in table if each.title.startswith(f"hastd: {wanted}")]
    else:
        found = [each for each in table if each.comm == process and not each.title.startswith("hastd: ")]
    if not found:
        raise FaultError(f"no process {process} on {node}")
    return found


# --- the link ------------------------------------------------------------------------------------------------


@fault
def cut(pair: Pair) -> None:
    """The link between the nodes is lost silently, both ways."""
    _both(pair, EVERYTHING)


@fault
def cut_from(pair: Pair, node: str) -> None:
    """What this node sends to the other is lost, the other direction works."""
    here = _node(pair, node)
    pair.link.cut(here.name, pair.peer(here).name)


@fault
def cut_carp(pair: Pair) -> None:
    """Only CARP advertisements are lost: two masters, replication goes on."""
    _both(pair, frozenset({Traffic.CARP}))


@fault
def cut_replication(pair: Pair) -> None:
    """Only replication is lost: CARP sees nothing."""
    _both(pair, frozenset({Traffic.HAST}))


@fault
def isolate(pair: Pair, node: str) -> None:
    """A node hears nobody and nobody hears it, clients included."""
    here = _node(pair, node)
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
    here = _node(pair, node)
    here.network.set_carrier(interface or pair.layout.vhids[0].interface, False)


@fault
def carrier_on(pair: Pair, node: str, interface: str = "") -> None:
    """The cable is back."""
    here = _node(pair, node)
    here.network.set_carrier(interface or pair.layout.vhids[0].interface, True)


# --- power and boot ------------------------------------------------------------------------------------------


@fault
def power_off(pair: Pair, node: str) -> None:
    """Power is gone at once: memory lost, nobody told."""
    _node(pair, node).power_off()


@fault
def power_on(pair: Pair, node: str) -> None:
    """The node boots."""
    _node(pair, node).power_on()


@fault
def boot_flap(pair: Pair, node: str, seconds: str = "4") -> None:
    """The next boot hears no CARP for some seconds: MASTER first, then BACKUP if a better master is heard."""
    _node(pair, node).boot_deafness = float(seconds)


@fault
def clock_skew(pair: Pair, node: str, seconds: str) -> None:
    """The node's clock is ahead by so many seconds (negative: behind)."""
    _node(pair, node).skew = float(seconds)


# --- processes and commands ----------------------------------------------------------------------------------


@fault
def kill(pair: Pair, node: str, process: str) -> None:
    """SIGKILL to a process: hastd, worker, devd, rpcbind, mountd, nfsd, rpc.statd, rpc.lockd."""
    for each in _processes(pair, node, process):
        pair.nodes[node].processes.signal(each, SIGKILL)


@fault
def hang(pair: Pair, node: str, process: str) -> None:
    """SIGSTOP to a process: it is there and does nothing."""
    for each in _processes(pair, node, process):
        pair.nodes[node].processes.signal(each, SIGSTOP)


@fault
def resume(pair: Pair, node: str, process: str) -> None:
    """SIGCONT to a process that hangs."""
    for each in _processes(pair, node, process):
        pair.nodes[node].processes.signal(each, SIGCONT)


@fault
def hang_command(pair: Pair, node: str, command: str) -> None:
    """Every call of one command hangs on a node from now on."""
    _node(pair, node).hung_commands.add(command)


@fault
def release_command(pair: Pair, node: str, command: str) -> None:
    """The command works again, hung calls go on."""
    _node(pair, node).hung_commands.discard(command)


@fault
def drop_devd_event(pair: Pair, node: str, count: str = "1") -> None:
    """The next device events of a node get lost before devd sees them."""
    _node(pair, node).devd.drop_next += int(count)


# --- disks and file systems ----------------------------------------------------------------------------------


@fault
def disk_errors(pair: Pair, node: str, resource: str = "") -> None:
    """Every read and write of a resource's local disk fails with EIO."""
    here = _node(pair, node)
    here.disks[pair.resource_named(resource).local].broken = True


@fault
def disk_ok(pair: Pair, node: str, resource: str = "") -> None:
    """The disk works again; what was not written to it is not on it."""
    disk = _node(pair, node).disks[pair.resource_named(resource).local]
    disk.broken = False
    disk.bad_reads.clear()
    disk.bad_writes.clear()


@fault
def new_disk(pair: Pair, node: str, resource: str = "") -> None:
    """A resource's local disk is replaced by a blank one, in a node that is off or whose hastd is not running."""
    here = _node(pair, node)
    if here.on and here.hastd.running:
        raise FaultError(f"hastd runs on {node}: the disk is in use")
    pair.replace_disk(here, pair.resource_named(resource).local)


@fault
def disk_full(pair: Pair, node: str) -> None:
    """The mounted HAST file systems of a node are full."""
    for mount in _node(pair, node).filesystems.mounts.values():
        mount.full = True


@fault
def disk_free(pair: Pair, node: str) -> None:
    """There is room again."""
    for mount in _node(pair, node).filesystems.mounts.values():
        mount.full = False


@fault
def slow_fsck(pair: Pair, node: str, factor: str = "20") -> None:
    """fsck takes so many times as long."""
    _node(pair, node).fsck_slowness = float(factor)


# --- configuration -------------------------------------------------------------------------------------------


@fault
def wrong_hast_conf(pair: Pair, node: str) -> None:
    """hast.conf of one node names a peer that does not exist; hastd is told to reload."""
    here = _node(pair, node)
    text, peer = here.files.read("/etc/hast.conf"), pair.peer(here).layout.address
    here.files.write("/etc/hast.conf.right", text, here.now)
    here.files.write("/etc/hast.conf", text.replace(f"tcp4://{peer}:", "tcp4://192.0.2.1:"), here.now)
    here.start_command("service hastd onereload")


@fault
def right_hast_conf(pair: Pair, node: str) -> None:
    """The right hast.conf again, and a reload."""
    here = _node(pair, node)
    if not here.files.exists("/etc/hast.conf.right"):
        raise FaultError(f"hast.conf of {node} is right")
    here.files.write("/etc/hast.conf", here.files.read("/etc/hast.conf.right"), here.now)
    here.files.remove("/etc/hast.conf.right")
    here.start_command("service hastd onereload")
