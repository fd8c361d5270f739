"""The command line of a subcommand of `hastwatch`: one line for an error, no guesses."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from checks import VERSION
from checks.plugin.text import plain
from remediate.console import Console
from remediate.exits import USAGE

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """The description too in the width of the terminal."""

    def __init__(self, prog: str) -> None:
        from checks.plugin.help_text import columns

        super().__init__(prog, width=columns())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from checks.plugin.help_text import fitted

        return fitted(text, self._width)


class Parser(argparse.ArgumentParser):
    """argparse with an error of one line, and without guesses at abbreviated options. `exits` says the exit statuses
    (`exits.described`), and stands at the end of the description."""

    wrong_usage = USAGE
    """The exit status of wrong usage."""
    _console = Console()

    def __init__(self, exits: str = "", **settings: object) -> None:
        if exits:
            settings["description"] = f"{str(settings['description']).rstrip()}\n\n{exits}\n"
        super().__init__(**{"formatter_class": _Formatter, "allow_abbrev": False, **settings})  # type: ignore[arg-type]
        version = f"{self.prog.partition(' ')[0]} {VERSION}"
        self.add_argument("-V", "--version", action="version", version=version, help="show the version and exit")

    def parse(self, words: list[str] | None, console: Console) -> argparse.Namespace:
        """The options. What is wrong with them, and a help, is said on the console."""
        self._speak_on(console)
        return self.parse_args(words)

    def _speak_on(self, console: Console) -> None:
        self._console = console
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for each in action.choices.values():
                    each._speak_on(console)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        super()._print_message(message, self._console.out if file is sys.stdout else file)

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        super().print_help(file or self._console.out)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        if message:
            self._console.err.write(message)
        sys.exit(status)

    def error(self, message: str) -> NoReturn:
        self.exit(self.wrong_usage, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")


def seconds(least: float, most: float) -> Callable[[str], float]:
    """What an option takes that is a number of seconds, above 0 also where `least` is 0."""

    def kind(text: str) -> float:
        try:
            given = float(text)
        except ValueError:
            given = 0.0
        if not (least <= given <= most and given > 0):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from {least:g} to {most:.10g}")
        return given

    return kind


def resource_name(text: str) -> str:
    """What an option takes that names a HAST resource, whether or not there is one."""
    from checks.probes.hast import RESOURCE_NAME

    return like(RESOURCE_NAME, "the name of a HAST resource")(text)


def like(pattern: str, what: str) -> Callable[[str], str]:
    """What an option takes that is a printable text of a pattern; `what` that is, for who gives something else."""

    def kind(text: str) -> str:
        if not re.fullmatch(pattern, text) or not text.isprintable():
            raise argparse.ArgumentTypeError(f"{plain(text)!r} is not {what}")
        return text

    return kind
