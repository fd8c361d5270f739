"""The lines of a node's logs that may tell of failed writes, with those that newsyslog(8) has put away since the last
look: a disk that fails fills a log quickly, and cron(8) looks once a minute at most.

A log that begins with another line than at the last look was rotated. The youngest archive is read then, until a look
at it has proved nothing new, or what it proved is in the ledger: a note that could not be written costs the reading of
it at every look. A log that was never looked at before has no such archive, and what was rotated twice since the last
look is not read.

Every user can write to a log what looks like a line of the kernel (freebsd-facts: anybody-writes-the-log). What the
kernel has said is in its message buffer too, until the next boot. So in a boot in which the logs have been looked at
before, such a line counts only if the buffer has it; and after the next boot too, if there were lines that it did not
have. Else the first look in a boot believes the log: the disk may have failed right before.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple

from checks.probes import damage, hast_log
from checks.probes.boot_time import same_boot
from checks.probes.errors import ProbeError
from checks.probes.node import Node
from remediate.context import Context
from remediate.state.journal import WARNING
from remediate.state.store import StateError, Values

NAME = "logs.json"
LONGEST = 200
"""Letters of a first line that are kept: newsyslog's own, with its time and process, is shorter."""
DMESG, SECONDS = "/sbin/dmesg", 5.0
UPTIME = r"(?a)^\[\d+(?:\.\d+)?\] "
"""Before each line of the buffer where kern.msgbuf_show_timestamp is set (subr_prf.c)."""


class LogExcerpt(NamedTuple):
    """The lines, what each log that could be read begins with, and the mark of the boot, empty where it is not known.
    `is_doubted`: a line of the kernel counts only if its message buffer has it. `forged`: lines did not."""

    lines: list[str]
    begin: dict[str, str]
    boot: str = ""
    is_doubted: bool = False
    forged: bool = False


def read(context: Context, node: Node, resource: str, boot: str) -> LogExcerpt:
    """What the logs have now, for a look that is made for a resource in the boot with this mark. Raises nothing: a log
    that cannot be read proves nothing."""
    lines: list[str] = []
    earlier: list[str] = []
    begin: dict[str, str] = {}
    for path in hast_log.LOGS:
        with suppress(ProbeError):
            text = node.read(path)
            begin[path] = text.partition("\n")[0][:LONGEST]
            lines += damage.worth_a_look(text)
    noted = _noted(context, resource)
    before = noted.get("begin")
    before = before if isinstance(before, dict) else dict.fromkeys(begin, "")
    with suppress(ProbeError):
        if turned := [path for path, line in begin.items() if before.get(path, line) != line]:
            for archive in hast_log.youngest_archives(node):
                if archive.log in turned:
                    earlier += damage.worth_a_look(hast_log.unpacked(node, archive))
    doubted = same_boot(str(noted.get("boot", "")), boot) or noted.get("forged") is True
    return LogExcerpt([*earlier, *lines], begin, boot, doubted)


def said_by_the_kernel(context: Context, lines: list[str]) -> list[str]:
    """Those that its message buffer has, too; all where that cannot be read. Raises nothing."""
    try:
        done = context.here.act((DMESG,), SECONDS)
    except ProbeError:
        return lines
    said = {re.sub(UPTIME, "", line).strip() for line in done.stdout.splitlines()}
    return [line for line in lines if line.partition(" kernel: ")[2].strip() in said] if done.status == 0 else lines


def note(context: Context, resource: str, logs: LogExcerpt) -> None:
    """Nothing that was read has to be read again. Raises nothing: see above."""
    noted = _noted(context, resource)
    now: Values = {"begin": logs.begin, "boot": logs.boot, "forged": logs.forged}
    if noted == now:
        return
    try:
        context.store.update(NAME, lambda values: {**values, "version": 1, resource: now}, lambda error: {})
    except StateError:
        return
    if logs.forged and noted.get("forged") is not True:
        result = "a log has lines about failed writes that look like the kernel's, and the kernel has not written them"
        context.journal.entry("forged", resource=resource, why="dmesg(8) does not have them", result=result,
                              severity=WARNING)  # fmt: skip


def _noted(context: Context, resource: str) -> Values:
    """What was noted at the last look. A note that cannot be read says of each log that it began otherwise, and of no
    boot."""
    try:
        noted = context.store.read(NAME).get(resource, {"begin": {}})
    except StateError:
        noted = None
    return noted if isinstance(noted, dict) else {}
