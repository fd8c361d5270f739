"""The command file of a Nagios on this machine: a named pipe, a line a command (PROCESS_SERVICE_CHECK_RESULT).

Nagios never answers. A line that was written is taken; an unknown host or service is a warning in Nagios's own log.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Sequence

from remediate.monitoring.answer import Disposition, ReceiverAnswer
from remediate.monitoring.nagios_text import nagios_text
from remediate.monitoring.result import CheckResult
from remediate.monitoring.submission import NagiosSettings as Settings

LONGEST_LINE = 4096
"""Bytes, the end of line included: Linux's PIPE_BUF, up to which lines of several writers don't mix."""
PATIENCE = 2.0
"""Seconds that a reader has to make room in the pipe."""


class NagiosPipe:
    """The pipe, as configured."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.pipe
        self._torn = False

    most_together = 1
    """A line is written at once, so that those of several writers do not mix."""

    def send(self, result: CheckResult) -> ReceiverAnswer:
        """Write it as one line, without waiting for a reader that is not there."""
        try:
            pipe = os.open(self.name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return ReceiverAnswer(
                    Disposition.LATER, f"nobody reads {self.name}: Nagios does not run", everyone=True
                )
            fate = Disposition.LATER if error.errno == errno.ENOENT else Disposition.LOCKED
            return ReceiverAnswer(fate, f"{self.name}: {error.strerror}", everyone=True)
        try:
            if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
                return ReceiverAnswer(Disposition.LOCKED, f"{self.name} is not a pipe", everyone=True)
            return self._written(pipe, line(result))
        except OSError as error:
            return ReceiverAnswer(Disposition.LATER, f"{self.name}: {error.strerror}", everyone=True)
        finally:
            os.close(pipe)

    def send_together(self, results: Sequence[CheckResult]) -> bool:
        """It takes one at a time."""
        return False

    def already_has(self, result: CheckResult) -> bool:
        """It can't be asked."""
        return False

    def _written(self, pipe: int, text: bytes) -> ReceiverAnswer:
        """Where PIPE_BUF is smaller than the line (512 bytes on FreeBSD) it may go in pieces; a piece that stays alone
        is ended by the next attempt."""
        rest = b"\n" + text if self._torn else text
        whole, ends = len(rest), time.monotonic() + PATIENCE
        while rest:
            left = ends - time.monotonic()
            if left <= 0 or not select.select([], [pipe], [], left)[1]:
                self._torn = self._torn or len(rest) != whole
                return ReceiverAnswer(Disposition.LATER, f"{self.name} is full: Nagios does not read it", everyone=True)
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                continue
        self._torn = False
        return ReceiverAnswer(Disposition.TAKEN, "written")


def line(result: CheckResult) -> bytes:
    """`[TIME] PROCESS_SERVICE_CHECK_RESULT;HOST;SERVICE;STATUS;TEXT|PERFDATA`, with its end. A `;` of the text would
    begin a field of its own for some readers, and becomes `:`; that of performance data stays."""
    head = f"[{int(result.ended)}] PROCESS_SERVICE_CHECK_RESULT;{result.host};{result.service};{result.status};"
    room = LONGEST_LINE - 1 - len(head.encode())
    return f"{head}{nagios_text(result, room, ':')}\n".encode()
