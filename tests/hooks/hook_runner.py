"""Hooks as devd(8) and hastd(8) call them: processes of their own, a node behind a prefix, a syslog that is heard."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.state.journal import JournalEntry
from remediate.state.journal_reading import read
from tests.state.child import ROOT

LIMIT = 60.0
"""Seconds after which a test gives up on what has to come."""

NODE = """#!/bin/sh
# A node that knows its name and its boot; everything else waits until it may go on, and fails.
here=$(dirname "$0")
echo "$1" >> "$here/asked"
case "$1" in
*hostname*) echo nfs001 ;;
*hastwatch.boot*) echo 9f86d081884c7d659a2feaa0c55ad015 ;;
*kern.boottime*) echo '{ sec = 1795337195, usec = 0 } Sun Nov 22 08:46:35 2026' ;;
*) [ -e "$here/hold" ] && read word < "$here/hold"; echo "no such thing here" >&2; exit 1 ;;
esac
"""


class HookRunner:
    """Runs hooks: a directory with a node, a state directory and a syslog."""

    def __init__(self, directory: Path, syslog: socket.socket) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.via = directory / "node"
        self.via.write_text(NODE)
        self.via.chmod(0o755)
        self._syslog = syslog

    def hook(self, module: str, *words: str, largest_file: int = -1) -> subprocess.CompletedProcess[str]:
        """A hook with its own words, and options for this node in front."""
        options = ["--state-dir", str(self.state), "--via", str(self.via)]
        return self.bare(module, *options, *words, largest_file=largest_file)

    def bare(self, module: str, *words: str, largest_file: int = -1) -> subprocess.CompletedProcess[str]:
        """A hook with these words."""
        return subprocess.run(
            [sys.executable, "-m", f"hooks.{module}", *words],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            preexec_fn=None if largest_file < 0 else lambda: _limit(largest_file),
        )

    def environment(self) -> dict[str, str]:
        """That of a hook, with the syslog that is heard."""
        stand_ins = Path(__file__).with_name("stand_ins")
        return {**os.environ, "PYTHONPATH": str(stand_ins), "SYSLOG_SOCKET": str(self.directory / "log")}

    def said(self, number: int) -> list[str]:
        """So many lines of syslog, waited for; then no other may have come."""
        lines = [self._syslog.recv(4096).decode() for _ in range(number)]
        self._syslog.setblocking(False)
        try:
            lines.append(self._syslog.recv(4096).decode())
        except BlockingIOError:
            pass
        finally:
            self._syslog.settimeout(LIMIT)
        return [line.partition(">")[2] for line in lines]

    def journal(self) -> list[JournalEntry]:
        """What is in the journal now."""
        return list(read(str(self.state / "journal.jsonl")))

    def asked(self) -> list[str]:
        """What the node was asked."""
        path = self.directory / "asked"
        return path.read_text().splitlines() if path.exists() else []


@contextmanager
def hook_runner_in(directory: Path) -> Iterator[HookRunner]:
    """One whose syslog is heard as long as it lasts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(directory / "log"))
        syslog.settimeout(LIMIT)
        yield HookRunner(directory, syslog)


def _limit(largest_file: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
