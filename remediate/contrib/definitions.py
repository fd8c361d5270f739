"""Every check and its options, out of the checks' own argument parsers: what both engines' commands are made from.

An engine cannot use the options that only a terminal has a use for: they are left out, and only they.
"""

from __future__ import annotations

import argparse
from functools import cache
from importlib import import_module
from typing import NamedTuple

from checks.plugin.command import CheckCommand, parser

MODULES = ("hast", "hast_splitbrain", "carp", "carp_hast", "devd", "hast_mount", "nfs_export")
"""The checks, as modules of `checks`."""
FROM_OUTSIDE = "check_nfs_export"
"""The check that runs on the monitoring host, as a client sees the service; the others run on a node."""
FOR_A_TERMINAL = ("help", "version", "verbose", "json")
"""What is not offered to an engine: it reads one line."""


class Option(NamedTuple):
    """An option of a check."""

    name: str
    """The long option without its dashes, with underscores: the end of an engine's variable."""
    flag: str
    """The long option as it is written on the command line."""
    takes_value: bool
    """Whether a value follows; else its presence is all it says."""
    repeatable: bool
    """Whether it may be given several times."""
    about: str
    """Its line of the help, on one line."""


class Definition(NamedTuple):
    """A check, as an engine calls it."""

    check: CheckCommand
    options: tuple[Option, ...]

    @property
    def name(self) -> str:
        """The command."""
        return self.check.name

    @property
    def on_node(self) -> bool:
        """Whether it runs on a node of the pair; else on the monitoring host."""
        return self.name != FROM_OUTSIDE


@cache
def definitions() -> tuple[Definition, ...]:
    """All checks."""
    return tuple(definition(import_module(f"checks.{module}").CHECK) for module in MODULES)


def definition(check: CheckCommand) -> Definition:
    """One check with the options that an engine may give."""
    made = parser(check)
    return Definition(check, tuple(_option(made, action) for action in made._actions if _offered(action)))


def _offered(action: argparse.Action) -> bool:
    return action.dest not in FOR_A_TERMINAL


def _option(made: argparse.ArgumentParser, action: argparse.Action) -> Option:
    flag = next(flag for flag in action.option_strings if flag.startswith("--"))
    about = " ".join((str(action.help) % {**vars(action), "prog": made.prog}).split())
    return Option(
        name=flag.removeprefix("--").replace("-", "_"),
        flag=flag,
        takes_value=action.nargs != 0,
        repeatable=isinstance(action, argparse._AppendAction),
        about=about[:1].upper() + about[1:],
    )
