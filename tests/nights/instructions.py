"""What a printed action tells an administrator to do, in the order in which it says so.

An action names what to type in backticks, and before it on which node; it may say to wait first, or to do with one's
hands what no command does. What it forbids (`run no ...`) is not done.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.finding import OF_THE_PAIR, THE_OTHER_NODE

PROGRAMS = frozenset(
    ("dmesg", "du", "geom", "grep", "hastctl", "hastwatch", "ifconfig", "ls", "mount", "ps", "service", "sysctl",
     "timeout", "zpool")
)  # fmt: skip
"""What is typed; anything else in backticks is a word of a configuration or of an output."""
PATIENCE = 60.0
"""Seconds that `nothing: ...` is given where it names no time."""
TOKEN = re.compile(
    rf"\b[Oo]n (?P<node>nfs\d+|each node|either node|{'|'.join((THE_OTHER_NODE, *OF_THE_PAIR.values()))})\b"
    r"|(?P<forbidden>\bno )?`(?P<line>[^`]+)`"
    r"|if it lasts (?P<lasts>\d+) s"
    r"|if (?P<boot>nfs\d+) is down, boot it"
    r"|(?P<disk>replace a broken disk)"
    r"|(?P<link>[Rr]epair the link)"
    r"|(?P<copy>copy \S+ from \S+ to [^;]+);"
)


class Kind(enum.Enum):
    """How an instruction is followed."""

    TYPE = "type"
    WAIT = "wait"
    BOOT = "boot"
    NEW_DISK = "replace the disk"
    LINK = "repair the link"
    COPY = "copy"


class Instruction(NamedTuple):
    """`node`: where, empty where none is named; `words`: what is typed, or how many seconds are waited."""

    kind: Kind
    node: str
    words: str = ""


def instructions(action: str, node: str = "") -> Iterator[Instruction]:
    """The instructions of an action; `node` where it names none at first."""
    if action.startswith("nothing"):
        within = re.search(r"(\d+) s\b", action)
        yield Instruction(Kind.WAIT, "", within[1] if within else f"{PATIENCE:g}")
        return
    for token in TOKEN.finditer(action):
        if token["node"]:
            node = token["node"]
        elif token["line"]:
            if token["line"].split()[0] in PROGRAMS and not token["forbidden"] and not _is_fragment(token["line"]):
                yield Instruction(Kind.TYPE, node, token["line"])
        elif token["lasts"]:
            yield Instruction(Kind.WAIT, node, token["lasts"])
        elif token["boot"]:
            yield Instruction(Kind.BOOT, token["boot"])
        elif token["disk"]:
            yield Instruction(Kind.NEW_DISK, node)
        elif token["link"]:
            yield Instruction(Kind.LINK, "")
        else:
            yield Instruction(Kind.COPY, "", token["copy"])


def _is_fragment(line: str) -> bool:
    """A program by its name alone that does nothing without arguments."""
    return " " not in line and line not in ("dmesg", "mount")


class RunbookStep(NamedTuple):
    """A numbered step of a runbook: its text, and what it has one do."""

    text: str
    does: tuple[Instruction, ...]


def steps(runbook: str) -> Iterator[RunbookStep]:
    """The steps of a runbook's `What to do`."""
    section = runbook.partition("## What to do\n")[2].partition("\n## ")[0]
    for part in re.split(r"^(?=\d+\. )", section, flags=re.MULTILINE)[1:]:
        block = re.findall(r"^ {7}(\S.*)$", part, re.MULTILINE)
        text = " ".join(part.split())
        typed = [Instruction(Kind.TYPE, "", line) for line in block]
        yield RunbookStep(text, tuple(typed or instructions(text)))
