"""The commands of hastwatch that read or write packets and kernels by themselves, on a simulated node.

`hastwatch reach` and `hastwatch tickle` talk to sockets: what they find there is the simulation's. Every other
subcommand is `installed.py`'s, and `gate.py` answers for hastwatch-ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.probes import rc_conf
from checks.probes.as_primary import HastdBuild
from remediate.failover.reach import DENIED, ROOT4, Reachability
from remediate.failover.tickle import PRIVILEGED
from remediate.invocation import Invocation
from remediate.rehearsal.invocation import NodeConsole
from remediate.subcommands import contrib, tickle
from simulator.clock import Completion, Steps
from simulator.commands.nfs import DAEMONS, PROGRAMS, server_at
from simulator.host.programs import Caller
from simulator.nfs import nfs_ports
from simulator.nfs.nfs import VERSION_3
from simulator.rc.variables import rc_variables
from simulator.shell.calls import SCRIPTS, Call, command

if TYPE_CHECKING:
    from simulator.node import Node

REACH_PATIENCE = 3.0
"""Seconds that `hastwatch reach` waits for an answer."""


def facts(node: Node) -> HastdBuild:
    """The facts of a node."""
    kernel, daemon = node.kernel.release, node.hastd
    runs = daemon.program == node.installed if daemon.running else None
    ends = not kernel.reads_past_control
    return HastdBuild(f"{kernel.osrelease} LAB", ends, f"hastd of {node.installed.name}", runs)


@command("hastwatch")
def hastwatch(call: Call) -> Steps[int]:
    """`hastwatch reach ADDRESS PATH`: MNT and GETATTR as a client asks them, from this node; what else of it a node has
    is `installed.py`'s."""
    if call.argv[1:2] == ["tickle"]:
        return _tickle(call)
    if call.argv[1:2] == ["contrib"]:
        return _contrib(call)
    if len(call.argv) != 4 or call.argv[1] != "reach":
        if call.node.hastwatch is not None:
            caller = Caller(call.write, call.user, Completion())
            try:
                status = yield call.node.hastwatch(call.node, call.argv, caller)
            finally:
                caller.goes.finish()
            return int(status or 0)
        call.err(f"hastwatch: not installed on {call.node.name} (see --automatic of hastwatch pair up)\n")
        return 2
    address, path = call.argv[2:]
    server = server_at(call, address)
    if server is not None and server.answers("nfsd") and min(server.versions) > VERSION_3:
        if server.has_root4:
            call.out(f"{ROOT4}\n")
            return 0
        call.err("the root of NFSv4: NFS4ERR_NOENT\n")
        return 1
    if server is None or not server.answers("rpcbind"):
        yield REACH_PATIENCE
        call.err("rpcbind: no answer\n")
        return 1
    for name in ("mountd", "nfs"):
        if not any(each.program == PROGRAMS[name] and each.netid == "tcp" for each in server.registrations):
            call.err(f"{DAEMONS[PROGRAMS[name]]} is not registered\n")
            return 1
    for daemon in ("mountd", "nfsd"):
        if not server.answers(daemon):
            yield REACH_PATIENCE
            call.err(f"{daemon}: no answer\n")
            return 1
    own = call.node.layout.address_for(address)
    if refusing := nfs_ports.refuses(server.node, server.daemons["mountd"].process, own, call.user == "root"):
        call.err(f"{'MNT' if refusing == 'mountd' else 'GETATTR'}: {nfs_ports.REFUSED}\n")
        return 1
    identity = server.mount_request(path, own, call.node.name)
    if identity is None:
        call.err(f"{Reachability.DENIED.value}\n")
        return DENIED
    verdict = server.serves(identity)
    if verdict != "ok":
        call.err(f"GETATTR: {'NFS3ERR_STALE' if verdict == 'stale' else 'NFS3ERR_IO'}\n")
        return 1
    return 0


def _contrib(call: Call) -> int:
    """`hastwatch contrib`, which needs nothing of the node."""
    invocation = Invocation()
    invocation.console = NodeConsole(call.node, call.write, call.user)
    try:
        return contrib.main(call.argv[2:], invocation)
    except SystemExit as ended:
        return int(ended.code or 0)


def _tickle(call: Call) -> int:
    """`hastwatch tickle ADDRESS CLIENT[:PORT]...`, as root on the node."""
    try:
        options = tickle.parser().parse(call.argv[2:], NodeConsole(call.node, call.write, call.user))
    except SystemExit as ended:
        return int(ended.code or 0)
    service, sent = options.address, 0
    for known in options.clients:
        address, ports = (known, PRIVILEGED) if isinstance(known, str) else (known.address, [known.port])
        for port in ports:
            try:
                call.node.pair.sockets.tickle(call.node, service, address, port)
            except OSError as error:
                call.out(f"{sent} tickles sent from {service}\n")
                call.err(f"hastwatch tickle: no packet could be sent from {service}: {error.strerror}\n")
                return 1
            sent += 1
    call.out(f"{sent} tickles sent from {service}\n")
    return 0


def _asked_of_rc_conf(call: Call) -> int:
    """What `probes.rc_conf.SCRIPT` prints."""
    for word in call.argv[4:]:
        script, _, names = word.partition("=")
        variables = rc_variables(call.node, script)
        if not variables:
            return 1  # the shell of this pair does not get to its end
        call.out("".join(f"{word} {name}={variables[name]}\0" for name in names.split(",") if name in variables))
        call.out(f"{word}\0")
    return 0


SCRIPTS[rc_conf.SCRIPT] = _asked_of_rc_conf
