"""Whether this node's copy of a resource may be given up: a function of the evidence, as two tables.

Nothing else protects the data: `hastctl create` on a running, mounted primary exits 0 and wipes its metadata
(freebsd-facts: create-asks-nobody). So every sentence of REFUSALS that is true of the evidence refuses, what could not
be read refuses, and none of it can be passed by an option. A copy is given up only beside another one that clients are
served from, as address, role, mount, export, daemons and a client's own calls say together: no single wrong answer is
enough.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.counters import Relation
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import SERVING
from remediate.recovery.evidence import Evidence

NOT_KEPT = "what only this copy has was not kept"


class Kind(enum.Enum):
    """What has happened to the copy of this node."""

    SPLIT_BRAIN = "each copy has writes that the other lacks"
    BLANK = "the disk of this node is new, or was just created"
    OTHER_DISK = "the two disks are not two copies of the same: their resource IDs differ"
    BEHIND = "the other copy has writes that this one lacks: hastd synchronises it automatically"
    IN_STEP = "neither copy has writes that the other lacks"
    UNKNOWN = "how the two copies stand to each other is unknown"


class Refusal(NamedTuple):
    """A reason not to give up this node's copy, its sentence, and when it holds."""

    reason: str
    says: str
    holds: Callable[[Evidence], bool]


class Eligibility(NamedTuple):
    """What has happened, and what forbids to give this node's copy up; nothing does where `refusals` is empty."""

    kind: Kind
    refusals: tuple[Refusal, ...]


KINDS: dict[Relation | None, Kind] = {
    Relation.SPLIT_BRAIN: Kind.SPLIT_BRAIN,
    Relation.OTHER_DISK: Kind.OTHER_DISK,
    Relation.FIRST_BLANK: Kind.BLANK,
    Relation.SECOND_AHEAD: Kind.BEHIND,
}
"""Of this node's metadata against the other's; where they agree see `judge`, everything else is Kind.UNKNOWN."""

REFUSALS = (
    Refusal("not-read", "this node could not be read", lambda seen: bool(seen.here.unread)),
    Refusal("peer-not-read", "the other node could not be read", lambda seen: bool(seen.there.unread)),
    Refusal("master", "this node is CARP MASTER", lambda seen: seen.here.carp is CarpState.MASTER),
    Refusal("carp-unknown", "no vhid speaks for the resource on this node",
            lambda seen: seen.here.carp is None and not seen.here.unread),
    Refusal("primary", "this node is primary", lambda seen: seen.here.role is HastRole.PRIMARY),
    Refusal("role-unknown", "hastd does not say which role the resource has here",
            lambda seen: seen.here.role is HastRole.NOT_KNOWN),
    Refusal("mounted", "something is mounted at the mount point on this node",
            lambda seen: seen.here.mounted is not MountState.NOTHING),
    Refusal("device", "this node has the device of a primary", lambda seen: seen.here.device),
    Refusal("serves", "NFS runs on this node", lambda seen: bool(seen.here.daemons.intersection(SERVING))),
    Refusal("marked-winning", "this node served the clients when the split-brain was found",
            lambda seen: seen.here.marked is False),
    Refusal("losing-unknown", "a marker says that the copy of the other node loses",
            lambda seen: bool(seen.losing.contradiction) and seen.there.marked is True),
    Refusal("peer-not-master", "the service address is not on the other node",
            lambda seen: seen.there.carp is not CarpState.MASTER),
    Refusal("peer-not-primary", "the other node is not primary", lambda seen: seen.there.role is not HastRole.PRIMARY),
    Refusal("peer-not-mounted", "the file system is not mounted on the other node",
            lambda seen: seen.there.mounted is not MountState.WRITABLE),
    Refusal("peer-not-serving", "the other node does not serve the clients",
            lambda seen: not (seen.there.exported and seen.there.daemons.issuperset(SERVING))),
    Refusal("not-answered", "clients get no answer at the service address",
            lambda seen: not seen.answered.is_alive),
    Refusal("peer-older", "the ledger of the other node knows its own copy to be incomplete",
            lambda seen: bool(seen.there.incomplete)),
    Refusal("peer-behind", "the other copy lacks writes that this one has, and nothing else is known against this one",
            lambda seen: seen.relation is Relation.FIRST_AHEAD),
    Refusal("peer-blank", "the other copy is blank, or has no metadata",
            lambda seen: seen.there.metadata is None or seen.relation in (Relation.SECOND_BLANK, Relation.BOTH_BLANK)),
    Refusal("impossible", "the counters of the two disks are such that hastd never makes them",
            lambda seen: seen.relation is Relation.IMPOSSIBLE),
)  # fmt: skip
"""In the order in which they are shown."""


def judge(evidence: Evidence) -> Eligibility:
    """The verdict on this node's copy. Counters that agree prove that it is in step only where they prove that neither
    node has written alone (`counters.wrote_nothing_alone`)."""
    refused = tuple(refusal for refusal in REFUSALS if refusal.holds(evidence))
    if evidence.here.blank and not evidence.here.unread:
        return Eligibility(Kind.BLANK, refused)
    if evidence.nobody_wrote_alone:
        return Eligibility(Kind.IN_STEP, refused)
    return Eligibility(KINDS.get(evidence.relation, Kind.UNKNOWN), refused)


def may_create(evidence: Evidence, is_saved: bool) -> tuple[str, ...]:
    """Why `hastctl create` must not be run on this node now; empty where it may. `is_saved`: its copy was salvaged and
    read back, or is proven to hold nothing that the other one lacks. This is the guard, asked immediately before."""
    verdict = judge(evidence)
    reasons = [verdict.kind.value] if verdict.kind in (Kind.BEHIND, Kind.IN_STEP, Kind.UNKNOWN) else []
    if verdict.kind is not Kind.BLANK and not is_saved:
        reasons.append(NOT_KEPT)
    return _guarded(evidence, verdict, reasons)


def may_renew(evidence: Evidence, is_saved: bool) -> tuple[str, ...]:
    """The same for a standby whose copy differs although hastd takes it for equal (`hastwatch verify`)."""
    reasons = [] if is_saved else [NOT_KEPT]
    if evidence.relation not in (Relation.IN_SYNC, Relation.SECOND_AHEAD, Relation.FIRST_BLANK):
        reasons.append("the counters do not say that the other copy has all that was written here")
    return _guarded(evidence, judge(evidence), reasons)


def _guarded(evidence: Evidence, verdict: Eligibility, reasons: list[str]) -> tuple[str, ...]:
    sentences = [*[refusal.says for refusal in verdict.refusals], *reasons]
    if evidence.here.role not in (HastRole.INIT, HastRole.SECONDARY):
        sentences.append(f"the role here is {evidence.here.role.value}")
    return tuple(dict.fromkeys(sentences))
