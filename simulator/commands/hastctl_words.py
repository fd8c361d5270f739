"""The command line of hastctl(8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.hastd.daemon import CONF
from simulator.hastd.metadata import Role

USAGE = """usage: hastctl create [-d] [-c config] [-e extentsize] [-k keepdirty]
\t\t[-m mediasize] name ...
       hastctl role [-d] [-c config] <init | primary | secondary> all | name ...
       hastctl list [-d] [-c config] [all | name ...]
       hastctl status [-d] [-c config] [all | name ...]
       hastctl dump [-d] [-c config] [all | name ...]
"""


@dataclass(slots=True)
class Arguments:
    """A parsed command line of hastctl."""

    verb: str
    names: list[str]
    role: Role | None = None
    config: str = CONF
    debug: bool = False
    numbers: dict[str, int] = field(default_factory=dict)


class UsageError(Exception):
    """hastctl prints its usage and exits with 64."""


def parsed(words: list[str], verbs: tuple[str, ...]) -> Arguments:
    """The words after `hastctl`, of which the first is one of the verbs. Raises UsageError."""
    if not words or words[0] not in verbs:
        raise UsageError
    arguments = Arguments(words[0], [])
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-d":
            arguments.debug = True
        elif option == "-c" and rest:
            arguments.config = rest.pop(0)
        elif option in ("-e", "-k", "-m") and arguments.verb == "create" and rest:
            try:
                arguments.numbers[option] = _expand_number(rest.pop(0))
            except ValueError:
                raise UsageError from None
        else:
            raise UsageError
    if arguments.verb == "role":
        if not rest or rest[0] not in ("init", "primary", "secondary"):
            raise UsageError
        arguments.role = Role(rest.pop(0))
    if arguments.verb in ("create", "role") and not rest:
        raise UsageError
    arguments.names = rest
    return arguments


def _expand_number(text: str) -> int:
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
    if text[-1:].lower() in units:
        return int(text[:-1]) * units[text[-1].lower()]
    return int(text)
