"""What comes out of a comparison, and what it proves of the copies: nothing beyond the extents that were looked at."""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.text import say_count
from checks.probes.verified import VERDICT, Verification
from remediate.verification.copies import LocalCopy


class CopyFailures(NamedTuple):
    """Of a node, the writes that have failed on its disk, whether its ledger knows of any, and the extents that it
    could not read."""

    writes: int
    known: int
    unread: int

    @property
    def sign(self) -> str:
        """What tells that writes have failed, empty where nothing does. A worker counts from its own start on, so that
        0 proves nothing; nor does a count tell which extents are the old ones."""
        if self.writes:
            return f"has counted {say_count(self.writes, 'failed write')}"
        return "knows that a write has failed on its disk" if self.known else ""


def verification(
    sides: dict[str, CopyFailures], last: LocalCopy, began: float, ended: float, extents: int, differ: int,
    numbers: tuple[int, ...],
) -> Verification:  # fmt: skip
    """What came out, without a verdict: of `extents` so many `differ`, the first of them by `numbers`. `sides`: this
    node's first."""
    return Verification(
        began=began,
        ended=ended,
        by=next(iter(sides)),
        extents=extents,
        extentsize=last.where.extentsize,
        differ=differ,
        undecided=0,
        numbers=numbers,
        unread=tuple((each, failures.unread) for each, failures in sides.items() if failures.unread),
        deletes=last.resource.deletes,
        signs=tuple((each, failures.sign) for each, failures in sides.items() if failures.sign) if differ else (),
    )


def proven_wrong(run: Verification) -> tuple[str, str]:
    """Which node has the wrong copy after all extents were compared, and why that is proven; else nothing. A read that
    fails tells of its own extent alone, and a write that failed does not tell which one that was: so it is proven only
    where one disk could not read any of those that differ, and no write is known to have failed on the other one."""
    if run.undecided or len(run.unread) != 1 or run.unread[0][1] != run.differ:
        return "", ""
    if any(node != run.unread[0][0] for node, _ in run.signs):
        return "", ""
    node, count = run.unread[0]
    return node, f"{node} cannot read {say_count(count, 'extent')}, and no other one differs{VERDICT}"
