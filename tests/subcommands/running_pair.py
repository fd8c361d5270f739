"""A pair that runs by itself, and `hastwatch` on its nodes: real processes, as an operator or cron(8) starts them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.rehearsal import exec_client
from tests.state.child import ROOT
from tests.waiting import LIMIT

COMMAND = [sys.executable, "-m", "remediate.command"]
EXEC = [
    *(sys.executable, "-I", "-S", "-c"),
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "from remediate.rehearsal.exec_client import main; sys.exit(main(sys.argv[1:]))",
]
"""`hastwatch pair exec`, without what Python does for installed packages, which takes longer than the command."""
OTHER = {"nfs001": "nfs002", "nfs002": "nfs001"}


class RunningPair:
    """A pair in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`hastwatch pair`, in this pair's directory."""
        return _run([*COMMAND, "pair", words[0], "--dir", str(self.directory), *words[1:]])

    def on(self, node: str, line: str) -> str:
        """What a command line on a node prints on standard output."""
        printed: dict[bytes, bytes] = {b"o": b"", b"e": b""}

        def keep(kind: bytes, text: bytes) -> int:
            printed[kind] += text
            return 0

        exec_client.answered(str(self.directory), ["exec", node, line], keep)
        return printed[b"o"].decode()

    def way(self, node: str) -> str:
        """The prefix that reaches a node."""
        return shlex.join([*EXEC, "--dir", str(self.directory), node])

    def options(self, node: str) -> list[str]:
        """Those with which a subcommand is about a node of this pair."""
        ways = ["--via", self.way(node), "--peer", self.way(OTHER[node])]
        return [*ways, "--state-dir", str(self.state(node))]

    def hastwatch(self, node: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A subcommand about a node."""
        return _run([*COMMAND, words[0], *self.options(node), *words[1:]])

    def state(self, node: str) -> Path:
        """A node's state directory."""
        return self.directory / "state" / node


@contextmanager
def running(directory: Path, *options: str) -> Iterator[RunningPair]:
    """A pair that is up."""
    pair = RunningPair(directory)
    started = pair.command("up", *options)
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    try:
        yield pair
    finally:
        assert pair.command("down").returncode == 0


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SUDO_USER": "alice"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
