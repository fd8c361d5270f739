"""Several questions to a node in one call: the line that asks them, and the answers as they come back.

A login over ssh costs more than all that a check asks (1.15 s against 0.01 to 0.3 s each on an emulated pair,
freebsd-facts: costs-of-ssh). So what a check is going to ask is asked at once, where `hastwatch-ask` is at the other
end:

    hastwatch-ask --batch SECONDS -- /sbin/ifconfig -a -- /sbin/mount

It answers with one JSON object, {"version": 1, "answers": [[status, stdout, stderr], ...]}, in the order of the
questions. "hangs" stands for a command that did not end within SECONDS, null for one that is to be asked by itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from checks.probes.errors import NotUnderstood

ASK = "hastwatch-ask"
PROGRAM = f"/usr/local/hastwatch/bin/{ASK}"
"""Where docs/monitoring.md installs it. A gate at the other end takes the name in whatever directory it is."""
BATCH, SEPARATOR = "--batch", "--"
MOST = 64
"""Questions in one call."""
VERSION = 1
HANGS = "hangs"
LOGINS = ("ssh", ASK)
"""Prefixes through which each call costs a login or a gate. Others are asked one question at a time."""


class CommandAnswer(NamedTuple):
    """What a command printed, and its exit status."""

    status: int
    stdout: str
    stderr: str


def is_worth_it(via: tuple[str, ...]) -> bool:
    """Whether a prefix logs in or passes a gate for every call."""
    return bool(via) and (os.path.basename(via[0]) in LOGINS or os.path.basename(via[-1]) == ASK)


def command(questions: Sequence[tuple[str, ...]], seconds: float) -> tuple[str, ...]:
    """The command line that asks all questions, each of which has so many seconds."""
    words = [PROGRAM, BATCH, f"{seconds:.1f}"]
    for question in questions:
        words += [SEPARATOR, *question]
    return tuple(words)


class HungCommand(NamedTuple):
    """The command did not end in time, and was killed."""


def answers(text: str, count: int) -> list[CommandAnswer | HungCommand | None]:
    """The answers to so many questions, None where there is none. Raises NotUnderstood."""
    import json

    try:
        decoded = json.loads(text)
        given = decoded["answers"]
        if decoded["version"] != VERSION or not isinstance(given, list) or len(given) != count:
            raise ValueError("not the answers to these questions")
        return [None if one is None else _answer(one) for one in given]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotUnderstood(f"the answer of {ASK} {BATCH}", text) from None


def _answer(one: object) -> CommandAnswer | HungCommand:
    """Raises ValueError."""
    if one == HANGS:
        return HungCommand()
    if not isinstance(one, list) or len(one) != 3:
        raise ValueError("not status, output, errors")
    status, stdout, stderr = one
    if isinstance(status, bool) or not isinstance(status, int):
        raise ValueError("no exit status")
    if not isinstance(stdout, str) or not isinstance(stderr, str):
        raise ValueError("no text")
    return CommandAnswer(status, stdout, stderr)
