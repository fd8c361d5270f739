"""`remediate.machine` on a simulated node: what its kernel tells and does at once, without a command.

A program can be killed before and after it sends a signal, as around a command.
"""

from __future__ import annotations

import errno
import posixpath
import re
from typing import TYPE_CHECKING

from checks.probes import ifconfig
from checks.probes.as_primary import HastdBuild
from checks.probes.errors import CommandFailed, Hangs, NotFound
from checks.probes.filesystem import Mount, mounted_at, parse_mount
from remediate.doctor.scratch import Scratch
from remediate.failover.filesystems import is_protected
from remediate.failover.reach import ANSWER, HASTWATCH, Reachability, ServiceAnswer, from_exit_status
from remediate.failover.tickle import ClientEndpoint, SentSegments, in_a_word
from remediate.machine import KernelVhid, Machine
from remediate.rehearsal.own_commands import facts
from remediate.rehearsal.scratch import SimulatedScratch
from simulator.clock import Coroutine, first_of
from simulator.hastd.handshake import answer
from simulator.shell.output import Output

if TYPE_CHECKING:
    from remediate.timing import Timing
    from simulator.dying import Life
    from simulator.node import Node

ERRORS = {
    "Connection refused": errno.ECONNREFUSED,
    "Connection reset by peer": errno.ECONNRESET,
    "No route to host": errno.EHOSTUNREACH,
    "Host is down": errno.EHOSTDOWN,
}
"""strerror(3) in what nc(1) says, and errno(2)."""
HASTD_PORT = 8457
"""Of the only server that is asked anything in bytes."""


