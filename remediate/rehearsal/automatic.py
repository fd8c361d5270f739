"""The scenarios in which hastwatch is installed on both nodes, and nobody types what it does by itself."""

from __future__ import annotations

from remediate.rehearsal import cron
from remediate.rehearsal import procedures as steps
from remediate.rehearsal.procedures import COUNTED, DEMOTED, DEVD_DEAD, PEER_OFF
from remediate.rehearsal.scenario import Scenario, Stage
from simulator.account.writes import LossCause

AVERAGE = cron.EVERY / 2
"""Seconds from a fault to cron's next look."""
ALONE = {"carp-demoted": "hastwatch holds back a node that was promoted alone, until it has heard the other one"}


def switchover_automatic(stage: Stage) -> None:
    """The address is moved by hand; the data follow it in order, and nothing is lost."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    steps.hold_back(stage, old)
    stage.waits(12, f"{old.name} gives up in order, {new.name} takes over")
    stage.looks("moved", "carp-demoted", "carp-hast-active")
    stage.types(old, f"sysctl net.inet.carp.demotion=-{steps.HELD_BACK}")
    stage.waits(15, f"{old.name} may have the address again, and leaves it where the service is")
    steps.synchronised(stage, new)
    stage.ends()


def power_loss_automatic(stage: Stage) -> None:
    """The other node takes over by itself; what UFS had not written yet is lost, as by every power cut."""
    old = stage.active
    stage.looks("before")
    stage.says_at_risk()
    stage.expects_loss(LossCause.UFS_DELAY)
    stage.breaks("power-off", old.name)
    stage.waits(15, "CARP notices, and the other node takes over at once: two signs say that its peer is gone")
    stage.looks("served by one node", "carp-hast-active", "hast-degraded", "node-unreachable")
    stage.ends(PEER_OFF, ALONE)


def preferred_node_returns(stage: Stage) -> None:
    """The rebooted node holds itself back from before its network is up: the address stays where the service is."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.expects_loss(LossCause.UFS_DELAY)
    stage.breaks("power-off", old.name)
    stage.waits(30, f"{new.name} takes over, and serves")
    stage.looks("served by one node", "carp-hast-active", "hast-degraded", "node-unreachable")
    stage.breaks("power-on", old.name)
    stage.waits(45, f"{old.name} boots, and by its advskew could take the address")
    steps.synchronised(stage, new)
    stage.waits(5, f"{old.name} has a complete copy again")
    stage.ends()


def boot_flap_automatic(stage: Stage) -> None:
    """A standby that boots is MASTER for a moment, and is not believed."""
    serving, booting = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("power-off", booting.name)
    stage.waits(20, f"{serving.name} serves alone")
    stage.looks("standby off", "hast-degraded", "node-unreachable")
    stage.breaks("boot-flap", booting.name, "20")
    stage.breaks("power-on", booting.name)
    stage.waits(35, f"{booting.name} boots, and hears no advertisement at first")
    stage.looks("two masters", "carp-two-masters")
    stage.waits(40, "it hears the real master, and nothing was promoted")
    steps.synchronised(stage, serving)
    stage.ends()


def missed_event_automatic(stage: Stage) -> None:
    """devd is dead where the address goes; the look once a minute finds it."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("kill", new.name, "devd")
    stage.looks("devd is dead", "devd-not-running")
    steps.hold_back(stage, old)
    stage.waits(5, f"on {old.name} the service is given up in order; {new.name} has heard nothing")
    stage.looks("address moved", "failover-in-progress", "devd-not-running")
    stage.waits(70, "cron calls `hastwatch converge --periodic`, which may promote here (periodic_promotion)")
    steps.synchronised(stage, new)
    stage.ends(DEMOTED, DEVD_DEAD)


def missed_event_repaired(stage: Stage) -> None:
    """The same, and nothing is promoted by the look once a minute: monitoring finds it, its event handler asks for the
    repair on the second look, and devd works again afterwards."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("kill", new.name, "devd")
    steps.hold_back(stage, old)
    stage.waits(10, f"on {old.name} the service is given up in order; {new.name} has heard nothing")
    stage.looks("the alarm", "devd-not-running")
    stage.waits(110, "the engine looks once a minute; what is found twice calls for `hastwatch repair`")
    steps.synchronised(stage, new)
    stage.ends(DEMOTED)


