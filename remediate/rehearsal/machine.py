"""`remediate.machine` on a simulated node: what its kernel tells and does at once, without a command.

A program can be killed before and after it sends a signal, as around a command.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from checks.probes.errors import Failed, NotFound
from checks.probes.filesystem import Mount, mounted_at, parse_mount
from remediate.failover.reach import ANSWER, HASTWATCH
from remediate.machine import Machine
from remediate.rehearsal.clock import first_of
from remediate.rehearsal.shell import Output

if TYPE_CHECKING:
    from remediate.rehearsal.dying import Life
    from remediate.rehearsal.node import Node
    from remediate.timing import Timing


class SimulatedMachine(Machine):
    """The machine that a program with this life runs on."""

    def __init__(self, node: Node, life: Life) -> None:
        self._node, self._life = node, life

    def exists(self, path: str) -> bool:
        """Raises Killed."""
        self._life.check()
        return self._node.files.exists(path)

    def mounted(self, point: str) -> Mount | None:
        """Raises Killed, Failed."""
        status, text = self._says("mount")
        if status != 0:
            raise Failed(f"statfs {point}: the node does not answer")
        return mounted_at(parse_mount(text), posixpath.normpath(point))

    def read(self, path: str) -> str:
        """Raises Killed, NotFound."""
        self._life.check()
        try:
            return self._node.read_file(path)
        except OSError:
            raise NotFound(f"{path}: no such file") from None

    def make_immutable(self, path: str, wanted: bool) -> str:
        """Raises Killed."""
        said: list[str] = []
        line = f"chflags {'schg' if wanted else 'noschg'} {path}"
        self._life.begin_command(lambda: said.append(self._fails(line)))
        return said[0]

    def send(self, pid: int, name: str) -> None:
        """Raises Killed."""
        said: list[str] = []
        self._life.begin_command(lambda: said.append(self._fails(f"kill -{name} {pid}")))

    def runs(self, pid: int) -> bool:
        """Raises Killed."""
        self._life.check()
        return pid in self._node.processes.by_pid

    def unserved(self, address: str, path: str, timing: Timing) -> str:
        """Asked by the command that asks it on a node that is reached through a prefix. Raises Killed."""
        self._life.check()
        output, clock = Output(), self._node.clock
        process = self._node.start_command(f"{HASTWATCH} reach {address} {path}", output)
        ended = clock.wait(first_of(process, self._life.ended), ANSWER)
        self._life.check()
        if not ended or not process.done:
            process.kill()
            return f"no answer within {ANSWER:g} s"
        return "" if process.value == 0 else (output.text("err", "out").strip().splitlines() or ["no message"])[0]

    def _fails(self, line: str) -> str:
        """Why a command fails; what waits for a disk goes on, and is taken for done."""
        output = Output()
        process = self._node.system_call(line, output)
        return output.text("err").strip() if process.done and process.value != 0 else ""

    def _says(self, line: str) -> tuple[int | None, str]:
        """What a command of the simulation that takes no time prints: it knows what the kernel knows."""
        self._life.check()
        output = Output()
        process = self._node.system_call(line, output)
        return (process.value if process.done else None), output.text("out")
