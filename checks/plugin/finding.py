"""What a check says: findings, each with a named reason out of a table that is data.

The table is shown by `--help`, tested row by row, and its reasons are what overrides, runbooks and event handlers name.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterator, Mapping
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
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
"""What an action leaves to be filled in: `{node}` and the like (`Row`), and what a check fills in itself."""
THE_OTHER_NODE = "the other node"
"""What one is called that has not said its name."""
OF_THE_PAIR = {"loser": "the node that does not serve", "master": "the node that is MASTER"}
"""Placeholders for the node of a finding about both, and what stands there where that is not known."""


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
    """One thing that a check found. `subject` is what it is about (`home on nfs001`), `means` its consequence, `action`
    what to do next; `side` the node that the action is for, where the subject names both and that is known; `there` the
    reason that the other node's own service has for it, where this is what is said of it from here."""

    reason: str
    severity: Severity
    subject: str
    text: str
    means: str
    action: str = ""
    side: str = ""
    there: str = ""

    def node(self, names: Collection[str]) -> str:
        """Which of the nodes it is about, whose own service has to say so; empty where it is about both, or none of
        them is known by that name."""
        about = self.side or self.subject.rpartition(" on ")[2]
        return about if about in names else ""

    def seen_from(self, here: str, other: str, severities: Mapping[str, Severity]) -> Finding:
        """As the check of the node `here` says it: what is wrong with the other one its own service says, and asks for
        its repair there."""
        if self.severity not in (WARNING, CRITICAL) or here == other or self.node((other,)) != other:
            return self
        if not other or self.reason == PEER_NOT_ASKED:  # which is about the way from here to there
            return self
        row = PEER_FINDING
        text = f"see {other}, {self.severity.name} {self.reason} there: {self.text}"
        severity = severities.get(row.reason, row.severity)
        return Finding(row.reason, severity, self.subject, text, row.means, row.action, other, self.reason)

    def addressed(self, names: Collection[str]) -> Finding:
        """With the placeholders of its action filled in: from its subject, and from `names`, those of the nodes that
        are known."""
        if "{" not in self.action:
            return self
        about, _, node = self.subject.rpartition(" on ")
        is_called = self.reason in (Unreachable.reason, PEER_NOT_ASKED)  # by one that says no name
        if node not in (*names, THE_OTHER_NODE) and not is_called:
            node = ""
        others = [name for name in names if name != node]
        values = {
            "node": node or self.side or "the node",
            "peer": others[0] if node and len(others) == 1 else THE_OTHER_NODE,
            "resource": about.rpartition(" ")[2] or "RESOURCE",
            **{name: self.side or words for name, words in OF_THE_PAIR.items()},
        }
        return self._replace(action=PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), self.action))


class Row(NamedTuple):
    """One row of a table: a state, in words (`when`), its severity, what it means for the clients, and what to do next:
    one sentence that names what to type in the order in which it is typed, and where (`on {node}: ...`), or `nothing:
    ...`. It may hold `{node}` (what the finding is about), `{peer}` (the other node), `{resource}`, and where the
    finding is about both nodes `{loser}` or `{master}`; and words that its check fills in."""

    reason: str
    severity: Severity
    when: str
    means: str
    action: str = ""

    @property
    def words(self) -> str:
        """The action as a manual has it, with words in place of names."""
        values = {"node": "NODE", "peer": THE_OTHER_NODE, "resource": "RESOURCE", **OF_THE_PAIR}
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[1].upper()), self.action)


PEER_NOT_ASKED = "peer-not-asked"
PEER_FINDING = Row(
    "peer-finding", WARNING, "a finding of the other node, which the same check there has with its own severity",
    "nothing is asked for here", "nothing: the same check on {node} says what to do"
)  # fmt: skip
COULD_NOT_LOOK = (
    Row(ToolMissing.reason, UNKNOWN, "a program is missing on the node", "run the check on a node, or give --via",
        "on {node}: install the program that the finding names, or reach the node with --via"),
    Row(NotPermitted.reason, UNKNOWN, "this user lacks the permission",
        "run as root, or through hastwatch-ask (--via)",
        "run the check through `sudo -n hastwatch-ask` (--via); what sudo needs: `hastwatch contrib sudoers`"),
    Row(NotFound.reason, UNKNOWN, "a file that is needed does not exist", "nothing can be said without it",
        "on {node}: restore the missing file from {peer}; if {node} is not a node of the pair, give --via"),
    Row(NoResource.reason, UNKNOWN, "hast.conf names no resource, or not that of -r", "there is nothing to look at",
        "compare the check's -r with /etc/hast.conf, which has to be the same on both nodes"),
    Row("peer-is-this-node", UNKNOWN, "--peer leads to this node itself", "the pair was not judged",
        "let --peer, or `peer` in hastwatch.toml, lead to the other node"),
    Row(Hangs.reason, UNKNOWN, "a command timed out", "its result is unknown",
        "on {node}: type the command that the finding names: if it hangs again, hastd, a disk or a pool is stuck"),
    Row(StillHangs.reason, UNKNOWN, "a command abandoned earlier still hangs", "it is not started a second time",
        "on {node}: `procstat -kk -a` shows what the command waits for; a stuck disk or pool needs a reboot"),
    Row(CommandFailed.reason, UNKNOWN, "a command failed in a way that says nothing", "what it was asked is not known",
        "on {node}: type the command that the finding names, and read what it says"),
    Row(NotUnderstood.reason, UNKNOWN, "output that is not what the tool prints", "nothing is guessed from it",
        "look at the line that the finding quotes; where it is sound, report it with the output of the check and -vv"),
    Row(Unreachable.reason, UNKNOWN, "the way to the node (--via, --peer) fails",
        "it may be up or down",
        "if {node} is down, boot it; if it is up, see its network; on {peer}: `hastwatch status` shows who serves"),
    Row("check-timeout", UNKNOWN, "--timeout has expired", "what was not read yet is not known",
        "run the check by hand with `-t 60 -vv`: it shows which command is slow"),
    Row("check-failed", UNKNOWN, "an error of the check itself", "please report it; the system was not judged",
        "run the check by hand with -vv, look at the node with `hastwatch status`, and report the error"),
)  # fmt: skip
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

    def finding(self, reason: str, subject: str, text: str, side: str = "") -> Finding:
        """What was found, as the row `reason` judges it; `side` as in Finding."""
        row = self.by_reason[reason]
        return Finding(reason, row.severity, subject, text, row.means, row.action, side)
