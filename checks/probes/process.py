"""The one place that starts processes.

No shell, a clean environment, a session of its own, a deadline, a limit on what is read; at the deadline the whole
group is killed, and a process that does not die of it (a disk wait, another user's) is given up, not waited for.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import NamedTuple

from checks.probes.errors import CommandFailed, Hangs, NotPermitted, NotUnderstood, ToolMissing
from checks.probes.packages import remedy

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"}
"""All that a probe inherits: messages in English, and the search path of rc(8) for what a command itself calls."""
OUTPUT_LIMIT = 4 << 20
"""Bytes of output and of error output: well above a log file that newsyslog(8) rotates at 1 MB."""
KILL_GRACE = 0.2
"""Seconds that a killed process has to disappear before it is given up."""
DRAIN = 0.05
"""Seconds between two looks whether the process has ended though somebody still holds its output open."""


RUNNING: set[int] = set()
"""The process groups that run now, for whoever has to end this process: a child must not outlive it."""


class CompletedCommand(NamedTuple):
    """A command that ended by itself."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def words(self) -> str:
        """Its own first words on why it failed: the first line of its error output, else of its output."""
        for line in (self.stderr or self.stdout).splitlines():
            if line.strip():
                return line.strip()
        return "no message"


class AbandonedCommand(Hangs):
    """A command that hung and could not be killed: it still exists, as `pid`."""

    def __init__(self, text: str, pid: int) -> None:
        super().__init__(text)
        self.pid = pid


def run(argv: tuple[str, ...], deadline: float, limit: int = OUTPUT_LIMIT, shown: str = "") -> CompletedCommand:
    """Run `argv` until `deadline` (time.monotonic() seconds) and return what it printed, whatever its exit status.

    `shown` is what errors call the command, by default its words.

    Raises ToolMissing, NotPermitted, CommandFailed (it could not be started), Hangs or AbandonedCommand (the deadline
    came first) and NotUnderstood (it printed more than `limit` bytes)."""
    started = time.monotonic()
    shown = shown or " ".join(argv)
    process = start(argv)
    output = _Output(process, limit)
    ended = False
    alive = False
    try:
        ended = output.collect(deadline)
    finally:
        output.close()
        alive = not ended and _kill(process)
        RUNNING.discard(process.pid)
    seconds = time.monotonic() - started
    if ended:
        return CompletedCommand(argv, process.returncode, output.text("stdout"), output.text("stderr"), seconds)
    if output.overflowed:
        raise NotUnderstood(f"more than {limit} bytes of output of {shown}", output.text("stdout")[:80])
    if alive:
        raise AbandonedCommand(f"`{shown}` timed out after {seconds:.1f} s and cannot be killed", process.pid)
    raise Hangs(f"`{shown}` timed out after {seconds:.1f} s and was killed")


def start(argv: tuple[str, ...], talking: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start `argv` with pipes for its output and error output; `talking`: what its input is. Whoever starts it ends it.

    Raises ToolMissing, NotPermitted, CommandFailed.
    """
    _have_its_end_told(argv[0])
    try:
        process = subprocess.Popen(
            argv,
            stdin=talking,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ToolMissing(f"{argv[0]}: not found{remedy(argv[0])}") from None
    except PermissionError:
        raise NotPermitted(f"{argv[0]}: may not be run by uid {os.geteuid()}") from None
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{argv[0]}: could not be started: {error}") from None
    RUNNING.add(process.pid)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the end of a process whose pipes are closed, and kill what is left of its group."""
    try:
        process.wait(KILL_GRACE)
    except subprocess.TimeoutExpired:
        _kill(process)
    finally:
        RUNNING.discard(process.pid)


def _have_its_end_told(program: str) -> None:
    """Where whoever started this process ignores SIGCHLD, so do we (execve(2)): the kernel would tell nobody how a
    child ended (wait(2)), and `subprocess` would say 0 of all of them. Raises CommandFailed where that can't be
    undone."""
    if signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN:
        return
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    except ValueError:  # not in the main thread
        raise CommandFailed(f"{program}: not started: SIGCHLD is ignored, its exit status would not be known") from None


class _Output:
    """The two pipes of a process, read as they fill."""

    def __init__(self, process: subprocess.Popen[bytes], limit: int) -> None:
        self.process = process
        self.limit = limit
        self.overflowed = False
        self.read = {"stdout": bytearray(), "stderr": bytearray()}
        self.pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        self.selector = selectors.DefaultSelector()
        for name, pipe in zip(self.read, self.pipes, strict=True):
            self.selector.register(pipe, selectors.EVENT_READ, name)

    def collect(self, deadline: float) -> bool:
        """Read until the process has ended; False where the deadline or the limit came first."""
        while True:
            ended = self.process.poll() is not None
            remaining = deadline - time.monotonic()
            if self.selector.get_map() and (remaining > 0 or ended):
                # once it has ended only what already lies in the pipes is taken: a child of its own may hold them open
                ready = self.selector.select(0 if ended else min(remaining, DRAIN))
                for key, _ in ready:
                    self._take(key)
                if self.overflowed:
                    return False
                if ready:
                    continue
            if ended:
                return True
            if remaining <= 0:
                return False
            if not self.selector.get_map():
                try:
                    self.process.wait(remaining)
                except subprocess.TimeoutExpired:
                    return False

    def _take(self, key: selectors.SelectorKey) -> None:
        chunk = os.read(key.fd, 1 << 16)
        if not chunk:
            self.selector.unregister(key.fileobj)
            return
        self.read[key.data] += chunk
        self.overflowed = self.overflowed or len(self.read[key.data]) > self.limit

    def text(self, name: str) -> str:
        return self.read[name].decode("utf-8", "backslashreplace")

    def close(self) -> None:
        self.selector.close()
        for pipe in self.pipes:
            pipe.close()


def end_running() -> None:
    """Kill what runs now, without waiting for it."""
    for group in tuple(RUNNING):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill the group of `process`; whether the process is still there afterwards."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        process.wait(KILL_GRACE)
    except subprocess.TimeoutExpired:
        return True
    return False
