"""A pair is upgraded from 14.5 to 15.1 as every pair is: the standby first, then a switchover, then the other node.

A stock hastd of 15 follows a primary of 14.5 without a fault and does not work as primary (bug 292322), so everything
looks well until the switchover (freebsd-facts: stock-15-is-no-primary). Once by hand with the documented hook, which
ends without service; once with hastwatch, which says so before, and refuses the switchover.
"""

from __future__ import annotations

from remediate.rehearsal import procedures as steps
from remediate.rehearsal.scenario import Scenario, Stage
from simulator.account.writes import LossCause
from simulator.node import Node

OLD, NEW = "14.5", "15.1"
CANNOT = "hast-cannot-be-primary"
HELD = {"carp-demoted": "hastwatch holds the upgraded node back, whose hastd does not work as primary"}
BOOTING = 60.0


def _upgrade(stage: Stage, node: Node, release: str, why: str) -> None:
    """freebsd-update(8) or pkg(8), and the reboot."""
    stage.breaks("install-release", node.name, release)
    stage.types(node, "shutdown -r now")
    stage.waits(BOOTING, why)


def by_hand(stage: Stage) -> None:
    """Nothing is wrong with the upgraded standby until it has to serve; then every sign of a promotion is there, but no
    device. The way out is back."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    _upgrade(stage, new, NEW, f"{new.name} boots {NEW}")
    steps.follow(stage, new, old)
    stage.looks("upgraded", CANNOT)
    stage.tells("hastd, CARP, NFS and the copy are as they were before: the documented procedure goes on")
    stage.expects_loss(LossCause.STEPS)
    steps.hold_back(stage, old)
    stage.waits(25, f"the hook makes {new.name} primary, and waits for a device that never comes")
    stage.looks("the address has moved", "failover-in-progress", "hast-degraded")
    stage.waits(75, "nothing logs an error, and clients have no service")
    for resource in stage.resources:
        stage.types(new, f"ls {resource.device}", status=1)
    stage.looks("the outage", "carp-master-not-mounted", "hast-degraded")
    stage.tells(f"an orderly way back: the role given up on {new.name}, the address given back to {old.name}")
    steps.role(stage, new, "init")
    stage.types(old, f"sysctl net.inet.carp.demotion=-{steps.HELD_BACK}")
    stage.waits(60, f"{old.name} preempts, and its hook promotes")
    steps.follow(stage, new, old)
    stage.ends(steps.CANNOT)


def with_hastwatch(stage: Stage) -> None:
    """The checks say of the upgraded standby that it could not take over, and the switchover to it is refused while
    clients are served by the other node."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    _upgrade(stage, new, NEW, f"{new.name} boots {NEW}, and follows by itself")
    steps.synchronised(stage, old)
    stage.looks("the warning", CANNOT)
    stage.types(old, "hastwatch switchover --yes", status=1)
    stage.looks("the service has not moved", CANNOT, "carp-hast-active")
    stage.ends(steps.CANNOT, HELD)


UPGRADES = (
    Scenario("rolling-upgrade-documented", "from 14.5 to 15.1 by hand: the upgraded node cannot serve", by_hand,
             hooked=True, releases=OLD),
    Scenario("rolling-upgrade", "from 14.5 to 15.1 with hastwatch: it is said before, and nothing is moved",
             with_hastwatch, automatic=True, releases=OLD),
)  # fmt: skip
