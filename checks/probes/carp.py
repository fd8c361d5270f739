"""CARP: what ifconfig(8) and sysctl(8) say of the virtual hosts of a node, CARP and VRRPv3, FreeBSD 10 to 16."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes import ifconfig
from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.node import Node
from checks.probes.vhid import STATES as STATES
from checks.probes.vhid import CarpState as CarpState
from checks.probes.vhid import NoCarpState as NoCarpState
from checks.probes.vhid import NotReady as NotReady
from checks.probes.vhid import ResourceCarp as ResourceCarp
from checks.probes.vhid import Vhid as Vhid
from checks.probes.vhid import asked as asked
from checks.probes.vhid import matched as matched
from checks.probes.vhid import partners as partners
from checks.probes.vhid import speaking as speaking


class CarpSysctl(NamedTuple):
    """carp(4), net.inet.carp.*. `demotion` is added to the advskew of every vhid of the node. The factors are what is
    added to it while an interface is down, or while nothing can be sent; None where sysctl(8) does not print them."""

    demotion: int
    preempt: bool
    allow: bool
    ifdown_demotion_factor: int | None = None
    senderr_demotion_factor: int | None = None


FACTORS = ("ifdown_demotion_factor", "senderr_demotion_factor")
NEEDED = tuple(name for name in CarpSysctl._fields if name not in FACTORS)


class CarpNotLoaded(Exception):
    """The kernel has no CARP: the module is not loaded."""


def vhids(node: Node) -> tuple[Vhid, ...]:
    """The virtual hosts of all interfaces; a line that is not understood is noted on the node. Raises ProbeError."""
    completed = node.run("ifconfig", "-a")
    if completed.status != 0:
        raise CommandFailed(f"`ifconfig -a` exits with {completed.status}: {completed.words}")
    interfaces = ifconfig.parse(completed.stdout)
    node.note_odd("ifconfig", interfaces.odd)
    return interfaces.vhids


def settings(node: Node) -> CarpSysctl:
    """The node-wide settings. Raises CarpNotLoaded and ProbeError."""
    completed = node.run("sysctl", "net.inet.carp")
    if "unknown oid" in completed.stderr:
        raise CarpNotLoaded("net.inet.carp: unknown oid, the carp module is not loaded")
    if completed.status != 0:
        raise CommandFailed(f"`sysctl net.inet.carp` exits with {completed.status}: {completed.words}")
    values, odd = parse_sysctl(completed.stdout)
    node.note_odd("sysctl net.inet.carp", odd)
    return values


def parse_sysctl(text: str) -> tuple[CarpSysctl, tuple[str, ...]]:
    """The settings in the output of `sysctl net.inet.carp`, and the lines that are none. Raises NotUnderstood where a
    setting that is needed is not there, or there are two of it that differ."""
    values: dict[str, int] = {}
    odd = []
    for line in text.splitlines():
        match = re.fullmatch(r"(?a)net\.inet\.carp\.(?P<name>[^:\s]+): (?P<value>.*)", line)
        if not match:
            odd += [line] if line.strip() else []
            continue
        name = match["name"]
        if name not in CarpSysctl._fields:
            continue
        value = int(match["value"]) if re.fullmatch(r"(?a)-?\d{1,10}", match["value"]) else None
        if value is None or values.setdefault(name, value) != value:
            raise NotUnderstood("sysctl net.inet.carp", line)
    for name in NEEDED:
        if name not in values:
            if odd:
                raise NotUnderstood("sysctl net.inet.carp", odd[0])
            raise NotUnderstood(f"sysctl net.inet.carp without {name}", text[:160] or "(empty)")
    factors = [values.get(name) for name in FACTORS]
    return CarpSysctl(values["demotion"], values["preempt"] != 0, values["allow"] != 0, *factors), tuple(odd)
