"""What a terminal can do: whether standard output is one, its colours, a line that is drawn again, and its alternate
screen, which leaves what was there before as it was.

Colours are those of ECMA-48 (Select Graphic Rendition). The other sequences are xterm's, which every terminal emulator
and tmux(1), screen(1) and syscons(4) know or ignore.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from types import FrameType, TracebackType

BOLD, FAINT = "1", "2"
RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN = "31", "32", "33", "34", "35", "36"
REDRAW_LINE = "\r\x1b[K"
"""Back to the begin of the line, and nothing on it any more."""
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""The alternate screen without a cursor, and back."""
HOME, CLEAR_LINE = "\x1b[H", "\x1b[2K"
"""A line is cleared before it is drawn: after one of full width the cursor still stands on its last character."""
AS_A_WHOLE = "\x1b[?2026h", "\x1b[?2026l"
"""What stands between them is shown as a whole, by terminals that know it."""
FALLBACK = (80, 24)


def is_terminal() -> bool:
    """Whether standard output is one that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def is_coloured() -> bool:
    """Whether colours are wanted there (no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def size() -> tuple[int, int]:
    """Columns and lines, also of the standard output of a pipe: COLUMNS and LINES, or what terminals once had."""
    terminal = shutil.get_terminal_size(FALLBACK)
    return terminal.columns, terminal.lines


class Paint:
    """Colours where they are wanted."""

    def __init__(self, coloured: bool) -> None:
        self.coloured = coloured

    def __call__(self, text: str, code: str) -> str:
        """The text in a colour, or in several (`31;1`); without one as it is."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured and code and text else text


class Screen:
    """The alternate screen while it is entered; left again whatever happens, SIGTERM and SIGHUP included."""

    def __init__(self) -> None:
        self._pipe = (-1, -1)
        self._before: dict[int, object] = {}

    def __enter__(self) -> Screen:
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        handlers = {signal.SIGWINCH: _nothing, signal.SIGTERM: _interrupt, signal.SIGHUP: _interrupt}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        _write(ENTER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() gave for it
        signal.set_wakeup_fd(-1)
        for end in self._pipe:
            os.close(end)
        _write(LEAVE)

    def draw(self, lines: list[str]) -> None:
        """Show the lines, those that fit, in one write: nothing is cleared that is drawn again."""
        height = size()[1]
        if len(lines) > height:
            hidden = len(lines) - height + 1
            lines = [*lines[: height - 1], f"... {hidden} more lines: a higher terminal, or -r RES, shows them"]
        begin, end = AS_A_WHOLE
        below = [""] * (height - len(lines))
        _write(begin + HOME + "\n".join(f"{CLEAR_LINE}{line}" for line in (*lines, *below)) + end)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the terminal has another size; whether it has."""
        ready, _, _ = select.select([self._pipe[0]], [], [], seconds)
        if ready:
            os.read(self._pipe[0], 4096)
        return bool(ready)


def _nothing(number: int, frame: FrameType | None) -> None:
    """A signal that only has to wake up who waits."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