def missed_event_recommended(stage: Stage) -> None:
    """The same with both, as docs/failover.md recommends: the look once a minute promotes, and monitoring has devd
    repaired. How long clients wait depends on when cron looks next: half a minute later here, as on the average."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.waits(round(stage.until_cron(new, AVERAGE), 1), f"until cron looks on {new.name} in {AVERAGE:g} s")
    stage.breaks("kill", new.name, "devd")
    steps.hold_back(stage, old)
    stage.waits(5, f"on {old.name} the service is given up in order; {new.name} has heard nothing")
    stage.looks("the alarm", "failover-in-progress", "devd-not-running")
    stage.waits(120, "cron's look promotes within a minute (periodic_promotion), and monitoring has devd repaired")
    steps.synchronised(stage, new)
    stage.ends(DEMOTED)


def split_brain_recovered(stage: Stage) -> None:
    """Both nodes have served and written while they were apart; one command keeps what only the losing copy has, makes
    it anew and waits until everything is copied. What clients miss is in the salvage."""
    winner, losing = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("cut")
    stage.breaks("cut-management")
    stage.waits(60, "each node takes the other one for dead: both are master, primary, mounted and written to")
    stage.looks("apart", "carp-two-masters", "splitbrain-growing")
    stage.breaks("heal")
    stage.waits(45, f"{winner.name} keeps the address; {losing.name} gives up, and steps down when hastd tells of it")
    stage.looks("healed", "splitbrain")
    stage.says_missing()
    stage.tells("the losing copy is kept: what only it has is salvaged, read back, and only then destroyed")
    stage.expects_loss(LossCause.OVERWRITTEN)
    for resource in stage.resources:
        stage.types(losing, f"hastwatch recover {resource.name} --yes")
    steps.synchronised(stage, winner)
    stage.waits(15, f"{winner.name} compares what was underway when the link was cut, and reports that it is all there")
    stage.ends()


def disk_fails_writes_automatic(stage: Stage) -> None:
    """The active node's disk fails writes: its copy is known to be damaged, the service moves in order, and the copy is
    recreated by hand."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    for resource in stage.resources:
        stage.breaks("disk-fails-writes", old.name, resource.name)
    stage.waits(90, "cron looks once a minute, finds it, and hands over once")
    stage.looks("handed over", "carp-hast-active", "hast-copy-damaged", "hast-io-errors")
    for resource in stage.resources:
        stage.breaks("disk-ok", old.name, resource.name)
        for line in ("role init", "create"):
            stage.types(old, f"hastctl {line} {resource.name}")
        stage.types(old, "hastwatch converge")
    steps.synchronised(stage, new)
    stage.waits(130, f"{new.name} tells that the copy is complete, and {old.name} is fit again")
    stage.ends(COUNTED)


AUTOMATIC = (
    Scenario("switchover-automatic", "the address is moved by hand, and the data follow it", switchover_automatic,
             automatic=True),
    Scenario("power-loss-automatic", "the active node loses power, nobody is at a keyboard", power_loss_automatic,
             automatic=True),
    Scenario("preferred-node-returns", "the node with the better advskew boots, and leaves the address alone",
             preferred_node_returns, automatic=True),
    Scenario("boot-flap-automatic", "a booting node is MASTER for a moment, and is not believed", boot_flap_automatic,
             automatic=True),
    Scenario("missed-event-automatic", "devd is dead when the address moves, and the look once a minute finds it",
             missed_event_automatic, automatic=True,
             policy=lambda policy: policy._replace(periodic_promotion=True)),
    Scenario("missed-event-repaired", "devd is dead when the address moves; monitoring finds it and has it repaired",
             missed_event_repaired, automatic=True, monitored=True),
    Scenario("missed-event-recommended", "the same, and the look once a minute may promote, as recommended",
             missed_event_recommended, automatic=True, monitored=True,
             policy=lambda policy: policy._replace(periodic_promotion=True)),
    Scenario("disk-fails-writes-automatic", "the active node's disk fails writes; the service moves to an intact copy",
             disk_fails_writes_automatic, automatic=True),
    Scenario("split-brain-recovered", "a split-brain, recovered with what only one copy has by one command",
             split_brain_recovered, automatic=True),
)  # fmt: skip
"""In the order of the tour."""
