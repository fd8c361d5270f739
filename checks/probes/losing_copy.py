"""Which copy of a split-brain loses: one rule for check_hast_splitbrain, `hastwatch status` and the recovery.

The marker of hastd's hook says it of its node: the side that did not serve the clients when the split-brain was found
loses. Without one, or with one on both sides, the roles say it: the copy that is not primary may be the losing one.
What contradicts itself says nothing. It is no permission: `remediate.recovery.eligibility` asks for much more.
"""

from __future__ import annotations

from typing import NamedTuple


class CopySide(NamedTuple):
    """A node and its copy. `primary`: whether it is, None where that is not known; `marked`: whether its marker says
    that it loses, None without one or where it does not say."""

    label: str
    primary: bool | None
    marked: bool | None = None


class LosingCopy(NamedTuple):
    """`label`: the node whose copy loses, empty where that is not known; `is_marked`: a marker says so; `contradiction`
    in a sentence, where that is why it is not known."""

    label: str
    is_marked: bool = False
    contradiction: str = ""


def losing_copy(first: CopySide, second: CopySide) -> LosingCopy:
    """The rule."""
    by_marker, by_role = _marked(first, second), _by_role(first, second)
    if by_marker and by_role and by_marker != by_role:
        return LosingCopy(
            "", contradiction=f"a marker says that {by_marker.label} loses, and {by_marker.label} is primary"
        )
    loser = by_marker or by_role
    return LosingCopy(loser.label if loser else "", by_marker is not None)


def _marked(first: CopySide, second: CopySide) -> CopySide | None:
    """The side that the markers name; none where they say the same of both."""
    if first.marked == second.marked:
        return None
    if first.marked is None or second.marked is None:
        marked, other = (first, second) if second.marked is None else (second, first)
        return marked if marked.marked else other
    return first if first.marked else second


def _by_role(first: CopySide, second: CopySide) -> CopySide | None:
    if first.primary is None or second.primary is None or first.primary == second.primary:
        return None
    return second if first.primary else first
