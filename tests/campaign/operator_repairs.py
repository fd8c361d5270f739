"""What an operator does after a round of a campaign: all works again, who died is started, a lost copy is given up."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial

from remediate.context import Context
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.failover import damaged
from remediate.failover.converge import ConvergeRequest
from remediate.failover.errors import StepFailed
from remediate.state import failures, ledger, marker, unproven
from remediate.state.store import Store
from simulator.hastd.metadata import Role
from simulator.network.carp import CarpState
from simulator.node import Node
from tests.campaign.campaign_pair import CampaignPair
from tests.campaign.disturbances import HELD_BACK, broken, resume
from tests.campaign.hostile import log_out, resume_work, takes_back
from tests.campaign.invariants import serves

PAUSES, LONGEST = 2, 90.0
"""How often somebody takes his time between two steps, and how many seconds at most."""
NOTICED = 25.0
"""Seconds: two looks of a primary at its connection (primary.c, HAST_KEEPALIVE), and a look by hastwatch."""
ACCEPTED = 120.0
"""Seconds for which a promotion may be the one whose loss an operator has accepted."""


def put_right(campaign: CampaignPair, chance: random.Random) -> None:
    """Everything works again, and who had died is started: in an order by chance, and not at once, as humans and
    machines do it. What hastwatch has to do meanwhile and afterwards is its own business."""
    nodes = list(campaign.pair.nodes.values())
    todo = [partial(_heal, campaign), *(partial(each, campaign, node) for each in STEPS for node in nodes)]
    chance.shuffle(todo)
    pauses = [chance.uniform(0, LONGEST) if number in chance.sample(range(len(todo)), PAUSES) else 0.0
              for number in range(len(todo))]  # fmt: skip
    for step, pause in zip(todo, pauses, strict=True):
        step()
        campaign.clock.advance(pause)
    for node in nodes:  # what an earlier step had to wait for, as a daemon that could not be started yet
        for each in STEPS:
            each(campaign, node)
    campaign.clock.advance(1)
    for node in nodes:
        if (
            node.name in campaign.misled
        ):  # for it the checks ask for that (events/table.py), and cron(8) promotes nothing
            campaign.ask(node, RepairRequest(Remedy.CONVERGE))
    if campaign.installed is not None:
        for node in nodes:
            cleared = failures.clear(Store(str(campaign.installed.state / node.name)), "campaign")
            if cleared:
                campaign.installed.start_worker(node, ConvergeRequest("human clear"))


def give_up_a_copy(campaign: CampaignPair) -> None:
    """The documented recovery of a split-brain, step A: the copy of the node that does not serve is given up.
    Where neither does, the other one is promoted."""
    losing = campaign.pair.peer(campaign.active)
    for resource in campaign.pair.layout.resources:
        if campaign.state is not None:
            marker.clear(Store(str(campaign.state / losing.name)), resource.name)
        losing.run(f"hastctl role init {resource.name}")
        losing.run(f"hastctl create {resource.name}")
        losing.run(f"hastctl role secondary {resource.name}")
    _promote(campaign, campaign.pair.peer(losing))


def _promote(campaign: CampaignPair, keeping: Node) -> None:
    """`hastwatch promote --accept-data-loss`, unless the node serves; where the address is not here, it is forced first
    as that command says."""
    campaign.watch.accepted_until = campaign.clock.now + ACCEPTED
    if campaign.installed is None or serves(keeping):
        return
    for vhid in keeping.network.vhids():
        if vhid.state is not CarpState.MASTER:
            keeping.run(f"ifconfig {vhid.layout.interface} vhid {vhid.layout.vhid} state master")
    campaign.installed.start_worker(keeping, ConvergeRequest("human campaign", accept_loss=True))


def make_anew(campaign: CampaignPair) -> bool:
    """What `check_hast` asks for where it says `hast-copy-damaged`: the copy of a standby is recreated; where nobody
    serves, the damaged one, which may be ahead by its counters alone, and what it has and the other copy lacks is given
    up (docs/failover.md). Where the node that serves keeps a damaged copy, or both copies are damaged, an operator
    takes the one at the address for the one that counts. Whether there was anything to do."""
    active, standby = campaign.active, campaign.pair.peer(campaign.active)
    anything = False
    for resource in campaign.pair.layout.resources if campaign.state is not None else ():
        here, there = (_is_damaged(campaign, node, resource.name) for node in (active, standby))
        anew = [standby] if there and (serves(active) or not here) else []
        anew += [active] if here and not there and not serves(active) else []
        for node in anew:
            anything = True
            renew(campaign, node, resource.name)
            if not serves(active):
                campaign.given_up_at = campaign.clock.now
                _promote(campaign, campaign.pair.peer(node))
        if here and (there or serves(active)):
            anything = True
            campaign.watch.accepted_until = campaign.clock.now + ACCEPTED
            _declare(campaign, active, resource.name)
    return anything


def renew_unproven(campaign: CampaignPair) -> bool:
    """What `check_hast` asks for on the primary where it says `hast-copies-differ`, or of `hast-copy-unproven` that the
    copies cannot be compared: the copy of the standby is recreated. Whether there was anything to do."""
    if campaign.installed is None:
        return False
    anything, store = False, campaign.installed.context(campaign.active).store
    for resource in campaign.pair.layout.resources:
        doubt = unproven.known(store, resource.name)
        if doubt is not None and (doubt.differ or doubt.restless):
            anything = True
            renew(campaign, campaign.pair.peer(campaign.active), resource.name)
    return anything


def renew(campaign: CampaignPair, node: Node, name: str) -> None:
    """As documented: hastctl role init, hastctl create, hastwatch converge; and wait until the primary has noticed. It
    calls the other copy complete until then."""
    for line in ("role init", "create"):
        node.run(f"hastctl {line} {name}")
    if campaign.installed is not None:
        campaign.installed.start_worker(node, ConvergeRequest("human converge"))
    campaign.clock.advance(NOTICED)


def _is_damaged(campaign: CampaignPair, node: Node, name: str) -> bool:
    return ledger.read(Store(f"{campaign.state}/{node.name}"), name).damage is not None


def _declare(campaign: CampaignPair, node: Node, name: str) -> None:
    def call(context: Context) -> None:
        with suppress(StepFailed):
            damaged.declare_intact(context, name, "campaign")

    if campaign.installed is not None:
        campaign.installed.work(node, call)


def _heal(campaign: CampaignPair) -> None:
    campaign.pair.link.heal()


def _works(campaign: CampaignPair, node: Node) -> None:
    node.trouble.__init__()  # type: ignore[misc]  # as on the first day
    node.fsck_slowness, node.skew, node.boot_deafness = 1.0, 0.0, 0.0
    node.devd.drop_next = 0


def _plugs_in(campaign: CampaignPair, node: Node) -> None:
    broken(campaign, "carrier-on", node.name)


def _powers_on(campaign: CampaignPair, node: Node) -> None:
    for shutdown in campaign.shutdowns:
        campaign.clock.wait(shutdown)
    campaign.clock.wait(node.power_on())


def _ends_left_device(campaign: CampaignPair, node: Node) -> None:
    """What docs/compatibility.md has an operator do with the device of a killed worker: umount(8) hangs on it."""
    for unit, resource in enumerate(campaign.pair.layout.resources):
        known = node.hastd.resources.get(resource.name)
        is_free = known is None or (known.role is not Role.PRIMARY and known.worker is None)
        if node.on and node.sshd_runs and resource.name in node.left and is_free:
            node.run(f"ggatel destroy -f -u {unit}")


def _users_leave(campaign: CampaignPair, node: Node) -> None:
    broken(campaign, "users-leave", node.name)


def _ends_users(campaign: CampaignPair, node: Node) -> None:
    for mount in node.filesystems.mounts.values():
        for process in list(mount.users):
            node.processes.signal(process, 9)


def _start_again(campaign: CampaignPair, node: Node) -> None:
    """Who starts hastd again runs `hastwatch converge` afterwards: the daemon begins in role init and calls nobody. A
    node that still boots starts its daemons itself, and nobody can log in there yet."""
    for name in ("devd", "hastd"):
        if node.on and node.sshd_runs and node.run(f"service {name} onestatus").status:
            node.run(f"service {name} onestart")
            if campaign.installed is not None:
                campaign.installed.start_worker(node, ConvergeRequest("human converge"))


def _give_back(campaign: CampaignPair, node: Node) -> None:
    """Take back what an operator added to the demotion, where the node was not booted since."""
    if campaign.by_hand.pop(node.name, None) is node.kernel:
        node.run(f"sysctl net.inet.carp.demotion=-{HELD_BACK}")


STEPS = (
    _works,
    _plugs_in,
    resume,
    log_out,
    resume_work,
    takes_back,
    _give_back,
    _powers_on,
    _ends_users,
    _users_leave,
    _ends_left_device,
    _start_again,
)
"""What an operator does on each node."""
