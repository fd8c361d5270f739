"""Maintenance of the nodes that a check has read, as its output shows it. The verdict stays what it is.

An operator who works on a node wants its alarms to say so, and whoever gets one wants to know that nothing is done
automatically. Asked after the check's own look, in the time that is left; a node that does not answer says nothing.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from checks.plugin.text import plain
from checks.probes import maintenance
from checks.probes.errors import NotPermitted, NotUnderstood, ProbeError
from checks.probes.maintenance import Maintenance
from checks.probes.node import Node
from checks.probes.timestamps import utc

LONGEST_REASON = 100
"""Characters of a reason on the status line; -v and --json have all of it."""
BRACKETS = str.maketrans("[]", "()")
"""Brackets on a status line hold the reasons of findings, which programs look for."""
SAME_DAY = 20 * 3600
"""Seconds ahead up to which an hour is said without its day."""


class NodeMaintenance(NamedTuple):
    """A node under maintenance, as seen at `now` (seconds since 1970)."""

    node: str
    found: Maintenance
    now: float

    def in_brief(self) -> str:
        """`maintenance on nfs001 until 14:30: new disk`, in the time zone of whoever reads it."""
        until = self.found.until
        word, at = ("since", self.found.since) if until is None else ("until", until)
        pattern = "%H:%M" if abs(at - self.now) < SAME_DAY else "%Y-%m-%d %H:%M"
        reason = plain(self.found.reason, LONGEST_REASON).translate(BRACKETS)
        return f"maintenance on {plain(self.node)} {word} {time.strftime(pattern, time.localtime(at))}: {reason}"

    def in_full(self) -> str:
        """The line of -v; times in UTC."""
        until = "until it is ended" if self.found.until is None else f"until {utc(self.found.until)}"
        since = f"maintenance on {plain(self.node)} since {utc(self.found.since)} {until}"
        return f"{since}, by {plain(self.found.who)}: {plain(self.found.reason)}"

    def as_values(self) -> dict[str, object]:
        """The same for programs."""
        until = None if self.found.until is None else utc(self.found.until)
        return {"node": self.node, **self.found._asdict(), "since": utc(self.found.since), "until": until}


def suspended(nodes: list[Node], now: float, unknown: list[tuple[str, ProbeError]]) -> list[NodeMaintenance]:
    """The nodes under maintenance, of those that were read. `unknown` gets those of which it is unknown: the file
    is damaged, and nothing is promoted there, or whoever asks may not read it."""
    under_maintenance = []
    for node in nodes:
        if not node.log:
            continue
        try:
            record = maintenance.read(node)
        except (NotUnderstood, NotPermitted) as error:
            unknown.append((node.label, error))
        except ProbeError:
            continue
        else:
            if record is not None and not record.is_over(now):
                under_maintenance.append(NodeMaintenance(node.label, record, now))
    return under_maintenance
