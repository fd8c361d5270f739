"""The metadata of a resource on both nodes: `hastctl dump`, which works without hastd, and with it as well."""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import counters
from checks.probes.counters import Relation
from checks.probes.hast import Metadata
from remediate.context import Context
from remediate.failover import hast_of
from remediate.failover.peer import ASK, is_heard

PATIENT = 20.0
"""Seconds for the other node's dump where a copy would be refused without it: nobody serves meanwhile, and an ssh to a
busy machine took several seconds on a real pair."""


class Dumps(NamedTuple):
    """What is on the disk here, and on the other node's. `heard`: that one's machine is heard now (`peer.is_heard`);
    otherwise its dump may be an old one, and proves of no copy that nothing is lacking."""

    mine: Metadata
    theirs: Metadata
    heard: bool

    @property
    def relation(self) -> Relation:
        """How the copies stand to each other."""
        return counters.relation(self.mine, self.theirs)

    @property
    def nothing_is_lacking(self) -> bool:
        """The other node has completed no write that this copy lacks (`counters.wrote_nothing_alone`)."""
        return self.heard and counters.wrote_nothing_alone(self.mine, self.theirs)

    @property
    def wrote_nothing_alone(self) -> bool:
        """This node has completed no write that the other copy lacks."""
        return self.heard and counters.wrote_nothing_alone(self.theirs, self.mine)

    @property
    def nobody_wrote_alone(self) -> bool:
        """Neither node has completed a write that the other one lacks."""
        return self.heard and counters.neither_wrote_alone(self.mine, self.theirs)


def read(context: Context, name: str, seconds: float = ASK) -> Dumps | None:
    """Both dumps, None where one of them cannot be had in so many seconds."""
    if context.peer is None:
        return None
    mine = hast_of.metadata(context.here, name)
    return None if mine is None else beside(context, name, mine, seconds)


def beside(context: Context, name: str, mine: Metadata, seconds: float = ASK) -> Dumps | None:
    """The same where what is on the disk here has been read already."""
    if context.peer is None:
        return None
    theirs = hast_of.metadata(context.peer, name, seconds)
    return None if theirs is None else Dumps(mine, theirs, is_heard(context, name))
