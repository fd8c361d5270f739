"""Whether the service is moved to a node on which it cannot run: FreeBSD bug 292322 (`checks.probes.bug_292322`).

A planned move is refused. A promotion that CARP asks for is tried all the same, as there is nothing to lose, and says
what is to be expected.
"""

from __future__ import annotations

from checks.probes import bug_292322
from checks.probes.bug_292322 import AsPrimary
from checks.probes.node import Node
from remediate.failover.outcome import StepFailed
from remediate.site import Site
from remediate.state.journal import CRIT


def here(site: Site) -> str:
    """What is to be said before this node becomes primary; empty where nothing is. Raises nothing."""
    machine, repaired = site.here.machine, site.config.failover.hastd_repaired
    if machine is not None:
        found = bug_292322.as_primary(machine.release(), repaired)
    else:
        found = bug_292322.of_node(site.here.node(), repaired)
    return bug_292322.warning(site.journal.node_name) if found is AsPrimary.FAILS else ""


def refuse(site: Site, node: Node) -> None:
    """Raise StepFailed where a node could not serve what is moved to it."""
    if bug_292322.of_node(node, site.config.failover.hastd_repaired) is AsPrimary.FAILS:
        raise StepFailed(f"refused: {bug_292322.warning(node.name)}")


def note(site: Site, names: list[str], run: str) -> None:
    """Before a promotion: write down what is to be expected of it."""
    said = here(site) if names else ""
    if said:
        site.journal.entry("known-bug", resource=", ".join(names), result=said, run=run, severity=CRIT)
