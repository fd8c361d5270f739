"""CARP as rc.conf(5) and the kernel have it: which vhids, with which advskew, on both nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list
from checks.probes import carp, rc_conf
from checks.probes.errors import NotFound
from checks.probes.vhid import Vhid
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

MOST_ALIASES = 16
"""ifconfig_IFACE_alias0 to alias15 are looked at (rc.conf(5))."""
FILES = ("/etc/rc.conf", "/etc/rc.conf.local", "/etc/rc.conf.d/netif", "/etc/rc.conf.d/network")
"""Where rc.conf(5) may have the lines of interfaces (rc.subr(8), load_rc_config())."""
ROWS = (
    SetupRow(Tier.MANUAL, "setup-no-vhid", CRITICAL, "the node has no vhid",
             "clients have no address that moves: no failover", "on {node}: `kldload carp`, `grep vhid /etc/rc.conf`,"
             " compare it with that of {peer}, then `service netif restart`"),
    SetupRow(Tier.SAFE, "setup-advskew-at-boot", WARNING, "rc.conf gives a vhid another advskew than it has now",
             "the next boot changes which node is preferred",
             "on {node}: `sed -i '' '/vhid {vhid} /s/skew {old}/skew {new}/' {file}`"),
    SetupRow(Tier.NETWORK, "setup-advskew-differs", WARNING, "the nodes have different advskews for a vhid",
             "the preferred node takes the address back whenever hastwatch does not hold it: two outages for one",
             "on {node}: `sed -i '' '/vhid {vhid} /s/skew {old}/skew {new}/' {file}`,"
             " `ifconfig {nic} vhid {vhid} advskew {new}`"),
)  # fmt: skip


class CarpFacts(NamedTuple):
    """The advskew of each vhid, by `2@vtnet1`: what it is now, and what rc.conf says."""

    now: Mapping[str, str] = {}
    at_boot: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    """Which file of rc.conf(5) has the line of a vhid."""


def read(audited: AuditedNode) -> CarpFacts:
    """Raises ProbeError."""
    vhids = [each for each in carp.vhids(audited.node) if each.is_read and each.numbers_read]
    at_boot = _at_boot(audited, vhids, "advskew")
    at_boot = {name: skew or "0" for name, skew in at_boot.items()}
    now = {each.name: str(each.advskew) for each in vhids if each.protocol == "carp"}
    return CarpFacts(now, at_boot, {name: file_of(audited, name.partition("@")[0]) for name in now})


def passwords_at_boot(audited: AuditedNode, vhids: Iterable[Vhid]) -> dict[str, str]:
    """The password that rc.conf(5) has for each vhid of their interfaces, empty where it has none: a secret. Raises
    ProbeError."""
    return _at_boot(audited, vhids, "pass")


def _at_boot(audited: AuditedNode, vhids: Iterable[Vhid], word: str) -> dict[str, str]:
    """What follows a word in the lines of each vhid of their interfaces, by its name; the last that has it counts, as
    ifconfig(8) leaves what a line does not name (carp.c, setcarp_callback())."""
    values: dict[str, str] = {}
    interfaces = tuple(dict.fromkeys(each.interface for each in vhids))
    for interface, lines in ifconfig_words(audited, interfaces).items():
        for words in lines:
            if "vhid" in words[:-1]:
                name = f"{_after(words, 'vhid')}@{interface}"
                values[name] = _after(words, word) or values.get(name, "")
    return values


def file_of(audited: AuditedNode, number: str) -> str:
    """The first of FILES that has the line of a vhid. Raises ProbeError."""
    for path in FILES:
        try:
            if re.search(rf"(?m)^[^#\n]*\bvhid {number} ", audited.node.read(path)):
                return path
        except NotFound:
            continue
    return FILES[0]


def ifconfig_words(audited: AuditedNode, interfaces: tuple[str, ...]) -> dict[str, list[list[str]]]:
    """The arguments of ifconfig(8) that rc.conf has for each interface (network.subr, ifconfig_up(),
    ifalias_af_common()); none that only a shell can work out. Raises Unreachable."""
    names = {interface: tuple(_names(interface)) for interface in interfaces}
    variables = rc_conf.read(audited.node, {"netif": tuple(name for each in names.values() for name in each)})
    words: dict[str, list[list[str]]] = {}
    for interface in interfaces:
        values = [variables.get("netif", name) for name in names[interface]]
        words[interface] = [value.split() for value in values if value]
    return words


def _names(interface: str) -> list[str]:
    """network.subr, get_if_var()."""
    base = f"ifconfig_{re.sub(r'[-./+]', '_', interface)}"
    return [base, f"{base}_ipv6", f"{base}_aliases", *(f"{base}_alias{number}" for number in range(MOST_ALIASES))]


def _after(words: list[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words[:-1] else ""


def judge(facts: CarpFacts) -> Problems:
    """One node."""
    if not facts.now:
        yield problem("setup-no-vhid", "no vhid on any interface")
    for name, skew in facts.now.items():
        told = facts.at_boot.get(name, skew)
        if told != skew:
            text = f"advskew of {name} is {skew}, and {told} in rc.conf"
            number, file = name.partition("@")[0], facts.files.get(name, FILES[0])
            yield problem("setup-advskew-at-boot", text, vhid=number, old=told, new=skew, file=file)


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """By number of the vhid: the interfaces may have other names on the other node."""
    ours, theirs = (
        {name.partition("@")[0]: (name, skew) for name, skew in each.facts.now.items()} for each in (here, there)
    )
    for vhid in sorted(ours.keys() & theirs.keys()):
        skews = [each[vhid][1] for each in (ours, theirs)]
        if skews[0] == skews[1]:
            continue
        wrong, name = (here, ours[vhid][0]) if int(skews[0]) > int(skews[1]) else (there, theirs[vhid][0])
        yield problem(
            "setup-advskew-differs",
            f"advskew of vhid {vhid} is {name_list(skews)} on {here.label} and {there.label}",
            node=wrong.label,
            vhid=vhid,
            file=wrong.facts.files.get(name, FILES[0]),
            nic=name.partition("@")[2],
            old=max(skews, key=int),
            new=min(skews, key=int),
        )


GROUP = SetupGroup(
    "carp", "the vhids of each node, their advskews now, at the next boot, and on both nodes",
    ROWS, CarpFacts, read, judge, judge_pair,
)  # fmt: skip
