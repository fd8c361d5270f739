"""The entries of a scenario's story. Times are simulated seconds since its beginning; `telling.py` tells them."""

from __future__ import annotations

from typing import NamedTuple

from remediate.rehearsal.observer import Said


class Typed(NamedTuple):
    """A command line that an operator typed on a node, its exit status, and the first words where that is not 0."""

    at: float
    node: str
    line: str
    status: int
    seconds: float
    words: str


class Broken(NamedTuple):
    """A fault, in the words of `hastwatch pair fault`."""

    at: float
    words: str


class Told(NamedTuple):
    """What happened, or why something is done, in a sentence."""

    at: float
    text: str


class Noticed(NamedTuple):
    """What a node did by itself: a change of CARP, a forced unmount, a role that a hook gave."""

    at: float
    node: str
    text: str


class Looked(NamedTuple):
    """What the checks said at one moment, and what was expected of them. `missing`: expected and not said."""

    at: float
    moment: str
    says: tuple[Said, ...]
    expected: tuple[str, ...]
    missing: tuple[str, ...]


class Acted(NamedTuple):
    """What hastwatch did on a node and why, out of its journal."""

    at: float
    node: str
    text: str


Entry = Typed | Broken | Told | Noticed | Looked | Acted
