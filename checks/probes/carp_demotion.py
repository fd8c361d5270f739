"""How far a node holds itself back in CARP, and why: what hastwatch recorded of its share in net.inet.carp.demotion.

`remediate.failover.carp_demotion` leaves a file in the state directory, one JSON object

    {"version": 2, "reasons": [{"why": "stale", "about": "home"}], "amount": 240, "target": 240, "before": 0,
     "boot": "9f86d081884c7d659a2feaa0c55ad015", "since": "2026-11-22T08:46:35Z", "number": 7}

written before the counter is changed and again afterwards. The counter begins at 0 with every boot, so what was written
down in another boot is void. Version 1, of hastwatch 0.1, had the reasons as sentences (`home: stale`).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from checks.probes.boot_time import same_boot
from checks.probes.errors import NotFound, NotUnderstood

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "hold.json"
PATH = f"/var/db/hastwatch/{NAME}"
STAND_IN = f"/var/run/hastwatch/{NAME}"
"""Where it is written while the state directory takes nothing. The one with the higher number counts."""


class DemotionCause(enum.Enum):
    """Why a node holds itself back. The values are in the file and on the screen."""

    BOOT = "boot"
    SHUTDOWN = "shutdown"
    SWITCHOVER = "switchover"
    MAINTENANCE = "maintenance"
    RECOVERY = "recovery"
    FAILED = "failed promotion"
    UNSURE = "state not known"
    UNREADABLE = "the reasons cannot be read"
    DOWN = "hastd down"
    ROLE_NOT_KNOWN = "role not known"
    INIT = "role init"
    PRIMARY = "role primary"
    IN_USE = "still in use"
    HELD_THERE = "the other node has it"
    READ_ONLY = "read-only"
    SPLIT_BRAIN = "split-brain"
    SPLIT_BRAIN_SERVED = "split-brain-served"
    SPLIT_BRAIN_ENDS = "split-brain-ends"
    DRIFT = "drift"
    STALE = "stale"
    NO_COPY = "no copy"
    """The disk of the node has no metadata of HAST."""
    BOOT_ALONE = "boot-alone"
    NO_KEY = "no-key"
    """What the node would have to mount is encrypted, and cannot be opened there."""
    CANNOT_BE_PRIMARY = "hastd does not work as primary"
    """FreeBSD bug 292322 (`checks.probes.as_primary`)."""
    SUSPENDED = "pool suspended"
    """Its ZFS pool cannot be read, written or exported: only a reboot ends that."""
    INCOMPLETE = "incomplete copy"
    DAMAGED = "damaged copy"
    """A write failed on it, and it has not been recreated since."""
    NO_FAILBACK = "no failback"
    """A healthy standby that would take the address back, and is not to (`failback`)."""
    NOT_CONNECTED = "not connected"
    """A standby that no primary is connected to, and whose copy is not known to lack anything."""
    WROTE_ALONE = "may have written alone"
    """A node that serves no more, and no primary is connected: where that has written too, this is the losing copy."""
    MAY_BE_BEHIND = "may be behind"
    """A standby that does not know yet whether its copy lacks writes."""
    APART = "promoted while the other node was not heard"
    """A node that serves, and must lose the election against a node that has served all the time."""
    QUIET = "nothing is written here while the other node is not heard"
    WROTE_LESS = "the other node serves too, and has written more"
    """A node that serves, and must lose the election against any other node that serves."""


PARTED = (DemotionCause.APART, DemotionCause.QUIET, DemotionCause.WROTE_LESS)
"""Reasons of a node that serves; they end when the other node is connected."""
STAYS = (DemotionCause.SPLIT_BRAIN, DemotionCause.STALE, DemotionCause.NO_COPY, DemotionCause.BOOT_ALONE)
"""Reasons of a node that refused a promotion: they hold a standby back until it is connected again, though only as
MASTER it compares the copies. Else two such nodes would throw the address at each other."""
HALF = (DemotionCause.NO_FAILBACK, DemotionCause.NOT_CONNECTED, DemotionCause.APART)
"""Reasons for which a node holds back by half (`remediate.failover.demotion_reasons.amount`)."""
MILD = (*HALF, DemotionCause.QUIET, DemotionCause.WROTE_LESS)
"""Reasons of a node that could serve if it had to, or does."""


class DemotionReason(NamedTuple):
    """One reason, and the resource or node that it is about, empty where it is this whole node."""

    why: DemotionCause
    about: str = ""

    def __str__(self) -> str:
        return f"{self.about}: {self.why.value}" if self.about else self.why.value


class DemotionRecord(NamedTuple):
    """What is recorded: our share in the counter is `amount`, or on the way from there to `target`, which began
    when the counter stood at `before`. `boot`: the mark of the boot that it is of (`boot_time`). `number` rises with
    every record: of two, the higher one is the newer."""

    reasons: tuple[DemotionReason, ...] = ()
    amount: int = 0
    target: int = 0
    before: int = 0
    boot: str = ""
    since: str = ""
    number: int = 0

    @property
    def is_mild(self) -> bool:
        """Whether the node could serve if it had to."""
        return bool(self.reasons) and all(reason.why in MILD for reason in self.reasons)

    @property
    def says(self) -> str:
        """The reasons, for people."""
        return ", ".join(map(str, self.reasons))


def read(node: Node) -> DemotionRecord:
    """The newest that a node has recorded, nothing where there is no file. Raises ProbeError."""
    return max((read_from(node, path) for path in (PATH, STAND_IN)), key=lambda held: held.number)


def read_from(node: Node, path: str) -> DemotionRecord:
    """The same of one of the two files. Raises ProbeError."""
    try:
        return parse(node.read(path))
    except NotFound:
        return DemotionRecord()


def parse(text: str) -> DemotionRecord:
    """A record out of its file. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood(NAME, text) from None
    return from_values(values)


