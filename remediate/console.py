"""Where a command says something, who called it, and how they stop it: the standard streams, the user and the signals
of its process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from checks.plugin.text import plain

if TYPE_CHECKING:
    from remediate.session import Channel

DEEPEST = 6
"""Places of a program that an internal error is told with."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Console:
    """That of this process. A simulated node has its own for each command (`rehearsal.invocation`)."""

    @property
    def out(self) -> TextIO:
        """Standard output."""
        return sys.stdout

    @property
    def err(self) -> TextIO:
        """Standard error."""
        return sys.stderr

    @property
    def is_watched(self) -> bool:
        """Whether an operator watches standard error."""
        return self.err.isatty()

    @property
    def is_terminal(self) -> bool:
        """Whether standard output is a terminal that can be drawn on."""
        from remediate import terminal

        return terminal.is_terminal()

    @property
    def columns(self) -> int:
        """How wide what is printed may be."""
        from remediate import terminal

        return terminal.size()[0]

    @property
    def is_coloured(self) -> bool:
        """Whether colours are wanted on standard output."""
        from remediate import terminal

        return terminal.is_coloured()

    @property
    def asked(self) -> TextIO | None:
        """Where an operator answers, None without a terminal."""
        return sys.stdin if sys.stdin.isatty() else None

    @property
    def is_root(self) -> bool:
        """Whether root has called it."""
        return os.geteuid() == 0

    @property
    def user(self) -> str:
        """The human who called it, also behind sudo(8) and doas(1): for the journal and for everybody who asks them."""
        import pwd

        try:
            us = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            us = f"user {os.getuid()}"
        human = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER") or us
        return plain(human, 64) if human == us else f"{plain(human, 64)} as {us}"

    def internal(self, error: BaseException) -> str:
        """A fault of our own in one line: what, and where in the program, the innermost place first."""
        places = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        return f"internal error: {type(error).__name__}: {error} (at {', '.join(places[: -DEEPEST - 1 : -1])})"

    def line(self) -> Channel:
        """The session that the other node has begun, over standard input and output."""
        from remediate.session import PipeChannel

        return PipeChannel(0, 1)

    def be_gentle(self) -> None:
        """Everybody else first. Not by idprio(1): a process that gets no time keeps its locks in the kernel."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 20)

    def interruptions(self) -> Callable[[], str]:
        """From now on: by which signal the caller stops it, empty as long as none has come."""
        return Signals()


class Signals:
    """Says by which signal it is to stop. A second one of the same kind does what it does by default."""

    def __init__(self) -> None:
        self._name = ""
        for number in SIGNALS:
            signal.signal(number, self._caught)

    def __call__(self) -> str:
        return self._name

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._name = f"interrupted by {signal.Signals(number).name}"
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
