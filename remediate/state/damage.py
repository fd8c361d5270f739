"""What changes the record of a write that failed on a copy: it ends when the copy was created, filled and complete.

HAST calls such a copy complete all along (freebsd-facts: one-good-write-is-enough). That it was recreated is seen, not
concluded from the time: its metadata were those of `hastctl create` (resuid 0), then those of a primary that has
connected, whose first synchronisation copies everything (secondary.c, init_remote()), and then that primary says that
nothing is dirty.
"""

from __future__ import annotations

from checks.probes.damage_record import Damage, RecreationStage

FILLED_AFTER = 10.0
"""Seconds after a created copy was seen to be filled until its primary is believed that it is complete: what that tells
takes so long at most to arrive (`peer_notice.SECONDS`), and so is of this connection."""


def failed(known: Damage | None, at: float, says: str) -> Damage:
    """A write has failed: perhaps not the first one, or one on a copy that was just recreated."""
    same = known is not None and known.anew is RecreationStage.NO
    return Damage(known.at if known is not None and same else at, says)


def created(known: Damage, at: float) -> Damage:
    """The copy was seen to be blank."""
    return known if known.anew is RecreationStage.BLANK else known._replace(anew=RecreationStage.BLANK, anew_at=at)


def fills(known: Damage, at: float) -> Damage:
    """The copy was seen to have the metadata of a primary."""
    return known._replace(anew=RecreationStage.FILLS, anew_at=at) if known.anew is RecreationStage.BLANK else known


def called_complete(known: Damage, at: float) -> Damage | None:
    """Its primary says so; None where the copy is intact then."""
    return None if known.anew is RecreationStage.FILLS and at >= known.anew_at + FILLED_AFTER else known
