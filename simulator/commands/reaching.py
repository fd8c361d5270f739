"""ping and nc: whether another host answers, whether something listens there; devd's event stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import Steps
from simulator.host.devd import PIPES
from simulator.network.link import Traffic
from simulator.network.tcp import BLACKHOLE, SYN_ONLY
from simulator.shell.calls import Call, command

if TYPE_CHECKING:
    from simulator.node import Node

TCP_PATIENCE = 75.0
"""Seconds until connect(2) gives up by itself (net.inet.tcp.keepinit)."""
LISTENING = 0.5
"""Seconds between two looks of a listener whether devd is still there."""
HASTD_PORT = "8457"
RESET = "Connection reset by peer"
"""What a full queue comes to: the SYN cache completes the connection, and the kernel resets it for want of a socket
(tcp_input.c, V_tcp_sc_rst_sock_fail). nc(1) may look before the reset arrives; here it never does."""
LOCALHOST = ("127.0.0.1", "localhost")


def _answering(call: Call, host: str) -> Node | None:
    """The node that answers under a name or an address, None when nobody does."""
    node, pair = call.node, call.node.pair
    if host in (*LOCALHOST, node.name) or node.network.address_up(host) or node.network.masters(host):
        return node
    peer = pair.peer(node)
    if host == peer.layout.management:
        return peer if pair.reachable(node, peer, Traffic.MANAGEMENT) else None
    if host in (peer.layout.address, peer.name) or peer.network.masters(host):
        return peer if pair.reachable(node, peer, Traffic.HAST) else None
    return None


def _is_client(call: Call, host: str) -> bool:
    """The client's host is meant, and reached."""
    node, layout = call.node, call.node.pair.layout
    up = node.network.address_up(node.layout.address)
    return host == layout.client_address and up and node.pair.link.both_ways(node.name, layout.client, Traffic.CLIENT)


@command("ping")
def ping(call: Call) -> Steps[int]:
    """ping(8) -c N [-t SECONDS] HOST: one answer or none."""
    words, host = call.argv[1:], call.argv[-1]
    wait = float(words[words.index("-t") + 1]) if "-t" in words else 10.0
    call.out(f"PING {host} ({host}): 56 data bytes\n")
    if _is_client(call, host) or _answering(call, host) is not None:
        call.out(f"64 bytes from {host}: icmp_seq=0 ttl=64 time=0.310 ms\n\n--- {host} ping statistics ---\n")
        call.out("1 packets transmitted, 1 packets received, 0.0% packet loss\n")
        return 0
    if call.node.network.rejects(host):
        call.err("ping: sendto: No route to host\n")
    yield wait
    call.out(f"\n--- {host} ping statistics ---\n1 packets transmitted, 0 packets received, 100.0% packet loss\n")
    return 2


@command("nc")
def nc(call: Call) -> Steps[int]:
    """nc(1): -U [-w SECONDS] for devd's event stream, -z [-v] [-w SECONDS] HOST PORT to see whether something listens.

    A host that is there and where nothing listens refuses at once, unless it drops what comes to closed ports; one that
    is not there is waited for. Why it failed is said with -v only (netcat.c, remote_connect()), and the exit status is
    1 for all.
    """
    words = call.argv[1:]
    given = float(words[words.index("-w") + 1]) if "-w" in words else None
    if "-U" in words:
        return (yield from _event_stream(call, words[-1], given))
    host, port = words[-2:]
    if call.node.network.rejects(host):
        if "-v" in words:
            call.err(f"nc: connect to {host} port {port} (tcp) failed: No route to host\n")
        return 1
    other = _answering(call, host)
    why = "Connection refused"
    open_there = other is not None and port in _open_ports(other)
    dropped = other is not None and not open_there and other.kernel.integer(BLACKHOLE) >= SYN_ONLY
    if dropped or (other is None and host != call.node.pair.layout.client_address):
        yield TCP_PATIENCE if given is None else given
        why = "Operation timed out"
    elif other is not None and open_there:
        if port != HASTD_PORT or other.hastd.takes_tcp_connection():
            call.err(f"Connection to {host} {port} port [tcp/*] succeeded!\n")
            return 0
        why = RESET
    if "-v" in words:
        call.err(f"nc: connect to {host} port {port} (tcp) failed: {why}\n")
    return 1


def _open_ports(node: Node) -> set[str]:
    listens = {"22": node.sshd_runs, HASTD_PORT: node.hastd.running}
    listens |= {"2049": node.nfs.running("nfsd"), "111": node.nfs.running("rpcbind")}
    return {port for port, open_there in listens.items() if open_there}


def _event_stream(call: Call, path: str, idle: float | None) -> Steps[int]:
    """Until devd ends, or nothing has come for `idle` seconds; exit status 0 in both cases."""
    devd = call.node.devd
    if path not in PIPES or devd.process is None:
        call.err(f"nc: {path}: Connection refused\n")
        return 1
    heard = call.node.clock.now

    def listener(event: str) -> None:
        nonlocal heard
        heard = call.node.clock.now
        call.out(event + "\n")

    devd.listeners.append(listener)
    daemon = devd.process
    try:
        while devd.process is daemon and (idle is None or call.node.clock.now < heard + idle):
            yield LISTENING if idle is None else min(LISTENING, heard + idle - call.node.clock.now)
    finally:
        devd.leaves(listener)
    return 0
