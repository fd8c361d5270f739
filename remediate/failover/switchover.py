"""A planned move of the service to the other node: ready there, given up here in order, served there.

Nothing is lost: the file system is unmounted cleanly while both are connected. It goes over a session (`handover`,
`take_over`). Where the other node offers none, as an older hastwatch does, the address is given away first, so that the
other node looks, settles and waits while this one unmounts; it is promoted when this node says that it has released the
resource."""

from __future__ import annotations

from collections.abc import Callable

from checks.probes import carp, damage, damage_record, hast, maintenance, state_files
from checks.probes.boot_time import uptime
from checks.probes.carp import CarpState, Vhid, partners, vhids
from checks.probes.errors import ProbeError
from checks.probes.filesystem import mounted_at, mounts
from checks.probes.hast import Role, Status
from checks.probes.node import Node
from remediate.context import Context, Transport
from remediate.failover import hearing, known_bug, proofs, reach, unproven
from remediate.failover.carp_demotion import SHUTDOWN
from remediate.failover.converge import ConvergeOutcome, ConvergeRequest, ConvergeResult, converge
from remediate.failover.devices import ELI
from remediate.failover.errors import StepFailed
from remediate.failover.facts import Leaving
from remediate.failover.filesystems import mounted_now
from remediate.failover.handover import HandoverEnding, HandoverRefused, hand_over, prepare
from remediate.failover.hearing import Responsiveness
from remediate.failover.observe import Observation, observe
from remediate.failover.peer import ASK, EVERY
from remediate.failover.peer_notice import of_peer
from remediate.failover.record import record
from remediate.failover.resource import ResourcePlace
from remediate.hurry import within
from remediate.session import Channel, RefusalReason
from remediate.state.journal import CRIT, NOTICE, WARNING
from remediate.state.ledger import CopyState

SERVED = 60.0
"""Seconds until clients must be served by the other node; after that the service is taken back."""
AT_SHUTDOWN = 10.0
"""Seconds for a look at this node, for the other one to be ready, and again to serve, while rc.shutdown(8) waits: the
shutdown has to give the service up by itself where one of them takes longer."""
WIRED = 4.0
"""Seconds for the other node's hastwatch to answer."""
ASK_AGAIN = 1.0
"""Seconds between two questions to a node that is about to learn that its copy is complete."""
LOOK_AGAIN = 5.0
"""Seconds between two looks whether the other node was booted long enough ago."""
QUESTIONS = (("cat", maintenance.PATH), ("uname", "-r"), ("ifconfig", "-a"), ("sysctl", "net.inet.carp"))
"""What the other node is asked before a move, besides its resources: over ssh in one call, where it takes that."""
UPTIME = (("date", "+%s"), ("sysctl", "-n", "kern.boottime"))
"""What it is asked for how long it has been up."""
MOST = 240
"""ip_carp.c, CARP_MAXSKEW: advskew and demotion together count for no more."""


def switch(context: Context, trigger: str, watch: Callable[[str], None]) -> ConvergeOutcome:
    """Move everything that is active here, and wait until it is served there. Raises StepFailed with the reason where
    that is not safe or this node has nothing to move: then nothing was done; ProbeError, StateError."""
    _prove(context, trigger, watch)
    observation, moving, peer = _ready(context)
    if _await_settled(context, peer, trigger, watch):
        observation, moving, peer = _ready(context)
    line = prepare(context, trigger, moving, watch)
    if line is None:
        _refuse_unwired(context, peer)
    context.journal.entry("switchover", why=trigger, result=f"begins: {', '.join(moving)}", severity=NOTICE)
    request = ConvergeRequest(trigger, leaving=Leaving.MOVES)
    if line is not None:
        handed = hand_over(context, request, line, moving, SERVED, watch)
        if handed.end is HandoverEnding.SERVED:
            return _done(context, trigger, moving, handed.steps, watch)
        if handed.end is not HandoverEnding.NOT_KNOWN:
            return _taken_back(context, trigger, handed.said, watch)
    given = converge(
        context, request, watch
    )  # the whole of it without a session, nothing after one that ended too early
    if given.result is not ConvergeResult.IN_PLACE:
        return _taken_back(context, trigger, given.said, watch)
    watch("await-service")
    missing = ""

    def decided() -> bool:
        nonlocal missing
        missing = _missing(context, peer, [observation.places[name] for name in moving])
        return not missing or _came_back(context, observation, moving)

    if not context.timing.until(decided, SERVED, EVERY) or missing:
        return _taken_back(context, trigger, (f"not served by the other node: {missing}",), watch)
    return _done(context, trigger, moving, given.steps, watch)


