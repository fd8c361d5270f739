"""The scenarios, in the order of the tour.

In those that are in this module an operator repairs by the documented steps; where devd's hook has a part, it is
the documented one (`documented_hook.py`). Those in which hastwatch is installed are in `automatic.py`, the pairs of
the default run in `faults.py`. The first node
is the active one of a healthy pair.
"""

from __future__ import annotations

from remediate.rehearsal import procedures as steps
from remediate.rehearsal.automatic import AUTOMATIC
from remediate.rehearsal.documented import DOCUMENTED
from remediate.rehearsal.procedures import ALARM, COUNTED, DEMOTED
from remediate.rehearsal.scenario import Scenario, Stage
from remediate.rehearsal.upgrade import UPGRADES
from simulator.account.writes import LossCause
from simulator.node import Node

BIG = 4 << 20
"""Bytes of a file that fills extents of its own."""


def switchover_clean(stage: Stage) -> None:
    """Unmount while connected, then the role: nothing is lost."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    steps.stop_serving(stage, old)
    steps.unmount(stage, old)
    steps.role(stage, old, "secondary")
    steps.hold_back(stage, old)
    stage.looks("between the nodes", "failover-in-progress")
    steps.promote(stage, new)
    steps.synchronised(stage, new)
    stage.ends(DEMOTED)


def switchover_documented(stage: Stage) -> None:
    """The documented order: the role is given up under the mounted file system, and its buffers are gone."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    steps.hold_back(stage, old)
    steps.stop_serving(stage, old)
    stage.expects_loss(LossCause.STEPS)
    steps.role(stage, old, "secondary")
    stage.tells("the device has gone under the mount: the kernel unmounted by force, and umount has nothing left to do")
    for resource in stage.resources:
        stage.types(old, f"umount {resource.mountpoint}", status=1)
    stage.looks("between the nodes", "failover-in-progress")
    steps.promote(stage, new)
    steps.synchronised(stage, new)
    stage.ends(DEMOTED)


