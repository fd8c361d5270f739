"""rc.d/netif: the addresses that rc.conf(5) gives the interfaces, and the vhids among them.

An interface has its own address by the layout; only what has a vhid is read here. After network.subr of 13.2 and 15.1:
ifconfig_IFACE, then ifconfig_IFACE_alias0 and so on, up to the first that is not set (ifalias_af_common()). Those of
IPv6 only where ifconfig_IFACE_ipv6 is set (ipv6if()).
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING

from simulator.layout import VhidLayout
from simulator.rc.variables import rc_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from simulator.node import Node


ADDRESS = r"(?a)\d+(\.\d+){3}|[0-9a-f]*:[0-9a-f:]*"


def configure(node: Node) -> None:
    """All interfaces have their addresses; CARP begins, where the kernel has it: without it ifconfig(8) fails, which a
    boot does not stop for."""
    network = node.network
    network.configured, network.bad_authentication = True, 0
    start(node, tuple(network.interfaces))


def start(node: Node, interfaces: Iterable[str]) -> None:
    """`service netif start IFACE`: what rc.conf(5) says of it once more; a vhid that is there has the words of its line
    set, and keeps the others (network.subr, ifconfig_up(); carp.c, setcarp_callback())."""
    network = node.network
    variables = rc_variables(node, "netif")
    if "carp" not in node.kernel.modules:
        return
    for name in interfaces:
        for words in _values(name, variables):
            if "vhid" not in words[:-1] or (words[0] == "inet6" and not variables.get(f"{_base(name)}_ipv6")):
                continue
            layout = _vhid(name, words)
            has = {(each.layout.vhid, each.layout.address): each for each in network.interfaces[name].vhids}
            there = has.get((layout.vhid, layout.address))
            if there is None:
                network.add_vhid(layout, int(_after(words, "advskew") or 0))
                there = network.interfaces[name].vhids[-1]
            elif _after(words, "advskew"):
                there.advskew = int(_after(words, "advskew"))
            there.password = _after(words, "pass") or there.password
            there.peer = _after(words, "peer") or there.peer


def _values(interface: str, variables: Mapping[str, str]) -> Iterator[list[str]]:
    base = _base(interface)
    yield variables.get(base, "").split()
    for number in count():
        if not (value := variables.get(f"{base}_alias{number}")):
            return
        yield value.split()


def _base(interface: str) -> str:
    """network.subr, get_if_var()"""
    return f"ifconfig_{re.sub(r'[-./+]', '_', interface)}"


def _vhid(interface: str, words: list[str]) -> VhidLayout:
    address = next((word for word in words if re.match(ADDRESS, word)), "").partition("/")[0]
    advbase = int(_after(words, "advbase") or 1)
    return VhidLayout(int(_after(words, "vhid")), address, interface, advbase, _after(words, "pass"))


def _after(words: list[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words[:-1] else ""
