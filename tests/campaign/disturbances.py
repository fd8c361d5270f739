"""What happens in a round of a campaign: the cause of a failover, and disturbances around it.

Nothing in here knows what hastwatch does about it. The one thing that is left out: both networks between the nodes cut
at once while clients reach both nodes. No node can tell that from the death of the other (README, two nodes and no
third); `isolate`, in which the clients do not reach the cut off node either, is there.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from remediate.failover.converge import silent
from remediate.failover.errors import StepFailed
from remediate.failover.switchover import switch
from simulator.dying import KillPoint
from simulator.faults.fault_words import FaultError
from simulator.faults.faults import inflict
from simulator.hastd.metadata import Role
from simulator.node import Node
from tests.campaign.campaign_pair import CampaignPair
from tests.campaign.schedule import Disturbance, Kind

HELD_BACK = 240
"""What the operator adds to net.inet.carp.demotion to move the address away by hand."""
WORKERS = ("hastd", "worker", "devd", "mountd", "nfsd")
DAEMONS = ("devd", "mountd", "nfsd", "rpcbind")
"""Whatever becomes of these, nothing may be lost."""


def broken(campaign: CampaignPair, *words: str) -> None:
    """A fault, where there is something that it can break."""
    try:
        inflict(campaign.pair, *words)
    except FaultError:
        return


# --- causes of a failover ----------------------------------------------------------------------------------------


def switched_over(campaign: CampaignPair, node: Node) -> None:
    """`hastwatch switchover`; without hastwatch the address is moved by hand."""
    if campaign.installed is None:
        return demoted(campaign, node)
    context = campaign.installed.context(node)

    def call() -> None:
        try:
            switch(context, "human campaign", silent)
        except StepFailed:
            return

    campaign.clock.run_task(call)


def demoted(campaign: CampaignPair, node: Node) -> None:
    """An operator adds to the demotion."""
    if node.name not in campaign.by_hand:
        campaign.by_hand[node.name] = node.kernel
        node.start_command(f"sysctl net.inet.carp.demotion={HELD_BACK}")


def shut_down(campaign: CampaignPair, node: Node) -> None:
    """shutdown -p now."""
    campaign.shutdowns.append(node.shut_down())


def shut_down_alone(campaign: CampaignPair, node: Node) -> None:
    """The same, on the only node that is left."""
    broken(campaign, "power-off", campaign.pair.peer(node).name)
    campaign.clock.after(ALONE, lambda: shut_down(campaign, node))


def _fault(name: str, *more: str) -> Callable[[CampaignPair, Node], None]:
    return lambda campaign, node: broken(campaign, name, node.name, *more)


def _fault_of_the_pair(name: str) -> Callable[[CampaignPair, Node], None]:
    return lambda campaign, node: broken(campaign, name)


def _all_but_replication(campaign: CampaignPair, node: Node) -> None:
    """And the standby's worker ends: no primary is connected for a moment."""
    broken(campaign, "cut-carp")
    broken(campaign, "cut-management")
    campaign.clock.after(CONNECTED, lambda: _ends_connection(campaign, campaign.pair.peer(node)))


def _ends_connection(campaign: CampaignPair, node: Node) -> None:
    if node.on and all(each.role is Role.SECONDARY for each in node.hastd.resources.values()):
        broken(campaign, "kill", node.name, "worker")


OLD = frozenset({"peer answers: old"})
"""What it says of hastd cannot be told from the truth of a moment ago, on which a node that loses its cable decides."""
CUT_OFF = frozenset({"management cut", *OLD})
"""See above: both networks at once. An old answer over the one that is left is no better than none."""
UNREPLICATED = frozenset({"replication cut", "cable flaps", "at a step", "hastd killed in a cut"})
"""They cut the network of the replication, or may do so."""
CONNECTED = 20.0
"""Seconds from that cut for which the copies stay connected."""
ALONE = 5.0
"""Seconds for which the last node goes on alone."""
STEPS = (0.5, 3.0, 45.0, 400.0, 7200.0)
"""Seconds by which a clock is set."""

ORDINARY = (
    Kind("switchover", switched_over, planned=True),
    Kind("demotion by hand", demoted, planned=True),
    Kind("orderly shutdown", shut_down, planned=True),
    Kind("last node shuts down", shut_down_alone, weight=2),
    Kind("power cut", _fault("power-off")),
    Kind("cable pulled", _fault("carrier-off"), not_with=OLD),
    Kind("isolated", _fault("isolate"), weight=1),
    Kind("link cut", _fault_of_the_pair("cut"), weight=1, not_with=CUT_OFF),
    Kind("one way cut", _fault("cut-from"), weight=1, not_with=CUT_OFF),
    Kind("CARP cut", _fault_of_the_pair("cut-carp"), weight=1, not_with=CUT_OFF),
    Kind("all but replication cut", _all_but_replication, weight=1, not_with=CUT_OFF | UNREPLICATED),
    Kind("hastd killed", _fault("kill", "hastd")),
)


