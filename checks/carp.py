"""check_carp: whether the service address is where it should be, and can move when it must."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from functools import partial

from checks import other_node
from checks.carp_hearing import hearing
from checks.carp_resource import CarpOfNode, CarpOfPair, Demotion, NodeVhid, Vhids
from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, OK, WARNING, Row, Table
from checks.plugin.judging import Judgement, OverallJudge, always, judges
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list
from checks.probes import boot_time, carp, carp_demotion
from checks.probes.carp import CarpState, NotReady, Vhid

TABLE = Table(
    Row("carp-two-masters", CRITICAL, "a vhid is MASTER on both nodes",
        "both answer for the address: they do not hear each other, or their passwords differ",
        "if both are primary: `hastwatch explain splitbrain-growing`; if one is, it stays: repair the link between"
        " them"),
    Row("carp-no-master", CRITICAL, "a vhid is MASTER on neither node", "nobody answers for the address",
        "wait 10 s; then on both nodes `ifconfig -a` and `sysctl net.inet.carp`: an interface down, or `allow` 0?"),
    Row("carp-address-duplicated", CRITICAL, "an IPv6 address of a vhid is marked `duplicated`",
        "another machine has the address: what clients send to it is dropped",
        "find the other machine: `dmesg` (DAD) on {node}, `ndp -n ADDRESS` elsewhere; take the address away"
        " there"),
    Row("carp-not-loaded", CRITICAL, "the kernel has no CARP", "this node can neither hold nor take the address",
        "on {node}: `sysrc -f /boot/loader.conf carp_load=YES`, see that rc.conf has the vhid, then `shutdown -r"
        " now`"),
    Row("carp-no-vhid", CRITICAL, "no vhid on any interface", "this node can neither hold nor take the address",
        "on {node}: `grep vhid /etc/rc.conf`; `hastwatch hold --boot` before you configure it, then `hastwatch"
        " converge`"),
    Row("carp-not-allowed", CRITICAL, "net.inet.carp.allow is 0", "this node cannot take the address",
        "on {node}: `hastwatch converge`, only then `sysctl net.inet.carp.allow=1`; and see /etc/sysctl.conf"),
    Row("carp-init", CRITICAL, "a vhid in state INIT", "this node cannot take the address",
        "on {node}: `ifconfig -a`; down: `hastwatch converge`, then `ifconfig IFACE up`; no carrier: cable, switch"),
    Row("carp-vhids-disagree", CRITICAL, "the vhids of a node are not in one state, resources not mapped to them",
        "nothing is promoted here",
        "on {node}: `ifconfig -a`; if meant so, set `vhid` of each resource in hastwatch.toml of both nodes"),
    Row("carp-unexpected", CRITICAL, "not the state of --expect", "the address is not where it must be",
        "`hastwatch status`; if the service is to move: `hastwatch switchover` on the node that serves"),
    Row("carp-vhid-missing", CRITICAL, "a vhid exists on one node only", "the other node cannot take its address",
        "on {node}: add the vhid as {peer} has it, at first with `advskew 200`; then `hastwatch converge`; and"
        " rc.conf"),
    Row("carp-addresses-differ", CRITICAL, "a vhid has other addresses or prefixes on the other node",
        "the nodes do not hear each other, or a failover loses an address",
        "`ifconfig -a` on both nodes; on the standby first, add the right address before you remove the wrong one"),
    Row("carp-advbase-differs", WARNING, "a vhid has another advbase on the other node",
        "the slower node waits longer, or never becomes master",
        "on the slower node: `hastwatch converge`, then `ifconfig IFACE vhid N advbase M`, as on the other; and"
        " rc.conf"),
    Row("carp-protocol-differs", CRITICAL, "CARP on one node, VRRP on the other", "the nodes do not hear each other",
        "`hastwatch status` on both nodes: which one serves? Then `hastwatch explain carp-protocol-differs`"),
    Row("carp-peer-wrong", CRITICAL, "a vhid does not send to an address of the other node (`peer`, `peer6`)",
        "not heard: at a failover, or now, both are MASTER",
        "on the node that sends: `ifconfig IFACE vhid N peer ADDRESS` (peer6), the other node's own address; and"
        " rc.conf"),
    Row("carp-peer-one-sided", WARNING, "a vhid is unicast on one node and multicast on the other",
        "where multicast does not pass, both become MASTER",
        "make both the same: `ifconfig IFACE vhid N peer ADDRESS` on the one, or `mcast` on the other; and rc.conf"),
    Row("carp-factors-differ", WARNING, "net.inet.carp.ifdown_demotion_factor or senderr_demotion_factor of the nodes"
        " differ", "the same fault moves the address away from one node and not from the other",
                   "with no interface down: `sysctl` the factor to 240 on the node that differs, and in"
                   " /etc/sysctl.conf"),
    Row("carp-vrrp-not-held", WARNING, "VRRP in place of CARP",
        "VRRP ignores demotion: a node that cannot serve keeps the address",
        "plan a window to use CARP (`carpver 2`) on both nodes: `hastwatch explain carp-vrrp-not-held`"),
    Row("carp-demoted", WARNING, "net.inet.carp.demotion above 0, but for carp-held-standby",
        "the node holds back, or lost an interface",
        "on {node}: `hastwatch hold` names hastwatch's reasons, `dmesg` (carp: demoted) the kernel's"),
    Row("carp-address-tentative", WARNING, "an IPv6 address of a vhid is marked `tentative`",
        "what clients send to it is dropped until the search for a duplicate ends",
        "on {node}: look again in 10 s with `ifconfig -a`; with IFDISABLED: `ifconfig IFACE inet6 -ifdisabled`"),
    Row("carp-address-detached", WARNING, "an IPv6 address of a vhid is marked `detached`",
        "no answer is sent from it: its router is not reachable",
        "on {node}: `ndp -rn` lists the routers; `ping6` them, and see the switch, VLAN and cable"),
    Row("carp-preempt-off", WARNING, "net.inet.carp.preempt is 0",
        "after a failure the vhids of a node do not move together",
        "on {node}: `hastwatch converge`, only then `sysctl net.inet.carp.preempt=1`, and in /etc/sysctl.conf"),
    Row("carp-not-preferred", WARNING, "not the state of --preferred", "a failover has happened; the service runs",
        "`hastwatch journal` says why it moved; back, when it suits you: `hastwatch switchover` on the node that"
        " serves"),
    Row("carp-held-standby", OK, "all of the demotion is from hastwatch, for a healthy standby",
        "the address does not move back by itself; this node takes it when the other one is silent",
        "nothing: it takes the address when the other node is silent; to move it: `hastwatch switchover` there"),
    Row("carp-well", OK, "every vhid is MASTER or BACKUP, nothing holds it back",
        "this node has the address, or can take it"),
    *other_node.ROWS,
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


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    states = ("MASTER", "BACKUP")
    parser.add_argument(
        "--expect", type=str.upper, choices=states, help="the state this node must have (else CRITICAL)"
    )
    parser.add_argument("--preferred", type=str.upper, choices=states, help=(
        "the state that this node has on a normal day (else WARNING: somebody wants to know of a failover)"
    ))  # fmt: skip


def judge_settings(settings: carp.CarpSysctl) -> Judgement:
    """Whether the address can move."""
    if not settings.allow:
        yield "carp-not-allowed", "net.inet.carp.allow is 0"
    if not settings.preempt:
        yield "carp-preempt-off", "net.inet.carp.preempt is 0"


def judge_demotion(demotion: Demotion) -> Judgement:
    """What holds the node back, and whether that is as it has to be on a standby."""
    amount, ours, unread, vhids = demotion
    text = f"net.inet.carp.demotion is {amount}"
    standby = bool(vhids) and all(vhid.state is CarpState.BACKUP for vhid in vhids)
    if unread:
        yield "carp-demoted", f"{text}, how much of it from hastwatch is not known: {unread}"
    elif ours.amount == amount and ours.is_mild and standby:
        yield "carp-held-standby", f"{_states(vhids)}, held back by hastwatch: {ours.says}"
    elif ours.amount > 0:
        how_much = "all" if ours.amount == amount else str(ours.amount)
        yield "carp-demoted", f"{text}, {how_much} of it from hastwatch: {ours.says}"
    else:
        yield "carp-demoted", text


def judge_vhids(of_node: Vhids) -> Judgement:
    """Each vhid by itself, and whether they agree. Where each resource is mapped to a vhid of its own they need not."""
    if not of_node.vhids:
        yield "carp-no-vhid", "no vhid on any interface"
    for vhid in of_node.vhids:
        if vhid.state is CarpState.INIT:
            why = "interface down" if not vhid.interface_up else f"interface up, {vhid.media or 'status not known'}"
            yield "carp-init", f"{_say(vhid)} is INIT: {why}"
        if vhid.protocol == "vrrp":
            yield "carp-vrrp-not-held", f"{_say(vhid)} {vhid.state.value} speaks VRRP"
        for address, flag in vhid.not_ready:
            yield NOT_READY[flag], f"{address} of {vhid.name} ({vhid.state.value}) is {flag.value}"
    read = [vhid for vhid in of_node.vhids if vhid.is_read]
    if len({vhid.state for vhid in read}) > 1 and not of_node.mapped:
        shown = ", ".join(f"{vhid.name} {vhid.state.value}" for vhid in read)
        yield "carp-vhids-disagree", f"the vhids disagree: {shown}"


def judge_expected(options: argparse.Namespace, vhids: tuple[Vhid, ...]) -> Judgement:
    """Whether this node is in the state that the user wants."""
    for wanted, reason in ((options.expect, "carp-unexpected"), (options.preferred, "carp-not-preferred")):
        for vhid in vhids:
            if wanted and vhid.is_read and vhid.state.value != wanted:
                yield reason, f"{_say(vhid)} is {vhid.state.value}, not {wanted}"


def judge_well(vhids: tuple[Vhid, ...]) -> Judgement:
    """Every vhid."""
    yield "carp-well", _states(vhids)


def judge_vhid(both: tuple[NodeVhid, NodeVhid]) -> Judgement:
    """A vhid as both nodes have it."""
    (here, ours), (there, theirs) = both
    masters = [ours.state, theirs.state].count(CarpState.MASTER)
    if masters == 2:
        yield "carp-two-masters", "both are MASTER", _less_preferred(both)
    elif masters == 0:
        yield "carp-no-master", f"{here} is {ours.state.value}, {there} is {theirs.state.value}"
    if ours.protocol != theirs.protocol:
        yield "carp-protocol-differs", f"{ours.protocol} and {theirs.protocol}"
    elif ours.advbase != theirs.advbase and ours.numbers_read and theirs.numbers_read:
        what = "interval" if ours.protocol == "vrrp" else "advbase"
        yield "carp-advbase-differs", f"{what} {ours.advbase} and {theirs.advbase}"
    yield from ((each.reason, each.text) for each in hearing(here, ours, there, theirs))
    if set(ours.addresses) != set(theirs.addresses) and not (ours.unread or theirs.unread):
        yield (
            "carp-addresses-differ",
            ", ".join(f"{label} has {name_list(list(vhid.addresses))}" for label, vhid in both),
        )


def _less_preferred(both: tuple[NodeVhid, NodeVhid]) -> str:
    """The node that is BACKUP where they hear each other: the one with the higher advskew (carp(4)); empty where that
    does not tell."""
    (here, ours), (there, theirs) = both
    if not (ours.numbers_read and theirs.numbers_read) or ours.advskew == theirs.advskew:
        return ""
    return here if ours.advskew > theirs.advskew else there


def judge_missing(vhids: Iterable[Vhid]) -> Judgement:
    """Vhids that a node lacks."""
    for vhid in vhids:
        yield "carp-vhid-missing", f"no vhid {vhid.name}"


def judge_factors(both: tuple[carp.CarpSysctl, carp.CarpSysctl]) -> Judgement:
    """Of the settings only these have to agree: `allow` and `preempt` are judged on each node, `log` and `dscp` change
    nothing of who is MASTER (ip_carp.c, carp_demote_adj())."""
    for name in carp.FACTORS:
        one, other = (getattr(settings, name) for settings in both)
        if one is not None and other is not None and one != other:
            yield "carp-factors-differ", f"net.inet.carp.{name} {one} and {other}"


def _states(vhids: tuple[Vhid, ...]) -> str:
    return ", ".join(
        f"{_say(vhid)} {vhid.state.value} advskew {vhid.advskew if vhid.numbers_read else 'not known'}"
        for vhid in vhids
    )


def _say(vhid: Vhid) -> str:
    return f"{vhid.name} ({name_list(list(vhid.addresses))})"


def parts(session: Session) -> Iterator[Part]:
    """Both nodes, then the pair, and how they are judged."""
    yield from judges(
        TABLE, settings=judge_settings, demotion=judge_demotion, vhids=judge_vhids, vhid=judge_vhid,
        expected=partial(judge_expected, session.options), missing=judge_missing, factors=judge_factors,
        not_loaded=always("carp-not-loaded"), unreached=other_node.judge_unreached,
    )  # fmt: skip
    yield OverallJudge("well", TABLE, judge_well)
    here = CarpOfNode(session, session.here)
    nodes = [here, *(CarpOfNode(session, node, here) for node in session.nodes[1:])]
    yield from nodes
    if len(nodes) == 2:
        yield CarpOfPair(*nodes)


QUESTIONS = (
    ("ifconfig", "-a"),
    ("sysctl", "net.inet.carp"),
    ("cat", carp_demotion.PATH),
    ("cat", carp_demotion.STAND_IN),
    ("cat", boot_time.PATH),
)

CHECK = CheckCommand(
    "check_carp", "CARP", ABOUT, TABLE, PERFDATA, parts, add_options, uses_peer=True, questions=QUESTIONS
)
main = CHECK.main
