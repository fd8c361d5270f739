"""`remediate.doctor.scratch` on a simulated node: the files of the second hastd, and the place of the other node."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from checks.probes.errors import CommandFailed
from remediate.doctor.scratch import CONF, COPY, DIRECTORY, PIDFILE, HandshakeStage, Listener, Scratch, conf
from simulator.host.files import File

if TYPE_CHECKING:
    from simulator.dying import Life
    from simulator.hastd.scratch import ScratchHastd
    from simulator.node import Node

PORT = 49152


class SimulatedListener(Listener):
    """The other node's place, on the node's loopback interface."""

    def __init__(self, hastd: ScratchHastd) -> None:
        self._hastd, self._heard = hastd, HandshakeStage.NOTHING
        hastd.on_connection = self._connected

    def _connected(self, with_header: bool) -> None:
        self._heard = HandshakeStage.HEADER if with_header else HandshakeStage.CONNECTION

    @property
    def port(self) -> int:
        """Any."""
        return PORT

    def heard(self) -> HandshakeStage:
        """What has come."""
        return self._heard

    def close(self) -> None:
        """Nobody listens any more."""
        self._hastd.on_connection = None


class SimulatedScratch(Scratch):
    """Its files on a simulated node, for a program with this life."""

    def __init__(self, node: Node, life: Life) -> None:
        self._node, self._life = node, life

    def is_there(self) -> bool:
        """Raises Killed."""
        self._life.check()
        return self._node.files.exists(DIRECTORY)

    def make(self, host: str, port: int) -> None:
        """Raises Killed, CommandFailed."""
        if self.is_there():
            raise CommandFailed(f"{DIRECTORY}: {os.strerror(errno.EEXIST)}")
        self._life.begin_command(lambda: self._make(host, port))

    def _make(self, host: str, port: int) -> None:
        files, now = self._node.files, self._node.now
        files.place(DIRECTORY, File(kind="d", mode="rwx------", changed=now, links=2))
        files.write(COPY, "", now)
        files.write(CONF, conf(host, port), now)

    def listen(self) -> Listener:
        """Raises Killed."""
        self._life.check()
        return SimulatedListener(self._node.scratch)

    def pid(self) -> int | None:
        """Raises Killed."""
        self._life.check()
        files = self._node.files
        return int(files.read(PIDFILE)) if files.exists(PIDFILE) else None

    def remove(self) -> None:
        """Raises Killed."""
        self._life.begin_command(self._remove)

    def _remove(self) -> None:
        for name in self._node.files.names(DIRECTORY):
            self._node.files.remove(f"{DIRECTORY}/{name}")
        self._node.files.remove(DIRECTORY)
