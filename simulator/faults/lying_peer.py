"""What a node may get instead of the other one's answer: its own, those of a third host, old ones, rubbish.

A wrong address in a configuration, a proxy, a host that was taken over, a copied hastwatch.toml: the way to the peer
then leads somewhere, and what it brings looks like an answer. What a liar who knows everything could say is not in
here: it could say anything, and no reader would notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.faults.trouble import Lie
from simulator.shell.output import CommandResult

if TYPE_CHECKING:
    from simulator.node import Node

NOISE = '\x1b]0;role: primary\x07\x00\xff{"version": 1e999}\nrole: \u202eyramirp\n' * 40
STRANGER = "nfs103"
UUIDS = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STRANGERS_UUID = "5f2b1d7e-0c3a-11f1-9a55-525400aa0103"
RESUID = r"(?m)^(\s*resuid: )\d+.*$"
STRANGERS_RESUID = r"\g<1>1311768467294899695"
ROLE = r"(?m)^(\s*(?:prev)?role: )primary$"


WRONG_WAYS = frozenset({Lie.ONESELF, Lie.STRANGER})
"""Where a way leads is in the configuration, which a process reads once, and ssh(1) knows hosts by their keys: a way
that a process has leads to the same host as long as the process lives."""
Ask = Callable[[], CommandResult]


class Endless(Exception):
    """The answer does not end."""


def transport_of(asking: Node) -> Lie | None:
    """Where the way to the other node leads of a process that begins now; None where it leads there."""
    return asking.trouble.peer_lies if asking.trouble.peer_lies in WRONG_WAYS else None


def answered(asking: Node, asked: Node, way: Lie | None, shown: str, ask: Ask) -> CommandResult:
    """The answer to a question that one node has for the other, or what it gets instead, by the way of its process.
    Raises what `ask` raises, and Endless."""
    trouble = asking.trouble
    lie = way or (None if trouble.peer_lies in WRONG_WAYS else trouble.peer_lies)
    if lie is Lie.OLD and shown in trouble.heard:
        return trouble.heard[shown]
    result = ask()
    if lie in (None, Lie.OLD):
        trouble.heard[shown] = result
    return result if lie is None else _instead(lie, result, asked)


def _instead(lie: Lie, result: CommandResult, asked: Node) -> CommandResult:
    if lie is Lie.ENDLESS:
        raise Endless
    if lie is Lie.NONSENSE:
        return CommandResult(0, NOISE, "")
    if lie is Lie.EMPTY:
        return CommandResult(0, "", "")
    return result._replace(out=_of_a_stranger(result.out, asked.name)) if lie is Lie.STRANGER else result


def _of_a_stranger(text: str, name: str) -> str:
    """The same answer as a host of another pair would give it, whose disks are others and which is no primary."""
    text = re.sub(rf"\b{re.escape(name)}\b", STRANGER, text)
    text = re.sub(UUIDS, STRANGERS_UUID, text)
    return re.sub(ROLE, r"\g<1>secondary", re.sub(RESUID, STRANGERS_RESUID, text))
