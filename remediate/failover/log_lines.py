"""The lines of a node's logs that may tell of failed writes, with those that newsyslog(8) has put away since the last
look: a disk that fails fills a log quickly, and cron(8) looks once a minute at most.

A log that begins with another line than at the last look was rotated. The youngest archive is read then, until a look
at it has proved nothing new, or what it proved is in the ledger: a note that could not be written costs the reading of
it at every look. A log that was never looked at before has no such archive, and what was rotated twice since the last
look is not read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from checks.probes import damage, hast_log
from checks.probes.errors import ProbeError
from checks.probes.node import Node
from remediate.context import Context
from remediate.state.store import StateError, Values

NAME = "logs.json"
LONGEST = 200
"""Letters of a first line that are kept: newsyslog's own, with its time and process, is shorter."""


class LogExcerpt(NamedTuple):
    """The lines, and what each log that could be read begins with."""

    lines: list[str]
    begin: dict[str, str]


def read(context: Context, node: Node, resource: str) -> LogExcerpt:
    """What the logs have now, for a look that is made for a resource. Raises nothing: a log that cannot be read proves
    nothing."""
    lines: list[str] = []
    earlier: list[str] = []
    begin: dict[str, str] = {}
    for path in hast_log.LOGS:
        with suppress(ProbeError):
            text = node.read(path)
            begin[path] = text.partition("\n")[0][:LONGEST]
            lines += damage.worth_a_look(text)
    before = _noted(context, resource, begin)
    with suppress(ProbeError):
        if turned := [path for path, line in begin.items() if before.get(path, line) != line]:
            for archive in hast_log.youngest_archives(node):
                if archive.log in turned:
                    earlier += damage.worth_a_look(hast_log.unpacked(node, archive))
    return LogExcerpt([*earlier, *lines], begin)


def note(context: Context, resource: str, logs: LogExcerpt) -> None:
    """Nothing that was read has to be read again. Raises nothing: see above."""
    if _noted(context, resource, {}) != logs.begin:
        with suppress(StateError):
            context.store.update(NAME, lambda values: {**values, "version": 1, resource: logs.begin}, lambda error: {})


def _noted(context: Context, resource: str, begin: dict[str, str]) -> Values:
    """What was noted at the last look. A note that cannot be read says of each log that it began otherwise."""
    try:
        noted = context.store.read(NAME).get(resource, {})
    except StateError:
        noted = None
    return noted if isinstance(noted, dict) else dict.fromkeys(begin, "")
