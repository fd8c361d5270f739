"""What the configuration says on what hastwatch does by itself: `[failover]`, `[split_brain]` and `[repair]`."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.tables import TableError, made, one_of

SERVICE = r"[A-Za-z0-9_]{1,40}"
"""The name of a script of rc(8)."""
WORD = r"[A-Za-z0-9_./:%-]{0,200}"
"""An address, a path or a word of a choice: nothing that a shell or a status line would mind."""
POLICIES = ("none", "step-down", "discard-zero-changes", "salvage-then-discard")
FAILBACK = ("never", "when-complete")
BOOT_ALONE = ("wait", "serve")
DISK_ERRORS = ("hand-over", "report")
REPAIRS = ("devd", "converge", "nfs", "hastd", "split-brain")
MOST_REPAIRS = 60
"""The most that `hourly_limit` may be."""


class Failover(NamedTuple):
    """`[failover]`: the policy of `hastwatch converge`. Times in seconds."""

    settle: float = 0.5
    """How long CARP must have said MASTER before a promotion."""
    boot_settle: float = 30.0
    """The same within `boot_window` of a boot, when CARP may say MASTER for a moment (freebsd-facts:
    master-first-at-boot)."""
    boot_window: float = 300.0
    let_go: float = 45.0
    """How long a promotion waits for the other node to release the resource: two keepalives and a timeout of hastd
    (freebsd-facts: complete-lags-behind), and a demotion there."""
    services: tuple[str, ...] = ()
    """rc(8) services beside NFS that belong to the active node, such as ctld: started after it, stopped before it."""
    unmount: float = 15.0
    """How long processes that use the file system have to end before it is unmounted by force."""
    preen: float = 120.0
    """How long the replay of the journal may take, less than a second usually (freebsd-facts: journal-replay-is-short).
    On a UFS without a journal it is a full check."""
    fsck: float = 3600.0
    """How long a full fsck may take."""
    promote_stale: bool = False
    """Promote a node whose copy is known to lack writes."""
    boot_alone: str = "wait"
    """Whether a node that was booted alone serves where the other node may have served after it: `wait` until that node
    is heard, or `serve`."""
    disk_errors: str = "hand-over"
    """What a primary does whose own disk has failed a write: `hand-over` to a copy that is complete and undamaged, or
    `report`."""
    stale_after: float = 30.0
    """How long the other node may have gone on as MASTER without this copy before this copy counts as stale."""
    failback: str = "never"
    """Whether a preferred node takes the address back from a healthy one: `never` or `when-complete`."""
    window: float = 3600.0
    """Two failed promotions within this time stop all automatic action."""
    periodic_promotion: bool = False
    """Whether `converge --periodic` may promote, too."""
    demotion: int = 240
    """What a node that must not take the address adds to net.inet.carp.demotion; 240 is the most that counts."""
    management: str = ""
    """An address of the other node on another network than the replication's: the second sign that it is gone."""
    witness: str = ""
    """An address that answers ping(8) wherever the network works, such as the gateway: without its answer a silent
    other node is not taken for dead, because it may be this node that is cut off."""
    peer_hastwatch: str = "/usr/local/hastwatch/bin/hastwatch"
    """The command `hastwatch` on the other node."""


class SplitBrain(NamedTuple):
    """`[split_brain]`: what is done by itself when hastd reports one, in the words of DRBD."""

    policy: str = "step-down"
    """`none`: nothing but the marker; `step-down`: the losing side gives up address and role; `discard-zero-changes`:
    then its copy is discarded where it is proven to hold nothing that a client was told was safe;
    `salvage-then-discard`: its files are kept at `salvage_to` first, and read back."""
    salvage_to: str = ""
    """A directory of the losing node, or ssh://[USER@]HOST/PATH."""


class Repair(NamedTuple):
    """`[repair]`: what `hastwatch repair` may do when monitoring asks for it. Times in seconds."""

    actions: tuple[str, ...] = REPAIRS
    """Those that may be done; what is not named is only recorded."""
    cool_down: float = 600.0
    """How long after a repair the same one is not tried again."""
    hourly_limit: int = 6
    """How many repairs of any kind are tried in an hour."""
    looks: float = 30.0
    """How long a repair has to show its effect."""
    retry_after_flapping: float = 1200.0
    """How long after the engine last held a repair back because the state flaps cron's look does it: 20 checks."""
    retry_after_downtime: float = 86400.0
    """The same for a downtime: longer than one of yours lasts."""


def failover(given: dict[str, object]) -> Failover:
    """`[failover]`, but for `hastd_repaired`, which is `checks.plugin.config.Config`'s. Raises TableError."""
    policy = made(Failover, {key: value for key, value in given.items() if key != "hastd_repaired"}, "failover")
    for key, value in policy._asdict().items():
        if isinstance(value, str) and not re.fullmatch(WORD, value):
            raise TableError(f"`failover.{key}` must be one word")
    if not all(re.fullmatch(SERVICE, name) for name in policy.services):
        raise TableError("`failover.services` must be a list of names of services")
    one_of("failover.failback", (policy.failback,), FAILBACK)
    one_of("failover.boot_alone", (policy.boot_alone,), BOOT_ALONE)
    one_of("failover.disk_errors", (policy.disk_errors,), DISK_ERRORS)
    if not policy.peer_hastwatch.startswith("/"):
        raise TableError("`failover.peer_hastwatch` must be an absolute path")
    if not 0 < policy.demotion <= 240:
        raise TableError("`failover.demotion` must be a whole number from 1 to 240")
    return policy


def split_brain(given: dict[str, object]) -> SplitBrain:
    """`[split_brain]`. Raises TableError."""
    policy = made(SplitBrain, given, "split_brain")
    one_of("split_brain.policy", (policy.policy,), POLICIES)
    if policy.salvage_to and not policy.salvage_to.startswith(("/", "ssh://")):
        raise TableError("`split_brain.salvage_to` must be an absolute path or ssh://[USER@]HOST/PATH")
    if policy.policy == "salvage-then-discard" and not policy.salvage_to:
        raise TableError("`split_brain.policy` needs a `split_brain.salvage_to`")
    return policy


def repair(given: dict[str, object]) -> Repair:
    """`[repair]`. Raises TableError."""
    policy = made(Repair, given, "repair")
    one_of("repair.actions", policy.actions, REPAIRS)
    if policy.hourly_limit > MOST_REPAIRS:
        raise TableError(f"`repair.hourly_limit` must be a whole number from 0 to {MOST_REPAIRS}")
    return policy
