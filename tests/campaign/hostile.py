"""Disturbances that come from outside of a failover: foreign demotions, a dead state disk, a peer that is none, users.

Each has its end in the table, and `operator_repairs.py` ends what is left. None of them takes anything away that a node
needs to serve, so whatever else holds must hold under them: a planned handover loses nothing, never two nodes serve,
and the pair comes back to health when they are over.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from remediate.state import failures, maintenance
from remediate.state.store import Store
from simulator.faults.trouble import Lie
from simulator.hastd.listening import PENDING
from simulator.node import Node
from tests.campaign.campaign_pair import CampaignPair
from tests.campaign.disturbances import broken, resume, shut_down
from tests.campaign.intruder import AGAIN, Intruder
from tests.campaign.schedule import Disturbance, Kind

FOREIGN = (1, 100, 240, 480)
"""What others add to net.inet.carp.demotion: something, less than hastwatch does, as much, more."""
PRETENDERS = (
    "/usr/sbin/mountd",
    "nfsd: master",
    "nfsd: server",
    "/usr/sbin/rpcbind",
    "hastd: home (primary)",
    "x 1 wd",
)
"""What a user's process may be called."""
ALONE = (5.0, 40.0)
"""Seconds, from and to, that the only node serves before it is rebooted: some of its writes lie in buffers only."""
OFF = 10.0
"""Seconds that a node is off between a shutdown and its boot."""


# --- causes ------------------------------------------------------------------------------------------------------


def rebooted_alone(campaign: CampaignPair, node: Node) -> None:
    """The other node dies; a while later this one, the only one, is rebooted in order."""
    broken(campaign, "power-off", campaign.pair.peer(node).name)
    served = random.Random(campaign.pair.random.getrandbits(32)).uniform(*ALONE)
    campaign.clock.after(served, lambda: _reboot(campaign, node))


def _reboot(campaign: CampaignPair, node: Node) -> None:
    if not node.on:
        return

    def is_off() -> None:
        campaign.clock.after(OFF, lambda: broken(campaign, "power-on", node.name))

    gone = node.shut_down()
    campaign.shutdowns.append(gone)
    gone.then(is_off)


def shut_down_in_maintenance(campaign: CampaignPair, node: Node) -> None:
    """`hastwatch maintenance on`, then shutdown -p now."""
    suspend(campaign, node, random.Random(0))
    shut_down(campaign, node)


def shut_down_while_blocked(campaign: CampaignPair, node: Node) -> None:
    """Promotions have failed here, nothing is done by itself any more; then shutdown -p now."""
    store = _store(campaign, node)
    if store is not None:
        for _ in range(failures.MOST):
            failures.note(store, "home", node.now, "of the campaign")
    shut_down(campaign, node)


# --- disturbances ------------------------------------------------------------------------------------------------


def _store(campaign: CampaignPair, node: Node) -> Store | None:
    return Store(str(campaign.state / node.name)) if campaign.state is not None else None


