"""The interfaces of a node: up or down, carrier or not, addresses, vhids; and what ifconfig prints of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from simulator.host.kernel import CARP
from simulator.network.carp import GROUP6, Advertisement, CarpHost, CarpState, Vhid
from simulator.network.link import Traffic
from simulator.network.routes import HostRoute

if TYPE_CHECKING:
    from simulator.layout import VhidLayout
    from simulator.release import IfconfigBehaviour

LOWER_UP = 0x1000000


@dataclass(slots=True)
class Interface:
    """One network interface with its own address."""

    name: str
    ether: str
    address: str
    address6: str = ""
    up: bool = True
    carrier: bool = True
    vhids: list[Vhid] = field(default_factory=list)
    more: list[str] = field(default_factory=list)
    """Further lines that ifconfig(8) prints of it: of other addresses, or of a later release."""


class NetworkHost(CarpHost, Protocol):
    """What the interfaces need of their node."""

    boot_deafness: float
    """Seconds during which CARP hears nothing after the next boot."""

    @property
    def network(self) -> Network:
        """Its interfaces."""
        ...

    @property
    def peer(self) -> NetworkHost:
        """The other node."""
        ...


class Network:
    """All interfaces of one node."""

    def __init__(self, node: NetworkHost) -> None:
        self.node = node
        number = node.layout.number
        self.configured = False
        """rc.d/netif has run in this boot: before that, nothing has an address."""
        self.bad_authentication = 0
        """Advertisements for a vhid of this node that were discarded in this boot (carps_badauth)."""
        self.loopbacks = ["lo0"]
        self.host_routes: dict[str, HostRoute] = {}
        self.neighbours: dict[str, tuple[str, str]] = {}
        """Addresses that somebody has set in the ARP table: Ethernet address and interface (arp(8))."""
        self.interfaces: dict[str, Interface] = {
            "vtnet0": Interface("vtnet0", f"52:54:00:0a:00:{number:02x}", node.layout.management)
        }
        for index, name in enumerate(dict.fromkeys(vhid.interface for vhid in node.pair.layout.vhids)):
            ether = f"52:54:00:0a:{0x65 + index:02x}:{number:02x}"
            self.interfaces[name] = Interface(name, ether, node.layout.address, node.layout.address6)
        node.kernel.handlers |= {f"{CARP}.demotion": self._demotion_written, f"{CARP}.allow": self._allow_written}

    def add_vhid(self, layout: VhidLayout, advskew: int, deaf: float = 0.0) -> None:
        """`ifconfig IFACE vhid N advskew N pass … alias …`"""
        interface = self.interfaces[layout.interface]
        vhid = Vhid(self.node, layout, advskew)
        vhid.deaf_until = self.node.clock.now + deaf + self.node.boot_deafness
        if not interface.vhids:
            self.node.kernel_log(f"{interface.name}: promiscuous mode enabled")
        interface.vhids.append(vhid)
        vhid.begin()

    def remove_vhid(self, interface: Interface, vhid: Vhid) -> None:
        """`ifconfig IFACE inet ADDRESS -alias`"""
        vhid.remove()
        interface.vhids.remove(vhid)
        if not interface.vhids:
            self.node.kernel_log(f"{interface.name}: promiscuous mode disabled")

    def vhids(self) -> list[Vhid]:
        """Of all interfaces."""
        return [vhid for interface in self.interfaces.values() for vhid in interface.vhids]

    def usable(self, name: str) -> bool:
        """Up and with a carrier."""
        interface = self.interfaces[name]
        return interface.up and interface.carrier

    def address_up(self, address: str) -> bool:
        """An interface with this address of its own works."""
        there = [each for each in self.interfaces.values() if each.address == address and each.up and each.carrier]
        return self.configured and bool(there)

    def rejects(self, address: str) -> bool:
        """What this node sends to an address fails at once, for a route of its own."""
        return address in self.host_routes and self.host_routes[address].rejects

    def masters(self, address: str) -> Vhid | None:
        """The vhid in state MASTER that holds a service address here."""
        for vhid in self.vhids():
            if vhid.layout.address == address and vhid.state is CarpState.MASTER:
                return vhid
        return None

    def hear(self, interface: str, advertisement: Advertisement) -> None:
        """An advertisement arrived."""
        if not self.node.on or interface not in self.interfaces or not self.usable(interface):
            return
        for vhid in list(self.interfaces[interface].vhids):
            if vhid.layout.vhid == advertisement.vhid:
                self.bad_authentication += advertisement.password != vhid.password
                vhid.hear(advertisement)

    def demote(self, by: int, reason: str) -> None:
        """carp_demote_adj(): all vhids of the node, at once."""
        kernel = self.node.kernel
        total = kernel.integer("net.inet.carp.demotion") + by
        kernel.values["net.inet.carp.demotion"] = str(total)
        self.node.kernel_log(f"carp: demoted by {by} to {total} ({reason})")
        for vhid in self.vhids():
            vhid.announce()

    def _demotion_written(self, value: str) -> None:
        """What is written is added (ip_carp.c, carp_demote_adj_sysctl())."""
        self.demote(int(value), "sysctl")

    def _allow_written(self, value: str) -> None:
        """carp_allow_sysctl()"""
        self.node.kernel.values[f"{CARP}.allow"] = value
        for vhid in self.vhids():
            vhid.update()

    def set_up(self, name: str, up: bool) -> None:
        """`ifconfig IFACE up|down`"""
        self.interfaces[name].up = up
        self._changed(name)

    def create_loopback(self, name: str) -> None:
        """`ifconfig loN create`: devd hears of the new interface."""
        self.loopbacks.append(name)
        self.node.devd.publish(f"!system=IFNET subsystem={name} type=ATTACH")

    def destroy_loopback(self, name: str) -> None:
        """`ifconfig loN destroy`"""
        self.loopbacks.remove(name)
        self.node.devd.publish(f"!system=IFNET subsystem={name} type=DETACH")

    def set_carrier(self, name: str, carrier: bool) -> None:
        """The cable: also a devd event of its own."""
        interface = self.interfaces[name]
        if interface.carrier is carrier:
            return
        interface.carrier = carrier
        self._changed(name)
        word = "UP" if carrier else "DOWN"
        self.node.kernel_log(f"{name}: link state changed to {word}")
        self.node.devd.publish(f"!system=IFNET subsystem={name} type=LINK_{word}")

    def _changed(self, name: str) -> None:
        for vhid in self.interfaces[name].vhids:
            vhid.update()
        if self.usable(name):
            self.node.pair.retransmit()


def reachable(one: NetworkHost, other: NetworkHost, traffic: Traffic) -> bool:
    """A connection from one node to the other's address works, the management one's for that traffic."""
    management = traffic is Traffic.MANAGEMENT
    ends = [(each, each.layout.management if management else each.layout.address) for each in (one, other)]
    up = all(node.on and node.network.address_up(address) for node, address in ends)
    (one, mine), (other, theirs) = ends
    rejected = one.network.rejects(theirs) or other.network.rejects(mine)
    return up and not rejected and one.pair.link.both_ways(one.name, other.name, traffic)


def describe(interface: Interface, of: IfconfigBehaviour, keys: bool = False) -> str:
    """What `ifconfig IFACE` prints on a release; `keys`: with the passwords of its vhids (-k)."""
    vhids = interface.vhids
    names = ["UP"] * interface.up + ["BROADCAST"] + ["RUNNING"] * interface.up + ["PROMISC"] * bool(vhids)
    names += ["SIMPLEX", "MULTICAST"]
    value = of.flags | 0x41 * interface.up | 0x100 * bool(vhids)
    if of.lower_up and interface.carrier:
        names, value = [*names, "LOWER_UP"], value | LOWER_UP
    lines = [
        f"{interface.name}: flags={value:x}<{','.join(names)}> metric 0 mtu 1500",
        f"\toptions={of.options}",
        f"\tether {interface.ether}",
        f"\tinet {interface.address} netmask 0xffffff00 broadcast {interface.address.rsplit('.', 1)[0]}.255",
    ]
    lines += [f"\tinet6 {interface.address6} prefixlen 64"] * bool(interface.address6)
    for vhid in vhids:
        address = vhid.layout.address
        of_address = "inet6 {0} prefixlen 128" if ":" in address else "inet {0} netmask 0xffffffff broadcast {0}"
        lines.append(f"\t{of_address.format(address)} vhid {vhid.layout.vhid}{' ' if ':' in address else ''}")
    lines += [f"\t{line}" for line in interface.more]
    for vhid in vhids:
        counters = f"advbase {vhid.layout.advbase} advskew {vhid.advskew}"
        key = f' key "{vhid.password}"' if keys and vhid.password else ""
        lines.append(f"\tcarp: {vhid.state.value} vhid {vhid.layout.vhid} {counters}{key}")
        lines += [f"\t      peer {vhid.peer} peer6 {GROUP6}"] * of.peer
    lines += [
        f"\tmedia: Ethernet autoselect ({'10Gbase-T <full-duplex>' if interface.carrier else 'none'})",
        f"\tstatus: {'active' if interface.carrier else 'no carrier'}",
        "\tnd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>"
        if interface.address6
        else "\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>",
    ]
    return "\n".join(lines) + "\n"


def describe_loopback(name: str, of: IfconfigBehaviour) -> str:
    """What `ifconfig loN` prints: lo0 as recorded, a new one has no address and is down."""
    if name != "lo0":
        return NEW_LOOPBACK.format(name=name)
    return (
        LOOPBACK.replace("8049", f"{LOWER_UP | 0x8049:x}").replace("ST>", "ST,LOWER_UP>") if of.lower_up else LOOPBACK
    )


LOOPBACK = """lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> metric 0 mtu 16384
	options=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>
	inet 127.0.0.1 netmask 0xff000000
	inet6 ::1 prefixlen 128
	inet6 fe80::1%lo0 prefixlen 64 scopeid 0x3
	groups: lo
	nd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>
"""

NEW_LOOPBACK = """{name}: flags=8008<LOOPBACK,MULTICAST> metric 0 mtu 16384
	options=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>
	groups: lo
	nd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>
"""
