"""The faults of which pages are counted, and what a client of the simulated pair's address sees."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.engines.split_brain import on, split_brain
from tests.subcommands.running_pair import EXEC, RunningPair

CLIENT = """#!/bin/sh
# check_nfs_export of the simulated pair, whose address no network has: clients are served by a node that is MASTER,
# has the export, and runs nfsd.
for node in nfs001 nfs002; do
    seen=$({way} $node 'ifconfig -a; mount; ps -axww -o comm' 2>/dev/null)
    case $seen in
    *'carp: MASTER'*'/hast/home (ufs, NFS exported'*nfsd*) echo "NFS EXPORT OK - by $node [nfs-well]"; exit 0 ;;
    esac
done
echo 'NFS EXPORT CRITICAL - not served [nfs-export-missing]'
exit 2
"""


MINUTE = 20.0
"""Seconds that stand for one of the shipped intervals."""
QUIET = 5
"""Minutes after which an engine has said what it says of a fault."""


class PagedFault(NamedTuple):
    """A fault of a running pair: the options of `hastwatch pair up`, what happens, who has to be told, and how many
    pages are no more than there is to do."""

    name: str
    options: tuple[str, ...]
    happens: Callable[[RunningPair], None]
    told: tuple[str, ...]
    aim: int
    more_in_icinga: int = 0
    """A service of Icinga depends on its agent alone (hastwatch-services.conf)."""


def configuration(fault: PagedFault) -> str:
    """More of hastwatch.toml: the machine is slow, and on nodes without hooks nothing is repaired either."""
    return "timeout = 30\n" + ("" if AUTOMATIC[0] in fault.options else "[repair]\nactions = []\n")


def client(pair: RunningPair, path: Path) -> None:
    """Write the program that looks at the pair's address as a client does."""
    path.write_text(CLIENT.format(way=shlex.join([*EXEC, "--dir", str(pair.directory)])))
    path.chmod(0o755)


def faults(*lines: str) -> Callable[[RunningPair], None]:
    """Break this, one after the other, as `hastwatch pair fault` takes it."""

    def happens(pair: RunningPair) -> None:
        for line in lines:
            done = pair.command("fault", *line.split())
            assert (done.returncode, done.stderr) == (0, "")

    return happens


def export_gone(pair: RunningPair) -> None:
    """As after a fail-back: mountd has not been told of the new mount (freebsd-facts: remount-is-not-exported)."""
    on(pair, "nfs001", "umount -f /hast/home")
    on(pair, "nfs001", "mount /dev/hast/home /hast/home")


AUTOMATIC = ("--automatic", "--no-cron")
FAULTS = (
    PagedFault("active node dead", AUTOMATIC, faults("power-off nfs001"), ("nfs001", "nfs002 check_hast"), 2),
    PagedFault("standby dead", AUTOMATIC, faults("power-off nfs002"), ("nfs002", "nfs001 check_hast"), 2),
    PagedFault("link cut", AUTOMATIC, faults("cut"), ("nfs002 check_carp",), 3),
    PagedFault("split-brain", ("--speed", "5"), split_brain, ("nfs002 check_hast_splitbrain", "nfs001 check_hast"), 2),
    PagedFault("export gone, repaired", AUTOMATIC, export_gone, (), 1, 1),
    PagedFault("export gone for good", (), export_gone, ("nfs check_nfs_export",), 1, 1),
)
