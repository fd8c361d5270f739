"""The last backup: what is deleted on one node is deleted on the other one at once, and replication is no way back.

`[setup] backup` of the node's hastwatch.toml names a file that the backup job touches when it has succeeded,
`snapshots` a ZFS dataset of which snapshots are taken. Those are on the disks that they are taken of: they
bring back what was deleted, and nothing that was destroyed.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.config import SetupConfig
from checks.plugin.finding import CRITICAL, OK
from checks.plugin.tables import TableError, made, table
from checks.plugin.text import name_list, say_duration
from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.node import Node
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

ROWS = (
    SetupRow(Tier.MANUAL, "setup-no-backup", OK, "hastwatch.toml names no backup and no snapshots",
             "nobody notices here when backups end; replication brings back nothing that was deleted",
             "set `backup` of [setup] in hastwatch.toml on the node that makes it, or `snapshots`"),
    SetupRow(Tier.SAFE, "setup-snapshot-old", CRITICAL, "no snapshot is younger than `backup_age`",
             "what is deleted since is lost for good",
             "on {node}: `zfs snapshot -r {dataset}@{name}`, and see why the last ones were not taken"),
    SetupRow(Tier.MANUAL, "setup-snapshots-nowhere", CRITICAL, "no node has the dataset of `snapshots`",
             "nobody knows how old the last snapshot is",
             "`zfs list` on the node that serves: set `snapshots` of [setup] in hastwatch.toml to its dataset"),
    SetupRow(Tier.MANUAL, "setup-backup-old", CRITICAL, "the last backup is older than `backup_age`, or there is none",
             "what is deleted or destroyed since is lost for good",
             "on {node}: make a backup, `touch {file}` when it has succeeded, and see why the last ones did not"),
)  # fmt: skip


class BackupFacts(NamedTuple):
    """The file that tells of the last backup, and how old it is, in seconds; empty where there is none."""

    file: str = ""
    age: str = ""
    most: str = ""
    dataset: str = ""
    imported: bool = False
    """Whether this node has the dataset: of a pool on a HAST device the node that serves."""
    snapshot_age: str = ""
    """Seconds, of the newest snapshot; empty where there is none."""
    now: str = ""
    """When it was asked, in seconds since 1970."""


def read(audited: AuditedNode) -> BackupFacts:
    """Raises ProbeError."""
    node = audited.node
    try:
        settings = made(SetupConfig, table(audited.tables(), "setup"), "setup")
    except TableError as error:
        raise NotUnderstood("hastwatch.toml", str(error)) from None
    if not settings.backup and not settings.snapshots:
        return BackupFacts()
    now = node.run("date", "+%s").stdout.strip()
    if not now.isdecimal():
        raise NotUnderstood("date +%s", now)
    facts = BackupFacts(settings.backup, "", f"{settings.backup_age:.0f}", settings.snapshots, now=now)
    if settings.backup:
        facts = facts._replace(age=_file_age(node, settings.backup, int(now)))
    if settings.snapshots:
        created = _created(node, settings.snapshots)
        age = str(int(now) - max(created)) if created else ""
        facts = facts._replace(imported=created is not None, snapshot_age=age)
    return facts


def _file_age(node: Node, path: str, now: int) -> str:
    """In seconds; empty where there is no such file. Raises ProbeError."""
    done = node.run("stat", "-f", "%m", path)
    if "No such file" in done.stderr:
        return ""
    if done.status != 0 or not done.stdout.strip().isdecimal():
        raise CommandFailed(f"`stat -f %m {path}` exits with {done.status}: {done.words}")
    return str(now - int(done.stdout))


def _created(node: Node, dataset: str) -> list[int] | None:
    """When each snapshot of a dataset was taken, in seconds since 1970 (zfsprops(7), creation); None where the node
    does not have the dataset. Raises ProbeError."""
    words = ("zfs", "list", "-Hp", "-t", "snapshot", "-d", "1", "-o", "creation", dataset)
    done = node.run(*words)
    if done.status == 1 and "dataset does not exist" in done.stderr:
        return None
    times = done.stdout.split()
    if done.status != 0 or not all(each.isdecimal() for each in times):
        raise CommandFailed(f"`{' '.join(words)}` exits with {done.status}: {done.words}")
    return [int(each) for each in times]


def judge(facts: BackupFacts) -> Problems:
    """One node, where a file is named."""
    if facts.file and not facts.age:
        yield problem("setup-backup-old", f"there is no {facts.file}", file=facts.file)
    elif facts.file and int(facts.age) > int(facts.most):
        says = f"{facts.file} is {say_duration(int(facts.age))} old"
        yield problem("setup-backup-old", says, file=facts.file)
    if facts.imported and (not facts.snapshot_age or int(facts.snapshot_age) > int(facts.most)):
        age = say_duration(int(facts.snapshot_age)) + " old" if facts.snapshot_age else ""
        says = f"the newest snapshot of {facts.dataset} is {age}" if age else f"{facts.dataset} has no snapshot"
        yield problem("setup-snapshot-old", says, dataset=facts.dataset, name=f"by-hand-{facts.now}")


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """One of the nodes is enough."""
    both = (here.facts, there.facts)
    if not any(each.file or each.dataset for each in both):
        yield problem("setup-no-backup", "no `backup` and no `snapshots` in [setup] of either node")
    datasets = sorted({each.dataset for each in both if each.dataset})
    if datasets and not any(each.imported for each in both):
        yield problem("setup-snapshots-nowhere", f"neither node has {name_list(datasets)}")


GROUP = SetupGroup(
    "backup", "the last backup or snapshot, younger than configured: replication is no backup",
    ROWS, BackupFacts, read, judge, judge_pair,
)  # fmt: skip
