"""`hastwatch repair` on a simulated pair, and what a test asks of it."""

from __future__ import annotations

from remediate.config import RemediationConfig
from remediate.events.repair import RepairOutcome, repair
from remediate.events.repair_request import EngineHold, Remedy, RepairRequest
from remediate.policy import Repair
from simulator.dying import NEVER, KillPoint
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair

EAGER = RemediationConfig(repair=Repair(cool_down=0, hourly_limit=60))
"""Nothing is held back because it was tried before."""
ALL = tuple(Remedy)


def repairs(
    pair: InstalledPair, node: Node, remedy: Remedy, held: EngineHold | None = None, fate: KillPoint = NEVER
) -> RepairOutcome:
    """The command on a node, waited for. Raises what it raises."""
    return pair.does(node, lambda context: repair(context, RepairRequest(remedy, held)), fate)


def steps_done(pair: InstalledPair, node: Node) -> list[str]:
    """The steps of repairs in the node's journal."""
    own = ("end-", "start-devd", "start-hastd", "reread", "restart", "mark")
    return [entry.step for entry in pair.entries(node, "step") if entry.step.startswith(own)]


def held_back(pair: InstalledPair, node: Node) -> list[str]:
    """The guards that held repairs back, as the node's journal has them."""
    return [entry.why for entry in pair.entries(node, "held-back")]


def well(pair: InstalledPair) -> bool:
    """One node serves, the other stands by, devd and hastd of both are there, and nothing happened that must not."""
    serving = [node for node in pair.pair.nodes.values() if pair.serves(node)]
    resting = [node for node in pair.pair.nodes.values() if pair.rests(node)]
    daemons = all(
        node.devd.process is not None and not node.devd.process.stopped and node.hastd.running
        for node in pair.pair.nodes.values()
    )
    return pair.sound and len(serving) == len(resting) == 1 and daemons
