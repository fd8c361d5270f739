"""How a node tells a dead node from a cut network: the ways that its hastwatch.toml names, and that nothing fences."""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.finding import CRITICAL, OK, WARNING
from checks.plugin.tables import table
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem

ROWS = (
    SetupRow(Tier.MANUAL, "setup-no-peer", CRITICAL, "hastwatch.toml has no `peer`",
             "this node cannot ask the other one: no switchover, and every failover waits until it may be dead",
             "on {node}: set `peer` in /usr/local/etc/hastwatch.toml to the way to {peer}, then `hastwatch self-test`"),
    SetupRow(Tier.MANUAL, "setup-no-management", WARNING, "hastwatch.toml has no `management` address",
             "whether the other machine is dead is known only after ssh has timed out, which clients wait for",
             "on {node}: set `management` of [failover] in /usr/local/etc/hastwatch.toml to an address of {peer}"),
    SetupRow(Tier.MANUAL, "setup-no-witness", WARNING, "hastwatch.toml has no `witness`",
             "a node that is cut off takes the other one for dead, and both become primary: a split-brain",
             "on {node}: set `witness` of [failover] in /usr/local/etc/hastwatch.toml to what answers ping, a gateway"),
    SetupRow(Tier.MANUAL, "setup-no-fencing", OK, "nothing switches the other node off before a failover",
             "where every network between the nodes is cut, and both reach their clients, both copies are written to",
             "nothing: hastwatch drives no power switch; `management` and `witness` are what it has"),
)  # fmt: skip


class WayFacts(NamedTuple):
    """Whether the node's configuration names each way."""

    peer: bool = False
    management: bool = False
    witness: bool = False


def read(audited: AuditedNode) -> WayFacts:
    """Raises ProbeError."""
    failover = table(audited.tables(), "failover")
    return WayFacts(bool(audited.tables().get("peer")), bool(failover.get("management")), bool(failover.get("witness")))


def judge(facts: WayFacts) -> Problems:
    """One node."""
    if not facts.peer:
        yield problem("setup-no-peer", "no `peer`")
    if not facts.management:
        yield problem("setup-no-management", "no `management` address")
    if not facts.witness:
        yield problem("setup-no-witness", "no `witness`")
    yield problem("setup-no-fencing", "no fencing")


GROUP = SetupGroup(
    "ways", "how the other node is asked and found dead: peer, management, witness, fencing",
    ROWS, WayFacts, read, judge,
)  # fmt: skip