def from_values(values: object) -> DemotionRecord:
    """A record out of the object in its file. Raises NotUnderstood."""
    try:
        if not isinstance(values, dict) or not isinstance(values["reasons"], list):
            raise ValueError("not a record")
        read_reason = {1: _sentence, 2: _reason}[values["version"]]
        return DemotionRecord(
            tuple(map(read_reason, values["reasons"])),
            int(str(values["amount"])),
            int(str(values["target"])),
            int(str(values["before"])),
            str(values["boot"]),
            str(values["since"]),
            int(str(values.get("number", 0))),
        )
    except (ValueError, KeyError, TypeError):
        raise NotUnderstood(NAME, repr(values)) from None


def to_values(held: DemotionRecord) -> dict[str, object]:
    """The object for the file."""
    reasons = [{"why": reason.why.value, "about": reason.about} for reason in held.reasons]
    return {"version": 2, **held._asdict(), "reasons": reasons}


def _reason(value: object) -> DemotionReason:
    """Raises ValueError, KeyError and TypeError where it is none."""
    if not isinstance(value, dict):
        raise TypeError("not a reason")
    return DemotionReason(DemotionCause(value["why"]), str(value["about"]))


def _sentence(value: object) -> DemotionReason:
    """One of version 1. Raises ValueError where it is none."""
    about, _, why = str(value).rpartition(": ")
    return DemotionReason(DemotionCause(why), about)


def share(record: DemotionRecord, boot: str, demotion: int) -> DemotionRecord:
    """What of ours is in the counter, which stands at `demotion` in the boot `boot`: the record, held against it.

    A crash between writing down and doing leaves a share on the way; the counter then tells on which side it is. Where
    it is neither, others have changed it meanwhile, and what is unknown counts as not ours.
    """
    if not same_boot(record.boot, boot):
        return DemotionRecord(boot=boot)
    if record.target != record.amount:
        done = demotion == record.before + record.target - record.amount
        amount = record.target if done else record.amount if demotion == record.before else 0
        record = record._replace(amount=amount, target=amount)
    return record if demotion >= record.amount else DemotionRecord(boot=boot)
