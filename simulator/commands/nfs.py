"""showmount and rpcinfo, on the node itself, for the service address, or as the client host asks."""

from __future__ import annotations

from simulator.clock import Steps
from simulator.nfs.daemons import Registration
from simulator.nfs.nfs import Nfs
from simulator.shell.calls import Call, command

PROGRAMS = {"rpcbind": 100000, "portmapper": 100000, "nfs": 100003, "mountd": 100005, "nlockmgr": 100021}
PROGRAMS["status"] = 100024
DAEMONS = {100000: "rpcbind", 100003: "nfsd", 100005: "mountd", 100021: "lockd", 100024: "statd"}


def server_at(call: Call, host: str) -> Nfs | None:
    """The NFS server behind a name or address as this node reaches it, None when nobody answers."""
    node = call.node
    if host in ("localhost", "127.0.0.1", node.name, node.layout.address):
        return node.nfs
    if any(vhid.layout.address == host for vhid in node.network.vhids()):
        if node.network.masters(host):
            return node.nfs
        peer = node.pair.peer(node)
        return peer.nfs if peer.on and peer.network.masters(host) else node.nfs
    for other in node.pair.nodes.values():
        if host in (other.name, other.layout.address):
            return other.nfs if other.on else None
    return None


def _portmapper_hangs(server: Nfs | None) -> bool:
    return server is None or not server.answers("rpcbind")


@command("showmount")
def showmount(call: Call) -> Steps[int]:
    """showmount(8): -e for the export list, -a for who mounts. Hangs with rpcbind down (freebsd-facts:
    showmount-hangs-without-rpcbind)."""
    words = call.argv[1:]
    host = words[-1] if words and not words[-1].startswith("-") else "localhost"
    server = server_at(call, host)
    if server is None or _portmapper_hangs(server):
        yield call.node.pair.layout.costs.rpc_timeout
        call.err("RPC: Port mapper failure - RPC: Timed out\nshowmount: can't do exports rpc\n")
        return 1
    if not any(each.program == PROGRAMS["mountd"] for each in server.registrations):
        call.err("RPC: Program not registered\nshowmount: can't do exports rpc\n")
        return 1
    while server.running("mountd") and not server.answers("mountd"):
        yield 0.5
    if not server.running("mountd"):
        call.err("RPC: Remote system error - Connection refused\nshowmount: can't do exports rpc\n")
        return 1
    if "-a" in words:
        call.out(f"All mount points on {host}:\n" + "".join(f"{each}\n" for each in server.mounted_by))
        return 0
    call.out(f"Exports list on {host}:\n")
    for export in server.exports:
        call.out(f"{export.path:<34} {export.groups}\n")
    return 0


@command("rpcinfo")
def rpcinfo(call: Call) -> Steps[int]:
    """rpcinfo(8): plain, -p, -s [HOST], and -t|-u HOST PROGRAM [VERSION]."""
    words = call.argv[1:]
    option = words[0] if words and words[0].startswith("-") else ""
    rest = words[1:] if option else words
    host = rest[0] if rest else "localhost"
    server = server_at(call, host)
    if option in ("-t", "-u"):
        return (yield from _null_call(call, server, rest))
    if server is None or _portmapper_hangs(server):
        what = "portmapper" if option == "-p" else "rpcbind"
        call.err(f"rpcinfo: can't contact {what}: RPC: Port mapper failure - RPC: Success\n")
        return 1
    if option == "-p":
        _portmap(call, server.registrations)
    elif option == "-s":
        _short(call, server.registrations)
    else:
        call.out("   program version netid     address                service    owner\n")
        for each in server.registrations:
            columns = f"{each.program:>10} {each.version:>4}    {each.netid:<9} {each.address:<22} {each.service:<10}"
            call.out(f"{columns} superuser\n")
    return 0


def _portmap(call: Call, registrations: list[Registration]) -> None:
    call.out("   program vers proto   port  service\n")
    for each in registrations:
        if each.netid in ("tcp", "udp", "local"):
            call.out(f"{each.program:>10} {each.version:>4} {each.netid:>5} {each.port:>6}  {each.service}\n")


def _short(call: Call, registrations: list[Registration]) -> None:
    call.out("   program version(s) netid(s)                         service     owner\n")
    for program in dict.fromkeys(each.program for each in registrations):
        of_program = [each for each in registrations if each.program == program]
        versions = ",".join(str(v) for v in reversed(dict.fromkeys(each.version for each in of_program)))
        netids = ",".join(reversed(dict.fromkeys(each.netid for each in of_program)))
        call.out(f"{program:>10}  {versions:<9} {netids:<32} {of_program[0].service:<11} superuser\n")


def _null_call(call: Call, server: Nfs | None, words: list[str]) -> Steps[int]:
    name = words[1] if len(words) > 1 else ""
    program = PROGRAMS.get(name, int(name) if name.isdigit() else 0)
    if server is None or _portmapper_hangs(server):
        yield call.node.pair.layout.costs.rpc_timeout
        call.err("rpcinfo: RPC: Port mapper failure - RPC: Timed out\n")
        return 1
    registered = [each for each in server.registrations if each.program == program]
    if not registered:
        version = words[2] if len(words) > 2 else "0"
        call.out(f"program {program} version {version} is not available\n")
        call.err("rpcinfo: RPC: Program not registered\n")
        return 1
    daemon = DAEMONS[program]
    while server.running(daemon) and not server.answers(daemon):
        yield 0.5
    offered = sorted({each.version for each in registered})
    wanted = [int(words[2])] if len(words) > 2 else offered
    for number in wanted:
        trouble = ""
        if not server.running(daemon):
            trouble = "RPC: Remote system error - Connection refused"
        elif number not in offered:
            trouble = f"RPC: Program/version mismatch; low version = {offered[0]}, high version = {offered[-1]}"
        if trouble:
            call.out(f"program {program} version {number} is not available\n")
            call.err(f"rpcinfo: {trouble}\n")
            return 1
        call.out(f"program {program} version {number} ready and waiting\n")
    return 0
