"""Every check and its options, out of the checks' own argument parsers: what both engines' commands are made from.

Left out are the options that only a terminal has a use for, and those that a check from outside does not use.
"""

from __future__ import annotations

import argparse
from functools import cache
from typing import NamedTuple

from checks.plugin.command import CheckCommand, parser
from checks.registry import REGISTRY, CheckEntry

FOR_A_TERMINAL = ("help", "version", "verbose", "json")
"""What is not offered to an engine: it reads one line."""
FOR_A_NODE = ("via", "peer")
"""What a check that looks from outside does not use (`check_nfs_export --help`)."""


EVERY_MINUTE = CheckEntry("", "").interval
"""Seconds, as the templates of all checks have it."""


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
    on_node: bool
    """Whether it runs on a node of the pair; else on the monitoring host."""
    options: tuple[Option, ...]
    interval: int
    """Seconds after which an engine looks again."""

    @property
    def name(self) -> str:
        """The command."""
        return self.check.name


@cache
def definitions() -> tuple[Definition, ...]:
    """All checks."""
    return tuple(definition(each.load(), each.on_node, each.interval) for each in REGISTRY)


def definition(check: CheckCommand, on_node: bool, interval: int = EVERY_MINUTE) -> Definition:
    """One check with the options that an engine may give."""
    options_parser = parser(check)
    return Definition(
        check,
        on_node,
        tuple(_option(options_parser, action) for action in options_parser._actions if _offered(action, on_node)),
        interval,
    )


def _offered(action: argparse.Action, on_node: bool) -> bool:
    return action.dest not in (FOR_A_TERMINAL if on_node else FOR_A_TERMINAL + FOR_A_NODE)


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    flag = next(flag for flag in action.option_strings if flag.startswith("--"))
    about = " ".join((str(action.help) % {**vars(action), "prog": parser.prog}).split())
    return Option(
        name=flag.removeprefix("--").replace("-", "_"),
        flag=flag,
        takes_value=action.nargs != 0,
        repeatable=isinstance(action, argparse._AppendAction),
        about=about[:1].upper() + about[1:],
    )
