"""The options of a command as a list of its manual page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from docs.manual import Item, Items, Word


def options(made: argparse.ArgumentParser) -> Items:
    """The options as a list."""
    entries = []
    for action in made._actions:
        if not isinstance(action, argparse._SubParsersAction):
            help_text = str(action.help) % {**vars(action), "prog": made.prog}
            entries.append(Item(tuple(term(action)), help_text))
    return Items(tuple(entries))


def term(action: argparse.Action) -> Iterator[Word]:
    """An option as `-r RES , --resource RES`."""
    value = str(action.metavar or "|".join(map(str, action.choices or []))) if action.nargs != 0 else ""
    if action.option_strings and action.nargs == "?":
        value = f"[{value}]"
    for number, flag in enumerate(action.option_strings):
        yield from (Word("", ","),) if number else ()
        yield Word("Fl", flag)
        yield from (Word("Ar", value),) if value else ()
    if not action.option_strings:
        yield Word("Ar", value)
