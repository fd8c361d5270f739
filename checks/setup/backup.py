"""The last backup: what is deleted on one node is deleted on the other one at once, and replication is no way back.

`[setup] backup` of the node's hastwatch.toml names a file that the backup job touches when it has succeeded.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.config import SetupConfig
from checks.plugin.finding import CRITICAL, OK
from checks.plugin.tables import TableError, made, table
from checks.plugin.text import say_duration
from checks.probes.errors import CommandFailed, NotUnderstood
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

ROWS = (
    SetupRow(Tier.MANUAL, "setup-no-backup", OK, "hastwatch.toml names no file that the backup touches",
             "nobody notices here when backups end; replication brings back nothing that was deleted",
             "set `backup` of [setup] in hastwatch.toml on the node that makes it"),
    SetupRow(Tier.MANUAL, "setup-backup-old", CRITICAL, "the last backup is older than `backup_age`, or there is none",
             "what is deleted or destroyed since is lost for good",
             "on {node}: make a backup, `touch {file}` when it has succeeded, and see why the last ones did not"),
)  # fmt: skip


class BackupFacts(NamedTuple):
    """The file that tells of the last backup, and how old it is, in seconds; empty where there is none."""

    file: str = ""
    age: str = ""
    most: str = ""


def read(audited: AuditedNode) -> BackupFacts:
    """Raises ProbeError."""
    node = audited.node
    try:
        settings = made(SetupConfig, table(audited.tables(), "setup"), "setup")
    except TableError as error:
        raise NotUnderstood("hastwatch.toml", str(error)) from None
    if not settings.backup:
        return BackupFacts()
    most = f"{settings.backup_age:.0f}"
    done = node.run("stat", "-f", "%m", settings.backup)
    if "No such file" in done.stderr:
        return BackupFacts(settings.backup, "", most)
    now = node.run("date", "+%s").stdout.strip()
    if done.status != 0 or not (done.stdout.strip().isdecimal() and now.isdecimal()):
        raise CommandFailed(f"`stat -f %m {settings.backup}` exits with {done.status}: {done.words}")
    return BackupFacts(settings.backup, str(int(now) - int(done.stdout)), most)


def judge(facts: BackupFacts) -> Problems:
    """One node, where a file is named."""
    if facts.file and not facts.age:
        yield problem("setup-backup-old", f"there is no {facts.file}", file=facts.file)
    elif facts.file and int(facts.age) > int(facts.most):
        says = f"{facts.file} is {say_duration(int(facts.age))} old"
        yield problem("setup-backup-old", says, file=facts.file)


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """One of the nodes is enough."""
    if not here.facts.file and not there.facts.file:
        yield problem("setup-no-backup", "no `backup` in [setup] of either node")


GROUP = SetupGroup(
    "backup", "the last backup, younger than configured: replication is none",
    ROWS, BackupFacts, read, judge, judge_pair,
)  # fmt: skip
