"""What a check that judges both nodes says of the other one where it cannot ask it, and of what it has found of it.

A node that does not answer may be dead, and that is told once, by the host check of the engine. Here it matters whether
something shows that it lives all the same, and else whether this node is the one that has to serve: then its own
findings decide, all of which are of this node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.finding import OK, PEER_FINDING, PEER_NOT_ASKED, WARNING, Row
from checks.plugin.judging import Judgement
from checks.plugin.text import name_list
from checks.probes.errors import ProbeError
from checks.probes.node import Node

if TYPE_CHECKING:
    from checks.probes.vhid import Vhid

UNREACHED = "unreached"
"""The context of an UnreachedNode."""
ROWS = (
    Row(PEER_NOT_ASKED, WARNING,
        "the other node cannot be asked, and lives: CARP is heard from it, or its hastd is connected",
        "the pair is not judged, and a failover is decided without asking the other node",
        "on {peer}: run the words of `peer` in hastwatch.toml with `hostname`: the management network, sshd or a key"
        " there"),
    PEER_FINDING,
    Row("peer-silent", OK, "the other node cannot be asked, nothing shows that it lives, and this node is MASTER",
        "this node is judged alone; the other node's host check reports that it is dead"),
)  # fmt: skip


class UnreachedNode(NamedTuple):
    """Why the other node cannot be asked, what shows that it lives (empty: nothing), and whether this node is MASTER
    of all that it could be."""

    error: ProbeError
    lives: str
    here: str
    is_master: bool

    @property
    def answers_for_the_pair(self) -> bool:
        """Whether what this node does not know of the other one is somebody else's to say, or of no account."""
        return bool(self.lives) or self.is_master


def unreached(error: ProbeError, here: str, vhids: Iterable[Vhid], connected: Sequence[str] = ()) -> UnreachedNode:
    """What this node, called `here`, has to say of the other one. A vhid is BACKUP for as long as it hears another
    master: carp_master_down_locked() of ip_carp.c ends that. `connected`: the resources whose hastd has one."""
    from checks.probes.vhid import CarpState

    states = [vhid.state if vhid.is_read else None for vhid in vhids]
    heard = [vhid.name for vhid in vhids if vhid.is_read and vhid.state is CarpState.BACKUP]
    signs = [f"{here} hears the master of {name_list(heard)}"] if heard else []
    signs += [f"hastd of {name_list(list(connected))} is connected"] if connected else []
    is_master = bool(states) and set(states) == {CarpState.MASTER}
    return UnreachedNode(error, " and ".join(signs), here, is_master)


def judge_unreached(other: UnreachedNode) -> Judgement:
    """Where neither it nor this node is known to be the one that serves, nothing is known of the pair."""
    if other.lives:
        yield PEER_NOT_ASKED, f"{other.error}; {other.lives}"
    elif other.is_master:
        yield "peer-silent", f"{other.error}; nothing shows that it lives; {other.here} is MASTER"
    else:
        yield other.error.reason, str(other.error)


def carp_of(here: Node) -> tuple[Vhid, ...]:
    """The vhids of this node, for a check that does not read them otherwise; empty where they cannot be read."""
    from checks.probes import carp

    try:
        return carp.vhids(here)
    except ProbeError:
        return ()
