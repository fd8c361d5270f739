"""What the other node has of a resource: asked where there is a way, else concluded from signs.

The worker of a dead primary's secondary lingers for some 15 s after CARP has moved (freebsd-facts:
complete-lags-behind); waiting for it is most of a failover. It is not waited for when the other node says itself that
it is no primary, or when two independent signs say that it is not there: its hastd, which lies on the replication's
network, and its management address, or the way to ask it, which lie on another. A sign is silence and nothing else
(`hearing`): what refuses is there.

Where somebody answers as the other node, and refuses or cannot be understood, its hastd's silence is a sign that the
replication's network is cut: the other node may serve, and its worker here has ended by a timeout. So it is where its
machine answers at the management address and does not say what it has, for whatever reason: ssh(1) hangs where sshd(8)
starts nothing, and gets no answer where it takes the network that is cut.

A way to the other node may bring what that said before, as one that keeps answers does. So what it says, or its disk,
in favour of a promotion counts only where its machine is heard besides (`is_heard`), and what is against it always.

A worker here that has ended is no sign either where hastd of the other node takes connections: it ends with every
connection, as when hastd of this node is started again. So that hastd itself is asked for its role (`hastd_role`),
unless `remote` is a name: then a primary connects anew within CONNECTS, to a secondary; to one in role init it cannot.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.probes.errors import Hangs, NotTheOther, OutOfTime, ProbeError, Unreachable
from checks.probes.hast import Cause, Resource, Role, Status
from checks.probes.hast_state import HastRole, HastState, hast_state
from remediate.context import Context, Transport
from remediate.failover import hast_of, hastd_role, hearing
from remediate.failover.facts import Peer
from remediate.failover.hearing import Responsiveness
from remediate.failover.resource import ResourcePlace

ASK = 4.0
"""Seconds for one question to the other node."""
EVERY = 0.1
"""Seconds between two looks while something is awaited."""
TIGHTLY, RARELY = 0.05, 0.5
"""Seconds between two looks at this node's own worker, and between two at the other node, while that is awaited."""
CONNECTS = 35.0
"""Seconds within which a primary is connected again to a secondary that takes its connections: an idle one finds out by
its second keepalive that the connection has ended, and guard_thread() makes another one (sbin/hastd/primary.c). Each is
done every 10 s of its clock (HAST_KEEPALIVE; freebsd-facts: hastd-goes-by-the-clock); the rest is for the handshake."""


class SignOf(enum.Enum):
    """What is silent where the other node is gone."""

    HASTD = "its hastd, on the replication's network"
    MANAGEMENT = "its management address"


class PeerStanding(NamedTuple):
    """What is known of the other node's hold on a resource, from where, and whether the other node said so itself.
    `without_hastd`: hastd does not run on this node, so that nothing the other one does makes a promotion possible.
    `may_connect`: its hastd runs and cannot be asked; were it primary, it would connect to this node within CONNECTS.
    `apart`: its hastd says that it is primary, and it is not connected to this node; `by_hastd`: nothing but its hastd
    says that it has let go; `in_doubt`: it has said so, and it is not heard (`is_heard`).
    `role`, `node`: what it said that it has, and its name, where it was asked."""

    peer: Peer
    says: str
    asked: bool
    without_hastd: bool = False
    may_connect: bool = False
    apart: bool = False
    by_hastd: bool = False
    in_doubt: bool = False
    role: Role | None = None
    node: str = ""


