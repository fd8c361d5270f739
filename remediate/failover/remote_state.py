"""The state directory of a node that is reached through a prefix: read there, and written never."""

from __future__ import annotations

import os
import re

from checks.probes.errors import NotFound, ProbeError
from checks.probes.node import Node
from remediate.context import Transport
from remediate.state.directory import RUN_DIRECTORY, STATE_DIRECTORY
from remediate.state.store import NAME, StateNotKept, StateUnreadable, Store, Values


class RemoteStore(Store):
    """The state directory of a node that is read through the way to it, and never written."""

    def __init__(self, way: Transport, node: Node | None = None, directory: str = STATE_DIRECTORY) -> None:
        """`node`: the one that the way leads to, where it is open already."""
        super().__init__(directory)
        self._way, self._node = way, node

    def read(self, name: str) -> Values:
        """As Store does. Raises StateUnreadable."""
        if not re.fullmatch(NAME, name):
            raise StateUnreadable(repr(name), "it is not the name of a state file")
        import json

        try:
            values = json.loads((self._node or self._way.node()).read(os.path.join(self.directory, name)))
        except NotFound:
            return {}
        except ProbeError as error:
            raise StateUnreadable(name, str(error)) from None
        except (ValueError, RecursionError):
            raise StateUnreadable(name, "it is invalid JSON") from None
        if not isinstance(values, dict) or not values:
            raise StateUnreadable(name, "it is not a JSON object, or an empty one")
        return values

    def second(self) -> RemoteStore | None:
        """As Store has it."""
        return None if self.directory == RUN_DIRECTORY else RemoteStore(self._way, self._node, RUN_DIRECTORY)

    def ready(self) -> None:
        """Raises StateNotKept: what is done on a node is done there."""
        raise StateNotKept("it is only looked at from here", self.directory)
