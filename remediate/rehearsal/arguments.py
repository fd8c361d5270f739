"""What the command lines of `hastwatch rehearse` and `hastwatch pair` share: one line for an error, and the speed."""

from __future__ import annotations

import argparse
from typing import NoReturn

from checks.plugin.text import plain

USAGE = 2
FASTEST = 1e6


class Parser(argparse.ArgumentParser):
    """argparse with an error of one line, and without guesses at abbreviated options."""

    def __init__(self, **settings: object) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(**{"formatter_class": formatter, "allow_abbrev": False, **settings})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")


def speed(text: str) -> float:
    """Simulated seconds per real second. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to a million")
    return number


CONFIG = "a hastwatch.toml: its resources, vhids and mount points are those of the pair"
"""The help of --config."""
