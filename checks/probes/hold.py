"""How far a node holds itself back in CARP, and why: what hastwatch wrote down of its share in net.inet.carp.demotion.

`remediate.failover.hold` leaves a file in the state directory, one JSON object

    {"version": 1, "reasons": ["no failback"], "amount": 120, "target": 120, "before": 0,
     "boot": "9f86d081884c7d659a2feaa0c55ad015", "since": "2026-11-22T08:46:35Z",
     "number": 7}

written before the counter is changed and again afterwards. The counter begins at 0 with every boot, so what was written
down in another boot is void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes.booted import same_boot
from checks.probes.errors import NotFound, NotUnderstood

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "hold.json"
PATH = f"/var/db/hastwatch/{NAME}"
NO_FAILBACK = "no failback"
"""The reason of a healthy standby that would take the address back, and is not to (`failback`)."""
NOT_CONNECTED = "not connected"
"""The reason of a standby that no primary is connected to, and whose copy is not known to lack anything."""
MAY_BE_BEHIND = "may be behind"
"""The reason of a standby that does not know yet whether its copy lacks writes."""
APART = "promoted while the other node was not heard"
"""The reason of a node that serves, and must lose the election against a node that has served all the time."""
QUIET = "nothing is written here while the other node is not heard"
WROTE_LESS = "the other node serves too, and has written more"
"""Reasons of a node that serves, and must lose the election against any other node that serves."""
PARTED = (APART, QUIET, WROTE_LESS)
"""Reasons of a node that serves; they end when the other node is connected."""
HALF = (NO_FAILBACK, NOT_CONNECTED, APART)
"""Reasons for which a node holds back by half (`remediate.failover.fitness.amount`)."""
MILD = (*HALF, QUIET, WROTE_LESS)
"""Reasons of a node that could serve if it had to, or does."""


class Held(NamedTuple):
    """What is written down: our share in the counter is `amount`, or on the way from there to `target`, which began
    when the counter stood at `before`. `boot`: the mark of the boot that it is of (`booted`). `number` rises with every
    record: of two, the higher one is the newer."""

    reasons: tuple[str, ...] = ()
    amount: int = 0
    target: int = 0
    before: int = 0
    boot: str = ""
    since: str = ""
    number: int = 0

    @property
    def is_mild(self) -> bool:
        """Whether the node could serve if it had to."""
        return bool(self.reasons) and all(reason.rpartition(": ")[2] in MILD for reason in self.reasons)


def read(node: Node) -> Held:
    """What a node has written down, nothing where there is no file. Raises ProbeError."""
    try:
        return parse(node.read(PATH))
    except NotFound:
        return Held()


def parse(text: str) -> Held:
    """A record out of its file. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood(NAME, text) from None
    return from_values(values)


def from_values(values: object) -> Held:
    """A record out of the object in its file. Raises NotUnderstood."""
    try:
        if not isinstance(values, dict) or values["version"] != 1 or not isinstance(values["reasons"], list):
            raise ValueError("not an object of version 1")
        return Held(
            tuple(map(str, values["reasons"])),
            int(str(values["amount"])),
            int(str(values["target"])),
            int(str(values["before"])),
            str(values["boot"]),
            str(values["since"]),
            int(str(values.get("number", 0))),
        )
    except (ValueError, KeyError):
        raise NotUnderstood(NAME, repr(values)) from None


def share(kept: Held, boot: str, demotion: int) -> Held:
    """What of ours is in the counter, which stands at `demotion` in the boot `boot`: the record, held against it.

    A crash between writing down and doing leaves a share on the way; the counter then tells on which side it is. Where
    it is neither, others have changed it meanwhile, and what cannot be told counts as not ours.
    """
    if not same_boot(kept.boot, boot):
        return Held(boot=boot)
    if kept.target != kept.amount:
        done = demotion == kept.before + kept.target - kept.amount
        amount = kept.target if done else kept.amount if demotion == kept.before else 0
        kept = kept._replace(amount=amount, target=amount)
    return kept if demotion >= kept.amount else Held(boot=boot)