def hand_over_at_shutdown(context: Context, watch: Callable[[str], None]) -> None:
    """Move everything that is active here to a node that is ready to take it, where there is one; otherwise nothing is
    done, and the shutdown goes on by itself. Raises nothing."""
    try:
        observation = record(context, observe(within(context, context.timing.now() + AT_SHUTDOWN)))
        moving = _active(observation)
        if context.peer is None or observation.facts.node.maintenance or not moving:
            return
        line = _session_at_shutdown(context, moving, watch)
        if line is None:
            return
        handed = hand_over(
            context, ConvergeRequest(SHUTDOWN, leaving=Leaving.GOES_DOWN), line, moving, AT_SHUTDOWN, watch
        )
        severity = NOTICE if handed.end is HandoverEnding.SERVED else CRIT
        context.journal.entry("switchover", why=SHUTDOWN, result="; ".join(handed.said), severity=severity)
    except (StepFailed, ProbeError) as error:
        result = f"no handover: the shutdown stops the service: {error}"
        context.journal.entry("switchover", why=SHUTDOWN, result=result, severity=WARNING)


def _prove(context: Context, trigger: str, watch: Callable[[str], None]) -> None:
    """A copy that only waits to be compared is compared now, where that is soon done. Raises nothing."""
    if names := proofs.soon_compared(context):
        watch("compare-copies")
        proofs.try_to(context, names, trigger)


def _session_at_shutdown(context: Context, moving: list[str], watch: Callable[[str], None]) -> Channel | None:
    """As `prepare` gives it. A node whose copy is being compared, or that has not been told yet that its copy lacks
    nothing, is asked again for a while. Raises HandoverRefused."""
    ends = context.timing.now() + AT_SHUTDOWN
    while True:
        try:
            return prepare(context, SHUTDOWN, moving, watch, AT_SHUTDOWN)
        except HandoverRefused as refused:
            last = context.timing.now() + ASK_AGAIN >= ends or refused.reason is not RefusalReason.UNFIT
            if last or proofs.compared_whole(context):
                raise
        watch("compare-copies")
        proofs.try_to(within(context, ends), proofs.soon_compared(context), SHUTDOWN)
        context.timing.sleep(ASK_AGAIN)


def _active(observation: Observation) -> list[str]:
    return [
        name for name, state in observation.facts.resources.items() if state.active and state.carp is CarpState.MASTER
    ]


def _done(
    context: Context, trigger: str, moving: list[str], steps: int, watch: Callable[[str], None]
) -> ConvergeOutcome:
    """The other node serves: what holds this node back now is no switchover any more."""
    left = converge(context, ConvergeRequest(trigger), watch)
    context.journal.entry("switchover", why=trigger, result=f"done: {', '.join(moving)}", severity=NOTICE)
    return ConvergeOutcome(
        ConvergeResult.IN_PLACE, steps + left.steps, (f"served by the other node: {', '.join(moving)}",)
    )


def _ready(context: Context) -> tuple[Observation, list[str], Transport]:
    """What is seen here, what is to move, and the way to a node that can take over all of it. Raises StepFailed."""
    observation = record(context, observe(context))
    moving = _active(observation)
    return observation, moving, _refuse_unready(context, observation, moving)


