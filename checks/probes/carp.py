"""CARP: what ifconfig(8) and sysctl(8) say of the virtual hosts of a node, CARP and VRRPv3, FreeBSD 10 to 16."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from checks.probes.errors import Failed, NotUnderstood
from checks.probes.node import Node

INTERFACE = r"(?a)(?P<name>[A-Za-z0-9_.:+-]{1,15}): flags=[0-9a-f]+<(?P<flags>[A-Z0-9_,]*)>.*"
"""if_xname is at most IFNAMSIZ - 1 = 15 characters (net/if.h); vlan0.100 and em0_1 are names."""
CARP = r"(?a)\s+carp: (?P<state>[A-Z]+) vhid (?P<vhid>\d+) advbase (?P<advbase>\d+) advskew (?P<advskew>\d+)( key .*)?"
VRRP = r"(?a)\s+vrrp: (?P<state>[A-Z]+) vrid (?P<vhid>\d+) prio (?P<prio>\d+) interval (?P<interval>\d+)( key .*)?"


class CarpState(enum.Enum):
    """ip_carp.h CARP_STATES. INIT: the interface is down, or net.inet.carp.allow is 0."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"


class Vhid(NamedTuple):
    """One virtual host. For VRRPv3 `advbase` is the interval in hundredths of a second and `advskew` 255 - priority.
    `media` is the `status` of the interface, such as `active` or `no carrier`, where ifconfig prints one."""

    interface: str
    number: int
    state: CarpState
    protocol: str
    advbase: int
    advskew: int
    addresses: tuple[str, ...]
    interface_up: bool
    media: str = ""

    @property
    def name(self) -> str:
        """As devd(8) names it in `subsystem`: `2@vtnet1`."""
        return f"{self.number}@{self.interface}"


class CarpSysctl(NamedTuple):
    """carp(4), net.inet.carp.*. `demotion` is added to the advskew of every vhid of the node."""

    demotion: int
    preempt: bool
    allow: bool


class Asked(NamedTuple):
    """The CARP state that counts for a resource; None with the reason `why` where there is none."""

    state: CarpState | None
    why: str


class CarpNotLoaded(Exception):
    """The kernel has no CARP: the module is not loaded."""


def vhids(node: Node) -> tuple[Vhid, ...]:
    """The virtual hosts of all interfaces. Raises ProbeError."""
    completed = node.run("ifconfig", "-a")
    if completed.status != 0:
        raise Failed(f"`ifconfig -a` ends with {completed.status}: {completed.words}")
    return parse_ifconfig(completed.stdout)


def settings(node: Node) -> CarpSysctl:
    """The node-wide settings. Raises CarpNotLoaded and ProbeError."""
    completed = node.run("sysctl", "net.inet.carp")
    if "unknown oid" in completed.stderr:
        raise CarpNotLoaded("net.inet.carp: unknown oid, the carp module is not loaded")
    if completed.status != 0:
        raise Failed(f"`sysctl net.inet.carp` ends with {completed.status}: {completed.words}")
    return parse_sysctl(completed.stdout)


def asked(vhids: tuple[Vhid, ...], mapped: str) -> Asked:
    """The state of the vhid that the configuration names (`2@vtnet1`); without one all vhids of the node must agree."""
    if mapped:
        number = mapped.partition("@")[0]
        found = [vhid for vhid in vhids if vhid.name == mapped] or [
            vhid
            for vhid in vhids
            if str(vhid.number) == number  # the interface may have another name on the other node
        ]
        return Asked(found[0].state, "") if len(found) == 1 else Asked(None, f"no vhid {mapped} on this node")
    states = {vhid.state for vhid in vhids}
    if len(states) == 1:
        return Asked(states.pop(), "")
    if not states:
        return Asked(None, "no vhid on this node")
    return Asked(None, "the vhids disagree: " + ", ".join(f"{vhid.name} {vhid.state.value}" for vhid in vhids))


def parse_ifconfig(text: str) -> tuple[Vhid, ...]:
    """The virtual hosts in the output of `ifconfig -a`. Raises NotUnderstood."""
    found: list[Vhid] = []
    interface, up = "", False
    addresses: dict[tuple[str, int], list[str]] = {}
    media: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line[0].isspace():
            heading = re.fullmatch(INTERFACE, line)
            if not heading:
                raise NotUnderstood("ifconfig", line)
            interface, up = heading["name"], "UP" in heading["flags"].split(",")
            continue
        kind = line.strip().partition(" ")[0]
        if line.strip() and not interface:
            raise NotUnderstood("ifconfig", line)
        if kind in ("carp:", "vrrp:"):
            found.append(_vhid(line, interface, up))
        elif kind in ("inet", "inet6") and " vhid " in line:
            number, address = _address(line)
            addresses.setdefault((interface, number), []).append(address)
        elif kind == "status:":
            media[interface] = line.strip().partition(" ")[2]
    if not interface:
        raise NotUnderstood("ifconfig without any interface", text[:160] or "(empty)")
    return tuple(
        vhid._replace(
            addresses=tuple(addresses.get((vhid.interface, vhid.number), ())), media=media.get(vhid.interface, "")
        )
        for vhid in found
    )


def _vhid(line: str, interface: str, up: bool) -> Vhid:
    carp, vrrp = re.fullmatch(CARP, line), re.fullmatch(VRRP, line)
    found = carp or vrrp
    if not found or found["state"] not in CarpState.__members__:
        raise NotUnderstood("ifconfig", line)
    advbase, advskew = (
        (int(carp["advbase"]), int(carp["advskew"])) if carp else (int(found["interval"]), 255 - int(found["prio"]))
    )
    state = CarpState(found["state"])
    return Vhid(interface, int(found["vhid"]), state, "carp" if carp else "vrrp", advbase, advskew, (), up)


def _address(line: str) -> tuple[int, str]:
    """The vhid and the address with its prefix length, of an `inet` or `inet6` line."""
    words = line.split()
    options = dict(zip(words[2::2], words[3::2], strict=False))
    address, _, bits = words[1].partition("/")
    number = options.get("vhid", "")
    if "netmask" in options and re.fullmatch(r"0x[0-9a-f]{8}", options["netmask"]):
        bits = str(int(options["netmask"], 16).bit_count())
    bits = options.get("prefixlen", bits)
    if not number.isascii() or not number.isdigit() or not re.fullmatch(r"[0-9A-Fa-f.:]+(%\S+)?", address):
        raise NotUnderstood("ifconfig", line)
    return int(number), f"{address.partition('%')[0]}/{bits}"


def parse_sysctl(text: str) -> CarpSysctl:
    """The settings in the output of `sysctl net.inet.carp`. Raises NotUnderstood."""
    values: dict[str, int] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(": ")
        if not colon or not name.startswith("net.inet.carp."):
            raise NotUnderstood("sysctl net.inet.carp", line)
        try:
            values[name.removeprefix("net.inet.carp.")] = int(value)
        except ValueError:
            if name.removeprefix("net.inet.carp.") in CarpSysctl._fields:
                raise NotUnderstood("sysctl net.inet.carp", line) from None
    for name in CarpSysctl._fields:
        if name not in values:
            raise NotUnderstood(f"sysctl net.inet.carp without {name}", text[:160] or "(empty)")
    return CarpSysctl(values["demotion"], values["preempt"] != 0, values["allow"] != 0)
