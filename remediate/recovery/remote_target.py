"""A salvage on another machine, over ssh(1): nothing is needed there but sh(1) and what POSIX has.

One connection for each step. A lost connection gives the command there an end of its input, as a finished one does: so
what was written gets its name only in a connection of its own, after its size was looked at.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from checks.plugin.text import plain
from checks.probes.node import quoted
from checks.probes.process import ENVIRONMENT
from remediate.failover.errors import StepFailed
from remediate.recovery.targets import BLOCK, MANIFEST, NAMES, PART, Sink, Source

SSH = ("/usr/bin/ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
URL = (
    r"ssh://(?P<login>(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::(?P<port>\d{1,5}))?(?P<path>/.*)"
)
STALLS = 120.0
"""Seconds after which a connection is given up that has not sent or taken what one call wants: BLOCK bytes at most."""
ANSWER, WORDS = 64 << 10, 4096
"""Bytes at most of what a command there prints, and of the end of its error output that is kept."""
FREE = r"\s(?P<free>-?\d+)\s+-?\d+%\s"
"""df(1) -P: the column before the capacity."""


class SshDirectory:
    """A directory of another machine."""

    def __init__(self, place: str, name: str, ssh: tuple[str, ...] = SSH) -> None:
        match = re.fullmatch(URL, place.rstrip("/") or place)
        if not match or not match["path"].isprintable():
            raise StepFailed(f"{place!r} is not ssh://[USER@]HOST[:PORT]/PATH")
        port = ("-p", match["port"]) if match["port"] else ()
        self._argv = (*ssh, *port, "--", match["login"])
        self._base = match["path"]
        self._path = f"{self._base}/{name}"
        self.where = f"{place.rstrip('/')}/{name}"

    def make_base(self) -> None:
        """See Target."""
        base = quoted((self._base,))
        self._run(f"umask 077; test -d {base} || mkdir {base} || exit 1; "
                  f"test -w {base} || {{ echo nothing can be written into {base} >&2; exit 1; }}")  # fmt: skip

    def room(self) -> int:
        """See Target."""
        base = quoted((self._base,))
        output = self._run(
            f"test -d {base} || {{ echo {base}: no such directory >&2; exit 1; }}; LC_ALL=C df -Pk {base}"
        )
        free = re.findall(FREE, output)
        if not free:
            raise StepFailed(f"df on {self._argv[-1]} is not understood: {plain(output, 80)!r}")
        return int(free[-1]) * 1024

    def complete(self) -> bool:
        """See Target."""
        return self._run(f"if test -e {self._file(MANIFEST)}; then echo yes; else echo no; fi").strip() == "yes"

    def begin(self) -> None:
        """See Target."""
        path = quoted((self._path,))
        refuse = f"{{ echo {path} is not ours >&2; exit 1; }}"
        self._run(
            f"umask 077; test -d {path} || mkdir {path} || exit 1; "
            f"test -d {path} -a -O {path} -a ! -L {path} || {refuse}; chmod 700 {path} && {self._clearing()}"
        )

    def discard(self) -> None:
        """See Target."""
        with suppress(StepFailed):
            self._run(f"{self._clearing()}; rmdir {quoted((self._path,))}")

    @contextmanager
    def writing(self, name: str) -> Iterator[Sink]:
        """See Target."""
        part, path = self._file(name + PART), self._file(name)
        connection = _Connection((*self._argv, f"umask 077; cat > {part}"))
        sink = _Pipe(connection)
        try:
            yield sink
            connection.end_of_input()
            connection.finish()
        except BaseException:
            connection.kill()
            with suppress(StepFailed):
                self._run(f"rm -f {part}")
            raise
        sync = f"{{ fsync {part} || sync {part} || sync; }} 2>/dev/null"
        cut = f"{{ echo {part} was cut off >&2; exit 1; }}"
        self._run(f'test "$(wc -c < {part})" -eq {sink.written} || {cut}; {sync}; mv {part} {path}')

    @contextmanager
    def reading(self, name: str) -> Iterator[Source]:
        """See Target."""
        connection = _Connection((*self._argv, f"cat {self._file(name)}"))
        connection.end_of_input()
        try:
            yield connection
        finally:
            connection.kill()

    def _clearing(self) -> str:
        files = " ".join(self._file(name + ending) for name in NAMES for ending in ("", PART))
        return f"rm -f {files}"

    def _file(self, name: str) -> str:
        return quoted((f"{self._path}/{name}",))

    def _run(self, line: str) -> str:
        """A command line there, and what it printed. Raises StepFailed."""
        connection = _Connection((*self._argv, line))
        connection.end_of_input()
        try:
            output = connection.read(ANSWER + 1)
            if len(output) > ANSWER:
                raise StepFailed(f"{self._argv[-1]} says more than {ANSWER} bytes to a simple question")
            return output.decode("utf-8", "backslashreplace")
        finally:
            connection.kill()


class _Connection:
    """One run of ssh, in which every call has a deadline, and of whose error output only the end is kept."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self._whom = argv[-2]
        self._words = bytearray()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            raise StepFailed(f"{argv[0]}: {error.strerror}") from None
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._input, self._output, self._errors = process.stdin, process.stdout, process.stderr
        os.set_blocking(self._input.fileno(), False)

    def write(self, data: bytes) -> None:
        """Raises StepFailed."""
        rest, deadline = memoryview(data), time.monotonic() + STALLS
        while rest:
            if not self._wait_for(deadline, writing=[self._input]):
                raise StepFailed(f"{self._whom} has taken too little for {STALLS:g} s")
            try:
                rest = rest[os.write(self._input.fileno(), rest) :]
            except BlockingIOError:
                continue
            except OSError:
                self.finish()
                raise StepFailed(f"{self._whom} takes no more") from None

    def end_of_input(self) -> None:
        """There is nothing more to write."""
        with suppress(OSError):
            self._input.close()

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, fewer at the end only; all for -1. Raises StepFailed, also where the command fails."""
        received, deadline = bytearray(), time.monotonic() + STALLS
        while size < 0 or len(received) < size:
            if not self._wait_for(deadline, reading=[self._output]):
                raise StepFailed(f"{self._whom} has sent too little for {STALLS:g} s")
            chunk = os.read(self._output.fileno(), BLOCK if size < 0 else min(BLOCK, size - len(received)))
            if not chunk:
                self.finish()
                break
            received += chunk
        return bytes(received)

    def finish(self) -> None:
        """Wait for its end. Raises StepFailed where it failed, with its words."""
        deadline = time.monotonic() + STALLS
        while self._hear(deadline):
            pass
        try:
            status = self._process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise StepFailed(f"{self._whom} does not end") from None
        if status != 0:
            lines = self._words.decode("utf-8", "backslashreplace").strip().splitlines()
            words = plain(lines[-1]) if lines else f"ssh exits with {status}"
            raise StepFailed(f"{self._whom}: {words}")

    def _wait_for(self, deadline: float, reading: Sequence[IO[bytes]] = (), writing: Sequence[IO[bytes]] = ()) -> bool:
        """Whether the way is free before the deadline; what is said on the error output meanwhile is taken."""
        listening = [*reading, self._errors]
        while (left := deadline - time.monotonic()) > 0:
            ready, free, _ = select.select(listening, writing, [], left)
            if self._errors in ready and not self._hear(deadline):
                listening = [*reading]
            if free or any(each in ready for each in reading):
                return True
        return False

    def _hear(self, deadline: float) -> bool:
        """Take some of the error output, of which the end is kept; False at its end or the deadline."""
        if not select.select([self._errors], [], [], max(deadline - time.monotonic(), 0))[0]:
            return False
        chunk = os.read(self._errors.fileno(), BLOCK)
        self._words = (self._words + chunk)[-WORDS:]
        return bool(chunk)

    def kill(self) -> None:
        """End it, whatever it does."""
        with suppress(OSError):
            self._input.close()
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()
        self._errors.close()


class _Pipe:
    """The input of a connection; counts what was written."""

    def __init__(self, connection: _Connection) -> None:
        self._connection, self.written = connection, 0

    def write(self, data: bytes, /) -> int:
        """See Sink."""
        self._connection.write(data)
        self.written += len(data)
        return len(data)