def look(context: Context, place: ResourcePlace, known: HastState | None = None) -> PeerStanding:
    """What is known now; `known`: what hastd of this node says, where it was asked just before. Never raises:
    what cannot be known is Peer.LINGERS.

    Asking and looking for signs go on at the same time, because a dead node answers neither. A sign takes SIGN seconds
    at most. Where two have said that the node is gone, and this process has had no answer from it yet, none is waited
    for: ssh(1) takes longer to find that out.
    """
    standings: list[PeerStanding | None] = [None]
    hastd: list[HastState] = []
    gone: list[str] = []
    cut_off: list[str] = []
    silent: list[str] = []
    misled: list[str] = []
    answers: list[bool] = []
    at_hastd: list[Responsiveness] = []
    there: list[bool] = []
    runs: list[str] = []
    witnessed: list[bool] = []

    def ask_it() -> None:
        try:
            standings[0] = _answer(context, place)
        except (Unreachable, Hangs, OutOfTime) as error:
            if hearing.is_silence(error):
                silent.append("it cannot be asked")
            elif hearing.is_refusal(error):
                misled.append(f"the other node could not be asked: {error}")
                answers.append(True)
        except ProbeError as error:  # somebody answers, so that this is no sign that the other node is gone
            misled.append(f"the other node could not be asked: {error}")
            answers.append(not isinstance(error, NotTheOther))

    def see_signs() -> None:
        hastd.append(known or hast_of.state(context.here, place.name))
        if hastd[0].resource is not None:
            heard = _heard(context, hastd[0].resource.remoteaddr)
            there.append(_is_heard(*(each for _, each in heard.values())))
            gone.extend(words for words, each in heard.values() if each is Responsiveness.SILENT)
            at_hastd.append(heard[SignOf.HASTD][1])
            if SignOf.MANAGEMENT in heard and heard[SignOf.MANAGEMENT][1] is Responsiveness.ALIVE:
                runs.append(f"its address {context.config.failover.management} answers")

    def ask_witness() -> None:
        witness = context.config.failover.witness
        if witness and hearing.machine(context.here, witness) is not Responsiveness.ALIVE:
            cut_off.append(f"the witness {witness} does not answer: this node may be the one that is cut off")
        witnessed.append(True)

    def known_to_be_gone() -> bool:
        answers = context.peer is not None and context.peer.has_answered
        return len(gone) > 1 and bool(witnessed) and not cut_off and not answers

    context.timing.gather([ask_it, see_signs, ask_witness], known_to_be_gone)
    here = hastd[0].resource
    if here is None:
        why = f"the state of the resource here is not known: {hastd[0].says}"
        return PeerStanding(Peer.LINGERS, why, False, hastd[0].role is HastRole.DOWN)
    asked = standings[0]
    if asked is not None and (there[0] or asked.peer is not Peer.LET_GO):
        return asked
    doubt = f"{asked.says}, which it may have said before" if asked is not None else ""
    if doubt:
        misled.append(doubt)
        answers.append(True)
    if not context.config.failover.management:
        gone += silent
    if cut_off:
        return PeerStanding(Peer.LINGERS, cut_off[0], False)
    if len(gone) > 1:
        return PeerStanding(
            Peer.GONE, "; ".join(filter(None, (" and ".join(gone), doubt))), False, in_doubt=bool(doubt)
        )
    if here.role is Role.SECONDARY and here.status is not Status.ABSENT:
        worker = f"the secondary worker {here.workerpid} still runs"
        return PeerStanding(Peer.LINGERS, "; ".join([worker, *misled, *gone]), False)
    if (any(answers) or runs) and at_hastd[0] is Responsiveness.SILENT:
        why = [*misled, *runs][0]
        says = f"{why}, and {gone[0]}: the link between the nodes may be cut, and the other node may serve"
        return PeerStanding(Peer.LINGERS, says, False)
    why = misled[0] if misled else "the other node could not be asked"
    if has_primary(context, place):
        return PeerStanding(Peer.LINGERS, f"a primary is connected to this node again, and {why}", False)
    says = f"no primary is connected to this node, and {why}"
    if here.role is not Role.PRIMARY and at_hastd[0] in (Responsiveness.LISTENS, Responsiveness.STUCK):
        return _by_its_hastd(context.here, here, says)
    return PeerStanding(Peer.LET_GO, says, False)


