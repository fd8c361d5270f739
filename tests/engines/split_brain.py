"""A split-brain on a pair that has no hooks: nothing but an event handler can step down."""

from __future__ import annotations

from checks.probes import marker, state_files
from tests.subcommands.running_pair import RunningPair
from tests.waiting import awaited

WROTE = "localcnt: 1"
"""What `hastctl dump` says of a node that has written while it was alone."""


def split_brain(pair: RunningPair) -> None:
    """While the nodes are apart somebody makes the standby nfs002 primary, and both are written to; then they meet.
    Returns when hastd has noticed."""
    _fault(pair, "cut")
    on(pair, "nfs001", "touch /hast/home/of-nfs001")
    on(pair, "nfs002", "hastctl role primary home")
    assert awaited(lambda: "home" in pair.on("nfs002", "ls /dev/hast"))
    for line in ("fsck -y /dev/hast/home", "mount /dev/hast/home /hast/home", "touch /hast/home/of-nfs002",
                 "umount /hast/home", "hastctl role secondary home"):  # fmt: skip
        on(pair, "nfs002", line)
    for node in ("nfs001", "nfs002"):
        assert awaited(lambda node=node: WROTE in pair.on(node, "hastctl dump home"))  # type: ignore[misc]
    _fault(pair, "heal")
    assert awaited(lambda: "BACKUP" in pair.on("nfs002", "ifconfig -a"))
    assert awaited(lambda: "exitcode=78" in pair.on("nfs002", "cat /var/log/messages"))


def recover(pair: RunningPair) -> None:
    """The documented recovery on nfs002, which has stepped down: its copy is given up, the other one is copied here,
    and an operator removes the marker, as hastd's hook would have. (`hastwatch recover` reads the other node's files,
    and these a running pair does not have.) Returns when all is done."""
    on(pair, "nfs002", "hastctl create home")
    on(pair, "nfs002", "hastctl role secondary home")
    assert awaited(lambda: "complete" in pair.on("nfs001", "hastctl status home"))
    on(pair, "nfs002", f"rm {state_files.DIRECTORY}/{marker.NAME.format(name='home')}")


def on(pair: RunningPair, node: str, line: str) -> str:
    """A command line on a node that has to succeed; what it prints."""
    done = pair.command("exec", node, line)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


def _fault(pair: RunningPair, word: str) -> None:
    assert pair.command("fault", word).returncode == 0
