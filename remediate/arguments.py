"""The command line of a subcommand of `hastwatch`: one line for an error, no guesses."""

from __future__ import annotations

import argparse
from typing import NoReturn

from checks.plugin.text import plain

USAGE = 2


class Parser(argparse.ArgumentParser):
    """argparse with an error of one line, and without guesses at abbreviated options."""

    def __init__(self, **settings: object) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(**{"formatter_class": formatter, "allow_abbrev": False, **settings})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")
