"""The documented procedures as an operator types them, command by command: parts that several scenarios share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remediate.rehearsal.scenario import Stage
    from simulator.node import Node

HELD_BACK = 240
"""What an operator adds to net.inet.carp.demotion so that a node does not take the address from one that serves."""
ALARM = 30.0
"""Seconds from an event until the operator has read the alarm and logged in."""

DEMOTED = {"carp-demoted": "the operator's net.inet.carp.demotion keeps the address on the node that serves"}
PEER_OFF = dict.fromkeys(
    ("node-unreachable", "hast-degraded", "splitbrain-not-compared"), "the node that lost power is still off"
)
DEVD_DEAD = dict.fromkeys(
    ("devd-not-running", "devd-no-socket"), "nobody has started devd again: see missed-event-repaired"
)
COUNTED = {"hast-io-errors": "hastd counts the errors since it started, and has not been restarted"}
CANNOT = {"hast-cannot-be-primary": "the upgraded node still has a hastd that does not work as primary (bug 292322)"}
"""What is left at the end of scenarios, and why."""


def stop_serving(stage: Stage, node: Node) -> None:
    """mountd and nfsd; rpcbind, statd and lockd may keep running (freebsd-facts: base-daemons-may-stay)."""
    for service in ("mountd", "nfsd"):
        stage.types(node, f"service {service} onestop")


def hold_back(stage: Stage, node: Node) -> None:
    """Give the service address to the other node, and do not take it back."""
    stage.types(node, f"sysctl net.inet.carp.demotion={HELD_BACK}")
    stage.waits(2, "CARP moves the address")


def unmount(stage: Stage, node: Node) -> None:
    """All resources, cleanly."""
    for resource in stage.resources:
        stage.types(node, f"umount {resource.mountpoint}")


def role(stage: Stage, node: Node, wanted: str) -> None:
    """The same role for all resources."""
    for resource in stage.resources:
        stage.types(node, f"hastctl role {wanted} {resource.name}")


def mount(stage: Stage, node: Node) -> None:
    """Wait for the device, let fsck look, mount."""
    for resource in stage.resources:
        stage.watches(node, f"ls {resource.device}", resource.device, 15)
        stage.types(node, f"fsck -t ufs -p {resource.device}")
        stage.types(node, f"mount {resource.device} {resource.mountpoint}")


def start_serving(stage: Stage, node: Node) -> None:
    """mountd after the mount, so that it exports it, then nfsd."""
    for service in ("mountd", "nfsd"):
        stage.types(node, f"service {service} onestart")


def restart_mountd(stage: Stage, node: Node) -> None:
    """What exports a file system that was mounted again (freebsd-facts: remount-is-not-exported)."""
    stage.types(node, "service mountd onerestart")
    stage.waits(3, "mountd reads its exports")


def promote(stage: Stage, node: Node) -> None:
    """Role, device, fsck, mount, NFS."""
    role(stage, node, "primary")
    mount(stage, node)
    start_serving(stage, node)


def follow(stage: Stage, node: Node, primary: Node) -> None:
    """Become secondary, and wait until the primary has nothing left to copy."""
    role(stage, node, "secondary")
    synchronised(stage, primary)


def synchronised(stage: Stage, primary: Node) -> None:
    """Watch until nothing is dirty any more."""
    for resource in stage.resources:
        stage.watches(primary, f"hastctl list {resource.name}", "status: complete")
        stage.watches(primary, f"hastctl list {resource.name}", "dirty: 0 ")
