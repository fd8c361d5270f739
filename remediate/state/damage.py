"""That a write failed on a copy, as the ledger keeps it: until the copy was created, filled, and called complete then.

HAST calls such a copy complete all along (freebsd-facts: one-good-write-is-enough). That it was made anew is seen, not
concluded from the time: its metadata were those of `hastctl create` (resuid 0), then those of a primary that has
connected, whose first synchronisation copies everything (secondary.c, init_remote()), and then that primary says that
nothing is dirty.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.probes.timestamps import since_1970, utc, utc_milliseconds

FILLED_AFTER = 10.0
"""Seconds after a created copy was seen to be filled until its primary is believed that it is complete: what that tells
takes so long at most to arrive (`telling.SECONDS`), and so is of this connection."""


class Anew(enum.Enum):
    """How far a damaged copy has been made anew."""

    NO = "not made anew"
    BLANK = "created anew"
    FILLS = "being filled by a synchronisation"


class Damage(NamedTuple):
    """What failed, from where that is known, and since when; how far the copy has been made anew, and since when that
    is so. Times in seconds since 1970."""

    at: float
    says: str
    anew: Anew = Anew.NO
    anew_at: float = 0.0

    @property
    def sentence(self) -> str:
        """For people."""
        how = "" if self.anew is Anew.NO else f"; {self.anew.value} since {utc(self.anew_at)}"
        return f"a write failed on this copy: {self.says}{how}"

    def created(self, at: float) -> Damage:
        """It was seen to be blank."""
        return self if self.anew is Anew.BLANK else self._replace(anew=Anew.BLANK, anew_at=at)

    def fills(self, at: float) -> Damage:
        """It was seen to have the metadata of a primary."""
        return self._replace(anew=Anew.FILLS, anew_at=at) if self.anew is Anew.BLANK else self

    def called_complete(self, at: float) -> Damage | None:
        """Its primary says so; None where the copy is sound then."""
        return None if self.anew is Anew.FILLS and at >= self.anew_at + FILLED_AFTER else self

    def values(self) -> dict[str, object]:
        """The object in the file of the ledger."""
        times = {"at": utc_milliseconds(self.at), "anew_at": utc_milliseconds(self.anew_at)}
        return {**times, "says": self.says, "anew": self.anew.value}


def failed(known: Damage | None, at: float, says: str) -> Damage:
    """A write has failed: perhaps not the first one, or one on a copy that was just made anew."""
    same = known is not None and known.anew is Anew.NO
    return Damage(known.at if known is not None and same else at, says)


def of_values(values: object) -> Damage | None:
    """Out of that object. Raises ValueError, KeyError and TypeError where it is none."""
    if values is None:
        return None
    if not isinstance(values, dict):
        raise TypeError("no damage")
    at, anew_at = since_1970(values["at"]), since_1970(values["anew_at"])
    return Damage(at, str(values["says"]), Anew(values["anew"]), anew_at)
