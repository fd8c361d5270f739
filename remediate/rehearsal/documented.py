"""The faults of the default run where devd runs the documented hook on both nodes and an operator types the documented
commands, and what hastwatch does about the same fault where no other scenario shows it.

The operator notices what is wrong at any hour, `ALARM` seconds after it could be seen, and makes no mistake.
"""

from __future__ import annotations

from remediate.rehearsal import procedures as steps
from remediate.rehearsal.procedures import ALARM, DEMOTED, PEER_OFF
from remediate.rehearsal.scenario import Scenario, Stage
from simulator.account.writes import LossCause

HOOK = 25.0
"""Seconds in which the hook stops the service on one node and starts it on the other."""
BOOTING = 40.0
"""Seconds in which a node shuts down, boots, and its hook is done."""


def switchover_by_hook(stage: Stage) -> None:
    """The address is moved by hand; the documented hook gives the role up under the mount, and promotes."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    stage.expects_loss(LossCause.STEPS)
    steps.hold_back(stage, old)
    stage.waits(HOOK, f"the hook stops the service on {old.name}, and starts it on {new.name}")
    stage.looks("moved", "carp-demoted", "carp-hast-active")
    steps.synchronised(stage, new)
    stage.ends(DEMOTED)


def switchover(stage: Stage) -> None:
    """One command: the file system is unmounted while both nodes are connected, and the other node takes over."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    stage.types(old, "hastwatch switchover --yes")
    stage.looks("moved", "carp-held-standby")
    steps.synchronised(stage, new)
    stage.ends()


def power_loss_by_hook(stage: Stage) -> None:
    """The hook of the other node waits for a worker that nothing ends, then promotes."""
    old = stage.active
    stage.looks("before")
    stage.says_at_risk()
    stage.expects_loss(LossCause.UFS_DELAY)
    stage.waits(0.5, "a moment at which no client waits for an answer: one that does may wait for minutes")
    stage.breaks("power-off", old.name)
    stage.waits(2 * HOOK, "CARP notices, and the hook promotes when the secondary worker has ended")
    stage.looks("served by one node", "carp-hast-active", "hast-degraded", "node-unreachable")
    stage.ends(PEER_OFF)


def reboot_by_hook(stage: Stage) -> None:
    """hastd stops under the mount; the rebooted node takes the address back before its hastd runs, and serves nothing
    until an operator gives the address to the other node."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    stage.expects_loss(LossCause.STEPS)
    stage.types(old, "shutdown -r now")
    stage.waits(BOOTING, f"{new.name} takes over; {old.name} boots, and takes the address back")
    stage.waits(ALARM, "the operator reads the alarm")
    stage.looks("the alarm", "carp-master-hast-init", "hast-no-primary")
    steps.hold_back(stage, old)
    stage.waits(HOOK, f"the hook of {new.name} promotes")
    steps.follow(stage, old, new)
    stage.ends(DEMOTED)


def reboot(stage: Stage) -> None:
    """The shutdown hands the service over in order, and the boot leaves it where it is."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    stage.types(old, "shutdown -r now")
    stage.waits(BOOTING, f"{old.name} hands over before it goes down, boots, and holds itself back")
    steps.synchronised(stage, new)
    stage.waits(15, f"{old.name} has a complete copy again")
    stage.looks("back", "carp-held-standby")
    stage.ends()


def split_brain_by_hook(stage: Stage) -> None:
    """Both nodes have served and written while they were apart. Of the two copies the documented recovery destroys one,
    with what only that one has."""
    winner, losing = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("cut")
    stage.breaks("cut-management")
    stage.waits(60, "the hook promotes: both are master, primary, mounted and written to")
    stage.looks("apart", "carp-two-masters", "splitbrain-growing")
    stage.expects_loss(LossCause.STEPS, besides=(LossCause.OVERWRITTEN,))
    stage.breaks("heal")
    stage.waits(ALARM, f"{winner.name} keeps the address; the operator reads the alarm")
    stage.looks("healed", "splitbrain")
    stage.says_missing()
    stage.tells(f"recovery, step A: the copy of {losing.name} is given up, everything is copied to it")
    for resource in stage.resources:
        stage.types(losing, f"hastctl create {resource.name}")
    steps.role(stage, losing, "secondary")
    steps.synchronised(stage, winner)
    stage.ends()


DOCUMENTED = (
    Scenario("switchover-by-hook", "the address is moved by hand, and the documented hook gives up the role first",
             switchover_by_hook, hooked=True),
    Scenario("switchover", "`hastwatch switchover`: a clean unmount while connected, then the role", switchover,
             automatic=True),
    Scenario("power-loss-by-hook", "the active node loses power, and the documented hook promotes the other",
             power_loss_by_hook, hooked=True),
    Scenario("reboot-by-hook", "the active node is rebooted; the documented hook, and an operator", reboot_by_hook,
             hooked=True),
    Scenario("reboot", "the active node is rebooted, and hands over before", reboot, automatic=True),
    Scenario("split-brain-by-hook", "both nodes serve while the link is cut; the documented recovery",
             split_brain_by_hook, hooked=True),
)  # fmt: skip
"""In the order of the default run."""
