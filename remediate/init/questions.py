"""What is asked of a person at a terminal for what no option has said: one question at a time, with a default where
there is one that nobody has to guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO, TypeVar

from checks.plugin.text import plain
from remediate.console import Console
from remediate.init.wanted import WrongInput

T = TypeVar("T")


class NotAnswered(Exception):
    """The terminal has ended; nothing was written."""


class Questions:
    """Those of one run."""

    def __init__(self, console: Console, asked: TextIO) -> None:
        self._console, self._asked = console, asked

    def ask(self, question: str, understood: Callable[[str], T], default: str = "") -> T:
        """An answer that is understood; what is wrong with another one is said, and the question asked again. Raises
        NotAnswered."""
        while True:
            self._console.err.write(f"{question}{f' [{default}]' if default else ''}: ")
            self._console.err.flush()
            line = self._asked.readline()
            if not line:
                self._console.err.write("\n")
                raise NotAnswered("not answered: nothing was written")
            try:
                return understood(line.strip() or default)
            except WrongInput as error:
                self._console.err.write(f"{plain(str(error))}\n")
