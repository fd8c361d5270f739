"""route: host routes are added, removed and looked at (sbin/route/route.c, newroute())."""

from __future__ import annotations

from simulator.network.routes import HostRoute, printed
from simulator.shell.calls import Call, command

MODIFIERS = {"-reject": "REJECT", "-blackhole": "BLACKHOLE", "-proto1": "PROTO1", "-proto2": "PROTO2"}
IGNORED = ("-inet", "-inet6", "-4", "-6", "-host")
EX_USAGE, EX_NOPERM = 64, 77


@command("route")
def route(call: Call) -> int:
    """route(8): [-nq] add -host ADDRESS GATEWAY [-reject ...], delete -host ADDRESS [GATEWAY], get ADDRESS."""
    words = call.argv[1:]
    while words and words[0].startswith("-"):
        words = words[1:]
    verb, rest = (words[0], words[1:]) if words else ("", [])
    flags = frozenset(MODIFIERS[word] for word in rest if word in MODIFIERS)
    named = [word for word in rest if word not in MODIFIERS and word not in IGNORED]
    if verb not in ("add", "delete", "get") or not named or any(word.startswith("-") for word in named):
        call.err("usage: route [-46dnqtv] command [[modifiers] args]\n")
        return EX_USAGE
    if verb == "get":
        return _get(call, named[0])
    if call.user != "root":
        call.err("route: must be root to alter routing table\n")
        return EX_NOPERM
    return _add(call, named, flags) if verb == "add" else _delete(call, named)


def _add(call: Call, named: list[str], flags: frozenset[str]) -> int:
    routes, address = call.node.network.host_routes, named[0]
    gateway = named[1] if len(named) > 1 else ""
    text = f"add host {address}: gateway {gateway}"
    if address in routes or not gateway:
        call.out(f"{text} fib 0: {'route already in table' if gateway else 'Invalid argument'}\n")
        return 1
    if flags & {"REJECT", "BLACKHOLE"}:
        gateway = "::1" if ":" in address else "127.0.0.1"
    routes[address] = HostRoute(address, gateway, flags | {"STATIC"})
    call.out(f"{text}\n")
    return 0


def _delete(call: Call, named: list[str]) -> int:
    routes, address = call.node.network.host_routes, named[0]
    text = f"delete host {address}" + (f": gateway {named[1]}" if len(named) > 1 else "")
    route = routes.get(address)
    if route is None or (len(named) > 1 and route.gateway != named[1]):
        call.err("route: route has not been found\n")
        call.out(f"{text} fib 0: not in table\n")
        return 1
    del routes[address]
    call.out(f"{text}\n")
    return 0


def _get(call: Call, address: str) -> int:
    network = call.node.network
    if address in network.host_routes:
        call.out(network.host_routes[address].shown)
        return 0
    prefix = address.rpartition(".")[0]
    for interface in network.interfaces.values():
        if prefix and interface.address.rpartition(".")[0] == prefix and network.address_up(interface.address):
            lines = f"destination: {prefix}.0\n       mask: 255.255.255.0\n"
            call.out(printed(address, lines, interface.name, {"UP", "DONE", "PINNED"}))
            return 0
    call.err("route: route has not been found\n")
    return 255
