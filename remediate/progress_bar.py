"""How far something is: a bar with words on a terminal, a line now and then where the output is piped."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TextIO

from remediate.terminal import REDRAW_LINE
from remediate.timing import Timing

WIDEST = 40


class ProgressBar:
    """Draws on a stream; `lines`: seconds between two lines where no terminal is."""

    def __init__(self, stream: TextIO, timing: Timing, lines: float) -> None:
        self._stream, self._timing, self._lines = stream, timing, lines
        self._said = -lines
        self._drawn = False

    def show(self, done: int, total: int, text: str) -> None:
        """`done` of `total`, and the words. That nobody watches any more is no reason to stop half way."""
        terminal, now = self._stream.isatty(), self._timing.now()
        if not terminal and now - self._said < self._lines:
            return
        self._said = now
        with suppress(OSError, ValueError):
            if terminal:
                width = max(0, min(WIDEST, shutil.get_terminal_size().columns - len(text) - 4))
                full = width * done // max(total, 1)
                self._stream.write(f"{REDRAW_LINE}[{'#' * full}{'.' * (width - full)}] {text}")
                self._drawn = True
            else:
                self._stream.write(f"{text}\n")
            self._stream.flush()

    def clear(self) -> None:
        """Room for another line."""
        if self._drawn:
            with suppress(OSError, ValueError):
                self._stream.write(REDRAW_LINE)
                self._stream.flush()
            self._drawn = False
