"""HAST's metadata, and the table by which two nodes decide on connection who is right.

Nothing here knows of time, daemons or links: two sets of counters go in, a verdict comes out. The rule is that of
secondary.c, init_remote(), in the order in which it asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

EXTENTSIZE = 2 * 1024 * 1024
"""Bytes of one extent (hastctl(8), -e)."""

KEEPDIRTY = 64
"""Extents kept dirty on disk although they are clean (hastctl(8), -k)."""

LOCALOFF = 4608
"""Bytes the metadata takes at the beginning of the provider, for the sizes recorded."""


class Role(Enum):
    """hastctl(8), role."""

    INIT = "init"
    PRIMARY = "primary"
    SECONDARY = "secondary"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is on the provider: `hastctl create` writes it, the primary changes it (metadata.c)."""

    datasize: int
    extentsize: int = EXTENTSIZE
    keepdirty: int = KEEPDIRTY
    localoff: int = LOCALOFF
    resuid: int = 0
    localcnt: int = 0
    remotecnt: int = 0
    prevrole: Role = Role.INIT

    @property
    def extents(self) -> int:
        """How many extents the data area has; the last one may be shorter."""
        return -(-self.datasize // self.extentsize)


class HandshakeVerdict(Enum):
    """What comes of a connection of a primary P to a secondary S."""

    FULL_SYNC = "full synchronisation from the primary"
    NOTHING = "nothing to do: both have just been created"
    RESUID_MISMATCH = "refused: resource unique ID mismatch"
    FROM_SECONDARY = "the primary is out of date: synchronise from the secondary"
    IN_SYNC = "in sync"
    FROM_PRIMARY = "the secondary is out of date: synchronise from the primary"
    SPLIT_BRAIN = "refused: split-brain"
    SHOULD_NEVER_HAPPEN = "should never happen: full synchronisation from the primary"

    @property
    def refused(self) -> bool:
        """No connection comes of it: the secondary's worker exits with 78 (EX_CONFIG)."""
        return self in (HandshakeVerdict.RESUID_MISMATCH, HandshakeVerdict.SPLIT_BRAIN)


def decide(primary: Metadata, secondary: Metadata, virgin: bool = False) -> HandshakeVerdict:
    """What a connection of `primary` to `secondary` leads to (secondary.c, init_remote()).

    `virgin`: nothing was ever written on the primary either.
    """
    if secondary.resuid == 0:
        return HandshakeVerdict.NOTHING if virgin else HandshakeVerdict.FULL_SYNC
    if primary.resuid != secondary.resuid:
        return HandshakeVerdict.RESUID_MISMATCH
    if secondary.localcnt > primary.remotecnt and secondary.remotecnt == primary.localcnt:
        return HandshakeVerdict.FROM_SECONDARY
    if secondary.localcnt == primary.remotecnt and secondary.remotecnt == primary.localcnt:
        return HandshakeVerdict.IN_SYNC
    if secondary.localcnt == primary.remotecnt and secondary.remotecnt < primary.localcnt:
        return HandshakeVerdict.FROM_PRIMARY
    if secondary.localcnt > primary.remotecnt and primary.localcnt > secondary.remotecnt:
        return HandshakeVerdict.SPLIT_BRAIN
    return HandshakeVerdict.SHOULD_NEVER_HAPPEN


def humanize(number: int) -> str:
    """A number of bytes as hastctl prints it in parentheses (humanize_number(3): 4.0MB, 132MB, 0B)."""
    value, scale = float(number), 0
    while value >= 999.5 and scale < 5:
        value /= 1024
        scale += 1
    unit = ("B", "KB", "MB", "GB", "TB", "PB")[scale]
    if scale and value < 9.95:
        return f"{value:.1f}{unit}"
    return f"{int(value + 0.5)}{unit}"
