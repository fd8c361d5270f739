"""Whether a node may take the service address: the reasons to hold it back in CARP, as a function of what was seen.

An active node has none: it serves, whatever was wrong before. For any other node every reason counts, so that a node
that cannot serve does not take the address from one that does (hast-facts, 13).
"""

from __future__ import annotations

from collections.abc import Mapping

from checks.probes import carp, hast
from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import Status
from checks.probes.hold import MILD, NO_FAILBACK, NOT_CONNECTED
from checks.probes.node_state import HastRole, Mounted
from remediate.failover import dumps, hold, peer
from remediate.failover.facts import Split
from remediate.failover.guards import Decision
from remediate.failover.observe import Seen
from remediate.site import Site
from remediate.state import failures, ledger
from remediate.state.ledger import Copy

IN_USE = "still in use"
FAILED = "failed promotion"
HELD_THERE = "the other node has it"
STAYS = ("split-brain", "stale")
"""Rules that refused a promotion here: they hold a standby back until it is connected again, though only as MASTER it
compares the copies. Else two such nodes would throw the address at each other."""


def reasons(site: Site, seen: Seen, decisions: Mapping[str, Decision], held: bool) -> set[str]:
    """Why this node must not take the address; `held`: it holds itself back already. Raises nothing."""
    facts = seen.facts
    if facts.leaving:
        return {facts.leaving}
    if any(state.active and state.carp in (CarpState.MASTER, None) for state in facts.resources.values()):
        return set()  # also where the vhids disagree: to move them would only take the service away
    found = {"maintenance"} if facts.node.maintenance else set()
    found |= {FAILED} if facts.node.blocked or _gave_away(site) else set()
    for name in facts.resources:
        why = _of_resource(site, seen, decisions[name], name)
        found |= {f"{name}: {why}"} if why else set()
    if not found and _is_kept_back(site, seen, held):
        return {NO_FAILBACK}
    return found


def amount(reasons: set[str], most: int) -> int:
    """What the reasons add to the demotion: `most`, or half of it where all are mild. The address must still go to a
    standby that could serve if it had to from a node that cannot."""
    return most // 2 if all(reason.rpartition(": ")[2] in MILD for reason in reasons) else most


def _of_resource(site: Site, seen: Seen, decision: Decision, name: str) -> str:
    state, rule = seen.facts.resources[name], decision.rule
    if state.split is Split.LOSING:
        return "split-brain"
    if state.role in (HastRole.DOWN, HastRole.NOT_KNOWN):
        return "hastd down" if state.role is HastRole.DOWN else "role not known"
    if rule.refuses:
        return rule.reason
    if state.carp is CarpState.MASTER:
        return ""  # it is being promoted
    if state.mounted is not Mounted.NOTHING:
        return IN_USE
    if state.role is not HastRole.SECONDARY:
        return f"role {state.role.value}"
    if ledger.read(site.store, name).copy is Copy.INCOMPLETE:
        return "incomplete copy"
    connected = name in seen.resources and seen.resources[name].status is not Status.ABSENT
    if connected:
        return ""
    return _still(site, name) or NOT_CONNECTED


def _still(site: Site, name: str) -> str:
    """The rule that held this node back as MASTER, unless the counters on both disks say now that this copy lacks
    nothing; empty where there was none."""
    before = next((why for why in STAYS if f"{name}: {why}" in hold.reasons(site.store)), "")
    both = dumps.read(site, name) if before else None
    return "" if both is not None and both.nothing_is_lacking else before


def _gave_away(site: Site) -> bool:
    """Whether this node gave the address away after a failed promotion, and the window is not over."""
    recent = failures.recent(site.store, site.timing.wall(), site.config.failover.window)
    return bool(recent) and failures.given_away(site.store)


def _is_kept_back(site: Site, seen: Seen, held: bool) -> bool:
    """Whether a fit standby is held back: else it would take the address from a node that serves.

    Where the other node can be asked, its advskew tells whether it would; where it cannot, the node stays as it is,
    held or not. To stay held costs nothing: it takes over all the same when the other one is silent.
    """
    if site.config.failover.failback != "never":
        return False
    if site.peer is None:
        return held
    try:
        theirs = {vhid.number: vhid for vhid in carp.vhids(site.peer.node(peer.ASK))}
        demotion = carp.settings(site.peer.node(peer.ASK)).demotion
    except (ProbeError, carp.CarpNotLoaded, hast.NoState):
        return held
    return any(
        other is None or (mine.advbase, mine.advskew) < (other.advbase, other.advskew + demotion)
        for mine in seen.vhids
        for other in [theirs.get(mine.number)]
    )