# --- disturbances ------------------------------------------------------------------------------------------------


def _words(name: str, *more: str) -> Callable[[CampaignPair, Node, random.Random], None]:
    return lambda campaign, node, _: broken(campaign, name, node.name, *more)


def _network(name: str) -> Callable[[CampaignPair, Node, random.Random], None]:
    return lambda campaign, node, _: broken(campaign, name)


def _heal(campaign: CampaignPair, node: Node) -> None:
    campaign.pair.link.heal()


def _kill(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    broken(campaign, "kill", node.name, chance.choice(WORKERS))


def _ill(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    broken(campaign, chance.choice(("kill", "hang")), node.name, chance.choice(DAEMONS))


def _drop_event(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """Nobody but monitoring makes up for it: cron(8) promotes nothing that was not asked for (periodic_promotion)."""
    broken(campaign, "drop-devd-event", node.name)
    campaign.misled.add(node.name)


def _forget_exports(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    for mount in node.filesystems.mounts.values():
        mount.exported = False


def _hang(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    broken(campaign, "hang", node.name, chance.choice(WORKERS))


def resume(campaign: CampaignPair, node: Node) -> None:
    """Nothing on the node is stopped any more."""
    for name in (*WORKERS, "rpcbind"):
        broken(campaign, "resume", node.name, name)


def _killed_worker(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """kill -9 of the next convergence, at any of its steps."""
    if campaign.installed is not None:
        moment = chance.randrange(1, 60)
        fates = (
            KillPoint(before_command=moment),
            KillPoint(during_command=moment),
            KillPoint(before_write=moment % 12 + 1),
        )
        campaign.installed.fates[node.name] = chance.choice(fates)
        campaign.misled.add(node.name)


def _busy(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    fault = chance.choice(("busy", "busy-stubborn"))
    broken(campaign, fault, node.name, "home", *chance.choice(((), (str(chance.randrange(1, 20)),))))


def _reboot(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    broken(campaign, "power-off", node.name)
    if chance.random() < 0.5:
        broken(campaign, "boot-flap", node.name, str(chance.randrange(1, 25)))
    campaign.clock.after(chance.uniform(0.5, 10), lambda: broken(campaign, "power-on", node.name))


def _skew(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """The clock of a node that stays up is set, near or far, back or forward."""
    broken(campaign, "clock-step", node.name, str(chance.choice((-1, 1)) * chance.choice(STEPS)))


def _set_right(campaign: CampaignPair, node: Node) -> None:
    broken(campaign, "clock-skew", node.name, "0")


def _ended(name: str, *more: str) -> Callable[[CampaignPair, Node], None]:
    return lambda campaign, node: broken(campaign, name, node.name, *more)


ILL = Disturbance("daemon dies or hangs", _ill, resume, harmless=True)
HASTD_DIES = Disturbance("hastd dies", _words("kill", "hastd"))
INSIDE = (
    Disturbance("replication cut", _network("cut-replication"), _heal),
    Disturbance("management cut", _network("cut-management"), _heal, harmless=True),
    Disturbance("cable flaps", _words("carrier-off"), _ended("carrier-on")),
    Disturbance("process killed", _kill),
    Disturbance("process hangs", _hang, resume),
    Disturbance("event dropped", _drop_event, harmless=True),
    Disturbance("fsck -p fails", _words("fsck-fails", "home", "1"), harmless=True),
    Disturbance("fsck slow", _words("slow-fsck", "30"), _ended("slow-fsck", "1"), harmless=True),
    Disturbance("mount fails", _words("mount-fails", "home"), _ended("mount-works", "home"), harmless=True),
    Disturbance("mountd fails", _words("service-fails", "mountd"), _ended("service-works", "mountd"), harmless=True),
    Disturbance("disk fails writes", _words("disk-fails-writes"), _ended("disk-ok")),
    Disturbance("mount busy", _busy, harmless=True),
    Disturbance("reboot", _reboot),
    Disturbance("convergence killed", _killed_worker, harmless=True),
    Disturbance("clock steps", _skew, _set_right, harmless=True),
    Disturbance("exports forgotten", _forget_exports, harmless=True),
    ILL,
    HASTD_DIES,
)
