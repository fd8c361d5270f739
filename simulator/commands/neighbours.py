"""arp(8): which Ethernet address an IPv4 address has."""

from __future__ import annotations

import ipaddress

from simulator.shell.calls import Call, command


@command("arp")
def arp(call: Call) -> int:
    """arp -an, -s ADDRESS ETHER, -d ADDRESS."""
    words, network = call.argv[1:], call.node.network
    if words == ["-an"]:
        for each in network.interfaces.values():
            call.out(f"? ({each.address}) at {each.ether} on {each.name} permanent [ethernet]\n")
        for address, (ether, interface) in network.neighbours.items():
            call.out(f"? ({address}) at {ether} on {interface} permanent [ethernet]\n")
        return 0
    if words[:1] == ["-s"] and len(words) == 3:
        target = ipaddress.ip_address(words[1])
        on = [each.name for each in network.interfaces.values() if target in _network(each.address)]
        if not on:
            call.err(f"arp: set: cannot locate {words[1]}\n")
            return 1
        network.neighbours[words[1]] = (words[2], on[0])
        return 0
    if words[:1] == ["-d"] and len(words) == 2:
        if network.neighbours.pop(words[1], None) is None:
            call.err(f"arp: delete {words[1]}: No such file or directory\n")
            return 1
        call.out(f"{words[1]} ({words[1]}) deleted\n")
        return 0
    call.err("usage: arp [-n] [-i interface] hostname\n       arp [-n] [-i interface] -a\n")
    return 1


def _network(address: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(f"{address}/24", strict=False)
