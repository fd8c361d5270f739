"""That a write failed on a node's copy, as the ledger of that node keeps it: the object `damage` in its file

    {"version": 1, ..., "damage": {"at": "2026-11-22T08:46:35.000Z", "says": "hastd counts 3 requests that failed",
     "anew": "not made anew", "anew_at": "1970-01-01T00:00:00.000Z"}}

or null. `remediate.state.ledger` has the rest of that file, and `remediate.state.damage` what changes the object.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from checks.probes import state_files
from checks.probes.errors import NotUnderstood
from checks.probes.timestamps import since_1970, utc, utc_milliseconds

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "{name}.ledger.json"
PATH = f"/var/db/hastwatch/{NAME}"


class RecreationStage(enum.Enum):
    """How far a damaged copy has been recreated; the values are those in the file."""

    NO = "not made anew"
    BLANK = "created anew"
    FILLS = "being filled by a synchronisation"

    @property
    def sentence(self) -> str:
        """For people."""
        return RECREATED[self]


RECREATED = {
    RecreationStage.NO: "not recreated",
    RecreationStage.BLANK: "recreated",
    RecreationStage.FILLS: "being filled by a synchronisation",
}


class Damage(NamedTuple):
    """What failed, from where that is known, and since when; how far the copy has been recreated, and since when that
    is so. Times in seconds since 1970."""

    at: float
    says: str
    anew: RecreationStage = RecreationStage.NO
    anew_at: float = 0.0

    @property
    def sentence(self) -> str:
        """For people."""
        how = "" if self.anew is RecreationStage.NO else f"; {self.anew.sentence} since {utc(self.anew_at)}"
        return f"a write failed on this copy: {self.says}{how}"


def read(node: Node, resource: str) -> Damage | None:
    """What the ledger of a node says of a resource; None where it says nothing of the kind, where there is none, or
    where an older hastwatch wrote it. Raises ProbeError."""
    import json

    text = state_files.text_of(node, NAME.format(name=resource))
    if text is None:
        return None
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise TypeError("no ledger")
        return from_values(values.get("damage"))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotUnderstood(f"the ledger of {resource}", text) from None


def from_values(values: object) -> Damage | None:
    """Out of the object in the file. Raises ValueError, KeyError and TypeError where it is none."""
    if values is None:
        return None
    if not isinstance(values, dict):
        raise TypeError("no damage")
    at, anew_at = since_1970(values["at"]), since_1970(values["anew_at"])
    return Damage(at, str(values["says"]), RecreationStage(values["anew"]), anew_at)


def to_values(damage: Damage) -> dict[str, object]:
    """The object for the file."""
    times = {"at": utc_milliseconds(damage.at), "anew_at": utc_milliseconds(damage.anew_at)}
    return {**times, "says": damage.says, "anew": damage.anew.value}
