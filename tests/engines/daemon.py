"""A daemon of a monitoring engine as a process of the test: started, awaited, ended."""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.waiting import awaited

STARTS = 60.0
"""Seconds in which one starts or ends."""
LIMIT = 90.0
"""Seconds after which a test gives up on what has to come."""


class Daemon(ABC):
    """One that runs in the foreground, and writes its last words to a file."""

    name = ""

    def __init__(self, console: Path) -> None:
        self.console = console
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it answers."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it, if it runs, and wait for its end; what is known stays for the next start."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STARTS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STARTS)

    def kill(self) -> None:
        """Kill it with all its processes, as a power cut does."""
        process, self._process = self._process, None
        assert process is not None
        whole = psutil.Process(process.pid)
        for each in [whole, *whole.children(recursive=True)]:
            each.kill()
        process.wait(STARTS)

    def wait_for(self, what: str, is_there: Callable[[], object], seconds: float = LIMIT) -> float:
        """Wait until the condition holds; the seconds that it took."""
        began = time.monotonic()

        def come() -> bool:
            if is_there():
                return True
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{self.name} has ended: {self.last_words()}")
            return False

        if not awaited(come, seconds):
            raise RuntimeError(f"{what}: not there within {seconds:g} s: {self.last_words()}")
        return time.monotonic() - began

    def last_words(self) -> str:
        """The end of what it wrote."""
        return self.console.read_text(errors="replace")[-2000:]

    def _run_until(self, words: Sequence[str], what: str, is_there: Callable[[], object]) -> None:
        """Start the process and wait until the condition holds; nothing is left where it does not."""
        with open(self.console, "ab") as console:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            self.wait_for(what, is_there, STARTS)
        except BaseException:
            self.stop()
            raise
