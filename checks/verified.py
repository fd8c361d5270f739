"""What came out when the two copies of a resource were compared, in words, and what check_hast finds in it."""

from __future__ import annotations

from checks.plugin.text import plain, say_count
from checks.probes.verified import Verification

SHOWN = 10
"""Numbers of extents that a sentence names."""


def said(run: Verification) -> str:
    """The result for people."""
    words = []
    if run.differ:
        shown = ", ".join(map(str, run.numbers[:SHOWN])) + (", ..." if run.differ > SHOWN else "")
        words.append(f"{say_count(run.differ, 'extent')} of {run.extents} differ: {shown}")
        words += [f"{count} cannot be read on {plain(node)}" for node, count in run.unread]
        words.append(plain(run.wrong) or "which copy is wrong is not known, the primary's is what clients see")
        if run.deletes:
            words.append("free space may differ, as the file system deletes (TRIM)")
    else:
        words.append(f"{say_count(run.extents - run.undecided, 'extent')} compared, all equal")
    if run.undecided:
        words.append(f"{say_count(run.undecided, 'extent')} not compared, being written all the time")
    return "; ".join(words)
