"""What came out when the two copies of a resource were compared: the file that `hastwatch verify` leaves.

It lies in the state directory of both nodes, one JSON object, the newest run last; where that takes no file, in a
second one, which counts as long as it is there:

    {"version": 1, "runs": [{"began": "2026-11-29T04:00:00Z", "ended": "2026-11-29T05:00:00Z", "by": "nfs001",
     "extents": 128, "extentsize": 2097152, "differ": 1, "undecided": 0, "numbers": [17], "unread": {"nfs002": 1},
     "wrong": "nfs002 cannot read 1 extent, and no other one differs: its copy is the wrong one",
     "wrong_node": "nfs002", "deletes": 0, "signs": {"nfs002": "has counted 19 failed writes"}}]}

A file of an earlier version has no `signs`: what it calls the wrong copy was none proven by more than such a sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes import state_files
from checks.probes.errors import NotUnderstood
from checks.probes.timestamps import since_1970, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checks.probes.node import Node

NAME = "{name}.verified.json"
MOST_NUMBERS = 100
"""Numbers of extents that are recorded of one run."""
MOST_RUNS = 30
"""Runs that are kept: half a year of one a week, and a few by hand."""
LONGEST = 300
"""Characters of a text in it."""
VERDICT = ": its copy is the wrong one"


class Verification(NamedTuple):
    """One run to its end. Times in seconds since 1970 by the clock of `by`, the primary that made it."""

    began: float
    ended: float
    by: str
    extents: int
    """How many there are, all of which were compared but those of `undecided`."""
    extentsize: int
    differ: int
    """Extents that differ, or that one of the disks could not read."""
    undecided: int
    """Extents that were written whenever they were looked at."""
    numbers: tuple[int, ...] = ()
    """Those of `differ`, the first MOST_NUMBERS."""
    unread: tuple[tuple[str, int], ...] = ()
    """Nodes, and how many extents their disks could not read."""
    wrong: str = ""
    """Why one copy is proven to be the wrong one in every extent that differs, a sentence; empty where none is."""
    wrong_node: str = ""
    """The node that has it."""
    deletes: int = 0
    """BIO_DELETE requests that the primary's worker had counted: what is deleted, each disk reads back as it likes."""
    signs: tuple[tuple[str, str], ...] = ()
    """Nodes, and what speaks against their copies without telling in which extents: that a write has failed."""

    @property
    def equal(self) -> bool:
        """Whether the copies were found equal, all of them."""
        return not self.differ and not self.undecided


def read(node: Node, resource: str) -> tuple[Verification, ...]:
    """The runs of a resource that a node knows of, the newest last. Raises ProbeError."""
    import json

    name = NAME.format(name=resource)
    text = state_files.text_of(node, name)
    try:
        return () if text is None else from_values(json.loads(text))
    except (ValueError, RecursionError):
        raise NotUnderstood(name, text or "") from None


def from_values(values: object) -> tuple[Verification, ...]:
    """The runs out of the object in the file. Raises ValueError."""
    if not isinstance(values, dict) or values.get("version") != 1 or not isinstance(values.get("runs"), list):
        raise ValueError("not an object of version 1")
    return tuple(run_from(each) for each in values["runs"])


def run_from(values: object) -> Verification:
    """One run. Raises ValueError."""
    try:
        if not isinstance(values, dict) or not isinstance(values["unread"], dict):
            raise ValueError("no object")
        numbers = values["numbers"]
        if not isinstance(numbers, list) or len(numbers) > MOST_NUMBERS:
            raise ValueError("no list, or too long")
        signs, wrong, wrong_node = values.get("signs"), _text(values["wrong"]), _text(values["wrong_node"])
        if signs is None:
            signs, wrong, wrong_node = _earlier(wrong, wrong_node), "", ""
        if not isinstance(signs, dict) or len(signs) > 2:
            raise ValueError("no object of signs")
        return Verification(
            began=since_1970(values["began"]),
            ended=since_1970(values["ended"]),
            by=_text(values["by"]),
            extents=_count(values["extents"]),
            extentsize=_count(values["extentsize"]),
            differ=_count(values["differ"]),
            undecided=_count(values["undecided"]),
            numbers=tuple(map(_count, numbers)),
            unread=tuple((_text(node), _count(count)) for node, count in values["unread"].items()),
            wrong=wrong,
            wrong_node=wrong_node,
            deletes=_count(values["deletes"]),
            signs=tuple((_text(node), _text(sign)) for node, sign in signs.items()),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a verification: {error}") from None


def as_values(run: Verification) -> Mapping[str, object]:
    """The object of one run."""
    record = run._asdict() | {"began": utc(run.began), "ended": utc(run.ended)}
    lists = {"numbers": list(run.numbers[:MOST_NUMBERS]), "unread": dict(run.unread), "signs": dict(run.signs)}
    return record | lists


def _earlier(wrong: str, node: str) -> dict[str, str]:
    """The verdict of an earlier version, as the sign that it is."""
    return {node: wrong.removeprefix(f"{node} ").removesuffix(VERDICT)} if node else {}


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise ValueError("no text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError("no count")
    return value
