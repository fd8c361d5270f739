"""CARP as rc.conf(5) and the kernel have it: which vhids, with which advskew, on both nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list
from checks.probes import carp, rc_conf
from checks.probes.errors import CommandFailed, NotFound
from checks.probes.vhid import Vhid
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, digits, problem

MOST_ALIASES = 16
"""ifconfig_IFACE_alias0 to alias15 are looked at (rc.conf(5))."""
FILES = ("/etc/rc.conf", "/etc/rc.conf.local", "/etc/rc.conf.d/netif", "/etc/rc.conf.d/network")
"""Where rc.conf(5) may have the lines of interfaces (rc.subr(8), load_rc_config())."""
ROWS = (
    SetupRow(Tier.MANUAL, "setup-no-vhid", CRITICAL, "the node has no vhid",
             "clients have no address that moves: no failover",
             "on {node}: `kldload -n carp`, `sysrc -f {file} {setting}`, `chmod 600 {file}`,"
             " `service netif start IFACE`"),
    SetupRow(Tier.NETWORK, "setup-vhid-not-running", CRITICAL, "rc.conf has a vhid that the node does not have",
             "its address cannot come to this node: no failover, until the next boot",
             "on {node}: `kldload -n carp`, `service netif start {nic}`"),
    SetupRow(Tier.MANUAL, "setup-vhid-not-at-boot", CRITICAL, "rc.conf does not have a vhid that the node has",
             "after the next boot its address cannot come to this node: no failover",
             "on {node}: `ifconfig -k {nic}` shows its password; `sysrc -f {file} {setting}`, `chmod 600 {file}`"),
    SetupRow(Tier.SAFE, "setup-advskew-at-boot", WARNING, "rc.conf gives a vhid another advskew than it has now",
             "the next boot changes which node is preferred",
             "on {node}: `sed -i '' {script} {file}`"),
    SetupRow(Tier.NETWORK, "setup-advskew-differs", WARNING, "the nodes have different advskews for a vhid",
             "the preferred node takes the address back whenever hastwatch does not hold it: two outages for one",
             "on {node}: `sed -i '' {script} {file}`, `ifconfig {nic} vhid {vhid} advskew {new}`"),
)  # fmt: skip


class CarpFacts(NamedTuple):
    """The advskew of each vhid, by `2@vtnet1`: what it is now, and what rc.conf says."""

    now: Mapping[str, str] = {}
    at_boot: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    """Which file of rc.conf(5) has the line of a vhid."""
    addresses: Mapping[str, str] = {}
    """Of each vhid that there is, of carp(4) and of VRRP; empty words where ifconfig(8) shows none."""
    all_read: bool = True
    """Whether every line of a vhid was understood."""
    free: Mapping[str, str] = {}
    """By interface the first variable of rc.conf(5) for an alias that is not set."""


def read(audited: AuditedNode) -> CarpFacts:
    """Raises ProbeError."""
    there = carp.vhids(audited.node)
    vhids = [each for each in there if each.is_read and each.numbers_read]
    words = ifconfig_words(audited, _interfaces(audited))
    at_boot = {name: skew or "0" for name, skew in _values(words, "advskew").items()}
    now = {each.name: str(each.advskew) for each in vhids if each.protocol == "carp"}
    return CarpFacts(
        now,
        at_boot,
        {name: file_of(audited, name.partition("@")[0]) for name in now},
        {each.name: " ".join(each.addresses) for each in vhids},
        len(vhids) == len(there),
        {interface: _free(audited, interface) for interface in dict.fromkeys(each.interface for each in vhids)},
    )


def _interfaces(audited: AuditedNode) -> tuple[str, ...]:
    """`ifconfig -l`. Raises ProbeError."""
    listed = audited.node.run("ifconfig", "-l")
    if listed.status != 0:
        raise CommandFailed(f"`ifconfig -l` exits with {listed.status}: {listed.words}")
    return tuple(listed.stdout.split())


def _free(audited: AuditedNode, interface: str) -> str:
    """network.subr, ifalias_af_common(): every ifconfig_IFACE_aliasN that is set. Raises Unreachable."""
    names = _names(interface)[-MOST_ALIASES:]
    variables = rc_conf.read(audited.node, {"netif": tuple(names)})
    return next((name for name in names if not variables.get("netif", name)), names[-1])


def passwords_at_boot(audited: AuditedNode, vhids: Iterable[Vhid]) -> dict[str, str]:
    """The password that rc.conf(5) has for each vhid of their interfaces, empty where it has none: a secret. Raises
    ProbeError."""
    interfaces = tuple(dict.fromkeys(each.interface for each in vhids))
    return _values(ifconfig_words(audited, interfaces), "pass")


def _values(words_of: Mapping[str, list[list[str]]], word: str) -> dict[str, str]:
    """What follows a word in the lines of each vhid of each interface, by its name; the last that has it counts, as
    ifconfig(8) leaves what a line does not name (carp.c, setcarp_callback())."""
    values: dict[str, str] = {}
    for interface, lines in words_of.items():
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
    if not facts.now and not facts.at_boot:
        setting = "ifconfig_IFACE_alias0=inet vhid N advskew 10 pass PASSWORD alias ADDRESS/32"
        yield problem("setup-no-vhid", "no vhid on any interface, and none in rc.conf", setting=setting, file=PRIVATE)
    yield from _of_the_boot(facts)
    for name, skew in facts.now.items():
        told = facts.at_boot.get(name, skew)
        if told != skew:
            text = f"advskew of {name} is {skew}, and {told} in rc.conf"
            file = facts.files.get(name, FILES[0])
            yield problem("setup-advskew-at-boot", text, script=_other_skew(name.partition("@")[0], skew), file=file)


def _of_the_boot(facts: CarpFacts) -> Problems:
    """The vhids that only the kernel has, or only rc.conf(5)."""
    for name in facts.at_boot:
        if name not in facts.addresses and facts.all_read:
            yield problem("setup-vhid-not-running", f"{name} is in rc.conf alone", nic=name.partition("@")[2])
    for name, skew in facts.now.items():
        number, _, interface = name.partition("@")
        if name not in facts.at_boot:
            address = next(iter(facts.addresses[name].split()), "ADDRESS/32")
            family = "inet6" if ":" in address else "inet"
            words = f"{family} vhid {number} advskew {skew} pass PASSWORD alias {address}"
            says = f"{name} is not in rc.conf"
            setting = f"{facts.free[interface]}={words}"
            yield problem("setup-vhid-not-at-boot", says, nic=interface, setting=setting, file=PRIVATE)


PRIVATE = "/etc/rc.conf.d/netif"
"""For a password: everybody may read /etc/rc.conf."""


def _other_skew(vhid: str, skew: str) -> str:
    """A script for sed(1): the advskew of the lines of a vhid."""
    return f"/vhid {digits(vhid)} /s/advskew [0-9]*/advskew {digits(skew)}/"


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
            new=digits(min(skews, key=int)),
            script=_other_skew(vhid, min(skews, key=int)),
        )


GROUP = SetupGroup(
    "carp", "the vhids of each node, their advskews now, at the next boot, and on both nodes",
    ROWS, CarpFacts, read, judge, judge_pair,
)  # fmt: skip