def power_loss(stage: Stage) -> None:
    """The active node loses power; it is promoted by hand; the old one boots and takes the address away."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.says_at_risk()
    stage.expects_loss(LossCause.UFS_DELAY)
    stage.waits(0.5, "a moment at which no client waits for an answer: one that does may wait for minutes")
    stage.breaks("power-off", old.name)
    stage.waits(5, "CARP notices")
    stage.looks("CARP has moved", "failover-in-progress", "node-unreachable")
    stage.waits(60, "nobody promotes by itself, and the grace of check_carp_hast goes by")
    stage.looks("the alarm", "carp-master-hast-secondary", "node-unreachable")
    steps.promote(stage, new)
    stage.looks("served by one node", "carp-hast-active", "hast-degraded", "node-unreachable")
    _comes_back(stage, old, new)
    stage.ends(DEMOTED)


def _comes_back(stage: Stage, old: Node, new: Node) -> None:
    """The preferred node boots, takes the address from the one that serves, and is made to give it back."""
    stage.breaks("power-on", old.name)
    stage.waits(60, f"{old.name} boots, and with the better advskew takes the address at once")
    stage.looks(f"{old.name} is back", "carp-master-hast-init", "failover-in-progress")
    steps.hold_back(stage, old)
    steps.follow(stage, old, new)


def link_cut(stage: Stage) -> None:
    """Both nodes become master and write; healing the link shows the split-brain; the documented recovery A."""
    first, second = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("cut")
    stage.waits(5, "CARP on the standby hears nothing more")
    stage.tells("the clients now reach the node that took the address last, where nothing is served")
    stage.looks("link cut", "carp-two-masters", "failover-in-progress")
    stage.waits(ALARM, "the operator thinks the first node has died")
    steps.promote(stage, second)
    stage.waits(20, "clients write to the second copy, the first one has written alone too")
    stage.looks("both primary", "hast-both-primary", "splitbrain-growing", "carp-two-masters")
    stage.breaks("heal")
    stage.waits(15, "the nodes meet, and each refuses the other")
    stage.looks("link healed", "hast-both-primary", "splitbrain")
    stage.tells(f"the copy of {first.name} is given up: clients have written to {second.name} since the cut")
    stage.expects_loss(LossCause.OVERWRITTEN)
    steps.hold_back(stage, first)
    steps.stop_serving(stage, first)
    steps.unmount(stage, first)
    steps.role(stage, first, "secondary")
    stage.waits(25, "hastd finds the split-brain again and again")
    stage.looks("address released", "splitbrain", "hast-disconnected", "hast-degraded")
    stage.tells("recovery, step A: new metadata on the losing node, everything is copied to it")
    for resource in stage.resources:
        stage.types(first, f"hastctl create {resource.name}")
    steps.synchronised(stage, second)
    stage.ends(DEMOTED)


def hastd_dies_on_primary(stage: Stage) -> None:
    """The device goes away under the mount; hastd, role, mount and export are brought back by hand."""
    node = stage.active
    stage.looks("before")
    stage.expects_loss(LossCause.UFS_DELAY)
    stage.breaks("kill", node.name, "hastd")
    stage.waits(ALARM, "clients get errors, the operator reads the alarm")
    stage.looks("the alarm", "hastd-down", "carp-master-hastd-down", "hast-no-primary")
    stage.types(node, "service hastd onestart")
    steps.role(stage, node, "primary")
    steps.mount(stage, node)
    stage.tells("a file system that was mounted again is not exported until mountd is restarted")
    stage.looks("mounted again", "carp-master-not-exported")
    steps.restart_mountd(stage, node)
    steps.synchronised(stage, node)
    stage.ends()


def hastd_dies_on_secondary(stage: Stage) -> None:
    """Clients notice a pause at most; without the second copy the pair stands on one leg."""
    node = stage.standby
    stage.looks("before")
    stage.breaks("kill", node.name, "hastd")
    stage.waits(ALARM, "the operator reads the alarm")
    stage.looks("the alarm", "hastd-down", "carp-backup-hastd-down", "hast-degraded")
    stage.types(node, "service hastd onestart")
    stage.looks("hastd runs again", "carp-backup-hast-init", "hast-role-init")
    steps.follow(stage, node, stage.active)
    stage.ends()


def devd_dies(stage: Stage) -> None:
    """The address moves, the data stay: devd, which calls the hook, is dead on the node that should take over."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("kill", new.name, "devd")
    stage.looks("devd is dead", "devd-not-running")
    stage.expects_loss(LossCause.STEPS)
    steps.hold_back(stage, old)
    stage.waits(5, f"on {old.name} the hook gives the data up")
    stage.looks("address moved", "failover-in-progress", "devd-not-running")
    stage.waits(60, f"nothing happens on {new.name}")
    stage.looks("the alarm", "carp-master-hast-secondary", "hast-no-primary", "devd-not-running")
    stage.tells("the kernel has kept the event: a new devd gets it, and runs the hook")
    stage.types(new, "service devd onestart")
    stage.waits(20, "the hook promotes")
    steps.synchronised(stage, new)
    stage.ends(DEMOTED)


def boot_flap(stage: Stage) -> None:
    """A standby that boots is MASTER for a moment; the documented hook believes it and makes two primaries."""
    serving, booting = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("power-off", booting.name)
    stage.waits(20, f"{serving.name} serves alone")
    stage.looks("standby off", "hast-degraded", "node-unreachable")
    stage.breaks("boot-flap", booting.name, "20")
    stage.breaks("power-on", booting.name)
    stage.waits(35, f"{booting.name} boots, hears no advertisement at first, and its hook promotes")
    stage.looks("two primaries", "hast-both-primary")
    stage.expects_loss(besides=(LossCause.STEPS, LossCause.OVERWRITTEN))
    stage.waits(60, "it hears the real master; the hook is told BACKUP when it is done with MASTER")
    stage.looks("BACKUP again", "splitbrain")
    stage.tells(f"the copy of {booting.name} is given up")
    for resource in stage.resources:
        stage.types(booting, f"hastctl create {resource.name}")
    steps.synchronised(stage, serving)
    stage.ends()


def export_vanishes(stage: Stage) -> None:
    """Unmounted and mounted again: exported in name only, until mountd is restarted."""
    node = stage.active
    stage.looks("before")
    steps.unmount(stage, node)
    for resource in stage.resources:
        stage.types(node, f"mount {resource.device} {resource.mountpoint}")
    stage.waits(ALARM, "showmount -e lists the export, clients get errors")
    stage.looks("the alarm", "carp-master-not-exported")
    steps.restart_mountd(stage, node)
    stage.ends()


