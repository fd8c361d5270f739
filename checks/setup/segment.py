"""What the nodes say to each other by CARP: passwords, unicast peers; and who else uses their vhids on the segment.

A password leaves no node: what is compared is scrypt(3) of it, with a salt of the asker's that is drawn anew for each
audit, so that nobody can look it up, and a guess costs 32 MB and a tenth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.carp import TABLE
from checks.carp_hearing import UnheardVhid, hearing
from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list
from checks.probes import ifconfig
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import CommandFailed
from checks.setup.carp import FILES, file_of, passwords_at_boot
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, digits, problem

KEYED = re.compile(r"\s+carp: \S+ vhid (?P<number>\d+) .* key \"(?P<key>.*)\"")
HEADING = re.compile(r"(?P<name>\S+): flags=")
COST, BLOCK = 1 << 15, 8
"""scrypt's N and r (RFC 7914): 32 MB."""
MEMORY = 64 << 20
LONGEST = 19
"""Bytes of a password that ifconfig(8) hands to the kernel (carp.c, setcarp_callback())."""
NEIGHBOUR = re.compile(r"\S+ \((?P<address>[0-9.]+)\) at (?P<ether>[0-9a-f:]{17}) on (?P<interface>\S+)")
"""A line of `arp -an` (arp.c, print_entry())."""
VIRTUAL = "00:00:5e:00:01:"
"""The Ethernet address of a vhid, its number behind it, of CARP as of VRRP (ip_carp.c, carp_init_softc(); RFC 5798
7.3)."""

DISCARDED = re.compile(r"(?m)^\s+(\d+) discarded for bad authentication$")
"""A line of `netstat -s -p carp` (inet.c, carp_stats())."""

ADDRESS = re.compile("[0-9a-fA-F.:]+")
"""Of the other node's, where it may stand in a script."""

ROWS = (
    SetupRow(Tier.MANUAL, "setup-carp-no-password", WARNING, "a vhid has no password",
             "whoever is on the segment can take the service address",
             "on {node}: `sed -i '' {script} {file}`, `ifconfig {nic} vhid {vhid} pass PASSWORD`, as on {peer}"),
    SetupRow(Tier.MANUAL, "setup-carp-password-differs", CRITICAL, "the nodes have different passwords for a vhid",
             "neither takes the other one's advertisements: both are MASTER",
             "on both nodes: `sed -i '' {script} {file}`, `ifconfig {nic} vhid {vhid} pass PASSWORD`"),
    SetupRow(Tier.MANUAL, "setup-carp-password-at-boot", CRITICAL, "rc.conf gives a vhid another password than it has",
             "after the next boot of this node neither hears the other one: both are MASTER",
             "on {node}: `ifconfig -k {nic}` shows the password that vhid {vhid} has: `sed -i '' {script} {file}`"),
    SetupRow(Tier.SAFE, "setup-carp-unauthentic", WARNING, "advertisements for a vhid of this node were discarded",
             "another pair uses its number, or the other node has another password or other addresses for it",
             "on {node}: `netstat -sz -p carp` counts anew; look again after a minute"),
    SetupRow(Tier.MANUAL, "setup-vhid-taken", CRITICAL, "another address has the Ethernet address of a vhid",
             "a router with VRRP or another pair uses the same number: switches send its frames to either of them",
             "give vhid {vhid} another number on both nodes, in /etc/rc.conf and as `vhid` in hastwatch.toml"),
    *(
        SetupRow(Tier.NETWORK, *TABLE.by_reason[reason]._replace(action=(
            "on {node}: `sed -i '' {script} {file}`, `ifconfig {nic} vhid {vhid} {family} {address}`"
        )))
        for reason in ("carp-peer-wrong", "carp-peer-one-sided")
    ),
)  # fmt: skip


class SegmentFacts(NamedTuple):
    """By vhid, `2@vtnet1`: the digest of its password, empty where it has none, its unicast peers, its addresses; by
    interface its own addresses; and the neighbours with the Ethernet address of one of these vhids."""

    digests: Mapping[str, str] = {}
    peers: Mapping[str, str] = {}
    peers6: Mapping[str, str] = {}
    addresses: Mapping[str, str] = {}
    own: Mapping[str, str] = {}
    taken: Mapping[str, str] = {}
    """From the vhid to the addresses of others that have its Ethernet address."""
    discarded: str = "0"
    """Advertisements that the kernel could not authenticate, since it has been counting."""
    at_boot: Mapping[str, str] = {}
    """From a vhid to the file of rc.conf(5) that has another password for it, or none; the node itself compares."""
    files: Mapping[str, str] = {}
    """From a vhid to the file of rc.conf(5) that has its line."""


def read(audited: AuditedNode) -> SegmentFacts:
    """Raises ProbeError."""
    node = audited.node
    audited.needs_root("the passwords of CARP")
    shown = node.run("ifconfig", "-ak")
    if shown.status != 0:
        raise CommandFailed(f"`ifconfig -ak` exits with {shown.status}")
    vhids = [each for each in ifconfig.parse(shown.stdout).vhids if each.protocol == "carp" and each.is_read]
    keys = _keys(shown.stdout)
    neighbours = node.run("arp", "-an")
    return SegmentFacts(
        digests={each.name: _digest(keys.get(each.name, ""), audited.nonce, each.number) for each in vhids},
        peers={each.name: each.peer for each in vhids},
        peers6={each.name: each.peer6 for each in vhids},
        addresses={each.name: " ".join(each.addresses) for each in vhids},
        own={each.interface: " ".join(each.own) for each in vhids},
        taken=_taken(neighbours.stdout, vhids) if neighbours.status == 0 else {},
        discarded=_discarded(audited) if vhids else "0",
        at_boot=_at_boot(audited, keys, vhids),
        files={each.name: file_of(audited, str(each.number)) for each in vhids},
    )


