"""What the metadata of the two nodes means when they meet: the rule of `sbin/hastd/secondary.c init_remote()`.

A primary that is not connected raises its `localcnt` at the first write; the end of a synchronisation makes the
counters of both nodes agree. So two dumps decide what hastd will do when the nodes meet, before they meet. Whether a
node has written alone they show almost always: see `wrote_nothing_alone`.
"""

from __future__ import annotations

import enum

from checks.probes.hast import Metadata


class Relation(enum.Enum):
    """How two copies stand to each other. It does not depend on which of the nodes is asked first."""

    IN_SYNC = "the counters agree: they count no writes that one has and the other lacks"
    FIRST_AHEAD = "the first has writes that the second lacks"
    SECOND_AHEAD = "the second has writes that the first lacks"
    SPLIT_BRAIN = "each has writes that the other lacks"
    FIRST_BLANK = "the first was just created and gets everything from the second"
    SECOND_BLANK = "the second was just created and gets everything from the first"
    BOTH_BLANK = "neither was ever primary with a peer"
    OTHER_DISK = "the resource IDs differ: these are not two copies of the same"
    IMPOSSIBLE = "counters that hastd never makes"


def relation(first: Metadata, second: Metadata) -> Relation:
    """The rule, for any two dumps of one resource."""
    if not first.resuid or not second.resuid:
        if first.resuid == second.resuid:
            return Relation.BOTH_BLANK
        return Relation.SECOND_BLANK if first.resuid else Relation.FIRST_BLANK
    if first.resuid != second.resuid:
        return Relation.OTHER_DISK
    first_wrote = first.localcnt - second.remotecnt
    second_wrote = second.localcnt - first.remotecnt
    if first_wrote < 0 or second_wrote < 0:
        return Relation.IMPOSSIBLE
    if first_wrote and second_wrote:
        return Relation.SPLIT_BRAIN
    if first_wrote:
        return Relation.FIRST_AHEAD
    return Relation.SECOND_AHEAD if second_wrote else Relation.IN_SYNC


def wrote_nothing_alone(first: Metadata, second: Metadata) -> bool:
    """Whether the counters prove that the second has completed no write that the first has not got.

    A primary that is not connected raises its `localcnt` before it completes a write, if `localcnt` equals what it
    knows of the other one's `remotecnt` (primary.c, write_complete()). A worker that has not been connected yet knows
    0 of it (metadata.c, metadata_read() leaves it alone in the role primary): at a higher `localcnt` it raises nothing,
    and its writes leave no trace in the counters. So only `localcnt` 0 proves it.

    Not proven is what was underway when the connection was lost: with `replication fullsync` nothing of it was
    acknowledged, with memsync and async (hast.conf(5)) some of it may have been, as in any failover. Nor does it say
    whether a synchronisation of extents that were underway at a crash is through: that one changes no counter.
    `prevrole` says nothing here: a node that gives up the role primary does not write it (metadata.c, metadata_write()
    is called only where a counter or the ID changes), so that both nodes may have it.
    """
    stands = relation(first, second)
    if stands is Relation.SECOND_BLANK:
        return True
    return stands in (Relation.IN_SYNC, Relation.FIRST_AHEAD) and second.localcnt == 0


def neither_wrote_alone(first: Metadata, second: Metadata) -> bool:
    """Whether the counters prove it of both."""
    return wrote_nothing_alone(first, second) and wrote_nothing_alone(second, first)