def _by_its_hastd(here: Transport, resource: Resource, says: str) -> PeerStanding:
    """What is known of a node that could not be asked, and whose hastd takes connections."""
    if not hastd_role.can_be_asked(here, resource.remoteaddr):
        connects = resource.role is Role.SECONDARY
        return PeerStanding(Peer.LINGERS, f"{says}; its hastd runs, and may be primary", False, may_connect=connects)
    role = hastd_role.ask(here, resource.remoteaddr, resource.name)
    if role is None:
        return PeerStanding(Peer.LINGERS, f"{says}; its hastd does not say its role, and may be primary", False)
    apart = role is Role.PRIMARY
    standing = Peer.LINGERS if apart else Peer.LET_GO
    says = f"{says}; its hastd says that it is {role.value}"
    return PeerStanding(standing, says, False, apart=apart, by_hastd=not apart)


def await_news(context: Context, place: ResourcePlace) -> None:
    """Wait until the other node may have let go: this node's secondary worker ends at that moment, as its connection is
    closed. It ends for other reasons too, so that it is only a reason to look again; as is RARELY seconds without it.
    Raises nothing."""
    if not has_primary(context, place):
        context.timing.sleep(RARELY)
    else:
        context.timing.until(lambda: not has_primary(context, place), RARELY, TIGHTLY)


def has_primary(context: Context, place: ResourcePlace) -> bool:
    """Whether a primary is connected to this node, as its secondary worker says; not where nothing is known. Raises
    nothing."""
    here = hast_of.resource(context.here, place.name)
    return here is not None and here.role is Role.SECONDARY and here.status is not Status.ABSENT


def ask(context: Context, place: ResourcePlace) -> PeerStanding | None:
    """What the other node says itself, None where it cannot be asked. Raises nothing."""
    try:
        return _answer(context, place)
    except ProbeError:
        return None


def _answer(context: Context, place: ResourcePlace) -> PeerStanding | None:
    """What the other node says itself, None where there is no way to it or its hastd gives no role. One whose hastd
    hangs may be primary still, with writes in its buffers. Raises ProbeError."""
    if context.peer is None:
        return None
    node = context.peer.node(ASK)
    hastd = hast_state(node, place.name)
    if hastd.role is HastRole.DOWN:
        return PeerStanding(Peer.LET_GO, f"the other node says: {hastd.says}", True)
    if hastd.cause in (Cause.STUCK, Cause.WORKER_LEFT):
        return PeerStanding(Peer.LINGERS, f"the other node cannot say what it is: {hastd.says}", False)
    if hastd.resource is None:
        return None
    role = hastd.resource.role
    if role is Role.PRIMARY:
        return PeerStanding(Peer.HOLDS, f"{node.label} says that it is primary", True, role=role, node=node.label)
    return PeerStanding(Peer.LET_GO, f"{node.label} says that it is {role.value}", True, role=role, node=node.label)


def is_heard(context: Context, name: str) -> bool:
    """Whether the other node's machine is heard besides what the way to it brings: at its management address, or its
    hastd. True where no such address is configured: then nothing tells. Raises nothing."""
    management = context.config.failover.management
    if not management or hearing.machine(context.here, management) is Responsiveness.ALIVE:
        return True
    here = hast_of.resource(context.here, name)
    return here is not None and _is_heard(hearing.hastd(context.here, here.remoteaddr), Responsiveness.SILENT)


def _is_heard(hastd: Responsiveness, machine: Responsiveness = Responsiveness.ALIVE) -> bool:
    """The rule. `machine`: what is heard at the management address."""
    return machine is Responsiveness.ALIVE or hastd is not Responsiveness.SILENT


def _heard(context: Context, remoteaddr: str) -> dict[SignOf, tuple[str, Responsiveness]]:
    """What was heard of the other node at its addresses, at the same time, and the words for where it is silence."""
    management = context.config.failover.management
    looks = [lambda: hearing.hastd(context.here, remoteaddr)]
    says = {SignOf.HASTD: f"its hastd does not answer at {remoteaddr}"}
    if management:
        looks.append(lambda: hearing.machine(context.here, management))
        says[SignOf.MANAGEMENT] = f"its address {management} does not answer"
    heard = context.timing.together(looks)
    return {sign: (words, each) for (sign, words), each in zip(says.items(), heard, strict=True)}
