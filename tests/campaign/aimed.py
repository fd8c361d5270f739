"""Faults that strike in the middle of a step: right before a command of it, on either node.

A fault that comes at a moment by chance is hardly ever the one between an unmount and the role. Where hastwatch decides
on what it has just seen, it is this one that shows whether it still is so.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from simulator.node import Node
from tests.campaign.campaign_pair import CampaignPair
from tests.campaign.disturbances import broken
from tests.campaign.schedule import Disturbance

CALLS = {"umount": 2, "hastctl": 12, "fsck": 2, "mount": 4, "service": 4, "ifconfig": 4, "fuser": 2}
"""Commands, and up to which of their next calls a fault may strike: those that only look are called often."""
FAULTS = ("cut-replication", "carrier-off", "power-off", "kill hastd", "kill worker", "kill devd", "hang hastd")


def _aims(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """Let a fault of either node strike at a call by this one."""
    fault, *process = chance.choice(FAULTS).split()
    victim = chance.choice((node, campaign.pair.peer(node))).name
    words = (fault,) if fault == "cut-replication" else (fault, victim, *process)
    command = chance.choice(tuple(CALLS))
    waits_for = node.trouble.at_command

    def after(calls: int) -> Callable[[], None]:
        def happens() -> None:
            if calls:
                waits_for[command] = after(calls - 1)
                return
            campaign.pair.note("fault", f"fault: {' '.join(words)} at {command} of {node.name}")
            campaign.clock.after(0.0, lambda: broken(campaign, *words))  # it may end the command itself

        return happens

    waits_for[command] = after(chance.randrange(CALLS[command]))


def _over(campaign: CampaignPair, node: Node) -> None:
    """Nothing strikes any more, and what is cut is whole again."""
    node.trouble.at_command.clear()
    campaign.pair.link.heal()
    for each in campaign.pair.nodes.values():
        broken(campaign, "carrier-on", each.name)
        broken(campaign, "resume", each.name, "hastd")


AT_A_STEP = Disturbance("at a step", _aims, _over)

KILLED_AFTER, MEETS_AFTER = 60.0, (1.0, 10.0, 90.0)
"""Seconds within which hastd is killed in a cut, and the nodes meet after that: cron(8) has not noticed, or has."""


def _parts(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """Cut a node off, kill hastd on either one while they are apart, and let them meet again at any moment."""
    victim = chance.choice((node, campaign.pair.peer(node))).name
    kill = chance.uniform(1.0, KILLED_AFTER)
    broken(campaign, "isolate", node.name)

    def kills() -> None:
        if campaign.pair.link.cuts:  # else all is put right by now, and nobody would start it any more
            broken(campaign, "kill", victim, "hastd")

    campaign.clock.after(kill, kills)
    campaign.clock.after(kill + chance.uniform(0.0, chance.choice(MEETS_AFTER)), lambda: _meet(campaign, node))


def _meet(campaign: CampaignPair, node: Node) -> None:
    campaign.pair.link.heal()


IN_A_CUT = Disturbance("hastd killed in a cut", _parts, _meet)