def _discarded(audited: AuditedNode) -> str:
    """ip_carp.c, carp_input_c(): for a vhid of this node, and not signed with its password and addresses. Raises
    ProbeError."""
    shown = audited.node.run("netstat", "-s", "-p", "carp")
    counted = DISCARDED.search(shown.stdout)
    if shown.status != 0 or not counted:
        raise CommandFailed(f"`netstat -s -p carp` exits with {shown.status} and tells no count: {shown.words}")
    return counted[1]


def _at_boot(audited: AuditedNode, keys: dict[str, str], vhids: list[Vhid]) -> dict[str, str]:
    """The vhids with a password that rc.conf(5) has with another one, each with its file. Raises ProbeError."""
    configured = passwords_at_boot(audited, vhids)
    return {
        each.name: file_of(audited, str(each.number))
        for each in vhids
        if each.name in configured
        and each.name in keys
        and _bytes(configured[each.name])[:LONGEST] != _bytes(keys[each.name])
    }


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")


def _keys(text: str) -> dict[str, str]:
    """The passwords in the output of `ifconfig -ak`, which shows them to root (carp.c, carp_status())."""
    keys, interface = {}, ""
    for line in text.splitlines():
        if heading := HEADING.match(line):
            interface = heading["name"]
        elif keyed := KEYED.fullmatch(line):
            keys[f"{keyed['number']}@{interface}"] = keyed["key"]
    return keys


def _digest(password: str, nonce: str, number: int) -> str:
    if not password:
        return ""
    import hashlib

    salt = f"{nonce} {number}".encode()
    return hashlib.scrypt(_bytes(password), salt=salt, n=COST, r=BLOCK, p=1, maxmem=MEMORY, dklen=16).hex()


def _taken(text: str, vhids: list[Vhid]) -> dict[str, str]:
    taken: dict[str, list[str]] = {}
    ours = {address.partition("/")[0] for each in vhids for address in each.addresses}
    for line in text.splitlines():
        entry = NEIGHBOUR.match(line)
        if entry and entry["ether"].startswith(VIRTUAL) and entry["address"] not in ours:
            number = int(entry["ether"].removeprefix(VIRTUAL), 16)
            for vhid in vhids:
                if (vhid.number, vhid.interface) == (number, entry["interface"]):
                    taken.setdefault(vhid.name, []).append(entry["address"])
    return {name: " ".join(addresses) for name, addresses in taken.items()}


def judge(facts: SegmentFacts) -> Problems:
    """One node."""
    for name, digest in facts.digests.items():
        if not digest:
            yield problem("setup-carp-no-password", f"{name} has no password", **_password(facts, name))
    if facts.discarded != "0":
        yield problem("setup-carp-unauthentic", f"{facts.discarded} advertisements had a wrong signature")
    for name, file in facts.at_boot.items():
        says = f"the password of {name} is another one in {file}"
        yield problem("setup-carp-password-at-boot", says, **_password(facts, name) | {"file": file})
    for name, addresses in facts.taken.items():
        says = f"{name_list(addresses.split())} has the Ethernet address of {name}"
        yield problem("setup-vhid-taken", says, vhid=name.partition("@")[0])


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """By number of the vhid: the interfaces may have other names on the other node."""
    ours, theirs = ({name.partition("@")[0]: name for name in each.facts.digests} for each in (here, there))
    for number in sorted(ours.keys() & theirs.keys()):
        one, other = ours[number], theirs[number]
        digests = {here.facts.digests[one], there.facts.digests[other]}
        if len(digests) == 2 and "" not in digests:
            says = f"the passwords of vhid {number} differ"
            yield problem("setup-carp-password-differs", says, **_password(here.facts, one))
        for each in hearing(here.label, _vhid(here.facts, one), there.label, _vhid(there.facts, other)):
            side, name = (here, one) if each.sender == here.label else (there, other)
            yield problem(each.reason, each.text, node=side.label, **_peer(side.facts, name, each))


def _password(facts: SegmentFacts, name: str) -> dict[str, str]:
    """What a remedy for the password of a vhid is filled in with; the password is for somebody to put in."""
    number, _, interface = name.partition("@")
    script = _in_its_line(number, "pass", "PASSWORD")
    return {"vhid": number, "nic": interface, "script": script, "file": facts.files.get(name, FILES[0])}


def _peer(facts: SegmentFacts, name: str, each: UnheardVhid) -> dict[str, str]:
    """The same for where a vhid sends to."""
    number, _, interface = name.partition("@")
    address = each.address if ADDRESS.fullmatch(each.address) else "ADDRESS"
    values = {"vhid": number, "nic": interface, "family": each.family, "address": address}
    return {**values, "script": _in_its_line(number, each.family, address), "file": facts.files.get(name, FILES[0])}


def _in_its_line(number: str, word: str, value: str) -> str:
    """A script for sed(1) that sets a word of a vhid where rc.conf(5) has it."""
    number = digits(number)
    return f'/vhid {number} /{{s/ {word} [^ "]*//;s/vhid {number} /&{word} {value} /;}}'


def _vhid(facts: SegmentFacts, name: str) -> Vhid:
    """As `hearing` wants it."""
    number, _, interface = name.partition("@")
    return Vhid(
        interface, int(number), CarpState.UNKNOWN, "carp", 1, 0, tuple(facts.addresses[name].split()), True,
        peer=facts.peers[name], peer6=facts.peers6[name], own=tuple(facts.own[interface].split()),
    )  # fmt: skip


GROUP = SetupGroup(
    "segment", "CARP's passwords by digest, also at the next boot, unicast peers, and who else uses a vhid",
    ROWS, SegmentFacts, read, judge, judge_pair,
)  # fmt: skip