def _await_settled(context: Context, peer: Transport, trigger: str, watch: Callable[[str], None]) -> bool:
    """A node that was booted recently believes CARP late (`boot_window`, `boot_settle`): that time is waited
    here, while clients are still served. Whether there was anything to wait for. Raises StepFailed where it is not over
    then, because the node was rebooted, and where that is not known."""
    window = context.config.failover.boot_window

    def left() -> float:
        node = peer.node(ASK)
        node.ask_ahead(UPTIME)
        return window - uptime(node)

    try:
        seconds = left()
        if seconds <= 0:
            return False
        says = f"the other node was booted recently, and would promote late for {seconds:.0f} s more"
        watch(f"await-settled {seconds:.0f} s")
        context.journal.entry("switchover", why=trigger, result=f"waits, serving: {says}", severity=NOTICE)
        context.timing.until(lambda: left() <= 0, seconds + 1, LOOK_AGAIN)
        seconds = left()
    except ProbeError as error:
        raise StepFailed(f"how long ago the other node was booted is not known: {error}") from None
    if seconds > 0:
        raise StepFailed(f"the other node was rebooted, and would promote late for {seconds:.0f} s more")
    return True


def _sum(vhid: Vhid, demotion: int) -> int:
    """ip_carp.c, DEMOTE_ADVSKEW."""
    return min(MOST, max(0, vhid.advskew + demotion))


def _refuse_slower(context: Context, node: Node, observation: Observation) -> None:
    """Raise StepFailed where the other node would not preempt this one although that holds back with all it has: where
    something demotes it as much. Raises ProbeError."""
    demotion = carp.settings(node).demotion
    theirs = partners(observation.vhids, carp.vhids(node))
    ours = (observation.facts.demotion or 0) + context.config.failover.demotion
    for vhid in observation.vhids:
        other = theirs.get(vhid.name)
        if other is None or vhid.state is not CarpState.MASTER:
            continue
        if not (vhid.numbers_read and other.numbers_read):
            raise StepFailed(f"the advskew of {vhid.name} or {other.name} is not understood")
        if _sum(other, demotion) >= _sum(vhid, ours):
            raise StepFailed(f"{node.name} is demoted by {demotion} in CARP: it would not take the address")


def _refuse_unready(context: Context, observation: Observation, moving: list[str]) -> Transport:
    """The way to a node that can take over everything. Raises StepFailed with the reason where there is none."""
    if observation.facts.node.maintenance:
        raise StepFailed(f"refused: this node is under maintenance: {observation.facts.maintenance}")
    if observation.facts.node.blocked:
        raise StepFailed(f"refused: this node is blocked: {observation.facts.blocked}")
    if not moving:
        raise StepFailed("nothing is served from this node: there is nothing to move")
    if context.peer is None:
        raise StepFailed("how to reach the other node is not known (`peer` in the configuration, or --peer)")
    try:
        node = context.peer.node()
        names = [damage_record.NAME.format(name=name) for name in moving]
        ledgers = [("cat", path) for name in names for path in state_files.paths(name)]
        node.ask_ahead([*QUESTIONS, *(("hastctl", "list", name) for name in moving), *ledgers])
        suspended = maintenance.read(node)
        if suspended is not None and not suspended.is_over(context.timing.wall()):
            raise StepFailed(f"refused: {node.name} is under maintenance: {suspended.reason}")
        known_bug.refuse(context, node)
        _refuse_unknown_layers(context, observation, moving)
        for name in moving:
            there = hast.resource(node, name)
            if there.role is not Role.SECONDARY or there.status is Status.ABSENT:
                raise StepFailed(f"{name} on {node.name} is {there.role.value}, and not connected to this node")
            if lacks := damage.written_down(node, name) or damage.by_counters(there):
                raise StepFailed(f"the copy of {name} on {node.name} is damaged: {lacks}")
            heard = hearing.hastd(context.here, observation.resources[name].remoteaddr)
            if (
                heard is not Responsiveness.LISTENS
            ):  # a worker looks alive for long (freebsd-facts: complete-lags-behind)
                raise StepFailed(f"hastd on {node.name} does not answer this node: {name} is not replicated now")
            if (doubt := unproven.known(context, name)) is not None:
                raise StepFailed(f"the copy of {name} on {node.name} is not proven to be complete: {doubt.sentence}")
            if of_peer(context, observation.resources[name]) is CopyState.INCOMPLETE:
                raise StepFailed(f"the copy of {name} on {node.name} is not complete")
            if observation.places[name].asks(vhids(node)).state is not CarpState.BACKUP:
                raise StepFailed(f"CARP on {node.name} is not BACKUP for {name}: it could not take the address")
        _refuse_slower(context, node, observation)
    except (ProbeError, hast.NoState, carp.CarpNotLoaded) as error:
        raise StepFailed(f"whether the other node is ready is not known: {error}") from None
    return context.peer


