"""The commands that give a pair in service what it lacks, the standby first: clients have one planned switchover.

What the audit finds is repaired by its own remedies, word by word, but for what the installer and the files here bring
anyway. What somebody has to decide is listed, and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks.hast_setup import TIERS
from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.finding import Finding
from checks.plugin.text import plain
from checks.setup import clock, rc
from checks.setup.group import Tier
from remediate.contrib.placement import Placement
from remediate.init.existing import ExistingNode, ExistingPair
from remediate.init.files import ON_NODE
from remediate.init.steps import SetupStep, ways

INSTALLER = "sh contrib/freebsd/install"
OF_INSTALLER = frozenset(
    ("setup-nfs-at-boot", "setup-rc-script", "setup-rc-order", "setup-cron-job", "setup-hast-exec-broken")
)
"""Findings that end with the installer, beside those about devd's rule."""
OF_CONFIGURATION = frozenset(("setup-no-peer", "setup-no-management", "setup-no-witness"))
"""Those that end with a hastwatch.toml."""
OURS = ("hastwatch_enable", "hastwatch_hold_enable")
"""Variables that the installer sets."""
NFSD_UDP = "setup-nfsd-udp"
"""The remedy has an address in it, which is known here."""
NO_CLOCK = "setup-clock-not-set"
"""Where its remedy is typed, the next finding would be that it may not step the clock."""


def steps(existing: ExistingPair, placement: Placement, directory: str) -> list[SetupStep]:
    """All of it, in order; the files are written to a directory."""
    standby, active = existing.standby, existing.active
    first = [] if standby.configured and active.configured else ways(existing.pair, placement, directory)
    return [
        *first,
        *(step for each in (standby, active) if lacks(existing, each) for step in _of_node(existing, each)),
        SetupStep(
            f"Move the service from {active.node.name} to {standby.node.name}",
            (active.node,),
            "The one interruption: clients wait for some seconds, and lose nothing. The pause is for hastd, which"
            " connects the copies anew after a reload.",
            ("sleep 30", "hastwatch self-test", "hastwatch switchover --yes"),
        ),
        SetupStep(
            "See that all is well",
            (standby.node,),
            "`doctor` prints what is left; what you accept goes into `[setup.accepted]` of hastwatch.toml.",
            ("hastwatch status", "hastwatch doctor -x"),
        ),
    ]


def lacks(existing: ExistingPair, each: ExistingNode) -> bool:
    """Whether anything of a node is still to be done by a command."""
    if not each.configured or each.old_rules:
        return True
    ours = [finding for finding in existing.findings if finding.subject in (each.label, *_both(existing))]
    return any(_is_brought(existing, finding) or _lines(existing, each, finding) for finding in ours)


def _both(existing: ExistingPair) -> list[str]:
    """What a finding calls the pair."""
    labels = [each.label for each in (existing.standby, existing.active)]
    return [" and ".join(order) for order in (labels, labels[::-1])]


def left_to_decide(existing: ExistingPair) -> list[str]:
    """What of the findings no command here repairs, in words."""
    return [
        f"Yours to decide: {plain(each.subject)}: {plain(each.text)} [{each.reason}]; {plain(each.action, 400)}."
        for each in existing.findings
        if not _is_brought(existing, each) and not list(_remedies(existing, each))
    ]


def _of_node(existing: ExistingPair, each: ExistingNode) -> Iterator[SetupStep]:
    name = each.node.name
    yield SetupStep(
        f"Install on {name}",
        (each.node,),
        "In the directory with the sources. Until the last line of the next step nothing acts by itself on this node.",
        ("hastwatch maintenance on --for 4h --reason adopt", INSTALLER),
    )
    toml = f"install -m 644 {ON_NODE}/{name}/hastwatch.toml {CONFIGURATION}"
    moved = [f"mv {file} {file}.old" for file, alone in each.old_rules.items() if alone]
    by_hand = [file for file, alone in each.old_rules.items() if not alone]
    text = f"Remove the old rule for CARP from {' and '.join(by_hand)} first. " if by_hand else ""
    lines = [line for finding in existing.findings for line in _lines(existing, each, finding)]
    yield SetupStep(
        f"Set up {name}",
        (each.node,),
        text + "devd reads its rules when it starts, and runs one for an event.",
        (
            *([] if each.configured else [toml]),
            *dict.fromkeys(lines),
            *moved,
            "service devd restart",
            "hastwatch maintenance off",
            "hastwatch converge",
        ),
    )


def _lines(existing: ExistingPair, each: ExistingNode, finding: Finding) -> list[str]:
    """What is typed on a node for a finding."""
    if _is_brought(existing, finding):
        return []
    return [line for label, line in _remedies(existing, finding) if label in ("", each.label)]


def _is_brought(existing: ExistingPair, finding: Finding) -> bool:
    """The installer ends it, or a hastwatch.toml that is written here."""
    if finding.reason in OF_CONFIGURATION:
        named = next((each for each in (existing.standby, existing.active) if each.label == finding.subject), None)
        has = {"setup-no-peer": True, "setup-no-witness": bool(existing.pair.witness)}
        known = has.get(finding.reason, all(node.management for node in existing.pair.nodes))
        return named is not None and not named.configured and known
    by_script = finding.reason == "setup-service-disabled" and any(name in finding.text for name in OURS)
    return finding.reason in OF_INSTALLER or finding.reason.startswith("devd-hook") or by_script


def _remedies(existing: ExistingPair, finding: Finding) -> Iterator[tuple[str, str]]:
    """The node, empty for both, and a line of the remedy that can be typed as it stands; of one that is for somebody to
    decide there is none."""
    if finding.reason == NFSD_UDP:
        for each in (existing.standby, existing.active):
            if each.label == finding.subject:
                yield each.label, f'sysrc {rc.NFSD}="{each.nfsd_flags} -h {existing.pair.services[0].address}"'
        return
    if finding.reason == NO_CLOCK:
        yield finding.subject, f"sysrc {clock.STEP}=YES"
    if TIERS[finding.reason] is Tier.MANUAL or finding.reason in OF_CONFIGURATION:
        return
    named = re.match(r"on (\S+): ", finding.action)
    for line in re.findall(r"`([^`]*)`", finding.action):
        if " " in line and not line.startswith("hastwatch "):
            yield named[1] if named and named[1] != "both" else "", line
