"""The failover hook as the documented set-up has it: every CARP event acts on every resource, at once.

It is here to be seen at work in the scenarios, with its faults: it believes the first event of a boot, it does not look
whether the other node is still primary, and it gives up the role under a mounted file system (freebsd-facts:
documented-hook, documented-traps). devd waits for it, so a later event has to wait too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.node import Node

WORKER_WAIT, DEVICE_WAIT = 30, 15
"""Seconds that the hook waits for the secondary's worker to end, and for the device to appear: after a power cut it got
that, and checked it, within 11 s (recorded)."""
STARTED = ("rpcbind", "statd", "lockd", "mountd", "nfsd")
STOPPED = ("mountd", "nfsd", "lockd", "statd", "rpcbind")


def documented_hook(node: Node, argv: list[str]) -> int:
    """What devd runs with `VHID@IFACE` and the new state."""
    if not node.hastd.running or argv[2] == "self-test":
        return 0
    resources = list(node.pair.layout.resources)
    if argv[2] != "MASTER":
        for service in STOPPED:
            node.run(f"service {service} onestop")
        for resource in resources:
            node.run(f"hastctl role secondary {resource.name}")
            node.run(f"umount -f {resource.mountpoint}")
        return 0
    for resource in resources:
        _waits(node, f"! pgrep -f 'hastd: {resource.name} .secondary.'", WORKER_WAIT)
        node.run(f"hastctl role primary {resource.name}")
        if not _waits(node, f"test -c {resource.device}", DEVICE_WAIT):
            return 1
        node.run(f"fsck -t ufs -p {resource.device}")
        node.run(f"mount {resource.device} {resource.mountpoint}")
    for service in STARTED:
        node.run(f"service {service} onestart")
    return 0


def _waits(node: Node, line: str, seconds: int) -> bool:
    """Repeat a test once a second until it succeeds; False when it did not in its time."""
    wanted = not line.startswith("! ")
    for _ in range(seconds):
        if (node.run(line.removeprefix("! ")).status == 0) is wanted:
            return True
        node.clock.advance(1.0)
    return False