def disk_replaced(stage: Stage) -> None:
    """A blank disk in the standby: create, role, and everything is copied."""
    node = stage.standby
    stage.looks("before")
    stage.types(node, "service hastd onestop")
    for resource in stage.resources:
        stage.breaks("new-disk", node.name, resource.name)
    stage.types(node, "service hastd onestart")
    stage.waits(ALARM, "the disk is in, and without metadata")
    stage.looks("blank disk", "metadata-missing", "hast-degraded", "carp-backup-hast-init")
    for resource in stage.resources:
        stage.types(node, f"hastctl create {resource.name}")
    stage.looks("created", "copy-blank")
    steps.role(stage, node, "secondary")
    stage.waits(11, "the primary finds its peer and begins to copy")
    stage.looks("copying", "hast-synchronising")
    steps.synchronised(stage, stage.active)
    stage.ends()


def stale_standby(stage: Stage) -> None:
    """The replication link was down when the active node died: the standby's copy is old, and was known to be."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    stage.breaks("cut-replication")
    stage.waits(60, "CARP goes on, replication does not")
    stage.looks("replication cut", "copy-behind", "hast-degraded")
    stage.says_at_risk()
    stage.breaks("power-off", old.name)
    stage.breaks("heal")
    stage.waits(ALARM, "clients have no service, and the operator is asked to promote the old copy")
    steps.promote(stage, new)
    stage.looks("served by an old copy", "carp-hast-active", "node-unreachable")
    stage.waits(10, "clients write to it")
    stage.says_missing()
    stage.breaks("power-on", old.name)
    stage.waits(60, f"{old.name} boots")
    stage.looks(f"{old.name} is back", "splitbrain-predicted")
    steps.hold_back(stage, old)
    stage.tells(f"the writes that only {old.name} has are given up (recovery A); a backup of its disk would keep them")
    stage.expects_loss(LossCause.OVERWRITTEN, LossCause.UFS_DELAY)
    for resource in stage.resources:
        stage.types(old, f"hastctl create {resource.name}")
    steps.follow(stage, old, new)
    stage.ends(DEMOTED)


def disk_fails_writes(stage: Stage) -> None:
    """The standby's disk fails some writes, HAST calls its copy complete, and a clean handover serves old data."""
    old, new = stage.active, stage.standby
    stage.looks("before")
    for resource in stage.resources:
        stage.breaks("disk-fails-writes", new.name, resource.name, "20")
        stage.pair.client(resource.name).write_now("big", "x" * BIG)
    stage.waits(30, "a client writes a file of 4 MB: each write succeeds on one side, and is acknowledged")
    stage.looks("only the standby's counter tells", "hast-copy-damaged", "hast-io-errors")
    stage.breaks("cut-replication")
    stage.waits(40, "the link is down for a while: the standby's worker ends, and its counters with it")
    stage.breaks("heal")
    steps.synchronised(stage, old)
    stage.tells("complete, nothing dirty, no error counted: what failed before was not copied")
    steps.stop_serving(stage, old)
    steps.unmount(stage, old)
    stage.expects_loss(LossCause.DAMAGE)
    steps.role(stage, old, "secondary")
    steps.hold_back(stage, old)
    steps.promote(stage, new)
    steps.synchronised(stage, new)
    stage.says_missing()
    stage.ends(DEMOTED, COUNTED)


SCENARIOS = (
    Scenario("switchover-clean", "planned switchover: clean unmount while connected, then the role", switchover_clean),
    Scenario("switchover-documented", "the same in the documented order: role first", switchover_documented),
    Scenario("power-loss", "the active node loses power, the operator promotes the other", power_loss),
    Scenario("link-cut", "the link is cut and heals: split-brain, and its documented recovery", link_cut),
    Scenario("hastd-dies-on-primary", "hastd dies under the mounted file system", hastd_dies_on_primary),
    Scenario("hastd-dies-on-secondary", "hastd dies on the standby", hastd_dies_on_secondary),
    Scenario("devd-dies", "devd is dead when the address moves: a failover is missed", devd_dies, hooked=True),
    Scenario("boot-flap", "a booting node is MASTER for a moment, and the documented hook believes it", boot_flap,
             hooked=True),
    Scenario("export-vanishes", "a file system mounted again is not exported", export_vanishes),
    Scenario("disk-replaced", "a blank disk in the standby, copied in full", disk_replaced),
    Scenario("disk-fails-writes", "the standby's disk fails some writes: complete, and served old by a clean handover",
             disk_fails_writes),
    Scenario("stale-standby", "a standby whose copy is known to be old has to take over", stale_standby),
    *DOCUMENTED,
    *AUTOMATIC,
    *UPGRADES,
)  # fmt: skip
"""The tour, in its order."""
