"""How far something is: a bar with words on a terminal, a line now and then where the output is piped."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TextIO

from remediate.terminal import REDRAW_LINE
from remediate.timing import Timing

WIDEST = 40
LINES = 5.0
"""Seconds between two lines where no terminal is; the first one comes as late, when there is a rate to tell."""


class ProgressBar:
    """Draws on a stream."""

    def __init__(self, stream: TextIO, timing: Timing) -> None:
        self._stream, self._timing = stream, timing
        self._said = timing.now()
        self._drawn = False

    def show(self, done: int, total: int, text: str) -> None:
        """`done` of `total`, and the words. That nobody watches any more is no reason to stop half way."""
        terminal, now = self._stream.isatty(), self._timing.now()
        if not terminal and now - self._said < LINES:
            return
        self._said = now
        with suppress(OSError, ValueError):
            if terminal:
                columns = shutil.get_terminal_size().columns
                text = text[: max(0, columns - 4)]  # a line that wraps cannot be redrawn
                width = max(0, min(WIDEST, columns - len(text) - 4))
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
