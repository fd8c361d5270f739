"""The release of FreeBSD on each node, and whether its hastd works as primary."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.config import CheckConfig
from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.tables import table
from checks.probes import as_primary, bug_292322
from checks.probes.bug_292322 import AsPrimary
from checks.probes.errors import CommandFailed
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

ROWS = (
    SetupRow(Tier.MANUAL, "setup-hastd-no-primary", CRITICAL, "hastd does not work as primary (FreeBSD bug 292322)",
             "a failover to this node is an outage: the device never appears",
             "on {node}: install a hastd with the fix (docs/compatibility.md), then `hastwatch doctor --try-hast`"),
    SetupRow(Tier.SAFE, "setup-hastd-not-tried", WARNING,
             "a release later than those that are known, and not seen whether hastd works as primary",
             "whether this node could take over is not known",
             "on {node}: `hastwatch doctor --try-hast`, while it follows"),
    SetupRow(Tier.MANUAL, "setup-kernel-old", WARNING, "the kernel that runs is not the one that is installed",
             "the next boot, perhaps in a failover, is the first one with it",
             "on {node}: `hastwatch switchover` if it serves, then `shutdown -r now`"),
    SetupRow(Tier.MANUAL, "setup-releases-differ", WARNING, "the nodes run different releases of FreeBSD",
             "what was tried on one node holds for it alone; a pool may have features that the older one lacks",
             "upgrade the node with the older release: docs/operation/upgrade.md has the order"),
)  # fmt: skip


class ReleaseFacts(NamedTuple):
    """What runs, what is installed, and what is known of hastd."""

    running: str = ""
    installed: str = ""
    as_primary: str = ""
    """The name of an AsPrimary."""
    why: str = ""


def read(audited: AuditedNode) -> ReleaseFacts:
    """Raises ProbeError."""
    node = audited.node
    repaired = table(audited.tables(), "failover").get("hastd_repaired", CheckConfig().hastd_repaired)
    known = as_primary.known(node, repaired is True)
    done = node.run("freebsd-version", "-k")
    if done.status != 0:
        raise CommandFailed(f"`freebsd-version -k` exits with {done.status}: {done.words}")
    return ReleaseFacts(bug_292322.release(node), done.stdout.strip(), known.as_primary.name, known.why)


def judge(facts: ReleaseFacts) -> Problems:
    """One node."""
    if facts.as_primary == AsPrimary.FAILS.name:
        yield problem("setup-hastd-no-primary", f"{bug_292322.NAME}: {facts.why}")
    elif facts.as_primary != AsPrimary.WORKS.name:
        yield problem("setup-hastd-not-tried", f"{bug_292322.NAME}: {facts.why}")
    if facts.running != facts.installed:
        yield problem("setup-kernel-old", f"{facts.running} runs, {facts.installed} is installed")


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """Patch levels may differ for the time of an upgrade."""
    releases = [re.sub(r"-p\d+$", "", each.facts.running) for each in (here, there)]
    if releases[0] != releases[1]:
        yield problem("setup-releases-differ", " and ".join(releases))


GROUP = SetupGroup(
    "release", "the release of FreeBSD against HAST's known defects, and the same on both nodes",
    ROWS, ReleaseFacts, read, judge, judge_pair,
)  # fmt: skip