def _refuse_unwired(context: Context, peer: Transport) -> None:
    """Raise StepFailed where the other node offers no session, and has no hastwatch that could promote it either."""
    try:
        wired = peer.act((context.config.failover.peer_hastwatch, "--version"), WIRED)
        trouble = wired.words if wired.status != 0 else ""
    except ProbeError as error:
        trouble = str(error)
    if trouble:
        raise StepFailed(f"hastwatch on the other node does not answer ({trouble}): nobody would promote it")


def _refuse_unknown_layers(context: Context, observation: Observation, moving: list[str]) -> None:
    """Raise StepFailed where what is mounted here is encrypted and the configuration, which is the same on both nodes,
    does not say what the other node would have to open. Raises ProbeError."""
    mounted = mounted_now(context)
    for name in moving:
        place = observation.places[name]
        there = mounted_at(mounted, place.point)
        if there is not None and ELI in there.device and there.device != place.filesystem:
            raise StepFailed(f"{there.device} is encrypted, and [resource.{name}] has no such `device` with a key file:"
                             " the other node could not open it")  # fmt: skip


def _came_back(context: Context, observation: Observation, moving: list[str]) -> bool:
    """Whether the other node has given the address away: there is nothing more to wait for."""
    try:
        here = vhids(context.here.node())
    except ProbeError:
        return False
    return any(observation.places[name].asks(here).state is CarpState.MASTER for name in moving)


def _missing(context: Context, peer: Transport, places: list[ResourcePlace]) -> str:
    """What the other node still lacks to serve, or nothing."""
    node = peer.node(ASK)
    try:
        mounted = mounts(node)
        for place in places:
            role = hast.resource(node, place.name).role
            there = mounted_at(mounted, place.point)
            if role is not Role.PRIMARY:
                return f"{place.name} is {role.value} there"
            if there is None:
                return f"{place.point} is not mounted there"
            if place.exported and not there.exported:
                return f"{place.point} is not exported there"
            if place.exported and place.address:
                done = peer.act((context.config.failover.peer_hastwatch, "reach", place.address, place.exported), ASK)
                if not (answer := reach.from_exit_status(done.status, done.words)).is_alive:
                    return f"clients are not served there: {answer.says}"
    except (ProbeError, hast.NoState) as error:
        return str(error)
    return ""


def _taken_back(context: Context, trigger: str, why: tuple[str, ...], watch: Callable[[str], None]) -> ConvergeOutcome:
    """The other node did not take over: what CARP says then is what counts, and this node lets go of its hold first."""
    context.journal.entry("switchover", why=trigger, result=f"failed: {'; '.join(why)}", severity=CRIT)
    after = converge(context, ConvergeRequest(f"{trigger}, taken back"), watch)
    return ConvergeOutcome(ConvergeResult.REFUSED, after.steps, (*why, *after.said))
