"""Files of hastwatch's state directory on a node, as whoever looks at it reads them.

While that directory takes no file a second one has the newer object (`remediate.state.second`): the first that is there
counts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from checks.probes.errors import NotFound

if TYPE_CHECKING:
    from checks.probes.node import Node

DIRECTORY, SECOND = "/var/db/hastwatch", "/var/run/hastwatch"


def paths(name: str) -> tuple[str, ...]:
    """Where a file may be."""
    return f"{SECOND}/{name}", f"{DIRECTORY}/{name}"


def text_of(node: Node, name: str) -> str | None:
    """The text of a file, None where there is none. Raises ProbeError."""
    for path in paths(name):
        with suppress(NotFound):
            return node.read(path)
    return None
