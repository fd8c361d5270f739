"""What the other node has of a resource: asked where there is a way, else concluded from signs.

The worker of a dead primary's secondary lingers for some 15 s after CARP has moved (hast-facts, 3); waiting for it is
most of a failover. It is not waited for when the other node says itself that it is no primary, or when two independent
signs say that it is not there: its hastd, which lies on the replication's network, and its management address, or the
way to ask it, which lie on another. A sign is silence and nothing else (`hearing`): what refuses is there.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import hast
from checks.probes.errors import Hangs, OutOfTime, ProbeError, Unreachable
from checks.probes.hast import Role, Status
from remediate.failover import hearing
from remediate.failover.facts import Peer
from remediate.failover.hearing import Heard
from remediate.failover.resource import Place
from remediate.site import Site

ASK = 4.0
"""Seconds for one question to the other node."""
EVERY = 0.1
"""Seconds between two looks while something is awaited."""
SOON, TIGHTLY, RARELY = 5.0, 0.02, 0.5
"""Seconds in which a node lets go that does what it should, and seconds between two looks in that time and later: each
look is a login on the other node."""


class Standing(NamedTuple):
    """What is known of the other node's hold on a resource, from where, and whether the other node said so itself."""

    peer: Peer
    says: str
    asked: bool


def look(site: Site, place: Place) -> Standing:
    """What is known now. Never raises: what cannot be known is Peer.LINGERS. Asking and looking for signs go on at the
    same time, because a dead node answers neither."""
    found: list[Standing | None] = [None]
    here: list[hast.Resource] = []
    gone: list[str] = []
    trouble: list[str] = []
    cut_off: list[str] = []
    silent: list[str] = []
    misled: list[str] = []

    def ask_it() -> None:
        try:
            found[0] = _answer(site, place)
        except (Unreachable, Hangs, OutOfTime) as error:
            if hearing.is_silence(error):
                silent.append("it cannot be asked")
        except ProbeError as error:  # somebody answers, so that this is no sign that the other node is gone
            misled.append(f"the other node could not be asked: {error}")

    def see_signs() -> None:
        try:
            here.append(hast.resource(site.here.node(), place.name))
            gone.extend(_signs(site, here[0].remoteaddr))
        except (hast.NoState, ProbeError) as error:
            trouble.append(str(error))

    def ask_witness() -> None:
        witness = site.config.failover.witness
        if witness and hearing.machine(site.here, witness) is not Heard.ALIVE:
            cut_off.append(f"the witness {witness} does not answer: this node may be the one that is cut off")

    site.timing.together([ask_it, see_signs, ask_witness])
    if not here:
        return Standing(Peer.LINGERS, f"the state of the resource here is not known: {trouble[0]}", False)
    asked = found[0]
    if asked is not None:
        return asked
    if not site.config.failover.management:
        gone += silent
    if cut_off:
        return Standing(Peer.LINGERS, cut_off[0], False)
    if len(gone) > 1:
        return Standing(Peer.GONE, " and ".join(gone), False)
    if here[0].role is Role.SECONDARY and here[0].status is not Status.ABSENT:
        worker = f"the secondary worker {here[0].workerpid} still runs"
        return Standing(Peer.LINGERS, "; ".join([worker, *misled, *gone]), False)
    why = misled[0] if misled else "the other node could not be asked"
    return Standing(Peer.LET_GO, f"no primary is connected to this node, and {why}", False)


def ask(site: Site, place: Place) -> Standing | None:
    """What the other node says itself, None where it cannot be asked. Raises nothing."""
    try:
        return _answer(site, place)
    except ProbeError:
        return None


def _answer(site: Site, place: Place) -> Standing | None:
    """What the other node says itself, None where there is no way to it or its hastd gives no role. One whose hastd
    hangs may be primary still, with writes in its buffers. Raises ProbeError."""
    if site.peer is None:
        return None
    node = site.peer.node(ASK)
    try:
        role = hast.resource(node, place.name).role
    except hast.HastdDown as error:
        return Standing(Peer.LET_GO, f"the other node says: {error}", True)
    except hast.HastctlFailed as error:
        return Standing(Peer.LINGERS, f"the other node cannot say what it is: {error}", False)
    except hast.NoState:
        return None
    if role is Role.PRIMARY:
        return Standing(Peer.HOLDS, f"{node.label} says that it is primary", True)
    return Standing(Peer.LET_GO, f"{node.label} says that it is {role.value}", True)


def _signs(site: Site, remoteaddr: str) -> list[str]:
    """The signs that the other node is not there, in words; looked for at the same time."""
    management = site.config.failover.management
    looks = [lambda: hearing.hastd(site.here, remoteaddr)]
    says = [f"its hastd does not answer at {remoteaddr}"]
    if management:
        looks.append(lambda: hearing.machine(site.here, management))
        says.append(f"its address {management} does not answer")
    return [sign for heard, sign in zip(site.timing.together(looks), says, strict=True) if heard is Heard.SILENT]
