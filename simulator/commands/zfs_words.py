"""What zpool(8) and zfs(8) share: subcommands, options, tables; see `zpool.py` for what it is held to."""

from __future__ import annotations

import getopt
from collections.abc import Callable
from typing import NamedTuple

from simulator.clock import FOREVER, Steps
from simulator.shell.calls import Call
from simulator.storage.zfs import Pool

USAGE = 2
"""Exit status of wrong usage."""


class Options(NamedTuple):
    """The options of one call, as getopt(3) read them."""

    given: list[tuple[str, str]]

    def has(self, option: str) -> bool:
        """It was given, without a value."""
        return (option, "") in self.given

    def values(self, option: str) -> list[str]:
        """Of an option with a value, as often as given."""
        return [value for name, value in self.given if name == option]

    def properties(self, option: str) -> dict[str, str]:
        """Of `-o name=value`."""
        return {name: value for name, _, value in (each.partition("=") for each in self.values(option))}

    def columns(self, default: str) -> list[str]:
        """Of `-o name,name`."""
        return (self.values("-o") or [default])[-1].split(",")


Verb = Callable[[Call, Options, list[str]], Steps[int]]


def run_verb(call: Call, verbs: dict[str, tuple[str, Verb]]) -> Steps[int]:
    """Find the subcommand among `verbs` (its getopt(3) letters and its function), and run it; 2 for wrong usage."""
    tool, verb = call.argv[0].rpartition("/")[2], (call.argv[1:] or [""])[0]
    if verb not in verbs:
        call.err(f"unrecognized command '{verb}'\nusage: {tool} command args ...\n")
        return USAGE
    letters, function = verbs[verb]
    try:
        options, words = getopt.getopt(call.argv[2:], letters)
    except getopt.GetoptError as error:
        call.err(f"invalid option '{error.opt}'\nusage:\n\t{verb}\n")
        return USAGE
    return (yield from function(call, Options(options), words))


def named(call: Call, names: list[str], missing: str, suspended: bool = False) -> Steps[tuple[list[Pool], int]]:
    """The imported pools of these names, all where none is given; 1 and the words `missing` where one isn't there.

    A suspended one among them answers nothing, but to what reads the configuration in memory only (`suspended`).
    """
    pools = call.node.filesystems.pools
    if any(pool.holds_the_lock for pool in pools.values()):
        yield FOREVER
    for name in names:
        if name not in pools:
            call.err(f"cannot open '{name}': {missing}\n")
    listed = [pools[name] for name in names if name in pools] if names else list(pools.values())
    if not suspended and any(pool.suspended for pool in listed):
        yield FOREVER
    return listed, int(len(listed) < len(names))


def table(call: Call, options: Options, columns: list[str], rows: list[list[str]]) -> None:
    """Tabs and no head with -H, otherwise columns as wide as they must be; nothing without a row."""
    if options.has("-H"):
        call.out("".join("\t".join(row) + "\n" for row in rows))
        return
    lines = [[column.upper() for column in columns], *rows] if rows else []
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))] if rows else []
    for line in lines:
        call.out("  ".join(f"{value:<{width}}" for value, width in zip(line, widths, strict=True)).rstrip() + "\n")


def list_them(
    call: Call, options: Options, pools: list[Pool], default: str, value_of: Callable[[Pool, str], str]
) -> None:
    """`list`: a row for each, with the properties that -o names or the default ones."""
    columns = options.columns(default)
    table(call, options, columns, [[value_of(pool, column) for column in columns] for pool in pools])


def get_them(call: Call, options: Options, pools: list[Pool], names: str, value_of: Callable[[Pool, str], str]) -> None:
    """`get`: a row for each property of each; -o chooses of name, property, value and source."""
    columns = options.columns("name,property,value,source")
    rows = []
    for pool in pools:
        for name in names.split(","):
            cells = {"name": pool.label.name, "property": name, "value": value_of(pool, name), "source": "-"}
            rows.append([cells.get(column, "-") for column in columns])
    table(call, options, columns, rows)


def nicenum(size: int) -> str:
    """Bytes with at most three digits and a letter (zfs_nicenum())."""
    amount, letters = float(size), iter("KMGTPE")
    letter = ""
    while amount >= 1024:
        amount, letter = amount / 1024, next(letters)
    if amount == int(amount) or not letter:
        return f"{amount:.0f}{letter}"
    digits = next(places for places in (2, 1, 0) if places == 0 or len(f"{amount:.{places}f}") <= 4)
    return f"{amount:.{digits}f}{letter}"
