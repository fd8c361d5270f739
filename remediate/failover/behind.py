"""Whether this node's copy lacks writes: by the ledger, and by the counters on both disks where they can be read.

What the ledger concludes from the time alone is an assumption, that a node which stayed MASTER has written; the
counters know it. So before a copy is refused for it both dumps are compared, whatever else the other node answers, and
two nodes that each assume it of their own copy find out which of them lacks nothing (`counters.wrote_nothing_alone`).
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import hast
from checks.probes.counters import Relation
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.failover import dumps, own_copy
from remediate.failover.dumps import Dumps
from remediate.failover.given_up import given_up
from remediate.state import ledger
from remediate.state.events import BackupPeriod
from remediate.state.ledger import CopyState, Ledger

BEHIND = {
    Relation.SECOND_AHEAD: "the other node has writes that this copy lacks",
    Relation.FIRST_BLANK: "this copy was just created and holds nothing",
    Relation.OTHER_DISK: "the resource IDs of the two disks differ: these are not two copies of the same",
    Relation.IMPOSSIBLE: "the counters of the two disks are such that hastd never makes them",
}


class CopyFindings(NamedTuple):
    """What is known of this copy: why it is known to lack writes, and why each copy is known to have writes that the
    other lacks, both empty where that is not known; whether both dumps were compared for it; why the disk holds no
    copy at all, empty where it does; and whether the dumps say that the other one has writes that this one lacks."""

    stale: str
    split: str
    dumps: bool
    no_copy: str = ""
    lacks: bool = False


def behind(context: Context, name: str, heard: BackupPeriod | None, asked: bool) -> CopyFindings:
    """What is known of this copy now. `heard`: when the other node is proven to have been MASTER; `asked`: it
    answers. What a dump that may be old says against this copy counts, and it compares nothing (`Dumps.heard`). A disk
    without metadata, or one that cannot be opened, is no copy: hastd refuses the role primary for it
    (sbin/hastd/primary.c, init_local()). Where the dump fails otherwise it may be one."""
    own = own_copy.known(context, name)
    known = ledger.stale(own, heard, context.config.failover.stale_after)
    try:
        mine = hast.metadata(context.here.node(), name)
    except hast.MetadataUnreadable as error:
        return CopyFindings(known, "", False, f"the disk of this node has no metadata that can be read: {error}")
    except ProbeError as error:
        return CopyFindings(known or f"what is on the disk of this node is not known: {error}", "", False)
    both = dumps.beside(context, name, mine) if asked else None
    if both is None and known and not context.config.failover.promote_stale:
        both = dumps.beside(context, name, mine, dumps.PATIENT)
    if both is None:
        return CopyFindings(known or ("" if mine.resuid else BEHIND[Relation.FIRST_BLANK]), "", False)
    if _tells_nothing(context, name, both):
        return CopyFindings(known, "", False)
    split = both.relation.value if both.relation is Relation.SPLIT_BRAIN else ""
    stale = BEHIND.get(both.relation, "" if _refutes(both, own) else known)
    return CopyFindings(stale, split, both.heard, lacks=both.heard and both.relation is Relation.SECOND_AHEAD)


def lacks_nothing(context: Context, name: str, both: Dumps) -> bool:
    """Whether the counters prove that the other node has no write that this copy lacks. Raises nothing."""
    return both.nothing_is_lacking and not _tells_nothing(context, name, both)


def _tells_nothing(context: Context, name: str, both: Dumps) -> bool:
    """Whether the other copy was recreated, by whoever did so for whatever reason: that proves nothing of what it
    held before, which this one may lack. But in a split-brain it can be an operator's choice (`given_up`)."""
    return both.relation is Relation.SECOND_BLANK and given_up(context, name, going_up=True) != ""


def is_ahead(context: Context, name: str) -> bool:
    """Whether the counters prove that this copy lacks nothing and the other one does, whatever was told of this one
    before. Raises nothing: what cannot be read proves nothing."""
    both = dumps.read(context, name)
    if both is None or both.relation is not Relation.FIRST_AHEAD:
        return False
    return _refutes(both, own_copy.known(context, name))


def _refutes(both: Dumps, ledger: Ledger) -> bool:
    """Whether the counters prove that this copy lacks nothing. One that was told to be behind may be in the middle of
    a synchronisation, which equal counters do not show; where this copy alone is ahead, that synchronisation copies
    from here to there (secondary.c, init_remote(): HAST_SYNCSRC_SECONDARY). Nor is there one where this copy was
    complete until the connection was lost, and none has come since: the other node told that it may be behind, and has
    completed no write since then. Of a write that failed no counter knows."""
    if not both.nothing_is_lacking or ledger.damage is not None:
        return False
    return ledger.copy is not CopyState.INCOMPLETE or both.relation is Relation.FIRST_AHEAD or _was_whole(ledger)


def _was_whole(ledger: Ledger) -> bool:
    """Whether this copy was known to be complete when its primary was lost, which has not connected again, as far as
    what became known could be recorded."""
    gone, whole = ledger.disconnected_at, ledger.last_complete
    return gone is not None and whole is not None and whole >= gone and ledger.lost_since is None
