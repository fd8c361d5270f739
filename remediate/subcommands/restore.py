"""`hastwatch restore`: list the salvage of a losing copy, and restore files from it.

    hastwatch restore /var/salvage/home-bba5eb627d6c5120
    hastwatch restore /var/salvage/home-bba5eb627d6c5120 'mail/*' --to-live beside
    hastwatch restore /var/salvage/home-bba5eb627d6c5120 mail/inbox --to-live over --dry-run

Without --to-live it lists the files: size, time, path, and why each was saved. `beside` restores a file as
NAME.salvaged-INCIDENT and overwrites nothing. `over` restores it as NAME, and keeps the present file as
NAME.before-restore-INCIDENT; it asks first. Run either on the node where the resource is active; the journal records
it. Patterns are those of a shell; the name of a directory stands for everything in it. Copy a salvage from another
machine to this node first.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TextIO

from checks.plugin.config import ConfigError
from checks.plugin.text import plain, say_size
from checks.probes import hast
from checks.probes.errors import ProbeError
from checks.probes.filesystem import mounted_at, mounts
from checks.probes.hast import Role
from checks.probes.node_state import MountState
from checks.probes.read_node import mounted_as
from remediate import exits
from remediate.arguments import Parser
from remediate.console import Console
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace, places
from remediate.invocation import OWN, Invocation
from remediate.local import add_options, where
from remediate.printing import NotPrinted
from remediate.recovery import targets
from remediate.recovery.items import SYMLINK, shown
from remediate.recovery.manifest import Manifest, SavedItem
from remediate.recovery.restoring import RestoredEntry, RestoreMode, chosen, put_back
from remediate.recovery.salvage import read_manifest
from remediate.recovery.targets import SalvageTarget
from remediate.state.journal import ERR, NOTICE
from remediate.subcommands import caller

PROG = "hastwatch restore"
NEXT = "next: where the resource is active: `hastwatch restore {} PATTERN --to-live beside` overwrites nothing"
FAILED, USAGE, NOT_ACTIVE, NOT_PERMITTED = 1, exits.USAGE, exits.UNAVAILABLE, exits.NOT_PERMITTED
"""The last two as in sysexits(3): EX_UNAVAILABLE, EX_NOPERM."""


class NotActive(Exception):
    """The resource is not served from here: what is written would be lost, or hidden."""


COMMON = (*exits.OF_EVERY_SUBCOMMAND, exits.NOT_PERMITTED)
EXITS = {
    0: "done",
    1: "some of it could not be done",
    69: "the resource is not active here",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    console = invocation.console
    options = parser().parse(words, console)
    try:
        if why := _no_salvage(options.directory):
            return caller.refuse(console, PROG, why, FAILED)
        salvage = targets.at(os.path.abspath(options.directory))
        manifest = read_manifest(salvage)
        wanted = chosen(manifest, [os.fsencode(pattern) for pattern in options.patterns])
        if not wanted:
            return caller.refuse(console, PROG, "nothing in the salvage matches", FAILED)
        if not options.to_live:
            _list(console.out, manifest, wanted)
            if not options.patterns:
                console.err.write(f"{NEXT.format(plain(options.directory, 1000))}\n")
            return 0
        return _restore(options, salvage, manifest, wanted, invocation)
    except (StepFailed, ProbeError, ConfigError) as error:
        return caller.refuse(console, PROG, str(error), FAILED)
    except NotActive as error:
        return caller.refuse(console, PROG, str(error), NOT_ACTIVE)


def _no_salvage(directory: str) -> str:
    """Why a directory is none of a salvage, empty where it may be one."""
    try:
        os.lstat(os.path.join(directory, targets.MANIFEST))
    except FileNotFoundError:
        return f"{directory} is no salvage: it has no {targets.MANIFEST}"
    except OSError:
        return ""  # whoever reads it says why that cannot be done
    return ""


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog=PROG,
        description=__doc__,
        exits=exits.described(EXITS, COMMON),
    )
    parser.add_argument("directory", metavar="DIR", help="the directory of a salvage, RESOURCE-INCIDENT")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="only these paths (default: all)")
    parser.add_argument(
        "--to-live", choices=[how.value for how in RestoreMode], help="put them back into the live file system"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    parser.add_argument("--yes", action="store_true", help="put files back over present ones without asking")
    add_options(parser)
    return parser


def active(here: Context, name: str) -> ResourcePlace:
    """Where the resource is mounted and served from, which must be here. Raises NotActive, ProbeError."""
    node = here.here.node()
    place = places(node, here.config, (name,)).get(name)
    if place is None:
        raise NotActive(f"hast.conf has no resource {plain(name)}")
    try:
        role = hast.resource(node, name).role
    except hast.NoState as error:
        raise NotActive(str(error)) from None
    there = mounted_at(mounts(node), place.point)
    if role is not Role.PRIMARY:
        raise NotActive(f"{name} is {role.value} on this node: do it where it is primary")
    if there is None or mounted_as(node, there, place.wanted) not in (MountState.WRITABLE, MountState.READ_ONLY):
        raise NotActive(f"{name} is not mounted at {place.point}")
    if there.read_only:
        raise NotActive(f"{place.point} is mounted read-only")
    return place


def _restore(
    options: argparse.Namespace,
    salvage: SalvageTarget,
    manifest: Manifest,
    wanted: list[SavedItem],
    invocation: Invocation,
) -> int:
    how, console = RestoreMode(options.to_live), invocation.console
    if not console.is_root and not options.state_dir:
        why = "only root may do this (or name a --state-dir of your own)"
        return caller.refuse(console, PROG, why, NOT_PERMITTED)
    here = invocation.context(where(options))
    place = active(here, manifest.resource)
    if why := invocation.unwritable(place.point):
        raise NotActive(why)
    if how is RestoreMode.OVER and not options.dry_run:
        question = (
            f"{len(wanted)} files of {plain(manifest.resource)} will be put back over the present ones, which are kept."
        )
        try:
            caller.confirm(console, options, question)
        except caller.NotConfirmed as error:
            return caller.refuse(console, PROG, str(error), USAGE)
    done: list[RestoredEntry] = []
    trouble, unread = "", None
    try:
        with invocation.live(place.point) as root:
            for one in put_back(salvage, manifest, wanted, root, how, options.dry_run):
                done.append(one)
                try:
                    _say(console, one)
                except NotPrinted as error:  # no reason to stop half way, nor to leave it out of the journal
                    unread = error
    except StepFailed as error:
        trouble = str(error)
    failed = sum(one.failed for one in done)
    if not options.dry_run:
        _journal(here, manifest, how, done, trouble)
    if unread is not None:
        raise unread
    if trouble:
        return caller.refuse(console, PROG, trouble, FAILED)
    return FAILED if failed else 0


def _journal(here: Context, manifest: Manifest, how: RestoreMode, done: list[RestoredEntry], trouble: str) -> None:
    failed = sum(one.failed for one in done)
    result = f"{len(done) - failed} put back, {failed} not" + (f"; {trouble}" if trouble else "")
    evidence = [f"{shown(one.kept.item.path)}: {one.words}" for one in done]
    here.journal.entry(
        "restore",
        resource=manifest.resource,
        why=f"{how.value}, of incident {manifest.incident}",
        evidence=evidence,
        result=result,
        severity=ERR if failed or trouble else NOTICE,
    )


def _list(out: TextIO, manifest: Manifest, wanted: list[SavedItem]) -> None:
    since = (
        ""
        if manifest.since is None
        else f", since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(manifest.since))}"
    )
    head = f"{plain(manifest.resource)}, incident {plain(manifest.incident)}, the copy of {plain(manifest.node)}{since}"
    out.write(f"{head}: {len(wanted)} of {len(manifest.files)} files\n")
    for saved in wanted:
        item = saved.item
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.mtime_ns / 1e9))
        to = f" -> {shown(item.target)}" if item.kind == SYMLINK else ""
        size = say_size(item.size) if item.kind == "file" else item.kind
        out.write(f"{size:>9}  {when}  {shown(item.path)}{to}  ({plain(', '.join(saved.why))})\n")


def _say(console: Console, one: RestoredEntry) -> None:
    (console.err if one.failed else console.out).write(f"{shown(one.kept.item.path)}: {one.words}\n")


if __name__ == "__main__":
    sys.exit(main())
