"""What a check says: findings, each with a named reason out of a table that is data.

The table is shown by `--help`, tested row by row, and its reasons are what overrides, runbooks and event handlers name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from checks.probes.errors import (
    CommandFailed,
    Hangs,
    NoResource,
    NotFound,
    NotPermitted,
    NotUnderstood,
    StillHangs,
    ToolMissing,
    Unreachable,
)

REASON = r"\[([a-z][a-z0-9-]{1,60})\]"
"""How a status line names the reason of a finding, the worst one first: for whoever reads it again."""


class Severity(enum.Enum):
    """The four states of the Monitoring Plugins guidelines; the value is the exit status."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def rank(self) -> int:
        """What comes first when several are found: a known outage is not hidden by something that could not be read,
        and what could not be read may be worse than a warning."""
        return (Severity.OK, Severity.WARNING, Severity.UNKNOWN, Severity.CRITICAL).index(self)


OK, WARNING, CRITICAL, UNKNOWN = Severity


class Finding(NamedTuple):
    """One thing that a check found. `subject` is what it is about (`home on nfs001`), `means` its consequence."""

    reason: str
    severity: Severity
    subject: str
    text: str
    means: str


class Row(NamedTuple):
    """One row of a table: a state, in words (`when`), its severity, and what it means for the clients."""

    reason: str
    severity: Severity
    when: str
    means: str


COULD_NOT_LOOK = (
    Row(ToolMissing.reason, UNKNOWN, "a program is missing on the node", "run the check on a node, or give --via"),
    Row(
        NotPermitted.reason, UNKNOWN, "this user lacks the permission", "run as root, or through hastwatch-ask (--via)"
    ),
    Row(NotFound.reason, UNKNOWN, "a file that is needed does not exist", "nothing can be said without it"),
    Row(NoResource.reason, UNKNOWN, "hast.conf names no resource, or not that of -r", "there is nothing to look at"),
    Row("peer-is-this-node", UNKNOWN, "--peer leads to this node itself", "the pair was not judged"),
    Row(Hangs.reason, UNKNOWN, "a command timed out", "its result is unknown"),
    Row(StillHangs.reason, UNKNOWN, "a command abandoned earlier still hangs", "it is not started a second time"),
    Row(CommandFailed.reason, UNKNOWN, "a command failed in a way that says nothing", "what it was asked is not known"),
    Row(NotUnderstood.reason, UNKNOWN, "output that is not what the tool prints", "nothing is guessed from it"),
    Row(
        Unreachable.reason,
        UNKNOWN,
        "the way to the node (--via, --peer) fails",
        "the node itself may be healthy or down",
    ),
    Row("check-timeout", UNKNOWN, "--timeout has expired", "what was not read yet is not known"),
    Row("check-failed", UNKNOWN, "an error of the check itself", "please report it; the system was not judged"),
)
"""Rows that every check has. They can be made warning or critical, never ok: not having looked is not good news."""


class Table:
    """The rows of one check, with those that every check has."""

    def __init__(self, *rows: Row) -> None:
        self.own = rows
        self.by_reason = {row.reason: row for row in (*rows, *COULD_NOT_LOOK)}

    def __iter__(self) -> Iterator[Row]:
        return iter(self.by_reason.values())

    def __contains__(self, reason: str) -> bool:
        return reason in self.by_reason

    def finding(self, reason: str, subject: str, text: str) -> Finding:
        """What was found, as the row `reason` judges it."""
        row = self.by_reason[reason]
        return Finding(reason, row.severity, subject, text, row.means)
