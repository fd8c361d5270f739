"""The entries of a scenario's story, which `report.py` and `brief.py` tell. Times are simulated seconds since its
beginning."""

from __future__ import annotations

from typing import NamedTuple

from remediate.rehearsal.observer import CheckReport


class TypedCommand(NamedTuple):
    """A command line that an operator typed on a node, its exit status, and the first words where that is not 0."""

    at: float
    node: str
    line: str
    status: int
    seconds: float
    words: str


class InjectedFault(NamedTuple):
    """A fault, in the words of `hastwatch pair fault`."""

    at: float
    words: str


class Comment(NamedTuple):
    """What happened, or why something is done, in a sentence."""

    at: float
    text: str


class NodeReaction(NamedTuple):
    """What a node did by itself: a change of CARP, a forced unmount, a role that a hook gave."""

    at: float
    node: str
    text: str


class CheckRound(NamedTuple):
    """What the checks said at one moment, and what was expected of them. `missing`: expected and not said."""

    at: float
    moment: str
    says: tuple[CheckReport, ...]
    expected: tuple[str, ...]
    missing: tuple[str, ...]


class JournalAction(NamedTuple):
    """What hastwatch did on a node and why, out of its journal: the event of the entry, and the entry in few words."""

    at: float
    node: str
    event: str
    text: str


Entry = TypedCommand | InjectedFault | Comment | NodeReaction | CheckRound | JournalAction