class SimulatedMachine(Machine):
    """The machine that a program with this life runs on."""

    def __init__(self, node: Node, life: Life) -> None:
        self._node, self._life = node, life

    def exists(self, path: str) -> bool:
        """Raises Killed."""
        self._life.check()
        return self._node.files.exists(path)

    def mounts(self) -> tuple[Mount, ...]:
        """Raises Killed, CommandFailed."""
        return parse_mount(self._answer("mount"))

    def takes_no_files(self, point: str) -> bool:
        """Raises Killed, CommandFailed."""
        status, text = self._says(f"ls -ldo {point}")
        if status is None:
            raise CommandFailed(f"{point}: the node does not answer")
        return status != 0 or is_protected(text)

    def uptime(self) -> float:
        """Raises Killed."""
        self._life.check()
        return self._node.clock.now - self._node.kernel.booted

    def integer(self, name: str) -> int:
        """Raises Killed, NotFound, CommandFailed."""
        status, text = self._says(f"sysctl -n {name}")
        if status == 1:
            raise NotFound(f"sysctl {name}: No such file or directory")
        if status != 0:
            raise CommandFailed(f"sysctl {name}: the node does not answer")
        return int(text)

    def text(self, name: str, seconds: float) -> str:
        """In simulated time. Raises Killed, Hangs, CommandFailed."""
        self._life.check()
        output, clock = Output(), self._node.clock
        process = self._node.system_call(f"sysctl -n {name}", output)
        ended = clock.wait(first_of(process, self._life.ended), seconds)
        self._life.check()
        if not ended or not process.done:
            process.kill()
            raise Hangs(f"sysctl {name} timed out after {seconds:g} s")
        if process.value != 0:
            raise CommandFailed(f"sysctl {name}: the node does not answer")
        return output.text("out")

    def set_integer(self, name: str, value: int) -> None:
        """Raises Killed, CommandFailed."""
        output: list[str] = []
        self._life.begin_command(lambda: output.append(self._fails(f"sysctl {name}={value}")))
        if output[0]:
            raise CommandFailed(output[0])

    def carp(self, interface: str, vhid: int) -> KernelVhid:
        """Raises Killed, CommandFailed."""
        for each in ifconfig.parse(self._answer("ifconfig -a")).vhids:
            if (each.interface, each.number) == (interface, vhid):
                return KernelVhid(each.state, each.advbase, each.advskew)
        raise CommandFailed(f"SIOCGVH of vhid {vhid} on {interface}: No such file or directory")

    def connects(self, address: str, port: int, seconds: float) -> int:
        """In simulated time. Raises Killed."""
        self._life.check()
        output, clock = Output(), self._node.clock
        process = self._node.system_call(f"nc -v -z -w {seconds:g} {address} {port}", output)
        clock.wait(first_of(process, self._life.ended), seconds)
        self._life.check()
        if process.done and process.value == 0:
            return 0
        process.kill()
        return next((number for words, number in ERRORS.items() if words in output.text("err")), errno.ETIMEDOUT)

    def answers(self, address: str, port: int, request: bytes, largest: int, seconds: float) -> bytes:
        """Of hastd on the other node. In simulated time. Raises Killed."""
        if self.connects(address, port, seconds) != 0:
            return b""
        peer, clock = self._node.peer, self._node.clock
        if address != peer.layout.address or port != HASTD_PORT or peer.hastd.accepts_nobody:
            clock.wait(self._life.ended, seconds)
            self._life.check()
            return b""
        return answer(peer.hastd, self._node.layout, request)[: largest + 1]

    def release(self) -> str:
        """Raises Killed."""
        self._life.check()
        return self._node.kernel.values["kern.osrelease"]

    def hastd(self) -> HastdBuild:
        """Raises Killed."""
        self._life.check()
        return facts(self._node)._replace(ends=None)

    def ends_reads(self) -> bool | None:
        """Raises Killed."""
        self._life.check()
        return facts(self._node).ends

    def scratch(self) -> Scratch:
        """Raises Killed."""
        self._life.check()
        return SimulatedScratch(self._node, self._life)

    def mounted(self, point: str) -> Mount | None:
        """Raises Killed, CommandFailed."""
        return mounted_at(self.mounts(), posixpath.normpath(point))

    def read(self, path: str) -> str:
        """Raises Killed, NotFound, CommandFailed."""
        self._life.check()
        try:
            return self._node.read_file(path)
        except IsADirectoryError:
            raise CommandFailed(f"{path}: Is a directory") from None
        except OSError:
            raise NotFound(f"{path}: no such file") from None

    def make_immutable(self, path: str, wanted: bool) -> str:
        """Raises Killed."""
        output: list[str] = []
        line = f"chflags {'schg' if wanted else 'noschg'} {path}"
        self._life.begin_command(lambda: output.append(self._fails(line)))
        return output[0]

    def send(self, pid: int, name: str) -> None:
        """Raises Killed."""
        output: list[str] = []
        self._life.begin_command(lambda: output.append(self._fails(f"kill -{name} {pid}")))

    def runs(self, pid: int) -> bool:
        """Raises Killed."""
        self._life.check()
        return pid in self._node.processes.by_pid

    def wake(self, service: str, woken: list[ClientEndpoint | str], timing: Timing, seconds: float) -> SentSegments:
        """Sent by the command that sends them on a node that is reached through a prefix. Raises Killed."""
        words = [each if isinstance(each, str) else in_a_word(each) for each in woken]
        begun: list[Coroutine[int]] = []
        output = Output()
        line = f"{HASTWATCH} tickle {service} {' '.join(words)}"
        self._life.begin_command(lambda: begun.append(self._node.system_call(line, output)))
        self._node.clock.wait(first_of(begun[0], self._life.ended), seconds)
        self._life.check()
        match = re.match(r"(?a)\d+", output.text("out"))
        return SentSegments(int(match[0]) if match else 0, "" if begun[0].value == 0 else output.text("err").strip())

    def reach(self, address: str, path: str, timing: Timing) -> ServiceAnswer:
        """Asked by the command that asks it on a node that is reached through a prefix. Raises Killed."""
        self._life.check()
        output, clock = Output(), self._node.clock
        process = self._node.start_command(f"{HASTWATCH} reach {address} {path}", output)
        ended = clock.wait(first_of(process, self._life.ended), ANSWER)
        self._life.check()
        if not ended or not process.done:
            process.kill()
            return ServiceAnswer(Reachability.NO, f"no answer within {ANSWER:g} s")
        words = output.text("err", "out").strip().splitlines() or ["no message"]
        return from_exit_status(int(process.value or 0), words[0])

    def _fails(self, line: str) -> str:
        """Why a command fails; what waits for a disk goes on, and is taken for done."""
        output = Output()
        process = self._node.system_call(line, output)
        return output.text("err").strip() if process.done and process.value != 0 else ""

    def _answer(self, line: str) -> str:
        """Raises Killed, CommandFailed."""
        status, text = self._says(line)
        if status != 0:
            raise CommandFailed(f"{line}: the node does not answer")
        return text

    def _says(self, line: str) -> tuple[int | None, str]:
        """What a command of the simulation that takes no time prints: it knows what the kernel knows."""
        self._life.check()
        output = Output()
        process = self._node.system_call(line, output)
        return (process.value if process.done else None), output.text("out")
