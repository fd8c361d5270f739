"""check_carp: whether the service address is where it should be, and can move when it must."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from checks.carp_hearing import hearing
from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, OK, WARNING, Finding, Number, Row, Table
from checks.plugin.session import Session
from checks.plugin.text import name_list
from checks.plugin.yielded import yielded
from checks.probes import booted, carp, hold
from checks.probes.booted import boot_mark
from checks.probes.carp import CarpState, NotReady, Vhid, matched
from checks.probes.errors import NotPermitted, NotUnderstood, ProbeError
from checks.probes.node import Node

TABLE = Table(
    Row("carp-not-loaded", CRITICAL, "the kernel has no CARP", "this node can neither hold nor take the address"),
    Row("carp-no-vhid", CRITICAL, "no vhid on any interface", "this node can neither hold nor take the address"),
    Row("carp-not-allowed", CRITICAL, "net.inet.carp.allow is 0", "this node cannot take the address"),
    Row("carp-init", CRITICAL, "a vhid in state INIT", "this node cannot take the address"),
    Row("carp-address-duplicated", CRITICAL, "an IPv6 address of a vhid is marked `duplicated`",
        "the kernel drops what clients send to it, also after a failover: another machine has the address"),
    Row("carp-vhids-disagree", CRITICAL, "the vhids of a node are not in one state, resources not mapped to them",
        "without a mapping of resources to vhids nothing can be promoted here"),
    Row("carp-unexpected", CRITICAL, "not the state of --expect", "the address is not where it must be"),
    Row("carp-two-masters", CRITICAL, "a vhid is MASTER on both nodes",
        "both answer for the address: they do not hear each other, or their passwords differ"),
    Row("carp-no-master", CRITICAL, "a vhid is MASTER on neither node", "nobody answers for the address"),
    Row("carp-vhid-missing", CRITICAL, "a vhid exists on one node only", "the other node cannot take its address"),
    Row("carp-addresses-differ", CRITICAL, "a vhid has other addresses or prefixes on the other node",
        "the nodes do not understand each other's advertisements, or clients lose an address at a failover"),
    Row("carp-advbase-differs", WARNING, "a vhid has another advbase on the other node",
        "the slower node waits longer, or never becomes master"),
    Row("carp-protocol-differs", CRITICAL, "CARP on one node, VRRP on the other", "the nodes do not hear each other"),
    Row("carp-peer-wrong", CRITICAL, "a vhid does not send to an address of the other node (`peer`, `peer6`)",
        "the other node does not hear it: at the next failover, or now, both are MASTER"),
    Row("carp-peer-one-sided", WARNING, "a vhid is unicast on one node and multicast on the other",
        "in a network that does not pass multicast one node does not hear the other one, and both become MASTER"),
    Row("carp-factors-differ", WARNING, "net.inet.carp.ifdown_demotion_factor or senderr_demotion_factor of the nodes"
        " differ", "the same fault moves the address away from one node and not from the other"),
    Row("carp-vrrp-not-held", WARNING, "VRRP in place of CARP",
        "VRRP ignores net.inet.carp.demotion: a node that cannot serve is not held back, and keeps the address"),
    Row("carp-demoted", WARNING, "net.inet.carp.demotion above 0, but for carp-held-standby",
        "the node holds back, or lost an interface"),
    Row("carp-address-tentative", WARNING, "an IPv6 address of a vhid is marked `tentative`",
        "what clients send to it is dropped until the search for a duplicate ends: for ever where the interface has"
        " IFDISABLED"),
    Row("carp-address-detached", WARNING, "an IPv6 address of a vhid is marked `detached`",
        "no answer is sent from it: its router is not reachable"),
    Row("carp-preempt-off", WARNING, "net.inet.carp.preempt is 0",
        "after a failure the vhids of a node do not move together"),
    Row("carp-not-preferred", WARNING, "not the state of --preferred", "a failover has happened; the service runs"),
    Row("carp-held-standby", OK, "all of the demotion is from hastwatch, for a standby that is well",
        "the address does not move back by itself; this node takes it when the other one is silent"),
    Row("carp-well", OK, "every vhid is MASTER or BACKUP, nothing holds it back", "the address can move when it must"),
)  # fmt: skip

NOT_READY = {
    NotReady.DUPLICATED: "carp-address-duplicated",
    NotReady.TENTATIVE: "carp-address-tentative",
    NotReady.DETACHED: "carp-address-detached",
}

PERFDATA = (
    ("NODE_demotion", "net.inet.carp.demotion, added to every advskew"),
    ("NODE_masters", "vhids in state MASTER"),
)

ABOUT = """\
Looks at `ifconfig -a` (CARP, and VRRPv3 of FreeBSD 15 and later) and `sysctl net.inet.carp`: the state of every vhid,
advskew, demotion (and how much of it hastwatch added to hold the node back, and why), preempt and allow, and that all
vhids of the node agree. With --peer at both nodes: that one of them, and only one, is MASTER of each vhid, that vhids,
addresses, protocol and advbase are the same, that unicast peers (FreeBSD 14 and later) point at each other, and that
faults demote both nodes alike. Passwords are not compared: where they differ, both nodes are MASTER at once."""


class Seen(NamedTuple):
    """The virtual hosts of one node and its settings, None where the kernel has no CARP."""

    node: Node
    vhids: tuple[Vhid, ...]
    settings: carp.CarpSysctl | None


def add_options(made: argparse.ArgumentParser) -> None:
    """The options of this check."""
    states = ("MASTER", "BACKUP")
    made.add_argument("--expect", type=str.upper, choices=states, help="the state this node must have (else CRITICAL)")
    made.add_argument("--preferred", type=str.upper, choices=states, help=(
        "the state that this node has on a normal day (else WARNING: somebody wants to know of a failover)"
    ))  # fmt: skip


def look(session: Session) -> Iterator[Finding | Number]:
    """Judge this node, then the other one, then the pair."""
    seen: list[Seen] = []
    for node in session.nodes:
        yield from session.guarded(node.label, _node(session, node, seen))
    if len(seen) == 2:
        yield from session.guarded("the pair", _pair(*_read_again_if_moving(*seen)))


def _node(session: Session, node: Node, seen: list[Seen]) -> Iterator[Finding | Number]:
    """One node by itself; what was read is added to `seen`."""
    vhids = carp.vhids(node)
    masters = [vhid for vhid in vhids if vhid.state is CarpState.MASTER]
    found: list[Finding] = []
    settings = None
    try:
        settings = carp.settings(node)
        yield Number(f"{node.label}_demotion", settings.demotion)
        found += _settings(node.label, settings)
        found += _demotion(node, vhids, settings.demotion)
    except carp.CarpNotLoaded as error:
        found.append(TABLE.finding("carp-not-loaded", node.label, str(error)))
    yield Number(f"{node.label}_masters", len(masters), least=0)
    mapped = [bool(one.vhid) for one in session.config.resource.values()]
    found += _vhids(node.label, vhids, bool(mapped) and all(mapped))
    if node is session.here:
        found += _expected(session, node.label, vhids)
    seen.append(Seen(node, vhids, settings))
    if not found and all(vhid.is_read for vhid in vhids):
        found.append(TABLE.finding("carp-well", node.label, _states(vhids)))
    yield from found


def _settings(label: str, settings: carp.CarpSysctl) -> Iterator[Finding]:
    if not settings.allow:
        yield TABLE.finding("carp-not-allowed", label, "net.inet.carp.allow is 0")
    if not settings.preempt:
        yield TABLE.finding("carp-preempt-off", label, "net.inet.carp.preempt is 0")


def _demotion(node: Node, vhids: tuple[Vhid, ...], demotion: int) -> Iterator[Finding]:
    """The demotion, and how much of it hastwatch added on this node, and why. Raises ProbeError."""
    if demotion <= 0:
        return
    try:
        ours = _ours(node, demotion)
    except ProbeError as error:
        said = f"net.inet.carp.demotion is {demotion}, how much of it from hastwatch is not known: {error}"
        yield TABLE.finding("carp-demoted", node.label, said)
        return
    standby = bool(vhids) and all(vhid.state is CarpState.BACKUP for vhid in vhids)
    if ours.amount == demotion and ours.is_mild and standby:
        yield TABLE.finding("carp-held-standby", node.label, f"{_states(vhids)}, held back by hastwatch: {ours.says}")
        return
    said = f"net.inet.carp.demotion is {demotion}"
    if ours.amount > 0:
        how_much = "all" if ours.amount == demotion else str(ours.amount)
        said += f", {how_much} of it from hastwatch: {ours.says}"
    yield TABLE.finding("carp-demoted", node.label, said)


def _ours(node: Node, demotion: int) -> hold.Held:
    """What hastwatch added in this boot; nothing where the node cannot be asked. Raises NotPermitted and NotUnderstood
    where there is something that cannot be read."""
    try:
        kept = hold.read(node)
        return hold.share(kept, boot_mark(node), demotion) if kept.amount or kept.target else hold.Held()
    except (NotPermitted, NotUnderstood):
        raise
    except ProbeError:
        return hold.Held()


def _vhids(label: str, vhids: tuple[Vhid, ...], mapped: bool) -> Iterator[Finding]:
    """Each vhid by itself, and whether they agree. Where each resource is mapped to a vhid of its own they need not."""
    if not vhids:
        yield TABLE.finding("carp-no-vhid", label, "no vhid on any interface")
    for vhid in vhids:
        if vhid.state is CarpState.INIT:
            why = "interface down" if not vhid.interface_up else f"interface up, {vhid.media or 'status not known'}"
            yield TABLE.finding("carp-init", label, f"{_say(vhid)} is INIT: {why}")
        if vhid.protocol == "vrrp":
            yield TABLE.finding("carp-vrrp-not-held", label, f"{_say(vhid)} {vhid.state.value} speaks VRRP")
        for address, flag in vhid.not_ready:
            yield TABLE.finding(
                NOT_READY[flag], label, f"{address} of {vhid.name} ({vhid.state.value}) is {flag.value}"
            )
    vhids = tuple(vhid for vhid in vhids if vhid.is_read)
    if len({vhid.state for vhid in vhids}) > 1 and not mapped:
        shown = ", ".join(f"{vhid.name} {vhid.state.value}" for vhid in vhids)
        yield TABLE.finding("carp-vhids-disagree", label, f"the vhids disagree: {shown}")


def _expected(session: Session, label: str, vhids: tuple[Vhid, ...]) -> Iterator[Finding]:
    for option, reason in (("expect", "carp-unexpected"), ("preferred", "carp-not-preferred")):
        wanted = getattr(session.options, option)
        for vhid in vhids:
            if wanted and vhid.is_read and vhid.state.value != wanted:
                yield TABLE.finding(reason, label, f"{_say(vhid)} is {vhid.state.value}, not {wanted}")


def _read_again_if_moving(here: Seen, there: Seen) -> tuple[Seen, Seen]:
    """The nodes are read one after the other: where a vhid has not one master, both are read once more, because the
    address may have moved between the two looks. Raises ProbeError."""
    pairs, _, _ = matched(here.vhids, there.vhids)
    if all([one.state, other.state].count(CarpState.MASTER) == 1 for one, other in pairs if one.is_read):
        return here, there
    return here._replace(vhids=carp.vhids(here.node)), there._replace(vhids=carp.vhids(there.node))


def _pair(here: Seen, there: Seen) -> Iterator[Finding]:
    """What only both nodes together show, vhid by vhid."""
    pairs, only_here, only_there = matched(here.vhids, there.vhids)
    for ours, theirs in pairs:
        yield from _one_vhid(here.node.label, ours, there.node.label, theirs)
    unclear = any(not vhid.is_read for vhid in (*here.vhids, *there.vhids))
    if here.vhids and there.vhids and not unclear:
        for vhid in only_here:
            yield TABLE.finding("carp-vhid-missing", there.node.label, f"no vhid {vhid.name}")
        for vhid in only_there:
            yield TABLE.finding("carp-vhid-missing", here.node.label, f"no vhid {vhid.name}")
    if here.settings and there.settings:
        yield from _factors(here.node.label, here.settings, there.node.label, there.settings)


def _factors(here: str, ours: carp.CarpSysctl, there: str, theirs: carp.CarpSysctl) -> Iterator[Finding]:
    """Of the settings only these have to agree: `allow` and `preempt` are judged on each node, `log` and `dscp` change
    nothing of who is MASTER (ip_carp.c, carp_demote_adj())."""
    for name in carp.FACTORS:
        one, other = getattr(ours, name), getattr(theirs, name)
        if one is not None and other is not None and one != other:
            yield TABLE.finding("carp-factors-differ", f"{here} and {there}", f"net.inet.carp.{name} {one} and {other}")


def _one_vhid(here: str, ours: Vhid, there: str, theirs: Vhid) -> Iterator[Finding]:
    subject = f"vhid {ours.name} on {here} and {there}"
    if not (ours.is_read and theirs.is_read):
        return  # the line that is not understood is a finding itself
    masters = [ours.state, theirs.state].count(CarpState.MASTER)
    if masters == 2:
        yield TABLE.finding("carp-two-masters", subject, "both are MASTER")
    elif masters == 0:
        yield TABLE.finding("carp-no-master", subject, f"{here} is {ours.state.value}, {there} is {theirs.state.value}")
    if ours.protocol != theirs.protocol:
        yield TABLE.finding("carp-protocol-differs", subject, f"{ours.protocol} and {theirs.protocol}")
    elif ours.advbase != theirs.advbase and ours.numbers_read and theirs.numbers_read:
        what = "interval" if ours.protocol == "vrrp" else "advbase"
        yield TABLE.finding("carp-advbase-differs", subject, f"{what} {ours.advbase} and {theirs.advbase}")
    for deaf in hearing(here, ours, there, theirs):
        yield TABLE.finding(deaf.reason, subject, deaf.text)
    if set(ours.addresses) != set(theirs.addresses) and not (ours.unread or theirs.unread):
        sides = [f"{label} has {name_list(list(vhid.addresses))}" for label, vhid in ((here, ours), (there, theirs))]
        yield TABLE.finding("carp-addresses-differ", subject, ", ".join(sides))


def _states(vhids: tuple[Vhid, ...]) -> str:
    return ", ".join(
        f"{_say(vhid)} {vhid.state.value} advskew {vhid.advskew if vhid.numbers_read else 'not known'}"
        for vhid in vhids
    )


def _say(vhid: Vhid) -> str:
    return f"{vhid.name} ({name_list(list(vhid.addresses))})"


QUESTIONS = (
    ("ifconfig", "-a"),
    ("sysctl", "net.inet.carp"),
    ("cat", hold.PATH),
    ("cat", hold.STAND_IN),
    ("cat", booted.PATH),
)

CHECK = CheckCommand(
    "check_carp", "CARP", ABOUT, TABLE, PERFDATA, yielded(look, TABLE), add_options, uses_peer=True, questions=QUESTIONS
)
main = CHECK.main
