"""The README.md that `hastwatch init` writes, read again: what is typed on which nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Typed(NamedTuple):
    """A step of the page: its title, the nodes that its lines are typed on, none where it is done by hand."""

    title: str
    nodes: tuple[str, ...]
    lines: tuple[str, ...]


def steps(page: str) -> Iterator[Typed]:
    """All of them, in order."""
    for section in re.split(r"(?m)^## ", page)[1:]:
        named = re.search(r"(?m)^On (\S+)(?: and (\S+))?, as root:$", section)
        nodes = tuple(filter(None, named.groups())) if named else ()
        yield Typed(section.splitlines()[0], nodes, tuple(re.findall(r"(?m)^    (\S.*)$", section)))


def blocks(page: str) -> Iterator[Typed]:
    """Those that are typed on nodes."""
    return (step for step in steps(page) if step.nodes)
