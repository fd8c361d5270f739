"""The verdict and the guard over every evidence, and over evidence of which one piece is a lie or is missing.

`python -m tests.recovery.test_eligibility` prints how many there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from checks.probes.carp import CarpState
from checks.probes.counters import Relation
from checks.probes.hast import Metadata, Role
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import SERVING
from remediate.failover.reach import Reachability, ServiceAnswer
from remediate.recovery.eligibility import REFUSALS, Kind, judge, may_create
from remediate.recovery.evidence import Evidence, NodeEvidence

ALL = frozenset(SERVING)
FLAG = (False, True)


def dump(resuid: int, local: int, remote: int) -> Metadata:
    return Metadata("home", 1 << 28, 1 << 21, 64, resuid, local, remote, Role.PRIMARY)


DUMPS: dict[Relation | None, tuple[Metadata | None, Metadata | None]] = {
    Relation.IN_SYNC: (dump(7, 0, 0), dump(7, 0, 0)),
    Relation.FIRST_AHEAD: (dump(7, 1, 0), dump(7, 0, 0)),
    Relation.SECOND_AHEAD: (dump(7, 0, 0), dump(7, 1, 0)),
    Relation.SPLIT_BRAIN: (dump(7, 1, 0), dump(7, 1, 0)),
    Relation.FIRST_BLANK: (dump(0, 0, 0), dump(7, 1, 0)),
    Relation.SECOND_BLANK: (dump(7, 1, 0), dump(0, 0, 0)),
    Relation.BOTH_BLANK: (dump(0, 0, 0), dump(0, 0, 0)),
    Relation.OTHER_DISK: (dump(7, 1, 0), dump(8, 1, 0)),
    Relation.IMPOSSIBLE: (dump(7, 0, 2), dump(7, 0, 0)),
    None: (None, dump(7, 1, 0)),
}
EQUAL_ABOVE_ZERO = [(dump(7, 3, 5), dump(7, 5, 3)), (dump(7, 0, 1), dump(7, 1, 0)), (dump(7, 1, 0), dump(7, 0, 1))]
"""Relation.IN_SYNC as well; what a primary wrote that was never connected in its role is in none of these counters."""

HERE = NodeEvidence("nfs001", CarpState.BACKUP, HastRole.INIT)
THERE = NodeEvidence(
    "nfs002", CarpState.MASTER, HastRole.PRIMARY, mounted=MountState.WRITABLE, exported=True, daemons=ALL
)


def heres() -> Iterator[NodeEvidence]:
    """This node, in every state."""
    carp: CarpState | None
    for carp, role, mounted, daemons, device, marked, unread in itertools.product(
        (None, *CarpState), HastRole, MountState, (frozenset[str](), ALL), FLAG, (None, *FLAG), ("", "why")
    ):
        yield HERE._replace(
            carp=carp, role=role, mounted=mounted, daemons=daemons, device=device, marked=marked, unread=unread
        )


def theres() -> Iterator[NodeEvidence]:
    """The other node, in every state."""
    carp: CarpState | None
    for carp, role, mounted, exported, daemons, incomplete, unread in itertools.product(
        (None, *CarpState), HastRole, MountState, FLAG, (frozenset[str](), ALL), ("", "why"), ("", "why")
    ):
        yield THERE._replace(
            carp=carp, role=role, mounted=mounted, exported=exported, daemons=daemons, incomplete=incomplete,
            unread=unread,
        )  # fmt: skip


ANSWERED = ServiceAnswer(Reachability.YES)


def evidence(
    here: NodeEvidence, there: NodeEvidence, relation: Relation | None, answered: ServiceAnswer = ANSWERED
) -> Evidence:
    mine, theirs = DUMPS[relation]
    blank = relation is None
    return Evidence(here._replace(metadata=mine, blank=blank), there._replace(metadata=theirs), answered)


def all_evidence() -> Iterator[Evidence]:
    """Every state of one node beside every other of the other one would be a billion; each side is a set of independent
    sentences, so every state of a side is put beside the states in which the other forbids nothing, and beside some."""
    some = list(theres())
    for relation, answered in itertools.product(DUMPS, map(ServiceAnswer, Reachability)):
        for index, here in enumerate(heres()):
            yield evidence(here, THERE, relation, answered)
            yield evidence(here, some[index * 37 % len(some)], relation, answered)
        for there in some:
            yield evidence(HERE, there, relation, answered)
        yield evidence(HERE, THERE._replace(marked=True), relation, answered)
    for (mine, theirs), there in itertools.product(EQUAL_ABOVE_ZERO, some):
        yield Evidence(HERE._replace(metadata=mine), there._replace(metadata=theirs), ANSWERED)


NO_BETTER = (
    Relation.IN_SYNC, Relation.FIRST_AHEAD, Relation.SECOND_BLANK, Relation.BOTH_BLANK, Relation.IMPOSSIBLE,
)  # fmt: skip
"""Where the other copy is not known to be the better one."""


def allowed() -> Iterator[tuple[Evidence, bool]]:
    """The evidence on which new metadata may be made, and whether the copy was saved."""
    return ((pair, is_saved) for pair in all_evidence() for is_saved in FLAG if not may_create(pair, is_saved))


def wrong(pair: Evidence, is_saved: bool) -> Iterator[str]:
    """What would be wrong with creating new metadata on this evidence."""
    here, there = pair.here, pair.there
    if here.unread or there.unread:
        yield "created on what could not be read"
    if here.carp is CarpState.MASTER or here.role is HastRole.PRIMARY or here.mounted is not MountState.NOTHING:
        yield "created on a node in use"
    if here.device or here.daemons & ALL or here.marked is False:
        yield "created on a node that serves, or served"
    if not there.serves or not pair.answered.is_alive or there.incomplete:
        yield "created beside a node that does not serve a complete copy"
    if pair.relation is Relation.SPLIT_BRAIN and there.marked and not here.marked:
        yield "created though the marker of the other node says that the other copy loses"
    if pair.relation in NO_BETTER:
        yield "created although the other copy is no better"
    if not is_saved and not here.blank and here.metadata is not None and here.metadata.resuid != 0:
        yield "created before anything was kept"


@pytest.mark.slow
def test_new_metadata_are_never_made_on_the_only_copy() -> None:
    cases = list(allowed())
    assert len(cases) > 100, "a guard that lets nothing through is none"
    for pair, is_saved in cases:
        assert not list(wrong(pair, is_saved)), pair


LIES: dict[str, dict[str, object]] = {
    "the address": {"carp": CarpState.BACKUP},
    "the role": {"role": HastRole.SECONDARY},
    "the mount": {"mounted": MountState.NOTHING},
    "the export": {"exported": False},
    "the daemons": {"daemons": frozenset()},
    "the ledger": {"incomplete": "behind"},
    "everything": {"unread": "could not be asked"},
}


@pytest.mark.parametrize("relation", [Relation.SPLIT_BRAIN, Relation.OTHER_DISK, Relation.FIRST_BLANK, None])
@pytest.mark.parametrize("lie", LIES, ids=str)
def test_one_source_that_says_otherwise_is_enough_to_refuse(lie: str, relation: Relation | None) -> None:
    both = evidence(HERE, THERE, relation)
    assert not may_create(both, True)
    truth = evidence(HERE, THERE._replace(**LIES[lie]), relation)  # type: ignore[arg-type]  # each is a field's value
    assert may_create(truth, True), "a node that does not serve must be told apart by this source alone"


@pytest.mark.parametrize("source", [name for name in LIES if name not in ("everything", "the ledger")])
def test_one_source_that_lies_does_not_make_a_dead_node_serve(source: str) -> None:
    dead = THERE._replace(carp=CarpState.INIT, role=HastRole.INIT, mounted=MountState.NOTHING, exported=False,
                          daemons=frozenset())  # fmt: skip
    field = next(iter(LIES[source]))
    lying = dead._replace(**{field: getattr(THERE, field)})
    assert may_create(evidence(HERE, lying, Relation.SPLIT_BRAIN), True)
    assert may_create(evidence(HERE, THERE, Relation.SPLIT_BRAIN, ServiceAnswer(Reachability.NO)), True), (
        "clients are a source too"
    )


@pytest.mark.parametrize(
    ("relation", "kind"),
    [
        (Relation.SPLIT_BRAIN, Kind.SPLIT_BRAIN), (Relation.OTHER_DISK, Kind.OTHER_DISK), (None, Kind.BLANK),
        (Relation.FIRST_BLANK, Kind.BLANK), (Relation.SECOND_AHEAD, Kind.BEHIND), (Relation.IN_SYNC, Kind.IN_STEP),
        (Relation.FIRST_AHEAD, Kind.UNKNOWN), (Relation.IMPOSSIBLE, Kind.UNKNOWN),
    ],
)  # fmt: skip
def test_what_has_happened_is_told_by_the_two_dumps(relation: Relation | None, kind: Kind) -> None:
    assert judge(evidence(HERE, THERE, relation)).kind is kind


@pytest.mark.parametrize(("mine", "theirs"), EQUAL_ABOVE_ZERO)
def test_counters_that_agree_above_zero_do_not_tell_that_nothing_is_lost(mine: Metadata, theirs: Metadata) -> None:
    pair = Evidence(HERE._replace(metadata=mine), THERE._replace(metadata=theirs), ANSWERED)
    assert pair.relation is Relation.IN_SYNC and judge(pair).kind is Kind.UNKNOWN
    assert may_create(pair, True) == (Kind.UNKNOWN.value,)


@pytest.mark.slow
def test_every_refusal_refuses_some_evidence_alone() -> None:
    alone = set()
    for pair in all_evidence():
        refused = judge(pair).refusals
        if len(refused) == 1:
            alone.add(refused[0].reason)
    assert alone == {refusal.reason for refusal in REFUSALS}


def main() -> int:
    """Count them all."""
    cases = list(allowed())
    for pair, is_saved in cases:
        if sentences := list(wrong(pair, is_saved)):
            print(pair, *sentences, sep="\n  ")
            return 1
    states = len(FLAG) * sum(1 for _ in all_evidence())
    print(f"{states} states of the evidence, {len(cases)} in which new metadata may be made, none of them wrong")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
