"""What a command line says and gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class CommandResult(NamedTuple):
    """What a command line gave. 124: it was killed at its deadline, as by timeout(1)."""

    status: int
    out: str
    err: str


class Output:
    """Where a command's output goes: collected, and passed on at once to whoever listens."""

    def __init__(self, listener: Callable[[str, str], None] | None = None) -> None:
        self.chunks: list[tuple[str, str]] = []
        self._listener = listener

    def write(self, stream: str, text: str) -> None:
        """`stream` is out or err."""
        if text:
            self.chunks.append((stream, text))
            if self._listener is not None:
                self._listener(stream, text)

    def text(self, *streams: str) -> str:
        """What was written to these streams, in order."""
        return "".join(text for stream, text in self.chunks if stream in streams)