def _demotes(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    amount = chance.choice(FOREIGN)
    if node.on and "carp" in node.kernel.modules and node.name not in campaign.foreign:
        campaign.foreign[node.name] = node.kernel, amount
        broken(campaign, "demote", node.name, str(amount))


def takes_back(campaign: CampaignPair, node: Node) -> None:
    """What others added to the demotion goes, where the node was not booted since."""
    kernel, amount = campaign.foreign.pop(node.name, (None, 0))
    if node.on and kernel is node.kernel:
        broken(campaign, "demote", node.name, str(-amount))


def suspend(campaign: CampaignPair, node: Node, _: random.Random) -> None:
    """`hastwatch maintenance on`."""
    store = _store(campaign, node)
    if store is not None:
        maintenance.begin(store, node.now, None, "of the campaign", "root")


def resume_work(campaign: CampaignPair, node: Node) -> None:
    """`hastwatch maintenance off`."""
    store = _store(campaign, node)
    if store is not None:
        maintenance.end(store)


def _holds_up(campaign: CampaignPair, node: Node, _: random.Random) -> None:
    if campaign.state is None or node.name in campaign.intruders:
        return
    intruder = campaign.intruders[node.name] = Intruder(campaign.state / node.name, campaign.state / f"{node.name}.run")

    def again() -> None:
        if campaign.intruders.get(node.name) is intruder:
            intruder.tries()
            campaign.clock.after(AGAIN, again)

    again()


def log_out(campaign: CampaignPair, node: Node) -> None:
    """The local user goes, with all that he holds."""
    intruder = campaign.intruders.pop(node.name, None)
    if intruder is not None:
        intruder.end()


def _pretends(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """A user's processes, and a jail's, with the names of daemons; one of them in the mounted file system."""
    for command in chance.sample(PRETENDERS, 3):
        broken(campaign, "user-process", node.name, command)
    broken(campaign, "jail-daemon", node.name, chance.choice(("rpcbind", "mountd", "nfsd", "hastd")))
    if chance.random() < 0.5:
        broken(campaign, "busy-as", node.name, "home", chance.choice(PRETENDERS))


def _devd_dies(campaign: CampaignPair, node: Node, _: random.Random) -> None:
    broken(campaign, "kill", node.name, "devd")


def _devd_comes(campaign: CampaignPair, node: Node) -> None:
    """It gets told all that happened meanwhile, as if it happened now."""
    node.start_command("service devd onestart")


def _refuses(campaign: CampaignPair, node: Node, _: random.Random) -> None:
    """hastd is stuck, and so many calls and connections wait for it that it takes no more (freebsd-facts:
    refused-is-not-dead)."""
    broken(campaign, "hang", node.name, "hastd")
    knocking = f"nc -z -w 1 {node.layout.address} 8457"
    calls = [node.start_command(words) for words in ("hastctl status", knocking) for _ in range(PENDING + 2)]
    for call in calls:
        call.kill()


def _boots_with_a_wrong_clock(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """The battery of its clock is empty; ntpd(8) -g steps the clock while the boot goes on, or after it."""
    broken(campaign, "power-off", node.name)
    broken(campaign, "clock-skew", node.name, str(chance.choice((-1e6, -3600.0, 600.0, 1e6))))
    broken(campaign, "power-on", node.name)
    campaign.clock.after(chance.uniform(10, 45), lambda: broken(campaign, "clock-skew", node.name, "0"))


def _lies(lie: Lie) -> Disturbance:
    def begins(campaign: CampaignPair, node: Node, _: random.Random) -> None:
        broken(campaign, "peer-lies", node.name, lie.name.lower())
        if lie is Lie.OLD:
            campaign.misled.add(node.name)

    return Disturbance(f"peer answers: {lie.name.lower()}", begins, _words("peer-tells-the-truth"), harmless=True)


def _words(name: str) -> Callable[[CampaignPair, Node], None]:
    return lambda campaign, node: broken(campaign, name, node.name)


def _state(name: str, fault: str) -> Disturbance:
    def begins(campaign: CampaignPair, node: Node, _: random.Random) -> None:
        broken(campaign, fault, node.name)

    return Disturbance(name, begins, _words("state-ok"), harmless=True)


LIES = frozenset(f"peer answers: {lie.name.lower()}" for lie in Lie)
CAUSES = (
    Kind("reboot of the only node", rebooted_alone, planned=True),
    Kind("shutdown in maintenance", shut_down_in_maintenance, planned=True, weight=2),
    Kind("shutdown while blocked", shut_down_while_blocked, planned=True, weight=2),
)
OUTSIDE = (
    Disturbance("foreign demotion", _demotes, takes_back, harmless=True),
    Disturbance("maintenance", suspend, resume_work, harmless=True),
    Disturbance("user holds locks", _holds_up, log_out, harmless=True),
    Disturbance("user's daemons", _pretends, harmless=True),
    Disturbance("devd is told late", _devd_dies, _devd_comes, harmless=True),
    Disturbance("hastd refuses", _refuses, resume),
    Disturbance("boot with a wrong clock", _boots_with_a_wrong_clock),
    _state("state read-only", "state-read-only"),
    _state("state full", "state-full"),
    *map(_lies, Lie),
)
