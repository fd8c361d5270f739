"""Every check, once. What lists checks elsewhere takes them from here: the configuration of the engines, the manual
pages, the rehearsal, the tests. `pyproject.toml`, which is read before any code, is held against it by a test.

A check that runs imports none of this: its console script names its own module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from checks.plugin.command import CheckCommand

PREFIX = "check_"
"""Of every command; the rest is the name of its module."""


class CheckEntry(NamedTuple):
    """A check."""

    name: str
    """Of the command."""
    about: str
    """What it looks at, for the README."""
    on_node: bool = True
    """Whether it runs on a node of the pair; else on the monitoring host, and sees the service as a client does."""
    audits: bool = False
    """Whether it looks at what only an administrator changes: `hastwatch doctor` shows it, and what watches the service
    leaves it out."""
    interval: int = 60
    """Seconds after which an engine looks again."""
    combines: bool = False
    """Whether it runs those that watch the service, as one service in their place."""

    @property
    def module(self) -> str:
        """The import path of the module, which has the check as `CHECK` and starts it with `main`."""
        return f"checks.{self.name.removeprefix(PREFIX)}"

    def load(self) -> CheckCommand:
        """The check itself; imports it."""
        check: CheckCommand = import_module(self.module).CHECK
        return check


REGISTRY = (
    CheckEntry("check_carp_hast", "the central check: CARP, HAST, mount and NFS in one table, on both nodes"),
    CheckEntry("check_carp", "every vhid, demotion, preempt; with the peer: two masters, none, addresses that differ"),
    CheckEntry("check_hast", (
        "each resource: role, worker, connection, dirty bytes, a disk that fails under the mirror"
    )),
    CheckEntry("check_hast_splitbrain", (
        "the counters of both nodes, the marker of hastd's hook, the log: whether the copies have diverged, or"
        " will be found to have"
    ), interval=30),
    CheckEntry("check_hast_mount", "the right file system, writable, roomy, answering, and only on the primary"),
    CheckEntry("check_devd", "that devd lives and answers, and that the failover hook is really what it would run"),
    CheckEntry("check_nfs_export", (
        "the service as a client sees it: portmapper, NULL, MNT, GETATTR, FSSTAT; from anywhere, without a mount"
    ), on_node=False, interval=30),
    CheckEntry("check_hast_setup", (
        "how both nodes are set up: 89 points, each with its remedy; once an hour, or `hastwatch doctor`"
    ), audits=True, interval=3600),
    CheckEntry("check_hast_pair", (
        "the six checks of a node in one process and one login, as one service: for many pairs"
    ), combines=True),
)  # fmt: skip
"""In the order in which they are shown: those that compare the nodes, then those of one node, then from outside; the
audit, and last what stands for several."""
ON_NODE = tuple(each for each in REGISTRY if each.on_node and not each.combines)
"""Those that are a service of each node."""
OF_SERVICE = tuple(each for each in ON_NODE if not each.audits)
"""Those that watch the service on a node, every minute."""
COMBINED = tuple(each.name for each in REGISTRY if each.combines)
"""The names of those that run all of these as one service."""
